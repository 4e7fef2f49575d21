"""Controls for what an edit lets the painter set, made from the backend's declaration; folded away at first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import sentences
from .qt import QCheckBox, QFormLayout, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget, pyqtSignal
from .tuning import Tuning, Value, declared, label, slot, worth_saying
from .vendor.sfumato_wire import EditInfo, Parameter
from .widgets import CalmComboBox, CalmDoubleSpinBox, CalmSpinBox, Fold, form, tip

MOST = 2**31 - 1  # what a spin box can count to
DIGITS = 6  # behind the point, at most


class FineTuning(QWidget):
    """The values of the chosen edit and, below them, those of finding a map."""

    changed = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.tuning: Tuning = {}
        self._shown: dict[str, tuple[Parameter, ...]] = {}  # by slot
        self._knobs: list[tuple[str, Knob]] = []  # with their slots
        self._body = QWidget()
        self._place = QVBoxLayout(self._body)
        self._place.setContentsMargins(0, 0, 0, 0)
        self._controls = QWidget()
        self._place.addWidget(self._controls)
        self.fold = Fold(sentences.TUNING, sentences.TIP_TUNING, self._body)
        self.reset = QToolButton()
        self.reset.setText(sentences.RESET)
        self.reset.setToolTip(sentences.TIP_RESET)
        self.reset.setAutoRaise(True)
        self.reset.clicked.connect(self._reset)
        for name, widget in (("fold", self.fold), ("reset", self.reset)):
            widget.setObjectName(f"sfumato_tuning_{name}")
        head = QHBoxLayout()
        head.addWidget(self.fold)
        head.addStretch(1)
        head.addWidget(self.reset)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(head)
        column.addWidget(self._body)
        self.hide()

    def show_tuning(self, edit: EditInfo | None, finder: EditInfo | None, tuning: Tuning) -> None:
        """What can be set for the chosen edit and for the one that finds maps, and how it is set."""
        slots = {slot(info.id, task): declared(info, task) for info, task in ((edit, "edit"), (finder, "map")) if info}
        if slots == self._shown and tuning == self.tuning:
            return
        if slots != self._shown:
            self._shown = slots
            self._build()
        self._put(tuning)

    def _build(self) -> None:
        self._place.removeWidget(self._controls)
        self._controls.setParent(None)
        self._controls.deleteLater()
        self._controls, self._knobs = QWidget(), []
        rows = form()
        rows.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self._controls.setLayout(rows)
        for key, parameters in self._shown.items():
            if parameters and key.startswith("map:"):
                rows.addRow(QLabel(sentences.TUNING_MAP))
            for parameter in parameters:
                knob = make_knob(parameter, self._take)
                if knob is not None:
                    knob.widget.setObjectName(f"sfumato_{key}:{parameter.name}")
                    name = QLabel(f"{label(parameter.name)}:")
                    name.setToolTip(tip(parameter.help))
                    rows.addRow(name, knob.widget)
                    self._knobs.append((key, knob))
        self._place.addWidget(self._controls)
        self.setVisible(bool(self._knobs))

    def _put(self, tuning: Tuning) -> None:
        self.tuning = tuning
        for key, knob in self._knobs:
            said = worth_saying(tuning.get(key, {}), (knob.parameter,))
            knob.widget.blockSignals(True)
            knob.put(said.get(knob.parameter.name, knob.parameter.default))
            knob.widget.blockSignals(False)
        self._count()

    def _take(self) -> None:
        """The painter turned one."""
        values: Tuning = {key: {} for key in self._shown}
        for key, knob in self._knobs:
            values[key] |= worth_saying({knob.parameter.name: knob.get()}, (knob.parameter,))
        self.tuning = self.tuning | values
        self._count()
        self.changed.emit()

    def _reset(self, *_: Any) -> None:
        self._put({key: values for key, values in self.tuning.items() if key not in self._shown})
        self.changed.emit()

    def _count(self) -> None:
        count = sum(knob.get() != knob.parameter.default for _, knob in self._knobs)
        self.fold.setText(sentences.TUNING_CHANGED.format(count=count) if count else sentences.TUNING)
        self.reset.setVisible(bool(count))


@dataclass(frozen=True)
class Knob:
    """A parameter's control. `get` gives exactly the default as long as that is what is shown."""

    parameter: Parameter
    widget: QWidget
    get: Callable[[], Value]
    put: Callable[[Any], None]


def make_knob(parameter: Parameter, changed: Callable[[], None]) -> Knob | None:
    """None for a type that this version does not know: the backend's default holds."""

    def turned(*_: Any) -> None:
        changed()

    if parameter.type == "bool":
        check = QCheckBox()
        check.setToolTip(tip(parameter.help))
        check.toggled.connect(turned)
        return Knob(parameter, check, check.isChecked, check.setChecked)
    if parameter.type == "choice":
        combo = CalmComboBox(tip(parameter.help))
        for choice in parameter.choices:
            combo.addItem(choice, choice)
        combo.currentIndexChanged.connect(turned)
        return Knob(parameter, combo, combo.currentData, lambda value: combo.setCurrentIndex(combo.findData(value)))
    if parameter.type not in ("int", "float"):
        return None
    low = -MOST if parameter.minimum is None else max(-MOST, parameter.minimum)
    high = MOST if parameter.maximum is None else min(MOST, parameter.maximum)
    box: Any
    if parameter.type == "int":
        box = CalmSpinBox(int(low), int(high), int(parameter.default), tip(parameter.help))
    else:
        digits = min(DIGITS, max(2, len(f"{float(parameter.default):.{DIGITS}f}".rstrip("0").partition(".")[2])))
        step = max(10.0**-digits, min(0.1, (high - low) / 20))
        box = CalmDoubleSpinBox(low, high, float(parameter.default), tip(parameter.help), digits, step)
    box.setSuffix(f" {parameter.unit}" if parameter.unit else "")
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    shown = box.value()
    box.valueChanged.connect(turned)
    return Knob(parameter, box, lambda: parameter.default if box.value() == shown else box.value(), box.setValue)
