"""Labels of several lines, just as high as their lines."""

from __future__ import annotations

from typing import Any

from .qt import QLabel, QSize
from .widgets import NARROW, TEXT


class Wrapped(QLabel):
    """As high as its text is at the width that it has. A layout takes a label's own height for a width as all that its
    parts need together, and then no picture beside it gives way."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.setTextFormat(TEXT)
        self.setWordWrap(True)

    def hasHeightForWidth(self) -> bool:
        return False

    def sizeHint(self) -> QSize:
        return QSize(NARROW, self.heightForWidth(self.width()))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self.updateGeometry()


class SmallPrint(Wrapped):
    """A sentence that stands back. Smaller rather than paler, because Krita's themes do not set every colour of a
    palette."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        font = self.font()
        font.setPointSizeF(0.9 * font.pointSizeF())
        self.setFont(font)
