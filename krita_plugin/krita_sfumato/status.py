"""The docker's bottom line: how the backend is, the switch for it, and behind "…" what is seldom needed.

Shows a Standing and says what was pressed; what that does is decided elsewhere.
"""

from __future__ import annotations

import re

from . import sentences
from .labels import SmallPrint, Wrapped
from .qt import (
    QFrame,
    QMenu,
    QSizePolicy,
    Qt,
    QTimer,
    QToolButton,
    QVBoxLayout,
    QWidget,
    pyqtSignal,
)
from .remote_form import RemoteForm
from .standing import CONNECT, DISCONNECT, START, STOP, Standing
from .trouble_bar import TroubleBar
from .widgets import name_parts, row, set_text

REMARK = 6000  # ms that a remark stays
LONG = 16  # letters of a word


class StatusLine(QWidget):
    start = pyqtSignal()  # a remote one: connect
    stop = pyqtSignal()  # a remote one: disconnect
    copy_diagnostics = pyqtSignal()
    open_log = pyqtSignal()
    remote_chosen = pyqtSignal(str, str)  # address and token as typed in; token "": as before
    local_chosen = pyqtSignal()

    def __init__(self, version: str) -> None:
        super().__init__()
        self._standing = Standing(sentences.LINK["absent"])
        self._remark = QTimer(self)
        self._remark.setSingleShot(True)
        self._remark.setInterval(REMARK)
        self._remark.timeout.connect(self._show_text)
        self.form = RemoteForm()
        self.form.chosen.connect(self.remote_chosen)
        self.form.local_chosen.connect(self.local_chosen)
        self.about = SmallPrint(sentences.ABOUT_TEXT.format(version=version))
        self.about.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.about.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        line.setFrameShadow(QFrame.Shadow.Sunken)
        for part in (line, self._build_line(), self.form, self.about):
            column.addWidget(part)
        name_parts(self)
        self.show_standing(self._standing)

    def _build_line(self) -> QWidget:
        self.status = Wrapped()
        self.status.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.status_trouble = TroubleBar()
        self.switch = QToolButton()
        self.switch.clicked.connect(self._press)
        self.menu = QMenu(self)
        self.menu.setToolTipsVisible(True)
        for name, text, tip, call in (
            ("copy", sentences.COPY_DIAGNOSTICS, sentences.TIP_COPY_DIAGNOSTICS, self.copy_diagnostics.emit),
            ("log", sentences.OPEN_LOG, sentences.TIP_OPEN_LOG, self.open_log.emit),
            ("remote", sentences.REMOTE_BACKEND, sentences.TIP_REMOTE_BACKEND, self._turn_form),
            ("about", sentences.ABOUT, "", self._turn_about),
        ):
            action = self.menu.addAction(text)
            action.setObjectName(f"sfumato_menu_{name}")
            action.setToolTip(tip)
            action.triggered.connect(lambda *_, call=call: call())
        self.more = QToolButton()
        self.more.setObjectName("sfumato_status_more")
        self.more.setText("…")
        self.more.setToolTip(sentences.TIP_MORE)
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self.more.setMenu(self.menu)
        holder = row(self.status, self.switch, self.more)
        holder.layout().insertWidget(0, self.status_trouble)
        return holder

    # ------------------------------------------------------------------ showing

    def show_standing(self, standing: Standing) -> None:
        self._standing = standing
        text, tip = {
            START: (sentences.START, sentences.TIP_START),
            STOP: (sentences.STOP, sentences.TIP_STOP),
            CONNECT: (sentences.CONNECT, sentences.TIP_CONNECT),
            DISCONNECT: (sentences.DISCONNECT, sentences.TIP_DISCONNECT),
        }[standing.switch]
        self.switch.setText(text)
        self.switch.setToolTip(tip)
        self.form.show_kept(standing.address, standing.has_token)
        if not self._remark.isActive():
            self._show_text()

    def say(self, remark: str) -> None:
        """For a moment, in the place of how the backend is."""
        set_text(self.status, wrapping(remark))
        self.status_trouble.hide()
        self._remark.start()

    def remote_refused(self, sentence: str) -> None:
        """What was typed in cannot be used."""
        self.form.show_trouble(sentence)

    def remote_taken(self) -> None:
        """It was kept: the form has done its work."""
        self.form.hide()

    def _show_text(self) -> None:
        set_text(self.status, wrapping(self._standing.text))
        self.status.setToolTip(self._standing.more)
        self.status_trouble.setVisible(self._standing.is_trouble)

    # ------------------------------------------------------------------ what the painter does

    def _press(self, *_: object) -> None:
        (self.start if self._standing.switch in (START, CONNECT) else self.stop).emit()

    def _turn_form(self) -> None:
        self.about.hide()
        self.form.open(self._standing.address) if self.form.isHidden() else self.form.hide()

    def _turn_about(self) -> None:
        self.form.hide()
        self.about.setVisible(self.about.isHidden())


def wrapping(text: str) -> str:
    """Written so that a narrow label may break a long address, and leaves no … alone on a line."""
    words = (re.sub(r"([.:])(?=.)", "\\1\u200b", word) if len(word) > LONG else word for word in text.split(" "))
    return " ".join(words).replace(" …", "\u00a0…")
