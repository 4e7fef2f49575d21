"""What of the docker always is seen: Apply and Cancel, how far it is, what there is to say, and the backend."""

from __future__ import annotations

from . import sentences
from .qt import (
    QColor,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPalette,
    QProgressBar,
    QPushButton,
    Qt,
    QToolButton,
    QVBoxLayout,
    QWidget,
    pyqtSignal,
)
from .state import View
from .widgets import TEXT, Thumbnail, name_parts, row, set_text

TROUBLE = "#d9822b"  # seen on dark and on light themes


class Footer(QWidget):
    """Shows a View and says what was pressed."""

    apply = pyqtSignal()
    cancel = pyqtSignal()
    place = pyqtSignal()
    start = pyqtSignal()
    stop = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self._can_start = True
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self._build_buttons(column)
        self._build_news(column)
        self._build_status(column)
        name_parts(self)

    def _build_buttons(self, column: QVBoxLayout) -> None:
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

    def _build_news(self, column: QVBoxLayout) -> None:
        self.progress = QProgressBar()
        self.progress.setTextVisible(True)
        self.progress.hide()
        self.thumbnail = Thumbnail()
        self.message = QLabel()
        self.message.setTextFormat(TEXT)
        self.message.setWordWrap(True)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.message.hide()
        self.trouble = QFrame()  # a bar beside a message that wants something done
        self.trouble.setFixedWidth(3)
        colours = self.trouble.palette()
        colours.setColor(QPalette.ColorRole.Window, QColor(TROUBLE))
        self.trouble.setPalette(colours)
        self.trouble.setAutoFillBackground(True)
        self.trouble.hide()
        said = QHBoxLayout()
        said.addWidget(self.trouble)
        said.addWidget(self.message, 1)
        self.place_button = QPushButton(sentences.PLACE)
        self.place_button.setToolTip(sentences.TIP_PLACE)
        self.place_button.clicked.connect(lambda *_: self.place.emit())
        self.place_button.hide()
        column.addWidget(self.progress)
        column.addWidget(self.thumbnail)
        column.addLayout(said)
        column.addWidget(self.place_button)

    def _build_status(self, column: QVBoxLayout) -> None:
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        line.setFrameShadow(QFrame.Shadow.Sunken)
        self.status = QLabel()
        self.status.setTextFormat(TEXT)
        self.status.setWordWrap(True)
        self.switch = QToolButton()
        self.switch.clicked.connect(lambda *_: (self.start if self._can_start else self.stop).emit())
        column.addWidget(line)
        column.addWidget(row(self.status, self.switch))

    def press_apply(self) -> None:
        """As a click would."""
        self.apply_button.click()

    def show_view(self, view: View) -> None:
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
        self.trouble.setVisible(view.is_trouble and bool(view.sentence))
        self.place_button.setVisible(bool(view.kept))
        self.place_button.setText(sentences.PLACE_NAMED.format(name=view.kept) if view.kept else sentences.PLACE)
        set_text(self.status, view.link_text)
        self._can_start = view.can_start
        self.switch.setText(sentences.START if view.can_start else sentences.STOP)
        self.switch.setToolTip(sentences.TIP_START if view.can_start else sentences.TIP_STOP)
