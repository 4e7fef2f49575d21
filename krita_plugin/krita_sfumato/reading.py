"""Pixels out of Krita: in bands, checked for their size, converted to grey as seen. Nothing here changes a document."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import pixels
from .qt import QByteArray, QImage
from .vendor.sfumato_wire import Box

GREY = "Gray-D50-elle-V2-srgbtrc.icc"  # grey as seen: the tone curve of sRGB
BAND = 512 * 1024  # pixels read at a time, so that the UI breathes in between


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

    def grey(self, raw: bytes, width: int, height: int) -> bytes:
        if self._context is None:
            self._context = scratch_document(self._app, *self._space)
            self._scratch = self._context.__enter__()
        node = self._scratch.createNode("map", "paintlayer")
        node.setPixelData(QByteArray(raw), 0, 0, width, height)
        # Through 16 bits an 8-bit grey would be off by up to 4 of 65,535.
        node.setColorSpace("GRAYA", self._depth, GREY)
        self._scratch.waitForDone()
        out = read_node(node, Box(0, 0, width, height), 2 if self._depth == "U8" else 4)
        return pixels.graya16(out[0::2], out[1::2]) if self._depth == "U8" else out


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


def bands(box: Box) -> Iterator[Box]:
    rows = max(1, BAND // max(1, box.width))
    for y in range(box.y, box.bottom, rows):
        yield Box(box.x, y, box.width, min(rows, box.bottom - y))


def read_node(node: Any, box: Box, size: int) -> bytes:
    """libkis answers with less than was asked for when something is wrong; nobody must read beyond that."""
    data = bytes(node.projectionPixelData(box.x, box.y, box.width, box.height))
    if len(data) != box.area * size:
        data = bytes(node.pixelData(box.x, box.y, box.width, box.height))
    if len(data) != box.area * size:
        raise ValueError(f"Krita gave {len(data)} bytes for {box.width} x {box.height} pixels.")
    return data


def read_bgra(document: Any, box: Box) -> bytes:
    image = document.projection(box.x, box.y, box.width, box.height)
    if image.format() != QImage.Format.Format_ARGB32:
        image = image.convertToFormat(QImage.Format.Format_ARGB32)
    if (image.width(), image.height()) != (box.width, box.height):
        raise ValueError("Krita gave a picture of another size.")
    return bytes(image.constBits().asstring(box.area * 4))
