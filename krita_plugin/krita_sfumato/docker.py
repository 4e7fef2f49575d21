"""The docker's controls. They know nothing: they show a View and the layers, and say what was pressed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from . import sentences, tuning
from .choosers import EditChooser, LayerChooser
from .knobs import FineTuning
from .qt import (
    QCheckBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QIcon,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    Qt,
    QToolButton,
    QVBoxLayout,
    QWidget,
    pyqtSignal,
)
from .state import Settings, View
from .widgets import (
    TEXT,
    CalmComboBox,
    CalmSpinBox,
    Fold,
    Percent,
    Prompt,
    Thumbnail,
    UpDown,
    form,
    row,
    set_text,
    small_print,
)

SEEDS = 2**31 - 1


class Panel(QWidget):
    """What is inside the docker: controls that scroll when there is little room, and below them what always is seen."""

    apply = pyqtSignal()
    find_map = pyqtSignal()
    cancel = pyqtSignal()
    new_map = pyqtSignal()
    place = pyqtSignal()
    start = pyqtSignal()
    stop = pyqtSignal()
    map_chosen = pyqtSignal(str)
    edit_chosen = pyqtSignal()  # or one of its values

    def __init__(self, icon: Callable[[str], QIcon]) -> None:
        super().__init__()
        self._models: tuple[str, ...] = ()
        self._model_info: dict[str, Any] = {}
        self._view = View()
        self._steps_touched = False
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self._build_prompts(column)
        self._build_form(column, icon)
        self.tuning = FineTuning()
        self.tuning.changed.connect(self.edit_chosen)
        column.addWidget(self.tuning)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(4, 4, 4, 4)
        outer.setSpacing(4)
        outer.addWidget(UpDown(inner), 1)
        self._build_actions(outer)
        self._build_status(outer)
        self._name_widgets()

    # ------------------------------------------------------------------ building

    def _build_prompts(self, column: QVBoxLayout) -> None:
        self.prompt = Prompt(sentences.PROMPT, sentences.TIP_PROMPT, lines=3)
        self.source = Prompt(sentences.SOURCE, sentences.TIP_SOURCE, lines=2)
        self.source.hide()
        self.avoid = Prompt(sentences.AVOID_WHAT, sentences.TIP_AVOID_WHAT, lines=2)
        self.more = Fold(sentences.AVOID, sentences.TIP_AVOID, self.avoid)
        for widget in (self.prompt, self.source, self.more, self.avoid):
            column.addWidget(widget)

    def _build_form(self, column: QVBoxLayout, icon: Callable[[str], QIcon]) -> None:
        rows = form()
        self.edit = EditChooser()
        self.edit.chosen.connect(self._choose_edit)
        self.edit_help = small_print()
        self.edit_help.hide()
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
        rows.addRow(sentences.CHANNEL_LABEL, row(self.channel, self.inverted))

    def _build_actions(self, column: QVBoxLayout) -> None:
        self.apply_button = QPushButton(sentences.APPLY)
        self.apply_button.setToolTip(sentences.TIP_APPLY)
        self.apply_button.clicked.connect(lambda *_: self.apply.emit())
        self.cancel_button = QPushButton(sentences.CANCEL)
        self.cancel_button.setToolTip(sentences.TIP_CANCEL)
        self.cancel_button.setEnabled(False)
        self.cancel_button.clicked.connect(lambda *_: self.cancel.emit())
        buttons = QHBoxLayout()
        buttons.addWidget(self.apply_button, 2)
        buttons.addWidget(self.cancel_button, 1)
        column.addLayout(buttons)
        self.progress = QProgressBar()
        self.progress.setTextVisible(True)
        self.progress.hide()
        self.thumbnail = Thumbnail()
        self.message = QLabel()
        self.message.setTextFormat(TEXT)
        self.message.setWordWrap(True)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.message.hide()
        self.place_button = QPushButton(sentences.PLACE)
        self.place_button.setToolTip(sentences.TIP_PLACE)
        self.place_button.clicked.connect(lambda *_: self.place.emit())
        self.place_button.hide()
        for widget in (self.progress, self.thumbnail, self.message, self.place_button):
            column.addWidget(widget)

    def _build_status(self, column: QVBoxLayout) -> None:
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        line.setFrameShadow(QFrame.Shadow.Sunken)
        self.status = QLabel()
        self.status.setTextFormat(TEXT)
        self.status.setWordWrap(True)
        self.switch = QToolButton()
        self.switch.clicked.connect(lambda *_: (self.start if self._view.can_start else self.stop).emit())
        column.addWidget(line)
        column.addWidget(row(self.status, self.switch))

    def _name_widgets(self) -> None:
        """Names for tests and style sheets."""
        for name, widget in vars(self).items():
            if isinstance(widget, QWidget):
                widget.setObjectName(f"sfumato_{name}")

    # ------------------------------------------------------------------ showing

    def settings(self) -> Settings:
        return Settings(
            prompt=self.prompt.text(),
            source_prompt=self.source.text() if self.source.isVisibleTo(self) else "",
            negative_prompt=self.avoid.text() if self.more.isChecked() else "",
            map_id=self.map.current(),
            alpha_only=bool(self.channel.currentData()),
            inverted=self.inverted.isChecked(),
            strength=self.strength.value(),
            steps=self.steps.value() if self._models or self._steps_touched else 0,
            seed=None if self.dice.isChecked() else self.seed.value(),
            model=str(self.model.currentData() or ""),
            edit=self.edit.current(),
            tuning=self.tuning.tuning,
        )

    def show_layers(self, layers: Sequence[Any], chosen: str) -> None:
        self.map.show_layers(layers, chosen, sentences.CHOOSE_LAYER if layers else sentences.NO_PICTURE)

    def show_edit(self, edit: str, values: tuning.Tuning) -> None:
        """Which edit is chosen, and what its painter changed of it."""
        edits = self._view.edits
        self.edit.show_edits(edits, edit)
        info, finder = self.edit.info(), tuning.finder(edits, self.edit.current())
        self.tuning.show_tuning(info, finder, values)
        self.source.setVisible(info is not None and info.source_prompt)
        self.find.setVisible(finder is not None or not edits)
        set_text(self.edit_help, info.help if info else "")
        self.edit_help.setVisible(bool(info and info.help))

    def show_view(self, view: View) -> None:
        had, self._view = self._view, view
        if view.edits != had.edits:
            self.show_edit(self.edit.current(), self.tuning.tuning)
        self._show_models(view)
        for button in (self.apply_button, self.find):
            button.setEnabled(not view.busy or view.stalled)
        self.cancel_button.setEnabled(view.busy)
        self.progress.setVisible(view.busy and not view.stalled)
        if view.fraction is None:
            self.progress.setRange(0, 0)
        else:
            self.progress.setRange(0, 1000)
            self.progress.setValue(round(view.fraction * 1000))
        self.progress.setFormat(view.stage)
        self.thumbnail.show_rgb(view.preview)
        text = view.sentence or (view.stage if view.busy and view.fraction is None else "")
        set_text(self.message, text)
        self.message.setVisible(bool(text))
        self.place_button.setVisible(bool(view.kept))
        self.place_button.setText(sentences.PLACE_NAMED.format(name=view.kept) if view.kept else sentences.PLACE)
        if view.seed is not None and self.dice.isChecked() and self.seed.value() != view.seed:
            self.seed.setValue(view.seed)
        set_text(self.status, view.link_text)
        self.switch.setText(sentences.START if view.can_start else sentences.STOP)
        self.switch.setToolTip(sentences.TIP_START if view.can_start else sentences.TIP_STOP)

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

    def _choose_edit(self) -> None:
        self.show_edit(self.edit.current(), self.tuning.tuning)
        self.edit_chosen.emit()

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
