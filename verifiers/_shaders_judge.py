"""Whether what a run left is what the prompt expects of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._shaders_interface import CaseError, numbers, packed
from ._shaders_scene import Outcome
from ._shaders_spirv import POISON, Module

PIXEL, VALUE = 0.02, 1e-3  #: tolerances: of a colour (five in 255), of a number by its size
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
EXPECTATIONS = ("is", "ndc", "pixels", "brighter", "varies", "differs_from", "same_as")

Numbers = NDArray[np.float64]


def undefined(found: Outcome) -> str:
    """What of a run is not defined: not written, not finite, out of bounds; empty when all is."""
    if found.faults:
        return min(found.faults)
    left = {**found.values, **{name: _texels(found, name) for name in found.images}}
    for name, rows in left.items():
        kept = rows[~found.discarded] if len(rows) == len(found.discarded) else rows
        if (kept == float(POISON)).any():
            return f"{name} is not written everywhere"
        wrong = np.argwhere(~np.isfinite(kept))
        if len(wrong):
            lost = "NaN" if np.isnan(kept[tuple(wrong[0])]) else "infinite"
            return f"{name} is {lost} or not written in {len({one[0] for one in wrong})} places"
    return ""


class Check:
    """One run against its expectations."""

    def __init__(
        self,
        found: Outcome,
        run: Mapping[str, Any],
        expect: Mapping[str, Any],
        module: Module,
        seen: Mapping[str, Outcome],
    ) -> None:
        self.found, self.run, self.expect, self.module, self.seen = found, run, expect, module, seen
        self.fragment = expect.get("stage", "fragment") == "fragment"
        self.hlsl = expect.get("language") == "hlsl"

    def difference(self, wanted: Outcome | None) -> str:
        """The first expectation that is not met; empty when all are."""
        for said in (
            self._values(),
            self._ndc(),
            self._pixels(),
            self._reference(wanted),
            self._relations(),
        ):
            for one in said:
                return one
        return ""

    def _within(self, own: Mapping[str, Any]) -> float:
        default = PIXEL if self.fragment else VALUE
        return float(own.get("within", self.run.get("within", self.expect.get("within", default))))

    def _seen(self, values: Numbers) -> Numbers:
        """Colours as a target of eight bits keeps them, unless the prompt says hdr."""
        kept = self.fragment and not self.expect.get("hdr")
        return np.asarray(np.clip(values, 0, 1) if kept else values, np.float64)

    def _off(self, got: Numbers, wanted: Numbers, within: float) -> NDArray[np.bool_]:
        """Where rows differ; what is expected as null may be anything."""
        size = np.ones_like(wanted) if self.fragment else np.maximum(np.abs(wanted), 1)
        close = np.abs(self._seen(got) - self._seen(wanted)) <= within * size
        return np.asarray(~(close | np.isnan(wanted)).all(axis=-1))

    def _row(self, name: str, value: Any) -> Numbers:
        type = self.found.types[name]
        slots = np.array([packed(self.module, type, value, self.hlsl)], np.uint32)
        return np.asarray(numbers(self.module, type, slots)[0])

    def _values(self) -> Iterator[str]:
        for name, value in self.run.get("is", {}).items():
            if name not in self.found.types:
                raise CaseError(f"'is' names {name}, which is no output or buffer")
            got, wanted = self.found.values[name], self._row(name, value)
            if got.shape[1] != len(wanted):
                yield f"{name} has {got.shape[1]} numbers, expected {len(wanted)}"
                return
            off = self._off(got, wanted, self._within({}))
            if off.any():
                yield f"{name} is {_shown(got[off][0])}, expected {_shown(wanted)}"

    def _ndc(self) -> Iterator[str]:
        if "ndc" in self.run:
            position, wanted = self.found.values["gl_Position"][0], np.array(self.run["ndc"])
            got = position[:3] / position[3]
            if self._off(got, wanted, self._within({})):
                yield f"the position is {_shown(got)} after division, expected {_shown(wanted)}"

    def _pixels(self) -> Iterator[str]:
        for pixel in self.run.get("pixels", []):
            rows = self._rows(pixel)
            gone = self.found.discarded[rows] if self.fragment else np.zeros(len(rows), bool)
            where = pixel.get("at") or pixel.get("in")
            if bool(pixel.get("discarded", False)) != bool(gone.all()) or gone.any() != gone.all():
                yield f"pixel {where} is {'' if gone.any() else 'not '}discarded"
            elif not gone.any() and {"is", "min", "max"} & set(pixel):
                yield from self._colour(pixel, self._of(pixel)[rows], where)

    def _colour(self, pixel: Mapping[str, Any], got: Numbers, where: Any) -> Iterator[str]:
        shown = got[0]
        if "is" in pixel:
            wanted = np.array([np.nan if one is None else one for one in pixel["is"]], np.float64)
            if len(wanted) > got.shape[1]:
                raise CaseError(f"{len(wanted)} numbers for a pixel of {got.shape[1]}")
            off = self._off(got[:, : len(wanted)], wanted, self._within(pixel))
            if off.any():
                yield f"pixel {where} is {_shown(got[off][0])}, expected {_shown(wanted)}"
        for key, wrong in (("min", np.less), ("max", np.greater)):
            if key in pixel:
                edge = np.array([np.nan if one is None else one for one in pixel[key]], np.float64)
                if not np.isfinite(got).all() or wrong(got[:, : len(edge)], edge).any():
                    yield f"pixel {where} is {_shown(shown)}, expected {key} {_shown(edge)}"

    def _rows(self, pixel: Mapping[str, Any]) -> NDArray[np.int64]:
        left, low, right, high = pixel.get("in") or [*pixel["at"], *pixel["at"]]
        image = self.found.images.get(str(pixel.get("of", "")))
        width = image.texels.shape[2] if image else self.found.width
        x, y = np.meshgrid(np.arange(left, right + 1), np.arange(low, high + 1))
        rows = np.asarray((y * width + x).ravel(), np.int64)
        size = image.texels[0, ..., 0].size if image else len(self.found.discarded)
        if right >= width or rows.max() >= size or rows.min() < 0:
            raise CaseError(
                f"pixel {pixel.get('at') or pixel.get('in')} lies outside of the picture"
            )
        return rows

    def _of(self, pixel: Mapping[str, Any]) -> Numbers:
        name = str(pixel.get("of", next(iter(self.found.values), "")))
        if name in self.found.images:
            return _texels(self.found, name)
        if name not in self.found.values:
            raise CaseError(f"a pixel of {name!r}, which is no output")
        rows = self.found.values[name]
        return np.asarray(np.broadcast_to(rows, (len(self.found.discarded), rows.shape[1])))

    def _reference(self, wanted: Outcome | None) -> Iterator[str]:
        if wanted is None:
            return
        gone, allowed = wanted.discarded, float(self.expect.get("outliers", 0))
        if np.mean(gone != self.found.discarded) > allowed:
            at = int(np.argmax(gone != self.found.discarded))
            yield f"pixel {self._at(at)} is {'not ' if gone[at] else ''}discarded"
        pairs = [(k, self.found.values[k], wanted.values[k]) for k in wanted.values]
        for name in wanted.images:
            pairs.append((name, _texels(self.found, name), _texels(wanted, name)))
        for name, got, want in pairs:
            lanes = max(len(got), len(want))
            off = np.broadcast_to(self._off(got, want, self._within({})), (lanes,))
            off = off & ~gone if lanes == len(gone) else off
            if off.mean() > allowed:
                at = int(np.argmax(off))
                ours, theirs = got[at if len(got) > 1 else 0], want[at if len(want) > 1 else 0]
                yield f"{name} {self._at(at)} is {_shown(ours)}, expected {_shown(theirs)}"

    def _at(self, row: int) -> str:
        return f"at [{row % self.found.width}, {row // self.found.width}]" if self.fragment else ""

    def _relations(self) -> Iterator[str]:
        rows = self._seen(next(iter(self.found.values.values()), np.zeros((1, 1))))
        if "varies" in self.run and not np.ptp(rows, axis=0).max() >= self.run["varies"]:
            yield f"the picture varies by {np.ptp(rows, axis=0).max():.3g}"
        for first, second in self.run.get("brighter", []):
            a, b = (
                float(rows[self._rows({"at": one})[0], :3] @ LUMINANCE) for one in (first, second)
            )
            if not a > b + 0.01:
                yield f"pixel {first} is not brighter than {second}: {a:.3g}, {b:.3g}"
        for key, same in (("same_as", True), ("differs_from", False)):
            if key not in self.run:
                continue
            other = self.seen.get(str(self.run[key]))
            if other is None:
                raise CaseError(f"{key} names no run before this one: {self.run[key]!r}")
            before = self._seen(next(iter(other.values.values())))
            if rows.shape != before.shape:
                raise CaseError(f"{key}: the runs are not of one size")
            if bool((np.abs(rows - before) <= self._within({})).all()) != same:
                yield f"the picture {'is not' if same else 'is'} that of {self.run[key]!r}"


def _texels(found: Outcome, name: str) -> Numbers:
    return found.images[name].texels.reshape(-1, 4).astype(np.float64)


def expects(run: Mapping[str, Any]) -> bool:
    """Whether a run expects anything by itself."""
    return any(key in run for key in EXPECTATIONS)


def _shown(values: Any) -> str:
    return "(" + ", ".join("any" if np.isnan(one) else f"{one:.4g}" for one in values[:16]) + ")"
