"""The scorecard in Chromium: what a reviewer sees and does, and that nothing written on it acts."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
from browsing import CLIPPED, WIDTHS, WRITTEN, opened
from gates import pair, plan, prompt, receipts, registration, sentinel
from run_folders import finish

from harness.content.policy import Policy
from harness.evidence.receipts import Finding

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium"),
]

BASE_CODE = "func jump(height):\n    velocity.y = height\n    return velocity"
OWN_CODE = "func jump(height):\n    velocity.y = -height\n    return velocity"
#: opens one answer after the other as a reader does
READ_ALL = """async () => {
  const detail = document.querySelector('#detail');
  for (let at = 0; at < document.querySelectorAll('.row')[0].ariaSetSize; at++) {
    document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'j', bubbles: true}));
    while (detail.dataset.at !== String(at)) await new Promise(go => setTimeout(go, 1));
  }
  return Number(detail.dataset.at);
}"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that lost a guard and gained a facet, with answers that differ in one sign."""
    known = {"humaneval.ok": [["right", "good"], ["wrong", "bad"]]}
    tags = {f"godot/{i}": ["typed"] for i in range(0, 40, 2)}
    plans = [plan("humaneval", 164, "guard"), plan("godot", 40, tags=tags)]
    rows = [*pair("humaneval", 164, 58, 1, 9), *pair("godot", 40, 0, 35, 0)]
    rows = [
        replace(row, answer=BASE_CODE)
        if row.arm == "base"
        else replace(row, answer=OWN_CODE, findings=[_judged(row.findings[0])])
        for row in rows
    ]
    rows[-1] = replace(rows[-1], answer=f"🎮 {OWN_CODE}", findings=[_placed(rows[-1].findings[0])])
    rows += [sentinel("humaneval.ok", "right", "pass"), sentinel("humaneval.ok", "wrong", "fail")]
    return finish(
        tmp_path_factory.mktemp("one") / "run", registration(plans, sentinels=known), rows
    )


def _judged(found: Finding) -> Finding:
    if found.outcome == "pass":
        return found
    return replace(found, reason="wrong sign", evidence="velocity.y = -height")


def _placed(found: Finding) -> Finding:
    """Says where its evidence stands, in characters, of which a browser counts some twice."""
    start = len("🎮 func jump(height):\n    ")
    return replace(found, evidence="line 2", spans=[[start, start + len("velocity.y = -height")]])


def test_the_first_screen_answers_and_loads_nothing(browser, run):
    page = opened(browser, run)
    first = page.evaluate(
        "() => [...document.querySelectorAll('h1, .badge, dd')].filter("
        "e => e.getBoundingClientRect().bottom < innerHeight).map(e => e.innerText).join('|')"
    )
    wanted = ("gamedev on pocket", "NO-SHIP", "points lower", "5 allowed", "9 lost", "2 of 2 VALID")
    assert [each for each in (*wanted, "do not release") if each not in first] == []
    assert page.seen == [(run / "scorecard.html").as_uri()]


def test_filters_count_what_they_would_show(browser, run):
    page = opened(browser, run)
    count, first = page.locator("#count"), page.locator("#row0")
    assert count.inner_text() == "206 of 206 shown · 9 lost · 36 gained"
    assert "lost" in first.inner_text(), "lost before gained"
    page.select_option("[name=flip]", "gained")
    assert count.inner_text().startswith("36 of 206")
    page.select_option("[name=suite]", "godot")
    offered = page.locator("[name=suite] option").all_inner_texts()
    assert offered == ["all", "humaneval (1)", "godot (35)", "known answers (0)"]
    page.select_option("[name=flip]", "")
    page.select_option("[name=reason]", "fail: wrong sign")
    assert count.inner_text().startswith("5 of 206")
    page.select_option("[name=of]", "base")
    assert count.inner_text().startswith("0 of 206"), "base has another reason"
    page.goto(page.url.partition("#")[0] + "#slice=typed&flip=gained")
    page.wait_for_function("() => document.querySelector('#count').innerText.startsWith('18 of')")
    assert page.locator("[name=slice] option").all_inner_texts() == ["all", "typed (18)"]
    page.select_option("[name=flip]", "")
    assert count.inner_text().startswith("20 of 206")
    page.goto(page.url.partition("#")[0] + "#suite=known+answers")
    page.wait_for_selector("#row1:last-child")
    texts = page.locator(".row").all_inner_texts()
    assert [("✓" in text, "fail" in text) for text in texts] == [(True, False), (True, False)]


def test_words_of_answers_are_found(browser, run):
    page = opened(browser, run)
    page.fill("[name=q]", "-height")
    page.wait_for_selector("#count[data-searched='-height']")
    assert page.locator("#count").inner_text().startswith("204 of 206")
    page.fill("[name=q]", "prompt 163 of humaneval")
    page.wait_for_selector("#count[data-searched='prompt 163 of humaneval']")
    assert page.locator("#count").inner_text().startswith("1 of 206")


def test_a_link_leads_to_an_answer_with_its_words_compared(browser, run):
    page = opened(browser, run, "#flip=lost&receipt=humaneval%3Ahumaneval%2F59")
    page.wait_for_selector("#detail[data-shown='humaneval:humaneval/59']")
    detail = page.locator("#detail")
    columns = detail.locator(".answers > section")
    assert columns.locator("h4").all_inner_texts() == ["base", "adapter"]
    assert prompt("humaneval", 59) in detail.locator("details pre").inner_text()
    marked = [(m.get_attribute("class"), m.inner_text()) for m in columns.locator("mark").all()]
    pieces = [("evidence", "velocity.y = "), ("evidence added", "-"), ("evidence", "height")]
    assert marked == pieces, "the words of the evidence, beside what the diff says"
    judged = columns.nth(1).locator(".criteria").inner_text()
    assert "ok: fail (wrong sign)" in judged
    line = json.loads(columns.nth(1).locator(".command").inner_text().split("#")[1].strip("'"))
    assert json.loads((run / "receipts.jsonl").read_text().splitlines()[line - 1])["case"] == (
        "humaneval/59"
    )
    page.select_option("[name=suite]", "godot")
    page.locator("[name=flip]").select_option("gained")
    page.locator("#row0").click()
    page.wait_for_selector("#detail[data-shown='godot:godot/0']")
    assert [(m.get_attribute("class"), m.inner_text()) for m in columns.locator("mark").all()] == [
        ("added", "-")
    ]
    assert "receipt=godot%3Agodot%2F0" in page.url
    page.goto(page.url.partition("#")[0] + "#receipt=godot%3Agodot%2F39")
    page.wait_for_selector("#detail[data-shown='godot:godot/39']")
    assert [(m.get_attribute("class"), m.inner_text()) for m in columns.locator("mark").all()] == [
        ("added", "🎮 "),
        *pieces,
    ]


def test_the_keyboard_moves_searches_and_explains(browser, run):
    page = opened(browser, run)
    page.locator("#list").focus()
    for key, shown in (("j", 59), ("j", 60), ("k", 59), ("n", 60)):
        page.keyboard.press(key)
        page.wait_for_selector(f"#detail[data-shown='humaneval:humaneval/{shown}']")
    assert page.locator("[aria-selected=true]").count() == 1
    page.keyboard.press("/")
    assert page.evaluate("() => document.activeElement.name") == "q"
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()


def test_draws_are_shown_by_arm_and_not_as_pairs(browser, tmp_path):
    policy = Policy(early_stop=False, again=False, sentinels=0, samples=2, temperature=0.5)
    rows = [
        replace(row, sample=k, answer=f"draw {k} of {row.arm}")
        for k in range(2)
        for row in receipts("s", base=["pass"] * 20, adapter=["fail"] * 20)
    ]
    run = finish(tmp_path / "run", registration([plan("s", 20)], policy), rows)
    page = opened(browser, run, "#receipt=s%3As%2F0")
    page.wait_for_selector("#detail[data-shown]")
    columns = page.locator("#detail .answers > section")
    columns.nth(1).locator("button").nth(1).click()
    assert [columns.nth(n).locator("pre").inner_text() for n in range(2)] == [
        "draw 0 of base",
        "draw 1 of adapter",
    ]
    assert page.locator("#detail mark").count() == 0


@pytest.mark.parametrize(("scheme", "read"), [("light", 1280), ("dark", 360)])
def test_nothing_is_clipped_or_hard_to_read(browser, run, scheme, read):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    link = "#receipt=humaneval%3Ahumaneval%2F59"
    page = opened(browser, run, link, color_scheme=scheme, bypass_csp=True)
    page.wait_for_selector("#detail[data-shown]")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        assert page.evaluate(CLIPPED) == [], width
        if width == read:
            found = axe.Axe().run(page).response["violations"]
            assert [(v["id"], v["nodes"][0]["html"][:90]) for v in found] == []


def test_it_prints_whole(browser, run, tmp_path):
    page = opened(browser, run)
    page.set_viewport_size({"width": 680, "height": 1000})  # A4 without its margins
    page.emulate_media(media="print")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 680
    assert page.evaluate(CLIPPED) == []
    assert page.locator("#list").is_hidden()
    assert page.locator("td[data-is=says]").first.is_visible()
    page.pdf(path=tmp_path / "page.pdf", format="A4")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    assert page.locator("main details:not([open])").count() == 0, "paper has nothing to click"


@pytest.mark.parametrize("bypass", [False, True], ids=["policy", "no policy"])
def test_nothing_that_is_written_on_it_acts(browser, hostile, bypass):
    """With the page's own policy, and without it: its text is text by itself."""
    page = opened(browser, hostile, bypass_csp=bypass)
    rows = page.locator("#count").inner_text()
    assert rows.startswith(f"{len(WRITTEN)} of {len(WRITTEN)}")
    page.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")
    if not bypass:
        page.keyboard.press("j")
        page.wait_for_selector("#detail[data-at='0']")
    else:
        assert page.evaluate(READ_ALL) == len(WRITTEN) - 1
    assert page.evaluate("() => window.__hit ?? 0") == 0
    assert page.seen == [(hostile / "scorecard.html").as_uri()], "nothing is asked for"
    assert (
        page.evaluate(
            "() => document.querySelectorAll('iframe, img, object, embed, base, video').length"
        )
        == 0
    )
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    assert page.evaluate("() => getComputedStyle(document.body).display") == "block"
    hidden = page.evaluate(
        "() => /[\\u202e\\u200b\\u2066\\u0000\\u001b]/.test(document.body.innerText)"
    )
    assert not hidden
    page.context.close()
