"""Live: the same edit again whenever the painter pauses, on what changed; the newest draft wins."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any

from . import sentences
from .draft import Draft
from .drafting import prepare, waited
from .edit import Edit, Trouble, check
from .events import Ended, Event, Finished, Moved, Queued
from .interfaces import Compute, Document, Link, Pending
from .memory import Memory
from .queue import Steps
from .results import Render
from .settings import Settings
from .state import Rgb
from .under_way import NEW_SEEDS
from .vendor.sfumato_wire import Request, Welcome


class Live:
    """Its results are no layers and nothing in the picture's history until the painter takes one."""

    def __init__(
        self, link: Link, memory: Memory, compute: Compute, render: Render, clock: Callable[[], float]
    ) -> None:
        """render: as of `Results`."""
        self.is_on = False
        self.sentence = ""  # why there is nothing to show
        self.picture: Rgb | None = None  # of the newest draft, on its way or done
        self.result: Edit | None = None  # the newest that is done
        self._link, self._memory, self._compute, self._clock = link, memory, compute, clock
        self._render = render
        self._whole: Rgb | None = None  # the picture of the newest draft that is done
        self._drawing: Pending | None = None  # the same while it is made
        self._seed = 0
        self._steps: Steps | None = None
        self._running: Edit | None = None
        self._asked: tuple[str, Request] | None = None  # of which document, and what, last; it is on its way or done
        self._seen: Any = None  # what there was to see at the last look
        self._looked_into: Any = None  # and when it was read last
        self._taken: list[Edit] = []  # the drafts that were placed since

    @property
    def is_working(self) -> bool:
        return self._steps is not None or self._drawing is not None

    def turn(self, is_on: bool) -> None:
        self._forget()
        self.is_on, self.sentence, self._seen, self._looked_into = is_on, "", None, None
        if is_on:
            self._seed = random.randrange(NEW_SEEDS)

    def pause(self) -> None:
        """An edit comes first: what is under way is given up, and begun again when the edit is through."""
        if self._steps is not None or self._running is not None:
            self._stop()
            self._steps, self._looked_into, self.picture = None, None, self._whole

    def look(self, document: Document | None, settings: Settings, welcome: Welcome, stamp: Any) -> None:
        """At each watch. stamp: what changes with what is seen of the picture and the map. It is read once that, and
        the settings, have stayed the same from one watch to the next, and are others than when it was read last."""
        if not self.is_on or document is None:
            return
        if any(edit is not None and edit.document.id != document.id for edit in (self.result, self._running)):
            self._forget()
            self._looked_into = None
        seen = (document.id, settings, self._memory.of(document).maps, stamp)
        is_calm, self._seen = seen == self._seen, seen
        if not is_calm or seen == self._looked_into or self._steps is not None or not document.is_idle():
            return
        self._looked_into = seen
        seed = self._seed if settings.seed is None else settings.seed
        settings = replace(settings, seed=seed, variants=1)
        try:
            check(document, settings, "edit", welcome.edits)
        except Trouble as trouble:
            self._forget()
            self.sentence = str(trouble)
            return
        edit = Edit(uuid.uuid4().hex, "edit", document, settings, self._clock(), places=False)
        self._steps = self._read(edit, welcome)

    def advance(self) -> None:
        if self._drawing is not None and self._drawing.done():
            self._whole, self._drawing = self._drawing.result().rgb(), None
            self.picture = self._whole
        if self._steps is None:
            return
        try:
            next(self._steps)
        except StopIteration:
            self._steps = None
        except Trouble as trouble:
            self._steps, self.sentence = None, str(trouble)

    def hear(self, event: Event) -> bool:
        """Whether it was news of a draft."""
        edit = self._running
        if edit is None or not isinstance(event, (Queued, Moved, Finished, Ended)) or event.job != edit.job:
            return False
        if isinstance(event, Moved):
            edit.way.heard(edit.task, event.progress)
            self.picture = edit.way.preview or self.picture
        elif isinstance(event, Finished):
            self._link.acknowledge(edit.job)
            self._running, edit.result = None, event
            painted = edit.painted()
            self.result = edit if painted else None
            if not painted:
                self.picture = self._whole = None
            self.sentence = "" if painted else sentences.nothing("edit")
            if painted and edit.draft:
                self._drawing = self._compute(self._render, painted.picture, edit.draft.canvas)
        elif isinstance(event, Ended):
            self._running, self.picture = None, self._whole
            self.sentence = event.sentence
        return True

    def take(self) -> Edit | None:
        """The newest draft, to be placed; its layer alone is no reason for another."""
        edit, self.result = self.result, None
        self._taken += [edit] if edit else []
        return edit

    # ------------------------------------------------------------------ inside

    def _read(self, edit: Edit, welcome: Welcome) -> Steps:
        draft: Draft = yield from prepare(edit, welcome, self._memory, self._compute)
        request, _ = yield from waited(self._compute(draft.request), "reading")
        if not self.is_on or self._asked == (edit.document.id, request):
            return
        taken, self._taken = [one for one in self._taken if one.document.id == edit.document.id and one.layer], []
        if not taken or not (yield from self._are_all_new(taken, edit, welcome)):
            self._stop()
            edit.draft, edit.submitted, self._running, self.sentence = draft, True, edit, ""
            self._link.submit(edit.job, draft)
        self._asked = (edit.document.id, request)

    def _are_all_new(self, taken: Sequence[Edit], edit: Edit, welcome: Welcome) -> Generator[str, None, bool]:
        """Whether the layers that drafts became are all that is new since the last draft was asked for. Told by the
        pixels: what the painter did in the meantime would be swallowed if anything was skipped by count or by time."""
        layers = tuple(one.layer for one in taken)
        draft = yield from prepare(replace(edit, left_out=layers), welcome, self._memory, self._compute)
        request, _ = yield from waited(self._compute(draft.request), "reading")
        return self._asked == (edit.document.id, request) and all(map(edit.document.is_untouched, layers))

    def _stop(self) -> None:
        """No draft is on its way any more."""
        if self._running is not None:
            self._link.cancel(self._running.job)
            self._running = self._asked = None

    def _forget(self) -> None:
        """There is no draft."""
        self._stop()
        self._steps = self._drawing = self._asked = self.picture = self._whole = self.result = None
