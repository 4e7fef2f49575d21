"""The words of an edit: what should appear, what the picture shows, what to avoid."""

from __future__ import annotations

from typing import Any

from . import sentences
from .labels import SmallPrint
from .qt import QVBoxLayout, QWidget, pyqtSignal
from .settings import Settings
from .widgets import Fold, Prompt, name_parts, silent


class Prompts(QWidget):
    """`prompt` stands by itself, where a painter begins; the others are this widget."""

    changed = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.prompt = Prompt(sentences.PROMPT, sentences.TIP_PROMPT, lines=3)
        self.source = Prompt(sentences.SOURCE, sentences.TIP_SOURCE, lines=2)
        self.source_label = SmallPrint(sentences.SOURCE_LABEL)
        self.avoid = Prompt(sentences.AVOID_WHAT, sentences.TIP_AVOID_WHAT, lines=2)
        self.more = Fold(sentences.AVOID, sentences.TIP_AVOID, self.avoid)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for widget in (self.source_label, self.source, self.more, self.avoid):
            column.addWidget(widget)
        for text in (self.prompt, self.source, self.avoid):
            text.textChanged.connect(self.changed)
        name_parts(self)

    def fields(self) -> dict[str, Any]:
        """Of Settings. Words that are folded away still count: what is written is meant."""
        return {
            "prompt": self.prompt.text(),
            "source_prompt": self.source.text(),
            "negative_prompt": self.avoid.text(),
        }

    def show_settings(self, settings: Settings, asks_source: bool) -> None:
        """asks_source: whether anything there is wants to know what the picture shows."""
        said = (
            (self.prompt, settings.prompt),
            (self.source, settings.source_prompt),
            (self.avoid, settings.negative_prompt),
        )
        for text, words in said:
            if text.text() != words:
                with silent(text):
                    text.setPlainText(words)
        for widget in (self.source_label, self.source):
            widget.setVisible(asks_source)
        self.more.setText(sentences.AVOID_SAID if settings.negative_prompt else sentences.AVOID)
