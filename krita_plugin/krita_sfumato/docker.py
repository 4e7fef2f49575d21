"""The docker's controls. They know nothing: they show a View and the layers, and say what was pressed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from . import sentences, tuning
from .choosers import EditChooser, LayerChooser
from .footer import Footer
from .knobs import Tuner
from .memory import Choice
from .qt import (
    QCheckBox,
    QFormLayout,
    QIcon,
    QLabel,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
    pyqtSignal,
)
from .state import Settings, View
from .vendor.sfumato_wire import EditInfo
from .widgets import (
    CalmComboBox,
    CalmSpinBox,
    Fold,
    Percent,
    Prompt,
    SmallPrint,
    UpDown,
    form,
    name_parts,
    row,
    set_text,
    silent,
    tip,
)

SEEDS = 2**31 - 1


class Panel(QWidget):
    """What is inside the docker: controls that scroll when there is little room, and the footer below them."""

    find_map = pyqtSignal()
    new_map = pyqtSignal()
    map_chosen = pyqtSignal(str)
    map_read = pyqtSignal()  # in another way
    source_changed = pyqtSignal()
    edit_chosen = pyqtSignal()  # or one of its values

    def __init__(self, icon: Callable[[str], QIcon]) -> None:
        super().__init__()
        self._models: tuple[str, ...] = ()
        self._model_info: dict[str, Any] = {}
        self._view = View()
        self._tuning: tuning.Tuning = {}
        self._steps_touched = False
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self._build_prompts(column)
        self._build_form(column, icon)
        self.tuner = Tuner("tuner", sentences.TUNING, sentences.TIP_TUNING)
        self.finder = Tuner("finder", sentences.FINDING, sentences.TIP_FINDING)
        for tuner in (self.tuner, self.finder):
            tuner.changed.connect(self._tune)
            column.addWidget(tuner)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(4, 4, 4, 4)
        outer.setSpacing(4)
        outer.addWidget(UpDown(inner), 1)
        self.footer = Footer()
        outer.addWidget(self.footer)
        name_parts(self)
        self.show_edit("", {})

    # ------------------------------------------------------------------ building

    def _build_prompts(self, column: QVBoxLayout) -> None:
        self.prompt = Prompt(sentences.PROMPT, sentences.TIP_PROMPT, lines=3)
        self.source = Prompt(sentences.SOURCE, sentences.TIP_SOURCE, lines=2)
        self.source.textChanged.connect(self.source_changed)
        self.source_label = SmallPrint(sentences.SOURCE_LABEL)
        self.avoid = Prompt(sentences.AVOID_WHAT, sentences.TIP_AVOID_WHAT, lines=2)
        self.more = Fold(sentences.AVOID, sentences.TIP_AVOID, self.avoid)
        for widget in (self.prompt, self.source_label, self.source, self.more, self.avoid):
            column.addWidget(widget)

    def _build_form(self, column: QVBoxLayout, icon: Callable[[str], QIcon]) -> None:
        rows = form()
        self.edit = EditChooser()
        self.edit.chosen.connect(self._choose_edit)
        self.edit_help = SmallPrint()
        rows.addRow(sentences.EDIT_LABEL, self.edit)
        rows.setWidget(rows.rowCount(), QFormLayout.ItemRole.FieldRole, self.edit_help)
        self._build_map(rows, icon)
        self.strength = Percent(100, sentences.TIP_STRENGTH)
        rows.addRow(sentences.STRENGTH_LABEL, self.strength)
        self.steps = CalmSpinBox(1, 1000, 20, sentences.TIP_STEPS)
        self.steps.valueChanged.connect(self._touch_steps)
        self.steps.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        rows.addRow(sentences.STEPS_LABEL, self.steps)
        self.seed = CalmSpinBox(0, SEEDS, 0, sentences.TIP_SEED)
        self.seed.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.dice = QToolButton()
        self.dice.setCheckable(True)
        self.dice.setChecked(True)
        self.dice.setAutoRaise(True)
        self.dice.setIcon(icon("view-refresh"))
        self.dice.setToolTip(sentences.TIP_DICE)
        self.dice.toggled.connect(self._roll)
        self._roll(True)
        rows.addRow(sentences.SEED_LABEL, row(self.seed, self.dice))
        self.model = CalmComboBox(sentences.TIP_MODEL)
        self.model_label = QLabel(sentences.MODEL_LABEL)
        rows.addRow(self.model_label, self.model)
        self.model.hide()
        self.model_label.hide()
        self.model.currentIndexChanged.connect(self._model_changed)
        column.addLayout(rows)

    def _build_map(self, rows: QFormLayout, icon: Callable[[str], QIcon]) -> None:
        self.map = LayerChooser(sentences.TIP_MAP)
        self.map.chosen.connect(self.map_chosen)
        self.new = QToolButton()
        self.new.setIcon(icon("list-add"))
        self.new.setAutoRaise(True)
        self.new.setToolTip(sentences.TIP_NEW_MAP)
        self.new.clicked.connect(lambda *_: self.new_map.emit())
        self.find = QToolButton()
        self.find.setText(sentences.FIND_MAP)
        self.find.setToolTip(sentences.TIP_FIND_MAP)
        self.find.clicked.connect(lambda *_: self.find_map.emit())
        rows.addRow(sentences.MAP_LABEL, row(self.map, self.new, self.find))
        self.channel = CalmComboBox(sentences.TIP_CHANNEL)
        self.channel.addItem(sentences.CHANNEL_LUMINANCE, False)
        self.channel.addItem(sentences.CHANNEL_ALPHA, True)
        self.inverted = QCheckBox(sentences.INVERT)
        self.inverted.setToolTip(sentences.TIP_INVERT)
        self.channel.currentIndexChanged.connect(lambda *_: self.map_read.emit())
        self.inverted.toggled.connect(lambda *_: self.map_read.emit())
        rows.addRow(sentences.CHANNEL_LABEL, row(self.channel, self.inverted))

    # ------------------------------------------------------------------ showing

    def settings(self) -> Settings:
        return Settings(
            prompt=self.prompt.text(),
            source_prompt=self.source.text(),
            negative_prompt=self.avoid.text() if self.more.isChecked() else "",
            map_id=self.map.current(),
            alpha_only=self.map_choice().alpha_only,
            inverted=self.map_choice().inverted,
            strength=self.strength.value(),
            steps=self.steps.value() if self._models or self._steps_touched else 0,
            seed=None if self.dice.isChecked() else self.seed.value(),
            model=str(self.model.currentData() or ""),
            edit=self.edit.current(),
            tuning=self._tuning,
        )

    def map_choice(self) -> Choice:
        """The map, and how it is to be read."""
        return Choice(self.map.current(), bool(self.channel.currentData()), self.inverted.isChecked())

    def show_map(self, layers: Sequence[Any], choice: Choice) -> None:
        """What can be the map, and which one is."""
        self.map.show_layers(layers, choice.layer, sentences.CHOOSE_LAYER if layers else sentences.NO_PICTURE)
        if not self.channel.view().isVisible():
            with silent(self.channel):
                self.channel.setCurrentIndex(self.channel.findData(choice.alpha_only))
        with silent(self.inverted):
            self.inverted.setChecked(choice.inverted)

    def show_source(self, text: str) -> None:
        """What the picture shows."""
        if self.source.toPlainText() != text:
            with silent(self.source):
                self.source.setPlainText(text)

    def show_edit(self, edit: str, values: tuning.Tuning) -> None:
        """Which edit is chosen, and what the painter changed of it."""
        self._tuning = values
        self.edit.show_edits(self._view.edits, edit)
        for tuner, task in ((self.tuner, "edit"), (self.finder, "map")):
            info = self._info(task)
            tuner.show_parameters(tuning.declared(info, task), tuning.values_for(values, info, task))
        info = self.edit.info()
        for widget in (self.source_label, self.source):
            widget.setVisible(tuning.asks_source(self._view.edits, self.edit.current()))
        self.find.setVisible(self._info("map") is not None or not self._view.edits)
        set_text(self.edit_help, tuning.first_sentence(info.help) if info else "")
        self.edit_help.setToolTip(tip(info.help) if info else "")
        self.edit_help.setVisible(bool(info and info.help))

    def show_view(self, view: View) -> None:
        had, self._view = self._view, view
        if view.edits != had.edits:
            self.show_edit(self.edit.current(), self._tuning)
        self._show_models(view)
        self.find.setEnabled(not view.busy or view.stalled)
        if view.seed is not None and self.dice.isChecked() and self.seed.value() != view.seed:
            self.seed.setValue(view.seed)
        self.footer.show_view(view)

    def _show_models(self, view: View) -> None:
        names = tuple(model.id for model in view.models)
        if names == self._models:
            return
        self._models = names
        self._model_info = {model.id: model for model in view.models}
        wanted = self.model.currentData()
        self.model.blockSignals(True)
        self.model.clear()
        for model in view.models:
            self.model.addItem(model.name, model.id)
        self.model.setCurrentIndex(max(0, self.model.findData(wanted)))
        self.model.blockSignals(False)
        self.model.setVisible(len(names) > 1)
        self.model_label.setVisible(len(names) > 1)
        self._model_changed()

    # ------------------------------------------------------------------ what the painter does

    def choice(self) -> dict[str, Any]:
        """The chosen edit and what was changed of it, to be remembered with the picture."""
        return {"edit": self.edit.current(), "tuning": self._tuning}

    def _choose_edit(self) -> None:
        self.show_edit(self.edit.current(), self._tuning)
        self.edit_chosen.emit()

    def _tune(self) -> None:
        for tuner, task in ((self.tuner, "edit"), (self.finder, "map")):
            if info := self._info(task):
                slot, declared = tuning.slot(info.id, task), tuning.declared(info, task)
                self._tuning = {**self._tuning, slot: tuning.merged(self._tuning.get(slot, {}), tuner.values, declared)}
        self.edit_chosen.emit()

    def _info(self, task: str) -> EditInfo | None:
        """The edit that does it."""
        return self.edit.info() if task == "edit" else tuning.finder(self._view.edits, self.edit.current())

    def _model_changed(self, *_: Any) -> None:
        model = self._model_info.get(str(self.model.currentData() or ""))
        if model is not None and not self._steps_touched:
            self.steps.blockSignals(True)
            self.steps.setValue(model.steps)
            self.steps.blockSignals(False)

    def _touch_steps(self, *_: Any) -> None:
        self._steps_touched = True

    def _roll(self, on: bool) -> None:
        self.seed.setEnabled(not on)
        if on and not self.seed.value():
            self.seed.setValue(random.randrange(SEEDS))
