"""Small marks on pictures: a star, a tick, a cross. Drawn, because not every computer's letters have them; each in a
dark disc, so that it is seen on any picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from .qt import QBrush, QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap, QPointF, QRectF, Qt

GOLD = QColor("#f2b632")
DISC = QColor(0, 0, 0, 170)
WHITE = QColor(255, 255, 255)
ICON = 16  # pixels on a usual screen


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
    _strokes(painter, place, ((0.28, 0.53), (0.44, 0.68), (0.73, 0.34)), WHITE)


def draw_cross(painter: QPainter, place: QRectF) -> None:
    """To cancel a job by."""
    _disc(painter, place)
    _cross(painter, place, WHITE)


def star_icon(ink: QColor) -> QIcon:
    """For a button that is on or off: full in gold, or the outline in the colour of its text."""
    icon = QIcon()
    path = star_path(QPointF(ICON / 2, ICON / 2), 0.46 * ICON)

    def outline(painter: QPainter) -> None:
        painter.setPen(QPen(ink, 1.2))
        painter.drawPath(path)

    def full(painter: QPainter) -> None:
        painter.fillPath(path, QBrush(GOLD))
        outline(painter)

    _add_to(icon, QIcon.State.Off, outline)
    _add_to(icon, QIcon.State.On, full)
    return icon


def cross_icon(ink: QColor) -> QIcon:
    """For a button that closes something."""
    icon = QIcon()
    _add_to(icon, QIcon.State.Off, lambda painter: _cross(painter, QRectF(0, 0, ICON, ICON), ink))
    return icon


def _add_to(icon: QIcon, state: QIcon.State, draw: Callable[[QPainter], None]) -> None:
    """For screens of one, two or three pixels to a dot."""
    for scale in (1, 2, 3):
        pixmap = QPixmap(ICON * scale, ICON * scale)
        pixmap.setDevicePixelRatio(scale)
        pixmap.fill(QColor(0, 0, 0, 0))
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        draw(painter)
        painter.end()
        icon.addPixmap(pixmap, QIcon.Mode.Normal, state)


def _cross(painter: QPainter, place: QRectF, ink: QColor) -> None:
    _strokes(painter, place, ((0.33, 0.33), (0.67, 0.67)), ink)
    _strokes(painter, place, ((0.67, 0.33), (0.33, 0.67)), ink)


def _disc(painter: QPainter, place: QRectF) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(DISC)
    painter.drawEllipse(place)


def _strokes(painter: QPainter, place: QRectF, points: tuple[tuple[float, float], ...], ink: QColor) -> None:
    pen = QPen(ink, 0.11 * place.width())
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
