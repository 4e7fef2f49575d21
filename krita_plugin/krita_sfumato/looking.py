"""Small pictures of the canvas and of a map, step by step: each step is a bounded copy of a band on the UI thread, and
in between Krita goes on. Reading leaves no trace: no undo step, no modified flag, no scratch document in most cases.

Why not `thumbnail`: a node's covers what is painted (in 5.1 the 64 x 64 tiles that hold it), wherever that is on the
canvas, and takes single pixels, so that thin lines vanish; a document's takes half a second on a large canvas.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from typing import Any

from .pixels import BAND
from .qt import QByteArray, QImage, Qt
from .reading import is_srgb, read_node, scratch_document
from .vendor.sfumato_wire import Box

SIDE = 256  # pixels that a small picture has at most on either side
PIECE = (128, 64)  # width and height of what is converted at a time: whole tiles of Krita's, see `_converted`
ONE = {"U8": b"\xff", "U16": b"\xff\xff", "F16": b"\x00\x3c", "F32": b"\x00\x00\x80\x3f"}  # a channel's full value
CONVERTED = 8 * 1024  # pixels of a picture that Krita has to convert, read at a time
STEP = 0.0015  # seconds until a step lets Krita go on; what is read at a time takes less than as much again
SLIGHT = 230  # a layer more opaque than this hides too much to see through it


@dataclass(frozen=True)
class Look:
    """scale: pixels of the document per small pixel; picture: the canvas as it is seen; layer: the map's pixels,
    averaged; sample: as many of its pixels as they are, spread evenly, for counting greys. All straight BGRA, sRGB.
    veil: the opacity with which the map lies over the picture, 0..255, where it can be taken away again; else 0.
    is_mask: its greys are values, and there is no opacity."""

    width: int
    height: int
    scale: float
    picture: bytes = field(repr=False)
    layer: bytes = field(repr=False)
    sample: bytes = field(repr=False)
    veil: int = 0
    is_mask: bool = False


Steps = Generator[None, None, Look]
Read = tuple[bytes, bytes]  # the layer, averaged, and its sample


class Pace:
    """Lets Krita go on when it is time."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def rest(self) -> Iterator[None]:
        if time.perf_counter() - self._since >= STEP:
            yield
            self._since = time.perf_counter()


def held(document: Any, steps: Steps) -> Steps:
    """The same, with Krita's own work on the document held off in each step, and none while it is at work."""
    with closing(steps):
        while True:
            if not document.tryBarrierLock():
                yield
                continue
            try:
                next(steps)
            except StopIteration as end:
                found: Look = end.value
                return found
            finally:
                document.unlock()
            yield


def look(app: Any, document: Any, node: Any | None, side: int = SIDE) -> Steps:
    """app, document, node: libkis' own; node None: no map is chosen. Yields between steps."""
    width, height = int(document.width()), int(document.height())
    if not width or not height:
        raise LookupError("The document is closed.")
    scale = max(1.0, width / side, height / side)
    small = Box(0, 0, max(1, round(width / scale)), max(1, round(height / scale)))
    canvas, pace = bytearray(), Pace()
    room = BAND if _is_plain(document) else CONVERTED
    for band, rows in _bands(width, height, small.height, room):
        image = document.projection(band.x, band.y, band.width, band.height)
        canvas += _scaled(image, small.width, rows)
        yield from pace.rest()
    if node is None:
        nothing = bytes(len(canvas))
        return Look(small.width, small.height, scale, bytes(canvas), nothing, nothing)
    is_mask = str(node.type()).endswith("mask")
    read = _read_straight if is_mask or _is_plain(node) else _read_converted
    layer, sample = yield from read(app, document, node, small, pace)
    veil = 0 if is_mask else _veil(document, node)
    return Look(small.width, small.height, scale, bytes(canvas), layer, sample, veil, is_mask)


# ---------------------------------------------------------------------- reading the map


def _read_straight(_: Any, document: Any, node: Any, small: Box, pace: Pace) -> Generator[None, None, Read]:
    """Masks, and layers of 8-bit sRGB: all of their pixels count."""
    width, height = int(document.width()), int(document.height())
    is_mask = str(node.type()).endswith("mask")
    bounds = node.bounds()
    reach = Box(bounds.x(), bounds.y(), max(0, bounds.width()), max(0, bounds.height()))
    layer, sample = bytearray(), bytearray()
    for band, rows in _bands(width, height, small.height, BAND):
        if not reach.intersection(band).area:
            layer += bytes(4 * small.width * rows)
            sample += bytes(4 * small.width * rows)
            continue
        raw = read_node(node, band, 1 if is_mask else 4)
        kind = QImage.Format.Format_Grayscale8 if is_mask else QImage.Format.Format_ARGB32
        image = QImage(raw, band.width, band.height, band.width * (1 if is_mask else 4), kind)
        layer += _scaled(image, small.width, rows)
        sample += _scaled(image, small.width, rows, smoothly=False)
        yield from pace.rest()
    return bytes(layer), bytes(sample)


def _read_converted(app: Any, document: Any, node: Any, small: Box, pace: Pace) -> Generator[None, None, Read]:
    """Layers of any other kind: about four of their pixels for each small one, converted by Krita."""
    width, height = int(document.width()), int(document.height())
    scale = max(1.0, width / small.width, height / small.height)
    step = int(scale / 2 + 0.999)
    columns, rows = max(1, width // step), max(1, height // step)
    taken = bytearray()
    size = 0
    for row in range(rows):
        raw = bytes(node.projectionPixelData(0, row * step + step // 2, width, 1))
        size = len(raw) // width
        if not size or len(raw) != size * width:
            raise ValueError(f"Krita gave {len(raw)} bytes for {width} pixels.")
        line = bytearray(columns * size)
        for byte in range(size):
            line[byte::size] = raw[step // 2 * size + byte :: step * size][:columns]
        taken += line
        yield from pace.rest()
    with _maker(app, document, node) as maker:
        out = bytearray()
        one = ONE[str(node.colorDepth())]
        piece = (PIECE[0] * PIECE[1] - 2) * size
        for start in range(0, len(taken), piece):
            out += _converted(maker, bytes(taken[start : start + piece]), one * (size // len(one)))
            yield from pace.rest()
    data = bytes(out)
    image = QImage(data, columns, rows, 4 * columns, QImage.Format.Format_ARGB32)
    return (
        _scaled(image, small.width, small.height),
        _scaled(image, small.width, small.height, smoothly=False),
    )


def _converted(maker: Any, raw: bytes, opaque: bytes) -> bytes:
    """Native pixels as straight BGRA in 8-bit sRGB: Krita converts when it makes a thumbnail, and one of the size that
    it covers is exact. What it covers is made sure of by an opaque pixel in two corners. The node is never added to a
    document."""
    (width, height), size = PIECE, len(opaque)
    node = maker.createNode("Sfumato", "paintlayer")
    inside = raw.ljust((width * height - 2) * size, b"\0")
    node.setPixelData(QByteArray(opaque + inside + opaque), 0, 0, width, height)
    return _scaled(node.thumbnail(width, height), width, height)[4 : 4 + len(raw) // size * 4]


def _maker(app: Any, document: Any, node: Any) -> AbstractContextManager[Any]:
    """Whose new nodes have the layer's colour space: the document itself as a rule. One of another space needs a
    document of its own, which takes a tenth of a second."""
    space = (node.colorModel(), node.colorDepth(), node.colorProfile())
    if space == (document.colorModel(), document.colorDepth(), document.colorProfile()):
        return nullcontext(document)
    return scratch_document(app, *space)


# ---------------------------------------------------------------------- inside


def _bands(width: int, height: int, rows: int, room: int) -> Iterator[tuple[Box, int]]:
    """Bands of the canvas of about so many pixels, and how many rows of the small picture each of them is. Where one
    row alone is more, the lines in its middle stand for it."""
    count = max(1, room * rows // (width * height))
    for row in range(0, rows, count):
        last = min(rows, row + count)
        top, bottom = row * height // rows, last * height // rows
        lines = max(1, min(bottom - top, room // width))
        yield Box(0, top + (bottom - top - lines) // 2, width, lines), last - row


def _scaled(image: Any, width: int, height: int, smoothly: bool = True) -> bytes:
    """Straight BGRA of that size: the mean of what each pixel covers, opacity considered, or single pixels as they
    are."""
    if image.isNull():
        raise ValueError("Krita gave no picture.")
    if (image.width(), image.height()) != (width, height):
        modes = Qt.TransformationMode
        mode = modes.SmoothTransformation if smoothly else modes.FastTransformation
        image = image.scaled(width, height, Qt.AspectRatioMode.IgnoreAspectRatio, mode)
    if image.format() != QImage.Format.Format_ARGB32:
        image = image.convertToFormat(QImage.Format.Format_ARGB32)
    return bytes(image.constBits().asstring(4 * width * height))


def _is_plain(thing: Any) -> bool:
    """A layer or document of 8-bit sRGB."""
    model, depth, profile = thing.colorModel(), thing.colorDepth(), str(thing.colorProfile())
    return (model, depth) == ("RGBA", "U8") and is_srgb(profile)


def _veil(document: Any, node: Any) -> int:
    """The map's opacity if it is plainly the topmost thing that is seen, as a new map is; in linear light layers mix
    otherwise."""
    if "g10" in str(document.colorProfile()) or str(document.colorModel()) not in ("RGBA", "GRAYA"):
        return 0
    seen = [child for child in document.rootNode().childNodes() if child.visible() and child.type() != "selectionmask"]
    if not seen or seen[-1] != node or node.blendingMode() != "normal" or node.inheritAlpha():
        return 0
    opacity = int(node.opacity())
    return opacity if opacity <= SLIGHT else 0
