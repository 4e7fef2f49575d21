"""What Sfumato keeps inside a document's .kra: annotations of its own. They are no part of the undo history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .qt import QByteArray

PREFIX = "sfumato/"


class Notes:
    """Of a document that is closed there are none: Krita itself would end at the question."""

    def __init__(self, document: Any, is_open: Callable[[], bool] = lambda: True) -> None:
        self._document, self._is_open = document, is_open

    def keys(self) -> list[str]:
        if not self._is_open():
            return []
        kinds = map(str, self._document.annotationTypes())
        return sorted(kind[len(PREFIX) :] for kind in kinds if kind.startswith(PREFIX))

    def read(self, key: str) -> bytes:
        """Empty when there is nothing."""
        if not self._is_open():
            return b""
        return bytes(self._document.annotation(PREFIX + key))

    def write(self, key: str, data: bytes) -> None:
        """Marks the document as modified: only beside another change."""
        if self._is_open():
            self._document.setAnnotation(PREFIX + key, "Sfumato", QByteArray(data))

    def remove(self, key: str) -> None:
        """The same."""
        if self._is_open():
            self._document.removeAnnotation(PREFIX + key)
