"""A numpy canvas with anti-aliased shapes and smooth noise.

Coordinates are in picture heights: y runs from 0 (top) to 1, x from 0 to width / height. Everything is computed from
these, so a scene looks the same at every size.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Colour = tuple[float, float, float] | Array

_CELLS = 128


@lru_cache(maxsize=1)
def _noise_bank() -> Array:
    """A periodic field of 1/f noise, zero mean and unit variance."""
    white = np.random.default_rng(20).standard_normal((_CELLS, _CELLS))
    fy, fx = np.meshgrid(np.fft.fftfreq(_CELLS), np.fft.fftfreq(_CELLS), indexing="ij")
    # Flat below eight cells: one window then shows several lumps instead of one slope.
    amplitude = 1 / np.maximum(np.hypot(fy, fx), 1 / 8)
    field = np.fft.ifft2(np.fft.fft2(white) * amplitude).real
    return ((field - field.mean()) / field.std()).astype(np.float32)


@lru_cache(maxsize=256)
def _spline(samples: int, step: float, cells: int) -> Array:
    """Cubic B-spline weights [samples, cells + 3] at positions (i + 0.5) * step, in cells."""
    position = (np.arange(samples) + 0.5) * step
    base = np.minimum(position.astype(int), cells - 1)
    t = position - base
    weights = np.zeros((samples, cells + 3), np.float32)
    row = np.arange(samples)
    for offset, value in enumerate(((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)):
        weights[row, base + offset] = value / 6
    return weights


@lru_cache(maxsize=16)
def _grid(height: int, width: int) -> tuple[Array, Array]:
    x = ((np.arange(width, dtype=np.float32) + 0.5) / height)[None, :]
    y = ((np.arange(height, dtype=np.float32) + 0.5) / height)[:, None]
    return x, y


class Canvas:
    """An RGB picture in 0..1 that shapes are blended into."""

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width, self.aspect = height, width, width / height
        self.x, self.y = _grid(height, width)
        self.rgb: Array = np.zeros((height, width, 3), np.float32)

    def cover(self, inside: Array) -> Array:
        """Coverage 0..1 from a signed distance in picture heights, positive inside: half a pixel of soft edge."""
        return np.clip(inside * self.height + 0.5, 0, 1)

    def blend(self, coverage: Array, colour: Colour, window: tuple[slice, slice] | None = None) -> None:
        """Lay a colour (one, or one per pixel) over the canvas or a window of it."""
        part = self.rgb if window is None else self.rgb[window]
        part += coverage[..., None] * (np.asarray(colour, np.float32) - part)

    def window(self, x0: float, x1: float, y0: float, y1: float) -> tuple[tuple[slice, slice], Array, Array] | None:
        """The pixels a shape can touch and their coordinates, or None when it lies outside."""
        left, right = max(int(x0 * self.height) - 1, 0), min(int(x1 * self.height) + 2, self.width)
        top, bottom = max(int(y0 * self.height) - 1, 0), min(int(y1 * self.height) + 2, self.height)
        if left >= right or top >= bottom:
            return None
        return (slice(top, bottom), slice(left, right)), self.x[:, left:right], self.y[top:bottom]

    def polygon(self, points: list[tuple[float, float]], colour: Colour, alpha: float = 1.0) -> None:
        """A convex polygon, its corners in either direction of rotation."""
        corners = np.asarray(points, np.float64)
        area = _signed_area(corners)
        if abs(area) < 1e-9:
            return
        found = self.window(corners[:, 0].min(), corners[:, 0].max(), corners[:, 1].min(), corners[:, 1].max())
        if found is None:
            return
        window, x, y = found
        inside: Array | None = None
        for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            length = float(np.hypot(bx - ax, by - ay))
            if length < 1e-9:
                continue
            sign = np.copysign(1 / length, area)
            edge = (np.float32(sign * (bx - ax)) * (y - np.float32(ay))) - (
                np.float32(sign * (by - ay)) * (x - np.float32(ax))
            )
            inside = edge if inside is None else np.minimum(inside, edge)
        if inside is not None:
            self.blend(alpha * self.cover(inside), colour, window)

    def ellipse(
        self, cx: float, cy: float, rx: float, ry: float, colour: Colour, alpha: float = 1.0, soft: float = 0.0
    ) -> None:
        """An ellipse; ``soft`` in picture heights fades its edge for glows and shadows."""
        found = self.window(cx - rx - soft, cx + rx + soft, cy - ry - soft, cy + ry + soft)
        if found is None:
            return
        window, x, y = found
        radius = np.sqrt(((x - np.float32(cx)) / rx) ** 2 + ((y - np.float32(cy)) / ry) ** 2)
        inside = (1 - radius) * min(rx, ry)
        coverage = np.clip(0.5 + inside / (2 * soft), 0, 1) ** 2 if soft > 0 else self.cover(inside)
        self.blend(alpha * coverage, colour, window)

    def stroke(self, ax: float, ay: float, bx: float, by: float, thickness: float, colour: Colour) -> None:
        """A line with round ends; never thinner than the eye can see at small sizes."""
        half = max(thickness / 2, 0.35 / self.height)
        found = self.window(min(ax, bx) - half, max(ax, bx) + half, min(ay, by) - half, max(ay, by) + half)
        if found is None:
            return
        window, x, y = found
        dx, dy = bx - ax, by - ay
        along = np.clip(((x - np.float32(ax)) * dx + (y - np.float32(ay)) * dy) / (dx * dx + dy * dy + 1e-12), 0, 1)
        distance = np.hypot(x - np.float32(ax) - along * dx, y - np.float32(ay) - along * dy)
        self.blend(self.cover((half - distance).astype(np.float32)), colour, window)

    def noise(self, rng: np.random.Generator, across: float, down: float) -> Array:
        """A smooth field [height, width] with that many lumps per picture height, about zero mean and unit variance."""
        rows, columns = int(np.ceil(down)), int(np.ceil(across * self.aspect))
        top, left = rng.integers(_CELLS, size=2)
        part = np.take(
            np.take(_noise_bank(), range(top, top + rows + 3), 0, mode="wrap"),
            range(left, left + columns + 3),
            1,
            mode="wrap",
        )
        weights_y = _spline(self.height, down / self.height, rows)
        weights_x = _spline(self.width, across / self.height, columns)
        return weights_y @ part @ weights_x.T

    def line(self, rng: np.random.Generator, across: float) -> Array:
        """A smooth line [1, width] with that many lumps per picture height."""
        columns = int(np.ceil(across * self.aspect))
        row, left = rng.integers(_CELLS, size=2)
        part = np.take(_noise_bank()[row], range(left, left + columns + 3), mode="wrap")
        return (_spline(self.width, across / self.height, columns) @ part)[None, :]


def _signed_area(corners: NDArray[np.float64]) -> float:
    x, y = corners[:, 0], corners[:, 1]
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)
