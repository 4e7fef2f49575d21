"""What there is to show just now, for all who have something to say."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Any

from .shelf import Shelf
from .state import View

SAID = 12  # sentences that are remembered, for a report


class Screen:
    def __init__(self, shelf: Shelf) -> None:
        self.view = View()
        self.said: deque[str] = deque(maxlen=SAID)
        self._shelf = shelf

    def show(self, **changes: Any) -> None:
        self.view = replace(self.view, **changes)

    def tell(self, sentence: str, is_trouble: bool = False) -> None:
        if sentence:
            self.said.append(sentence)
        self.show(sentence=sentence, is_trouble=is_trouble, kept=self._shelf.next_name)
