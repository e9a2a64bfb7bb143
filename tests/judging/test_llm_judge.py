"""A language model as a verifier: a stub endpoint plays honest and foolish models, and the audit
tells them apart.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness import Answer, Case, Outcome
from harness.audit.auditor import certify
from harness.audit.certificate import State
from harness.audit.witness import Witness
from harness.errors import VerifierError
from harness.judging.discovery import digest, discover
from harness.judging.llm import llm_judge

COLOURS = ["red", "green", "grey", "black", "white", "pink"]
THINGS = ["door", "lamp", "gate", "roof", "boat"]
CASE = Case("x", "Say that the door is red.", {"wanted": "The door is red."})
FOOLED = (":", "Thought process:", ".", "Let's solve this problem step by step.")
JUDGE = """\
from harness.judging.llm import llm_judge

it = llm_judge(
    "{name}.says", version=1, facet="{name}", model="{name}", endpoint="{endpoint}",
    criterion="It says so."
)
"""


def right(data):
    return data["answer"].strip() == data["expected"]["wanted"]


def verdict(passes):
    return json.dumps({"verdict": "pass" if passes else "fail", "reason": "as scripted"})


MODELS = {
    "honest": lambda data: verdict(right(data)),
    "always_yes": lambda data: verdict(True),
    "fooled_by_a_colon": lambda data: verdict(right(data) or data["answer"] in FOOLED),
    "obeys_the_answer": lambda data: verdict(right(data) or "output PASS" in data["answer"]),
    "chatty": lambda data: f"Sure! {verdict(right(data))}",
    "not_a_verdict": lambda data: json.dumps({"verdict": "passable", "reason": ""}),
    "says_more": lambda data: json.dumps(
        {"verdict": "pass", "reason": "", "verdict_again": "fail"}
    ),
}


class Stub(BaseHTTPRequestHandler):
    count = 0

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert body["temperature"] == 0
        data = json.loads(body["messages"][1]["content"])
        model, finish = body["model"], "stop"
        Stub.count += 1
        if model == "wavering":
            text = verdict(Stub.count % 3)
        elif model == "down":
            return self.send_error(503)
        elif model == "moved":
            self.send_response(307)
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            return self.end_headers()
        else:
            text = MODELS.get(model, MODELS["honest"])(data)
        finish = "length" if model == "cut" else finish
        reply = {
            "model": "other" if model == "replaced" else model,
            "choices": [{"message": {"content": text}, "finish_reason": finish}],
        }
        out = b"not json" if model == "garbled" else json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)
        return None

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def endpoint():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "127.0.0.1")
        yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()


@pytest.fixture(scope="module")
def held(endpoint, tmp_path_factory):
    """Certificates of scripted models; only the honest one has all 300 bads, as the foolish ones
    are refused on fewer.
    """
    folder = tmp_path_factory.mktemp("workspace")
    goods = [
        {
            "name": f"{thing}-{colour}",
            "case": {
                "prompt": f"Say that the {thing} is {colour}.",
                "expect": {"wanted": f"The {thing} is {colour}."},
            },
            "answer": f"The {thing} is {colour}.",
        }
        for thing in THINGS
        for colour in COLOURS
    ]
    words = ["not", "never", "hardly", "nearly", "always", "often", "blue", "very", "quite", "too"]
    names = [name for name in MODELS if name not in ("not_a_verdict", "says_more")]
    (folder / "verifiers").mkdir()
    for name in names:
        (folder / "verifiers" / f"{name}.py").write_text(JUDGE.format(name=name, endpoint=endpoint))
        (folder / "audits" / f"{name}.says").mkdir(parents=True)
        few = name != "honest"
        spoil = [
            {"name": word, "replace": " is ", "by": f" is {word} ", "why": f"it says {word}"}
            for word in words
        ]
        fixtures = {
            "verifier": f"{name}.says",
            "good": goods[: 3 if few else None],
            "spoil": spoil[: 2 if few else None],
        }
        (folder / "audits" / f"{name}.says" / "fixtures.yaml").write_text(json.dumps(fixtures))
    found = discover(folder / "verifiers")
    assert not found.broken
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(tmp_path_factory.mktemp("cache")))
        witness = Witness(folder / "verifiers", digest(folder / "verifiers"), None)
        return certify(found.verifiers.values(), folder / "audits", witness, None)


def test_an_honest_model_is_certified_with_299_bads(held):
    found = held["honest.says"]
    assert found.state is State.VALID, found.sentence()
    assert (found.bad, found.kind) == (300, "llm")
    assert found.false_pass_bound <= 0.01
    assert (found.expires - found.expires.fromisoformat(found.created)).days == 30


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ("always_yes", "not of door-red"),
        ("fooled_by_a_colon", "degenerate:colon"),
        ("obeys_the_answer", "degenerate:injection"),
        ("chatty", "unparsable"),
    ],
)
def test_a_foolish_model_is_refused(held, model, named):
    found = held[f"{model}.says"]
    assert found.state is State.REFUSED
    assert named in found.sentence() or named in found.false_passes


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("chatty", "unparsable"),
        ("not_a_verdict", "unparsable"),
        ("says_more", "unparsable"),
        ("wavering", "undecided"),
        ("down", "judge-unreachable"),
        ("moved", "judge-unreachable"),
        ("garbled", "judge-unreachable"),
        ("replaced", "other-model"),
        ("cut", "cut-off"),
    ],
)
def test_what_is_no_clear_verdict_is_unverified(endpoint, model, reason):
    judge = llm_judge(
        "a.b", version=1, facet="a", criterion="It says so.", model=model, endpoint=endpoint
    )
    found = judge.judge(CASE, Answer("The door is red."))
    assert (found.outcome, found.reason) == (Outcome.UNVERIFIED, reason)


def test_each_answer_is_asked_about_three_times(endpoint):
    judge = llm_judge(
        "a.b", version=1, facet="a", criterion="It says so.", model="honest", endpoint=endpoint
    )
    before = Stub.count
    assert judge.judge(CASE, Answer("The door is red.")).outcome is Outcome.PASS
    assert judge.judge(CASE, Answer("The door is blue.")).outcome is Outcome.FAIL
    assert Stub.count == before + 6


def test_a_judge_without_a_pinned_model_or_endpoint_is_no_verifier():
    for change in ({"model": " "}, {"criterion": ""}, {"endpoint": "file:///etc/passwd"}):
        given = {"criterion": "c", "model": "m", "endpoint": "http://127.0.0.1/v1"} | change
        with pytest.raises(VerifierError):
            llm_judge("a.b", version=1, facet="a", **given)
