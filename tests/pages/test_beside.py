"""The pages beside the scorecard: audit, library and comparison. Each shows what its documents say,
and nothing that is written on one of them acts."""

from __future__ import annotations

import html
import json
import re
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
import yaml
from browsing import CLIPPED, REPORTS, WIDTHS, WRITTEN, opened
from gates import certificate, pair, plan, registration
from run_folders import change, finish, workspace, write

from harness.audit.questions import Question, Survivor
from harness.content.library import Adapter
from harness.doors.cli.main import main
from harness.evidence.folder import RunFolder
from harness.gate.finished.recheck import decided
from harness.pages import audit
from harness.pages.beside import compare, library

TEXTS = [text for text in WRITTEN if len(text) < 2000]
NAMES = [text[:200] for text in TEXTS]
YAML = [text.encode(errors="ignore").decode() for text in NAMES]  # holds no half of a pair


def said(page):
    """The text of a page, as a reader has it."""
    outside = re.sub(r"<(script|style|svg)\b.*?</\1>", "", page, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", outside)).split())


def command(*asked):
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in asked])
    return ended.value.code


def proven(**changed):
    """A certificate with everything that a page shows of one."""
    asked = Question("cut", ["cut", "chopped"], "it is cut", 1, 4, "ada", "-one\n+two")
    fields = {
        "outcomes": {"good": {"pass": 59, "fail": 1, "unverified": 0},
                     "bad": {"pass": 2, "fail": 97, "unverified": 1}},
        "false_passes": ["b1", "b2"], "false_fails": ["g1"], "effective_bad": 41,
        "effective_good": 39, "survivors": [Survivor("swapped", "bob", "-three\n+four")],
        "questions": [asked], "waived": {"renamed": "names are free"},
        "operators": {"cut": [1, 4], "swapped": [3, 4], "doubled": [5, 5]},
        "surroundings": {"the date": [3, 120], "the locale": [0, 120]},
        "faults": ["not deterministic: it depends on the date"], "tasks_failed": 1,
    }  # fmt: skip
    return certificate("s.ok", 60, 100, **fields | changed)


@pytest.fixture
def audited(tmp_path):
    def made(*certificates, **found):
        shown = SimpleNamespace(broken=[], leaks=[], reports=REPORTS, **found)
        audit.write_html(tmp_path / "audit.html", certificates, shown)
        return tmp_path / "audit.html"

    return made


def test_an_audit_page_shows_what_the_certificate_says(audited):
    one = proven()
    text = said(audited(one, certificate("t.ok")).read_text())
    wanted = [
        "1 of 2 REFUSED", "1 of 2 VALID", f"2 of 100, worth 41; at most {one.false_pass_bound:.1%}",
        f"1 of 60, worth 39; at most {one.false_fail_bound:.1%}", "good 59 1 0", "bad 2 97 1",
        f"tasks with a bad passed 1 of 29 29 {one.task_bound:.1%}", "the date 3 of 120",
        "the locale 0 of 120", "cut 1 of 4 not answered", "swapped 3 of 4 not asked: most fail",
        "renamed set aside may pass: names are free", "is it still right when it is cut?",
        "-one +two", "-three +four", "of 1 operators none passes", "passes known-bad b1, b2",
    ]  # fmt: skip
    assert [each for each in wanted if each not in text] == []
    assert "2 of 2 VALID" in said(audited(certificate("s.ok"), certificate("t.ok")).read_text())


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A workspace: a candidate that may ship, and two that are said to be shipped, one with a
    receipt."""
    place = workspace(tmp_path_factory.mktemp("library"), 0, 2)
    (place / "runs").mkdir()
    (place / "run").rename(place / "runs" / "one")
    write(place / "other/adapters.safetensors", "others")
    listed = yaml.safe_load((place / "library.yaml").read_text())
    mine = listed["adapters"]["gamedev"]
    claims = [{"text": "0.3 MB", "metric": "megabytes", "value": 0.3, "tolerance": 0.1}]
    listed["adapters"] |= {
        "good": {**mine, "status": "shipped", "lineage": "gamedev", "claims": claims},
        "bare": {**mine, "status": "shipped", "path": "other"},
        "gone": {**mine, "path": "nowhere"},
        "file": {**mine, "path": "other/adapters.safetensors"},
    }
    (place / "library.yaml").write_text(yaml.safe_dump(listed))
    return place


def test_what_is_shipped_without_a_receipt_is_red_on_the_library_page(place, tmp_path, monkeypatch):
    file, again = tmp_path / "library.html", []
    monkeypatch.setattr(
        "harness.gate.finished.recheck.decided", lambda run: again.append(run) or decided(run)
    )
    assert command("library", "--library", place, "--html", file) == 1
    assert len(again) == 1, "the one run of two entries is decided again once"
    page = file.read_text()
    found = re.findall(r'<tr([^>]*)><th scope="row">(\w+)<small>(.*?)</tr>', page, re.S)
    rows = {name: (mark, said(text)) for mark, name, text in found}
    assert {name: "bare" in mark for name, (mark, _) in rows.items()} == {
        "gamedev": False, "good": False, "bare": True, "gone": False, "file": False,
    }  # fmt: skip
    assert "no receipt" in rows["bare"][1]
    assert "SHIP in runs/one" in rows["good"][1]
    assert "0.3 MB not measured" in rows["good"][1], "no claim is believed without its reason"
    assert "nowhere: no such file or folder" in rows["gone"][1]
    assert "never gated with these bytes" in rows["file"][1], "a kind may be one file"
    card = json.loads((place / "runs/one/scorecard.json").read_text())
    for suite in card["suites"]:
        rate = suite["rates"][suite["first"]]["rate"]
        assert f"{suite['suite']} {card['finished'][:10]} {rate:.1%}" in rows["gamedev"][1]
    assert str(place) not in page, "no path of this machine"


def test_a_subject_of_another_kind_is_listed_as_what_it_is(place, tmp_path):
    listed = yaml.safe_load((place / "library.yaml").read_text())
    plain = Adapter(**listed["adapters"]["gamedev"])
    kinds = {kind: plain.model_copy(update={"kind": kind}) for kind in ("adapter", "fused")}
    shown = [library.Subject(f"my {kind}", one, [], None) for kind, one in kinds.items()]
    text = said(library.page("library.yaml", shown, REPORTS, tmp_path))
    assert [f"my {kind} {kind} on pocket" in text for kind in kinds] == [True, True]


def test_a_run_that_was_edited_says_so_on_the_library_page(place, tmp_path):
    other = shutil.copytree(place, tmp_path / "edited")
    change(other / "runs/one/scorecard.json", lambda data: data.update(look=7))
    command("library", "--library", other, "--html", other / "library.html")
    text = said((other / "library.html").read_text())
    assert "differs scorecard.json: look: found 7" in " ".join(text.split())
    assert "Candidates that may ship none" in text


def test_one_run_that_cannot_be_read_keeps_no_library_from_its_page(place, tmp_path):
    other = shutil.copytree(place, tmp_path / "edited")
    shutil.copytree(other / "runs/one", other / "runs/two")
    change(other / "runs/two/scorecard.json", lambda data: data["suites"][0].pop("rates"))
    command("library", "--library", other, "--html", other / "library.html")
    runs = said((other / "library.html").read_text()).partition("Every run")[2]
    assert ("one gamedev" in runs, "two gamedev" in runs) == (True, False)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Two runs, of which the second lost some, and their page."""
    root = tmp_path_factory.mktemp("pairs")
    for name, lost, kept in (("one", 0, 35), ("two", 9, 20)):
        rows = [*pair("humaneval", 164, 60 - lost, 0, lost), *pair("godot", 40, 0, kept, 0)]
        rows = [replace(row, answer=f"velocity = {row.outcome}") for row in rows]
        plans = [plan("humaneval", 164, "guard"), plan("godot", 40)]
        finish(root / name, registration(plans), rows)
    assert command("compare", root / "one", root / "two", "--html", root / "page.html") == 1
    return root


def test_a_page_of_two_runs_says_what_the_command_says(pairs, capsys):
    command("compare", pairs / "one", pairs / "two", "--json")
    found = json.loads(capsys.readouterr().out)
    text = said((pairs / "page.html").read_text())
    for suite in found["suites"]:
        one = suite["result"]
        wanted = [f"{100 * one['difference'][end]:+.1f}" for end in ("low", "high")]
        wanted += [f"{r['passes']}/{r['n']} = {r['rate']:.1%}" for r in suite["rates"].values()]
        wanted += [f"{suite['suite']} lost {', '.join(one['lost'])}", one["held"]["state"]]
        assert [each for each in wanted if each not in text] == []
    assert found["sentence"] in text
    assert "24 lost , 0 gained of 204 compared" in text


@pytest.fixture(scope="module")
def acting(hostile, tmp_path_factory):
    """Each page with every text that anybody may choose written to act."""
    folder = tmp_path_factory.mktemp("acting")
    run, long = RunFolder(hostile), "".join(NAMES)
    runs = {
        name: {"run": long, "adapter": long, "verdict": "VOID"}
        | dict.fromkeys(("adapter_digest", "base_digest", "registration"), long)
        for name in ("a", "b")
    }
    card = run.scorecard.suites[0]
    suites = [{"suite": "s", "rates": dict.fromkeys("ab", card["rates"]["base"]), "result": None}]
    found = {"runs": runs, "suites": suites, "notes": TEXTS, "alpha": 0.05, "exit_code": 2}
    made = compare.page(found | {"sentence": long}, {"a": run, "b": run}, REPORTS)
    (folder / "compare.html").write_text(made)
    listed = dict.fromkeys(("path", "base", "lineage", "release"), "".join(YAML))
    claims = [{"text": t, "metric": "megabytes", "value": 1, "tolerance": 1} for t in YAML]
    adapter = Adapter(**listed, status="shipped", facets=YAML, suites=["s"], claims=claims)
    subjects = [library.Subject(t, adapter, [run], run, t, t, t) for t in TEXTS[:1]]
    subjects.append(library.Subject(long, adapter, [run], run, "", long))
    (folder / "library.html").write_text(library.page(long, subjects, REPORTS, folder))
    survivors = [Survivor(t, t, f"-{t}\n+{t}") for t in TEXTS]
    questions = [Question(t, [t], t, 1, 2, t, f"-{t}") for t in TEXTS]
    worst = proven(
        false_passes=NAMES, false_fails=NAMES, flips=NAMES, faults=TEXTS, notes=TEXTS,
        survivors=survivors, questions=questions, waived=dict(zip(NAMES, TEXTS, strict=True)),
        operators={t: [1, 2] for t in NAMES}, surroundings={t: [1, 2] for t in NAMES},
        binding={"source": dict(zip(NAMES, NAMES, strict=True)), "tools": {long: long}},
    )  # fmt: skip
    shown = SimpleNamespace(broken=TEXTS, leaks=TEXTS, reports=REPORTS)
    audit.write_html(folder / "audit.html", [replace(worst, verifier=long)], shown)
    return folder


@pytest.mark.browser
@pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium")
@pytest.mark.parametrize("name", ["audit", "compare", "library"])
def test_nothing_that_is_written_acts_or_breaks_a_page(browser, acting, name):
    page = opened(browser, acting / f"{name}.html", bypass_csp=True)
    page.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")
    if name == "compare":
        page.locator("#row0").click()
        page.wait_for_selector("#detail[data-shown]")
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    assert page.evaluate("() => window.__hit ?? 0") == 0
    assert page.seen == [(acting / f"{name}.html").as_uri()], "nothing is asked for"
    strange = "iframe, img, object, embed, base, video, script[src], :not(html):not(head) > style"
    assert page.evaluate("(q) => document.querySelectorAll(q).length", strange) == 0
    text = page.evaluate("() => document.body.innerText")
    assert not re.search("[\u202e\u200b\u2066\x00\x1b]", text)
    page.context.close()


@pytest.mark.browser
@pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium")
@pytest.mark.parametrize(("name", "scheme"), [
    ("audit", "light"), ("compare", "dark"), ("library", "light"),
])  # fmt: skip
def test_a_page_fits_every_width_and_paper(browser, audited, pairs, place, name, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    if name == "library":
        command("library", "--library", place, "--html", place / "library.html")
    plain = certificate("t.ok", faults=[], outcomes=proven().outcomes)
    file = {
        "audit": lambda: audited(proven(), plain),
        "compare": lambda: pairs / "page.html",
        "library": lambda: place / "library.html",
    }[name]()
    page = opened(browser, file, color_scheme=scheme, bypass_csp=True)
    found = axe.Axe().run(page).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"][:90]) for v in found] == []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        assert page.evaluate(CLIPPED) == [], width
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 680, "height": 1000})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 680
    assert page.evaluate(CLIPPED) == []
    if name == "compare":
        page.emulate_media(media="screen")
        page.goto(file.as_uri() + "#flip=lost&receipt=humaneval%3Ahumaneval%2F51")
        page.wait_for_selector("#detail[data-shown]")
        columns = page.locator("#detail .answers > section")
        assert columns.locator("h4").all_inner_texts() == ["A gamedev", "B gamedev"]
        marks = [(m.get_attribute("class"), m.inner_text()) for m in columns.locator("mark").all()]
        assert marks == [("removed", "pass"), ("added", "fail")]
        assert "'#" in columns.nth(1).locator(".command").inner_text()
    page.context.close()
