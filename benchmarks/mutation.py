"""Mutants of what decides, each against the tests of the decisions alone: whether the tests would
notice.

    python benchmarks/mutation.py [--seed N] [--each N] [--only PATTERN] [--equivalents] [--list]

A mutant is one change to one place of a module in ``mutation.toml``. Of each kind and module
``--each`` are drawn by a digest of seed, place and change, so that an edit elsewhere leaves the
sample as it is. Each is made in a copy of the package in a temporary folder and run against the
module's tests there, until the first that fails. Survivors are printed as diffs; exit status 1 when
one of them is not among the equivalents that ``mutation.toml`` lists, each with its reason."""

from __future__ import annotations

import argparse
import ast
import difflib
import hashlib
import itertools
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LISTED = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
UNCOPIED = (".*", "runs", "site", "dist", "__pycache__", "node_modules")
AT_ONCE, SECONDS = 2, 240  #: mutants at a time; a mutant that takes longer is killed by that

FLIPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE,
    ast.LtE: ast.Gt, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
EDGES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
}  # fmt: skip
SIGNS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
}  # fmt: skip
CALLED = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """One change of ``kind``, within the function or class ``where`` of a module."""

    module: str
    where: str
    kind: str
    old: str
    new: str
    source: str

    @property
    def key(self) -> tuple[str, ...]:
        """What names it, whatever line it stands on."""
        return self.module, self.where, self.old, self.new

    @property
    def diff(self) -> str:
        """The change as a diff without context."""
        before = (ROOT / self.module).read_text(encoding="utf-8").splitlines()
        lines = difflib.unified_diff(before, self.source.splitlines(), lineterm="", n=0)
        return "\n".join([f"{self.module} ({self.where}), {self.kind}", *list(lines)[2:]])


def changes(node: ast.AST) -> Iterator[tuple[str, ast.AST, ast.AST]]:
    """Every mutant of one node: the kind, what is replaced, and by what."""
    match node:
        case ast.Compare(left=left, ops=ops, comparators=others):
            for kind, table in (("comparison", FLIPPED), ("boundary", EDGES)):
                for at, op in enumerate(ops):
                    if type(op) in table:
                        made = [*ops[:at], table[type(op)](), *ops[at + 1 :]]
                        yield kind, node, ast.Compare(left, made, others)
        case ast.BoolOp(op=op, values=values):
            yield (
                "and-or",
                node,
                ast.BoolOp(ast.And() if isinstance(op, ast.Or) else ast.Or(), values),
            )
        case ast.Constant(value=bool(value)):
            yield "constant", node, ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield "constant", node, ast.Constant(value + 1)
        case ast.Constant(value=float(value)):
            yield "constant", node, ast.Constant(2 * value or 0.1)
        case ast.UnaryOp(op=ast.Not() | ast.USub() as op, operand=operand):
            yield "not" if isinstance(op, ast.Not) else "sign", node, operand
        case ast.BinOp(left=left, op=op, right=right) if type(op) in SIGNS:
            yield "sign", node, ast.BinOp(left, SIGNS[type(op)](), right)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield "branch", node, ast.IfExp(test, orelse, body)
        case ast.Call(func=ast.Name(id=name)) if name in CALLED:
            yield "min-max", node.func, ast.Name(CALLED[name])
        case ast.Call(func=func, args=[first, second, *rest], keywords=keywords):
            starred = any(isinstance(arg, ast.Starred) for arg in (first, second))
            if not starred and ast.unparse(func) not in ("isinstance", "getattr"):
                yield "arguments", node, ast.Call(func, [second, first, *rest], keywords)
        case ast.comprehension(ifs=[only]):
            yield "filter", only, ast.Constant(True)
        case ast.If(test=test, body=[*_, ast.Return() | ast.Continue()], orelse=[]):
            yield "early-exit", test, ast.Constant(False)


def nodes(node: ast.AST, where: str = "") -> Iterator[tuple[ast.AST, str]]:
    """Everything in a module that runs, with the function or class that it stands in; text in
    braces has no place of its own before Python 3.12."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        where = f"{where}.{node.name}".lstrip(".")
    yield node, where
    for name, value in ast.iter_fields(node):
        inner = value if isinstance(value, list) else [value]
        if name not in ("annotation", "returns", "decorator_list"):
            for child in inner:
                if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr):
                    yield from nodes(child, where)


def mutants(module: str, within: tuple[str, ...]) -> Iterator[Mutant]:
    """Every mutant of a module in the functions and classes ``within``."""
    data = (ROOT / module).read_bytes()
    starts = [0, *itertools.accumulate(len(line) for line in data.splitlines(keepends=True))]
    seen: Counter[tuple[str, ...]] = Counter()
    for node, where in nodes(ast.parse(data)):
        for kind, place, new in changes(node) if where.startswith(within) else ():
            start = starts[place.lineno - 1] + place.col_offset
            end = starts[place.end_lineno - 1] + place.end_col_offset
            old, made = " ".join(data[start:end].decode().split()), ast.unparse(new)
            seen[where, old, made] += 1
            again = f" {seen[where, old, made]}" if seen[where, old, made] > 1 else ""
            source = data[:start] + f"({made})".encode() + data[end:]
            yield Mutant(module, where + again, kind, old, made, source.decode())


def sample(found: Iterable[Mutant], seed: int, each: int) -> list[Mutant]:
    """So many of each kind and module, by the digest of the seed and what names them."""
    by: dict[tuple[str, str], list[Mutant]] = defaultdict(list)
    for one in found:
        by[one.module, one.kind].append(one)

    def lot(one: Mutant) -> str:
        return hashlib.sha256(repr((seed, one.kind, one.key)).encode()).hexdigest()

    return [one for group in by.values() for one in sorted(group, key=lot)[:each]]


def run(one: Mutant | None, tests: Sequence[str], folder: Path) -> tuple[str, str]:
    """``killed``, ``survived`` or ``late``, and what the tests said, of a mutant in a copy of the
    tree; of the tree as it is without one."""
    place = folder / (one.module if one else "pyproject.toml")
    before = place.read_bytes()
    place.write_text(one.source if one else before.decode(), encoding="utf-8")
    options = ["-x", "-q", "--no-header", "--tb=line", "-p", "no:cacheprovider"]
    alone = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    quick = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # half of the time goes into their imports
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *tests],
            cwd=folder,
            env=os.environ | alone | quick,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return "late", f"over {SECONDS} s"
    finally:
        place.write_bytes(before)
    lines = ended.stdout.strip().splitlines() or [ended.stderr[-300:]]
    said = next((line for line in lines if line.startswith(("FAILED", "ERROR"))), lines[-1])
    return "killed" if ended.returncode else "survived", said


def run_all(
    chosen: Sequence[Mutant], tests: Mapping[str, tuple[Sequence[str], Sequence[str]]]
) -> dict[Mutant, str]:
    """What became of each mutant by the files of ``tests`` of its module, under their options; each
    file has passed without one."""
    copies: queue.SimpleQueue[Path] = queue.SimpleQueue()

    def judged(one: Mutant | None, files: Sequence[str]) -> str:
        folder, begun = copies.get(), time.monotonic()
        found, said = run(one, files, folder)
        copies.put(folder)
        what = f"{one.module} ({one.where}) {one.old} -> {one.new}" if one else "no mutant"
        print(
            f"{time.monotonic() - begun:4.0f} s  {found:8}  {what[:100]}\n{'':18}{said[:100]}",
            flush=True,
        )
        if one is None and found != "survived":
            raise SystemExit(f"{files[0]} fails without a mutant: {said}")
        return found

    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(AT_ONCE) as pool:
        for number in range(AT_ONCE):
            ignored = shutil.ignore_patterns(*UNCOPIED)
            copies.put(shutil.copytree(ROOT, Path(temporary) / f"{number}", ignore=ignored))
        asked = [tests[one.module] for one in chosen]
        clean = dict.fromkeys((file, *options) for files, options in asked for file in files)
        list(pool.map(judged, itertools.repeat(None), clean))
        states = list(pool.map(judged, chosen, ([*files, *options] for files, options in asked)))
    return dict(zip(chosen, states, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seed", type=int, default=LISTED["seed"])
    parser.add_argument("--each", type=int, default=1, help="mutants of each kind and module")
    parser.add_argument("--only", default="", help="a pattern in module, function, change or kind")
    parser.add_argument("--equivalents", action="store_true", help="run those that are listed too")
    parser.add_argument("--list", action="store_true", help="show the mutants and run none")
    options = parser.parse_args()
    begun, modules = time.monotonic(), LISTED["module"]
    found = [
        one for each in modules for one in mutants(each["path"], tuple(each.get("within", [""])))
    ]
    why = {
        (one["module"], one["in"], one["old"], one["new"]): one["why"]
        for one in LISTED["equivalent"]
    }
    drawn = sample(found, options.seed, options.each)
    chosen = [one for one in drawn if re.search(options.only, " ".join([*one.key, one.kind]))]
    if options.list:
        print("\n\n".join(one.diff for one in chosen), f"\n\n{len(chosen)} of {len(found)}")
        return
    asked = [one for one in chosen if options.equivalents or one.key not in why]
    quick = ["-k", f"not ({LISTED['simulated']})"]
    tests = {m["path"]: (m["tests"], [] if m.get("simulated") else quick) for m in modules}
    states = run_all(asked, tests)
    left = [one for one in asked if states[one] == "survived" and one.key not in why]
    for one in left:
        print(f"\nsurvived: {one.diff}")
    noticed = {one.key for one in asked if states[one] != "survived"}
    wrong = [key for key in why if key in noticed or key not in {one.key for one in found}]
    for key in wrong:
        print(f"\nlisted as equivalent, and {'killed' if key in noticed else 'no mutant'}: {key}")
    print(f"\n{'module':44}{'mutants':>8}{'killed':>8}{'equivalent':>11}{'survived':>9}")
    for module in sorted({one.module for one in chosen}):
        own = [one for one in chosen if one.module == module]
        same, open_ = sum(one.key in why for one in own), sum(one.module == module for one in left)
        print(f"{module:44}{len(own):8}{len(own) - same - open_:8}{same:11}{open_:9}")
    seconds = time.monotonic() - begun
    print(f"{len(chosen)} of {len(found)} mutants, seed {options.seed}, {seconds:.0f} s")
    raise SystemExit(1 if left or wrong else 0)


if __name__ == "__main__":
    main()
