"""How a tile looks: its picture, the marks on it, and the words below."""

from __future__ import annotations

from .entry import Thumb
from .marks import draw_cross, draw_star, draw_tick
from .qt import (
    QColor,
    QImage,
    QModelIndex,
    QPainter,
    QPalette,
    QPen,
    QRect,
    QRectF,
    QSize,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    Qt,
)
from .tiles import Tile

SIDE = 72  # of the small pictures
EDGE = 4  # around them
CELL = SIDE + 2 * EDGE
MARK = 18  # across: a pen hits it
TILE = Qt.ItemDataRole.UserRole


def image_of(thumb: Thumb) -> QImage:
    """Only as long as the thumb is there: the bytes are not copied."""
    return QImage(thumb.bgra, thumb.width, thumb.height, 4 * thumb.width, QImage.Format.Format_ARGB32)


class TilePainter(QStyledItemDelegate):
    """All colours are the theme's, except those of the marks."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        return QSize(CELL, CELL + option.fontMetrics.height() + 2)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        tile = index.data(TILE)
        colours, cell = option.palette, option.rect
        is_chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        if is_chosen:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colours.brush(QPalette.ColorRole.Highlight))
            painter.drawRoundedRect(QRectF(cell), 3, 3)
        square = QRectF(cell.x() + EDGE, cell.y() + EDGE, SIDE, SIDE)
        self._picture(painter, tile, square, colours)
        if not is_chosen and option.state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(QPen(colours.color(QPalette.ColorRole.Highlight), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(square)
        role = QPalette.ColorRole.HighlightedText if is_chosen else QPalette.ColorRole.WindowText
        painter.setPen(colours.color(role))
        words = tile.news if tile.news and tile.thumb is not None else tile.label
        text = option.fontMetrics.elidedText(words, Qt.TextElideMode.ElideMiddle, SIDE + EDGE)
        below = QRect(cell.x(), cell.y() + SIDE + EDGE, cell.width(), cell.height() - SIDE - EDGE)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, text)
        self._marks(painter, tile, cell)
        painter.restore()

    def _picture(self, painter: QPainter, tile: Tile, square: QRectF, colours: QPalette) -> None:
        if tile.thumb is not None:
            size = QSize(tile.thumb.width, tile.thumb.height).scaled(SIDE, SIDE, Qt.AspectRatioMode.KeepAspectRatio)
            place = QRectF(0, 0, max(1, size.width()), max(1, size.height()))
            place.moveCenter(square.center())
            painter.fillRect(place, colours.brush(QPalette.ColorRole.Base))
            painter.drawImage(place, image_of(tile.thumb))
        if tile.is_done:
            return
        ink = QColor(colours.color(QPalette.ColorRole.WindowText))
        if tile.thumb is None:
            ink.setAlphaF(0.08)
            painter.fillRect(square, ink)
            ink.setAlphaF(0.5)
            painter.setPen(QPen(ink, 1, Qt.PenStyle.DashLine))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(square.adjusted(0.5, 0.5, -0.5, -0.5))
            painter.setPen(colours.color(QPalette.ColorRole.WindowText))
            painter.drawText(square, Qt.AlignmentFlag.AlignCenter, tile.news)
        if tile.fraction is not None:
            bar = QRectF(square.x(), square.bottom() - 5, SIDE, 5)
            painter.fillRect(bar, QColor(0, 0, 0, 120))
            bar.setWidth(SIDE * min(1.0, max(0.0, tile.fraction)))
            painter.fillRect(bar, colours.brush(QPalette.ColorRole.Highlight))

    @staticmethod
    def _marks(painter: QPainter, tile: Tile, cell: QRect) -> None:
        if not tile.is_done:
            draw_cross(painter, QRectF(mark_place(cell)))
        elif tile.favourite:
            draw_star(painter, QRectF(mark_place(cell)))
        if tile.placed:
            draw_tick(painter, QRectF(mark_place(cell).translated(0, SIDE - MARK - 2)))


def mark_place(cell: QRect) -> QRect:
    """At the top right of a tile's picture."""
    return QRect(cell.x() + EDGE + SIDE - MARK - 1, cell.y() + EDGE + 1, MARK, MARK)
