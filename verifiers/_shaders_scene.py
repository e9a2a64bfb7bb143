"""One run of a shader: what a prompt's ``expect`` gives it, and what came of it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._shaders_interface import CaseError, Place, bound, dimension, numbers, outputs, packed, places
from ._shaders_ops import Bits
from ._shaders_run import Machine
from ._shaders_sample import Sampler, Texture
from ._shaders_spirv import Mode, Module

SIZE = (16, 16)
CORNERS = [[0, 0], [1, 0], [0, 1], [1, 1]]
MOST = 4096  # lanes: pixels or invocations of one run


@dataclass(frozen=True)
class Outcome:
    """What a run left: by name one row of numbers a lane (or one row for a buffer), which pixels
    were discarded, textures that were written, and what is undefined."""

    values: Mapping[str, NDArray[np.float64]]
    types: Mapping[str, int]
    discarded: NDArray[np.bool_]
    images: Mapping[str, Texture]
    faults: frozenset[str]
    width: int


def drawn(run: Mapping[str, Any], rng: random.Random) -> dict[str, Any]:
    """The run with a number in place of each {"from", "to"} of its uniforms and inputs."""
    uniforms = {name: _drawn(value, rng) for name, value in run.get("uniforms", {}).items()}
    inputs = {name: _drawn(value, rng) for name, value in run.get("inputs", {}).items()}
    return {**run, "uniforms": uniforms, "inputs": inputs}


def _drawn(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict) and set(value) == {"from", "to"}:
        low, high = value["from"], value["to"]
        if isinstance(low, list):
            return [_between(a, b, rng) for a, b in zip(low, high, strict=True)]
        if isinstance(low, int) and isinstance(high, int):
            return rng.randint(low, high)
        return rng.uniform(low, high)
    return value


def _between(low: Any, high: Any, rng: random.Random) -> Any:
    """A number, or the rows of a matrix."""
    if isinstance(low, list):
        return [_between(a, b, rng) for a, b in zip(low, high, strict=True)]
    return rng.uniform(low, high)


def performed(module: Module, run: Mapping[str, Any], expect: Mapping[str, Any]) -> Outcome:
    """Run the module as the prompt says. Raises :class:`CaseError` for what does not fit it."""
    stage, hlsl = expect.get("stage", "fragment"), expect.get("language") == "hlsl"
    if stage == "fragment":
        width, height = run.get("size", SIZE)
        lanes, group = width * height, 0
    elif stage == "vertex":
        width, lanes, group = 1, 1, 0
    else:
        group = int(np.prod(module.local_size))
        lanes = width = group * int(np.prod(run.get("groups", [1, 1, 1])))
    if not 0 < lanes <= MOST:
        raise CaseError(f"{lanes} lanes, at most {MOST}")
    machine = Machine(module, lanes, width, group)
    scene = _Scene(machine, run, expect, places(module, hlsl), hlsl)
    scene.fill()
    machine.run()
    return scene.outcome()


class _Scene:
    """The places of one module, bound to what one run gives."""

    def __init__(
        self,
        machine: Machine,
        run: Mapping[str, Any],
        expect: Mapping[str, Any],
        declared: Sequence[Place],
        hlsl: bool,
    ) -> None:
        self.m, self.run, self.expect, self.hlsl = machine, run, expect, hlsl
        self.declared = declared
        self.images: dict[str, Texture] = {}

    def fill(self) -> None:
        for one in self.m.module.globals.values():
            slots = self.m.module.types[one.type].slots
            if one.id not in self.m.values:
                self.m.bind(one.id, np.zeros((1, slots), np.uint32))
        self._builtins()
        given: tuple[tuple[Mode, str], ...] = (
            ("in", "inputs"),
            ("uniform", "uniforms"),
            ("buffer", "buffers"),
        )
        for mode, key in given:
            wanted = self._wanted(key)
            found = bound(self.declared, wanted, mode, self.hlsl)
            if isinstance(found, str):
                raise CaseError(found)
            for name, place in found.items():
                self._give(name, place, self._value(key, name, place))

    def _wanted(self, key: str) -> dict[str, str]:
        optional = self.expect.get("optional", {})
        names = {one.name for one in self.declared}
        extra = {name: kind for name, kind in optional.items() if name in names}
        mine = {k: v for k, v in extra.items() if k in self.run.get(key, {})}
        return {**self.expect.get(key, {}), **mine}

    def _value(self, key: str, name: str, place: Place) -> Any:
        given = self.run.get(key, {}).get(name)
        if given is None and (dimension(place.shown) or place.shown == "sampler"):
            return {}
        if given is None and key == "inputs" and place.shown == "vec2":
            return {"corners": CORNERS}
        if given is None:
            raise CaseError(f"a run gives no value for {name}")
        return given

    def _give(self, name: str, place: Place, value: Any) -> None:
        module, m = self.m.module, self.m
        kind = module.types[place.type].kind
        if kind == "sampler":
            m.offer(place.variable, _sampler(value))
        elif kind in ("image", "sampled"):
            self.images[name] = _texture(value, place.shown)
            m.offer(place.variable, self.images[name])
        elif isinstance(value, dict) and "corners" in value:
            m.bind(place.variable, self._between(place, value["corners"]))
        else:
            self._write(place, np.array([packed(module, place.type, value, self.hlsl)], np.uint32))

    def _write(self, place: Place, slots: Bits) -> None:
        data = self.m.memories[place.variable].data
        end = place.offset + slots.shape[1]
        if end > data.shape[1]:  # an array without a length takes what it is given
            data = np.concatenate([data[:, : place.offset], slots], axis=1)
        else:
            data[:, place.offset : end] = slots
        self.m.bind(place.variable, data)

    def _between(self, place: Place, corners: Sequence[Any]) -> Bits:
        """A value of each corner, mixed for each pixel's centre."""
        height = self.m.lanes // self.m.width
        y, x = np.divmod(np.arange(self.m.lanes), self.m.width)
        s, t = ((x + 0.5) / self.m.width)[:, None], ((y + 0.5) / height)[:, None]
        a, b, c, d = (np.atleast_1d(np.array(one, np.float64)) for one in corners)
        mixed = (a * (1 - s) + b * s) * (1 - t) + (c * (1 - s) + d * s) * t
        if mixed.shape[1] != self.m.module.types[place.type].slots:
            raise CaseError(f"corners of {mixed.shape[1]} numbers for {place.shown} {place.name}")
        return mixed.astype(np.float32).view(np.uint32)

    def _builtins(self) -> None:
        lanes = np.arange(self.m.lanes)
        y, x = np.divmod(lanes, self.m.width)
        local = np.array(self.m.module.local_size)
        groups = np.array(self.run.get("groups", [1, 1, 1]))
        index = lanes % self.m.group
        inside, group = _unrolled(index, local), _unrolled(lanes // self.m.group, groups)
        depth = np.full(len(lanes), self.run.get("depth", 0.5))
        known = {
            "gl_FragCoord": np.stack([x + 0.5, y + 0.5, depth, np.ones(len(lanes))], axis=1),
            "gl_FrontFacing": np.ones((1, 1)) * bool(self.run.get("front", True)),
            "gl_PointCoord": np.full((1, 2), 0.5),
            "gl_VertexID": np.full((1, 1), self.run.get("vertex", 0)),
            "gl_InstanceID": np.full((1, 1), self.run.get("instance", 0)),
            "gl_NumWorkGroups": groups[None, :],
            "gl_WorkGroupSize": local[None, :],
            "gl_WorkGroupID": group,
            "gl_LocalInvocationID": inside,
            "gl_GlobalInvocationID": group * local + inside,
            "gl_LocalInvocationIndex": index[:, None],
        }
        for one in self.declared:
            if one.builtin and one.mode == "in" and one.name in known:
                value = known[one.name]
                floats = one.shown in ("float", "vec2", "vec4")
                made = (
                    value.astype(np.float32).view(np.uint32) if floats else value.astype(np.uint32)
                )
                self.m.bind(one.variable, made)

    def outcome(self) -> Outcome:
        module = self.m.module
        values: dict[str, NDArray[np.float64]] = {}
        types: dict[str, int] = {}
        written = bound(self.declared, outputs(self.expect), "out", self.hlsl)
        buffers = bound(self.declared, self.expect.get("buffers", {}), "buffer", self.hlsl)
        if isinstance(written, str) or isinstance(buffers, str):
            raise CaseError(f"{written} {buffers}")
        for name, place in {**written, **buffers}.items():
            if name in self.images:
                continue
            data = self.m.memories[place.variable].data
            size = module.types[place.type].slots or data.shape[1]
            part = data[:, place.offset : place.offset + size]
            values[name], types[name] = numbers(module, place.type, part), place.type
        faults = frozenset(self.m.faults)
        return Outcome(values, types, self.m.discarded, self.images, faults, self.m.width)


def _unrolled(index: NDArray[np.int64], size: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.stack(
        [index % size[0], index // size[0] % size[1], index // (size[0] * size[1])], axis=1
    )


def _sampler(value: Mapping[str, Any]) -> Sampler:
    return Sampler(value.get("filter", "linear"), value.get("wrap", "clamp"))


def _texture(value: Mapping[str, Any], shown: str) -> Texture:
    """A texture as a prompt describes it: texels, one colour, faces, or something to look at."""
    dim = dimension(shown)
    if "texels" in value:
        texels = np.array(value["texels"], np.float32)
        texels = texels[None] if texels.ndim == 3 else texels
    elif "faces" in value or "layers" in value:
        texels = np.array(value.get("faces") or value["layers"], np.float32)[:, None, None, :]
    else:
        texels = _made(value)[None]
    if texels.ndim != 4 or texels.shape[3] not in (1, 2, 3, 4):
        raise CaseError(f"texels of shape {texels.shape} for {shown}, expected rows of rgba")
    missing = np.broadcast_to([0, 0, 0, 1], (*texels.shape[:3], 4))[..., texels.shape[3] :]
    if dim == "Cube" and len(texels) == 1:
        texels, missing = (np.repeat(one, 6, axis=0) for one in (texels, missing))
    whole = np.concatenate([texels, missing.astype(np.float32)], axis=3)
    return Texture(whole, dim, _sampler(value))


def _made(value: Mapping[str, Any]) -> NDArray[np.float32]:
    """A picture by its rule: one colour, a gradient (red to the right, green upwards), squares,
    or noise by its seed."""
    width, height = value.get("size", [8, 8])
    if "colour" in value:
        return np.broadcast_to(
            np.array(value["colour"], np.float32), (height, width, len(value["colour"]))
        )
    y, x = np.mgrid[0:height, 0:width]
    kind = value.get("pattern", "gradient")
    if kind == "checker":
        on = (x + y) % 2
        return np.stack([on, on, on, np.ones_like(on)], axis=2).astype(np.float32)
    if kind == "noise":
        noise = np.random.default_rng(value.get("seed", 0)).random((height, width, 4))
        noise[..., 3] = 1
        return noise.astype(np.float32)
    parts = [
        (x + 0.5) / width,
        (y + 0.5) / height,
        np.full((height, width), 0.5),
        np.ones((height, width)),
    ]
    return np.stack(parts, axis=2).astype(np.float32)
