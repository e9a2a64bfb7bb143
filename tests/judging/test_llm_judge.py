"""A language model as a verifier: small servers play known ones and foolish models, each quirk
beside its clean twin."""

import threading
import time

import pytest
from chat_servers import bare, completion, llama_cpp, mlx, ollama, openai, said, serving, tags, vllm

from harness import Answer, Case, Outcome, network
from harness.errors import VerifierError
from harness.judging.llm import llm_judge

CASE = Case("x", "Say that the door is red.", {"wanted": "The door is red."})
RIGHT, WRONG = Answer("The door is red."), Answer("The door is blue.")
KEY = "sk-very-secret"


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    monkeypatch.setenv("HARNESS_JUDGE_KEY", KEY)
    monkeypatch.setattr(network, "BACKOFF", 0)


def judge_at(chat, **more):
    return llm_judge(
        "a.b",
        version=1,
        facet="a",
        criterion="It says so.",
        endpoint=chat.endpoint,
        **{"model": "m", **more},
    )


def judged(chat, answer=RIGHT, **more):
    found = judge_at(chat, **more).judge(CASE, answer)
    return found.outcome, found.reason, found.evidence


def saying(text, **more):
    """A server whose model says one thing."""
    return serving(lambda asked: completion(text, **more))


@pytest.mark.parametrize(
    ("answer", "pages", "format", "identity"),
    [
        (openai, {}, "json_schema", "fingerprint fp_44709d6fcb"),
        (vllm, {}, "json_schema", "declared"),
        (ollama, tags("ab12"), "json_schema", "digest sha256:ab12"),
        (mlx, {}, "json_schema", "fingerprint 0.32.2-0.32.4-macOS-arm64"),
        (llama_cpp, {}, "json_object", "fingerprint b4321"),
        (bare, {}, "none", "declared"),
    ],
)
def test_known_servers_are_understood_and_named(answer, pages, format, identity):
    with serving(answer, pages) as chat:
        judge = judge_at(chat)
        assert judge.judge(CASE, RIGHT).outcome is Outcome.PASS
        tried = len(chat.asked)
        assert judge.judge(CASE, WRONG).outcome is Outcome.FAIL
        assert {one.format for one in chat.asked[tried:]} == {format}  # found out once
        assert len(chat.asked) == tried + 3
        assert judge.tools() == {"model": identity}


def test_a_declared_format_is_taken_as_it_is():
    with serving(bare) as chat:
        assert judged(chat, response_format="none")[0] is Outcome.PASS
        assert judged(chat, response_format="json_object")[1] == "judge-unreachable"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (said(True), "ok"),
        (f"Sure! {said(True)}", "ok"),
        (f"```json\n{said(True)}\n```", "ok"),
        (f"<think>{said(False)}</think>{said(True)}", "ok"),
        (f"It is {said(True)}, yes: {said(True)}", "ok"),
        (said(True, "it quotes </think> and {braces}"), "ok"),
        (f"{said(False)} No: {said(True)}", "undecided"),
        (f"<think>{said(True)}", "cut-off"),
        (f"{said(True)} or is it?", "unparsable"),
        (f"```json\n{said(True)}\n```\nBut no.", "unparsable"),
        ('{"reason": "", "verdict": "fail", "verdict": "pass"}', "unparsable"),
        ('{"reason": "", "verdict": "passable"}', "unparsable"),
        ('{"reason": "", "verdict": "pass", "verdict_again": "fail"}', "unparsable"),
        ('{"verdict": "pass"}', "unparsable"),
        ("pass", "unparsable"),
        ("", "unparsable"),
        (None, "unparsable"),
        ('{"a":' * 9000, "unparsable"),
    ],
)
def test_a_verdict_is_the_last_object_behind_the_reasoning(text, expected):
    with saying(text) as chat:
        assert judged(chat)[1] == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (completion(said(True), model="m"), "ok"),
        (completion(said(True), model="m-2026-05"), "other-model"),
        (completion(said(True), finish="length"), "cut-off"),
        ({"error": {"message": "overloaded"}}, "no-reply"),
        (b"not json", "no-reply"),
        (b"[" * 100_000, "no-reply"),
        (completion(["a part"]), "no-reply"),
    ],
)
def test_what_is_no_completion_of_the_model_is_unverified(sent, expected):
    with serving(lambda asked: sent) as chat:
        assert judged(chat)[1] == expected


def test_each_answer_is_asked_about_three_times_and_must_be_judged_the_same():
    with serving(openai) as chat:
        assert judged(chat, response_format="none")[0] is Outcome.PASS
        assert len(chat.asked) == 3
    with serving(lambda asked: completion(said(asked.number != 1))) as chat:
        assert judged(chat)[1] == "undecided"


def test_options_are_sent_or_left_out():
    with serving(lambda asked: completion(said(True))) as chat:
        judged(chat)
        judged(
            chat, temperature=None, seed=None, max_tokens=None, extra={"reasoning_effort": "low"}
        )
        first, last = chat.asked[0], chat.asked[-1]
    assert {k: first.body[k] for k in ("temperature", "seed", "max_tokens")} == {
        "temperature": 0, "seed": 0, "max_tokens": 2048,
    }  # fmt: skip
    assert set(last.body) == {"model", "messages", "stream", "response_format", "reasoning_effort"}
    assert first.headers["Authorization"] == f"Bearer {KEY}"
    one, other = (judge_at(chat, seed=seed).settings for seed in (0, None))
    assert one != other  # what is asked is part of what a certificate is bound to


def test_what_a_server_says_when_it_refuses_is_shown_without_the_key():
    with serving(lambda asked: (401, {"error": f"key {KEY} is not known"})) as chat:
        outcome, reason, evidence = judged(chat)
        assert (outcome, reason) == (Outcome.UNVERIFIED, "judge-unreachable")
        assert "HTTP 401" in evidence
        assert "key *** is not known" in evidence
        assert len(chat.asked) <= 3  # what is refused is not asked again
    with serving(openai) as chat:
        assert "argument supplied: top_k" in judged(chat, extra={"top_k": 1})[2]
    with serving(lambda asked: (400, {"error": "x" * 5000})) as chat:
        assert len(judged(chat)[2]) <= 400


def flaky(*failures):
    """An honest server whose first answers are failures."""
    left = list(failures)
    return serving(lambda asked: left.pop(0) if left else openai(asked))


@pytest.mark.parametrize(
    "failure",
    [
        (503, {"error": "loading model"}),
        (500, {"error": "out of memory"}),
        (429, {"error": "slow down"}),
        (200, b'{"choices": [', (), 100),
    ],
)
def test_what_passes_is_waited_for(failure):
    with flaky(failure, failure) as chat:
        assert judged(chat)[0] is Outcome.PASS
        assert len(chat.asked) == 5


def test_a_server_says_how_long_to_wait(monkeypatch):
    waited = []
    monkeypatch.setattr(time, "sleep", waited.append)
    with flaky((429, {}, [("Retry-After", "7")])) as chat:
        assert judged(chat)[0] is Outcome.PASS
    with flaky((503, {}, [("Retry-After", "86400")])) as chat:
        assert judged(chat)[0] is Outcome.PASS
    assert [one for one in waited if one] == [7, network.LONGEST_WAIT]


def test_a_server_that_stays_down_is_waited_for_once():
    with serving(lambda asked: (503, {"error": "closed"})) as chat:
        judge = judge_at(chat, response_format="none", parallel=1)
        assert "HTTP 503" in judge.judge(CASE, RIGHT).evidence
        before = len(chat.asked)
        assert before > network.RETRIES
        assert judge.judge(CASE, WRONG).reason == "judge-unreachable"
        assert len(chat.asked) == before + 3
        chat.answer = openai
        assert judge.judge(CASE, RIGHT).outcome is Outcome.PASS
    assert judged(chat)[1] == "judge-unreachable"  # nobody listens any more


def test_a_silent_server_is_left(monkeypatch):
    monkeypatch.setattr("harness.judging.llm.PATIENCE", 0.2)
    until = threading.Event()
    with serving(lambda asked: until.wait(20) and openai(asked)) as chat:
        assert judged(chat)[1] == "judge-unreachable"
        until.set()


def test_a_redirect_is_not_followed():
    with serving(openai) as there:
        moved = [("Location", f"{there.endpoint}/chat/completions")]
        with serving(lambda asked: (307, {}, moved)) as chat:
            assert judged(chat)[1] == "judge-unreachable"
        assert not there.asked


def test_another_model_behind_the_same_name_does_not_judge(monkeypatch, tmp_path):
    monkeypatch.setattr("harness.judging.server.FRESH", 0)
    with serving(
        lambda asked: completion(said(True), system_fingerprint=f"fp{chat.build}")
    ) as chat:
        chat.build = 1
        judge, careless = judge_at(chat), judge_at(chat, pin="declared")
        assert judge.tools() == {"model": "fingerprint fp1"}
        assert judge.judge(CASE, RIGHT).outcome is Outcome.PASS
        later = judge_at(chat)
        chat.build = 2
        later.function.begin([], None)  # a process that begins after the certificate was made
        for one in (judge, later):
            found = one.judge(CASE, RIGHT)
            assert found.reason == "other-fingerprint"
            assert "fingerprint fp2 answered, not fingerprint fp1" in found.evidence
        assert judge.tools() == {"model": "fingerprint fp2"}
        assert careless.judge(CASE, RIGHT).outcome is Outcome.PASS
        assert careless.tools() == {"model": "declared"}
    with serving(ollama, tags("ab")) as chat:
        judge = judge_at(chat)
        assert judge.judge(CASE, RIGHT).outcome is Outcome.PASS
        chat.pages |= tags("cd")
        assert judge.judge(CASE, RIGHT).reason == "other-fingerprint"
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "model.safetensors").write_bytes(b"one")
    with serving(vllm) as chat:
        judge = judge_at(chat, weights=tmp_path / "weights")
        first = judge.tools()["model"]
        assert first.startswith("weights sha256:")
        (tmp_path / "weights" / "model.safetensors").write_bytes(b"another")
        assert judge.tools()["model"] != first
    assert judge_at(chat).tools() == {"model": "unreachable"}


def questions(many):
    return [(Case(str(n), f"Say {n}.", {"wanted": str(n)}), Answer(str(n))) for n in range(many)]


def test_several_are_asked_at_once_and_no_more():
    everyone = threading.Barrier(3)

    def answer(asked):
        everyone.wait(20)  # goes on only when three are here together
        return openai(asked)

    with serving(answer) as chat:
        judge = judge_at(chat, parallel=3, response_format="none")
        judge.function.begin(questions(6), None)
        assert {judge.judge(*one).outcome for one in questions(6)} == {Outcome.PASS}
        assert chat.most_together == 3


def test_what_was_told_in_a_sitting_is_not_asked_again(monkeypatch):
    def asked(sitting, *asks, **more):
        """How many requests it takes to judge these."""
        judge = judge_at(chat, response_format="none", **more)
        judge.tools()  # as whoever binds a certificate does
        before = len(chat.asked)
        judge.function.begin(asks, sitting)
        assert {judge.judge(*one).outcome for one in asks} == {Outcome.PASS}
        return len(chat.asked) - before

    one, two, three = questions(3)
    with serving(openai) as chat:
        assert asked("here", one, two) == 6
        assert asked("here", one, two, three) == 3
        assert asked("here", one, one) == 3  # twice in one sitting is asked twice
        assert asked("elsewhere", one) == 3
        assert asked(None, one) == 3
        assert asked("here", one, seed=1) == 3
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 86_400)
        assert asked("here", one) == 3


def test_a_judge_that_is_no_verifier():
    for change in (
        {"model": " "},
        {"criterion": ""},
        {"endpoint": "file:///etc/passwd"},
        {"response_format": "xml"},
        {"weights": "/not/there"},
    ):
        given = {"criterion": "c", "model": "m", "endpoint": "http://127.0.0.1/v1"} | change
        with pytest.raises(VerifierError):
            llm_judge("a.b", version=1, facet="a", **given)
