"""Textures: what sampling, fetching and gathering them gives. OpenGL ES 3.0 section 3.8."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Sampler:
    """How texels are read: ``filter`` is linear or nearest, ``wrap`` is clamp, repeat or mirror."""

    filter: str = "linear"
    wrap: str = "clamp"


@dataclass(frozen=True, eq=False)
class Texture:
    """Layers of rows of texels; the first row lies at v = 0. ``dim`` is 2D, 2DArray, 3D or Cube."""

    texels: Floats
    dim: str = "2D"
    sampler: Sampler = Sampler()

    def by(self, sampler: Sampler) -> Texture:
        """The same texels, read by another sampler."""
        return replace(self, sampler=sampler)

    @cached_property
    def levels(self) -> list[Floats]:
        """The texels and their mipmaps, each the mean of four."""
        found = [self.texels]
        while min(found[-1].shape[1:3]) > 1 and not any(n % 2 for n in found[-1].shape[1:3]):
            last = found[-1]
            layers, height, width, depth = last.shape
            halved = last.reshape(layers, height // 2, 2, width // 2, 2, depth)
            found.append(halved.mean(axis=(2, 4), dtype=np.float32))
        return found

    def size(self, level: int) -> list[int]:
        """Width, height, and layers where there are such."""
        layers, height, width = self.levels[min(level, len(self.levels) - 1)].shape[:3]
        return [width, height] + ([layers] if self.dim in ("2DArray", "3D") else [])

    def sample(self, at: Floats, level: Floats, offset: Any, reference: Floats | None) -> Floats:
        """The filtered texel at each lane's place; compared with ``reference`` for shadows."""
        whole = np.clip(np.broadcast_to(level, (max(len(at), len(level)), 1))[:, 0], 0, 99)
        at = np.broadcast_to(at, (len(whole), at.shape[1]))
        low = np.minimum(np.floor(np.nan_to_num(whole)).astype(int), len(self.levels) - 1)
        high = np.minimum(low + 1, len(self.levels) - 1)
        part = (whole - np.floor(whole))[:, None].astype(np.float32)
        first = self._level(at, low, offset, reference)
        if not part.any():
            return first
        return first * (1 - part) + self._level(at, high, offset, reference) * part

    def _level(self, at: Floats, level: Ints, offset: Any, reference: Floats | None) -> Floats:
        found: Any = None
        for number in np.unique(level):
            value = self._filtered(at, self.levels[int(number)], offset, reference)
            here = np.isin(level, [number])
            found = value if found is None else np.where(here[:, None], value, found)
        return np.asarray(found, np.float32)

    def _filtered(
        self, at: Floats, texels: Floats, offset: Any, reference: Floats | None
    ) -> Floats:
        layer, uv = self._layer(at, len(texels))
        if self.dim == "3D" and self.sampler.filter == "linear":
            deep = at[:, 2] * len(texels) - 0.5
            below = np.floor(np.nan_to_num(deep))
            part = (deep - below)[:, None]
            ends = [self._wrapped((below + n).astype(np.int64), len(texels)) for n in (0, 1)]
            near, far = (self._flat(uv, one, texels, offset, reference) for one in ends)
            return np.asarray(near * (1 - part) + far * part, np.float32)
        return self._flat(uv, layer, texels, offset, reference)

    def _layer(self, at: Floats, layers: int) -> tuple[Ints, Floats]:
        if self.dim == "Cube":
            return _face(at)
        if self.dim == "2DArray":
            near = np.floor(np.nan_to_num(at[:, 2]) + 0.5)
            return np.clip(near, 0, layers - 1).astype(np.int64), at[:, :2]
        if self.dim == "3D":
            near = np.floor(np.nan_to_num(at[:, 2]) * layers).astype(np.int64)
            return self._wrapped(near, layers), at[:, :2]
        uv = at[:, :2] if at.shape[1] > 1 else np.concatenate([at, at * 0], axis=1)
        return np.zeros(len(at), np.int64), uv

    def _flat(
        self, uv: Floats, layer: Ints, texels: Floats, offset: Any, reference: Floats | None
    ) -> Floats:
        size = np.array(texels.shape[2:0:-1])
        linear = self.sampler.filter == "linear"
        place = uv * size + offset - (0.5 if linear else 0.0)
        corner = np.floor(np.nan_to_num(place, posinf=0, neginf=0)).astype(np.int64)
        if not linear:
            return _lost(_compared(self._texel(texels, layer, corner), reference), uv)
        part = (place - corner).astype(np.float32)
        found: Any = 0.0
        for x, y in ((0, 0), (1, 0), (0, 1), (1, 1)):
            weight = np.abs(1 - x - part[:, :1]) * np.abs(1 - y - part[:, 1:2])
            texel = self._texel(texels, layer, corner + np.array([x, y]))
            found = found + weight * _compared(texel, reference)
        return _lost(np.asarray(found, np.float32), uv)

    def _texel(self, texels: Floats, layer: Ints, at: Ints) -> Floats:
        x, y = (self._wrapped(at[:, n], texels.shape[2 - n]) for n in (0, 1))
        return texels[layer, y, x]

    def _wrapped(self, at: Ints, size: int) -> Ints:
        if self.sampler.wrap == "repeat":
            return at % size
        if self.sampler.wrap == "mirror":
            around = at % (2 * size)
            return np.where(around < size, around, 2 * size - 1 - around)
        return np.clip(at, 0, size - 1)

    def fetch(self, at: NDArray[np.int32], level: int = 0) -> Floats:
        """The texel at whole coordinates; nought outside."""
        texels = self.levels[min(max(level, 0), len(self.levels) - 1)]
        limits = np.array([texels.shape[2], texels.shape[1], len(texels)])[: at.shape[1]]
        inside = np.all((at >= 0) & (at < limits), axis=1)
        x, y, layer = (*np.clip(at, 0, limits - 1).T, np.zeros(len(at), np.int64))[:3]
        return np.where(inside[:, None], texels[layer, y, x], np.float32(0))

    def write(self, at: NDArray[np.int32], value: Floats, here: NDArray[np.bool_]) -> None:
        """Replace texels at whole coordinates, for the lanes that are here."""
        places = np.broadcast_to(at, (len(here), at.shape[1]))[here]
        values = np.broadcast_to(value, (len(here), value.shape[1]))[here]
        limits = np.array([self.texels.shape[2], self.texels.shape[1]])
        inside = ((places[:, :2] >= 0) & (places[:, :2] < limits)).all(axis=1)
        for place, texel in zip(places[inside], values[inside], strict=True):
            self.texels[0, place[1], place[0], : len(texel)] = texel

    def gather(self, uv: Floats, offset: Any, channel: int) -> Floats:
        """One channel of the four texels that linear filtering would read: counter-clockwise from
        the lower left of (0, 1)."""
        place = uv[:, :2] * np.array(self.texels.shape[2:0:-1]) + offset - 0.5
        corner = np.floor(place).astype(np.int64)
        layer = np.zeros(len(uv), np.int64)
        around = [corner + np.array(step) for step in ((0, 1), (1, 1), (1, 0), (0, 0))]
        found = [self._texel(self.texels, layer, one)[:, channel] for one in around]
        return np.stack(found, axis=1)


def _compared(texel: Floats, reference: Floats | None) -> Floats:
    return texel if reference is None else (reference <= texel[:, :1]).astype(np.float32)


def _lost(found: Floats, uv: Floats) -> Floats:
    """A texel at a place that is no number is no number."""
    return np.where(np.isfinite(uv).all(axis=1, keepdims=True), found, np.float32(np.nan))


def _face(at: Floats) -> tuple[Ints, Floats]:
    """The face of a cube that a direction meets, and where. OpenGL ES 3.0 table 3.21."""
    x, y, z = np.nan_to_num(at[:, 0]), np.nan_to_num(at[:, 1]), np.nan_to_num(at[:, 2])
    ax, ay, az = np.abs(x), np.abs(y), np.abs(z)
    on_x, on_y = (ax >= ay) & (ax >= az), (ay > ax) & (ay >= az)
    face = np.where(
        on_x, np.where(x < 0, 1, 0), np.where(on_y, np.where(y < 0, 3, 2), np.where(z < 0, 5, 4))
    )
    s = np.where(on_x, np.where(x < 0, z, -z), np.where(on_y, x, np.where(z < 0, -x, x)))
    t = np.where(on_y, np.where(y < 0, -z, z), -y)
    major = np.where(on_x, ax, np.where(on_y, ay, az))
    uv = np.stack([s, t], axis=1) / np.maximum(major, np.float32(1e-30))[:, None]
    return face.astype(np.int64), ((uv + 1) / 2).astype(np.float32)
