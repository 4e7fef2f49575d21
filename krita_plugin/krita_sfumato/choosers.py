"""Choosing by name: which layer is the map, which edit works by it, which model paints, and what replaces its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import sentences
from .interfaces import SELECTION
from .qt import Qt, pyqtSignal
from .widgets import CalmComboBox, tip

INDENT = "    "
Thing = tuple[str, str, str]  # id, name, help


class LayerChooser(CalmComboBox):
    """Any layer by name, nested as in Krita's layer docker; and what is selected."""

    chosen = pyqtSignal(str)

    def __init__(self, tip: str, with_selection: bool = True) -> None:
        super().__init__(tip)
        self._with_selection = with_selection
        self._shown: list[tuple[str, str]] = []
        self.activated.connect(lambda *_: self.chosen.emit(self.current()))

    def current(self) -> str:
        return str(self.currentData() or "")

    def show_layers(self, layers: Sequence[Any], current: str, nothing: str) -> None:
        """Rebuilt only when something changed, and never while it is open."""
        entries = [(layer.id, INDENT * layer.depth + layer.name) for layer in layers]
        if entries and self._with_selection:
            entries.append((SELECTION, sentences.SELECTED))
        if current not in [layer for layer, _ in entries]:
            entries.insert(0, ("", nothing))
            current = ""
        if entries != self._shown and not self.view().isVisible():
            self._shown = entries
            self.blockSignals(True)
            self.clear()
            for layer, text in entries:
                self.addItem(text, layer)
            self.blockSignals(False)
        if self.current() != current and not self.view().isVisible():
            self.setCurrentIndex(max(0, self.findData(current)))


class Chooser(CalmComboBox):
    """One of the things that the backend offers, by name; without a backend it says how to see them."""

    chosen = pyqtSignal()

    def __init__(self, tip: str, unknown: str, question: str) -> None:
        """unknown: said as long as nobody knows what there is; question: when what is wanted is not among it."""
        super().__init__(tip)
        self._things: tuple[Thing, ...] = ()
        self._wanted = ""
        self._question = question
        self._is_known = True
        self.addItem(unknown, "")
        self.setEnabled(False)
        self.activated.connect(self._choose)

    def current(self) -> str:
        """Its id; as long as the things are not known, the one that is wanted."""
        return str(self.currentData() or self._wanted)

    def show_things(self, things: tuple[Thing, ...], wanted: str) -> None:
        """The first there is when none is wanted; one that is not among them is never replaced by another."""
        self._wanted = wanted
        things = things or self._things
        is_known = not wanted or any(thing[0] == wanted for thing in things)
        if not things or self.view().isVisible():
            return
        if (things, is_known) != (self._things, self._is_known):
            self._things, self._is_known = things, is_known
            self.clear()
            if not is_known:
                self.addItem(self._question, "")
            for id, name, help in things:
                self.addItem(name, id)
                self.setItemData(self.count() - 1, tip(help or name), Qt.ItemDataRole.ToolTipRole)
            self.setEnabled(True)
        self.setCurrentIndex(max(0, self.findData(wanted)) if is_known else 0)

    def _choose(self, *_: Any) -> None:
        self._wanted = self.current()
        self.chosen.emit()


class OwnChooser(CalmComboBox):
    """What the model has of its own, or something in its place."""

    def __init__(self, tip: str, own: str) -> None:
        super().__init__(tip)
        self._names: dict[str, str] = {}
        self.addItem(own, "")

    def current(self) -> str:
        """Its id, "" for the model's own."""
        return str(self.currentData() or "")

    def show_things(self, names: Mapping[str, str], wanted: str) -> None:
        """names: by id, the wanted one among them. Rebuilt only when something changed, and never while it is open."""
        if self.view().isVisible():
            return
        if names != self._names:
            self._names = dict(names)
            while self.count() > 1:
                self.removeItem(1)
            for id, name in names.items():
                self.addItem(name, id)
        self.setCurrentIndex(max(0, self.findData(wanted)))
