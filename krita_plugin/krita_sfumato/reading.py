"""Pixels out of Krita: in bands, checked for their size, converted to grey as seen. Nothing here changes a document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from . import curves, pixels, tree
from .pixels import BAND, bands
from .qt import QByteArray, QImage
from .vendor.sfumato_wire import Box

SRGB = "sRGB-elle-V2-srgbtrc.icc"
GREY = "Gray-D50-elle-V2-srgbtrc.icc"  # grey as seen: the tone curve of sRGB


class Converter:
    """Native pixels of a colour space -> graya16, as seen. 8-bit greys stay exact: v becomes 257 v."""

    def __init__(self, app: Any, model: str, depth: str, profile: str) -> None:
        self._app, self._space, self._depth = app, (model, depth, profile), "U8" if depth == "U8" else "U16"
        self._context: Any = None
        self._scratch: Any = None

    def __enter__(self) -> Converter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._context is not None:
            self._context.__exit__(None, None, None)

    def bgra(self, raw: bytes, width: int, height: int) -> bytes:
        """As seen, in 8-bit sRGB."""
        node = self._filled(raw, width, height)
        node.setColorSpace("RGBA", "U8", SRGB)
        self._scratch.waitForDone()
        return read_node(node, Box(0, 0, width, height), 4)

    def grey(self, raw: bytes, width: int, height: int) -> bytes:
        node = self._filled(raw, width, height)
        # Through 16 bits an 8-bit grey would be off by up to 4 of 65,535.
        node.setColorSpace("GRAYA", self._depth, GREY)
        self._scratch.waitForDone()
        out = read_node(node, Box(0, 0, width, height), 2 if self._depth == "U8" else 4)
        return pixels.graya16(out[0::2], out[1::2]) if self._depth == "U8" else out

    def _filled(self, raw: bytes, width: int, height: int) -> Any:
        if self._context is None:
            self._context = scratch_document(self._app, *self._space)
            self._scratch = self._context.__enter__()
        node = self._scratch.createNode("map", "paintlayer")
        node.setPixelData(QByteArray(raw), 0, 0, width, height)
        return node


@contextmanager
def scratch_document(app: Any, model: str, depth: str, profile: str) -> Iterator[Any]:
    """A document without a window: what happens in it leaves no trace in the painter's undo history."""
    document = app.createDocument(16, 16, "Sfumato", model, depth, profile, 72.0)
    document.setBatchmode(True)
    try:
        yield document
    finally:
        document.setModified(False)
        document.close()


def read_node(node: Any, box: Box, size: int) -> bytes:
    """libkis answers with less than was asked for when something is wrong; nobody must read beyond that."""
    data = bytes(node.projectionPixelData(box.x, box.y, box.width, box.height))
    if len(data) != box.area * size:
        data = bytes(node.pixelData(box.x, box.y, box.width, box.height))
    if len(data) != box.area * size:
        raise ValueError(f"Krita gave {len(data)} bytes for {box.width} x {box.height} pixels.")
    return data


def is_srgb(profile: str) -> bool:
    """With its tone curve: there are linear ones of the same name."""
    return profile.startswith("sRGB") and "g10" not in profile


def map_box(node: Any, canvas: Box) -> Box:
    """Where a layer has pixels, within the canvas; of width or height 0 when it is empty."""
    bounds = node.bounds()
    return Box(bounds.x(), bounds.y(), max(0, bounds.width()), max(0, bounds.height())).intersection(canvas)


@contextmanager
def clone_of(document: Any) -> Iterator[Any]:
    """The document as it is now: what is painted while it is read does not get in between. Its tiles are shared, its
    time is the same, and the painter's document is never touched."""
    clone = document.clone()
    try:
        clone.setBatchmode(True)
        yield clone
    finally:
        clone.setModified(False)
        clone.close()


def settled(clone: Any) -> Iterator[bytes]:
    """Empty bands as long as Krita is still busy with it."""
    while not clone.tryBarrierLock():
        yield b""
    clone.unlock()


def still(document: Any, node: Any, box: Box, read: Callable[[Any, Box], Iterator[bytes]]) -> Iterator[bytes]:
    """What `read` gives of a layer, whatever its kind, as it is at the first step. Some bands are empty."""
    if box.area <= BAND:  # in one piece
        yield from read(node, box)
        return
    layer = tree.id_of(node)
    path = next(path for other, _, path in tree.walk(document) if tree.id_of(other) == layer)
    with clone_of(document) as clone:
        yield from settled(clone)
        yield from read(tree.at(clone, path), box)


def read_map(app: Any, node: Any, box: Box) -> Iterator[bytes]:
    """The layer's grey and alpha (a mask's values), band by band.

    `projectionPixelData` serves every kind of layer, hidden ones too, with its masks and without its own opacity; of
    one with frames it gives that of the current time.
    """
    if node.type() in tree.MASKS:
        for part in bands(box):
            yield read_node(node, part, 1)
        return
    model, depth, profile = node.colorModel(), node.colorDepth(), node.colorProfile()
    exact = depth in ("U8", "U16") and (
        (model == "RGBA" and is_srgb(profile)) or (model == "GRAYA" and profile == GREY)
    )
    with Converter(app, model, depth, profile) as converter:
        for part in bands(box):
            raw = bytes(node.projectionPixelData(part.x, part.y, part.width, part.height))
            if not raw:  # nothing was ever painted there
                yield bytes(4 * part.area)
                continue
            if len(raw) % part.area:
                raise ValueError(f"Krita gave {len(raw)} bytes for {part.width} x {part.height} pixels.")
            grey = pixels.as_it_is(raw, model, depth) if exact else None
            yield converter.grey(raw, part.width, part.height) if grey is None else grey


def read_layer(app: Any, node: Any, box: Box) -> Iterator[bytes]:
    """A layer alone as straight BGRA, sRGB, 8 bits, band by band; a mask's values as greys."""
    if node.type() in tree.MASKS:
        for part in bands(box):
            yield curves.bgra(read_node(node, part, 1))
        return
    model, depth, profile = node.colorModel(), node.colorDepth(), node.colorProfile()
    plain = (model, depth) == ("RGBA", "U8") and is_srgb(profile)
    with Converter(app, model, depth, profile) as converter:
        for part in bands(box):
            raw = bytes(node.projectionPixelData(part.x, part.y, part.width, part.height))
            if not raw:  # nothing was ever painted there
                yield bytes(4 * part.area)
            else:
                yield raw if plain else converter.bgra(raw, part.width, part.height)


def read_picture(document: Any, box: Box, without: Sequence[str]) -> Iterator[bytes]:
    """The picture within the box as straight BGRA, sRGB, 8 bits, as if the layers `without` were hidden: as it is now,
    band by band. Some are empty: then Krita is still busy with it."""
    seen = [path for node, _, path in tree.walk(document) if tree.id_of(node) in without and tree.is_seen(node)]
    if not seen and box.area <= BAND:
        yield read_bgra(document, box)
        return
    # Hiding a layer through libkis does not refresh the picture, and refreshing all of it takes seconds on a large
    # canvas. So: a clone, the layer hidden in it, and its blending mode set to what it is, which repaints exactly the
    # pixels below the layer.
    with clone_of(document) as clone:
        for path in seen:
            node = tree.at(clone, path)
            node.setVisible(False)
            node.setBlendingMode(node.blendingMode())
            yield b""
        yield from settled(clone)
        for part in bands(box):
            yield read_bgra(clone, part)


def read_bgra(document: Any, box: Box) -> bytes:
    image = document.projection(box.x, box.y, box.width, box.height)
    if image.format() != QImage.Format.Format_ARGB32:
        image = image.convertToFormat(QImage.Format.Format_ARGB32)
    if (image.width(), image.height()) != (box.width, box.height):
        raise ValueError("Krita gave a picture of another size.")
    return bytes(image.constBits().asstring(box.area * 4))
