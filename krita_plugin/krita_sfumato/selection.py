"""The painter's selection, read like a mask: a value of 0..255 for each pixel. Nothing here changes a document.

libkis has three answers for "nothing is selected": no selection at all, one without extent, and zeros.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import sentences
from .pixels import bands
from .qt import QByteArray, QRect, QUuid
from .vendor.sfumato_wire import Box


def selection_box(document: Any) -> Box:
    """Where something is selected, within the canvas; of width or height 0 when nothing is."""
    selection = document.selection()
    if selection is None:
        return Box(0, 0, 0, 0)
    box = Box(selection.x(), selection.y(), max(0, selection.width()), max(0, selection.height()))
    return box.intersection(Box(0, 0, int(document.width()), int(document.height())))


def read_selection(document: Any, box: Box) -> Iterator[bytes]:
    """Its values, band by band, as they were when the first band was read: the painter may go on selecting."""
    selection = document.selection()
    if selection is None:
        raise LookupError(sentences.NONE_SELECTED)
    snapshot = selection.duplicate()  # its tiles are shared
    for part in bands(box):
        data = bytes(snapshot.pixelData(part.x, part.y, part.width, part.height))
        if len(data) != part.area:
            raise ValueError(f"Krita gave {len(data)} bytes for {part.width} x {part.height} selected pixels.")
        yield data


class AsNode:
    """The selection in the way of libkis' nodes, for who looks at a map whatever it is."""

    def __init__(self, document: Any) -> None:
        self._document = document

    def type(self) -> str:
        return "selectionmask"

    def uniqueId(self) -> QUuid:
        return QUuid()

    def bounds(self) -> QRect:
        box = selection_box(self._document)
        return QRect(box.x, box.y, box.width, box.height)

    def projectionPixelData(self, x: int, y: int, width: int, height: int) -> QByteArray:
        selection = self._document.selection()
        return selection.pixelData(x, y, width, height) if selection is not None else QByteArray()

    pixelData = projectionPixelData

    def thumbnail(self, width: int, height: int) -> None:
        return None
