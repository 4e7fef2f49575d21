"""The change map: how much each pixel may change, in integers from a grey layer to the steps of a schedule.

V(p) in 0..M, M = 65535: 0 keeps the pixel, M gives it away. Numpy only; no torch here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from numbers import Integral
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from sfumato_wire.geometry import Box, softened_reach
from sfumato_wire.levels import FULL as M
from sfumato_wire.levels import Levels

from sfumato.errors import InputError

Rounding = Literal["floor", "ceil"]
Resample = Literal["area", "max"]


class Curve(Protocol):
    """A model's answer to greys, for the axis `perceived`."""

    def table(self, steps: int) -> NDArray[np.uint16]:
        """uint16 [65536]: the share of so many steps that changes as much as the grey says; never falling, 0 at 0,
        65535 at 65535."""


@dataclass(frozen=True)
class ChangeMap:
    """values: uint16 [height, width], 0..65535 (8-bit grey v is 257 v), white changes.

    strength: global strength S in thousandths, multiplies the map.
    covered: height and width, in latent cells, that `values` covers when the picture was padded; None for all.
    resample: "area" averages the pixels of a latent cell, so a constant stays constant; "max": any change counts.
    curve: the model's, which only the axis `perceived` looks at.
    """

    values: NDArray[np.uint16]
    strength: int = 1000
    covered: tuple[Fraction, Fraction] | None = field(default=None, kw_only=True)
    resample: Resample = field(default="area", kw_only=True)
    curve: Curve | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.values.dtype != np.uint16 or self.values.ndim != 2 or self.values.size == 0:
            raise ValueError("A change map is a two-dimensional uint16 array of 0..65535 that is not empty.")
        if not isinstance(self.strength, Integral) or not 0 <= self.strength <= 1000:
            raise InputError(
                "bad_strength",
                f"Strength is a whole number of thousandths, 0..1000, so that 500 is half; this is {self.strength!r}.",
            )

    @classmethod
    def open(cls, path: str | Path, *, levels: Levels | None = None, strength: int = 1000) -> ChangeMap:
        """The map in an image file: its luminance times its alpha. Raises InputError with a sentence."""
        from sfumato.pictures import read_map

        return cls(apply_levels(read_map(path), levels or Levels()), strength)

    @classmethod
    def constant(cls, change: float, height: int = 1, width: int = 1) -> ChangeMap:
        """The same change, 0..1, everywhere."""
        if not 0 <= change <= 1:
            raise InputError("bad_map", f"Change lies within 0..1; this is {change}.")
        return cls(np.full((height, width), round(change * M), np.uint16))

    @classmethod
    def of(cls, values: Any, *, strength: int = 1000) -> ChangeMap:
        """The map in an array [height, width]: uint16, uint8, bool, or floats of 0..1. Raises InputError otherwise."""
        array = np.asarray(values)
        if array.ndim != 2 or array.size == 0:
            raise InputError("bad_map", f"A change map has rows and columns; this array is of shape {array.shape}.")
        if array.dtype == np.uint8:
            array = array.astype(np.uint16) * np.uint16(257)
        elif array.dtype == bool:
            array = array.astype(np.uint16) * np.uint16(M)
        elif np.issubdtype(array.dtype, np.floating):
            if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
                raise InputError("bad_map", "A change map of floats lies within 0..1 and holds no NaN or infinity.")
            array = np.floor(array.astype(np.float64) * M + 0.5).astype(np.uint16)
        elif array.dtype != np.uint16:
            raise InputError("bad_map", f"A change map is uint16, uint8, bool or float; this array is {array.dtype}.")
        return cls(array, strength)

    @property
    def changes(self) -> bool:
        """Whether any pixel may change at all."""
        return bool(scaled(self.values.max(initial=0).astype(np.int64), self.strength))

    def check_fits(self, width: int, height: int) -> None:
        """Raises InputError when the map cannot be laid over a picture of this size: 1 x 1 always can, others can when
        the aspect ratio is the same but for rounding."""
        rows, columns = self.values.shape
        if (rows, columns) == (1, 1) or self.covered is not None:
            return
        if abs(columns * height - rows * width) > max(width, height, columns, rows):
            raise InputError(
                "sizes_differ",
                f"The picture has {width} x {height} pixels and the map {columns} x {rows}: their shapes differ. "
                "Scale or crop the map to the picture's shape.",
            )

    def cells(self, rows: int, columns: int) -> NDArray[np.int64]:
        """V on a latent grid, int64 [rows, columns]: the mean (or maximum) of the pixels that a cell touches,
        rounded half up; cells that lie wholly in the padding keep."""
        height, width = self.values.shape
        covered_rows, covered_columns = self.covered or (Fraction(rows), Fraction(columns))
        top, bottom = _edges(height, rows, covered_rows)
        left, right = _edges(width, columns, covered_columns)
        if self.resample == "max":
            return _reduce(self.values, top, bottom, left, right, np.max)
        # Sums of a summed-area table, one axis after the other: exact in 64 bits for any picture that fits in memory.
        down = np.zeros((height + 1, width), np.int64)
        np.cumsum(self.values, axis=0, dtype=np.int64, out=down[1:])
        strips = down[bottom] - down[top]
        across = np.zeros((rows, width + 1), np.int64)
        np.cumsum(strips, axis=1, out=across[:, 1:])
        sums = across[:, right] - across[:, left]
        counts = np.maximum((bottom - top)[:, None] * (right - left)[None, :], 1)
        return (2 * sums + counts) // (2 * counts)

    def perceived(self, rows: int, columns: int, steps: int) -> NDArray[np.int64]:
        """The share of so many steps, int64 [rows, columns] of 0..65535, that changes each cell as much as its pixels
        and the global strength say. Raises InputError without a curve.

        The curve comes last: what is averaged and scaled is the change that will be seen, so that a cell half white
        and half black changes by half, and half strength is half of the change. A constant is the same either way.
        """
        if self.curve is None:
            raise InputError(
                "no_curve",
                "The axis 'perceived' needs the model's curve: ChangeMap(values, curve=...). `sfumato calibrate MODEL` "
                "measures one. Or choose the axis 'steps'.",
            )
        seen = scaled(self.cells(rows, columns), self.strength)
        shares: NDArray[np.int64] = self.curve.table(steps)[seen].astype(np.int64)
        return shares


def apply_levels(grey: NDArray[np.uint16], levels: Levels) -> NDArray[np.uint16]:
    """Grey -> change by the table that the plugin's preview uses too."""
    return grey if levels.is_identity else np.array(levels.table(), np.uint16)[grey]


def release_steps(values: NDArray[np.int64], steps: int, strength: int, rounding: Rounding) -> NDArray[np.int64]:
    """n: how many of N steps a cell takes part in, 0..N; n(0) = 0, n(M) = N at full strength, never decreasing.

    `rounding` is the rule by which the pipeline turns its own strength into steps, so that a constant map is that
    pipeline's img2img. Integers: floats lose steps (int(100 * 0.29) is 28).
    """
    product = steps * values * strength
    if rounding == "ceil":
        return -(-product // (M * 1000))
    return product // (M * 1000)


def scaled(values: NDArray[np.int64], strength: int) -> NDArray[np.int64]:
    """V' = V S / 1000, rounded down: rounded up, half strength would be a hair over half and cost a step more."""
    return values * strength // 1000


def support(values: NDArray[np.uint16], threshold: int = 1) -> Box | None:
    """The smallest box that holds every V >= threshold, in the array's coordinates; None when there is none."""
    rows = np.flatnonzero(values.max(axis=1) >= threshold)
    if rows.size == 0:
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(values[top:bottom].max(axis=0) >= threshold)
    left, right = int(columns[0]), int(columns[-1]) + 1
    return Box(left, top, right - left, bottom - top)


def soften(values: NDArray[np.uint16], radius: int) -> NDArray[np.uint16]:
    """A blur of about a Gaussian of standard deviation radius / 2: three integer box means.
    Outside the array counts as the array's edge, so a constant stays constant."""
    if radius == 0:
        return values
    half = softened_reach(radius) // 3
    result = values
    for _ in range(3):
        for axis in (0, 1):
            result = _box_mean(result, half, axis)
    return result


def _box_mean(values: NDArray[np.uint16], half: int, axis: int) -> NDArray[np.uint16]:
    padding = [(0, 0), (0, 0)]
    padding[axis] = (half + 1, half)
    sums = np.cumsum(np.pad(values, padding, mode="edge"), axis=axis, dtype=np.int64)
    size, count = values.shape[axis], 2 * half + 1
    ahead = np.take(sums, range(count, count + size), axis=axis)
    behind = np.take(sums, range(size), axis=axis)
    return ((2 * (ahead - behind) + count) // (2 * count)).astype(np.uint16)


def _edges(pixels: int, cells: int, covered: Fraction) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and one-past-last pixel that each cell touches, when `pixels` pixels lie under `covered` cells."""
    starts = [min(pixels, math.floor(cell * pixels / covered)) for cell in range(cells)]
    ends = [min(pixels, math.ceil((cell + 1) * pixels / covered)) for cell in range(cells)]
    return np.array(starts, np.int64), np.array(ends, np.int64)


def _reduce(
    values: NDArray[np.uint16],
    top: NDArray[np.int64],
    bottom: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    reduce: Callable[..., NDArray[np.uint16]],
) -> NDArray[np.int64]:
    strips = np.zeros((len(top), values.shape[1]), np.int64)
    for row, (start, end) in enumerate(zip(top, bottom, strict=True)):
        if end > start:
            strips[row] = reduce(values[start:end], axis=0)
    result = np.zeros((len(top), len(left)), np.int64)
    for column, (start, end) in enumerate(zip(left, right, strict=True)):
        if end > start:
            result[:, column] = reduce(strips[:, start:end], axis=1)
    return result


__all__ = ["ChangeMap", "Curve", "M", "apply_levels", "release_steps", "scaled", "soften", "support"]
