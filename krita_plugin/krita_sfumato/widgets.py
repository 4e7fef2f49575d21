"""Small widgets that behave as a painter expects: the wheel scrolls the docker, it does not change values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .qt import (
    QComboBox,
    QHBoxLayout,
    QImage,
    QLabel,
    QPixmap,
    QPlainTextEdit,
    QSizePolicy,
    QSlider,
    QSpinBox,
    Qt,
    QWidget,
    pyqtSignal,
)

INDENT = "    "
NARROW = 44  # pixels that a value needs at least, so that a narrow docker does not cut anything off


class CalmSpinBox(QSpinBox):
    """Ignores the wheel until it was clicked."""

    def __init__(self, low: int, high: int, value: int, tip: str) -> None:
        super().__init__()
        self.setRange(low, high)
        self.setMinimumWidth(NARROW)
        self.setValue(value)
        self.setToolTip(tip)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: Any) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class CalmSlider(QSlider):
    """Ignores the wheel until it was clicked."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: Any) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class CalmComboBox(QComboBox):
    """Ignores the wheel until it was clicked, and may be narrower than its longest entry."""

    def __init__(self, tip: str) -> None:
        super().__init__()
        self.setToolTip(tip)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(5)
        self.setMinimumWidth(NARROW)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def wheelEvent(self, event: Any) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


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


class Thumbnail(QLabel):
    """The preview of an edit in progress; takes no room when there is none."""

    SIDE = 128

    def __init__(self) -> None:
        super().__init__()
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setToolTip("How far the edit has come")
        self._bytes = b""
        self.hide()

    def show_rgb(self, preview: tuple[int, int, bytes] | None) -> None:
        if preview is None:
            self.hide()
            self._bytes = b""
            return
        width, height, data = preview
        if data is not self._bytes:
            self._bytes = data
            image = QImage(data, width, height, 3 * width, QImage.Format.Format_RGB888)
            pixmap = QPixmap.fromImage(image)
            if max(width, height) > self.SIDE or max(width, height) < self.SIDE // 2:
                pixmap = pixmap.scaled(
                    self.SIDE,
                    self.SIDE,
                    Qt.AspectRatioMode.KeepAspectRatio,
                    Qt.TransformationMode.SmoothTransformation,
                )
            self.setPixmap(pixmap)
        self.show()
