"""News from the client's thread, until Krita's fetches them."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .events import Event, Moved, Queued, Told, Unlinked

MOST_NEWS = 1000  # that nobody has fetched; beyond that only what ends something is kept


class Outbox:
    """wake: called when there is something after nothing was, on the thread that puts it in."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._events: list[Event] = []

    def put(self, event: Event) -> None:
        """A backend that chatters must not fill the memory or drown the UI: of the same news the newest are enough."""
        with self._lock:
            was_empty = not self._events
            last = self._events[-1] if self._events else None
            if len(self._events) > MOST_NEWS and isinstance(event, (Told, Moved, Queued)):
                return
            if type(last) is type(event) and (
                isinstance(event, (Told, Unlinked))
                or (isinstance(event, Moved) and isinstance(last, Moved) and last.job == event.job)
            ):
                self._events[-1] = event
            else:
                self._events.append(event)
        if was_empty:
            self._wake()

    def take(self) -> list[Event]:
        """What came since the last call."""
        with self._lock:
            events, self._events = self._events, []
        return events

    def __len__(self) -> int:
        return len(self._events)
