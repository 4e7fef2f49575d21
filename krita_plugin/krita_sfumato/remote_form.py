"""Address and token of a backend on another computer, asked for inside the docker: no window gets in the way."""

from __future__ import annotations

from typing import Any

from . import sentences
from .labels import SmallPrint
from .qt import QHBoxLayout, QLineEdit, QPushButton, QSizePolicy, Qt, QToolButton, QVBoxLayout, QWidget, pyqtSignal
from .widgets import form, name_parts


class RemoteForm(QWidget):
    """Hidden until it is wanted. The token is never shown; left empty, the one that was given before counts."""

    chosen = pyqtSignal(str, str)
    local_chosen = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.remote_address = self._line(sentences.ADDRESS, sentences.TIP_ADDRESS)
        self.remote_token = self._line(sentences.TOKEN, sentences.TIP_TOKEN)
        self.remote_token.setEchoMode(QLineEdit.EchoMode.Password)
        self.remote_trouble = SmallPrint()
        self.remote_trouble.hide()
        self.remote_connect = self._button(sentences.CONNECT, sentences.TIP_CONNECT)
        self.remote_connect.clicked.connect(self._choose)
        self.remote_local = self._button(sentences.USE_LOCAL, sentences.TIP_USE_LOCAL)
        self.remote_local.clicked.connect(lambda *_: self.local_chosen.emit())
        self.remote_close = QToolButton()
        self.remote_close.setText("×")
        self.remote_close.setAutoRaise(True)
        self.remote_close.setToolTip(sentences.CLOSE)
        self.remote_close.clicked.connect(lambda *_: self.hide())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        rows = form()
        rows.addRow(sentences.ADDRESS_LABEL, self.remote_address)
        rows.addRow(sentences.TOKEN_LABEL, self.remote_token)
        column.addLayout(rows)
        column.addWidget(self.remote_trouble)
        column.addWidget(SmallPrint(sentences.UNENCRYPTED))
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        for button in (self.remote_connect, self.remote_local, self.remote_close):
            buttons.addWidget(button)
        column.addLayout(buttons)
        name_parts(self)
        self.hide()

    def open(self, address: str) -> None:
        self.remote_address.setText(address)
        self.remote_token.clear()
        self.show_trouble("")
        self.show()
        self.remote_address.setFocus()

    def show_kept(self, address: str, has_token: bool) -> None:
        """What counts now."""
        self.remote_local.setVisible(bool(address))
        self.remote_token.setPlaceholderText(sentences.TOKEN_KEPT if has_token else sentences.TOKEN)

    def show_trouble(self, sentence: str) -> None:
        self.remote_trouble.setText(sentence)
        self.remote_trouble.setVisible(bool(sentence))

    def hideEvent(self, event: Any) -> None:
        """A token is not left lying about."""
        super().hideEvent(event)
        self.remote_token.clear()

    def keyPressEvent(self, event: Any) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.hide()
        else:
            super().keyPressEvent(event)

    def _choose(self, *_: object) -> None:
        self.show_trouble("")
        self.chosen.emit(self.remote_address.text(), self.remote_token.text())

    def _line(self, placeholder: str, tip: str) -> QLineEdit:
        line = QLineEdit()
        line.setPlaceholderText(placeholder)
        line.setToolTip(tip)
        line.setMinimumWidth(44)
        line.returnPressed.connect(self._choose)
        return line

    def _button(self, text: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        return button
