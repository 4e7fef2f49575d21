"""Errors nobody foresaw: into a log in the state folder, and one sentence for the painter; never a traceback."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

LOG = "krita-plugin.log"


class Guard:
    """Wraps what Qt and Krita call. tell: for the work of an edit, which cannot go on; tell_beside: for all else, which
    is no reason to end an edit."""

    def __init__(self, folder: Path, tell: Callable[[str], None], tell_beside: Callable[[str], None]) -> None:
        self._path = folder / LOG
        self._tell, self._tell_beside = tell, tell_beside
        self._log: logging.Logger | None = None

    def __call__(self, call: Callable[..., Any]) -> Callable[..., None]:
        """A slot that hands on what the signal brings, and never raises."""
        return self._slot(call, self._tell)

    def beside(self, call: Callable[..., Any]) -> Callable[..., None]:
        """The same for what is beside an edit."""
        return self._slot(call, self._tell_beside)

    def _slot(self, call: Callable[..., Any], tell: Callable[[str], None]) -> Callable[..., None]:
        def slot(*said: Any) -> None:
            try:
                call(*said)
            except Exception:
                self._note(tell)

        return slot

    def again_and_again(self, call: Callable[[], Any]) -> Callable[..., None]:
        """The same for what a timer calls: an error that stays is said once."""
        last = ""

        def slot(*_: Any) -> None:
            nonlocal last
            try:
                call()
                last = ""
            except Exception:
                now = traceback.format_exc()
                is_new, last = now != last, now
                if is_new:
                    self._note(self._tell_beside)

        return slot

    def _note(self, tell: Callable[[str], None]) -> None:
        """Write the current exception down and tell the painter."""
        try:
            self._logger().exception("unforeseen")
            tell(str(self._path))
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
