"""The facet of Flutter: subtle faults of widgets, each beside its honest twin."""

import pytest
from conftest import ROOT

from harness import Answer, Case, Outcome
from harness.judging.discovery import discover

pytest.importorskip("tree_sitter_dart", reason="pip install 'adapter-release-gate[gamedev]'")

VERIFIERS = {
    id: one for id, one in discover(ROOT / "verifiers").verifiers.items() if one.facet == "flutter"
}
EXPECT = {"types": [{"name": "Probe", "base": "Widget"}], "uses": [{"any": ["Probe"]}]}
HEAD = "import 'dart:async';\nimport 'package:flutter/material.dart';\n"
WIDGET = """class Probe extends StatefulWidget {
  const Probe({super.key, required this.load, required this.ticks});
  final Future<int> Function(String) load;
  final ValueNotifier<int> ticks;
  @override
  State<Probe> createState() => _ProbeState();
}
"""
BUILD = "@override\nWidget build(BuildContext context) => const SizedBox();\n"


def failures(answer, **expect):
    """The criteria that refuse an answer, with their reasons."""
    case = Case("probe", "Write `Probe`.", {**EXPECT, **expect})
    told = {id: one.function(case, Answer(answer)) for id, one in VERIFIERS.items()}
    assert not [id for id, each in told.items() if each.outcome is Outcome.UNVERIFIED]
    return {
        id.removeprefix("flutter."): each.reason
        for id, each in told.items()
        if each.outcome is Outcome.FAIL
    }


def script(body, mixins="", build=BUILD):
    state = f"class _ProbeState extends State<Probe> {mixins} {{\n{body}\n{build}}}"
    return f"```dart\n{HEAD}{WIDGET}{state}\n```"


def disposing(fields, ends):
    return f"{fields}\n@override\nvoid dispose() {{\n{ends}\nsuper.dispose();\n}}\n"


def running(before, after="Navigator.pop(context);"):
    return f"Future<void> go() async {{\n{before}\n{after}\n}}\n"


def building(tree):
    return f"@override\nWidget build(BuildContext context) => {tree};\n"


LIST = "final _all = List.generate(3, (_) => FocusNode());"
LISTEN = (
    "@override\nvoid initState() { super.initState(); widget.ticks.addListener(_on); }\n"
    "void _on() {}"
)
ENDING = "final _f = FocusNode();\n@override\nvoid dispose() {{ {} }}"
INIT = "@override\n{} {{ super.{}(); print(Theme.of(context)); }}"
FUTURE = "FutureBuilder<int>(future: {}, builder: (a, b) => Text('a'))"
TARGET = "DragTarget<int>({}: print, builder: (a, b, c) => Text('a'))"
CONTROLLER = "late final _c = AnimationController(vsync: this);"
ASYNC = "await widget.load('a');"
TICKER = "with SingleTickerProviderStateMixin"
TIMER = "Timer? _timer;\nvoid go() {{ {} _timer = Timer(Duration.zero, () {{}}); }}"
# (criterion, reason, what is wrong, its honest twin): bodies of a State, or whole answers
PAIRS = [
    (
        "parses",
        "undeclared",
        script("int _a = 0; int get b => _aa;"),
        script("int _a = 0; int get b => _a;"),
    ),
    (
        "parses",
        "undeclared",
        script("Object b() => widget.loader;"),
        script("Object b() => widget.load;"),
    ),
    ("parses", "undeclared", script("Object b() => load;"), script("Object b() => widget.load;")),
    (
        "parses",
        "undeclared",
        script("Object b() => ticks;"),
        script("Object b() { final ticks = widget.ticks; return ticks; }"),
    ),
    ("parses", "null-safety", script("int b({int a}) => a;"), script("int b({int a = 1}) => a;")),
    ("parses", "null-safety", script("int a;"), script("late int a;")),
    (
        "parses",
        "import",
        script("Object b() => jsonDecode('1');"),
        script("Object b() => jsonDecode('1');").replace(
            "import", "import 'dart:convert';\nimport", 1
        ),
    ),
    (
        "declares",
        "ticker",
        script(disposing(CONTROLLER, "_c.dispose();")),
        script(disposing(CONTROLLER, "_c.dispose();"), TICKER),
    ),
    ("declares", "shape", script("").replace("final ValueNotifier", "ValueNotifier"), script("")),
    ("declares", "shape", script("").replace("_ProbeState();", "OtherState();"), script("")),
    (
        "current",
        "deprecated",
        script("Object b(Color c) => c.withOpacity(0.5);"),
        script("Object b(Color c) => c.withValues(alpha: 0.5);"),
    ),
    (
        "current",
        "deprecated",
        script("", build=building(TARGET.format("onAccept"))),
        script("", build=building(TARGET.format("onAcceptWithDetails"))),
    ),
    (
        "lifetime",
        "not-released",
        script("final _f = FocusNode();"),
        script(disposing("final _f = FocusNode();", "_f.dispose();")),
    ),
    (
        "lifetime",
        "not-released",
        script("final _f = ValueNotifier<int>(0);"),
        script(disposing("final _f = ValueNotifier<int>(0);", "_f.dispose();")),
    ),
    (
        "lifetime",
        "not-released",
        script(disposing(LIST, "")),
        script(disposing(LIST, "for (final f in _all) { f.dispose(); }")),
    ),
    (
        "lifetime",
        "piles-up",
        script(disposing(TIMER.format(""), "_timer?.cancel();")),
        script(disposing(TIMER.format("_timer?.cancel();"), "_timer?.cancel();")),
    ),
    (
        "lifetime",
        "order",
        script(ENDING.format("super.dispose(); _f.dispose();")),
        script(ENDING.format("_f.dispose(); super.dispose();")),
    ),
    (
        "lifetime",
        "not-owned",
        script(disposing("", "widget.ticks.dispose();")),
        script(disposing("", "")),
    ),
    (
        "lifetime",
        "not-released",
        script(LISTEN),
        script(disposing(LISTEN, "widget.ticks.removeListener(_on);")),
    ),
    (
        "moments",
        "after-await",
        script(running(ASYNC)),
        script(running(ASYNC + " if (!mounted) return;")),
    ),
    (
        "moments",
        "after-await",
        script(running("if (!mounted) return; " + ASYNC)),
        script(running(ASYNC + " if (!context.mounted) return;")),
    ),
    (
        "moments",
        "after-await",
        script(running(f"try {{ {ASYNC} }} finally {{", "setState(() {}); }")),
        script(running(f"try {{ {ASYNC} }} finally {{", "if (mounted) setState(() {}); }")),
    ),
    (
        "moments",
        "after-await",
        script(running(ASYNC, "_end();") + "void _end() => setState(() {});"),
        script(running(ASYNC, "_end();") + "void _end() { if (mounted) setState(() {}); }"),
    ),
    (
        "moments",
        "after-await",
        script("void go() { widget.load('a').then((_) => setState(() {})); }"),
        script("void go() { widget.load('a').then((_) { if (mounted) setState(() {}); }); }"),
    ),
    (
        "moments",
        "future-in-build",
        script("", build=building(FUTURE.format("widget.load('a')"))),
        script("late final _f = widget.load('a');", build=building(FUTURE.format("_f"))),
    ),
    (
        "moments",
        "too-early",
        script(INIT.format("void initState()", "initState")),
        script(INIT.format("void didChangeDependencies()", "didChangeDependencies")),
    ),
    (
        "moments",
        "async",
        script("@override\nFuture<void> initState() async { super.initState(); }"),
        script("@override\nvoid initState() { super.initState(); }"),
    ),
]


@pytest.mark.parametrize("pair", range(len(PAIRS)))
def test_a_subtle_fault_is_refused_and_its_twin_passes(pair):
    criterion, reason, wrong, right = PAIRS[pair]
    assert failures(wrong).get(criterion) == reason
    assert failures(right) == {}


def test_an_older_answer_may_not_replace_a_newer_one():
    search = (
        "int _n = 0;\nString _q = '';\nFuture<void> find(String q) async {{\n_q = q;\n"
        "final n = await widget.load(q);\nif (!mounted{}) return;\nsetState(() => _n = n);\n}}"
    )
    assert failures(script(search.format("")), stale_guard=True) == {"moments": "stale"}
    assert failures(script(search.format("")), stale_guard=False) == {}
    assert failures(script(search.format(" || q != _q")), stale_guard=True) == {}


def test_a_release_that_is_older_has_its_own_api():
    old = script("final b = MaterialStateProperty.all(1);")
    new = script("final b = WidgetStateProperty.all(1);")
    assert (failures(old, version="3.16"), failures(new, version="3.22")) == ({}, {})
    assert failures(old, version="3.22") == {"current": "deprecated"}
    assert failures(new, version="3.16") == {"current": "not-yet"}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("Use a `Probe` widget with `PopScope`.", "no-code"),
        ("```dart\n```", "no-code"),
        (script("").replace("```dart", "```kotlin"), "no-code"),
        (script("").removesuffix("```"), "no-code"),
        (script("").replace("Probe", "Other"), "missing"),
        (script("int a = ;"), "syntax"),
    ],
)
def test_nothing_to_check_passes_no_criterion(answer, reason):
    assert failures(answer) == dict.fromkeys((id.partition(".")[2] for id in VERIFIERS), reason)


USES = script(
    disposing(
        (
            "final _f = FocusNode();\nint a = 0;\n"
            "void go() { _f.requestFocus(); a = 3; print('Saved $a'); }"
        ),
        "_f.dispose();",
    ),
    build=building("PopScope<Object?>(canPop: false, child: Text('x', maxLines: -2))"),
)


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"any": ["dispose()"], "from": "teardown"}, True),
        ({"any": ["dispose()"], "from": "build"}, False),
        ({"any": ["FocusNode.requestFocus()"], "in": "Probe"}, True),
        ({"any": ["ScrollController.requestFocus()"]}, False),
        ({"any": ["PopScope<Object?>"]}, True),
        ({"any": ["PopScope<int>"]}, False),
        ({"any": ["PopScope(canPop:)"]}, True),
        ({"any": ["Text(canPop:)"]}, False),
        ({"any": ["_f?.requestFocus()", "FocusScope.of(context).requestFocus()"]}, True),
        ({"any": ["canPop:"]}, True),
        ({"any": ["a=3"]}, True),
        ({"any": ["a=4"]}, False),
        ({"any": ['"Saved"']}, True),
        ({"any": ["-2"]}, True),
        ({"any": ["2"]}, False),
        ({"any": ["requestFocus()"], "before": ["print()"]}, True),
        ({"any": ["print()"], "before": ["requestFocus()"]}, False),
    ],
)
def test_a_row_is_found_where_it_asks_and_nowhere_else(row, found):
    assert ("uses" not in failures(USES, uses=[row])) is found
    if "before" not in row:
        assert ("uses" in failures(USES, avoids=[row])) is found
