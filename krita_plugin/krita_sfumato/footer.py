"""What of the docker always is seen: Apply and Cancel, how far it is, what came of it, what there is to say, and the
backend."""

from __future__ import annotations

from . import sentences
from .apply_row import ApplyRow
from .labels import Wrapped
from .qt import (
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    Qt,
    QToolButton,
    QVBoxLayout,
    QWidget,
    pyqtSignal,
)
from .state import View
from .status import StatusLine
from .strip import ResultStrip
from .thumbnail import Thumbnail
from .trouble_bar import TroubleBar
from .widgets import name_parts, row, set_text


class Footer(QWidget):
    """Shows a View and says what was pressed."""

    place = pyqtSignal()
    drop = pyqtSignal()  # what waits to be placed
    keep_live = pyqtSignal()

    def __init__(self, version: str) -> None:
        super().__init__()
        self.row = ApplyRow()
        self.progress = QProgressBar()
        self.progress.setTextVisible(True)
        self.progress.hide()
        self.thumbnail = Thumbnail()
        self.keep_button = QPushButton(sentences.KEEP_LIVE)
        self.keep_button.setToolTip(sentences.TIP_KEEP_LIVE)
        self.keep_button.clicked.connect(lambda *_: self.keep_live.emit())
        self.keep_button.hide()
        self.strip = ResultStrip()
        self.place_button = QPushButton(sentences.PLACE)
        self.place_button.setToolTip(sentences.TIP_PLACE)
        self.place_button.clicked.connect(lambda *_: self.place.emit())
        self.drop_button = QToolButton()
        self.drop_button.setText(sentences.DISCARD)
        self.drop_button.setToolTip(sentences.TIP_DROP)
        self.drop_button.clicked.connect(lambda *_: self.drop.emit())
        self.place_row = row(self.place_button, self.drop_button)
        self.place_row.hide()
        self.status_line = StatusLine(version)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        # What comes and goes stands above the buttons, so that they stay where they are.
        for part in (self.progress, self.thumbnail, self.keep_button, self.strip):
            column.addWidget(part)
        column.addLayout(self._build_message())
        for part in (self.place_row, self.row, self.status_line):
            column.addWidget(part)
        name_parts(self)

    def _build_message(self) -> QHBoxLayout:
        self.message = Wrapped()
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.message.hide()
        self.trouble = TroubleBar()
        said = QHBoxLayout()
        said.addWidget(self.trouble)
        said.addWidget(self.message, 1)
        return said

    def show_view(self, view: View) -> None:
        self.row.cancel_button.setEnabled(view.busy)
        self.row.show_live(view.live)
        self.progress.setVisible(view.busy and not view.stalled)
        if view.fraction is None:
            self.progress.setRange(0, 0)
        else:
            self.progress.setRange(0, 1000)
            self.progress.setValue(round(view.fraction * 1000))
        self.progress.setFormat(view.progress_text)
        self.thumbnail.show_rgb(view.preview or view.live_picture)
        self.keep_button.setVisible(view.can_keep_live)
        text = view.sentence or (view.progress_text if view.busy and view.fraction is None else view.live_sentence)
        set_text(self.message, text)
        self.message.setVisible(bool(text))
        self.trouble.setVisible(view.is_trouble and bool(view.sentence))
        self.place_row.setVisible(bool(view.kept))
        self.place_button.setText(sentences.PLACE_NAMED.format(name=view.kept) if view.kept else sentences.PLACE)
