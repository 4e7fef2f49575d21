"""A layer's shape as bytes, one a pixel, made small enough for a wide falloff to be cheap. Pure: no Qt, no Krita.

A falloff over many pixels has no fine detail, so it is made on cells of `step` x `step` pixels. A cell counts as its
fullest pixel: a hair reaches as far as a wall.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from . import pixels
from .curves import smooth
from .vendor.sfumato_wire import Box

FINE = 32  # cells from white to black: with fewer, circles get corners
LEVELS = 8  # stairs from white to black: with the blur that belongs to them no eye finds them
INVERTED = bytes(range(255, -1, -1))


@dataclass(frozen=True)
class Plan:
    """How a shape is spread over a radius: grown by each of `radii`, in cells, of which each adds its share to 255;
    then blurred a little, so that nothing of these stairs is left. Growing goes round corners, blurring alone does not.
    """

    step: int
    radii: tuple[int, ...]
    shares: tuple[int, ...]
    blur: int

    @property
    def reach(self) -> int:
        """Cells that can influence a cell; those beyond are not needed."""
        return self.radii[-1] + self.blur

    def tables(self) -> list[bytes]:
        """A value's part in each share. The parts of one value make up that value, and the sum is never over 255."""
        ends = list(accumulate(self.shares, initial=0))
        rounded = [[(2 * end * value + 255) // 510 for value in range(256)] for end in ends]
        return [bytes(b - a for a, b in zip(low, high, strict=True)) for low, high in pairwise(rounded)]


@dataclass(frozen=True)
class Shape:
    """fine: a value for each pixel of the box; coarse: one for each cell, with `plan.reach` + 1 more on every side,
    where the picture's edge goes on as it is."""

    box: Box
    plan: Plan
    fine: bytes = field(repr=False)
    coarse: bytes = field(repr=False)
    width: int
    height: int

    def rows(self, first: int, last: int) -> bytes:
        """Of the coarse values, counted with the margin."""
        return self.coarse[first * self.width : last * self.width]


def plan(radius: int) -> Plan:
    """radius: pixels, 1 or more."""
    step = max(1, radius // FINE)
    reach = max(1, (radius - 2 * (step - 1)) // step)  # a cell, and smoothing between cells, add their share
    blur = -(-reach // LEVELS) if reach > 2 else 0  # about as wide as a stair; the first radius makes up for it
    span = reach - 2 * blur
    count = min(LEVELS, span + 1)
    radii = [blur + k * span // (count - 1) for k in range(count)]
    middles = [(low + high + 1) / 2 - blur for low, high in pairwise(radii)]
    heights = [255, *(round(255 * (1 - smooth(middle / (span + 1)))) for middle in middles), 0]
    return Plan(step, tuple(radii), tuple(high - low for high, low in pairwise(heights)), blur)


def shape_of(bands: Sequence[bytes], box: Box, canvas: Box, radius: int, inwards: bool) -> Shape | None:
    """What is on a layer, with room for a falloff around it; None when nothing is. Inwards it is what is beside the
    shape that spreads, into it. bands: a value for each pixel of the box."""
    alpha = b"".join(bands)
    inner = pixels.support([alpha], box.width, "gray8", False, False)
    if inner is None:
        return None
    there = Box(box.x + inner.x, box.y + inner.y, inner.width, inner.height)
    room = Box(there.x - radius, there.y - radius, there.width + 2 * radius, there.height + 2 * radius)
    room = room.intersection(canvas)
    fine = _framed(alpha, box, there, room)
    if inwards:
        fine = fine.translate(INVERTED)
    planned = plan(radius)
    coarse, width, height = fullest(fine, room.width, planned.step)
    margin = planned.reach + 1
    coarse = _widened(coarse, width, margin)
    return Shape(room, planned, fine, coarse, width + 2 * margin, height + 2 * margin)


def fullest(values: bytes, width: int, step: int) -> tuple[bytes, int, int]:
    """The highest value of each cell of step x step pixels, and how many cells there are across and down."""
    if step == 1:
        return values, width, len(values) // width
    across = -(-width // step)
    lines = []
    for start in range(0, len(values), step * width):
        rows = [values[at : at + width] for at in range(start, min(start + step * width, len(values)), width)]
        row = rows[0] if rows.count(rows[0]) == len(rows) else bytes(map(max, *rows))
        row += row[-1:] * (across * step - width)
        lines.append(bytes(map(max, *(row[i::step] for i in range(step)))))
    return b"".join(lines), across, len(lines)


def fuller(one: bytes, other: bytes) -> bytes:
    """The higher of two values, pixel by pixel. For a row at a time: Krita's own Python waits until it is done."""
    if not other.strip(b"\0"):
        return one
    if not other.strip(b"\xff"):
        return other
    return bytes(map(max, one, other))


def _framed(values: bytes, box: Box, there: Box, room: Box) -> bytes:
    """The values of `there`, which lies in both boxes, with zeros around."""
    left, right = bytes(there.x - room.x), bytes(room.right - there.right)
    lines = [bytes(room.width * (there.y - room.y))]
    for y in range(there.y, there.bottom):
        start = (y - box.y) * box.width + there.x - box.x
        lines.append(left + values[start : start + there.width] + right)
    lines.append(bytes(room.width * (room.bottom - there.bottom)))
    return b"".join(lines)


def _widened(values: bytes, width: int, margin: int) -> bytes:
    """With the outermost values repeated on all sides."""
    rows = (values[at : at + width] for at in range(0, len(values), width))
    lines = [row[:1] * margin + row + row[-1:] * margin for row in rows]
    return b"".join([lines[0] * margin, *lines, lines[-1] * margin])
