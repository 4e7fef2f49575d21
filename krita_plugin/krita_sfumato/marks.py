"""Small marks on pictures: a star, a tick, a cross. Drawn, because not every computer's letters have them; each in a
dark disc, so that it is seen on any picture.
"""

from __future__ import annotations

import math

from .qt import QBrush, QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap, QPointF, QRectF, Qt

GOLD = QColor("#f2b632")
DISC = QColor(0, 0, 0, 170)
WHITE = QColor(255, 255, 255)


def star_path(middle: QPointF, radius: float) -> QPainterPath:
    path = QPainterPath()
    for corner in range(10):
        reach = radius if corner % 2 == 0 else 0.45 * radius
        turn = math.pi * (corner / 5 - 0.5)
        point = QPointF(middle.x() + reach * math.cos(turn), middle.y() + reach * math.sin(turn))
        if corner:
            path.lineTo(point)
        else:
            path.moveTo(point)
    path.closeSubpath()
    return path


def draw_star(painter: QPainter, place: QRectF) -> None:
    """Of a favourite."""
    _disc(painter, place)
    painter.fillPath(star_path(place.center(), 0.38 * place.width()), QBrush(GOLD))


def draw_tick(painter: QPainter, place: QRectF) -> None:
    """Of what is a layer already."""
    _disc(painter, place)
    _strokes(painter, place, ((0.28, 0.53), (0.44, 0.68), (0.73, 0.34)))


def draw_cross(painter: QPainter, place: QRectF) -> None:
    """To cancel a job by."""
    _disc(painter, place)
    _strokes(painter, place, ((0.33, 0.33), (0.67, 0.67)))
    _strokes(painter, place, ((0.67, 0.33), (0.33, 0.67)))


def star_icon(colour: QColor, side: int = 16) -> QIcon:
    """For a button that is on or off: full in gold, or the outline in the colour of its text."""
    icon = QIcon()
    for scale in (1, 2, 3):
        for state in (QIcon.State.Off, QIcon.State.On):
            pixmap = QPixmap(side * scale, side * scale)
            pixmap.setDevicePixelRatio(scale)
            pixmap.fill(QColor(0, 0, 0, 0))
            painter = QPainter(pixmap)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            path = star_path(QPointF(side / 2, side / 2), 0.46 * side)
            if state == QIcon.State.On:
                painter.fillPath(path, QBrush(GOLD))
            painter.setPen(QPen(colour, 1.2))
            painter.drawPath(path)
            painter.end()
            icon.addPixmap(pixmap, QIcon.Mode.Normal, state)
    return icon


def _disc(painter: QPainter, place: QRectF) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(DISC)
    painter.drawEllipse(place)


def _strokes(painter: QPainter, place: QRectF, points: tuple[tuple[float, float], ...]) -> None:
    pen = QPen(WHITE, 0.11 * place.width())
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    path = QPainterPath()
    for index, (x, y) in enumerate(points):
        point = QPointF(place.x() + x * place.width(), place.y() + y * place.height())
        if index:
            path.lineTo(point)
        else:
            path.moveTo(point)
    painter.drawPath(path)
