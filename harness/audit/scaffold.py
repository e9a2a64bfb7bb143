"""A first verifier and its first fixtures: small, honest, and PROVISIONAL until its author has
written more."""

from __future__ import annotations

from pathlib import Path

from harness import files
from harness.content import workspace
from harness.errors import WorkspaceError

VERIFIER = '''"""The facet {facet}: replace this example by what its answers must do."""

from __future__ import annotations

import ast

from harness import Answer, Case, Judgement, failed, passed, verifier


@verifier("{id}", version=1, facet="{facet}")
def {criterion}(case: Case, answer: Answer) -> Judgement:
    """The answer holds Python that defines the function the case asks for, with something to run
    in it.
    """
    code = answer.code("python")
    if code is None:
        return failed("no-code", "the answer has no complete Python block")
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return failed("syntax", str(error))
    wanted = case.expect["function"]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == wanted:
            if all(isinstance(line, (ast.Pass, ast.Expr)) for line in node.body):
                return failed("empty-function", f"line {{node.lineno}}: {{wanted}} does nothing")
            return passed(f"line {{node.lineno}}: {{wanted}}")
    return failed("no-function", f"no function {{wanted}}")
'''

FIXTURES = """\
# Known answers of {id}. A good must pass; a bad must not, and says why. `harness audit {id}` says
# what to write next.
verifier: {id}
case:
  prompt: Write a Python function `double` that returns twice its argument.
  expect:
    function: double
good:
  - name: plain
    answer: |-
      ```python
      def double(x):
          return 2 * x
      ```
  - name: with-words-around-it
    answer: |-
      Here it is:

      ```python
      def double(value):
          total = value + value
          return total
      ```
bad:
  - name: another-name
    why: the function has another name than the prompt asks for
    answer: |-
      ```python
      def twice(x):
          return 2 * x
      ```
  - name: no-fence
    why: the code does not stand in a code block
    answer: |-
      def double(x):
          return 2 * x
shortcut:
  - name: does-nothing
    why: the function is there and has no substance
    answer: |-
      ```python
      def double(x):
          pass
      ```
spoil: # each edit makes a known-bad of every good that holds the text
  - name: no-colon
    replace: "):"
    by: ")"
    why: the function header has no colon
"""


def scaffold(library: str | None, id: str) -> list[Path]:
    """Write ``verifiers/<facet>.py`` and ``audits/<id>/fixtures.yaml``; overwrites nothing.

    Raises :class:`WorkspaceError` for an id that is none, a file that is there, or a workspace
    without its own folders."""
    facet, _, criterion = id.partition(".")
    if not facet.isidentifier() or not criterion.isidentifier() or id.startswith("_"):
        raise WorkspaceError(f"--new {id!r}: expected FACET.CRITERION, for example godot.signals")
    place = workspace.find(library)
    verifiers, audits = place.root / "verifiers", place.root / "audits"
    if not verifiers.is_dir() or not audits.is_dir() or place.root == workspace.PACKAGED:
        raise WorkspaceError(
            f"{place.root} has no verifiers/ and audits/ of its own; run `harness init DIR` and"
            " work there, or make the two folders"
        )
    module = verifiers / f"{facet}.py"
    if module.exists():
        module = verifiers / f"{facet}_{criterion}.py"
    fixtures = audits / id / "fixtures.yaml"
    for path in (module, fixtures):
        if path.exists():
            raise WorkspaceError(
                f"{path} is already there; name another verifier, or edit that one"
            )
    names = {"id": id, "facet": facet, "criterion": criterion}
    files.make_folder(fixtures.parent)
    files.replace(fixtures, FIXTURES.format(**names))
    return [files.replace(module, VERIFIER.format(**names)), fixtures]
