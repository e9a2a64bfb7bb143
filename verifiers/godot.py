"""GDScript for Godot 4, read as a tree of gdtoolkit's grammar: the engine is not run."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import lark

from harness import Answer, Case, Judgement, failed, passed, unverified, verifier

from ._gdcode import (
    PER_FRAME,
    PHYSICS,
    Function,
    Script,
    assignments,
    calls,
    connections,
    emissions,
    factors,
    names,
)
from ._gdrules import faults
from ._gdscript import Item, Tree, inner, parameters, script, string, tokens, trees, walk, where

PACKAGES = ["gdtoolkit", "lark", "tree-sitter", "markdown-it-py"]
API = Path(__file__).with_name("_gdapi.toml")
BODIES = ("CharacterBody2D", "CharacterBody3D")
MOVED = ("position", "global_position", "rotation", "rotation_degrees", "global_rotation")


def _read(answer: Answer) -> tuple[Script, str] | Judgement:
    """The one script of an answer; two blocks that both declare something are no answer."""
    blocks = [b for b in answer.blocks if b.closed and b.language in ("gdscript", "gd", "godot")]
    whole = [b for b in blocks if "extends" in b.code.split() or "class_name" in b.code.split()]
    if len(whole) > 1:
        return failed("two-scripts", f"{len(whole)} scripts, expected one")
    read = script(answer)
    if isinstance(read, Judgement):
        return read
    found = Script(read[0])
    if not (found.functions or found.variables or found.signals or found.constants):
        return failed("nothing-declared", "the script declares nothing")
    return found, read[1]


@verifier("godot.parses", version=1, facet="godot", packages=PACKAGES, level="parsed")
def parses(_case: Case, answer: Answer) -> Judgement:
    """The answer is one script that Godot 4 would take: grammar, one kind of indentation,
    annotations, order, names, blocks, jumps."""
    read = _read(answer)
    if isinstance(read, Judgement):
        return read
    for problem in faults(read[0].tree, read[1]):
        return problem
    heads = trees(read[0].tree, "extends_stmt", "classname_extends_stmt")
    if len(heads) > 1:
        return failed("two-extends", f"{where(heads[1])}: extends stands twice")
    return passed(f"{len(read[1].splitlines())} lines")


@verifier("godot.declares", version=1, facet="godot", packages=PACKAGES, level="parsed")
def declares(case: Case, answer: Answer) -> Judgement:
    """The script extends and declares what ``expect`` names: class, signals, exports, members,
    functions, with their types."""
    read = _read(answer)
    if isinstance(read, Judgement):
        return read
    for problem in _undeclared(read[0], case.expect):
        return problem
    return passed(f"{read[0].base}: {', '.join([*read[0].signals, *read[0].functions])}"[:300])


def _undeclared(found: Script, expect: Mapping[str, Any]) -> Iterator[Judgement]:
    bases = expect.get("extends", [])
    if bases and found.base not in ([bases] if isinstance(bases, str) else bases):
        yield failed("wrong-base", f"extends {found.base}, expected {bases}")
    wanted = expect.get("class_name")
    if wanted and found.class_name != wanted:
        yield failed("class-name", f"class_name {found.class_name or 'none'}, expected {wanted}")
    for one in expect.get("signals", []):
        given = found.signals.get(one["name"])
        if given is None:
            yield failed("no-signal", f"no signal {one['name']}")
        elif "params" in one:
            yield from _parameters(f"signal {one['name']}", given, one["params"])
    for one in expect.get("functions", []):
        function = found.functions.get(one["name"])
        if function is None:
            yield failed("no-function", f"no function {one['name']}")
        else:
            yield from _signature(function, one)
    for key in ("exports", "members"):
        for one in expect.get(key, []):
            yield from _member(found, one, key)


def _signature(function: Function, one: Mapping[str, Any]) -> Iterator[Judgement]:
    if "params" in one:
        yield from _parameters(f"function {function.name}", function.parameters, one["params"])
    if "returns" in one and function.returns != _plain(one["returns"]):
        said = function.returns or "nothing written"
        yield failed("returns", f"{function.name}: {said}, expected {one['returns']}")
    if function.static != one.get("static", function.static):
        yield failed("static", f"{function.name}: static is {function.static}")


def _parameters(
    what: str, given: tuple[tuple[str, str], ...], wanted: list[str]
) -> Iterator[Judgement]:
    """Each wanted is ``name: Type`` or ``Type`` alone; a ``*`` takes any type."""
    asked = [one.rpartition(":") for one in wanted]
    if len(given) != len(asked):
        yield failed("parameters", f"{what} has {len(given)} parameters, expected {len(asked)}")
        return
    for (name, hint), (wants, _, type) in zip(given, asked, strict=True):
        if wants.strip() and name != wants.strip():
            yield failed("parameters", f"{what}: parameter {name}, expected {wants.strip()}")
        if type.strip() != "*" and hint != _plain(type):
            yield failed("parameters", f"{what}: {name} is {hint or 'untyped'}, expected {type}")


def _member(found: Script, one: Mapping[str, Any], key: str) -> Iterator[Judgement]:
    variable = found.variables.get(one["name"])
    exported = variable and any(mark.startswith("export") for mark in variable.marks)
    if variable is None and (key == "exports" or one["name"] not in found.constants):
        yield failed("no-member", f"no variable or constant {one['name']}")
    elif key == "exports" and not exported:
        yield failed("not-exported", f"{one['name']} has no @export")
    elif variable and "type" in one and variable.kind not in (_plain(one["type"]), ":="):
        said = variable.kind or "untyped"
        yield failed("member-type", f"{one['name']} is {said}, expected {one['type']}")


def _plain(type: str) -> str:
    return "".join(type.split())


@verifier("godot.uses", version=1, facet="godot", packages=PACKAGES, level="parsed")
def uses(case: Case, answer: Answer) -> Judgement:
    """The code does what ``expect.uses`` names, where it names a function also there, and nothing
    of what ``expect.avoids`` names; it connects what it is to hear."""
    read = _read(answer)
    if isinstance(read, Judgement):
        return read
    wanted = case.expect.get("uses", [])
    if not wanted:
        return unverified("expect", "expect.uses names nothing")
    for one in wanted:
        within = one.get("in")
        places = [None] if within is None else [within] if isinstance(within, str) else within
        trees_ = [tree for place in places for tree in read[0].places(place)]
        if not any(_does(tree, said) for tree in trees_ for said in one["any"]):
            there = f" in {within}" if within else ""
            return failed("unused", f"none of {', '.join(one['any'])}{there}")
    for said in case.expect.get("avoids", []):
        if _does(read[0].tree, said):
            return failed("avoided", f"{said} is what the prompt rules out")
    return passed("; ".join(one["any"][0] for one in wanted)[:300])


def _does(tree: Item, said: str) -> bool:
    """``name()`` a call, ``a.b()`` a call on a, ``name=`` an assignment, ``name`` any mention;
    ``hit.connect()`` and ``hit.emit()`` in either of their forms."""
    if said.endswith("="):
        wanted = tuple(said[:-1].split("."))
        return any(_ends(one.chain, wanted) for one in assignments(tree))
    if not said.endswith("()"):
        return said in names(tree)
    wanted = tuple(said[:-2].split("."))
    if len(wanted) == 2 and wanted[1] in ("connect", "emit"):
        found = connections(tree) if wanted[1] == "connect" else emissions(tree)
        return any(name == wanted[0] for name, _ in found)
    return any(_ends(call.chain, wanted) for call in calls(tree))


def _ends(chain: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    if len(wanted) == 1:  # velocity.x = is a change of velocity as well
        return wanted[0] == chain[-1:][0] if chain[-1:] == wanted else wanted[0] in chain[:1]
    return chain[-len(wanted) :] == wanted


@verifier("godot.current", version=1, facet="godot", packages=PACKAGES, level="parsed")
def current(case: Case, answer: Answer) -> Judgement:
    """Nothing of Godot 3 is left, nothing is newer than ``expect.version``, and ``connect`` gets a
    callable that the script has."""
    read = _read(answer)
    if isinstance(read, Judgement):
        return read
    found, api = read[0], tomllib.loads(API.read_text(encoding="utf-8"))
    for check in (_gone_calls, _gone_names):
        for problem in check(found, api):
            return problem
    for problem in _newer(found, api, case.expect.get("version", "4.3")):
        return problem
    return passed(f"{len(found.functions)} functions of today")


def _gone_calls(found: Script, api: Mapping[str, Any]) -> Iterator[Judgement]:
    for call in calls(found.tree):
        place, name = where(call.node), call.name
        if name in found.functions:
            continue
        alone = call.node.data == "standalone_call"
        gone = api["functions"].get(name) if alone else None
        gone = gone or api["methods"].get(name) or api["on"].get(".".join(call.chain[-2:]))
        if name == "instance" and not call.arguments:
            gone = "instantiate()"
        if name == "move_and_slide" and call.arguments:
            gone = "the property velocity and move_and_slide() without arguments"
        if gone:
            yield failed("godot-3", f"{place}: {name}() is gone: {gone}")
        if name in ("connect", "disconnect", "is_connected"):
            yield from _callable(found, call.arguments, f"{place}: {name}")


def _callable(found: Script, arguments: tuple[Item, ...], what: str) -> Iterator[Judgement]:
    """Godot 3 took a target and the name of a method; a private name is one of the script's."""
    texts = [string(one) for one in arguments]
    named = bool(texts) and texts[0] is not None
    taken = arguments[named : named + 2]
    if not taken:
        yield failed("no-callable", f"{what} gets no Callable")
    elif str(inner(taken[0])) == "self" or any(text is not None for text in texts[named:]):
        yield failed("godot-3", f"{what} takes a Callable, no target and text")
    else:
        last = inner(taken[0])
        known = {*found.functions, *found.variables, *_locals(found.tree)}
        if isinstance(last, lark.Token) and str(last).startswith("_") and str(last) not in known:
            yield failed("no-callable", f"{what}: the script has no function {last}")


def _locals(tree: Tree) -> set[str]:
    """The names that functions bind: variables, parameters, loops."""
    found: set[str] = set()
    for node in walk(tree):
        if not isinstance(node, lark.Tree):
            continue
        if node.data.startswith("func_var_") or node.data.startswith("for_stmt"):
            found |= set(tokens(node)[:1])
        elif node.data == "func_args":
            found |= {name for name, _ in parameters(node)}
    return found


def _gone_names(found: Script, api: Mapping[str, Any]) -> Iterator[Judgement]:
    own = {*found.functions, *found.variables, *found.constants, *_locals(found.tree)}
    for node in walk(found.tree):
        if isinstance(node, lark.Token) and node.type in ("NAME", "TYPE_HINT"):
            for word in str(node).replace("[", " ").replace("]", " ").replace(",", " ").split():
                gone = api["classes"].get(word) or (word not in own and api["members"].get(word))
                if gone:
                    yield failed("godot-3", f"line {node.line}: {word} is gone: {gone}")
        elif isinstance(node, lark.Tree) and node.data == "getattr":
            said = [str(one) for one in node.children if str(one) != "."]
            for pair in pairwise(said):
                if gone := api["on"].get(".".join(pair)):
                    yield failed("godot-3", f"{where(node)}: {'.'.join(pair)} is gone: {gone}")


def _newer(found: Script, api: Mapping[str, Any], version: str) -> Iterator[Judgement]:
    since: list[tuple[str, str, str]] = []
    for node in walk(found.tree):
        if isinstance(node, lark.Token):
            if str(node) in api["since"]:
                since.append((api["since"][str(node)], f"line {node.line}", str(node)))
            if node.type == "TYPE_HINT" and str(node).startswith("Dictionary["):
                since.append(("4.4", f"line {node.line}", "a typed Dictionary"))
        elif node.data == "for_stmt_typed":
            since.append(("4.2", where(node), "a typed loop variable"))
        elif node.data == "static_class_var_stmt":
            since.append(("4.1", where(node), "a static variable"))
    for needs, place, what in since:
        if _number(needs) > _number(version):
            yield failed("too-new", f"{place}: {what} is of {needs}, the prompt says {version}")


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


@verifier("godot.typed", version=1, facet="godot", packages=PACKAGES, level="parsed")
def typed(case: Case, answer: Answer) -> Judgement:
    """Every member, parameter and return has its type, or infers it; where ``expect.typed`` is
    false, what is exported has."""
    read = _read(answer)
    if isinstance(read, Judgement):
        return read
    found, whole = read[0], case.expect.get("typed", True)
    wrong = [
        one.name
        for one in found.variables.values()
        if not one.kind and (whole or any(mark.startswith("export") for mark in one.marks))
    ]
    for function in found.functions.values() if whole else ():
        wrong += [f"{function.name}({name})" for name, hint in function.parameters if not hint]
        wrong += [f"{function.name}() ->"] if not function.returns else []
    for signal, given in found.signals.items() if whole else ():
        wrong += [f"signal {signal}({name})" for name, hint in given if not hint]
    if wrong:
        return failed("untyped", ", ".join(wrong)[:300])
    return passed(f"{len(found.functions)} functions, {len(found.variables)} variables")


@verifier("godot.frame", version=1, facet="godot", packages=PACKAGES, level="parsed")
def frame(_case: Case, answer: Answer) -> Judgement:
    """The game loop goes on: nothing blocks or waits for ever, bodies move in
    ``_physics_process``, motion is scaled by ``delta`` once, nothing is loaded or awaited each
    frame."""
    read = _read(answer)
    if isinstance(read, Judgement):
        return read
    found = read[0]
    if not found.functions:
        return failed("nothing-runs", "the script has no function")
    for check in (_blocking, _body, _scaled, _each_frame):
        for problem in check(found):
            return problem
    return passed(", ".join(found.functions)[:300])


def _blocking(found: Script) -> Iterator[Judgement]:
    for call in calls(found.tree):
        if call.chain[-2:] in (("OS", "delay_msec"), ("OS", "delay_usec")):
            yield failed("blocks", f"{where(call.node)}: {call.name}() stops the whole game")
    for node in walk(found.tree):
        if isinstance(node, lark.Tree) and node.data == "while_stmt":
            condition, inside = inner(node.children[0]), names(node)
            endless = str(condition) in ("true", "1")
            ways_out = {"await", "break", "return"} & inside or _leaves(node)
            ticks = {"get_ticks_msec", "get_ticks_usec", "time_left", "is_stopped"}
            if (endless and not ways_out) or (names(node.children[0]) & ticks and not _waits(node)):
                yield failed("blocks", f"{where(node)}: a loop that no frame gets through")


def _leaves(node: Tree) -> bool:
    ways = ("break_stmt", "return_stmt", "await_expr")
    return any(isinstance(one, lark.Tree) and one.data in ways for one in walk(node))


def _waits(node: Tree) -> bool:
    return any(isinstance(one, lark.Tree) and one.data == "await_expr" for one in walk(node))


def _body(found: Script) -> Iterator[Judgement]:
    """``move_and_slide`` belongs where physics runs, and ``velocity`` is units a second already."""
    physics = found.reached.get(PHYSICS, frozenset())
    for name in sorted(found.reached.get("_process", frozenset()) - physics):
        for call in calls(found.bodies[name]):
            if call.name in ("move_and_slide", "move_and_collide"):
                yield failed("not-physics", f"{where(call.node)}: {call.name}() outside of physics")
    moved = found.base in BODIES or any(c.name == "move_and_slide" for c in calls(found.tree))
    for function in found.functions.values() if moved else ():
        delta = _deltas(function)
        for one in assignments(function.node):
            scaled = any(str(inner(part)) in delta for part in factors(one.value))
            if one.chain[:1] == ("velocity",) and scaled and one.sign in ("=", "*="):
                yield failed("scaled-twice", f"{where(one.node)}: move_and_slide() scales velocity")


def _deltas(function: Function) -> set[str]:
    """The names of what a frame took."""
    given = (
        {function.parameters[0][0]} if function.name in PER_FRAME and function.parameters else set()
    )
    return given | {"delta"}


def _scaled(found: Script) -> Iterator[Judgement]:
    """What is moved each frame by a step is moved by it times the time that the frame took."""
    for name in PER_FRAME:
        function = found.functions.get(name)
        if function is None:
            continue
        timed = _deltas(function) | {"get_process_delta_time", "get_physics_process_delta_time"}
        for node in walk(function.node):
            if isinstance(node, lark.Tree) and node.data.startswith("func_var_"):
                timed |= {tokens(node)[0]} if tokens(node) and names(node) & timed else set()
        for one in assignments(function.node):
            stepped = one.chain[:1] and one.chain[0] in MOVED and one.sign in ("+=", "-=")
            if stepped and not names(one.value) & timed:
                yield failed("not-scaled", f"{where(one.node)}: a step that no delta scales")


def _each_frame(found: Script) -> Iterator[Judgement]:
    for name in PER_FRAME:
        function = found.functions.get(name)
        for node in walk(function.node) if function else ():
            if isinstance(node, lark.Tree) and node.data == "await_expr":
                yield failed("await-per-frame", f"{where(node)}: each frame waits anew")
        for call in calls(function.node) if function else ():
            if call.node.data == "standalone_call" and call.name == "load":
                yield failed("load-per-frame", f"{where(call.node)}: preload() it, or keep it")
