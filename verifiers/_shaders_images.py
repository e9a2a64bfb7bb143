"""Operations of SPIR-V on textures and images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._shaders_ops import bits, f, i
from ._shaders_sample import Sampler, Texture
from ._shaders_spirv import UnsupportedError
from ._shaders_step import Special, Step

BIAS, LOD, GRAD, OFFSETS = 1, 2, 4, (8, 16, 32)  # image operands


def _joined(s: Step) -> Any:
    texture, sampler = (s.of(id) for id in s.one.args)
    if not isinstance(texture, Texture) or not isinstance(sampler, Sampler):
        raise UnsupportedError("a texture or sampler that nothing was given for")
    return texture.by(sampler)


def _texture(s: Step) -> Texture:
    found = s.get(0)
    if not isinstance(found, Texture):
        raise UnsupportedError("a texture that nothing was given for")
    return found


def _operands(s: Step, words: Sequence[int]) -> tuple[Any, Any]:
    """The level and the offset that image operands name; levels by gradients are the first."""
    level, offset = np.zeros((1, 1), np.float32), np.zeros((1, 1), np.int32)
    mask, rest = (words[0], list(words[1:])) if words else (0, [])
    for bit in (BIAS, LOD, GRAD, *OFFSETS):
        if not mask & bit:
            continue
        value = s.of(rest.pop(0))
        if bit == LOD:
            level = value
        elif bit == GRAD:
            rest.pop(0)
        elif bit in OFFSETS:
            offset = i(value)
    return level, offset


def _sample(s: Step) -> Any:
    texture = _texture(s)
    at, rest = f(s.get(1)), list(s.one.args[2:])
    shadow, projected = s.one.op in (89, 90, 93, 94), s.one.op in (91, 92, 93, 94)
    reference = f(s.of(rest.pop(0))) if shadow else None
    level, offset = _operands(s, rest)
    if projected:
        at, by = at[:, :-1] / at[:, -1:], at[:, -1:]
        reference = None if reference is None else reference / by
    return bits(texture.sample(at, f(bits(f(level))), offset, reference))


def _fetch(s: Step) -> Any:
    texture, at = _texture(s), i(s.get(1))
    level, offset = _operands(s, s.one.args[2:]) if s.one.op == 95 else (None, 0)
    found = texture.fetch(at + offset, 0 if level is None else int(i(level)[0, 0]))
    whole = s.m.module.types[s.m.module.types[s.one.type].of].kind != "float"
    return bits(found.astype(np.int64) if whole else found)


def _gather(s: Step) -> Any:
    texture, at = _texture(s), f(s.get(1))
    offset = _operands(s, s.one.args[3:])[1]
    return bits(texture.gather(at, offset, int(s.get(2)[0, 0])))


def _size(s: Step) -> Any:
    texture = _texture(s)
    level = int(s.get(1)[0, 0]) if s.one.op == 103 else 0
    return bits(np.array([texture.size(level)], np.int64))


IMAGES: dict[int, Special] = {
    86: _joined,
    **dict.fromkeys(range(87, 95), _sample),
    95: _fetch,
    96: _gather,
    98: _fetch,
    100: lambda s: s.get(0),
    103: _size,
    104: _size,
}
