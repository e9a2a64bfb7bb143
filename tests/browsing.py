"""Pages in Chromium: one browser for all tests of a worker, and a run in which every text acts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from gates import plan, receipt, registration
from run_folders import change, finish

from harness.evidence.receipts import Finding
from harness.evidence.registration import prompt_digest
from harness.pages import scorecard

REPORTS = ROOT / "reports"
WIDTHS = (360, 768, 1280, 1920)
HIT = "window.__hit=(window.__hit||0)+1"
WRITTEN = [
    text.replace("@HIT@", HIT)
    for text in json.loads((ROOT / "tests/data/injections.json").read_text())
]
WRITTEN += [unit * times for unit, times in (
    ("a" + "\u0300" * 300, 1), ("\ufe0f", 500), ("A", 1_000_000), ("<", 100_000), ("\n", 5_000),
    ("pass ", 40_000), ("(", 5_000), ("\t", 2_000), ("W", 4_000),
)]  # fmt: skip
#: elements with content wider than they are, unless that scrolls or is cut on purpose
CLIPPED = """() => [...document.querySelectorAll('body *')].filter(e => {
  const style = getComputedStyle(e);
  return e.clientWidth && e.scrollWidth > e.clientWidth + 1 && style.overflowX === 'visible'
    && style.display !== 'inline' && !e.closest('svg');
}).map(e => `${e.tagName}.${e.className} ${e.textContent.slice(0, 40)}`)"""


@pytest.fixture(scope="module")  # it runs a loop of asyncio, which other modules may not find
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        yield found
        found.close()


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in which every text that anybody may choose is written to act."""
    names = "".join(text for text in WRITTEN if len(text) < 300)
    cases = [[f"{n} {text[:200]}", prompt_digest(text)] for n, text in enumerate(WRITTEN)]
    rows = [
        receipt("s", 0, arm, "fail", case=f"{n} {text[:200]}", prompt=text, answer=f"{text} {arm}",
                findings=[Finding("ok", "s.ok", "fail", text[:2000], text, text[:200])])
        for n, text in enumerate(WRITTEN) for arm in ("base", "adapter")
    ]  # fmt: skip
    found = registration([plan("s", 1, cases=cases)], adapter=names, base=names)
    folder = finish(tmp_path_factory.mktemp("hostile") / "run", found, rows)
    notices = [{"code": text[:90], "text": text, "severity": "warn"} for text in WRITTEN]
    change(folder / "preflight.json", lambda data: data.update(notices=notices))
    reasons = [
        {"verdict": "VOID", "code": "cut", "about": text[:500], "text": text, "cases": []}
        for text in WRITTEN
    ]
    change(folder / "verdict.json", lambda data: data.update(reasons=reasons))
    scorecard.render(folder, REPORTS)
    return folder


def opened(browser: Any, file: Path, link: str = "", **context: Any) -> Any:
    """A page, where it has a list once that can be used, with what it asked for and what went
    wrong."""
    page = browser.new_context(**{"viewport": {"width": 1280, "height": 800}} | context).new_page()
    page.seen = []
    page.on("request", lambda request: page.seen.append(request.url.partition("#")[0]))
    page.on("pageerror", lambda error: page.seen.append(str(error)))
    page.on("console", lambda said: page.seen.append(said.text))
    file = file / "scorecard.html" if file.is_dir() else file
    page.goto(file.as_uri() + link)
    if page.query_selector("#list"):
        page.wait_for_selector("html[data-ready]")
    return page
