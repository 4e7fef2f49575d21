"""The docker's controls. They know nothing: they show a View and the layers, and say what was pressed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from .qt import (
    QCheckBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QIcon,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSize,
    QSizePolicy,
    Qt,
    QToolButton,
    QVBoxLayout,
    QWidget,
    pyqtSignal,
)
from .state import Settings, View
from .widgets import CalmComboBox, CalmSpinBox, LayerChooser, Percent, Prompt, Thumbnail

SEEDS = 2**31 - 1


class Panel(QWidget):
    """What is inside the docker: controls that scroll when there is little room, and below them what always is seen."""

    apply = pyqtSignal()
    cancel = pyqtSignal()
    new_map = pyqtSignal()
    place = pyqtSignal()
    start = pyqtSignal()
    stop = pyqtSignal()
    map_chosen = pyqtSignal(str)

    def __init__(self, icon: Callable[[str], QIcon]) -> None:
        super().__init__()
        self._models: tuple[str, ...] = ()
        self._model_info: dict[str, Any] = {}
        self._steps_touched = False
        self._can_start = True
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self._build_prompts(column)
        self._build_form(column, icon)
        column.addStretch(1)
        scroll = _Scroll(inner)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(4, 4, 4, 4)
        outer.setSpacing(4)
        outer.addWidget(scroll, 1)
        self._build_actions(outer)
        self._build_status(outer)
        self._name_widgets()

    # ------------------------------------------------------------------ building

    def _build_prompts(self, column: QVBoxLayout) -> None:
        self.prompt = Prompt(
            "What should appear?",
            "Describe what the painted parts of the picture should become, for example “snow on the hills”.",
            lines=3,
        )
        self.avoid = Prompt("What should not appear?", "Describe what to keep out of the picture.", lines=2)
        self.avoid.hide()
        self.more = QToolButton()
        self.more.setText("Avoid")
        self.more.setToolTip("Also say what should not appear")
        self.more.setCheckable(True)
        self.more.setAutoRaise(True)
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.more.setArrowType(Qt.ArrowType.RightArrow)
        self.more.toggled.connect(self._show_avoid)
        for widget in (self.prompt, self.more, self.avoid):
            column.addWidget(widget)

    def _build_form(self, column: QVBoxLayout, icon: Callable[[str], QIcon]) -> None:
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(8)
        form.setVerticalSpacing(4)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.map = LayerChooser(
            "The layer that says how much each part may change: white fully, black not at all, grey in between.\n"
            "It may be hidden; it is never part of the picture."
        )
        self.new = QToolButton()
        self.new.setIcon(icon("list-add"))
        self.new.setAutoRaise(True)
        self.new.setToolTip("New change map: adds an empty layer. Paint white on it where the picture may change.")
        form.addRow("Map:", _row(self.map, self.new))
        self.channel = CalmComboBox("What of the layer counts")
        self.channel.addItem("Brightness", False)
        self.channel.addItem("Opacity", True)
        self.channel.setToolTip(
            "Brightness: white changes, black and transparent keep.\nOpacity: what is painted changes, in any colour."
        )
        self.inverted = QCheckBox("Invert")
        self.inverted.setToolTip("For maps that show what to keep in white")
        form.addRow("Read as:", _row(self.channel, self.inverted))
        self.strength = Percent(100, "How much the whitest parts may change; greys follow in proportion.")
        form.addRow("Strength:", self.strength)
        self.steps = CalmSpinBox(1, 1000, 20, "More steps take longer and tell more greys apart.")
        self.steps.valueChanged.connect(self._touch_steps)
        self.steps.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        form.addRow("Steps:", self.steps)
        self.seed = CalmSpinBox(0, SEEDS, 0, "The same seed and settings give the same result.")
        self.seed.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.dice = QToolButton()
        self.dice.setCheckable(True)
        self.dice.setChecked(True)
        self.dice.setAutoRaise(True)
        self.dice.setIcon(icon("view-refresh"))
        self.dice.setToolTip("A new seed for every edit: each try looks different")
        self.dice.toggled.connect(self._roll)
        self._roll(True)
        form.addRow("Seed:", _row(self.seed, self.dice))
        self.model = CalmComboBox("What paints the change")
        self.model_label = QLabel("Model:")
        form.addRow(self.model_label, self.model)
        self.model.hide()
        self.model_label.hide()
        self.model.currentIndexChanged.connect(self._model_changed)
        column.addLayout(form)
        self.map.chosen.connect(self.map_chosen)
        self.new.clicked.connect(lambda *_: self.new_map.emit())

    def _build_actions(self, column: QVBoxLayout) -> None:
        self.apply_button = QPushButton("Apply")
        self.apply_button.setToolTip("Paint the change as a new layer")
        self.apply_button.clicked.connect(lambda *_: self.apply.emit())
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("Stop the edit; the picture stays as it is")
        self.cancel_button.setEnabled(False)
        self.cancel_button.clicked.connect(lambda *_: self.cancel.emit())
        row = QHBoxLayout()
        row.addWidget(self.apply_button, 2)
        row.addWidget(self.cancel_button, 1)
        column.addLayout(row)
        self.progress = QProgressBar()
        self.progress.setTextVisible(True)
        self.progress.hide()
        self.thumbnail = Thumbnail()
        self.message = QLabel()
        self.message.setTextFormat(Qt.TextFormat.PlainText)  # what a backend says is text, never markup
        self.message.setWordWrap(True)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.message.hide()
        self.place_button = QPushButton("Place")
        self.place_button.setToolTip("Add the finished edit to the picture that is open now")
        self.place_button.clicked.connect(lambda *_: self.place.emit())
        self.place_button.hide()
        for widget in (self.progress, self.thumbnail, self.message, self.place_button):
            column.addWidget(widget)

    def _build_status(self, column: QVBoxLayout) -> None:
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        line.setFrameShadow(QFrame.Shadow.Sunken)
        self.status = QLabel("Backend: not running")
        self.status.setTextFormat(Qt.TextFormat.PlainText)
        self.status.setWordWrap(True)
        self.switch = QToolButton()
        self.switch.setText("Start")
        self.switch.clicked.connect(lambda *_: (self.start if self._can_start else self.stop).emit())
        row = QHBoxLayout()
        row.addWidget(self.status, 1)
        row.addWidget(self.switch)
        column.addWidget(line)
        column.addLayout(row)

    def _name_widgets(self) -> None:
        """Names for tests and style sheets."""
        for name in ("prompt", "avoid", "more", "map", "new", "channel", "inverted", "strength", "steps", "seed"):
            getattr(self, name).setObjectName(f"sfumato_{name}")
        for name in ("dice", "model", "apply_button", "cancel_button", "progress", "thumbnail", "message"):
            getattr(self, name).setObjectName(f"sfumato_{name}")
        for name in ("place_button", "status", "switch"):
            getattr(self, name).setObjectName(f"sfumato_{name}")

    # ------------------------------------------------------------------ showing

    def settings(self) -> Settings:
        return Settings(
            prompt=self.prompt.text(),
            negative_prompt=self.avoid.text() if self.more.isChecked() else "",
            map_id=self.map.current(),
            alpha_only=bool(self.channel.currentData()),
            inverted=self.inverted.isChecked(),
            strength=self.strength.value(),
            steps=self.steps.value() if self._models or self._steps_touched else 0,
            seed=None if self.dice.isChecked() else self.seed.value(),
            model=str(self.model.currentData() or ""),
        )

    def show_layers(self, layers: Sequence[Any], chosen: str) -> None:
        self.map.show_layers(layers, chosen, "Choose a layer …" if layers else "No picture is open")

    def show_view(self, view: View) -> None:
        self._show_models(view)
        self.apply_button.setEnabled(not view.busy or view.stalled)
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
        _set_text(self.message, text)
        self.message.setVisible(bool(text))
        self.place_button.setVisible(bool(view.kept))
        self.place_button.setText(f"Place “{view.kept}”" if view.kept else "Place")
        if view.seed is not None and self.dice.isChecked() and self.seed.value() != view.seed:
            self.seed.setValue(view.seed)
        _set_text(self.status, view.link_text)
        self._can_start = view.can_start
        self.switch.setText("Start" if view.can_start else "Stop")
        self.switch.setToolTip("Start the painting backend" if view.can_start else "Stop the painting backend")

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

    def _model_changed(self, *_: Any) -> None:
        model = self._model_info.get(str(self.model.currentData() or ""))
        if model is not None and not self._steps_touched:
            self.steps.blockSignals(True)
            self.steps.setValue(model.steps)
            self.steps.blockSignals(False)

    def _touch_steps(self, *_: Any) -> None:
        self._steps_touched = True

    def _show_avoid(self, on: bool) -> None:
        self.more.setArrowType(Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow)
        self.avoid.setVisible(on)

    def _roll(self, on: bool) -> None:
        self.seed.setEnabled(not on)
        if on and not self.seed.value():
            self.seed.setValue(random.randrange(SEEDS))


class _Scroll(QScrollArea):
    """Scrolls up and down only, so it is never narrower than what is in it."""

    def __init__(self, inner: QWidget) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(inner)

    def minimumSizeHint(self) -> QSize:
        bar = self.verticalScrollBar().sizeHint().width()
        return QSize(self.widget().minimumSizeHint().width() + bar, 60)


def _row(wide: QWidget, narrow: QWidget) -> QWidget:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(4)
    row.addWidget(wide, 1)
    row.addWidget(narrow)
    return holder


def _set_text(label: QLabel, text: str) -> None:
    if label.text() != text:
        label.setText(text)
