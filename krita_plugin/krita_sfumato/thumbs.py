"""Small pictures of a result, laid over the part of the picture that was sent. QImage and QPainter alone, so this may
and should run beside the UI thread.
"""

from __future__ import annotations

from typing import Protocol

from .entry import BYTES, THUMB_SIDE, Thumb
from .qt import QImage, QPainter, QRectF, Qt
from .vendor.sfumato_wire import Box

LARGE_SIDE = 512  # pixels along the longer side of what is shown large, at most
BAND = 512 * 1024  # pixels that are scaled at a time
SMOOTH = Qt.TransformationMode.SmoothTransformation


class Rows(Protocol):
    """Raw rows somewhere in the document, "bgra8" or "bgra16": straight alpha, 16 bits little-endian."""

    @property
    def box(self) -> Box: ...
    @property
    def format(self) -> str: ...
    @property
    def data(self) -> bytes: ...


def thumbnail(result: Rows, canvas: Rows | None) -> Thumb:
    """For the strip and the document."""
    return laid_over(result, canvas, THUMB_SIDE)


def large(result: Rows, canvas: Rows | None) -> Thumb:
    """For the preview."""
    return laid_over(result, canvas, LARGE_SIDE)


def laid_over(result: Rows, canvas: Rows | None, side: int) -> Thumb:
    """The part that the canvas shows, or the result's own where there is no canvas; never larger than it is."""
    view = canvas.box if canvas is not None else result.box
    scale = min(1.0, side / max(view.width, view.height))
    width, height = max(1, round(view.width * scale)), max(1, round(view.height * scale))
    out = QImage(width, height, QImage.Format.Format_ARGB32_Premultiplied)
    out.fill(0)
    painter = QPainter(out)
    try:
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for rows in (canvas, result):
            if rows is not None and rows.box.area:
                box, x, y = rows.box, width / view.width, height / view.height
                at = QRectF((box.x - view.x) * x, (box.y - view.y) * y, box.width * x, box.height * y)
                small = _shrunk(rows, max(1, round(at.width())), max(1, round(at.height())))
                painter.drawImage(at, small, QRectF(small.rect()))
    finally:
        painter.end()
    straight = out.convertToFormat(QImage.Format.Format_ARGB32)
    return Thumb(width, height, bytes(straight.constBits().asstring(width * height * 4)))


def _shrunk(rows: Rows, width: int, height: int) -> QImage:
    """Each pixel the mean of those it stands for."""
    box = rows.box
    if len(rows.data) != box.area * BYTES[rows.format]:
        raise ValueError(f"{len(rows.data)} bytes are no picture of {box.width} x {box.height} pixels.")
    factor = min(box.width // (2 * width), box.height // (2 * height))
    image = _image(rows, 0, box.height) if factor < 2 else _reduced(rows, factor)
    return image.scaled(width, height, Qt.AspectRatioMode.IgnoreAspectRatio, SMOOTH)


def _reduced(rows: Rows, factor: int) -> QImage:
    """To a whole fraction of its size, band by band: Qt lets no other Python run while it scales. What is left over at
    the right and at the bottom is less than half a pixel of what comes of it."""
    width, height = rows.box.width // factor, rows.box.height // factor
    out = QImage(width, height, QImage.Format.Format_ARGB32_Premultiplied)
    painter = QPainter(out)
    try:
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
        high = max(1, BAND // (rows.box.width * factor))
        for top in range(0, height, high):
            lines = min(high, height - top)
            band = _image(rows, top * factor, lines * factor).copy(0, 0, width * factor, lines * factor)
            painter.drawImage(0, top, band.scaled(width, lines, Qt.AspectRatioMode.IgnoreAspectRatio, SMOOTH))
    finally:
        painter.end()
    return out


def _image(rows: Rows, top: int, lines: int) -> QImage:
    """Premultiplied, so that the colour of what is transparent does not show at its edges."""
    width, line = rows.box.width, rows.box.width * BYTES[rows.format]
    data = rows.data[top * line : (top + lines) * line]
    if rows.format == "bgra16":
        data = data[1::2]  # their upper halves: 257 v becomes v
    image = QImage(data, width, lines, 4 * width, QImage.Format.Format_ARGB32)
    return image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)  # a copy: the bytes need not outlive it
