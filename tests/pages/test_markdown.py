"""The scorecard of a pull request: what it says, and what it keeps to itself."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from conftest import ROOT
from gates import claim, pair, plan, receipt, registration
from markdown_it import MarkdownIt
from run_folders import begin, finish

from harness.digests import text_digest
from harness.doors.cli.main import main
from harness.evidence.receipts import Finding
from harness.evidence.registration import prompt_digest
from harness.gate.finished.report import report
from harness.pages.published import Hidden
from harness.pages.tables import inert, one_line
from harness.pages.view import Times

#: what Markdown, GitHub or a reader of HTML would act on
HOSTILE = (
    "<img src=x onerror=a(1)>", "</details></table><script>a(1)</script>", "<!--", "-->",
    "[click](javascript:alert(1)) ![x](https://evil.example/p.png)", "<https://evil.example>",
    "https://evil.example/a www.evil.example WWW.EVIL.EXAMPLE", "[x]: https://evil.example",
    "@everyone #12 org/repo#3 $\\alpha$ mail@evil.example", "**bold** _em_ ~~gone~~ `code`",
    "one\n## SHIP: two\n\n| a | b |\n|---|---|\n| SHIP | SHIP |\n", "```html\n<b>x</b>\n```",
    "&lt;b&gt; &#60;b&#62;", "\\[x](https://evil.example)", "a | b", "\u202eTPIHS", "\x1b[2J",
    "- [ ] task\n1. one\n> quote\n***\n    code", "x\\", "[^1]", "\ud800 lone",
)  # fmt: skip


def acts(text: str, parser: MarkdownIt) -> set[str]:
    """What a text makes besides words, in a line of a list and in a cell."""
    found: set[str] = set()
    for line in (f"- before {text} behind\n", f"| a | b |\n|---|---|\n| {text} | last |\n"):
        tokens = parser.parse(line)
        inner = [one for token in tokens for one in token.children or ()]
        assert sum(token.type == "td_open" for token in tokens) in (0, 2)
        found |= {one.type for one in inner if one.content != "<!-- -->"} - {"text", "text_special"}
        found |= {token.type for token in tokens if token.type in ("html_block", "heading_open")}
    return found


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text_in_markdown(text):
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    shown = inert(text)
    assert acts(shown, parser) == set()
    assert not any(each in shown for each in ("s://", "@e", "#1", "www.", "WWW.", "\n"))
    inner = [one for token in parser.parse(f"before {shown}") for one in token.children or ()]
    words = "".join(one.content for one in inner if one.type != "html_inline")
    assert words == f"before {one_line(text)}"


def test_the_check_sees_what_is_not_made_inert():
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    acting = [text for text in HOSTILE[:7] if acts(text.replace("\n", " "), parser)]
    assert len(acting) == 4  # the others act on GitHub alone


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A run that lost a guard and gained a facet, with a hostile claim."""
    said = claim("<b>86 %</b> @everyone", "godot", "elite_rate", 0.5)
    found = registration([plan("humaneval", 164, "guard"), plan("godot", 40)], claims=[said])
    rows = [*pair("humaneval", 164, 58, 1, 9), *pair("godot", 40, 0, 35, 0)]
    return finish(tmp_path_factory.mktemp("shown") / "run", found, rows)


def test_it_says_what_the_documents_say(shown):
    text = (shown / "scorecard.md").read_text()
    verdict = json.loads((shown / "verdict.json").read_text())
    card = json.loads((shown / "scorecard.json").read_text())
    assert text.startswith(f"## {verdict['verdict']}: gamedev on pocket\n")
    for reason in verdict["reasons"]:
        assert f"- **{reason['verdict']}** {inert(reason['text'].split('. ')[0])[:30]}" in text
        assert inert(f"[{reason['code']}]") in text
    for suite in card["suites"]:
        asked = suite["results"][0]
        ends = [
            f"{100 * asked[key][end]:+.1f}" for key in ("difference",) for end in ("low", "high")
        ]
        rates = [f"{suite['rates'][arm]['rate']:.1%}" for arm in ("base", "adapter")]
        row = f"| {suite['suite']} | {suite['reason']['verdict']} | {rates[0]} | {rates[1]} | "
        change = f"{100 * asked['delta']:+.1f} \\[{ends[0]}, {ends[1]}\\]"
        flips = f"| {len(asked['lost'])} | {len(asked['gained'])} |"
        assert any(
            line.startswith(row + change) and line.endswith(flips) for line in text.splitlines()
        )
    assert "| 0 | 35 |" in text
    assert "do not release; read the lost prompts" in text
    assert "45 prompts that changed" in text
    assert "(scorecard.html)" in text
    assert "not rechecked" in text
    ended = re.escape(inert(f"decided {card['finished']}"))
    assert re.search(rf"{ended}(, 0 min \d+ s after it was begun .*)? · run", text)
    lost = card["suites"][0]["results"][0]["lost"]
    assert len(lost) == 9
    rows = [line for line in text.splitlines() if "| lost | ok |" in line]
    assert [row.split(" | ")[1] for row in rows] == lost
    assert max(map(len, text.splitlines())) < 400


def test_few_prompts_compare_nothing_and_have_no_rate(tmp_path):
    run = finish(tmp_path / "run", registration([plan("s", 5)]), pair("s", 5, 2, 1, 1))
    text = (run / "scorecard.md").read_text()
    assert "| s | INCONCLUSIVE | 3/5 | 3/5 | not compared | a gain |  |  |" in text
    assert "answers that changed: nothing was compared" in text
    assert "prompts that changed" not in text


def test_held_out_texts_stand_as_digests(tmp_path):
    secret, answer = "The held-out question that nobody may read", "An answer that was kept \ud800"
    bad = [Finding("ok", "s.ok", "fail", f"not {answer}", answer)]
    good = [Finding("ok", "s.ok", "pass", "", "")]
    rows = [
        receipt(
            "s",
            n,
            arm,
            findings[0].outcome,
            prompt=f"{n} {secret}",
            answer=answer,
            findings=findings,
        )
        for arm, findings in (("base", good), ("adapter", bad))
        for n in range(20)
    ]
    cases = [[f"s/{n}", prompt_digest(f"{n} {secret}")] for n in range(20)]
    found = registration(
        [plan("s", 20, cases=cases)], claims=[claim(secret, "s", "elite_rate", 0.5)]
    )
    run = finish(tmp_path / "run", found, rows)
    text = (run / "scorecard.md").read_text()
    assert "question" not in text
    assert "kept" not in text
    assert r"\[held-out text\]" in text
    assert text_digest(f"0 {secret}")[7:19] in text
    assert "| s | s/0 | lost | ok |" in text


def test_who_may_be_quoted_is_found_by_any_twenty_letters():
    long = "A held-out answer of many words that a verdict may quote from anywhere in it"
    rows = [receipt("s", n, "base", "fail", answer=text) for n, text in enumerate((long, "none"))]
    letters = [at for at, c in enumerate(long) if c.isalnum()]
    for first, last in zip(letters, letters[19:], strict=False):
        part = long[first : last + 1]
        for said in (part, part.upper(), repr(part.replace(" ", "\n"))):
            asked = ["other words", f"before {said!r} behind"]
            hidden = Hidden(rows, asked)
            assert hidden.text(asked[0]) == asked[0]
            assert "[held-out text]" in hidden.text(asked[1])
    other = "no words of theirs are in this sentence, however long it may be"
    assert Hidden(rows, [other]).text(other) == other


def test_no_word_of_an_answer_is_what_to_do_next_or_hides_behind_other_spaces(tmp_path):
    says = "<|u|> Ok. harness ship a -- sh x would do, it would be a Zebra named Quentin"
    for answer in (says, says.replace(" ", "\u00a0"), says.replace(" ", "\u200b ")):
        rows = pair("s", 20, 5, 10, 5)
        rows = [replace(r, answer=answer) if r.arm == "adapter" else r for r in rows]
        plans = [plan("s", 20, control_tokens=["<|u|>"])]
        run = finish(tmp_path / text_digest(answer)[7:15], registration(plans), rows)
        text = (run / "scorecard.md").read_text()
        assert "VOID" in text
        assert "control-tokens" in text
        assert "Zebra" not in text
        assert "harness ship" not in text
        assert "Zebra" not in report(run, ROOT / "reports", published=True)[0].read_text()


def test_an_unfinished_run_has_a_page_that_says_so(tmp_path, capsys):
    found = registration([plan("humaneval", 164, "guard"), plan("godot", 40)])
    run = tmp_path / "run"
    with begin(run, found) as begun:
        for row in pair("humaneval", 164, 58, 0, 0)[:200]:
            begun.add(row)
    with pytest.raises(SystemExit, match="1"):
        main(["report", str(run), "--to", "md"])
    text = (run / "scorecard-rechecked.md").read_text()
    assert text.startswith("## not finished: gamedev on pocket\n\n**not finished: 200 receipts")
    assert "next: gate again into its folder" in text
    assert "SHIP: gamedev" not in text + capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, ""), (90, ", 1 min 30 s after"), (7500, ", 2 h 5 min after")]
)
def test_how_long_a_run_took_is_said_where_its_files_tell(seconds, said):
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    after = Times(begun, begun + timedelta(seconds=seconds)).after
    assert after.startswith(said)
    assert bool(after) is bool(said)
