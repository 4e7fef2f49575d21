"""Which document is which. A copy of a picture has the same layers, so their ids do not tell."""

from __future__ import annotations

from typing import Any


class Numbers:
    """Of a session's documents, as long as they are open."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._known: list[tuple[Any, int]] = []
        self._count = 0

    def of(self, document: Any) -> int:
        """libkis hands out a new wrapper each time; those of one document are equal. 0: it is closed already."""
        there = self._app.documents()
        if not any(document == other for other in there):
            return 0
        self._known = [(known, number) for known, number in self._known if any(known == other for other in there)]
        for known, number in self._known:
            if known == document:
                return number
        self._count += 1
        self._known.append((document, self._count))
        return self._count
