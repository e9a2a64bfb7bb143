"""The scorecard page: self-contained, and safe for whatever a model or a user wrote."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from conftest import ROOT

from harness.evidence.receipts import Finding, Receipt
from harness.evidence.run import Run
from harness.pages import html as report

HOSTILE = (
    "</pre><script>document.title='owned'</script>\u202egnp.exe\x00\x1b[31m\udc80 {{ 7*7 }} &amp;"
    " <img src=x onerror=a(1)>"
)


def make_run(folder, answer=HOSTILE):
    """A run folder with one suite of one prompt whose every free text is ``answer``."""
    settings = {
        "adapter": {"name": answer, "digest": "sha256:a", "status": "candidate"},
        "base": {"name": "b", "digest": "sha256:b"},
        "policy": {"profile": "standard"}, "registration": "sha256:r",
        "engine": {"engine": "mlx", "mlx-lm": "1", "device": "cpu"}, "decoding": "greedy",
        "sandbox": None, "harness": "0",
    }  # fmt: skip
    run = Run(folder, settings)
    for arm in ("base", "adapter"):
        finding = Finding("c", "v", "fail", answer, answer)
        run.add(
            Receipt("s", "case", arm, "sha256:a", answer, answer, 3, "eos", [finding], "fail", 0.1)
        )
    card = {
        "suites": [],
        "not_measured": {"s": None},
        "degeneration": None,
        "look": 1,
        "alpha": 0.05,
        "answers": {},
    }
    run.write("scorecard.json", card | {"receipts": 2, "receipts_digest": "x"})
    reason = {"verdict": "VOID", "code": "c", "about": answer, "text": answer}
    run.write(
        "verdict.json",
        {"verdict": "VOID", "exit_code": 3, "reasons": [reason], "adapter": "a", "base": "b"},
    )
    run.write(
        "preflight.json",
        {"trained_on_base": None, "tensors": None, "tensors_expected": None, "effect": None},
    )
    run.close()
    return folder


def test_hostile_text_stays_text(tmp_path):
    page = report.render(make_run(tmp_path / "run"), ROOT / "reports").read_text()
    assert "<script" not in page
    assert "<img" not in page
    assert not re.search(r"[\u202a-\u202e\x00\x1b]", page)
    assert "{{ 7*7 }}" in page
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", page)


@pytest.mark.browser
@pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium")
def test_a_browser_shows_it_and_runs_nothing(tmp_path):
    playwright = pytest.importorskip("playwright.sync_api")
    path = report.render(make_run(tmp_path / "run"), ROOT / "reports")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 400, "height": 800})
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        assert page.title().startswith("VOID: ")
        assert page.locator("h1").is_visible()
        page.locator("summary").first.click()
        assert page.locator("details pre").first.inner_text().startswith("</pre><script>")
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        assert asked == [path.as_uri()]
        browser.close()


def test_the_clean_twin_is_shown_as_written(tmp_path):
    page = report.render(
        make_run(tmp_path / "run", answer="a plain answer"), ROOT / "reports"
    ).read_text()
    assert page.count("a plain answer") >= 5
    assert json.loads((tmp_path / "run" / "verdict.json").read_text())["verdict"] == "VOID"
