"""Controls for what an edit lets the painter set, made from the backend's declaration; folded away at first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import declared, sentences
from .qt import QCheckBox, QFormLayout, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget, pyqtSignal
from .tuning import MOST, Value, Values, digits, takes, worth_saying
from .vendor.sfumato_wire import Parameter
from .widgets import CalmComboBox, CalmDoubleSpinBox, CalmSpinBox, Fold, form, silent, tip


class Tuner(QWidget):
    """A heading and, when it is open, a control for each parameter. Not there when there are none."""

    changed = pyqtSignal()

    def __init__(self, name: str, title: str, about: str) -> None:
        """name: the beginning of its widgets' names."""
        super().__init__()
        self.setObjectName(f"sfumato_{name}")
        self.values: Values = {}  # what differs from the defaults
        self._title = title
        self._edit = ""
        self._parameters: tuple[Parameter, ...] = ()
        self._knobs: list[Knob] = []
        self._body = QWidget()
        self._place = QVBoxLayout(self._body)
        self._place.setContentsMargins(0, 0, 0, 0)
        self._controls = QWidget()
        self._place.addWidget(self._controls)
        self.fold = Fold(title, about, self._body)
        self.reset = QToolButton()
        self.reset.setText(sentences.RESET)
        self.reset.setToolTip(sentences.TIP_RESET)
        self.reset.setAutoRaise(True)
        self.reset.clicked.connect(self._reset)
        self.fold.setObjectName(f"sfumato_{name}_fold")
        self.reset.setObjectName(f"sfumato_{name}_reset")
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

    def show_parameters(self, edit: str, parameters: tuple[Parameter, ...], values: Values) -> None:
        """What can be set of that edit, and how it is."""
        if (edit, parameters) != (self._edit, self._parameters):
            self._edit, self._parameters = edit, parameters
            self._build()
            self._put(values)
        elif values != self.values:
            self._put(values)

    def _build(self) -> None:
        self._place.removeWidget(self._controls)
        self._controls.setParent(None)
        self._controls.deleteLater()
        self._controls, self._knobs = QWidget(), []
        rows = form()
        rows.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self._controls.setLayout(rows)
        before: QWidget = self.reset  # Tab goes from the heading down through the knobs
        for parameter in self._parameters:
            knob = make_knob(parameter, self._edit, self._take)
            if knob is not None:
                knob.widget.setObjectName(f"{self.objectName()}_{parameter.name}")
                name = QLabel(f"{declared.label(parameter, self._edit)}:")
                name.setToolTip(knob.widget.toolTip())
                rows.addRow(name, knob.widget)
                self._knobs.append(knob)
        self._place.addWidget(self._controls)
        for knob in self._knobs:
            QWidget.setTabOrder(before, knob.widget)
            before = knob.widget
        self.setVisible(bool(self._knobs))

    def _put(self, values: Values) -> None:
        for knob in self._knobs:
            self._put_one(knob, values)
        self._count(values)

    @staticmethod
    def _put_one(knob: Knob, values: Values) -> None:
        with silent(knob.widget):
            knob.put(values.get(knob.parameter.name, knob.parameter.default))

    def _take(self) -> None:
        """The painter turned one. What the declaration does not take is seen to go back."""
        for knob in self._knobs:
            if not takes(knob.parameter, knob.get()):
                self._put_one(knob, self.values)
        self._count(worth_saying({knob.parameter.name: knob.get() for knob in self._knobs}, self._parameters))
        self.changed.emit()

    def _reset(self, *_: Any) -> None:
        self._put({})
        self.changed.emit()

    def _count(self, values: Values) -> None:
        self.values = values
        count = len(values)
        self.fold.setText(sentences.TUNED.format(title=self._title, count=count) if count else self._title)
        self.reset.setVisible(bool(count))


@dataclass(frozen=True)
class Knob:
    """A parameter's control. `get` gives exactly the default as long as that is what is shown."""

    parameter: Parameter
    widget: QWidget
    get: Callable[[], Value]
    put: Callable[[Any], None]


def make_knob(parameter: Parameter, edit: str, changed: Callable[[], None]) -> Knob | None:
    """Of an edit's parameter. None for a type that this version does not know: the backend's default holds."""

    def turned(*_: Any) -> None:
        changed()

    about = tip(declared.help(parameter, edit))
    if parameter.type == "bool":
        check = QCheckBox()
        check.setToolTip(about)
        check.toggled.connect(turned)
        return Knob(parameter, check, check.isChecked, check.setChecked)
    if parameter.type == "choice":
        combo = CalmComboBox(about)
        for choice, text in declared.choices(parameter, edit):
            combo.addItem(text, choice)
        combo.currentIndexChanged.connect(turned)
        return Knob(parameter, combo, combo.currentData, lambda value: combo.setCurrentIndex(combo.findData(value)))
    if parameter.type not in ("int", "float"):
        return None
    low = -MOST if parameter.minimum is None else max(-MOST, parameter.minimum)
    high = MOST if parameter.maximum is None else min(MOST, parameter.maximum)
    box: Any
    if parameter.type == "int":
        box = CalmSpinBox(int(low), int(high), int(parameter.default), about)
    else:
        behind = digits(parameter)
        step = max(10.0**-behind, min(0.1, (high - low) / 20))
        box = CalmDoubleSpinBox(low, high, float(parameter.default), about, behind, step)
    box.setSuffix(f" {declared.unit(parameter)}" if parameter.unit else "")
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    shown = box.value()
    box.valueChanged.connect(turned)
    return Knob(parameter, box, lambda: parameter.default if box.value() == shown else box.value(), box.setValue)
