"""The menu of styles. It knows nothing: it shows names, asks for a name or a file, and says what was wanted. No dialog
holds anything up: each is open until it is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import sentences
from .presets import MAX_NAME_LENGTH, SUFFIX
from .qt import QDialog, QFileDialog, QInputDialog, QLineEdit, QMenu, QMessageBox, Qt, QWidget, pyqtSignal


class PresetMenu(QMenu):
    chosen = pyqtSignal(str)  # its name
    save = pyqtSignal(str)  # what is set now, under that name
    import_from = pyqtSignal(str)  # a file
    export = pyqtSignal(str, str)  # a name, and the file to write
    remove = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(sentences.PRESETS, parent)
        self.setToolTip(sentences.TIP_PRESETS)
        self._names: tuple[str, ...] | None = None
        self.show_presets(())

    def show_presets(self, names: Sequence[str]) -> None:
        """All that are saved, in this order."""
        if tuple(names) == self._names:
            return
        self._names = tuple(names)
        self.clear()
        self._entries(self, self.chosen.emit)
        if not names:
            self.addAction(sentences.NO_PRESETS).setEnabled(False)
        self.addSeparator()
        self.addAction(sentences.SAVE_PRESET).triggered.connect(lambda *_: self.ask_name())
        self.addAction(sentences.IMPORT_PRESET).triggered.connect(lambda *_: self.ask_import())
        for title, ask in ((sentences.EXPORT_PRESET, self.ask_export), (sentences.REMOVE_PRESET, self.ask_remove)):
            menu = self.addMenu(title)
            menu.setEnabled(bool(names))
            self._entries(menu, ask)

    # ------------------------------------------------------------------ questions

    def ask_name(self) -> None:
        dialog = QInputDialog(self._owner())
        dialog.setWindowTitle(sentences.SAVE_PRESET_TITLE)
        dialog.setLabelText(sentences.PRESET_NAME)
        dialog.textValueSelected.connect(self.save.emit)
        self._open(dialog, "name")
        if field := dialog.findChild(QLineEdit):
            field.setMaxLength(MAX_NAME_LENGTH)

    def ask_import(self) -> None:
        dialog = QFileDialog(self._owner(), sentences.IMPORT_PRESET_TITLE, "", sentences.PRESET_FILES)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.import_from.emit)
        self._open(dialog, "import")

    def ask_export(self, name: str) -> None:
        """Whether to replace a file that is there, the dialog asks."""
        dialog = QFileDialog(self._owner(), sentences.EXPORT_PRESET_TITLE.format(name=name), "", sentences.PRESET_FILES)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(SUFFIX.removeprefix("."))
        dialog.selectFile(f"{name}{SUFFIX}")
        dialog.fileSelected.connect(lambda file: self.export.emit(name, file))
        self._open(dialog, "export")

    def ask_remove(self, name: str) -> None:
        dialog = QMessageBox(self._owner())
        dialog.setIcon(QMessageBox.Icon.Question)
        dialog.setTextFormat(Qt.TextFormat.PlainText)
        dialog.setWindowTitle(sentences.REMOVE_PRESET)
        dialog.setText(sentences.REMOVE_PRESET_ASK.format(name=name))
        dialog.setInformativeText(sentences.REMOVE_PRESET_MORE)
        remove = dialog.addButton(sentences.REMOVE_PRESET, QMessageBox.ButtonRole.DestructiveRole)
        keep = dialog.addButton(sentences.KEEP_PRESET, QMessageBox.ButtonRole.RejectRole)
        dialog.setDefaultButton(keep)
        remove.clicked.connect(lambda *_: self.remove.emit(name))
        self._open(dialog, "remove")

    # ------------------------------------------------------------------ inside

    def _entries(self, menu: QMenu, call: Callable[[str], Any]) -> None:
        for name in self._names or ():
            action = menu.addAction(name.replace("&", "&&"))  # otherwise it marks a letter
            action.triggered.connect(lambda *_, name=name: call(name))

    def _owner(self) -> QWidget:
        """A menu is gone while its questions are open."""
        parent = self.parentWidget()
        return parent.window() if parent is not None else self

    @staticmethod
    def _open(dialog: QDialog, name: str) -> None:
        dialog.setObjectName(f"sfumato_preset_{name}")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()
