"""The edits that are under way, from being read to being a layer, and what becomes of them when the backend goes."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

from . import sentences
from .drafting import prepare, read_map
from .edit import Edit, Trouble, closing
from .events import Ended, Finished, Moved, Queued
from .interfaces import Compute, Document, Link
from .memory import Memory
from .placing import Homeless, place, wait_for_home
from .queue import Queue, Steps
from .results import Results
from .screen import Screen
from .settings import Settings
from .shelf import Painted, Shelf
from .vendor.sfumato_wire import Welcome

SEEDS = 2**31
NEW_SEEDS = 1_000_000  # as many as are short enough to be read and written down


class UnderWay:
    def __init__(
        self,
        link: Link,
        compute: Compute,
        memory: Memory,
        results: Results,
        screen: Screen,
        shelf: Shelf,
        active: Callable[[], Document | None],
        welcome: Callable[[], Welcome | None],
        clock: Callable[[], float],
    ) -> None:
        self.queue = Queue()
        self._link, self._compute, self._memory, self._results = link, compute, memory, results
        self._screen, self._shelf, self._active, self._welcome = screen, shelf, active, welcome
        self._clock = clock
        self._batches = 0

    @property
    def edits(self) -> list[Edit]:
        return self.queue.edits

    @property
    def is_sent(self) -> bool:
        """Whether a backend was told of an edit that did not come back."""
        return any(edit.submitted and edit.result is None for edit in self.edits)

    # ------------------------------------------------------------------ what the painter does

    def begin(
        self, document: Document, settings: Settings, task: str, strengths: Sequence[float], replaces: str
    ) -> None:
        """One edit for each variant, or for each strength; a single one becomes a layer by itself."""
        self._batches += 1
        seed = random.randrange(NEW_SEEDS) if settings.seed is None else settings.seed
        seeds = [(seed + i) % SEEDS for i in range(1 if strengths or task == "map" else settings.variants)]
        wanted = [(replace(settings, seed=one), str(one)) for one in seeds]
        if strengths:
            wanted = [(replace(wanted[0][0], strength=s), sentences.PERCENT.format(number=s)) for s in strengths]
        began, alone, redo = self._clock(), len(wanted) == 1, document.redo()
        edits = [
            Edit(
                uuid.uuid4().hex,
                task,
                document,
                one,
                began,
                self._batches,
                label,
                alone,
                replaces,
                bool(strengths),
                redo,
            )
            for one, label in wanted
        ]
        self.queue.begin(edits, self._read(edits))
        self._screen.tell("")
        self._screen.show(seed=seed)

    def place(self, edit: Edit) -> None:
        """One whose result is here becomes a layer, behind what is placed already."""
        edit.places, edit.redo = True, edit.document.redo()
        self.queue.edits.append(edit)
        self.queue.end(edit, self._end(edit))

    def do(self, steps: Steps, is_placing: bool = True) -> None:
        """Something else that takes steps. is_placing: it ends in the picture."""
        self.queue.do(steps, is_placing)

    def cancel(self, job: str = "") -> None:
        """An edit, or those in front that were begun together; what the backend has of it is the link's affair."""
        front = self.queue.front
        edits = [edit for edit in self.edits if (edit.job == job if job else front and edit.batch == front.batch)]
        edits = [edit for edit in edits if not edit.layer]
        if edits:
            self.give_up(edits, sentences.CANCELLED)

    def give_up(self, edits: Sequence[Edit], sentence: str) -> None:
        for edit in edits:
            if edit.submitted:
                self._link.cancel(edit.job)
        self.finish(edits, sentence)

    # ------------------------------------------------------------------ what happens

    def advance(self) -> None:
        for edits, outcome in self.queue.advance():
            if isinstance(outcome, Trouble):
                self.finish(edits, str(outcome), is_trouble=True)
            else:
                for edit in edits:
                    edit.way.stage = sentences.STAGES[outcome]
        self.show_way()

    def hear(self, edit: Edit, event: Queued | Moved | Finished | Ended) -> None:
        self.queue.acting = [edit]
        if isinstance(event, Queued):
            edit.way.stage, edit.way.fraction = sentences.STAGES["queued"], None
        elif isinstance(event, Moved):
            edit.way.heard(edit.task, event.progress)
        elif isinstance(event, Finished):
            if event.layer is None:
                self._link.acknowledge(edit.job)
                self.finish([edit], sentences.nothing(edit.task))
            else:
                edit.result = event
                self.queue.end(edit, self._end(edit))
        elif event.code == "cancelled":
            self.finish([edit], sentences.CANCELLED)
        else:
            self.finish([edit], event.sentence, is_trouble=True)
        self.queue.acting = []
        self.show_way()

    def mishap(self, log: str) -> None:
        """It ends those whose work it was; what they have is kept."""
        edits, sentence = self.queue.acting, sentences.MISHAP
        self.queue.forget()
        for edit in edits:
            painted = edit.painted()
            if painted is not None:
                self._shelf.put(painted)
                sentence = sentences.MISHAP_KEPT
            elif edit.layer:
                self._link.acknowledge(edit.job)
            elif edit.submitted:
                self._link.cancel(edit.job)
        self.finish(edits, sentence.format(log=log), is_trouble=True)

    def finish(self, edits: Sequence[Edit], sentence: str, is_trouble: bool = False) -> None:
        for edit in list(edits):
            self.queue.drop(edit)
        if not self.edits:
            self._screen.show(stalled=False)
        self.show_way()
        self._screen.tell(sentence, is_trouble)

    # ------------------------------------------------------------------ what the backend's state means for them

    def resumed(self) -> None:
        if self._screen.view.stalled:
            for edit in self.edits:
                edit.way.stage = sentences.STAGES["sending"]
            self._screen.show(stalled=False, sentence="", is_trouble=False)
            self.show_way()

    def interrupted(self) -> None:
        if not self._screen.view.stalled:
            for edit in self.edits:
                if edit.submitted and edit.result is None:
                    edit.way.stage, edit.way.fraction = sentences.STAGES["lost"], None
            self.show_way()

    def stopped(self, sentence: str = "") -> None:
        """Edits that were sent wait for a better backend, without one those that were not end; one that came back needs
        none."""
        if self.is_sent:
            said = sentence or sentences.STOPPED_IN_EDIT
            self._screen.show(stalled=True, sentence=said, is_trouble=True, stage="", fraction=None, preview=None)
        elif not sentence:
            self.stop_before()
        elif not self.edits:
            self._screen.tell(sentence, is_trouble=True)
        else:
            self.finish([edit for edit in self.edits if edit.result is None], sentence, is_trouble=True)

    def is_down(self, sentence: str) -> None:
        if self.edits and not self.is_sent:
            self.finish([edit for edit in self.edits if edit.result is None], sentence, is_trouble=True)

    def stop_before(self) -> None:
        """There is nobody to tell them to."""
        waiting = [edit for edit in self.edits if edit.result is None]
        if waiting and not self.is_sent:
            self.finish(waiting, sentences.stopped_before(waiting[0].task), is_trouble=True)

    # ------------------------------------------------------------------ inside

    def _read(self, edits: list[Edit]) -> Steps:
        """What one press needs of Krita, once for all that it asks for."""
        first, document = edits[0], edits[0].document
        if self._welcome() is None and first.task == "edit":  # what is wrong with the map needs no backend to be told
            offered = self._screen.view.edits
            yield from read_map(document, first.settings.map, offered, *document.size(), self._compute)
        while (welcome := self._welcome()) is None:
            yield "waiting"
        draft = yield from prepare(edits[0], welcome, self._memory, self._compute)
        for edit in [edit for edit in edits if edit in self.edits]:
            said = {"seed": edit.settings.seed, "strength": round(edit.settings.strength * 10)}
            edit.draft = draft.but(**said) if edit.task == "edit" else draft
            edit.submitted = True
            self._link.submit(edit.job, edit.draft)

    def _end(self, edit: Edit) -> Steps:
        """Into the picture, then into its history."""
        painted, is_kept = edit.painted(), True
        try:
            if edit.places:
                yield from place(edit, self._memory)
                self._hand_on(edit)
            elif painted is None:
                raise Trouble(sentences.WRONG_RESULT)
            if painted is not None and edit.task == "edit":
                is_kept = yield from self._keep(edit, painted)
        except Homeless as homeless:
            if not edit.layer:
                self._shelf.put(homeless.painted)
                raise
        except Trouble:
            self._link.acknowledge(edit.job)
            raise
        self._link.acknowledge(edit.job)
        said = closing(edit, self._clock() - edit.began, self._active())
        self.finish([edit], said if is_kept or edit.layer else sentences.RESULT_NOT_SAVED)

    def _hand_on(self, edit: Edit) -> None:
        """Those that were to replace the same layer replace the one that did."""
        for other in [other for other in self.edits if other is not edit and other.document.id == edit.document.id]:
            if edit.replaces and other.replaces == edit.replaces:
                other.replaces = edit.layer

    def _keep(self, edit: Edit, painted: Painted) -> Generator[str, None, bool]:
        yield from wait_for_home(edit.document, painted)
        return (yield from self._results.keep(edit, painted))

    def show_way(self) -> None:
        """Of the edit in front."""
        front = self.queue.front
        self._screen.show(busy=front is not None, behind=max(0, len(self.edits) - 1))
        if front is None:
            self._screen.show(stage="", task_stage="", fraction=None, preview=None, left=None)
        elif not self._screen.view.stalled:
            names = {model.id: model.name for model in self._screen.view.models if model.id == front.settings.model}
            self._screen.show(**front.way.shown(), model=names.get(front.settings.model, ""))
