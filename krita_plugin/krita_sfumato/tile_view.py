"""One row of tiles that scrolls sideways, and what keys and clicks on them mean."""

from __future__ import annotations

from typing import Any

from .qt import (
    QAbstractItemView,
    QAbstractListModel,
    QEvent,
    QFrame,
    QListView,
    QModelIndex,
    QPoint,
    QSize,
    Qt,
    pyqtSignal,
)
from .tile_painter import CELL, TILE, TilePainter, mark_place
from .tiles import Tile
from .widgets import tip

KEYS = {
    Qt.Key.Key_Return: "add",
    Qt.Key.Key_Enter: "add",
    Qt.Key.Key_F: "favour",
    Qt.Key.Key_Delete: "discard",
    Qt.Key.Key_Backspace: "discard",  # what a Mac calls Delete
    Qt.Key.Key_Escape: "close",
}
MOVES = {Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1}
ENDS = (Qt.Key.Key_Home, Qt.Key.Key_End)


def key_of(event: Any) -> str:
    """What a pressed key means for a result; "" for nothing."""
    plain = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier == Qt.KeyboardModifier.NoModifier
    return KEYS.get(event.key(), "") if plain else ""


class TileModel(QAbstractListModel):
    def __init__(self) -> None:
        super().__init__()
        self.tiles: tuple[Tile, ...] = ()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.tiles)

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        if not 0 <= index.row() < len(self.tiles):
            return None
        tile = self.tiles[index.row()]
        if role == TILE:
            return tile
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return tile.spoken
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(tile.spoken)
        return None

    def row(self, id: str) -> int:
        """-1 when it is not there."""
        return next((row for row, tile in enumerate(self.tiles) if tile.id == id), -1)

    def put(self, tiles: tuple[Tile, ...]) -> bool:
        """Whether others are there now, or in another order."""
        is_other = [tile.id for tile in tiles] != [tile.id for tile in self.tiles]
        if is_other:
            self.beginResetModel()
        old, self.tiles = self.tiles, tiles
        if is_other:
            self.endResetModel()
        else:
            for row, (before, now) in enumerate(zip(old, tiles, strict=True)):
                if before != now:
                    self.dataChanged.emit(self.index(row), self.index(row))
        return is_other


class TileView(QListView):
    came_to = pyqtSignal(str)  # the painter chose it, by a click or a key
    pointed_at = pyqtSignal(str)  # the pointer is over it; "": over none
    meant = pyqtSignal(str, str)  # what a key, a double click or the cross says, and of which
    menu_wanted = pyqtSignal(str, QPoint)

    def __init__(self) -> None:
        super().__init__()
        self._is_showing = False
        self._model, self._painter = TileModel(), TilePainter()
        self.setModel(self._model)
        self.setItemDelegate(self._painter)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setUniformItemSizes(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.viewport().setAutoFillBackground(False)  # the docker's own background, in every theme
        font = self.font()
        font.setPointSizeF(0.9 * font.pointSizeF())
        self.setFont(font)
        self.entered.connect(lambda index: self.pointed_at.emit(self._id(index)))
        self.viewportEntered.connect(lambda: self.pointed_at.emit(""))
        self.doubleClicked.connect(lambda index: self._say("add", index))
        self.customContextMenuRequested.connect(self._ask_menu)
        self.setFixedHeight(self.sizeHint().height())

    @property
    def tiles(self) -> tuple[Tile, ...]:
        return self._model.tiles

    def find(self, id: str) -> Tile | None:
        row = self._model.row(id)
        return self.tiles[row] if row >= 0 else None

    def neighbour(self, id: str, gone: tuple[str, ...]) -> str:
        """The one to go on with when that one is among those that go, "" when none stays."""
        row = self._model.row(id)
        beside = (*self.tiles[row + 1 :], *reversed(self.tiles[: max(0, row)]))
        return next((tile.id for tile in beside if tile.id not in gone), "") if row >= 0 else ""

    def show_tiles(self, tiles: tuple[Tile, ...], current: str) -> None:
        """What is seen stays where it is when something comes in front of it."""
        bar, had = self.horizontalScrollBar(), self._id(self.currentIndex())
        was = bar.value()
        first = self.tiles[min(len(self.tiles) - 1, was // CELL)].id if self.tiles and was else ""
        before = self._model.row(first)
        self._is_showing = True
        is_other = self._model.put(tiles)
        row = self._model.row(current)
        if row != self.currentIndex().row():
            if row < 0:
                self.clearSelection()
            self.setCurrentIndex(self._model.index(row) if row >= 0 else QModelIndex())
        if is_other and current in ("", had):
            self.doItemsLayout()
            now = self._model.row(first)
            bar.setValue(was + (now - before) * CELL if now >= 0 else was)
        self._is_showing = False

    def sizeHint(self) -> QSize:
        height = CELL + self.fontMetrics().height() + 2
        return QSize(3 * CELL, height + self.horizontalScrollBar().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(CELL, self.sizeHint().height())

    # ------------------------------------------------------------------ what the painter does

    def currentChanged(self, current: QModelIndex, previous: QModelIndex) -> None:
        super().currentChanged(current, previous)
        if not self._is_showing and current.isValid():
            self.came_to.emit(self._id(current))

    def event(self, event: Any) -> bool:
        # Krita has its own ideas of F, Delete and the arrows: here they are the strip's.
        if event.type() == QEvent.Type.ShortcutOverride:
            is_move = bool(self.tiles) and (event.key() in MOVES or event.key() in ENDS)
            if is_move or (key_of(event) and self.currentIndex().isValid()):
                event.accept()
                return True
        return bool(super().event(event))

    def keyPressEvent(self, event: Any) -> None:
        row, last = self.currentIndex().row(), len(self.tiles) - 1
        if (word := key_of(event)) and row >= 0:
            self._say(word, self.currentIndex())
        elif event.key() in MOVES and last >= 0:
            self.setCurrentIndex(self._model.index(min(last, max(0, row + MOVES[event.key()]))))
        elif event.key() in ENDS and last >= 0:
            self.setCurrentIndex(self._model.index(0 if event.key() == Qt.Key.Key_Home else last))
        else:
            event.ignore()  # a list would look for what begins with that letter

    def mousePressEvent(self, event: Any) -> None:
        index = self.indexAt(event.pos())
        tile = index.data(TILE)
        is_left = event.button() == Qt.MouseButton.LeftButton
        if tile is not None and is_left and not tile.is_done:
            if mark_place(self.visualRect(index)).contains(event.pos()):
                self.meant.emit("cancel", tile.id)
                return
        super().mousePressEvent(event)

    def wheelEvent(self, event: Any) -> None:
        """Sideways, as far as there is more than is seen; else it is the docker's."""
        bar = self.horizontalScrollBar()
        turn = event.angleDelta()
        if bar.maximum() > 0:
            bar.setValue(bar.value() - (turn.y() or turn.x()))
            event.accept()
        else:
            event.ignore()

    def viewportEvent(self, event: Any) -> bool:
        if event.type() == QEvent.Type.Leave:
            self.pointed_at.emit("")
        return bool(super().viewportEvent(event))

    def _ask_menu(self, point: QPoint) -> None:
        index = self.indexAt(point)
        if not index.isValid() and self.currentIndex().isValid():  # by a key
            index, point = self.currentIndex(), self.visualRect(self.currentIndex()).center()
        if index.isValid():
            self.menu_wanted.emit(self._id(index), self.viewport().mapToGlobal(point))

    def _say(self, word: str, index: QModelIndex) -> None:
        if id := self._id(index):
            self.meant.emit(word, id)

    @staticmethod
    def _id(index: QModelIndex) -> str:
        tile = index.data(TILE)
        return tile.id if tile is not None else ""
