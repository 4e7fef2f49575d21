"""Small pictures of a result, laid over the part of the picture that was sent. QImage and QPainter alone, so this may
and should run beside the UI thread.
"""

from __future__ import annotations

from typing import Protocol

from .entry import THUMB_SIDE, Thumb
from .qt import QImage, QPainter, QRectF, Qt
from .vendor.sfumato_wire import Box

LARGE_SIDE = 512  # pixels along the longer side of what is shown large, at most


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
    data, box = rows.data, rows.box
    if rows.format == "bgra16":
        data = data[1::2]  # their upper halves: 257 v becomes v
    if len(data) != box.area * 4:
        raise ValueError(f"{len(data)} bytes are no picture of {box.width} x {box.height} pixels.")
    image = QImage(data, box.width, box.height, 4 * box.width, QImage.Format.Format_ARGB32)
    if (width, height) == (box.width, box.height):
        return image.copy()  # the bytes need not outlive it
    # Premultiplied, so that the colour of what is transparent does not show at its edges.
    image = image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
    return image.scaled(width, height, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation)
