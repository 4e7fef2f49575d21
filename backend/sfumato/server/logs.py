"""Log files that cannot grow without end. What goes into them never holds a prompt, a pixel or a token."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

from sfumato_wire.limits import MIB

_BYTES = 1 * MIB
_FILES = 3


class RotatingText:
    """Text as it comes, from a process's stderr."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handler = RotatingFileHandler(
            path, maxBytes=_BYTES, backupCount=_FILES, encoding="utf-8", errors="replace", delay=True
        )
        self._handler.terminator = ""

    def write(self, text: bytes) -> None:
        self._handler.emit(logging.makeLogRecord({"msg": text.decode("utf-8", "replace")}))

    def close(self) -> None:
        self._handler.close()


def server_log(path: Path) -> RotatingFileHandler:
    """The handler for this process's own log; the caller attaches and closes it."""
    handler = RotatingFileHandler(path, maxBytes=_BYTES, backupCount=_FILES, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    return handler
