"""The scorecard page: self-contained, and safe for whatever a model or a user wrote."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from conftest import ROOT
from gates import plan, receipt, registration
from run_folders import finish

from harness.errors import WorkspaceError
from harness.evidence.receipts import Finding
from harness.pages import html as report

HOSTILE = (
    "</pre><script>document.title='owned'</script>\u202egnp.exe\x00\x1b[31m\udc80 {{ 7*7 }} &amp;"
    " <img src=x onerror=a(1)>"
)


def make_run(folder, answer=HOSTILE):
    """A run of one prompt whose every free text is ``answer``."""
    found = registration([plan("s", 1)], adapter=answer)
    finding = Finding("ok", "s.ok", "fail", answer, answer)
    rows = [
        receipt("s", 0, arm, "fail", prompt=answer, answer=answer, findings=[finding])
        for arm in ("base", "adapter")
    ]
    return finish(folder, found, rows)


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


def test_a_template_that_asks_for_what_is_not_there_is_named(tmp_path):
    """The template is the workspace's own, and so is its mistake."""
    reports = shutil.copytree(ROOT / "reports", tmp_path / "reports")
    run = make_run(tmp_path / "run")
    for text in ("{{ card.surprise }}", "{% if %}"):
        (reports / "scorecard.html.j2").write_text(text)
        with pytest.raises(WorkspaceError, match=r"scorecard\.html\.j2: cannot be filled: "):
            report.render(run, reports)
