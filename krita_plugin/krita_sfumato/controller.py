"""What the docker can do and in which state it is. Knows neither Qt nor Krita; `view` says what there is to show."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

from . import sentences
from .edit import Edit, Homeless, Trouble, check, closing, place, prepare
from .events import Ended, Event, Finished, Greeting, Linked, Moved, Queued, Told, Unlinked
from .interfaces import Compute, Document, Link, Process
from .memory import Memory
from .shelf import Painted, Shelf
from .state import Settings, View, progressed
from .vendor.sfumato_wire import Status, Welcome

PATIENCE = 180.0  # seconds until a silent backend is called so; the first import of torch is slow
Steps = Generator[str, None, None]


class Controller:
    def __init__(
        self,
        active: Callable[[], Document | None],
        link: Link,
        process: Process,
        compute: Compute,
        log_folder: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """active: the document the painter looks at; compute: calls a function on another thread."""
        self.view = View()
        self.memory = Memory()
        self._active, self._link, self._process, self._compute = active, link, process, compute
        self._log_folder, self._clock = log_folder, clock
        self._welcome: Welcome | None = None
        self._waiting_since: float | None = None  # for a backend that starts
        self._greeted = False  # and nothing was heard since
        self._edit: Edit | None = None
        self._steps: Steps | None = None
        self._shelf = Shelf()

    @property
    def is_working(self) -> bool:
        """Whether `advance` wants to be called."""
        return self._steps is not None

    # ------------------------------------------------------------------ what the painter does

    def apply(self, settings: Settings, task: str = "edit") -> None:
        """Begin an edit of the active document, or (task "map") finding a new map for it. One at a time; one whose
        backend is gone gives way."""
        try:
            if self._edit is not None and not self.view.stalled:
                raise Trouble(sentences.BUSY)
            document = check(self._active(), settings, task, self.view.edits)
            if self.view.link == "absent" and not self._process.command():
                raise Trouble(sentences.NOT_INSTALLED)
        except Trouble as trouble:
            self._tell(str(trouble), is_trouble=True)  # and an edit that waits goes on waiting
            return
        if self._edit is not None:
            self._link.cancel(self._edit.job)
            self._finish("")
        if self.view.link == "absent":
            self._start()
        elif self.view.link == "down" and self._welcome is None:
            self._link.hurry()  # otherwise the edit itself makes the backend try once more
        if task == "edit" and settings.edit:  # who applies an edit has chosen it for this picture
            self.memory.change(document, edit=settings.edit, tuning=settings.tuning)
        seed = random.randrange(2**31) if settings.seed is None else settings.seed
        settings = replace(settings, seed=seed)
        self._edit = Edit(uuid.uuid4().hex, task, document, settings, self._clock())
        self._steps = self._run(self._edit)
        self._show(sentence="", is_trouble=False, busy=True, stage="", fraction=None, preview=None, seed=seed)
        self.advance()

    def cancel(self) -> None:
        """The end of the edit as far as the painter is concerned; what the backend has of it is the link's affair."""
        edit = self._edit
        if edit is None or edit.placed:
            return
        if edit.submitted:
            self._link.cancel(edit.job)
        self._finish(sentences.CANCELLED)

    def new_map(self) -> str:
        """A new change map in the active document; its id, or "" with a sentence."""
        document = self._active()
        if document is None:
            self._tell(sentences.NO_DOCUMENT, is_trouble=True)
            return ""
        layer = document.new_map(sentences.MAP_NAME)
        self.memory.keep_map(document, layer)
        self._tell(sentences.MAP_NEW)
        return layer

    def place(self) -> None:
        """Put a kept edit into the active document: because the painter says so, never by itself."""
        document = self._active()
        if document is None or not self._shelf.next_name:
            self._tell(sentences.NO_DOCUMENT, is_trouble=True)
        elif not document.is_idle():
            self._tell(sentences.PLACE_LATER, is_trouble=True)
        else:
            painted = self._shelf.place_next(document, self.memory)
            self._link.acknowledge(painted.job)
            self._tell(sentences.PLACED[painted.task])

    def start(self) -> None:
        try:
            self._start()
        except Trouble as trouble:
            self._tell(str(trouble), is_trouble=True)

    def stop(self) -> None:
        if not self._process.stop():
            self._tell(sentences.NOT_OURS, is_trouble=True)
            return
        self._waiting_since = None
        if self._edit is not None and not self._edit.submitted:
            self._finish(sentences.stopped_before(self._edit.task), is_trouble=True)

    # ------------------------------------------------------------------ what happens

    def advance(self) -> None:
        """The next step of an edit."""
        if self._steps is None:
            return
        try:
            stage = next(self._steps)
        except StopIteration:
            self._steps = None
        except Trouble as trouble:
            self._finish(str(trouble), is_trouble=True)
        else:
            self._show(stage=sentences.STAGES[stage])

    def hear(self, event: Event) -> None:
        """News from the client."""
        if isinstance(event, Linked):
            self._welcome, self._waiting_since = event.welcome, None
            self._show(models=event.welcome.models, edits=event.welcome.edits)
            self._show(link="ready", link_sentence=sentences.ready(event.welcome.device))
            if self.view.stalled:
                self._show(stalled=False, sentence="", is_trouble=False, stage=sentences.STAGES["sending"])
        elif isinstance(event, Greeting):
            self._process.met(event.pid)
            self._waiting_since, self._greeted = self._clock(), True
            self._show(link="starting", link_sentence="")
        elif isinstance(event, Unlinked):
            self._unlinked(event)
        elif isinstance(event, Told):
            self._told(event.status)
        elif self._edit is not None and event.job == self._edit.job:
            self._heard_of(self._edit, event)
        elif isinstance(event, Finished) and event.is_orphan:
            self._found(event)

    def watch(self) -> None:
        """A look at a backend that starts, twice a second."""
        if self._waiting_since is None:
            return
        if reason := self._process.failure():
            self._show(link="absent", link_sentence="")
            self._no_backend(sentences.DID_NOT_START.format(reason=reason))
        elif self._clock() - self._waiting_since > PATIENCE:
            self._no_backend(sentences.SILENT.format(folder=self._log_folder))

    def mishap(self, log: str) -> None:
        """An error nobody foresaw, in an edit's own work, was written to the log. What is done already is kept."""
        edit, sentence = self._edit, sentences.MISHAP
        painted = edit.painted() if edit is not None else None
        if painted is not None:
            self._shelf.put(painted)
            sentence = sentences.MISHAP_KEPT
        elif edit is not None and edit.placed:
            self._link.acknowledge(edit.job)
        elif edit is not None and edit.submitted:
            self._link.cancel(edit.job)
        self._finish(sentence.format(log=log), is_trouble=True)

    def mishap_beside(self, log: str) -> None:
        """The same in something else: an edit goes on."""
        self._tell(sentences.MISHAP.format(log=log), is_trouble=True)

    # ------------------------------------------------------------------ inside

    def _run(self, edit: Edit) -> Steps:
        while self._welcome is None:
            yield "waiting"
        draft = yield from prepare(edit, self._welcome, self.memory, self._compute)
        edit.submitted = True
        self._link.submit(edit.job, draft)

    def _end(self, edit: Edit) -> Steps:
        try:
            yield from place(edit, self.memory)
        except Homeless as homeless:
            self._shelf.put(homeless.painted)
            raise
        except Trouble:
            self._link.acknowledge(edit.job)
            raise
        self._link.acknowledge(edit.job)
        self._finish(closing(edit, self._clock() - edit.began, self._active()))

    def _heard_of(self, edit: Edit, event: Queued | Moved | Finished | Ended) -> None:
        if isinstance(event, Queued):
            self._show(stage=sentences.STAGES["queued"], fraction=None)
        elif isinstance(event, Moved):
            self._show(**progressed(edit.task, event.progress))
        elif isinstance(event, Finished):
            if event.layer is None:
                self._link.acknowledge(edit.job)
                self._finish(sentences.NOTHING[edit.task])
            else:
                edit.result = event
                self._steps = self._end(edit)
        elif event.code == "cancelled":
            self._finish(sentences.CANCELLED)
        else:
            self._finish(event.sentence, is_trouble=True)

    def _told(self, status: Status) -> None:
        """How the backend is. A greeting makes one that is down try once more, so that answer is old already."""
        is_old, self._greeted = self._greeted and status.state == "down", False
        if is_old:
            return
        if status.state in ("starting", "down"):
            self._show(link=status.state, link_sentence=status.sentence)
        elif self._welcome is not None:
            self._show(link="ready", link_sentence=sentences.ready(self._welcome.device))
        if status.state == "down":
            self._waiting_since = None
            if self._edit is not None and not self._edit.submitted:
                self._finish(status.sentence, is_trouble=True)

    def _found(self, event: Finished) -> None:
        """An edit that a Krita which is gone had begun."""
        if event.layer is None or event.layer.format != "bgra8":
            self._link.acknowledge(event.job)
            return
        painted = Painted(event.job, event.task, event.prompt, event.layer.box, event.data)
        self._shelf.put(painted)
        self._tell(sentences.FOUND.format(name=painted.name))

    def _start(self) -> None:
        if not self._process.command():
            raise Trouble(sentences.NOT_INSTALLED)
        self._waiting_since = self._clock()
        self._process.start()
        self._link.hurry()
        self._show(link="starting", link_sentence="")

    def _unlinked(self, event: Unlinked) -> None:
        self._welcome = None
        if event.why == "absent":
            self._process.met(0)
        starts = self._process.is_starting_or_running() or self._process.failure()
        if event.why == "absent" and self._waiting_since is not None and starts:
            return  # nobody listens yet; `watch` sees when it fails
        if event.why == "refused":
            self._show(link="refused", link_sentence="")
            self._no_backend(event.sentence or sentences.REFUSED)
            return
        self._waiting_since = None
        self._show(link=event.why, link_sentence="")
        edit = self._edit
        if edit is None or self.view.stalled:
            return
        if event.why == "absent":
            self._no_backend(sentences.STOPPED_IN_EDIT if edit.submitted else sentences.stopped_before(edit.task))
        elif edit.submitted and edit.result is None:
            self._show(stage=sentences.STAGES["lost"], fraction=None)

    def _no_backend(self, sentence: str) -> None:
        """An edit that was sent waits for a better backend, one that was not ends; one that came back needs none."""
        self._waiting_since = None
        if self._edit is not None and self._edit.result is not None:
            return
        if self._edit is not None and self._edit.submitted:
            self._show(stalled=True, sentence=sentence, is_trouble=True, stage="", fraction=None, preview=None)
        else:
            self._finish(sentence, is_trouble=True)

    def _finish(self, sentence: str, is_trouble: bool = False) -> None:
        self._edit, self._steps = None, None
        self._show(busy=False, stalled=False, stage="", fraction=None, preview=None)
        self._tell(sentence, is_trouble)

    def _tell(self, sentence: str, is_trouble: bool = False) -> None:
        self._show(sentence=sentence, is_trouble=is_trouble, kept=self._shelf.next_name)

    def _show(self, **changes: Any) -> None:
        self.view = replace(self.view, **changes)
