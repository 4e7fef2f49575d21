"""A bar beside a sentence that wants something done."""

from __future__ import annotations

from .qt import QColor, QFrame, QPalette

COLOUR = "#d9822b"  # seen on dark and on light themes


class TroubleBar(QFrame):
    """Hidden until there is trouble."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedWidth(3)
        colours = self.palette()
        colours.setColor(QPalette.ColorRole.Window, QColor(COLOUR))
        self.setPalette(colours)
        self.setAutoFillBackground(True)
        self.hide()
