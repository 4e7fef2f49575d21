"""The map in the docker: a small picture with what will change, its greys and levels, and one sentence. Knows nothing:
it shows what it is handed and says what was moved."""

from __future__ import annotations

from typing import Any

from . import sentences
from .histogram import GAMMA_HIGH, GAMMA_LOW, Histogram
from .labels import SmallPrint
from .map_look import Heat
from .qt import (
    QHBoxLayout,
    QImage,
    QLabel,
    QPainter,
    QPalette,
    QRect,
    QSize,
    QSizePolicy,
    Qt,
    QToolButton,
    QVBoxLayout,
    QWidget,
    pyqtSignal,
)
from .trouble_bar import TroubleBar
from .widgets import CalmDoubleSpinBox, CalmSpinBox, name_parts, set_text, silent

TALLEST = 220  # pixels that the picture takes at most
SOFTEST = 500  # pixels


class HeatPicture(QWidget):
    """The picture and the heat over it, as large as there is room."""

    def __init__(self) -> None:
        super().__init__()
        self._picture: QImage | None = None
        self._heat: QImage | None = None
        self._bytes: tuple[bytes, ...] = ()  # an image does not hold what it is made of
        self._nothing = ""
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setToolTip(sentences.TIP_HEAT)
        self.setAccessibleName(sentences.TIP_HEAT)

    def show_heat(self, heat: Heat | None, nothing: str = "") -> None:
        """None: there is nothing to see, and that is said."""
        had = self.sizeHint()
        self._picture = self._heat = None
        self._nothing = nothing
        if heat is not None:
            width, height, formats = heat.width, heat.height, QImage.Format
            self._bytes = heat.picture, heat.heat
            self._picture = QImage(heat.picture, width, height, 4 * width, formats.Format_ARGB32)
            self._heat = QImage(heat.heat, width, height, 4 * width, formats.Format_ARGB32_Premultiplied)
        if self.sizeHint() != had:
            self.updateGeometry()
        self.update()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        if self._picture is None:
            return 2 * self.fontMetrics().lineSpacing()
        return max(24, min(TALLEST, round(width * self._picture.height() / self._picture.width())))

    def sizeHint(self) -> QSize:
        return QSize(220, self.heightForWidth(max(120, self.width())))

    def minimumSizeHint(self) -> QSize:
        return QSize(80, self.heightForWidth(max(80, self.width())))

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self.updateGeometry()

    def paintEvent(self, _: Any) -> None:
        painter = QPainter(self)
        if self._picture is None or self._heat is None:
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._nothing)
            return
        size = self._picture.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRect((self.width() - size.width()) // 2, 0, size.width(), size.height())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(place, self.palette().brush(QPalette.ColorRole.Base))
        painter.drawImage(place, self._picture)
        painter.drawImage(place, self._heat)


class MapPreview(QWidget):
    """black and white are greys of 0..255."""

    levels_changed = pyqtSignal(int, int, float)  # black, white, gamma
    soften_changed = pyqtSignal(int)  # pixels of the document
    canvas_toggled = pyqtSignal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.heat = HeatPicture()
        self.heat.show_heat(None, sentences.HEAT_NO_PICTURE)
        self.histogram = Histogram()
        self.black = CalmSpinBox(0, 254, 0, sentences.TIP_BLACK)
        self.gamma = CalmDoubleSpinBox(GAMMA_LOW, GAMMA_HIGH, 1.0, sentences.TIP_GAMMA, 2, 0.05)
        self.white = CalmSpinBox(1, 255, 255, sentences.TIP_WHITE)
        self.soften = CalmSpinBox(0, SOFTEST, 0, sentences.TIP_SOFTEN)
        self.soften.setSuffix(sentences.PIXELS)
        self.reset = QToolButton()
        self.reset.setText(sentences.RESET)
        self.reset.setToolTip(sentences.TIP_LEVELS_RESET)
        self.reset.setAutoRaise(True)
        self.on_canvas = QToolButton()
        self.on_canvas.setText(sentences.ON_CANVAS)
        self.on_canvas.setCheckable(True)
        self.sentence = SmallPrint()
        self.map_trouble = TroubleBar()
        self._build()
        self.allow_canvas(False)
        self.show_sentence("", False)
        self._show_reset()
        name_parts(self)
        self.histogram.moved.connect(self._drag)
        for box in (self.black, self.gamma, self.white):
            box.valueChanged.connect(self._type)
        self.soften.valueChanged.connect(self._soften)
        self.reset.clicked.connect(self._reset)
        self.on_canvas.toggled.connect(self.canvas_toggled)

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.heat)
        said = QHBoxLayout()
        said.addWidget(self.map_trouble)
        said.addWidget(self.sentence, 1)
        column.addLayout(said)
        column.addWidget(self.histogram)
        levels = QHBoxLayout()  # each below its mark
        levels.setSpacing(4)
        for box in (self.black, self.gamma, self.white):
            box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            box.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            levels.addWidget(box, 1)
        column.addLayout(levels)
        last = QHBoxLayout()
        last.setSpacing(4)
        label = QLabel(sentences.SOFTEN_LABEL)
        label.setToolTip(sentences.TIP_SOFTEN)
        last.addWidget(label)
        last.addWidget(self.soften)
        last.addStretch(1)
        last.addWidget(self.reset)
        last.addWidget(self.on_canvas)
        column.addLayout(last)
        column.addStretch(1)

    # ------------------------------------------------------------------ showing

    def show_heat(self, heat: Heat | None) -> None:
        self.heat.show_heat(heat, sentences.HEAT_NO_PICTURE)
        if heat is not None:
            self.histogram.show_greys(heat.counts, heat.changes)

    def show_levels(self, black: int, white: int, gamma: float, soften: int) -> None:
        """As they are remembered; nothing that the painter did."""
        self.histogram.show_levels(black, white, gamma)
        for box, value in ((self.black, black), (self.gamma, gamma), (self.white, white), (self.soften, soften)):
            if box.value() != value:
                with silent(box):
                    box.setValue(value)
        self._show_reset()

    def show_sentence(self, text: str, is_warning: bool) -> None:
        set_text(self.sentence, text)
        self.sentence.setVisible(bool(text))
        self.map_trouble.setVisible(is_warning and bool(text))

    def allow_canvas(self, is_able: bool) -> None:
        """Whether this Krita can show the heat over the canvas."""
        self.on_canvas.setEnabled(is_able)
        self.on_canvas.setToolTip(sentences.TIP_ON_CANVAS if is_able else sentences.NOT_ON_CANVAS)

    # ------------------------------------------------------------------ what the painter does

    def _drag(self, black: int, white: int, gamma: float) -> None:
        self.show_levels(black, white, gamma, self.soften.value())
        self.levels_changed.emit(black, white, gamma)

    def _type(self, *_: Any) -> None:
        """Black stays below white: the one that was not typed gives way."""
        black, white = self.black.value(), self.white.value()
        if black >= white:
            black, white = (black, black + 1) if self.sender() is self.black else (white - 1, white)
        self._drag(black, white, self.gamma.value())

    def _soften(self, *_: Any) -> None:
        self._show_reset()
        self.soften_changed.emit(self.soften.value())

    def _reset(self, *_: Any) -> None:
        had = self.soften.value()
        self.show_levels(0, 255, 1.0, 0)
        self.levels_changed.emit(0, 255, 1.0)
        if had:
            self.soften_changed.emit(0)

    def _show_reset(self) -> None:
        """Only where there is something to take back."""
        now = self.black.value(), self.white.value(), self.gamma.value(), self.soften.value()
        self.reset.setVisible(now != (0, 255, 1.0, 0))
