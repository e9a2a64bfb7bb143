"""Nothing ships without a verdict: the command of a release runs only where release-check allows
it, and what it did is on record."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from run_folders import change, workspace

from harness.doors.cli.main import main
from harness.evidence.releases import Override, masked
from harness.verdict import Name, Verdict, reason

TELL = "import os, json; json.dump(dict(os.environ), open('told.json', 'w'))"
EDIT = (
    "import os; open(os.environ['HARNESS_ADAPTER_PATH'] + '/adapters.safetensors', 'a').write('x')"
)
LATER = (datetime.now(UTC) + timedelta(days=9)).strftime("%Y-%m-%d")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A workspace whose run ships, and one whose facet is undecided."""
    root = tmp_path_factory.mktemp("ship")
    found = {"clean": workspace(root / "clean", 0, 2), "open": workspace(root / "open", 2, 5)}
    for place in found.values():
        (place / "runs").mkdir()
        (place / "run").rename(place / "runs" / "one")
    return found


@pytest.fixture
def place(made: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(made["clean"], tmp_path / "place")


@pytest.fixture
def undecided(made: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(made["open"], tmp_path / "place")


def ship(place: Path, *command: str, options: tuple[str, ...] = ()) -> int:
    asked = ["ship", "gamedev", "--library", str(place), "--by", "ada", *options, "--", *command]
    return run(asked)


def run(asked: list[str]) -> int:
    with pytest.raises(SystemExit) as ended:
        main(asked)
    return int(ended.value.code)


def record(place: Path) -> dict:
    [path] = (place / "releases").glob("*.json")
    return json.loads(path.read_text())


def status(place: Path) -> str:
    return (place / "library.yaml").read_text().partition("status: ")[2].split()[0]


def test_a_release_is_told_what_it_releases_and_is_recorded(place: Path, tmp_path: Path, capsys):
    assert run(["library", "--library", str(place)]) == 0
    assert ship(place, sys.executable, "-c", TELL, "--token", "hf_abcdefghijkl") == 0
    told, made = json.loads((tmp_path / "told.json").read_text()), record(place)
    assert told["HARNESS_ADAPTER_DIGEST"] == made["adapter_digest"]
    assert told["HARNESS_ADAPTER_PATH"] == str(place / "adapter")
    assert (told["HARNESS_VERDICT"], told["HARNESS_OVERRULED_BY"]) == ("SHIP", "")
    assert (made["outcome"], made["by"], made["run"]) == ("shipped", "ada", "runs/one")
    assert made["command"][-2:] == ["--token", "***"]
    assert status(place) == "shipped"
    capsys.readouterr()
    assert run(["library", "--library", str(place)]) == 0
    assert "by ada" in capsys.readouterr().out
    shutil.rmtree(place / "releases")
    shutil.rmtree(place / "runs")
    assert (
        run(["library", "--library", str(place)]) == 1
    )  # said to be shipped, and nothing shows it
    assert "no receipt" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("code", "outcome"), [("raise SystemExit(7)", "failed"), (EDIT, "changed")]
)
def test_an_upload_that_failed_or_changed_the_bytes_is_not_marked_shipped(place, code, outcome):
    assert ship(place, sys.executable, "-c", code) == 1
    assert (record(place)["outcome"], status(place)) == (outcome, "candidate")


def edited(place: Path) -> None:
    (place / "adapter/adapters.safetensors").write_text("weights, revision 7")


def old(place: Path) -> None:
    day = (datetime.now(UTC) - timedelta(days=40)).isoformat(timespec="seconds")
    change(place / "runs/one/scorecard.json", lambda card: card.update(finished=day))


def fixture(place: Path) -> None:
    path = place / "library.yaml"
    path.write_text(path.read_text().replace("status: candidate", "status: fixture"))


@pytest.mark.parametrize(
    ("plant", "said"),
    [(edited, "no finished run about the bytes"), (old, "30 days ago at most"),
     (fixture, "which never ships")],
)  # fmt: skip
def test_what_may_not_be_released_runs_no_command(place: Path, tmp_path, plant, said, capsys):
    plant(place)
    assert ship(place, sys.executable, "-c", TELL) in (1, 4)
    assert said in "".join(capsys.readouterr())
    assert not (tmp_path / "told.json").exists()
    assert not (place / "releases").exists()


def test_edited_between_gate_and_ship_is_refused_by_the_named_run(place: Path, tmp_path, capsys):
    edited(place)
    options = ("--run", str(place / "runs/one"))
    assert ship(place, sys.executable, "-c", TELL, options=options) == 1
    assert "its bytes are sha256:" in capsys.readouterr().out
    assert not (tmp_path / "told.json").exists()


OVER = ("--override", "undecided", "--reason", "the summit is tomorrow", "--until", LATER)


def test_a_person_may_overrule_what_is_undecided_and_every_page_says_so(
    undecided: Path, tmp_path: Path, capsys
):
    assert ship(undecided, sys.executable, "-c", TELL) == 2
    assert not (tmp_path / "told.json").exists()
    assert ship(undecided, sys.executable, "-c", TELL, options=OVER) == 0
    made, page = record(undecided), (undecided / "runs/one/scorecard.html").read_text()
    said = f"OVERRULED by ada until {LATER} (undecided): the summit is tomorrow"
    assert said in page
    assert (made["verdict"], made["override"]["by"]) == ("INCONCLUSIVE", "ada")
    capsys.readouterr()
    assert run(["recheck", str(undecided / "runs/one")]) == 0
    assert said in capsys.readouterr().out
    assert run(["library", "--library", str(undecided)]) == 0
    assert said in capsys.readouterr().out
    # who edits it afterwards, or takes it into another run, is found
    change(undecided / "runs/one/override.json", lambda d: d.update(until="2999-01-01"))
    assert ship(undecided, sys.executable, "-c", TELL) == 1
    assert "predicate.configuration.override.json" in capsys.readouterr().out
    change(undecided / "runs/one/override.json", lambda d: d.update(receipts_digest="sha256:0"))
    assert ship(undecided, sys.executable, "-c", TELL) == 2
    assert "is about another run" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--override", "broken", *OVER[2:]), "no reason against this run; known: undecided"),
        ((*OVER[:4], "--until", "2020-01-01"), "ended on 2020-01-01; name a day to come"),
        (OVER[:2], "belong together"),
    ],
)
def test_an_override_names_reasons_of_this_run_and_a_day_to_come(undecided, options, said, capsys):
    assert ship(undecided, sys.executable, "-c", TELL, options=options) == 4
    assert said in capsys.readouterr().err
    assert not (undecided / "runs/one/override.json").exists()


def test_secrets_are_no_part_of_a_record():
    pairs = {
        "curl": "curl", "--password=x": "--password=***", "-H": "-H",
        "Authorization: Bearer abcdefghijkl": "Authorization: ***",
        "X-Api-Key: a": "X-Api-Key: ***",
        "HF_TOKEN=abc": "HF_TOKEN=***", "--token": "--token", "a": "***",
        "https://me:pw123@host/x": "https://***@host/x", "-u": "-u", "me:pw": "***",
        "AKIAABCDEFGHIJKLMNOP": "***", "plain": "plain", "hf_transformers": "hf_transformers",
    }  # fmt: skip
    assert masked(list(pairs)) == list(pairs.values())


def test_what_was_edited_is_not_overruled(undecided: Path, tmp_path: Path, capsys):
    change(undecided / "runs/one/scorecard.json", lambda d: d.update(finished="2999-01-01"))
    assert ship(undecided, sys.executable, "-c", TELL, options=OVER) == 4
    assert "an edited run is not overruled" in capsys.readouterr().err
    assert not (tmp_path / "told.json").exists()


def test_answers_that_may_be_older_than_the_rules_are_nobodys_to_overrule():
    word = Override(
        by="ada", reason="now", codes=["registered-after", "undecided"], until=LATER, day="",
        registration="", receipts_digest="",
    )  # fmt: skip
    about = {code: reason(code, "run", "so it is") for code in word.codes}
    verdict = Verdict(Name.INCONCLUSIVE, tuple(about.values()))
    assert word.left(verdict) == [about["registered-after"]]


class Hub(BaseHTTPRequestHandler):
    """As much of the Hub as an upload needs; it keeps the names of a commit."""

    names: list[str] = []

    def do_GET(self):
        self._send({"id": "org/name", "sha": "0" * 40, "siblings": [], "private": False})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if "/preupload/" in self.path:
            asked = json.loads(body)["files"]
            rows = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in asked
            ]
            return self._send({"files": rows})
        if "/commit/" in self.path:
            lines = [json.loads(line) for line in body.splitlines()]
            self.names += [line["value"]["path"] for line in lines if line["key"] == "file"]
            return self._send(
                {"commitUrl": "https://huggingface.co/org/name/commit/0", "commitOid": "0" * 40}
            )
        return self._send({"url": f"http://{self.headers['Host']}/org/name", "name": "org/name"})

    def _send(self, data):
        sent = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *_):
        pass


def test_hf_upload_releases_to_a_hub(place: Path, monkeypatch: pytest.MonkeyPatch):
    server = HTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    hf = "from huggingface_hub.cli.hf import main; main()"
    command = [sys.executable, "-c", hf, "upload", "org/name", str(place / "adapter")]
    code = ship(place, *command, "--token", "hf_local")
    server.shutdown()
    server.server_close()
    assert (code, Hub.names) == (0, ["adapters.safetensors"])
    assert status(place) == "shipped"
