"""A bounded interpreter for GLSL ES 3.00 fragment shaders without textures, matrices, arrays and
structs.

:class:`Shader` checks every expression of the tree when it is made - also where no run would come
by, as a compiler does - and turns it into Python closures; :meth:`Shader.run` then evaluates
``main`` for given inputs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tree_sitter import Node

from ._code import line, text
from ._glsl_expressions import Expressions, children
from ._glsl_run import (
    Done,
    Execute,
    Function,
    Run,
    State,
    Variable,
    assign,
    evaluate,
    execute,
    repeat,
)
from ._glsl_types import BEYOND, BEYOND_TYPES, BUILTINS, TYPES, GlslError, UnsupportedError, Value
from ._words import words

RANKS = {
    "flat": 0,
    "smooth": 0,
    "centroid": 1,
    "uniform": 2,
    "in": 2,
    "out": 2,
    "const": 2,
    "lowp": 3,
    "mediump": 3,
    "highp": 3,
}
PRECISIONS = {"lowp", "mediump", "highp"}
RESERVED = (
    words(
        "attribute varying coherent volatile restrict readonly writeonly resource atomic_uint"
        " noperspective patch",
        "sample subroutine common partition active asm class union enum typedef template this goto"
        " inline noinline",
        "public static extern external interface long short double half fixed unsigned superp input"
        " output filter",
        "sizeof cast namespace using const uniform layout centroid flat smooth break continue do"
        " for while switch",
        "case default if else in out inout float int uint void bool true false invariant discard"
        " return struct",
        "precision",
    )
    | PRECISIONS
)
STATEMENTS = {
    "compound_statement", "expression_statement", "declaration", "if_statement", "for_statement",
    "while_statement",
    "return_statement", "break_statement", "continue_statement",
}  # fmt: skip


def is_precision(node: Node) -> bool:
    """Whether ``node`` is ``precision mediump float;`` or the like, which the grammar reads as a
    declaration."""
    words = [child for child in node.children if child.type != "comment"]
    return bool(
        node.type == "declaration"
        and len(words) == 5
        and words[0].type == "precision"
        and words[1].type in PRECISIONS
        and re.fullmatch(r"float|int|[iu]?sampler\w+", text(words[2]))  # GLSL ES 3.00, 4.5.4
        and words[3].is_missing
        and words[4].type == ";"
        and not words[4].is_missing
    )


def top_level(root: Node) -> Iterator[Node]:
    """The declarations of a shader; ``#ifdef GL_ES`` is always true and looked through."""
    for node in children(root):
        if node.type == "preproc_ifdef" and [text(child) for child in node.children[:2]] == [
            "#ifdef",
            "GL_ES",
        ]:
            if node.child_by_field_name("alternative") is not None:
                raise UnsupportedError(f"line {line(node)}: #else")
            yield from children(node)[1:]
        elif node.type.startswith("preproc"):
            raise UnsupportedError(f"line {line(node)}: the preprocessor")
        else:
            yield node


def _qualifiers(node: Node) -> list[str]:
    """The words before the type of a declaration: each kind at most once, and in the order the
    language wants."""
    kind = node.child_by_field_name("type")
    before = [
        child for child in node.children if kind is not None and child.end_byte <= kind.start_byte
    ]
    found = [
        text(child) for child in before if child.type not in ("comment", "layout_specification")
    ]
    if {"attribute", "varying"} & set(found):
        raise GlslError(f"line {line(node)}: attribute and varying are gone in GLSL ES 3.00")
    after = {
        child.type for child in node.children if child not in before and not child.is_named
    } - {",", ";"}
    if (
        set(found) - set(RANKS)
        or after
        or any(child.type == "field_declaration_list" for child in node.children)
    ):
        raise UnsupportedError(f"line {line(node)}: {text(node)[:60]!r}")
    ranks = [RANKS[word] for word in found]
    if ranks != sorted(set(ranks)):
        raise GlslError(f"line {line(node)}: {' '.join(found)!r} in this order")
    return found


class Shader(Expressions):
    """A checked shader. Raises :class:`GlslError` or :class:`UnsupportedError` with the line when
    it cannot be made."""

    def __init__(self, root: Node) -> None:
        super().__init__()
        self.variables: list[Variable] = []
        self._function: Function | None = None
        self._loops = 0
        self._declare("gl_FragCoord", "vec4", "in", root)
        for node in top_level(root):
            if node.type == "function_definition":
                self._define(node)
            elif node.type == "declaration":
                if not is_precision(node):
                    self._declaration(node)
            elif node.type == "expression_statement":
                raise GlslError(f"line {line(node)}: {text(node)[:60]!r} outside of a function")
            else:
                raise UnsupportedError(f"line {line(node)}: {node.type.replace('_', ' ')}")
        main = self.functions.get(("main", ()))
        if main is None or main.kind != "void":
            raise GlslError("no function 'void main()'")
        self._main = main

    def globals(self, role: str) -> list[Variable]:
        """The global variables that are ``uniform``, ``in`` or ``out``."""
        return [
            one
            for one in self.scopes[0].values()
            if one.role == role and not one.name.startswith("gl_")
        ]

    def run(self, inputs: Mapping[str, Value]) -> Value:
        """The value of the only output after ``main``; ``inputs`` holds every uniform and ``in`` by
        name."""
        state = State({})
        for one in self.scopes[0].values():
            if one.role in ("uniform", "in"):
                state.memory[one.number] = inputs[one.name]
            else:
                state.memory[one.number] = (
                    one.initial(state) if one.initial else (None,) * TYPES[one.kind][1]
                )
        done = execute(self._main.body, state)
        if done is not None and done.how == "discard":
            raise GlslError("the fragment is discarded")
        (output,) = self.globals("out")
        value = state.memory[output.number]
        if None in value:
            raise GlslError(f"{output.name} is not written in all components")
        return value

    def _declare(
        self, name: str, kind: str, role: str, node: Node, initial: Run | None = None
    ) -> Variable:
        if name in self.scopes[-1]:
            raise GlslError(f"line {line(node)}: {name} is declared twice")
        if len(self.scopes) == 1 and any(function == name for function, _ in self.functions):
            raise GlslError(f"line {line(node)}: {name} is a function")
        builtin = name.startswith("gl_") and bool(self.variables)  # the first one is gl_FragCoord
        if name in RESERVED or name in TYPES or name in BEYOND_TYPES or builtin or "__" in name:
            raise GlslError(f"line {line(node)}: {name!r} is a reserved name")
        found = Variable(name, kind, role, len(self.variables), initial)
        self.variables.append(found)
        self.scopes[-1][name] = found
        return found

    def _type(self, node: Node | None, void: bool = False) -> str:
        name = text(node)
        if node is None or (name not in TYPES and not (void and name == "void")):
            if name in BEYOND_TYPES or (node is not None and node.type == "struct_specifier"):
                raise UnsupportedError(f"the type {name[:40]}")
            raise GlslError(f"{f'line {line(node)}: ' if node else ''}{name[:40]!r} is no type")
        return name

    def _declaration(self, node: Node) -> list[Execute]:
        """Declare the variables of a declaration; the statements that give locals their first
        value."""
        at = f"line {line(node)}"
        top = len(self.scopes) == 1
        words = _qualifiers(node)
        roles = {word for word in words if RANKS.get(word) == 2}
        if roles - {"const"} and not top:
            raise GlslError(f"{at}: {text(node)[:60]!r} cannot be declared here")
        role = next(iter(roles), "local")
        layouts = [child for child in node.children if child.type == "layout_specification"]
        if layouts and (
            role != "out" or re.sub(r"\s", "", text(layouts[0])) != "layout(location=0)"
        ):
            raise UnsupportedError(f"{at}: {text(layouts[0])[:60]!r}")
        kind = self._type(node.child_by_field_name("type"))
        if (
            role in ("in", "out")
            and TYPES[kind][0] != "float"
            and (role == "out" or "flat" not in words)
        ):
            raise GlslError(f"{at}: {role} {kind} cannot be interpolated or written as a colour")
        declarators = node.children_by_field_name("declarator")
        return [one for child in declarators for one in self._declarator(child, kind, role)]

    def _declarator(self, node: Node, kind: str, role: str) -> list[Execute]:
        at, top = f"line {line(node)}", len(self.scopes) == 1
        if node.type == "identifier":
            if role == "const":
                raise GlslError(f"{at}: a constant needs a value")
            variable = self._declare(text(node), kind, role, node)
            blank: Value = (None,) * TYPES[kind][1]
            return [] if top else [assign(variable, lambda _: blank)]
        name, value = node.child_by_field_name("declarator"), node.child_by_field_name("value")
        if (
            node.type != "init_declarator"
            or name is None
            or name.type != "identifier"
            or value is None
        ):
            raise UnsupportedError(f"{at}: {text(node)[:60]!r}")
        if role not in ("const", "local"):
            raise GlslError(f"{at}: {role} {text(name)} cannot have a value")
        given = self.expression(value)
        if given.kind != kind:
            raise GlslError(f"{at}: a {given.kind} for {kind} {text(name)}")
        if (top or role == "const") and not given.constant:
            raise GlslError(f"{at}: the value of {text(name)} is not constant")
        variable = self._declare(text(name), kind, role, node, given.run)
        return [] if top else [assign(variable, given.run)]

    def _define(self, node: Node) -> None:
        at = f"line {line(node)}"
        declarator, body = node.child_by_field_name("declarator"), node.child_by_field_name("body")
        if declarator is None or declarator.type != "function_declarator" or body is None:
            raise UnsupportedError(f"{at}: {text(node)[:60]!r}")
        parts = [child.type for child in declarator.children if child.type != "comment"]
        qualified = any(child.type == "type_qualifier" for child in node.children)
        if (
            qualified
            or parts != ["identifier", "parameter_list"]
            or any(not child.is_named and child.type not in PRECISIONS for child in node.children)
        ):
            raise GlslError(f"{at}: {text(declarator)[:60]!r} is no head of a function")
        name = text(declarator.child_by_field_name("declarator"))
        kind = self._type(node.child_by_field_name("type"), void=True)
        listed = declarator.child_by_field_name("parameters")
        given = children(listed) if listed else []
        if [text(one) for one in given] == ["void"]:
            given = []
        self.scopes.append({})
        function = Function(name, kind, [self._parameter(one) for one in given])
        key = (name, tuple(one.kind for one in function.parameters))
        if key in self.functions or name in self.scopes[0] or name in RESERVED or name in TYPES:
            raise GlslError(f"{at}: {name} is declared twice or reserved")
        if name in BUILTINS | BEYOND:
            raise GlslError(f"{at}: {name} is a built-in function and cannot be redefined")
        if name == "main" and key[1]:
            raise GlslError(f"{at}: main has parameters")
        self._function = function
        function.body = [one for child in children(body) for one in self._statement(child)]
        self._function = None
        self.scopes.pop()
        self.functions[key] = function  # only now: GLSL has no recursion

    def _parameter(self, node: Node) -> Variable:
        words = {child.type for child in node.children if not child.is_named} - PRECISIONS
        name = node.child_by_field_name("declarator")
        if (
            node.type != "parameter_declaration"
            or words - {"in"}
            or name is None
            or name.type != "identifier"
        ):
            raise UnsupportedError(f"line {line(node)}: the parameter {text(node)[:60]!r}")
        return self._declare(
            text(name), self._type(node.child_by_field_name("type")), "parameter", node
        )

    def _statement(self, node: Node) -> list[Execute]:
        method = getattr(self, f"_{node.type}", None)
        if node.type not in STATEMENTS or method is None:
            raise UnsupportedError(f"line {line(node)}: {node.type.replace('_', ' ')}")
        found: list[Execute] = method(node)
        return found

    def _scoped(self, node: Node | None) -> list[Execute]:
        self.scopes.append({})
        found = self._statement(node) if node is not None else []
        self.scopes.pop()
        return found

    def _compound_statement(self, node: Node) -> list[Execute]:
        self.scopes.append({})
        inside = [one for child in children(node) for one in self._statement(child)]
        self.scopes.pop()
        return inside

    def _expression_statement(self, node: Node) -> list[Execute]:
        inside = children(node)
        if not inside:
            return []
        if text(inside[0]) == "discard":
            return [lambda _: Done("discard")]
        run = self.expression(inside[0], void=True).run

        def statement(state: State) -> None:
            state.step()
            run(state)

        return [statement]

    def _condition(self, node: Node | None) -> Run:
        if node is None:
            return lambda _: (True,)
        found = self.expression(node)
        if found.kind != "bool":
            raise GlslError(f"line {line(node)}: a condition of type {found.kind}")
        return found.run

    def _if_statement(self, node: Node) -> list[Execute]:
        test = self._condition(node.child_by_field_name("condition"))
        then = self._scoped(node.child_by_field_name("consequence"))
        clause = node.child_by_field_name("alternative")
        other = self._scoped(children(clause)[0]) if clause is not None else []
        return [lambda state: execute(then if test(state)[0] else other, state)]

    def _for_statement(self, node: Node) -> list[Execute]:
        self.scopes.append({})
        start = node.child_by_field_name("initializer")
        first: list[Execute] = []
        if start is not None:
            declares = start.type == "declaration"
            first = (
                self._declaration(start)
                if declares
                else [evaluate(self.expression(start, void=True).run)]
            )
        test = self._condition(node.child_by_field_name("condition"))
        update = node.child_by_field_name("update")
        after = [evaluate(self.expression(update, void=True).run)] if update is not None else []
        body = self._loop_body(node)
        self.scopes.pop()
        return [*first, lambda state: repeat(test, body, after, state)]

    def _while_statement(self, node: Node) -> list[Execute]:
        test = self._condition(node.child_by_field_name("condition"))
        body = self._loop_body(node)
        return [lambda state: repeat(test, body, [], state)]

    def _loop_body(self, node: Node) -> list[Execute]:
        self._loops += 1
        body = self._scoped(node.child_by_field_name("body"))
        self._loops -= 1
        return body

    def _break_statement(self, node: Node) -> list[Execute]:
        how = node.type.removesuffix("_statement")
        if not self._loops:
            raise GlslError(f"line {line(node)}: {how} outside of a loop")
        return [lambda _: Done(how)]

    _continue_statement = _break_statement

    def _return_statement(self, node: Node) -> list[Execute]:
        assert self._function is not None  # statements stand in functions only
        inside = children(node)
        found = self.expression(inside[0]) if inside else None
        if (found.kind if found else "void") != self._function.kind:
            raise GlslError(
                f"line {line(node)}: {self._function.name} returns {self._function.kind}"
            )
        run = found.run if found else None
        return [lambda state: Done("return", run(state) if run else ())]
