"""Small widgets that behave as a painter expects: the wheel scrolls the docker, it does not change values."""

from __future__ import annotations

import html
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .qt import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QObject,
    QPlainTextEdit,
    QScrollArea,
    QSize,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    Qt,
    QToolButton,
    QWidget,
    pyqtSignal,
)

TEXT = Qt.TextFormat.PlainText  # what a backend says is text, never markup
MARGIN = 2  # pixels that a combo box leaves beside its text
LOW = 170  # pixels of height that the controls have where there is room: words and map
LOWEST = 48  # and where there is little
NARROW = 44  # pixels that a value needs at least, so that a narrow docker does not cut anything off


class _Calm:
    """Ignores the wheel always, focus or not: it would go on changing a value while the docker is scrolled."""

    def wheelEvent(self, event: Any) -> None:
        event.ignore()


class CalmSpinBox(_Calm, QSpinBox):
    def __init__(self, low: int, high: int, value: int, tip: str) -> None:
        super().__init__()
        self.setRange(low, high)
        self.setMinimumWidth(NARROW)
        self.setValue(value)
        self.setToolTip(tip)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)


class CalmDoubleSpinBox(_Calm, QDoubleSpinBox):
    def __init__(self, low: float, high: float, value: float, tip: str, decimals: int, step: float) -> None:
        super().__init__()
        self.setDecimals(decimals)
        self.setRange(low, high)
        self.setSingleStep(step)
        self.setMinimumWidth(NARROW)
        self.setValue(value)
        self.setToolTip(tip)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)


class CalmSlider(_Calm, QSlider):
    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)


class CalmComboBox(_Calm, QComboBox):
    """May be narrower than its entries; what does not fit ends in an ellipsis."""

    def __init__(self, tip: str) -> None:
        super().__init__()
        self.setToolTip(tip)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(5)
        self.setMinimumWidth(NARROW)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def paintEvent(self, event: Any) -> None:
        option, painter = QStyleOptionComboBox(), QStylePainter(self)
        self.initStyleOption(option)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        field = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, self
        )
        room = field.width() - 2 * MARGIN
        option.currentText = self.fontMetrics().elidedText(option.currentText, Qt.TextElideMode.ElideRight, room)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)


class Percent(QWidget):
    """A slider and its number, 0 to 100 %."""

    changed = pyqtSignal()

    def __init__(self, value: int, tip: str) -> None:
        super().__init__()
        self.slider = CalmSlider()
        self.slider.setRange(0, 100)
        self.slider.setValue(value)
        self.slider.setToolTip(tip)
        self.slider.setMinimumWidth(NARROW)
        self.box = CalmSpinBox(0, 100, value, tip)
        self.box.setSuffix(" %")
        self.slider.valueChanged.connect(self.box.setValue)
        self.box.valueChanged.connect(self.slider.setValue)
        self.box.valueChanged.connect(lambda *_: self.changed.emit())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.slider, 1)
        row.addWidget(self.box)

    def value(self) -> int:
        return int(self.box.value())

    def set(self, value: int) -> None:
        self.box.setValue(value)


class Fold(QToolButton):
    """A heading that opens and closes what it stands above."""

    def __init__(self, text: str, tip: str, body: QWidget) -> None:
        super().__init__()
        self._body = body
        self.setText(text)
        self.setToolTip(tip)
        self.setCheckable(True)
        self.setAutoRaise(True)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.toggled.connect(self._turn)
        self._turn(False)

    def _turn(self, is_open: bool) -> None:
        self.setArrowType(Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow)
        self._body.setVisible(is_open)


class Prompt(QPlainTextEdit):
    """A few lines of text; Tab goes on to the next control."""

    def __init__(self, placeholder: str, tip: str, lines: int) -> None:
        super().__init__()
        self.setPlaceholderText(placeholder)
        self.setToolTip(tip)
        self.setTabChangesFocus(True)
        height = self.fontMetrics().lineSpacing() * lines + 2 * round(self.document().documentMargin()) + 4
        self.setFixedHeight(height)

    def text(self) -> str:
        return str(self.toPlainText()).strip()


class UpDown(QScrollArea):
    """Scrolls up and down only, so it is never narrower than what is in it."""

    def __init__(self, inner: QWidget) -> None:
        super().__init__()
        self._low = LOW
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # A bar that comes and goes makes room and takes it, and what is inside is taller when it is narrower: at some
        # heights that had no end, and Krita ended with it.
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setWidget(inner)

    def minimumSizeHint(self) -> QSize:
        bar = self.verticalScrollBar().sizeHint().width()
        return QSize(self.widget().minimumSizeHint().width() + bar, self._low)

    def sizeHint(self) -> QSize:
        """It takes what is left, and wants no more."""
        return self.minimumSizeHint()

    def leave_room(self, room: int) -> None:
        """room: pixels of height that it may have at least."""
        low = max(LOWEST, min(LOW, room))
        if low != self._low:
            self._low = low
            self.updateGeometry()


def row(wide: QWidget, *narrow: QWidget) -> QWidget:
    """Side by side; the first one takes what room there is."""
    holder = QWidget()
    line = QHBoxLayout(holder)
    line.setContentsMargins(0, 0, 0, 0)
    line.setSpacing(4)
    line.addWidget(wide, 1)
    for widget in narrow:
        line.addWidget(widget)
    return holder


def form() -> QFormLayout:
    """Labels on the right of their column, fields as wide as there is room."""
    layout = QFormLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setHorizontalSpacing(8)
    layout.setVerticalSpacing(4)
    layout.setLabelAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return layout


def tip(text: str) -> str:
    """A backend's words as a tooltip: text, never markup, and in lines of a readable length."""
    return f"<qt>{html.escape(text)}</qt>"


def name_parts(owner: QObject) -> None:
    """Names its widgets after its attributes, for tests and style sheets."""
    for name, part in vars(owner).items():
        if isinstance(part, QWidget) and not part.objectName():
            part.setObjectName(f"sfumato_{name}")


@contextmanager
def silent(widget: QWidget) -> Iterator[None]:
    """What is shown meanwhile is nothing that the painter did."""
    was = widget.blockSignals(True)
    try:
        yield
    finally:
        widget.blockSignals(was)


def set_text(label: QLabel, text: str) -> None:
    if label.text() != text:
        label.setText(text)
