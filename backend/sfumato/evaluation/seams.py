"""Does a line show where the map has its edge?

A seam is a line that runs along the map's edge: over a few pixels *across* the edge something jumps or bends, and it
does so for many pixels *along* it. Texture and objects do not follow the map. So at every pixel p near an edge, with n
the map's direction there:

    bend(p) = I(p + 3 n) + I(p - 3 n) - 2 I(p)             CIELAB, 3 pixels to either side
    line(p) = mean of bend over 17 pixels along the iso-line of the map through p
    energy  = sum_p w(p) |line(p)|^2 / sum_p w(p)           w = |grad c|

The bend does not see slopes (a sky's, or the map's own); the mean along the line comes before the square, so what
differs from pixel to pixel averages out (of noise, 1/17 is left) and what follows the line stays; with w every iso-line
counts alike (the co-area formula), so a slope is looked at over its whole width, its two ends included.
The map is softened first by as much as a latent cell, since that is how far from its edge a seam may lie.

A picture that was edited has other things in it, and is sharper or softer. So the same is measured at the same pixels
for lines that *cross* the edge, with n turned by a right angle: what a picture holds runs along the edge as often as
across it, a seam along it only. What still runs along it by chance is also in a cross-fade of the unedited picture and
the full edit, which has no seam.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sfumato.change_map import M, soften
from sfumato.errors import InputError

from .distances import Pictures, check_pairs, to_lab

Floats = NDArray[np.float64]

CELL = 8  # pixels of a latent cell: how far a seam may lie from the map's edge
ACROSS = 3  # pixels to either side that a bend is seen over: also what a decoder has blurred is a seam
ALONG = 8  # pixels to either side that a line is followed for
FLATTEST = 1 / 4096  # change per pixel below which a map has no edge and no direction


class Seam(NamedTuple):
    """Ratios of mean energies; 1 is as little as there was, more is a line that shows."""

    unedited: float  # energy along the edge, to the unedited pictures': sharper and busier pictures have more
    crossfade: float  # energy along the edge over energy across it, to the same of the cross-fade


def seam_energy(pictures: Pictures, change_map: NDArray[np.uint16]) -> Floats:
    """Energy of lines along and across the edges of a map, uint16 [h, w], in each picture, uint8 [n, h, w, 3]: float64
    [n, 2], squared units of CIELAB. Raises InputError."""
    check_pairs(pictures, pictures)
    edges = _Edges(change_map, pictures.shape[1:3])
    return np.stack([edges.energies(picture) for picture in pictures])


def crossfade(unedited: Pictures, full: Pictures, change_map: NDArray[np.uint16]) -> Pictures:
    """Pictures that pass into others without a seam, by the map; where it is hard, over a latent cell's width."""
    change = (soften(change_map, CELL) / M)[None, ..., None]
    return np.rint(unedited + change * (full.astype(np.float64) - unedited)).astype(np.uint8)


def seam(edited: Floats, unedited: Floats, faded: Floats) -> Seam:
    """The ratios, from `seam_energy` of pictures that belong together and one map: rows of all may be drawn anew for an
    interval. faded: of `crossfade`.

    inf where there was no line at all and now there is, NaN where there is none either."""
    after, before, seamless = (energies.mean(axis=0) for energies in (edited, unedited, faded))
    return Seam(
        _ratio(float(after[0]), float(before[0])),
        _ratio(float(after[0] * seamless[1]), float(after[1] * seamless[0])),
    )


class _Edges:
    """Where a map has edges.

    rows, columns: intp [p] of the pixels; weight: float64 [p], sum 1; lines: those that run along the edge, and those
    that cross it."""

    def __init__(self, change_map: NDArray[np.uint16], size: tuple[int, ...]) -> None:
        if change_map.dtype != np.uint16 or change_map.shape != size:
            raise InputError(
                "sizes_differ",
                f"A map to look for seams along is uint16 and of the pictures' size {size}; this one is "
                f"{change_map.dtype} {change_map.shape}. Draw it at that size.",
            )
        if min(size) <= ACROSS:
            raise InputError("bad_pictures", f"Pictures of {size} pixels are too small to show a seam.")
        down, right = np.gradient(soften(change_map, CELL).astype(np.float64) / M)
        slope = np.stack([down, right])
        steep = np.hypot(*slope)
        rows, columns = np.indices(steep.shape)
        # Every fifth pixel, a knight's move apart: as good for means over lines of 17, at a fifth of the time.
        at = np.nonzero((steep > FLATTEST) & ((2 * rows + columns) % 5 == 0))
        if at[0].size == 0:
            raise InputError("flat_map", "This map has no edge along which a seam could be. Use one with an edge.")
        normal = np.divide(slope, steep, out=np.zeros_like(slope), where=steep > FLATTEST)
        self.weight = steep[at] / steep[at].sum()
        self.lines = _Lines(normal, at), _Lines(np.stack([normal[1], -normal[0]]), at)

    def energies(self, picture: NDArray[np.uint8]) -> Floats:
        """Along and across, float64 [2]."""
        colour = to_lab(picture)
        return np.array([self.weight @ lines.energy(colour) for lines in self.lines])


class _Lines:
    """Lines through pixels, at right angles to a direction.

    paths: where they go, float64 [2, 17, p]; parts: of each place in the mean, float32 [17, p, 1]: none beyond the
    border or where the map ends to have a direction."""

    def __init__(self, direction: Floats, at: tuple[NDArray[np.intp], ...]) -> None:
        self.direction = direction
        paths, parts = [np.stack(at).astype(np.float64)], [np.ones(at[0].size, bool)]
        border = np.array(direction.shape[1:])[:, None] - 1
        for way in (1, -1):
            place, goes_on = paths[0], parts[0]
            for _ in range(ALONG):
                row, column = np.rint(place).astype(np.intp)
                down, right = way * direction[:, row, column]
                there = place + np.stack([right, -down])
                goes_on = goes_on & ((down != 0) | (right != 0)) & ((there >= 0) & (there <= border)).all(axis=0)
                place = np.where(goes_on, there, place)
                paths.append(place)
                parts.append(goes_on)
        counts = np.stack(parts).astype(np.float32)[..., None]
        self.paths, self.parts = np.stack(paths, axis=1), counts / counts.sum(axis=0)

    def energy(self, colour: NDArray[np.float32]) -> Floats:
        """|line|^2 at every pixel, float64 [p]. colour: CIELAB, float32 [h, w, 3]."""
        rows, columns = np.indices(colour.shape[:2])
        down, right = ACROSS * self.direction
        bend = _between(colour, rows + down, columns + right) + _between(colour, rows - down, columns - right)
        bend -= 2 * colour
        line = (_between(bend, *self.paths) * self.parts).sum(axis=0)
        energy: Floats = np.square(line.astype(np.float64)).sum(axis=-1)
        return energy


def _between(field: NDArray[np.float32], rows: Floats, columns: Floats) -> NDArray[np.float32]:
    """float32 [h, w, 3] at places between its pixels, float32 [..., 3]: straight lines between, the border beyond."""
    height, width = field.shape[:2]
    rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    top, left = np.floor(rows).astype(np.intp), np.floor(columns).astype(np.intp)
    down, right = (rows - top).astype(np.float32)[..., None], (columns - left).astype(np.float32)[..., None]
    bottom, end = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    upper = field[top, left] * (1 - right) + field[top, end] * right
    lower = field[bottom, left] * (1 - right) + field[bottom, end] * right
    found: NDArray[np.float32] = upper * (1 - down) + lower * down
    return found


def _ratio(one: float, other: float) -> float:
    if other == 0:
        return np.inf if one > 0 else np.nan
    return one / other
