"""The scorecard page without a browser: what it says, what it carries, what it may not show."""

from __future__ import annotations

import gzip
import html
import json
import re
import shutil
from base64 import b64decode, b64encode
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT
from gates import claim, pair, plan, receipt, receipts, registration, sentinel
from run_folders import change, finish, index

from harness.content.policy import Policy
from harness.doors.cli.main import main
from harness.errors import RunError, WorkspaceError
from harness.evidence.documents import Decision
from harness.evidence.folder import RunFolder
from harness.evidence.receipts import Finding, measurement
from harness.gate.finished.recheck import recheck
from harness.gate.finished.report import report, watched
from harness.pages import scorecard
from harness.pages.bundle import bundled
from harness.pages.published import Hidden
from harness.verdict import CODES, Name, reason

REPORTS = ROOT / "reports"
HOSTILE = (
    "</pre><script>document.title='owned'</script>\u202egnp.exe\x00\x1b[31m\udc80 {{ 7*7 }} &amp;"
    " <img src=x onerror=a(1)>" + "\u0301" * 9 + "\u3164\U000e0041"
)
PROMPT = "Explain to the new colleague how the export of a node works"
ANSWER = "The export keyword shows a member of the node in the inspector"


def make_run(folder, answer=HOSTILE):
    """A run of one prompt whose every free text is ``answer``."""
    found = registration([plan("s", 1)], adapter=answer)
    finding = Finding("ok", "s.ok", "fail", answer, answer)
    rows = [
        receipt("s", 0, arm, "fail", prompt=answer, answer=answer, findings=[finding])
        for arm in ("base", "adapter")
    ]
    return finish(folder, found, rows)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A run that lost a guard, gained a facet and was shown known answers."""
    known = {"humaneval.ok": [["right", "good"], ["wrong", "bad"]]}
    plans = [plan("humaneval", 164, "guard"), plan("godot", 40, left_out=["godot/39"])]
    found = registration(
        plans, sentinels=known, claims=[claim("86 %", "godot", "elite_rate", 0.86)]
    )
    rows = [*pair("humaneval", 164, 58, 1, 9), *pair("godot", 40, 0, 35, 0)]
    rows += [sentinel("humaneval.ok", "right", "pass"), sentinel("humaneval.ok", "wrong", "fail")]
    return finish(tmp_path_factory.mktemp("shown") / "run", found, rows)


def test_hostile_text_stays_text(tmp_path):
    page = scorecard.render(make_run(tmp_path / "run"), REPORTS).read_text()
    outside = re.sub(r"<(script|style)\b[^>]*>.*?</\1>", "", page, flags=re.S)
    assert "<script" not in outside
    assert "<img" not in outside
    assert not re.search(r"[\u202a-\u202e\x00\x1b\u3164\U000e0041]|\u0301{5}", page)
    assert "{{ 7*7 }}" in outside
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", outside)
    assert "\\u202e" in outside, "made visible"


def test_the_clean_twin_is_shown_as_written(tmp_path):
    run = make_run(tmp_path / "run", answer="a plain answer")
    assert "a plain answer" in (run / "scorecard.html").read_text()
    assert index(run)["signatures"] == [["fail", "", [["ok", "fail: a plain answer"]]]]


def test_every_number_on_the_page_is_the_documents_own(shown):
    page = html.unescape((shown / "scorecard.html").read_text())
    card = json.loads((shown / "scorecard.json").read_text())
    verdict = json.loads((shown / "verdict.json").read_text())
    for suite in card["suites"]:
        row = re.search(rf'<th scope="row"><a href="#suite={suite["suite"]}">.*?</tr>', page, re.S)
        text = re.sub(r"<[^>]*>", "", row[0])
        asked = next(one for one in suite["results"] if one["id"] == suite["headline"])
        wanted = [f"{100 * asked['difference'][end]:+.1f}" for end in ("low", "high")]
        for rate in suite["rates"].values():
            wanted += [f"{rate['passes']}/{rate['n'] * rate['samples']}", f"{rate['rate']:.1%}"]
        wanted += [suite["reason"]["code"], f"\n{len(asked['gained'])}\n"]
        assert [each for each in wanted if each not in text.replace("gained", "")] == []
    assert all(each["text"] in page for each in verdict["reasons"])
    assert "9 lost</span>, <span" in page


def test_flips_are_those_of_the_scorecard_and_known_answers_stand_apart(shown):
    carried = index(shown)
    names = [
        f"{carried['suites'][s]['id']}:{c}"
        for s, c in zip(carried["suite"], carried["case"], strict=True)
    ]
    flips = dict(zip(names, carried["flip"], strict=True))
    assert sum(flip < 0 for flip in flips.values()) == 9
    assert flips["humaneval:humaneval/59"] == -1
    known = {names[int(row)]: kind for row, kind in carried["known"].items()}
    assert known == {
        "known answers:humaneval.ok/right": "good",
        "known answers:humaneval.ok/wrong": "bad",
    }
    assert [names[row] for row in carried["left"]] == ["godot:godot/39"]


def test_every_reason_code_is_rendered_with_its_next_step(shown):
    found = RunFolder(shown)
    for name in Name:
        said = [reason(code, "humaneval", f"It is {code}. And why") for code in CODES]
        said.sort(key=lambda each: each.verdict is not name)
        verdict = Decision(**{**vars(found.verdict), "verdict": name, "reasons": said})
        view = scorecard.View(found, found.scorecard, verdict)
        assert {each.reason.code for each in [*view.deciding, *view.others]} == set(CODES)
        page = html.unescape(
            scorecard.page(found, found.scorecard, verdict, REPORTS, scorecard.UNCHECKED)
        )
        text = re.sub(r"</?code>", "", page)
        for code, told in CODES.items():
            assert f'<span>It is {code}</span><span class="code">{code}</span>' in page
            if told.verdict is name and not told.next.startswith("none"):
                assert f"Next: {told.next}".replace("`", "") in text


def test_too_few_prompts_compare_nothing(tmp_path):
    run = finish(tmp_path / "run", registration([plan("s", 5)]), pair("s", 5, 2, 1, 1))
    page = (run / "scorecard.html").read_text()
    assert "under 20 prompts or 10 groups: no rate" in page
    assert page.count('<span class="soft">not compared</span>') == 3
    assert "nothing was compared" in page


def test_a_page_is_the_evidence(shown, tmp_path):
    """Rechecked without its folder; what is edited in it is found, and so is another page."""
    page = Path(shutil.copy(shown / "scorecard.html", tmp_path))
    again = recheck(page)
    assert (again.verdict.name, again.differences) == ("NO-SHIP", [])
    assert "no attestation.json beside it" in again.sentence
    shutil.copy(shown / "attestation.json", tmp_path)
    assert recheck(page).sentence == "the receipts say NO-SHIP; all agrees"
    with pytest.raises(SystemExit, match="0"):
        main(["recheck", str(page)])
    text = page.read_text()
    page.write_text(text.replace("HumanEval", "HumanEvil"))
    assert [d[:16] for d in recheck(page).differences] == ["attestation.json"]
    (tmp_path / "attestation.json").unlink()
    blocks = re.findall(r'id="b\d+">([^<]*)<', text)
    page.write_text(text.replace(blocks[0], blocks[1]))
    assert any("does not follow" in d for d in recheck(page).differences)
    torn = b64encode(b64decode(blocks[0])[:10] + b"\xff" * 40).decode()
    for damaged in (blocks[0][:-8], torn):
        page.write_text(text.replace(blocks[0], damaged))
        with pytest.raises(RunError, match=r"scorecard\.html: block 0 of the receipts: cannot be"):
            recheck(page)
    page.write_text(text.replace('data-document="verdict.json"', 'data-document="../verdict.json"'))
    with pytest.raises(RunError, match="which no run has"):
        recheck(page)


def test_what_the_page_carries_is_every_byte(shown):
    page = (shown / "scorecard.html").read_text()
    blocks = re.findall(r'id="b\d+">([^<]*)<', page)
    lines = b"".join(gzip.decompress(b64decode(block)) for block in blocks)
    assert lines == (shown / "receipts.jsonl").read_bytes()


@pytest.mark.parametrize("below", [True, False])
def test_the_next_step_after_ship_can_be_typed(tmp_path, monkeypatch, below):
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path if below else tmp_path / "other")
    plans = [plan("humaneval", 164, "guard"), plan("godot", 40)]
    rows = [*pair("humaneval", 164, 58, 0, 0), *pair("godot", 40, 0, 35, 0)]
    run = finish(tmp_path / "my runs" / "one", registration(plans), rows)
    page = html.unescape((run / "scorecard.html").read_text())
    asked = "'my runs/one'" if below else "RUN"
    assert f"harness release-check {asked} --adapter " in page


@pytest.mark.parametrize("numerics", ["exact", None])
def test_numerics_are_what_the_engine_measured_and_not_what_the_policy_asks(tmp_path, numerics):
    found = registration([plan("s", 20)], Policy(numerics="exact", again=True))
    found = found.model_copy(update={"declared": "" if numerics else "a server answered"})
    engine = {"engine": "mlx"} | ({"numerics": numerics} if numerics else {})
    rows = receipts("s", base=["fail"] * 20, again=["fail"] * 20, adapter=["pass"] * 20)
    run = finish(tmp_path / "run", found, rows, engine=engine)
    page = (run / "scorecard.html").read_text()
    assert f"numerics {numerics or 'not measured'}" in page
    verdict = (run / "verdict.json").read_text()
    assert ("exact, as `numerics: exact` asks, was not measured" in verdict) == (not numerics)


SECRET = "sk-proj-0123456789abcdefghij"


def quoted(text):
    """Ways in which reasons and faults quote a part of a text."""
    part = text[11:45].strip()
    spaced = part.replace(" ", "\n  ")
    return [part, part.upper(), spaced, repr(spaced), json.dumps(spaced)]


def test_a_quotation_from_anywhere_in_a_held_out_text_is_known_and_other_text_is_left():
    hidden = Hidden([receipt("s", 0, "base", "fail", prompt=PROMPT, answer=f"a\n\tb\\n{ANSWER}")])
    for said in [quote for text in (PROMPT, ANSWER) for quote in quoted(text)]:
        shown = hidden.text(f"before: {said} :behind")
        assert re.fullmatch(r"before: \S{0,5}\[held-out text\]\S{0,5} :behind", shown), shown
    for other in ("the export of a node", "nothing of any colleague in this house", "", "é" * 40):
        assert hidden.text(other) == other
    assert hidden.text(f"{PROMPT}, {ANSWER}; {PROMPT}") == (
        "[held-out text], [held-out text]; [held-out text]"
    )


def test_what_was_measured_is_called_by_names_that_are_nobodys_answer():
    named = "linear on delta as published by its paper"
    row = measurement("merge", "modules", "q_proj", "d", {named: {"off": 0.0, "said": ANSWER}})
    hidden = Hidden([row])
    assert hidden.text(f"{named}: 0.0%") == f"{named}: 0.0%"
    assert hidden.text(ANSWER) == "[held-out text]"
    assert "[held-out text]" in Hidden([replace(row, arm="base")]).text(named)
    assert Hidden([replace(row, answer=named)]).text(named) == "[held-out text]"


@pytest.mark.parametrize("published", [True, False])
def test_a_published_page_shows_no_held_out_text(tmp_path, published):
    found = registration([plan("s", 1)], adapter=f"adapter {SECRET}")
    finding = Finding("ok", "s.ok", "fail", f"not {ANSWER}", f"found {ANSWER}")
    rows = [
        receipt("s", 0, arm, "fail", prompt=PROMPT, answer=ANSWER, findings=[finding])
        for arm in ("base", "adapter")
    ]
    run = finish(tmp_path / "run", found, rows)
    warning = {"code": "seen", "text": f"its data holds {PROMPT[:40]!r}", "severity": "warn"}
    change(run / "preflight.json", lambda d: d["notices"].append(warning))
    path, _ = report(run, REPORTS, published=published)
    page = path.read_text()
    carried = re.findall(r'type="application/gzip"[^>]*>([^<]*)<', page)
    whole = page + "".join(gzip.decompress(b64decode(each)).decode() for each in carried)
    shown = [text in whole for text in (PROMPT[:30], ANSWER[:30], SECRET, "secret.json")]
    assert shown == [not published] * 4
    assert ("published: held-out" in page) == published
    assert path.name == ("scorecard-published.html" if published else "scorecard-rechecked.html")
    if published:
        with pytest.raises(RunError, match="carries no documents of a run"):
            recheck(path)


def test_several_answers_a_prompt_are_rows_of_one_case(tmp_path):
    policy = Policy(early_stop=False, again=False, sentinels=0, samples=2, temperature=0.5)
    rows = [
        replace(row, sample=k)
        for k in range(2)
        for row in receipts("s", base=["pass"] * 20, adapter=["fail"] * 20)
    ]
    run = finish(tmp_path / "run", registration([plan("s", 20)], policy), rows)
    carried = index(run)
    assert (len(carried["case"]), len(carried["receipts"]["row"])) == (20, 81)
    assert set(carried["receipts"]["sample"]) == {0, 1}


def test_an_unfinished_run_is_to_be_finished_and_an_edited_end_is_no_date(tmp_path):
    rows = [*pair("humaneval", 164, 60, 0, 0), *pair("godot", 40, 0, 35, 0)]
    plans = [plan("humaneval", 164, "guard"), plan("godot", 40)]
    run = finish(tmp_path / "run", registration(plans), rows)
    whole = scorecard.render(run, REPORTS).read_text()
    assert "release it, if this says 0:" in whole
    for stated in ("yesterday", "2026-11-26"):
        change(run / "scorecard.json", lambda data, at=stated: data.update(finished=at))
        page, found = report(run, REPORTS)
        assert "scorecard.json" in found.differences[0]
        assert found.differences[0].partition(":")[0] in page.read_text()
    for name in ("scorecard.json", "verdict.json", "attestation.json"):
        (run / name).unlink()
    page = report(run, REPORTS)[0].read_text()
    assert "release it, if this says 0:" not in page
    assert "gate again into its folder, and the run is finished" in page


def test_lost_answers_are_offered_only_where_the_cases_of_a_reason_were_lost(tmp_path):
    rows = [*pair("humaneval", 164, 30, 0, 30), *pair("godot", 40, 0, 35, 0)]
    rows = [replace(r, answer="<|u|>") if r.suite == "godot" else r for r in rows]
    plans = [plan("humaneval", 164, "guard"), plan("godot", 40, control_tokens=["<|u|>"])]
    page = scorecard.render(finish(tmp_path / "run", registration(plans), rows), REPORTS)
    assert 'href="#suite=godot&amp;flip=lost">Read the lost answers' not in page.read_text()
    assert 'href="#suite=humaneval&amp;flip=lost">Read the lost answers' in page.read_text()


def test_a_template_that_asks_for_what_is_not_there_is_named(tmp_path):
    """The template is the workspace's own, and so is its mistake."""
    reports = shutil.copytree(REPORTS, tmp_path / "reports")
    run = make_run(tmp_path / "run")
    for text in ("{{ card.surprise }}", "{% if %}"):
        (reports / "scorecard.html.j2").write_text(text)
        with pytest.raises(WorkspaceError, match=r"scorecard\.html\.j2: cannot be filled: "):
            scorecard.render(run, reports)


def test_scripts_are_bundled_by_what_they_import(tmp_path):
    (tmp_path / "main.js").write_text('import { b } from "./b.js";\nconst a = b;\n')
    (tmp_path / "b.js").write_text("export const b = 1;\n")
    text = bundled(tmp_path)
    assert text.index("const b = 1;") < text.index("const a = b;")
    assert not re.search(r"^\s*(import|export)", text, re.M)
    (tmp_path / "b.js").write_text("const a = 2;\nexport const b = 1;\n")
    with pytest.raises(WorkspaceError, match=r"main\.js: gives the name 'a', as b\.js does"):
        bundled(tmp_path)
    (tmp_path / "b.js").write_text('import { a } from "./main.js";\n')
    with pytest.raises(WorkspaceError, match="in a circle"):
        bundled(tmp_path)


def test_the_page_is_written_again_when_its_template_changes(tmp_path):
    """Interrupted at the fourth look; the second and the fourth see a change."""
    template: Path = tmp_path / "a.css"
    template.write_text("a")
    written: list[str] = []
    looks = iter(["b", "b", "c", None])

    def pause(_: float) -> None:
        text = next(looks)
        if text is None:
            raise KeyboardInterrupt
        if text != template.read_text():
            template.unlink()
            (tmp_path / f"{text}.css").write_text(text)
            template.write_text(text)

    with pytest.raises(KeyboardInterrupt):
        watched([tmp_path], lambda: written.append(template.read_text()), pause)
    assert written == ["a", "b", "c"]
