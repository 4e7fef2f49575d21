"""Which layer is the map, and which edit works by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import sentences
from .qt import Qt, pyqtSignal
from .vendor.sfumato_wire import EditInfo
from .widgets import CalmComboBox, tip

INDENT = "    "


class LayerChooser(CalmComboBox):
    """Any layer by name, nested as in Krita's layer docker."""

    chosen = pyqtSignal(str)

    def __init__(self, tip: str) -> None:
        super().__init__(tip)
        self._shown: list[tuple[str, str]] = []
        self.activated.connect(lambda *_: self.chosen.emit(self.current()))

    def current(self) -> str:
        return str(self.currentData() or "")

    def show_layers(self, layers: Sequence[Any], current: str, nothing: str) -> None:
        """Rebuilt only when something changed, and never while it is open."""
        entries = [(layer.id, INDENT * layer.depth + layer.name) for layer in layers]
        if current not in [layer.id for layer in layers]:
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


class EditChooser(CalmComboBox):
    """The edits that the backend offers, by name; without a backend it says how to see them."""

    chosen = pyqtSignal()

    def __init__(self) -> None:
        super().__init__(sentences.TIP_EDIT)
        self._edits: tuple[EditInfo, ...] = ()
        self._wanted = ""
        self._is_known = True
        self.addItem(sentences.EDITS_UNKNOWN, "")
        self.setEnabled(False)
        self.activated.connect(self._choose)

    def current(self) -> str:
        """Its id; as long as the edits are not known, the one that is wanted."""
        return str(self.currentData() or self._wanted)

    def info(self) -> EditInfo | None:
        return next((info for info in self._edits if info.id == self.currentData()), None)

    def show_edits(self, edits: tuple[EditInfo, ...], wanted: str) -> None:
        """The first there is when none is wanted; one that is not among them is never replaced by another."""
        self._wanted = wanted
        edits = edits or self._edits
        is_known = not wanted or any(info.id == wanted for info in edits)
        if not edits or self.view().isVisible():
            return
        if (edits, is_known) != (self._edits, self._is_known):
            self._edits, self._is_known = edits, is_known
            self.clear()
            if not is_known:
                self.addItem(sentences.CHOOSE_EDIT, "")
            for info in edits:
                self.addItem(info.name, info.id)
                self.setItemData(self.count() - 1, tip(info.help), Qt.ItemDataRole.ToolTipRole)
            self.setEnabled(True)
        self.setCurrentIndex(max(0, self.findData(wanted)) if is_known else 0)

    def _choose(self, *_: Any) -> None:
        self._wanted = self.current()
        self.chosen.emit()
