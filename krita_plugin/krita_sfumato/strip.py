"""The results of a picture: a row of tiles, the chosen one large above it, and what to do with it. It knows nothing: it
shows tiles and says what was pressed, and of which.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from . import sentences
from .entry import Thumb
from .preview import Preview
from .qt import QAbstractButton, QEvent, QLabel, QMenu, QPoint, Qt, QToolButton, QVBoxLayout, QWidget, pyqtSignal
from .tile_view import TileView, key_of
from .tiles import Tile
from .widgets import TEXT, name_parts, row, set_text

MOST_LARGE = 8  # large pictures that are kept here, 1 MiB each at most


class ResultStrip(QWidget):
    """What the signals carry are ids of results or of jobs on their way."""

    chosen = pyqtSignal(str)  # show this one large; "": none
    picture_wanted = pyqtSignal(str)  # a large picture of it, if it can be had: answered by `show_picture`
    add = pyqtSignal(str)
    replace = pyqtSignal(str)
    copy_settings = pyqtSignal(str)
    favour = pyqtSignal(str)  # or not any more
    discard = pyqtSignal(tuple)  # these
    restore = pyqtSignal()  # what was discarded last
    cancel = pyqtSignal(str)

    def __init__(self) -> None:
        super().__init__()
        self._large: OrderedDict[str, Thumb | None] = OrderedDict()  # None: asked for
        self._selected, self._pointed = "", ""
        self._can_replace = False
        self.preview = Preview()
        self.preview.pressed.connect(lambda word: self._mean(word, self._selected))
        self.view = TileView()
        self.view.setAccessibleName(sentences.RESULTS)
        self.view.setToolTip(sentences.TIP_RESULTS)
        self.view.came_to.connect(self._choose)
        self.view.pointed_at.connect(self._point)
        self.view.meant.connect(self._mean)
        self.view.menu_wanted.connect(self._menu)
        self.undo_text = QLabel(sentences.DISCARDED)
        self.undo_text.setTextFormat(TEXT)
        self.undo_button = QToolButton()
        self.undo_button.setText(sentences.UNDO_DISCARD)
        self.undo_button.setToolTip(sentences.TIP_UNDO_DISCARD)
        self.undo_button.clicked.connect(lambda *_: self.restore.emit())
        self.undo_row = row(self.undo_text, self.undo_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for part in (self.preview, self.view, self.undo_row):
            column.addWidget(part)
            part.hide()
        self.hide()
        name_parts(self)

    def show_tiles(self, tiles: tuple[Tile, ...], selected: str, can_replace: bool = False, discarded: int = 0) -> None:
        """In this order; `selected` large, "" for none. can_replace: whether there is a layer to replace. discarded:
        how many may be brought back. Takes no room when there is nothing to show."""
        self.view.show_tiles(tiles, selected)
        self._selected, self._can_replace = selected, can_replace
        for id in [id for id in self._large if self.view.find(id) is None]:
            del self._large[id]
        self.view.setVisible(bool(tiles))
        set_text(self.undo_text, sentences.discarded(discarded))
        self.undo_row.setVisible(discarded > 0)
        self.setVisible(bool(tiles or discarded))
        self._show_preview()

    def show_picture(self, id: str, large: Thumb) -> None:
        """The answer to `picture_wanted`."""
        if self.view.find(id) is not None:
            self._large[id] = large
            self._show_preview()

    # ------------------------------------------------------------------ inside

    def _show_preview(self) -> None:
        """The chosen one; while it is open, the one the pointer is over. Opening it for the pointer alone would move
        the strip away from under it."""
        chosen = self.view.find(self._selected)
        tile = chosen and (self.view.find(self._pointed) or chosen)
        if tile is not None:
            large = self._picture_of(tile)
            self.preview.show_tile(tile, large, tile is chosen, self._can_replace)
        self.preview.setVisible(tile is not None)

    def _picture_of(self, tile: Tile) -> Thumb | None:
        if not tile.is_done:
            return None
        if tile.id not in self._large:
            self._large[tile.id] = None
            while len(self._large) > MOST_LARGE:
                self._large.popitem(last=False)
            self.picture_wanted.emit(tile.id)
        self._large.move_to_end(tile.id)
        return self._large[tile.id]

    def _choose(self, id: str) -> None:
        self._selected = id
        self._show_preview()
        self.chosen.emit(id)

    def _point(self, id: str) -> None:
        if id != self._pointed:
            self._pointed = id
            self._show_preview()

    def _mean(self, word: str, id: str) -> None:
        """A button, a key, a menu or a mark: the same for all of them."""
        tile = self.view.find(id)
        if word == "close":
            self.view.show_tiles(self.view.tiles, "")
            self._choose("")
        elif tile is None:
            return
        elif word in ("cancel", "discard"):
            self._let_go((id,), is_done=tile.is_done)
        elif tile.is_done and (word != "replace" or self._can_replace):
            said = {"add": self.add, "replace": self.replace, "copy": self.copy_settings, "favour": self.favour}
            said[word].emit(id)

    def _let_go(self, ids: tuple[str, ...], is_done: bool = True) -> None:
        had = self._selected
        after = self.view.neighbour(had, ids) if had in ids else ""
        if is_done:
            self.discard.emit(ids)
        else:
            self.cancel.emit(*ids)
        if after and self.view.find(had) is None:  # the arrows go on from there
            self.view.show_tiles(self.view.tiles, after)
            self._choose(after)

    def _menu(self, id: str, point: QPoint) -> None:
        tile = self.view.find(id)
        if tile is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if tile.is_done:
            parts = [("add", sentences.ADD_RESULT), ("replace", sentences.REPLACE_RESULT)]
            parts += [("copy", sentences.COPY_SETTINGS), ("favour", sentences.FAVOURITE), ("", "")]
            parts += [("discard", sentences.DISCARD)]
        else:
            parts = [("cancel", sentences.CANCEL_THIS)]
        for word, text in parts:
            if not word:
                menu.addSeparator()
                continue
            action = menu.addAction(text)
            action.triggered.connect(lambda *_, word=word: self._mean(word, id))
            action.setEnabled(word != "replace" or self._can_replace)
            if word == "favour":
                action.setCheckable(True)
                action.setChecked(tile.favourite)
        if tile.is_done:
            # Those that are seen now: one that comes while the menu is open was not looked at yet.
            plain = tuple(other.id for other in self.view.tiles if other.is_done and not other.favourite)
            action = menu.addAction(sentences.DISCARD_PLAIN)
            action.triggered.connect(lambda *_: self._let_go(plain))
            action.setEnabled(bool(plain))
        menu.popup(point)

    def event(self, event: Any) -> bool:
        # As in the strip, so that Escape, Delete and Enter are the preview's while one of its buttons has the focus.
        if event.type() == QEvent.Type.ShortcutOverride and self._selected and key_of(event):
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: Any) -> None:
        word, focus = key_of(event), self.focusWidget()
        if word == "add" and isinstance(focus, QAbstractButton):
            focus.click()  # Enter is that button's
        elif word and self._selected:
            self._mean(word, self._selected)
        else:
            super().keyPressEvent(event)
