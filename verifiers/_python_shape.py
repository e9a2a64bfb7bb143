"""What a Python program declares, read on its tree: names, parameters, bodies, and calls of what
no two machines answer alike."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TypeAlias

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

#: calls whose answer is another on every machine or in every process, by the word that allows them
DRIFT = {
    "clock": (
        "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter",
        "time.perf_counter_ns", "time.process_time", "time.sleep", "time.localtime", "time.gmtime",
        "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today",
        "datetime.date.today",
    ),
    "random": ("random.", "secrets.", "os.urandom", "uuid.uuid1", "uuid.uuid4"),
    "hash": ("hash", "id"),
    "import": ("__import__", "importlib."),  # what it gives cannot be read
}  # fmt: skip
SEEDED = ("random.Random",)


def top_names(defines: Sequence[str]) -> list[str]:
    """The names on the top level that ``expect.defines`` asks for."""
    paths = [one.partition("(")[0].strip().partition(".")[0] for one in defines]
    return list(dict.fromkeys(paths))


def missing(tree: ast.Module, declared: str) -> str:
    """Why the program does not declare what ``declared`` asks for, as ``seq_newer(a, b)``,
    ``Buffer(delay=0.1)``, ``Buffer.push(snapshot)`` or, for any attribute, ``Buffer.size``; empty
    where it does. Raises ``ValueError`` for a text that is none of these."""
    path, given, rest = declared.partition("(")
    owner, _, member = path.strip().rpartition(".")
    wanted = _asked(declared, rest) if given else None
    if not owner:
        return _top_level(tree, member, wanted)
    found = _class(tree, owner)
    if found is None:
        return f"no class {owner}"
    method = _method(tree, found, member)
    if method is None:
        has = wanted is None and member in _attributes(tree, found)
        return "" if has else f"class {owner} has no {member}"
    return _body(method) or ("" if wanted is None else _parameters(method, wanted, bound=True))


def _asked(declared: str, rest: str) -> ast.arguments:
    try:
        tree = ast.parse(f"def asked({rest}: ...")
    except SyntaxError as error:
        raise ValueError(f"{declared!r}: expected NAME or NAME(PARAMETERS): {error.msg}") from None
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    return function.args


def _top_level(tree: ast.Module, name: str, wanted: ast.arguments | None) -> str:
    found = _class(tree, name)
    if found is not None:
        return _body(found) or ("" if wanted is None else _constructor(tree, found, wanted))
    for node in reversed(tree.body):
        if isinstance(node, Function) and node.name == name:
            return _body(node) or ("" if wanted is None else _parameters(node, wanted, bound=False))
        if isinstance(node, ast.Assign | ast.AnnAssign) and name in _targets(node):
            if isinstance(node.value, ast.Lambda) and wanted is not None:
                return _arguments(node.value.args, wanted, name)
            return ""
    return f"nothing defines {name}"


def _class(tree: ast.Module, name: str) -> ast.ClassDef | None:
    found = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    return found[-1] if found else None


def _line(tree: ast.Module, found: ast.ClassDef) -> Iterator[ast.ClassDef]:
    """The class and those of the program that it inherits from."""
    waiting, seen = [found], set()
    while waiting:
        one = waiting.pop(0)
        if one.name not in seen:
            seen.add(one.name)
            yield one
            names = [base.id for base in one.bases if isinstance(base, ast.Name)]
            waiting += [base for name in names if (base := _class(tree, name))]


def _method(tree: ast.Module, found: ast.ClassDef, name: str) -> Function | None:
    for one in _line(tree, found):
        for node in reversed(one.body):
            if isinstance(node, Function) and node.name == name:
                return node
    return None


def _attributes(tree: ast.Module, found: ast.ClassDef) -> set[str]:
    names: set[str] = set()
    for one in _line(tree, found):
        names |= {name for node in one.body for name in _targets(node)}
        for node in ast.walk(one):
            match node:
                case ast.Attribute(ast.Name("self"), attribute, ast.Store()):
                    names.add(attribute)
                case ast.Assign([ast.Name("__slots__")], ast.Tuple(values) | ast.List(values)):
                    names |= {str(item.value) for item in values if isinstance(item, ast.Constant)}
    return names


def _targets(node: ast.stmt) -> list[str]:
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return [one.id for one in targets if isinstance(one, ast.Name)]


def _constructor(tree: ast.Module, found: ast.ClassDef, wanted: ast.arguments) -> str:
    for name in ("__init__", "__new__"):
        made = _method(tree, found, name)
        if made is not None:
            return _parameters(made, wanted, bound=True)
    line = list(_line(tree, found))
    fields = [
        node for one in reversed(line) for node in one.body if isinstance(node, ast.AnnAssign)
    ]
    given = ast.arguments([], [], None, [], [], None, [])
    for node in fields:
        if isinstance(node.target, ast.Name) and "ClassVar" not in ast.unparse(node.annotation):
            given.args.append(ast.arg(node.target.id))
            given.defaults += [node.value] if node.value is not None else []
    return _arguments(given, wanted, found.name)


def _parameters(node: Function, wanted: ast.arguments, *, bound: bool) -> str:
    static = any(
        isinstance(one, ast.Name) and one.id == "staticmethod" for one in node.decorator_list
    )
    args = node.args
    if bound and not static:
        if args.posonlyargs:
            args = ast.arguments(**{**vars(args), "posonlyargs": args.posonlyargs[1:]})
        else:
            args = ast.arguments(**{**vars(args), "args": args.args[1:]})
    return _arguments(args, wanted, node.name)


def _arguments(args: ast.arguments, wanted: ast.arguments, name: str) -> str:
    """Whether a caller may use ``args`` as ``wanted`` says: the same names in the same order, and
    whatever else there is has a default."""
    given = [one.arg for one in (*args.posonlyargs, *args.args)]
    first = [one.arg for one in (*wanted.posonlyargs, *wanted.args)]
    optional = len(given) - len(args.defaults)
    shown = f"{name}({', '.join(given)})"
    if given[: len(first)] != first:
        return f"{shown}, expected ({', '.join(first)})"
    if any(number < optional for number in range(len(first), len(given))):
        return f"{shown}: {given[len(first)]} was not asked for and has no default"
    if len(first) - len(wanted.defaults) < min(optional, len(first)):
        return f"{shown}: {given[optional - 1]} has no default"
    named = {
        one.arg: default for one, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)
    }
    keywords = [one.arg for one in wanted.kwonlyargs]
    lacking = [key for key in keywords if key not in named and key not in given]
    needless = [key for key, default in named.items() if default is None and key not in keywords]
    if lacking or needless:
        return f"{shown}: keyword {(lacking + needless)[0]}, expected ({', '.join(keywords)})"
    return ""


def _body(node: Function | ast.ClassDef) -> str:
    """That nothing is written out; a class is where it has a member, a base or a decorator."""
    if all(_idle(statement) for statement in node.body):
        bare = isinstance(node, Function) or not (node.bases or node.decorator_list)
        return f"{node.name} is a stub" if bare else ""
    return ""


def _idle(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Expr(ast.Constant()):
            return True
        case ast.Raise(ast.Name(name) | ast.Call(ast.Name(name))):
            return name == "NotImplementedError"
    return False


def drifting(tree: ast.Module, allowed: Sequence[str]) -> str:
    """The first call of a clock, of unseeded chance or of a hash that is salted by process, which
    two peers do not answer alike; empty where there is none."""
    names = _imported(tree)
    for node, inside in _calls(tree):
        called = _dotted(node.func, names)
        for word, calls in DRIFT.items():
            hit = any(
                called == one or (one.endswith(".") and called.startswith(one)) for one in calls
            )
            seeded = called in SEEDED and bool(node.args or node.keywords)
            own = word == "hash" and inside in ("__hash__", "__eq__", "__repr__")
            if hit and not seeded and not own and word not in allowed:
                return f"line {node.lineno}: {called}() is another on every machine ({word})"
    return ""


def _imported(tree: ast.Module) -> dict[str, str]:
    """What each imported name stands for; names that the program binds itself stand for nothing."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                names[one.asname or one.name.partition(".")[0]] = (
                    one.name if one.asname else one.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
        elif isinstance(node, Function | ast.ClassDef):
            names.setdefault(node.name, f"<own>.{node.name}")
    return names


def _calls(tree: ast.AST, inside: str = "") -> Iterator[tuple[ast.Call, str]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call):
            yield node, inside
        yield from _calls(node, node.name if isinstance(node, Function) else inside)


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([names.get(node.id, node.id), *parts])
