"""A soft falloff around, or inside, the shape of what is on a layer: white at the shape, black a radius away.

Krita's own selections do the work on the UI thread, a few rows of cells at a time; what is done to bytes, before and
after, is done on another thread. A selection made here belongs to no document, so nothing of it is ever seen.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any, Protocol

from . import curves, sentences, shapes
from .drafting import waited
from .interfaces import Compute, Document
from .making import Made, Making, NothingToMake, find, pause, read
from .qt import QByteArray, QImage, Qt
from .vendor.sfumato_wire import Box

CELLS = 256 * 1024  # given to Krita at a time: some hundredths of a second
PIXELS = 2 * 1024 * 1024  # made of them at a time: some megabytes
RADIUS = (1, 1024)  # pixels

NewSelection = Callable[[], Any]  # krita.Selection


class Shaped(Document, Protocol):
    def read_alpha(self, layer: str, box: Box) -> Iterator[bytes]: ...  # `alpha.read_alpha`


def around(
    document: Shaped, layer: str, radius: int, inwards: bool, compute: Compute, new_selection: NewSelection
) -> Making:
    """A map of a layer's shape: its alpha, or a mask's values. Never less than them, or, inwards, never more."""
    radius = min(max(radius, RADIUS[0]), RADIUS[1])
    yield from pause(document)
    name, box = find(document, layer)
    canvas = Box(0, 0, *document.size())
    values = document.read_map if document.map_format(layer) == "gray8" else document.read_alpha
    bands = yield from read(lambda: values(layer, box), sentences.SOURCE_GONE)
    shape = yield from waited(compute(shapes.shape_of, bands, box, canvas, radius, inwards), "making")
    if shape is None:
        raise NothingToMake(sentences.SOURCE_EMPTY.format(name=name))
    bands.clear()  # large, and not needed any more
    pending = []
    for first, last in _portions(shape):
        soft = yield from _spread(shape, first, last, new_selection)
        pending.append(compute(_finished, shape, soft, first, last, inwards))
    parts = []
    for part in pending:
        parts.append((yield from waited(part, "making")))
    data, is_black, is_white = yield from waited(compute(_joined, parts), "making")
    if is_black:
        raise NothingToMake(sentences.FALLOFF_TOO_WIDE.format(name=name))
    if is_white and shape.box == canvas:
        raise NothingToMake(sentences.FALLOFF_EVERYWHERE.format(name=name))
    said = sentences.MADE_INSIDE if inwards else sentences.MADE_AROUND
    return Made(sentences.made_of(said, name), data, shape.box)


def _portions(shape: shapes.Shape) -> Iterator[tuple[int, int]]:
    """Rows of cells, counted with the margin, that are done at a time."""
    margin = shape.plan.reach + 1
    count = max(margin, min(CELLS, PIXELS // shape.plan.step**2) // shape.width)
    for first in range(margin, shape.height - margin, count):
        yield first, min(first + count, shape.height - margin)


def _spread(shape: shapes.Shape, first: int, last: int, new_selection: NewSelection) -> Generator[str, None, bytes]:
    """These rows of cells, and one more on either side, grown and blurred."""
    plan = shape.plan
    top, bottom = first - 1 - plan.reach, last + 1 + plan.reach
    cells = shape.rows(top, bottom)
    if cells.count(cells[:1]) == len(cells):
        return shape.rows(first - 1, last + 1)  # nothing here has an edge
    height = bottom - top
    selection = new_selection()
    selection.setPixelData(QByteArray(cells), 0, 0, shape.width, height)
    total = 0  # all bytes at once: no byte of the sum is over 255, so none carries over
    for radius, table in zip(plan.radii, plan.tables(), strict=True):
        grown = selection.duplicate()
        if radius:
            grown.grow(radius, radius)
        total += int.from_bytes(_values(grown, shape.width, 0, height).translate(table), "little")
        yield "making"
    selection.setPixelData(QByteArray(total.to_bytes(len(cells), "little")), 0, 0, shape.width, height)
    if plan.blur:
        selection.feather(plan.blur)
        yield "making"
    return _values(selection, shape.width, plan.reach, height - plan.reach)


def _values(selection: Any, width: int, top: int, bottom: int) -> bytes:
    data = bytes(selection.pixelData(0, top, width, bottom - top))
    if len(data) != width * (bottom - top):
        raise ValueError(f"Krita gave {len(data)} bytes for {width} x {bottom - top} cells.")
    return data


def _finished(shape: shapes.Shape, soft: bytes, first: int, last: int, inwards: bool) -> tuple[bytes, bool, bool]:
    """BGRA of the pixels of these rows of cells; whether all are black, whether all are white."""
    step, box = shape.plan.step, shape.box
    margin = shape.plan.reach + 1
    top = (first - margin) * step
    rows = min((last - margin) * step, box.height) - top
    wide = _enlarged(soft, shape.width, last + 2 - first, step)
    left, pitch = margin * step, shape.width * step
    lines = []
    for y in range(rows):
        start, at = (step + y) * pitch + left, (top + y) * box.width
        lines.append(shapes.fuller(wide[start : start + box.width], shape.fine[at : at + box.width]))
    values = b"".join(lines)
    if inwards:
        values = values.translate(shapes.INVERTED)
    return curves.bgra(values), not values.strip(b"\0"), not values.strip(b"\xff")


def _enlarged(values: bytes, width: int, height: int, step: int) -> bytes:
    """Every cell as step x step pixels, smooth in between."""
    if step == 1:
        return values
    image = QImage(values, width, height, width, QImage.Format.Format_Grayscale8).scaled(
        width * step,
        height * step,
        Qt.AspectRatioMode.IgnoreAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
    image = image.convertToFormat(QImage.Format.Format_Grayscale8)
    pitch = image.bytesPerLine()  # rows begin at multiples of 4
    raw = bytes(image.constBits().asstring(pitch * image.height()))
    if pitch == image.width():
        return raw
    return b"".join(raw[at : at + image.width()] for at in range(0, len(raw), pitch))


def _joined(parts: list[tuple[bytes, bool, bool]]) -> tuple[bytes, bool, bool]:
    data = b"".join(part for part, _, _ in parts)
    return data, all(black for _, black, _ in parts), all(white for _, _, white in parts)
