"""Run folders as a gate leaves them, made without an engine, for tests of what is read later."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from auditing import write
from conftest import ROOT
from gates import QUIET, certificate, judge, pair, plan, prompt, receipt, registration, sentinel

from harness import __version__
from harness.content.policy import Policy
from harness.content.suite import load
from harness.digests import folder_digest, folder_files
from harness.evidence import attestation
from harness.evidence.receipts import CHURN, SENTINEL, Finding, Receipt
from harness.evidence.registration import Registration
from harness.evidence.run import Run
from harness.evidence.secret import commitment
from harness.gate import baseline
from harness.pages import scorecard
from harness.subjects.base import Preflight

SECRET = b"s" * 32
REPORTS = ROOT / "reports"


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def settings(found: Registration, **changed: Any) -> dict[str, Any]:
    """``settings.json`` of a gate on a registration."""
    known: dict[str, Any] = {
        "adapter": {"name": found.adapter, "digest": found.adapter_digest, "status": "candidate"},
        "base": {"name": found.base, "digest": found.base_digest},
        "suites": {id: plan.digest for id, plan in found.plans.items()},
        "certificates": found.certificates,
        "training": {"rules_digest": "sha256:rules", "data_digest": None},
        "policy": found.policy.model_dump(),
        "registration": found.digest,
        "engine": {"engine": "mlx", "mlx-lm": "1", "device": "cpu"},
        "decoding": "greedy",
        "sandbox": None,
        "sandbox_description": "none needed",
        "limit": None,
        "secret": commitment(SECRET),
        "harness": __version__,
    }
    return known | changed


def begin(folder: Path, found: Registration, **changed: Any) -> Run:
    """A run up to its first answer."""
    run = Run(folder, settings(found, **changed), found.digest)
    found.write(folder / "registration.json")
    for suite in found.plans:
        run.write(f"certificates/{suite}.ok.json", certificate(f"{suite}.ok").to_json())
    run.write("preflight.json", asdict(Preflight(found.base_digest, found.adapter_digest, None)))
    return run


def finish(
    folder: Path,
    found: Registration,
    rows: Sequence[Receipt],
    registered: Registration | None = None,
    **changed: Any,
) -> Path:
    """A whole run with these answers."""
    run = begin(folder, found, **changed)
    if registered is not None:
        registered.write(folder / "registered.json")
    mounted = {arm.id for plan in found.plans.values() for arm in plan.judged}
    later = {*mounted, SENTINEL}
    first = [row for row in rows if row.arm not in {*later, CHURN}]
    last = [row for row in rows if row.arm in later]
    for row in first:
        run.add(row)
    baseline.write_down(run, found, {f"{id}.ok": certificate(f"{id}.ok") for id in found.plans})
    for row in last:
        run.add(row)
    rows = [*first, run.receipts[baseline.LINK], *last]
    run.write("secret.json", {"secret": SECRET.hex()})
    judged = judge(found, rows, registered=registered)
    card = judged.scorecard(found, len(rows), run.head)
    answers = {"answered": 1, "from_cache": 0, "refused": 0}
    run.write("scorecard.json", card | {"answers": {"base": answers}, "finished": now()})
    run.write("verdict.json", judged.document(found, run.head))
    scorecard.render(folder, REPORTS)
    covered = attestation.documents(folder)
    run.write("attestation.json", attestation.statement(found, judged.verdict, covered))
    run.close()
    return folder


def change(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Rewrite one JSON document."""
    data = json.loads(path.read_text())
    edit(data)
    path.write_text(json.dumps(data))


def change_lines(path: Path, edit: Callable[[list[dict[str, Any]]], object]) -> None:
    """Rewrite the lines of a file of JSON as somebody would who knows nothing of the chain."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    edit(rows)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


VERIFIER = """\
from harness import failed, passed, verifier


@verifier("demo.ok", version=1, facet="demo")
def ok(case, answer):
    return passed() if answer.text == case.expect["word"] else failed("other", answer.text)
"""
WORDS = ("one", "two", "three")


def author(folder: Path) -> Path:
    """A workspace with one verifier, its fixtures and its suite, and a ``run`` in it of which every
    answer was judged as that verifier judges it: the base's fail, the adapter's pass."""
    suite = {"facet": "demo", "role": "facet", "mode": "chat", "max_tokens": 9}
    suite |= {"prompts": "demo.jsonl", "criteria": [{"id": "ok", "verifier": "demo.ok"}]}
    rows = [
        {"id": f"demo/{n}", "prompt": prompt("demo", n), "expect": {"word": word}}
        for n, word in enumerate(WORDS)
    ]
    case = {"prompt": "Say four.", "expect": {"word": "four"}}
    known = {"verifier": "demo.ok", "good": [{"name": "four", "case": case, "answer": "four"}]}
    content = {
        "library.yaml": "bases: {}\nadapters: {}\ngate: {}\n",
        "verifiers/demo.py": VERIFIER,
        "suites/demo.yaml": json.dumps(suite),
        "suites/demo.jsonl": "".join(json.dumps(row) + "\n" for row in rows),
        "audits/demo.ok/fixtures.yaml": json.dumps(known),
    }
    for name, text in content.items():
        write(folder / name, text)
    source = hashlib.sha256(VERIFIER.encode()).hexdigest()
    no = [Finding("ok", "demo.ok", "fail", "other", "no")]
    judged = [receipt("demo", n, "base", "fail", answer="no", findings=no) for n in range(3)]
    judged += [receipt("demo", n, "adapter", "pass", answer=w) for n, w in enumerate(WORDS)]
    shown = replace(sentinel("demo.ok", "four", "pass"), prompt="Say four.", answer="four")
    loaded = load(folder / "suites/demo.yaml", folder / "suites")
    found = registration([plan("demo", len(WORDS), digest=loaded.digest)])
    run = finish(folder / "run", found, [*judged, shown])
    held = certificate("demo.ok", binding={"source": {"demo.py": source}}).to_json()
    change(run / "certificates" / "demo.ok.json", lambda data: data.update(held))
    return folder


SUITES = {"humaneval": 164, "godot": 40}


def workspace(folder: Path, gained: int, lost: int) -> Path:
    """A workspace and its run, in which the adapter gained and lost so many of the guard."""
    for suite, n in SUITES.items():
        rows = [{"id": f"{suite}/{i}", "prompt": prompt(suite, i)} for i in range(n)]
        role = {"role": "guard", "margin": 0.05} if suite == "humaneval" else {"role": "facet"}
        spec = {"facet": suite, "mode": "chat", "max_tokens": 9, "prompts": f"{suite}.jsonl"}
        spec |= {"criteria": [{"id": "ok", "verifier": f"{suite}.ok"}], **role}
        write(folder / f"suites/{suite}.yaml", json.dumps(spec))
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        write(folder / f"suites/{suite}.jsonl", lines)
    write(folder / "adapter/adapters.safetensors", "weights, revision 6")
    listed = {"path": "adapter", "base": "pocket", "status": "candidate", "facets": ["godot"]}
    library = {
        "bases": {"pocket": {"path": "base"}},
        "adapters": {"gamedev": listed | {"suites": list(SUITES)}},
        "gate": QUIET,
    }
    write(folder / "library.yaml", yaml.safe_dump(library))
    digest, files = folder_digest(folder / "adapter"), folder_files(folder / "adapter")
    digests = {id: load(folder / f"suites/{id}.yaml", folder / "suites").digest for id in SUITES}
    found = registration(
        [
            plan("humaneval", 164, "guard", digest=digests["humaneval"]),
            plan("godot", 40, digest=digests["godot"]),
        ],
        Policy(**QUIET),
        adapter_digest=digest,
        files=files,
        lineage="gamedev",
    )
    rows = [
        row if row.arm == "base" else Receipt(**{**row.__dict__, "subject": digest})
        for row in [*pair("humaneval", 164, 58, gained, lost), *pair("godot", 40, 0, 35, 0)]
    ]
    finish(folder / "run", found, rows)
    return folder


def index(run: Path) -> dict[str, Any]:
    """What the list of a run's page shows and filters by."""
    page = (run / "scorecard.html").read_text()
    packed = re.search(r'id="index">([^<]*)<', page)
    assert packed
    return json.loads(gzip.decompress(base64.b64decode(packed[1])))
