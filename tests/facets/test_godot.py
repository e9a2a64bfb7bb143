"""The facet godot: a good script is elite, each subtle fault is refused by the criterion that is to
see it, its honest twin by none."""

from __future__ import annotations

import pytest
from conftest import ROOT

from harness import Answer, Case, Outcome
from harness.judging.discovery import discover

VERIFIERS = {
    id: one for id, one in discover(ROOT / "verifiers").verifiers.items() if one.facet == "godot"
}
EXPECT = {
    "extends": "CharacterBody2D",
    "class_name": "Guard",
    "signals": [{"name": "alarmed", "params": ["at: Vector2"]}],
    "uses": [
        {"any": ["move_and_slide()"], "in": "_physics_process"},
        {"any": ["body_entered.connect()"]},
        {"any": ["alarmed.emit()"], "in": "_ready"},
    ],
    "avoids": ["get_tree()"],
}
GOOD = """class_name Guard
extends CharacterBody2D

signal alarmed(at: Vector2)

@export var speed: float = 60.0

@onready var _eyes: Area2D = $Eyes


func _ready() -> void:
	_eyes.body_entered.connect(_on_seen)


func _physics_process(delta: float) -> void:
	velocity += get_gravity() * delta
	velocity.x = move_toward(velocity.x, speed, 400.0 * delta)
	_step()


func _step() -> void:
	move_and_slide()


func _on_seen(body: Node2D) -> void:
	alarmed.emit(body.global_position)
"""
#: by what is edited: the text, its successor, the criterion that refuses it (none: an honest twin)
EDITS = {
    "nothing": ("speed", "speed", None),
    "the old way to emit": ("alarmed.emit(", 'emit_signal("alarmed", ', None),
    "a name and a callable": ("body_entered.connect(", 'connect("body_entered", ', None),
    "blanks for tabs": ("\t", "    ", None),
    "an inferred type": (": float = 60.0", " := 60.0", None),
    "emitted where a variable is set": (
        "alarmed.emit(body.global_position)\n",
        ("seen_at = body.global_position\n\n\nvar seen_at: Vector2:\n\tset(value):\n"
        "\t\talarmed.emit(value)\n"),
        None,
    ),
    "emitted by the setter it names": (
        "alarmed.emit(body.global_position)\n",
        ("seen_at = body.global_position\n\n\nvar seen_at: Vector2: set = _tell\n\n\n"
        "func _tell(value: Vector2) -> void:\n\talarmed.emit(value)\n"),
        None,
    ),
    "emitted where another variable is set": (
        "alarmed.emit(body.global_position)\n",
        "pass\n\n\nvar seen_at: Vector2:\n\tset(value):\n\t\talarmed.emit(value)\n",
        "uses",
    ),
    "scaled where a condition chooses": (
        "move_toward(velocity.x, speed, 400.0 * delta)",
        "speed * 2.0 if is_on_floor() else speed * delta",
        "frame",
    ),
    "a condition that chooses": (
        "move_toward(velocity.x, speed, 400.0 * delta)",
        "speed * 2.0 if is_on_floor() else speed",
        None,
    ),
    "a target and a text": ("body_entered.connect(_on_seen)", 'connect("x", self, "_on_seen")',
                            "current"),
    "never connected": ("\t_eyes.body_entered.connect(_on_seen)", "\tpass", "uses"),
    "emitted nowhere": ("alarmed.emit(body.global_position)", "pass", "uses"),
    "what is to be avoided": ("\tmove_and_slide()", "\tget_tree()\n\tmove_and_slide()", "uses"),
    "moved when it is drawn": ("_physics_process", "_process", "frame"),
    "scaled twice": ("move_toward(velocity.x, speed, 400.0 * delta)", "speed * delta", "frame"),
    "a wait": ("\tvelocity +=", "\tOS.delay_msec(5)\n\tvelocity +=", "frame"),
    "arguments of old": ("move_and_slide()", "move_and_slide(velocity)", "current"),
    "a class of old": ("extends CharacterBody2D", "extends KinematicBody2D", "current"),
    "a callable that is not there": ("connect(_on_seen)", "connect(_on_saw)", "current"),
    "an untyped parameter": ("(body: Node2D)", "(body)", "typed"),
    "no return type": ("_step() -> void", "_step()", "typed"),
    "mixed indentation": ("\tmove_and_slide()", "\tpass\n    move_and_slide()", "parses"),
    "another signal": ("signal alarmed(at: Vector2)", "signal alarmed(at: Vector3)", "declares"),
    "another class": ("class_name Guard", "class_name Guards", "declares"),
}  # fmt: skip


def refusing(answer: str, expect: dict = EXPECT) -> set[str]:
    case = Case("x", "a guard", expect)
    found = {id: one.judge(case, Answer(answer)) for id, one in VERIFIERS.items()}
    assert not [f for f in found.values() if f.reason in ("raised", "not-a-judgement")]
    return {id.partition(".")[2] for id, f in found.items() if f.outcome is not Outcome.PASS}


@pytest.mark.parametrize("edit", EDITS)
def test_each_fault_is_refused_by_the_criterion_that_is_to_see_it(edit):
    old, new, criterion = EDITS[edit]
    assert old in GOOD
    found = refusing(f"```gdscript\n{GOOD.replace(old, new)}```")
    assert (criterion in found) if criterion else found == set()


@pytest.mark.parametrize(
    "answer",
    ["", "Use move_and_slide().", f"```python\n{GOOD}```", f"```gdscript\n{GOOD}```\n" * 2, GOOD],
    ids=["nothing", "prose", "another language", "two scripts", "no fence"],
)
def test_what_is_no_script_passes_nothing(answer):
    assert refusing(answer) == {id.partition(".")[2] for id in VERIFIERS}


def test_a_version_refuses_what_came_later():
    loop = "func _all(list: Array[Node]) -> void:\n\tfor one: Node in list:\n\t\tone.free()\n"
    code = f"```gdscript\n{GOOD}\n\n{loop}```"
    assert refusing(code) == set()
    assert refusing(code, EXPECT | {"version": "4.1"}) == {"current"}
