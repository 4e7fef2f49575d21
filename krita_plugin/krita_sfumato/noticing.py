"""How the plugin learns that something was painted: Krita tells nobody.

Krita's undo history has a model, in a docker that exists in every window whether it is shown or not. It is reset with
every stroke, undo, redo and layer. What leaves no trace in the history, such as a layer shown or hidden, is found by a
glance twice a second.
"""

from __future__ import annotations

import zlib
from typing import Any

from .qt import QAbstractItemView, QDockWidget, QObject, QTimer, pyqtSignal

HISTORY = "History"  # the docker's name
PAUSE = 250  # ms between two times it is told
THUMB, ROWS = 64, 32  # how closely a glance looks


class Noticing(QObject):
    """Says that something was painted, four times a second at most."""

    painted = pyqtSignal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._windows: list[Any] = []
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE)
        self._pause.timeout.connect(self.painted)

    def watch(self, window: Any) -> bool:
        """A main window (Qt's); False when it has no history to watch. May be called again and again."""
        if window in self._windows:
            return True
        docker = window.findChild(QDockWidget, HISTORY)
        view = docker.findChild(QAbstractItemView) if docker is not None else None
        model = view.model() if view is not None else None
        if model is None:
            return False
        model.modelReset.connect(self._heard)
        self._windows.append(window)
        window.destroyed.connect(lambda *_: self._windows.remove(window))
        return True

    def _heard(self) -> None:
        if not self._pause.isActive():
            self._pause.start()


def glance(document: Any, node: Any | None) -> int:
    """A number that changes with most of what is seen of the canvas and the map (libkis' own); about a millisecond.
    Single pixels here and there: enough to notice what the history does not tell."""
    if not document.tryBarrierLock():
        return 0
    try:
        return _glance(document, node)
    finally:
        document.unlock()


def _glance(document: Any, node: Any | None) -> int:
    width, height = int(document.width()), int(document.height())
    seen = zlib.crc32(repr((width, height)).encode())
    rows = min(ROWS, height)
    for row in range(rows):
        line = document.pixelData(0, (2 * row + 1) * height // (2 * rows), width, 1)  # nothing to convert
        seen = zlib.crc32(line, seen)
    if node is None:
        return seen
    seen = zlib.crc32(repr((node.uniqueId().toString(), node.bounds().getRect())).encode(), seen)
    image = node.thumbnail(THUMB, THUMB)
    if image is not None and not image.isNull():
        seen = zlib.crc32(image.constBits().asstring(image.bytesPerLine() * image.height()), seen)
    return seen
