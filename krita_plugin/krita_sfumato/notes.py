"""What Sfumato keeps inside a document's .kra: annotations of its own. They are no part of the undo history."""

from __future__ import annotations

from typing import Any

from .qt import QByteArray

PREFIX = "sfumato/"


class Notes:
    def __init__(self, document: Any) -> None:
        self._document = document

    def keys(self) -> list[str]:
        kinds = map(str, self._document.annotationTypes())
        return sorted(kind[len(PREFIX) :] for kind in kinds if kind.startswith(PREFIX))

    def read(self, key: str) -> bytes:
        """Empty when there is nothing."""
        return bytes(self._document.annotation(PREFIX + key))

    def write(self, key: str, data: bytes) -> None:
        """Marks the document as modified: only beside another change."""
        self._document.setAnnotation(PREFIX + key, "Sfumato", QByteArray(data))

    def remove(self, key: str) -> None:
        """The same."""
        self._document.removeAnnotation(PREFIX + key)
