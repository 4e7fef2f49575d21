"""What the installer shows: a live line on a terminal, plain lines elsewhere. ASCII only, so that any terminal can."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from types import TracebackType

LIVE_EVERY = 0.2  # seconds between two drawings of the live line
PLAIN_EVERY = 15.0  # seconds between two lines where there is no terminal to redraw
QUIET = 2.0  # what is done sooner than this needs no line before its end


def line(text: str = "") -> None:
    """One line, at once."""
    print(text, flush=True)


class Task:
    """Something that takes time: `with Task("Making the pictures") as task: ...; task.note("the third")`.

    Says what is happening and for how long while it lasts, and how long it took at the end.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.seconds = 0.0
        self._note = ""
        self._live = sys.stdout.isatty()
        self._start = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._draw, daemon=True)

    def __enter__(self) -> Task:
        self._start = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self.seconds = time.monotonic() - self._start
        self._ended.set()
        self._thread.join()
        if self._live:
            print("\r\x1b[K", end="")
        line(f"{self.title}: {'done' if kind is None else 'stopped'}, {self.seconds:.1f} s")

    def note(self, text: str) -> None:
        """What it is busy with now."""
        self._note = text

    def _draw(self) -> None:
        if self._live:
            while not self._ended.wait(LIVE_EVERY):
                width = shutil.get_terminal_size().columns - 1
                print(f"\r\x1b[K{self._now()[:width]}", end="", flush=True)
            return
        wait = QUIET
        while not self._ended.wait(wait):
            line(self._now())
            wait = PLAIN_EVERY

    def _now(self) -> str:
        note = f"  {self._note}" if self._note else ""
        return f"{self.title} ... {time.monotonic() - self._start:.0f} s{note}"
