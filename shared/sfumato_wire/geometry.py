"""Boxes, and the part of the canvas that a painted map needs: the plugin sends it, the backend works on it."""

from __future__ import annotations

from dataclasses import dataclass

CONTEXT_PARTS = 8  # the surroundings a model sees beside the painted box: an eighth of its longer side ...
CONTEXT_PIXELS = 32  # ... and at least this many pixels


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels, in document coordinates."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    @property
    def area(self) -> int:
        return self.width * self.height

    def contains(self, other: Box) -> bool:
        return self.x <= other.x and self.y <= other.y and other.right <= self.right and other.bottom <= self.bottom

    def intersection(self, other: Box) -> Box:
        """The common part; of width or height 0 when there is none."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Box(x, y, max(0, right - x), max(0, bottom - y))


def crop_box(support: Box, width: int, height: int, native: int) -> Box:
    """The part of a width x height document to work on when everything to change lies in `support`.

    It holds the support and some context, and is at least the model's native size where the document has the room:
    models paint best at the size they were trained for. Pure and integer, so plugin and backend agree.
    """
    context = max(CONTEXT_PIXELS, -(-max(support.width, support.height) // CONTEXT_PARTS))
    x, w = _span(support.x, support.width, width, context, native)
    y, h = _span(support.y, support.height, height, context, native)
    return Box(x, y, w, h)


def softened_reach(radius: int) -> int:
    """How many pixels softening a map spreads it: three box means of half the radius, at least of one pixel."""
    return 3 * max(1, round(radius / 2)) if radius else 0


def _span(start: int, length: int, limit: int, context: int, native: int) -> tuple[int, int]:
    size = min(limit, max(length + 2 * context, native))
    centred = start - (size - length) // 2
    return min(max(0, centred), limit - size), size
