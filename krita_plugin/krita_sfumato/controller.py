"""What the docker can do and in which state it is. Knows neither Qt nor Krita; `view` says what there is to show."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from . import sentences
from .backend_watch import BackendWatch
from .drafting import prepare
from .edit import Edit, Homeless, Trouble, check, closing, place
from .events import Ended, Event, Finished, Greeting, Linked, Moved, Queued, Told, Unlinked
from .interfaces import Compute, Document, Link, Process
from .memory import Memory
from .queue import Queue, Steps
from .settings import Settings
from .shelf import Painted, Shelf
from .state import View

MOST = 32  # edits that may wait
SEEDS = 2**31


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
        self._active, self._link, self._compute, self._clock = active, link, compute, clock
        self._backend = BackendWatch(link, process, self, log_folder, clock)
        self._queue = Queue()
        self._shelf = Shelf()
        self._batches = 0

    @property
    def is_working(self) -> bool:
        """Whether `advance` wants to be called."""
        return self._queue.is_working

    # ------------------------------------------------------------------ what the painter does

    def apply(self, settings: Settings, task: str = "edit", strengths: Sequence[float] = ()) -> None:
        """Begin an edit of the active document, or (task "map") finding a new map for it: behind those that go on
        already. Several variants, or one at each of `strengths`, come as results to choose from; a single one comes as
        a layer. Edits whose backend is gone give way."""
        try:
            document = check(self._active(), settings, task, self.view.edits)
            if len(self._queue.edits) + max(settings.variants, len(strengths)) > MOST:
                raise Trouble(sentences.QUEUE_FULL)
            if self._backend.must_start and not self._backend.is_installed:
                raise Trouble(sentences.NOT_INSTALLED)
        except Trouble as trouble:
            self._tell(str(trouble), is_trouble=True)  # and an edit that waits goes on waiting
            return
        if self.view.stalled:
            self._give_up(self._queue.edits, "")
        self._backend.rouse()
        if task == "edit":  # who applies an edit has chosen it for this picture
            self.memory.change(document, settings=settings)
        edits = self._edits(document, settings, task, strengths)
        self._queue.begin(edits, self._read(edits))
        self._tell("")
        self.show(seed=edits[0].settings.seed)
        self.advance()

    def cancel(self, job: str = "") -> None:
        """The end of an edit, or of those in front that were begun together, as far as the painter is concerned; what
        the backend has of it is the link's affair."""
        front = self._queue.front
        if front is None:
            return
        edits = [edit for edit in self._queue.edits if (edit.job == job if job else edit.batch == front.batch)]
        edits = [edit for edit in edits if not edit.layer]
        if edits:
            self._give_up(edits, sentences.CANCELLED)

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
            self._tell(sentences.placed(painted.task))

    def start(self) -> None:
        if self._backend.is_installed:
            self._backend.start()
        else:
            self._tell(sentences.NOT_INSTALLED, is_trouble=True)

    def stop(self) -> None:
        if not self._backend.stop():
            self._tell(sentences.NOT_OURS, is_trouble=True)
        elif not self._is_sent:
            self._stop_before()

    # ------------------------------------------------------------------ what happens

    def advance(self) -> None:
        """The next step of what takes steps."""
        for edits, outcome in self._queue.advance():
            if isinstance(outcome, Trouble):
                self._finish(edits, str(outcome), is_trouble=True)
            for edit in edits:
                edit.way.stage = sentences.STAGES[str(outcome)] if isinstance(outcome, str) else ""
        self._show_way()

    def hear(self, event: Event) -> None:
        """News from the client."""
        if isinstance(event, (Linked, Greeting, Unlinked, Told)):
            self._backend.hear(event)
        elif (edit := self._queue.find(event.job)) is not None:
            self._heard_of(edit, event)
            self._show_way()
        elif isinstance(event, Finished) and event.is_orphan:
            self._found(event)

    def watch(self) -> None:
        """A look at what tells nobody, twice a second."""
        self._backend.look()

    def mishap(self, log: str) -> None:
        """An error nobody foresaw, in an edit's own work, was written to the log. What is done already is kept."""
        edits, sentence = self._queue.acting or self._queue.edits[:1], sentences.MISHAP
        self._queue.acting = []
        for edit in edits:
            painted = edit.painted()
            if painted is not None:
                self._shelf.put(painted)
                sentence = sentences.MISHAP_KEPT
            elif edit.layer:
                self._link.acknowledge(edit.job)
            elif edit.submitted:
                self._link.cancel(edit.job)
        self._finish(edits, sentence.format(log=log), is_trouble=True)

    def mishap_beside(self, log: str) -> None:
        """The same in something else: an edit goes on."""
        self._tell(sentences.MISHAP.format(log=log), is_trouble=True)

    # ------------------------------------------------------------------ what the backend's state means for edits

    def show(self, **changes: Any) -> None:
        self.view = replace(self.view, **changes)

    def resumed(self) -> None:
        if self.view.stalled:
            for edit in self._queue.edits:
                edit.way.stage = sentences.STAGES["sending"]
            self.show(stalled=False, sentence="", is_trouble=False)
            self._show_way()

    def interrupted(self) -> None:
        if not self.view.stalled:
            for edit in self._queue.edits:
                if edit.submitted and edit.result is None:
                    edit.way.stage, edit.way.fraction = sentences.STAGES["lost"], None
            self._show_way()

    def stopped(self, sentence: str = "") -> None:
        """Edits that were sent wait for a better backend, without one those that were not end; one that came back needs
        none."""
        if not self._queue.edits:
            if sentence:
                self._tell(sentence, is_trouble=True)
        elif self._is_sent:
            said = sentence or sentences.STOPPED_IN_EDIT
            self.show(stalled=True, sentence=said, is_trouble=True, stage="", fraction=None, preview=None)
        elif sentence:
            self._finish([edit for edit in self._queue.edits if edit.result is None], sentence, is_trouble=True)
        else:
            self._stop_before()

    def is_down(self, sentence: str) -> None:
        if self._queue.edits and not self._is_sent:
            self._finish([edit for edit in self._queue.edits if edit.result is None], sentence, is_trouble=True)

    # ------------------------------------------------------------------ inside

    @property
    def _is_sent(self) -> bool:
        """Whether a backend was told of an edit that did not come back."""
        return any(edit.submitted and edit.result is None for edit in self._queue.edits)

    def _edits(self, document: Document, settings: Settings, task: str, strengths: Sequence[float]) -> list[Edit]:
        """One for each variant or strength."""
        self._batches += 1
        seed = random.randrange(SEEDS) if settings.seed is None else settings.seed
        count = 1 if strengths or task == "map" else settings.variants
        wanted = [(replace(settings, seed=(seed + i) % SEEDS), f"{(seed + i) % SEEDS}") for i in range(count)]
        if strengths:
            wanted = [(replace(wanted[0][0], strength=s), sentences.PERCENT.format(number=s)) for s in strengths]
        began = self._clock()
        return [
            Edit(uuid.uuid4().hex, task, document, one, began, self._batches, label, places=len(wanted) == 1)
            for one, label in wanted
        ]

    def _read(self, edits: list[Edit]) -> Steps:
        """What one press needs of Krita, once for all that it asks for."""
        while self._backend.welcome is None:
            yield "waiting"
        draft = yield from prepare(edits[0], self._backend.welcome, self.memory, self._compute)
        for edit in [edit for edit in edits if edit in self._queue.edits]:
            said = {"seed": edit.settings.seed, "strength": round(edit.settings.strength * 10)}
            edit.draft = draft.but(**said) if edit.task == "edit" else draft
            edit.submitted = True
            self._link.submit(edit.job, edit.draft)

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
        self._finish([edit], closing(edit, self._clock() - edit.began, self._active()))

    def _heard_of(self, edit: Edit, event: Queued | Moved | Finished | Ended) -> None:
        if isinstance(event, Queued):
            edit.way.stage, edit.way.fraction = sentences.STAGES["queued"], None
        elif isinstance(event, Moved):
            edit.way.heard(edit.task, event.progress)
        elif isinstance(event, Finished):
            if event.layer is None:
                self._link.acknowledge(edit.job)
                self._finish([edit], sentences.nothing(edit.task))
            else:
                edit.result = event
                self._queue.end(edit, self._end(edit))
        elif event.code == "cancelled":
            self._finish([edit], sentences.CANCELLED)
        else:
            self._finish([edit], event.sentence, is_trouble=True)

    def _found(self, event: Finished) -> None:
        """An edit that a Krita which is gone had begun."""
        if event.layer is None or not event.layer.format.startswith("bgra"):
            self._link.acknowledge(event.job)
            return
        painted = Painted(event.job, event.task, event.prompt, event.layer.box, event.data, event.layer.format)
        self._shelf.put(painted)
        self._tell(sentences.FOUND.format(name=painted.name))

    def _stop_before(self) -> None:
        front = self._queue.front
        if front is not None and front.result is None:
            edits = [edit for edit in self._queue.edits if edit.result is None]
            self._finish(edits, sentences.stopped_before(front.task), is_trouble=True)

    def _give_up(self, edits: Sequence[Edit], sentence: str) -> None:
        for edit in edits:
            if edit.submitted:
                self._link.cancel(edit.job)
        self._finish(edits, sentence)

    def _finish(self, edits: Sequence[Edit], sentence: str, is_trouble: bool = False) -> None:
        for edit in list(edits):
            self._queue.drop(edit)
        if not self._queue.edits:
            self.show(stalled=False)
        self._show_way()
        self._tell(sentence, is_trouble)

    def _show_way(self) -> None:
        """Of the edit in front."""
        front = self._queue.front
        self.show(busy=front is not None, behind=max(0, len(self._queue.edits) - 1))
        if front is None:
            self.show(stage="", fraction=None, preview=None)
        elif not self.view.stalled:
            self.show(**front.way.shown())

    def _tell(self, sentence: str, is_trouble: bool = False) -> None:
        self.show(sentence=sentence, is_trouble=is_trouble, kept=self._shelf.next_name)
