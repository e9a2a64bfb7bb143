"""What a scorecard costs: seconds to write it, megabytes, and what a browser needs to show and to
filter it, at 1,000, 10,000 and 100,000 receipts.

    python benchmarks/report.py [--receipts N ...] [--rounds 3] [--keep FOLDER] [--peers]

Receipts are those of a simulated gate on suites of code-like answers of about 400 characters. The
browser is Chromium, headless, driven by Playwright: ``first view`` is first contentful paint,
``ready`` when the list can be filtered, both from navigation; ``filter`` is the median of filters
by suite, outcome, reason, flip and words, from input to the next frame; ``deep`` is a search
through all answers to its end; each the median of so many rounds. ``publish`` makes the page
without held-out texts. ``--peers`` gives the same rows to inspect-ai, which bundles its
viewer, and to promptfoo, whose ``echo`` answers them and whose HTML is written, where these are
installed; what is not done in ten minutes is stopped."""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from conftest import ROOT
from gates import plan, receipt, registration
from run_folders import finish

from harness.evidence.folder import RunFolder
from harness.evidence.receipts import Finding, Receipt
from harness.pages import scorecard

SUITES = 10
PATIENCE = 600  # seconds: what is not done then is not done
FILTER = """async ([name, value]) => {
  const form = document.querySelector('#filters'), begun = performance.now();
  form[name].value = value;
  form[name].dispatchEvent(new Event('input', {bubbles: true}));
  await new Promise(requestAnimationFrame);
  return performance.now() - begun;
}"""
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
WORDS = ("velocity", "signal", "export", "node", "return", "await", "player", "delta", "queue")


def answer(rng: random.Random, number: int) -> str:
    """Lines of a made-up language, no two answers alike."""
    lines = [f"func task_{number}({rng.choice(WORDS)}):"]
    for _ in range(rng.randint(6, 14)):
        name = f"{rng.choice(WORDS)}_{rng.randrange(999)}"
        lines.append(f"    {name} = {' + '.join(rng.choices(WORDS, k=3))}")
    return "\n".join(lines)


def rows(many: int) -> list[Receipt]:
    """Receipts of two arms on ``SUITES`` suites; a tenth of the prompts flip."""
    rng, found = random.Random(7), []
    for suite in (f"suite-{n}" for n in range(SUITES)):
        for number in range(many // 2 // SUITES):
            text, better = answer(rng, number), rng.random()
            for arm, passes in (("base", better < 0.6), ("adapter", 0.04 < better < 0.66)):
                outcome, why = ("pass", "ok") if passes else ("fail", rng.choice(WORDS))
                shown = "" if passes else text[:30]
                judged = [Finding("ok", f"{suite}.ok", outcome, why, shown)]
                said = text if arm == "base" else text.replace("delta", "speed")
                found.append(receipt(suite, number, arm, outcome, answer=said, findings=judged))
    return found


def run(many: int, folder: Path) -> Path:
    """A run folder of so many receipts, with its page."""
    each = many // 2 // SUITES
    plans = [plan(f"suite-{n}", each, "guard" if n < 2 else "facet") for n in range(SUITES)]
    return finish(folder, registration(plans), rows(many))


def browsed(page: Path) -> dict[str, float]:
    """What a browser needs, in milliseconds."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        tab = browser.new_page(viewport={"width": 1280, "height": 800})
        tab.set_default_timeout(1000 * PATIENCE)
        tab.goto(page.as_uri(), wait_until="commit")
        tab.wait_for_selector("html[data-ready]")
        tab.wait_for_function(PAINT)  # else the first filter waits for the first frame
        asked = [("suite", "suite-3"), ("flip", "lost"), ("suite", ""), ("outcome", "fail")]
        asked += [("flip", ""), ("reason", "fail: signal"), ("outcome", ""), ("reason", "")]
        asked += [("q", "99"), ("q", "")]
        took = [tab.evaluate(FILTER, list(one)) for one in asked for _ in range(2)]
        begun = time.perf_counter()
        tab.fill("[name=q]", "velocity_42 ")
        tab.wait_for_selector("#count[data-searched='velocity_42 ']")
        deep = 1000 * (time.perf_counter() - begun)
        found = {"first view": tab.evaluate(PAINT)}
        found["ready"] = float(tab.evaluate("document.documentElement.dataset.ready"))
        found |= {"filter": statistics.median(took), "slowest": max(took), "deep": deep}
        browser.close()
    return found


def rounds(page: Path, many: int) -> dict[str, float]:
    """The medians of several openings of a page."""
    found = [browsed(page) for _ in range(many)]
    return {name: statistics.median(one[name] for one in found) for name in found[0]}


def inspected(many: int, folder: Path) -> str:
    """Size and seconds of inspect-ai's own bundle of a log with the same rows."""
    from inspect_ai.log import bundle_log_dir, write_eval_log
    from inspect_ai.log._log import EvalLog

    begun = time.perf_counter()
    samples = [
        {
            "id": f"{row.suite}/{row.case}/{row.arm}",
            "epoch": 1,
            "input": row.prompt,
            "target": "",
            "output": {"model": row.arm, "completion": row.answer},
            "scores": {"ok": {"value": row.outcome, "answer": row.answer}},
        }
        for row in rows(many)
    ]
    plan_: dict[str, Any] = {"name": "plan", "steps": []}
    spec = {"created": "2026-01-01T00:00:00+00:00", "task": "t", "model": "m", "dataset": {}}
    log = EvalLog.model_validate(
        {"eval": {**spec, "config": {}}, "plan": plan_, "samples": samples, "status": "success"}
    )
    (folder / "logs").mkdir()
    write_eval_log(log, str(folder / "logs" / "one.eval"))
    bundle_log_dir(log_dir=str(folder / "logs"), output_dir=str(folder / "bundle"), overwrite=True)
    size = sum(path.stat().st_size for path in (folder / "bundle").rglob("*") if path.is_file())
    return f"{time.perf_counter() - begun:.1f} s, {size / 1e6:.1f} MB, needs a server"


def promptfooed(many: int, folder: Path) -> str:
    """Size and seconds of promptfoo's HTML of the same rows, and what a browser needs for it."""
    asked = [
        {"vars": {"row": row.answer}, "assert": [{"type": "contains", "value": "return"}]}
        for row in rows(many)
    ]
    config = {"prompts": ["{{row}}"], "providers": ["echo"], "tests": asked}
    (folder / "promptfooconfig.json").write_text(json.dumps(config))
    own = {"PROMPTFOO_CONFIG_DIR": str(folder), "PROMPTFOO_DISABLE_TELEMETRY": "1"}
    own |= {"PROMPTFOO_DISABLE_UPDATE": "1", "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1"}
    command = ["promptfoo", "eval", "-c", "promptfooconfig.json", "--no-cache", "--no-progress-bar"]
    command += ["--no-table", "-o", "out.html"]
    begun = time.perf_counter()
    call = partial(subprocess.run, command, cwd=folder, env=os.environ | own, timeout=PATIENCE)
    try:
        call(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return f"not done in {PATIENCE} s"
    page = folder / "out.html"
    if not page.exists():
        return "wrote no page"
    took, size = time.perf_counter() - begun, page.stat().st_size / 1e6
    return f"{took:.1f} s with its echo of them, {size:.1f} MB, loaded after {loaded(page):.1f} s"


def loaded(page: Path) -> float:
    """Seconds until a browser has loaded a page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        tab = browser.new_page(viewport={"width": 1280, "height": 800})
        tab.set_default_timeout(1000 * PATIENCE)
        begun = time.perf_counter()
        tab.goto(page.as_uri(), wait_until="load")
        took = time.perf_counter() - begun
        browser.close()
    return took


def main() -> None:
    """Print one line for each size."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--receipts", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--keep", type=Path, help="where the runs are left")
    options.add_argument("--peers", action="store_true")
    given = options.parse_args()
    for many in given.receipts:
        with tempfile.TemporaryDirectory() as temporary:
            folder = (given.keep or Path(temporary)) / f"run-{many}"
            if not folder.exists():
                run(many, folder)
            begun = time.perf_counter()
            page = scorecard.render(folder, ROOT / "reports")
            line = {"receipts": many, "write_s": round(time.perf_counter() - begun, 2)}
            line["MB"] = round(page.stat().st_size / 1e6, 2)
            shown = rounds(page, given.rounds)
            line |= {f"{name} ms": round(value) for name, value in shown.items()}
            begun, found = time.perf_counter(), RunFolder(folder)
            held = found.scorecard, found.verdict, ROOT / "reports", scorecard.UNCHECKED
            scorecard.page(found, *held, published=True)
            line["publish_s"] = round(time.perf_counter() - begun, 2)
            print(json.dumps(line), flush=True)
            if given.peers and find_spec("inspect_ai"):
                print("  inspect-ai:", inspected(many, Path(temporary)), flush=True)
            if given.peers and shutil.which("promptfoo"):
                print("  promptfoo:", promptfooed(many, Path(temporary)), flush=True)


if __name__ == "__main__":
    main()
