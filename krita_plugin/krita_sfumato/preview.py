"""One result, large: what it looks like in the picture, how it was made, and what can be done with it."""

from __future__ import annotations

from typing import Any

from . import sentences
from .entry import Thumb
from .labels import SmallPrint, Wrapped
from .marks import cross_icon, star_icon
from .qt import (
    QEvent,
    QHBoxLayout,
    QImage,
    QPainter,
    QPalette,
    QPushButton,
    QRectF,
    QSize,
    QSizePolicy,
    Qt,
    QToolButton,
    QVBoxLayout,
    QWidget,
    pyqtSignal,
)
from .thumbnail import TINY
from .tile_painter import image_of
from .tiles import Tile
from .widgets import name_parts, set_text

HIGHEST = 256  # logical pixels


class Picture(QWidget):
    """As wide as the docker, but never too high, and lower where there is little room. Other pictures are fitted into
    the room of the one that is chosen, so that nothing below it moves while the pointer wanders over the strip."""

    def __init__(self) -> None:
        super().__init__()
        self._thumb: Thumb | None = None
        self._ratio = 1.0
        self._scaled: QImage | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setAccessibleName(sentences.LARGE_PICTURE)

    def show_thumb(self, thumb: Thumb | None, is_chosen: bool) -> None:
        if thumb is not self._thumb:
            self._thumb, self._scaled = thumb, None
            self.update()
        ratio = thumb.height / thumb.width if thumb else 1.0
        if is_chosen and abs(ratio - self._ratio) > 0.02:  # a small one is rounded
            self._ratio = ratio
            self.updateGeometry()

    def sizeHint(self) -> QSize:
        return QSize(HIGHEST, max(1, min(HIGHEST, round(self.width() * self._ratio))))

    def minimumSizeHint(self) -> QSize:
        return QSize(1, 0)

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self.updateGeometry()

    def paintEvent(self, event: Any) -> None:
        if self._thumb is None or self.height() < min(TINY, self.sizeHint().height()):
            return
        painter = QPainter(self)
        sharp = painter.device().devicePixelRatioF()
        size = QSize(self._thumb.width, self._thumb.height)
        size = size.scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio).expandedTo(QSize(1, 1))
        place = QRectF(0, 0, size.width(), size.height())
        place.moveCenter(QRectF(self.rect()).center())
        wanted = QSize(round(size.width() * sharp), round(size.height() * sharp))
        if self._scaled is None or self._scaled.size() != wanted:
            self._scaled = image_of(self._thumb).scaled(
                wanted, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
            )
        painter.fillRect(place, self.palette().brush(QPalette.ColorRole.Base))
        painter.drawImage(place, self._scaled)
        painter.end()


class Preview(QWidget):
    """Shows a Tile and says what was pressed: a word, which `ResultStrip` makes a signal of."""

    pressed = pyqtSignal(str)

    def __init__(self) -> None:
        super().__init__()
        self.picture = Picture()
        self.words = Wrapped()
        self.made_with = SmallPrint()
        self.close_button = QToolButton()
        self.close_button.setAutoRaise(True)
        self.add_button = self._button(QPushButton(), "add", sentences.ADD_RESULT, sentences.TIP_ADD_RESULT)
        self.replace_button = self._button(
            QPushButton(), "replace", sentences.REPLACE_RESULT, sentences.TIP_REPLACE_RESULT
        )
        self.copy_button = self._button(QToolButton(), "copy", sentences.COPY_SETTINGS, sentences.TIP_COPY_SETTINGS)
        self.star_button = self._button(QToolButton(), "favour", "", sentences.TIP_FAVOURITE)
        self.star_button.setAccessibleName(sentences.FAVOURITE)
        self.star_button.setCheckable(True)
        self.discard_button = self._button(QToolButton(), "discard", sentences.DISCARD, sentences.TIP_DISCARD)
        self.cancel_one = self._button(QToolButton(), "cancel", sentences.CANCEL_THIS, sentences.TIP_CANCEL_THIS)
        self._button(self.close_button, "close", "", sentences.TIP_CLOSE_PREVIEW)
        self.close_button.setAccessibleName(sentences.CLOSE_PREVIEW)
        self._done = (self.add_button, self.replace_button, self.copy_button, self.star_button, self.discard_button)
        self._lay_out()
        self._draw_icons()
        name_parts(self)

    def show_tile(self, tile: Tile, large: Thumb | None, is_chosen: bool, can_replace: bool) -> None:
        """large: the large picture, as soon as it is there. is_chosen: False while the pointer is over another one;
        then nothing can be pressed."""
        self.picture.show_thumb(large or tile.thumb, is_chosen)
        self.picture.setVisible(bool(large or tile.thumb))
        self.picture.setAccessibleDescription(tile.spoken)
        set_text(self.words, tile.words)
        self.words.setVisible(bool(tile.words))
        set_text(self.made_with, sentences.ABOUT_JOINT.join(filter(None, [tile.news, tile.about])))
        for button in self._done:
            button.setVisible(tile.is_done)
        self.cancel_one.setVisible(not tile.is_done)
        self.replace_button.setEnabled(can_replace)
        self.star_button.setChecked(tile.favourite)

    def changeEvent(self, event: Any) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._draw_icons()

    # ------------------------------------------------------------------ inside

    def _lay_out(self) -> None:
        head, first, second = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        for line in (head, first, second):
            line.setSpacing(4)
        head.addWidget(self.words, 1)
        head.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)
        first.addWidget(self.add_button, 1)
        first.addWidget(self.replace_button, 1)
        for button in (self.copy_button, self.star_button, self.discard_button, self.cancel_one):
            second.addWidget(button)
        second.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.picture)
        column.addLayout(head)
        column.addWidget(self.made_with)
        column.addLayout(first)
        column.addLayout(second)

    def _button(self, button: Any, word: str, text: str, about: str) -> Any:
        button.setText(text)
        button.setToolTip(about)
        button.clicked.connect(lambda *_: self.pressed.emit(word))
        return button

    def _draw_icons(self) -> None:
        if hasattr(self, "star_button"):
            ink = self.palette().color(QPalette.ColorRole.WindowText)
            self.star_button.setIcon(star_icon(ink))
            self.close_button.setIcon(cross_icon(ink))
