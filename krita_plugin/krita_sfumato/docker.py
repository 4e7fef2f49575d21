"""The docker: its parts, one below the other. They know nothing: they show what they are given, and say what the
painter did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from . import declared, sentences, tuning
from .choosers import Chooser, Thing
from .footer import Footer
from .knobs import Tuner
from .labels import SmallPrint
from .map_look import Heat
from .map_preview import MapPreview
from .map_rows import MapRows
from .model_rows import ModelRows
from .preset_menu import PresetMenu
from .prompts import Prompts
from .qt import QEvent, QFormLayout, QIcon, QPushButton, QSize, Qt, QVBoxLayout, QWidget, pyqtSignal
from .settings import Choice, Settings
from .state import View
from .tiles import Tile
from .vendor.sfumato_wire import EditInfo
from .widgets import LOWEST, Fold, UpDown, form, name_parts, row, set_text, tip


class Panel(QWidget):
    """What is inside the docker: controls that scroll when there is little room, and the footer below them."""

    changed = pyqtSignal()  # a control that belongs to the settings

    def __init__(self, icon: Callable[[str], QIcon], version: str) -> None:
        super().__init__()
        self.document = ""  # which one it shows
        self._view = View()
        self._settings = Settings()
        self._heat: Heat | None = None
        self._chosen = ""  # the result that is shown large
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        top, rows = form(), form()
        self.prompts = Prompts()
        self.maps = MapRows(top, icon)
        self.map_preview = MapPreview()
        self.map_fold = Fold(sentences.MAP_SEEN, sentences.TIP_MAP_SEEN, self.map_preview)
        self.map_fold.setChecked(True)
        self.edit = Chooser(sentences.TIP_EDIT, sentences.EDITS_UNKNOWN, sentences.CHOOSE_EDIT)
        self.edit_help = SmallPrint()
        self.styles = PresetMenu(self)
        self.styles_button = QPushButton(sentences.PRESETS)  # a tool button lays the arrow over its text
        self.styles_button.setToolTip(sentences.TIP_PRESETS)
        self.styles_button.setMenu(self.styles)
        rows.addRow(sentences.EDIT_LABEL, row(self.edit, self.styles_button))
        rows.setWidget(rows.rowCount(), QFormLayout.ItemRole.FieldRole, self.edit_help)
        self.how = ModelRows(rows, icon)
        self.tuner = Tuner("tuner", sentences.TUNING, sentences.TIP_TUNING)
        self.finder = Tuner("finder", sentences.FINDING, sentences.TIP_FINDING)
        # What a first edit needs comes first.
        column.addWidget(self.prompts.prompt)
        column.addLayout(top)
        column.addWidget(self.map_fold)
        column.addWidget(self.map_preview)
        column.addLayout(rows)
        for widget in (self.prompts, self.tuner, self.finder, self.how):
            column.addWidget(widget)
        column.addStretch(1)
        self.footer = Footer(version)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(4, 4, 4, 4)
        outer.setSpacing(4)
        self.controls = UpDown(inner)
        outer.addWidget(self.controls, 1)
        outer.addWidget(self.footer)
        for signal in (self.prompts.changed, self.maps.changed, self.how.changed):
            signal.connect(self.changed)
        self.edit.chosen.connect(self._choose_edit)
        self.footer.strip.chosen.connect(self._choose_result)
        for tuner in (self.tuner, self.finder):
            tuner.changed.connect(self._tune)
        name_parts(self)
        self.show_settings(Settings())

    # ------------------------------------------------------------------ what the controls say

    def settings(self) -> Settings:
        chosen: dict[str, Any] = {
            "edit": self.edit.current(),
            "tuning": self._settings.tuning,
        }
        chosen["as_mask"] = self.footer.row.mask_action.isChecked()
        parts = (self.prompts.fields(), self.maps.fields(), self.how.fields(), chosen)
        return Settings(**{name: value for part in parts for name, value in part.items()})

    # ------------------------------------------------------------------ showing

    def show_settings(self, settings: Settings) -> None:
        self._settings = settings
        edits = self._view.edits
        self.edit.show_things(_things(edits), settings.edit)
        self.prompts.show_settings(settings, tuning.asks_source(edits, self.edit.current()))
        self.maps.show_strength(settings.strength)
        self.how.show_models(self._view, settings)
        self.how.show_settings(settings)
        self.footer.row.show_mask(settings.as_mask)
        for tuner, task in ((self.tuner, "edit"), (self.finder, "map")):
            info = self._info(task)
            values = tuning.values_for(settings.tuning, info, task)
            tuner.show_parameters(info.id if info else "", tuning.declared(info, task), values)
        info = self._info("edit")
        self.maps.find.setVisible(self._info("map") is not None or not edits)
        help = declared.edit_help(info) if info else ""
        set_text(self.edit_help, tuning.first_sentence(help))
        self.edit_help.setToolTip(tip(help))
        self.edit_help.setVisible(bool(help))

    def show_map(self, layers: Sequence[Any], choice: Choice) -> None:
        self.maps.show_map(layers, choice)
        self.how.guide.show_layers(layers)
        self.map_preview.show_levels(choice.black, choice.white, choice.gamma, choice.soften)

    def show_results(self, tiles: tuple[Tile, ...], can_replace: bool, discarded: int) -> None:
        self.footer.strip.show_tiles(tiles, self._chosen, can_replace, discarded)

    def show_heat(self, heat: Heat | None, said: tuple[str, bool], can_overlay: bool) -> None:
        if heat is not self._heat:
            self._heat = heat
            self.map_preview.show_heat(heat)
        self.map_preview.show_sentence(*said)
        self.map_preview.allow_canvas(can_overlay)

    def show_view(self, view: View) -> None:
        had, self._view = self._view, view
        if _offered(view) != _offered(had):
            self.show_settings(self._settings)
        if view.seed is not None:
            self.how.show_seed(view.seed)
        self.footer.show_view(view)

    # ------------------------------------------------------------------ room

    def minimumSizeHint(self) -> QSize:
        """Of all that may be seen at once; a docker that asked for more would make Krita's window taller."""
        width = super().minimumSizeHint().width()
        return QSize(width, LOWEST + self._beside_controls())

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self._share_room()

    def _share_room(self) -> None:
        """Pictures in the footer give way first, then the controls, which scroll."""
        self.controls.leave_room(self.height() - self._beside_controls())

    def _beside_controls(self) -> int:
        """Pixels of height that the rest needs at least."""
        margins, spacing = self.layout().contentsMargins(), self.layout().spacing()
        return int(self.footer.minimumSizeHint().height() + margins.top() + margins.bottom() + spacing)

    # ------------------------------------------------------------------ what the painter does

    def event(self, event: Any) -> bool:
        """Ctrl+Enter is ours, whatever Krita does with it, while one of our controls has the focus."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._share_room()
        if event.type() == QEvent.Type.ShortcutOverride and _applies(event):
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: Any) -> None:
        if _applies(event):
            self.footer.row.apply_button.click()
        else:
            super().keyPressEvent(event)

    def _choose_edit(self) -> None:
        self.show_settings(self.settings())
        self.changed.emit()

    def _choose_result(self, id: str) -> None:
        self._chosen = id

    def _tune(self) -> None:
        said = dict(self._settings.tuning)
        for tuner, task in ((self.tuner, "edit"), (self.finder, "map")):
            if info := self._info(task):
                slot, declared = tuning.slot(info.id, task), tuning.declared(info, task)
                said[slot] = tuning.merged(said.get(slot, {}), tuner.values, declared)
        self._settings = replace(self._settings, tuning=said)
        self.changed.emit()

    def _info(self, task: str) -> EditInfo | None:
        """The edit that does it."""
        edits, chosen = self._view.edits, self.edit.current()
        if task == "map":
            return tuning.finder(edits, chosen)
        return next((info for info in edits if info.id == chosen), None)


def _things(edits: Sequence[EditInfo]) -> tuple[Thing, ...]:
    """What there is to choose from."""
    return tuple((info.id, declared.edit_name(info), declared.edit_help(info)) for info in edits)


def _offered(view: View) -> tuple[Any, ...]:
    """What the controls show of the backend."""
    return view.edits, view.models, view.controlnets, view.vaes


def _applies(event: Any) -> bool:
    """Whether it is Ctrl+Enter."""
    enters = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
    return event.key() in enters and bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
