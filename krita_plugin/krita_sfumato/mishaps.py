"""Errors nobody foresaw: into a log in the state folder, and one sentence for the painter; never a traceback."""

from __future__ import annotations

import logging
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

LOG = "krita-plugin.log"


class Guard:
    """Wraps what Qt and Krita call."""

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        self._path = folder / LOG
        self._tell = tell
        self._log: logging.Logger | None = None

    def __call__(self, call: Callable[[], Any]) -> Callable[..., None]:
        """A slot that takes whatever the signal brings and never raises."""

        def slot(*_: Any) -> None:
            try:
                call()
            except Exception:
                self.note()

        return slot

    def note(self) -> None:
        """Write the current exception down and tell the painter."""
        try:
            self._logger().exception("unforeseen")
            self._tell(str(self._path))
        except Exception:  # the last line: nothing may reach Krita's own traceback dialog
            pass

    def _logger(self) -> logging.Logger:
        if self._log is None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handler = RotatingFileHandler(self._path, maxBytes=1_000_000, backupCount=1, encoding="utf-8")
            handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
            self._log = logging.getLogger("krita_sfumato")
            self._log.propagate = False
            self._log.addHandler(handler)
        return self._log
