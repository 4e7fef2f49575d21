"""The greys of a map as bars in the colours of heat, with the three marks of a levels dialog below them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from . import heat, sentences
from .qt import (
    QColor,
    QPainter,
    QPalette,
    QPen,
    QPointF,
    QPolygonF,
    QRectF,
    QSize,
    QSizePolicy,
    Qt,
    QWidget,
    pyqtSignal,
)

BLACK, MIDDLE, WHITE = range(3)
BARS, STRIP, MARKS = 44, 6, 11  # heights in pixels of the bars, of the strip of colours and of the marks
SIDE = 6  # pixels beside the bars: half a mark
GAMMA_LOW, GAMMA_HIGH = 0.1, 10.0
PAGE = 16  # greys by which Page Up and Page Down move
MARK_COLOURS = ("#202020", "#8c8c8c", "#f4f4f4")  # of what they stand for


class Histogram(QWidget):
    """Shows greys and levels; says when the painter moves a mark. black and white are greys of 0..255."""

    moved = pyqtSignal(int, int, float)

    def __init__(self) -> None:
        super().__init__()
        self.black, self.white, self.gamma = 0, 255, 1.0
        self._counts: Sequence[int] = [0] * 256
        self._changes = bytes(range(256))
        self._mark = WHITE  # the one that keys move
        self._dragged: int | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolTip(sentences.TIP_HISTOGRAM)
        self.setAccessibleName(sentences.LEVELS_LABEL)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(220, BARS + STRIP + MARKS + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())

    def show_greys(self, counts: Sequence[int], changes: bytes) -> None:
        """How many there are of each grey, and the change that each means."""
        self._counts, self._changes = counts, changes
        self.update()

    def show_levels(self, black: int, white: int, gamma: float) -> None:
        if self._dragged is None:
            self.black, self.white, self.gamma = black, white, gamma
            self.update()

    # ------------------------------------------------------------------ where things are

    def _x(self, grey: float) -> float:
        return SIDE + grey * (self.width() - 2 * SIDE) / 255

    def _grey(self, x: float) -> float:
        return (x - SIDE) * 255 / max(1, self.width() - 2 * SIDE)

    def _place(self, mark: int) -> float:
        """The grey at which a mark stands; the middle one where half of the change is reached."""
        ends = {BLACK: float(self.black), WHITE: float(self.white)}
        return ends.get(mark, self.black + (self.white - self.black) * 0.5**self.gamma)

    def _nearest(self, x: float) -> int:
        """Of two at one place, the one that can still be moved that way."""
        grey = self._grey(x)
        order = (MIDDLE, WHITE, BLACK) if grey >= self._place(MIDDLE) else (MIDDLE, BLACK, WHITE)
        return min(order, key=lambda mark: abs(self._x(self._place(mark)) - x))

    def _move(self, mark: int, grey: float) -> None:
        had = self.black, self.white, self.gamma
        if mark == BLACK:
            self.black = min(max(0, round(grey)), self.white - 1)
        elif mark == WHITE:
            self.white = max(min(255, round(grey)), self.black + 1)
        else:
            share = (grey - self.black) / (self.white - self.black)
            share = min(max(share, 0.5**GAMMA_HIGH), 0.5**GAMMA_LOW)
            self.gamma = round(min(max(math.log(share) / math.log(0.5), GAMMA_LOW), GAMMA_HIGH), 2)
        if had != (self.black, self.white, self.gamma):
            self.update()
            self.moved.emit(self.black, self.white, self.gamma)

    # ------------------------------------------------------------------ the painter's hand

    def mousePressEvent(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._mark = self._dragged = self._nearest(event.pos().x())
            self.update()

    def mouseMoveEvent(self, event: Any) -> None:
        if self._dragged is not None:
            self._move(self._dragged, self._grey(event.pos().x()))

    def mouseReleaseEvent(self, event: Any) -> None:
        self._dragged = None

    def mouseDoubleClickEvent(self, event: Any) -> None:
        """Back to where that mark stands at first."""
        mark = self._nearest(event.pos().x())
        self._move(mark, {BLACK: 0.0, WHITE: 255.0}.get(mark, (self.black + self.white) / 2))

    def keyPressEvent(self, event: Any) -> None:
        keys = Qt.Key
        by = {keys.Key_Left: -1, keys.Key_Right: 1, keys.Key_PageDown: -PAGE, keys.Key_PageUp: PAGE}.get(event.key())
        if by is None:
            super().keyPressEvent(event)
        elif self._mark == MIDDLE:  # the way it moves, darker greys half changed, is a larger gamma
            gamma = round(min(max(self.gamma - 0.05 * by, GAMMA_LOW), GAMMA_HIGH), 2)
            self._move(MIDDLE, self.black + (self.white - self.black) * 0.5**gamma)
        else:
            self._move(self._mark, self._place(self._mark) + by)

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab goes from mark to mark before it goes on."""
        mark = self._mark + (1 if forward else -1)
        if self.hasFocus() and BLACK <= mark <= WHITE:
            self._mark = mark
            self.update()
            return True
        return super().focusNextPrevChild(forward)

    def focusInEvent(self, event: Any) -> None:
        ways = {Qt.FocusReason.TabFocusReason: BLACK, Qt.FocusReason.BacktabFocusReason: WHITE}
        self._mark = ways.get(event.reason(), self._mark)
        super().focusInEvent(event)

    # ------------------------------------------------------------------ painting

    def paintEvent(self, _: Any) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        field = QRectF(SIDE, 0, self.width() - 2 * SIDE, BARS)
        painter.fillRect(field, self.palette().color(QPalette.ColorRole.Base))
        self._paint_bars(painter, field)
        if self._changes != bytes(range(256)):
            self._paint_curve(painter, field)
        self._paint_strip(painter, QRectF(field.left(), BARS, field.width(), STRIP))
        for mark in (BLACK, WHITE, MIDDLE):
            self._paint_mark(painter, mark)

    def _colour(self, grey: int) -> QColor:
        """Of a grey: that of the change it means, or none."""
        if self._changes[grey]:
            return QColor(*heat.colours()[self._changes[grey]])
        return self.palette().color(QPalette.ColorRole.Mid)

    def _paint_bars(self, painter: QPainter, field: QRectF) -> None:
        """Roots, so that small parts are seen; what is not painted at all counts for nothing here. A bar is a pixel
        wide and as high as the most of the greys in it."""
        most = max(1, *self._counts[1:])
        wide = max(1, int(field.width()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for column in range(wide):
            first = 256 * column // wide
            last = max(first + 1, 256 * (column + 1) // wide)
            count = max(self._counts[first:last])
            if count:
                high = max(1.0, (field.height() - 2) * math.sqrt(min(1.0, count / most)))
                bar = QRectF(field.left() + column, field.bottom() - high, 1, high)
                painter.fillRect(bar, self._colour(first))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def _paint_curve(self, painter: QPainter, field: QRectF) -> None:
        ink = self.palette().color(QPalette.ColorRole.WindowText)
        ink.setAlpha(150)
        painter.setPen(QPen(ink, 1.0))
        tall = field.height() - 2
        points = [QPointF(self._x(v), field.bottom() - 1 - tall * self._changes[v] / 255) for v in range(256)]
        painter.drawPolyline(QPolygonF(points))

    def _paint_strip(self, painter: QPainter, strip: QRectF) -> None:
        wide = strip.width() / 256
        for grey in range(256):
            cell = QRectF(strip.left() + grey * wide, strip.top(), wide + 0.5, strip.height())
            painter.fillRect(cell, self._colour(grey))

    def _paint_mark(self, painter: QPainter, mark: int) -> None:
        x, top = self._x(self._place(mark)), BARS + STRIP + 0.5
        shape = QPolygonF([QPointF(x, top), QPointF(x + 5, top + MARKS - 1), QPointF(x - 5, top + MARKS - 1)])
        is_chosen = self.hasFocus() and mark == self._mark
        role = QPalette.ColorRole.Highlight if is_chosen else QPalette.ColorRole.WindowText
        painter.setPen(QPen(self.palette().color(role), 2.0 if is_chosen else 1.0))
        painter.setBrush(QColor(MARK_COLOURS[mark]))
        painter.drawPolygon(shape)
