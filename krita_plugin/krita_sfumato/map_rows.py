"""The map: which layer it is, how it is read, and where a new one can come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from . import sentences
from .choosers import LayerChooser
from .map_menu import MapMenu
from .qt import QCheckBox, QFormLayout, QIcon, QObject, QToolButton, pyqtSignal
from .settings import Choice
from .widgets import CalmComboBox, Percent, name_parts, row, silent


class MapRows(QObject):
    chosen = pyqtSignal(str)
    read = pyqtSignal()  # in another way
    changed = pyqtSignal()  # the strength
    find_map = pyqtSignal()
    new_map = pyqtSignal()

    def __init__(self, rows: QFormLayout, icon: Callable[[str], QIcon]) -> None:
        super().__init__()
        self._choice = Choice()
        self.map = LayerChooser(sentences.TIP_MAP)
        self.new = QToolButton()
        self.new.setIcon(icon("list-add"))
        self.new.setAutoRaise(True)
        self.new.setToolTip(sentences.TIP_NEW_MAP)
        self.new.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        self.menu = MapMenu(self.new)
        self.new.setMenu(self.menu)
        self.find = QToolButton()
        self.find.setText(sentences.FIND_MAP)
        self.find.setToolTip(sentences.TIP_FIND_MAP)
        rows.addRow(sentences.MAP_LABEL, row(self.map, self.new, self.find))
        self.channel = CalmComboBox(sentences.TIP_CHANNEL)
        self.channel.addItem(sentences.CHANNEL_LUMINANCE, False)
        self.channel.addItem(sentences.CHANNEL_ALPHA, True)
        self.inverted = QCheckBox(sentences.INVERT)
        self.inverted.setToolTip(sentences.TIP_INVERT)
        rows.addRow(sentences.CHANNEL_LABEL, row(self.channel, self.inverted))
        self.strength = Percent(100, sentences.TIP_STRENGTH)
        rows.addRow(sentences.STRENGTH_LABEL, self.strength)
        self.map.chosen.connect(self.chosen)
        self.new.clicked.connect(lambda *_: self.new_map.emit())
        self.find.clicked.connect(lambda *_: self.find_map.emit())
        self.channel.currentIndexChanged.connect(lambda *_: self.read.emit())
        self.inverted.toggled.connect(lambda *_: self.read.emit())
        self.strength.changed.connect(self.changed)
        name_parts(self)

    def choice(self) -> Choice:
        """The map, and how it is to be read; levels are set elsewhere."""
        flags = {"alpha_only": bool(self.channel.currentData()), "inverted": self.inverted.isChecked()}
        return replace(self._choice, layer=self.map.current(), **flags)

    def fields(self) -> dict[str, Any]:
        """Of Settings."""
        return {"map": self.choice(), "strength": float(self.strength.value())}

    def show_map(self, layers: Sequence[Any], choice: Choice) -> None:
        """What can be the map, and which one is."""
        self._choice = choice
        self.map.show_layers(layers, choice.layer, sentences.CHOOSE_LAYER if layers else sentences.NO_PICTURE)
        if not self.channel.view().isVisible():
            with silent(self.channel):
                self.channel.setCurrentIndex(self.channel.findData(choice.alpha_only))
        with silent(self.inverted):
            self.inverted.setChecked(choice.inverted)

    def show_strength(self, strength: float) -> None:
        if self.strength.value() != round(strength):
            with silent(self.strength):
                self.strength.set(round(strength))
