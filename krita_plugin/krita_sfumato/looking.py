"""Small pictures of the canvas and of a map, step by step: each step is a bounded copy of a band on the UI thread, and
in between Krita goes on. Reading leaves no trace: no undo step, no modified flag, no scratch document in most cases.

Why not `thumbnail`: a node's covers the 64 x 64 tiles that hold its pixels, whatever they are on the canvas, and takes
single pixels, so that thin lines vanish; a document's takes half a second on a large canvas. Both were measured.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from .qt import QByteArray, QImage, Qt
from .reading import BAND, read_node, scratch_document
from .vendor.sfumato_wire import Box

SIDE = 256  # pixels that a small picture has at most on either side
TILE = 64  # Krita keeps pixels in tiles of so many by so many; a thumbnail of whole tiles is exact
PIECE = 2  # tiles converted at a time
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


def look(app: Any, document: Any, node: Any | None, side: int = SIDE) -> Steps:
    """app, document, node: libkis' own; node None: no map is chosen. Yields between steps."""
    width, height = int(document.width()), int(document.height())
    scale = max(1.0, width / side, height / side)
    small = Box(0, 0, max(1, round(width / scale)), max(1, round(height / scale)))
    canvas = bytearray()
    for band, rows in _bands(width, height, small.height):
        image = document.projection(band.x, band.y, band.width, band.height)
        canvas += _scaled(image, small.width, rows)
        yield
    if node is None:
        nothing = bytes(len(canvas))
        return Look(small.width, small.height, scale, bytes(canvas), nothing, nothing)
    is_mask = str(node.type()).endswith("mask")
    read = _read_straight if is_mask or _is_plain(node) else _read_converted
    layer, sample = yield from read(app, document, node, small)
    veil = 0 if is_mask else _veil(document, node)
    return Look(small.width, small.height, scale, bytes(canvas), layer, sample, veil, is_mask)


# ---------------------------------------------------------------------- reading the map


def _read_straight(_: Any, document: Any, node: Any, small: Box) -> Generator[None, None, tuple[bytes, bytes]]:
    """Masks, and layers of 8-bit sRGB: all of their pixels count."""
    width, height = int(document.width()), int(document.height())
    is_mask = str(node.type()).endswith("mask")
    bounds = node.bounds()
    reach = Box(bounds.x(), bounds.y(), max(0, bounds.width()), max(0, bounds.height()))
    layer, sample = bytearray(), bytearray()
    for band, rows in _bands(width, height, small.height):
        if not reach.intersection(band).area:
            layer += bytes(4 * small.width * rows)
            sample += bytes(4 * small.width * rows)
            continue
        raw = read_node(node, band, 1 if is_mask else 4)
        kind = QImage.Format.Format_Grayscale8 if is_mask else QImage.Format.Format_ARGB32
        image = QImage(raw, band.width, band.height, band.width * (1 if is_mask else 4), kind)
        layer += _scaled(image, small.width, rows)
        sample += _scaled(image, small.width, rows, smoothly=False)
        yield
    return bytes(layer), bytes(sample)


def _read_converted(app: Any, document: Any, node: Any, small: Box) -> Generator[None, None, tuple[bytes, bytes]]:
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
        if row % 32 == 31:
            yield
    with _maker(app, document, node) as maker:
        out = bytearray()
        piece = PIECE * TILE * TILE * size
        for start in range(0, len(taken), piece):
            out += _converted(maker, bytes(taken[start : start + piece]), size)
            yield
    data = bytes(out)
    image = QImage(data, columns, rows, 4 * columns, QImage.Format.Format_ARGB32)
    return (
        _scaled(image, small.width, small.height),
        _scaled(image, small.width, small.height, smoothly=False),
    )


def _converted(maker: Any, raw: bytes, size: int) -> bytes:
    """Native pixels as straight BGRA in 8-bit sRGB: Krita converts when it makes a thumbnail, and one as large as the
    tiles it covers is exact. The node is never added to a document."""
    count = len(raw) // size
    node = maker.createNode("Sfumato", "paintlayer")
    node.setPixelData(QByteArray(raw.ljust(PIECE * TILE * TILE * size, b"\0")), 0, 0, PIECE * TILE, TILE)
    image = node.thumbnail(PIECE * TILE, TILE)
    return _scaled(image, PIECE * TILE, TILE)[: 4 * count]


def _maker(app: Any, document: Any, node: Any) -> AbstractContextManager[Any]:
    """Whose new nodes have the layer's colour space: the document itself as a rule. One of another space needs a
    document of its own, which takes a tenth of a second."""
    space = (node.colorModel(), node.colorDepth(), node.colorProfile())
    if space == (document.colorModel(), document.colorDepth(), document.colorProfile()):
        return nullcontext(document)
    return scratch_document(app, *space)


# ---------------------------------------------------------------------- inside


def _bands(width: int, height: int, rows: int) -> Iterator[tuple[Box, int]]:
    """Bands of the canvas and how many rows of the small picture each of them is. Where one row alone is too much, its
    first lines stand for it."""
    count = max(1, BAND * rows // max(1, width * height))
    for row in range(0, rows, count):
        last = min(rows, row + count)
        top, bottom = row * height // rows, last * height // rows
        lines = max(1, min(bottom - top, 2 * BAND // width))
        yield Box(0, top, width, lines), last - row


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


def _is_plain(node: Any) -> bool:
    model, depth, profile = node.colorModel(), node.colorDepth(), str(node.colorProfile())
    return (model, depth) == ("RGBA", "U8") and _is_srgb(profile)


def _is_srgb(profile: str) -> bool:
    return profile.startswith("sRGB") and "g10" not in profile


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
