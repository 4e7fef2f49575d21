"""Whether there is a backend, and what is to be said of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from . import sentences
from .events import Greeting, Linked, Told, Unlinked
from .interfaces import Link, Process
from .screen import Screen
from .vendor.sfumato_wire import Welcome

PATIENCE = 180.0  # seconds until a silent backend is called so; the first import of torch is slow


class Edits(Protocol):
    """Who is told what it means for edits."""

    def resumed(self) -> None: ...
    def interrupted(self) -> None: ...
    def stopped(self, sentence: str = "") -> None: ...  # "": it is gone
    def is_down(self, sentence: str) -> None: ...


class BackendWatch:
    def __init__(
        self,
        link: Link,
        process: Process,
        edits: Edits,
        screen: Screen,
        log_folder: str,
        clock: Callable[[], float],
    ) -> None:
        self.state = "absent"
        self.welcome: Welcome | None = None  # while there is one that said what it can do
        self._link, self._process, self._edits, self._screen = link, process, edits, screen
        self._log_folder, self._clock = log_folder, clock
        self._waiting_since: float | None = None  # for a backend that starts
        self._greeted = False  # and nothing was heard since
        self._refused = ""  # what was said of it

    @property
    def is_installed(self) -> bool:
        return bool(self._process.command())

    @property
    def must_start(self) -> bool:
        return self.state == "absent"

    def rouse(self) -> None:
        """Something is to be painted."""
        if self.state == "absent":
            self.start()
        elif self.state == "down" and self.welcome is None:
            self._link.hurry()  # otherwise the edit itself makes the backend try once more

    def start(self) -> None:
        self._waiting_since = self._clock()
        self._process.start()
        self._link.hurry()
        self._show("starting")

    def stop(self) -> bool:
        """False where it is not ours to stop."""
        if not self._process.stop():
            return False
        self._waiting_since = None
        return True

    def hear(self, event: Linked | Greeting | Unlinked | Told) -> None:
        if isinstance(event, Linked):
            self.welcome, self._waiting_since = event.welcome, None
            said = event.welcome
            self._screen.show(models=said.models, edits=said.edits, schedulers=said.schedulers)
            self._screen.show(controlnets=said.controlnets, vaes=said.vaes)
            self._show("ready", sentences.ready(event.welcome.device))
            self._edits.resumed()
        elif isinstance(event, Greeting):
            self._process.met(event.pid)
            self._waiting_since, self._greeted = self._clock(), True
            self._show("starting")
        elif isinstance(event, Told):
            self._told(event)
        else:
            self._unlinked(event)

    def look(self) -> None:
        """A look at a backend that starts, twice a second."""
        if self._waiting_since is None:
            return
        if reason := self._process.failure():
            self._show("absent")
            self._give_up(sentences.DID_NOT_START.format(reason=reason))
        elif self._clock() - self._waiting_since > PATIENCE:
            address = self._process.address
            here = sentences.SILENT.format(folder=self._log_folder)
            self._give_up(sentences.REMOTE_SILENT.format(address=address) if address else here)

    # ------------------------------------------------------------------ inside

    def _told(self, event: Told) -> None:
        """How the backend is. A greeting makes one that is down try once more, so that answer is old already."""
        status = event.status
        is_old, self._greeted = self._greeted and status.state == "down", False
        if is_old:
            return
        if status.state in ("starting", "down"):
            self._show(status.state, status.sentence)
        elif self.welcome is not None:
            self._show("ready", sentences.ready(self.welcome.device))
        if status.state == "down":
            self._waiting_since = None
            self._edits.is_down(status.sentence)

    def _unlinked(self, event: Unlinked) -> None:
        self.welcome = None
        if event.why == "absent":
            self._process.met(0)
        starts = self._process.is_starting_or_running() or self._process.failure()
        if event.why == "absent" and self._waiting_since is not None and starts:
            return  # nobody listens yet; `look` sees when it fails
        said, self._refused = self._refused, ""
        if event.why == "refused":
            self._refused = event.sentence or sentences.REFUSED
            if self._refused == said:
                return  # it is tried again and again, and said once
        self._waiting_since = None
        self._show(event.why, event.sentence if event.why in ("absent", "away") else "")
        if event.why == "refused":
            self._give_up(self._refused)
        elif event.why == "absent":
            self._edits.stopped()
        else:
            self._edits.interrupted()

    def _give_up(self, sentence: str) -> None:
        self._waiting_since = None
        self._edits.stopped(sentence)

    def _show(self, state: str, sentence: str = "") -> None:
        self.state = state
        self._screen.show(link=state, link_sentence=sentence)
