"""The small picture of an edit in progress, or of a live draft."""

from __future__ import annotations

from typing import Any

from . import sentences
from .qt import QImage, QPainter, QPixmap, QRect, QSize, Qt, QWidget

SIDE = 200  # pixels
TINY = 24  # pixels: lower than this, a picture shows nothing


class Thumbnail(QWidget):
    """Takes no room when there is none, and gives way to what must be read or pressed."""

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip(sentences.TIP_PREVIEW)
        self._bytes = b""
        self._picture = QPixmap()
        self.hide()

    def show_rgb(self, preview: tuple[int, int, bytes] | None) -> None:
        if preview is None:
            self.hide()
            self._bytes = b""
            return
        width, height, data = preview
        if data is not self._bytes:
            self._bytes = data
            image = QImage(data, width, height, 3 * width, QImage.Format.Format_RGB888)
            picture, size = QPixmap.fromImage(image), QSize(width, height)
            if max(width, height) > SIDE or max(width, height) < SIDE // 2:
                size = size.scaled(SIDE, SIDE, Qt.AspectRatioMode.KeepAspectRatio).expandedTo(QSize(1, 1))
                picture = _scaled(picture, size)
            is_other = picture.size() != self._picture.size()
            self._picture = picture
            if is_other:
                self.updateGeometry()
            self.update()
        self.show()

    def sizeHint(self) -> QSize:
        return QSize(1, self._picture.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(1, 0)

    def paintEvent(self, event: Any) -> None:
        if self.height() < min(TINY, self._picture.height()):
            return
        size = self._picture.size()
        if size.width() > self.width() or size.height() > self.height():
            size = size.scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio).expandedTo(QSize(1, 1))
        place = QRect(0, 0, size.width(), size.height())
        place.moveCenter(self.rect().center())
        painter = QPainter(self)
        painter.drawPixmap(
            place.topLeft(), self._picture if size == self._picture.size() else _scaled(self._picture, size)
        )
        painter.end()


def _scaled(picture: QPixmap, size: QSize) -> QPixmap:
    return picture.scaled(size, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation)
