"""The buttons of an edit: Apply and what else can be begun, Live, and Cancel."""

from __future__ import annotations

from typing import Any

from . import sentences
from .qt import QHBoxLayout, QMenu, QPushButton, QSizePolicy, QToolButton, QWidget, pyqtSignal
from .widgets import name_parts

FAN = (100.0, 80.0, 60.0, 40.0, 20.0)  # percent; in the strip the last one stands first


class ApplyRow(QWidget):
    apply = pyqtSignal()
    replace = pyqtSignal()  # Apply in place of the last result
    fan = pyqtSignal()
    mask_toggled = pyqtSignal(bool)
    live_toggled = pyqtSignal(bool)
    cancel = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.apply_button = QPushButton(sentences.APPLY)
        self.apply_button.setToolTip(sentences.TIP_APPLY)
        self.apply_button.setMinimumWidth(40)
        self.apply_button.clicked.connect(lambda *_: self.apply.emit())
        self.apply_menu = QMenu(self)
        self.apply_menu.setToolTipsVisible(True)
        self.fan_action = self._entry(sentences.FAN, sentences.TIP_FAN, self.fan.emit)
        self.replace_action = self._entry(sentences.APPLY_IN_PLACE, sentences.TIP_APPLY_IN_PLACE, self.replace.emit)
        self.apply_menu.addSeparator()
        self.mask_action = self.apply_menu.addAction(sentences.WITH_MASK)
        self.mask_action.setCheckable(True)
        self.mask_action.toggled.connect(self.mask_toggled)
        self.more_apply = QToolButton()
        self.more_apply.setText("▾")
        self.more_apply.setAutoRaise(True)
        self.more_apply.setToolTip(sentences.TIP_MORE_APPLY)
        self.more_apply.setAccessibleName(sentences.TIP_MORE_APPLY)
        self.more_apply.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more_apply.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self.more_apply.setMenu(self.apply_menu)
        self.live_button = QToolButton()
        self.live_button.setText(sentences.LIVE)
        self.live_button.setToolTip(sentences.TIP_LIVE)
        self.live_button.setCheckable(True)
        self.live_button.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.live_button.toggled.connect(self.live_toggled)
        self.cancel_button = QPushButton(sentences.CANCEL)
        self.cancel_button.setToolTip(sentences.TIP_CANCEL)
        self.cancel_button.setMinimumWidth(40)
        self.cancel_button.setEnabled(False)
        self.cancel_button.clicked.connect(lambda *_: self.cancel.emit())
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(4)
        for widget, stretch in ((self.apply_button, 2), (self.more_apply, 0), (self.live_button, 0)):
            line.addWidget(widget, stretch)
        line.addWidget(self.cancel_button, 1)
        name_parts(self)
        self.show_abilities(can_mask=False, can_replace=False)

    def show_abilities(self, can_mask: bool, can_replace: bool) -> None:
        """can_mask: whether this Krita can make an editable mask; can_replace: whether a last result is a layer."""
        self.mask_action.setEnabled(can_mask)
        self.mask_action.setToolTip(sentences.TIP_WITH_MASK if can_mask else sentences.TIP_NO_MASK)
        self.replace_action.setEnabled(can_replace)

    def show_mask(self, on: bool) -> None:
        if self.mask_action.isChecked() != on:
            self.mask_action.blockSignals(True)
            self.mask_action.setChecked(on)
            self.mask_action.blockSignals(False)

    def show_live(self, on: bool) -> None:
        if self.live_button.isChecked() != on:
            self.live_button.blockSignals(True)
            self.live_button.setChecked(on)
            self.live_button.blockSignals(False)

    def _entry(self, text: str, tip: str, call: Any) -> Any:
        action = self.apply_menu.addAction(text)
        action.setToolTip(tip)
        action.triggered.connect(lambda *_: call())
        return action
