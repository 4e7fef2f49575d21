"""What the docker can do and in which state it is. Knows neither Qt nor Krita; `view` says what there is to show."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Sequence
from typing import Any

from . import errands, sentences
from .backend_watch import BackendWatch
from .beside import is_seen
from .draft import Picture
from .edit import Trouble, check, name_of
from .entry import Thumb
from .events import Event, Finished, Greeting, Linked, Told, Unlinked
from .interfaces import Compute, Document, Link, Process
from .live import Live
from .making import Making
from .memory import Memory
from .queue import Steps
from .results import Results
from .screen import Screen
from .settings import Settings
from .shelf import Painted, Shelf
from .state import View
from .tiles import Tile
from .under_way import UnderWay

MOST = 32  # edits that may wait


class Controller:
    def __init__(
        self,
        active: Callable[[], Document | None],
        link: Link,
        process: Process,
        compute: Compute,
        results: Results,
        log_folder: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """active: the document the painter looks at; compute: calls a function on another thread."""
        self.memory, self.results = Memory(), results
        self.live = Live(link, self.memory, compute, results.large, clock)
        self._active, self._link = active, link
        self._shelf = Shelf()
        self._screen = Screen(self._shelf)
        self._edits = UnderWay(
            link, compute, self.memory, results, self._screen, self._shelf, active, lambda: self.backend.welcome, clock
        )
        self._advancing = False
        self.backend = BackendWatch(link, process, self._edits, self._screen, log_folder, clock)

    @property
    def view(self) -> View:
        return self._screen.view

    @property
    def is_working(self) -> bool:
        """Whether `advance` wants to be called."""
        return self._edits.queue.is_working or self.live.is_working

    @property
    def is_waiting(self) -> bool:
        """Whether all that does is wait for a backend or for the painter's brush."""
        return self._edits.queue.is_waiting and not self.live.is_working

    @property
    def said(self) -> Sequence[str]:
        """The last sentences, for a report."""
        return tuple(self._screen.said)

    def tiles(self, document: Document | None, there: Container[str] = ()) -> tuple[Tile, ...]:
        """The results of a picture, and what is on its way there. there: its layers."""
        names = {thing.id: thing.name for thing in (*self.view.models, *self.view.vaes)}
        return self.results.tiles(document, self._edits.edits, names, there)

    def maps_at_work(self, document: Document | None) -> set[str]:
        """Of the edits that are under way there."""
        here = document.id if document is not None else ""
        return {edit.settings.map.layer for edit in self._edits.edits if edit.document.id == here}

    # ------------------------------------------------------------------ what the painter does

    def apply(
        self, settings: Settings, task: str = "edit", strengths: Sequence[float] = (), in_place: bool = False
    ) -> None:
        """Begin an edit of the active document, or (task "map") finding a new map for it: behind those that go on
        already. Several variants, or one at each of `strengths`, come as results to choose from; a single one comes as
        a layer, `in_place` of the last result's. Edits whose backend is gone give way."""
        try:
            document = check(self._active(), settings, task, self.view.edits)
            if len(self._edits.edits) + max(settings.variants, len(strengths)) > MOST:
                raise Trouble(sentences.QUEUE_FULL)
            if self.backend.must_start and not self.backend.is_installed:
                raise Trouble(sentences.NOT_INSTALLED)
        except Trouble as trouble:
            self._screen.tell(str(trouble), is_trouble=True)  # and an edit that waits goes on waiting
            return
        self.live.pause()
        if self.view.stalled:
            self._edits.give_up([edit for edit in self._edits.edits if edit.result is None], "")
        self.backend.rouse()
        if task == "edit":  # who applies an edit has chosen it for this picture
            self.memory.change(document, settings=settings)
        self.results.of(document).let_go()  # an offer to bring results back would be taken for one to undo the edit
        self._edits.begin(document, settings, task, strengths, self.results.last_layer(document) if in_place else "")
        if not is_seen(document.layers(), self.memory.of(document), settings.map.layer):
            self._screen.tell(sentences.NOTHING_SEEN, is_trouble=True)
        self.advance()

    def cancel(self, job: str = "") -> None:
        """The end of an edit as far as the painter is concerned; "": of those in front that were begun together."""
        self._edits.cancel(job)

    def new_map(self) -> str:
        """A new change map in the active document; its id, or "" with a sentence."""
        document = self._active()
        if document is None:
            self._screen.tell(sentences.NO_DOCUMENT, is_trouble=True)
            return ""
        layer = document.new_map(sentences.MAP_NAME)
        self.memory.keep_map(document, layer)
        self._screen.tell(sentences.MAP_NEW_WHITE if document.take_white() else sentences.MAP_NEW)
        return layer

    def make_map(self, make: Callable[[Document], Making]) -> None:
        """A new change map of what is there already."""
        document = self._active()
        if document is None:
            self._screen.tell(sentences.NO_DOCUMENT, is_trouble=True)
            return
        self._edits.do(errands.make_map(document, make, self.memory, self._screen))
        self.advance()

    def leave_out(self, layer: str, is_out: bool) -> None:
        """A layer of the active document is to be no part of its picture, or part of it again."""
        document = self._active()
        if document is not None and document.has(layer):
            others = tuple(other for other in self.memory.of(document).maps if other != layer)
            self.memory.keep(document, maps=(*others, layer) if is_out else others)
            said = sentences.LEFT_OUT if is_out else sentences.TAKEN_IN
            self._screen.tell(said.format(name=name_of(document, layer)))

    def place(self) -> None:
        """Put a kept edit into the active document: because the painter says so, never by itself."""
        document = self._active()
        if document is None:
            self._screen.tell(sentences.NO_DOCUMENT, is_trouble=True)
        elif self._shelf.next_name:
            self._edits.do(errands.place(document, self._shelf, self.memory, self._link, self._screen))
            self.advance()

    def drop(self) -> None:
        """The painter does not want the edit that waits to be placed."""
        if self._shelf.next_name:
            self._link.acknowledge(self._shelf.take().job)
            self._screen.tell(sentences.DROPPED)

    def use(self, id: str, in_place: bool = False) -> None:
        """A result of the active document becomes a layer, `in_place` of the last one that is."""
        if (document := self._active()) is not None:
            self._edits.do(errands.use(document, id, in_place, self.results, self.memory, self._screen))
            self.advance()

    def large(self, id: str, shown: Callable[[Thumb], None]) -> None:
        """A large picture of a result, as soon as it is made."""
        if (document := self._active()) is not None and self.results.of(document).find(id) is not None:
            self._edits.do(errands.show_large(document, id, shown, self.results), is_placing=False)
            self.advance()

    def settings_of(self, id: str) -> None:
        """What a result was made with is what the docker says now."""
        document = self._active()
        if document is not None and (settings := self.results.settings(document, id)) is not None:
            is_map_there = self.memory.bring_back(document, settings)
            self._screen.tell(sentences.SETTINGS_COPIED if is_map_there else sentences.SETTINGS_COPIED_NO_MAP)

    def restore(self) -> None:
        """What was discarded last."""
        if (document := self._active()) is not None:
            history = self.results.of(document)
            history.restore()
            if not history.is_all_kept:
                self._screen.tell(sentences.RESULT_NOT_SAVED, is_trouble=True)

    def turn_live(self, is_on: bool) -> None:
        self.live.turn(is_on)
        self._screen.tell("")  # what it has to say is to be seen
        self._show_live()

    def take_live(self) -> None:
        """The live draft becomes a layer."""
        if (edit := self.live.take()) is not None:
            self._edits.place(edit)
            self.advance()

    def turn_to_another(self) -> None:
        """The painter looks at another picture: what was said of the one before is not about it."""
        view = self.view
        if not (view.busy or view.kept) and (not view.is_trouble or view.sentence == sentences.NO_DOCUMENT):
            self._screen.tell("")

    def tell(self, sentence: str, is_trouble: bool = False) -> None:
        self._screen.tell(sentence, is_trouble)

    def do(self, steps: Steps) -> None:
        """Something that takes steps and leaves the pictures alone."""
        self._edits.do(steps, is_placing=False)

    def start(self) -> None:
        if self.backend.is_installed:
            self.backend.start()
        else:
            self._screen.tell(sentences.NOT_INSTALLED, is_trouble=True)

    def stop(self) -> None:
        if self.backend.stop():
            self._edits.stop_before()
        else:
            self._screen.tell(sentences.NOT_OURS, is_trouble=True)

    # ------------------------------------------------------------------ what happens

    def advance(self) -> None:
        """The next step of what takes steps. Krita handles what is pressed inside of some of its calls, so a step may
        ask for another one: that comes later."""
        if self._advancing:
            return
        self._advancing = True
        try:
            self._edits.advance()
            try:
                self.live.advance()
            except Exception:
                self.live.turn(False)
                self._edits.queue.acting = []  # no edit's
                raise
        finally:
            self._advancing = False
        self._show_live()

    def hear(self, event: Event) -> None:
        """News from the client."""
        if isinstance(event, (Linked, Greeting, Unlinked, Told)):
            self.backend.hear(event)
        elif (edit := self._edits.queue.find(event.job)) is not None:
            self._edits.hear(edit, event)
        elif self.live.hear(event):
            self._show_live()
        elif isinstance(event, Finished) and event.is_orphan:
            self._found(event)

    def watch(self, document: Document | None = None, settings: Settings | None = None, stamp: Any = None) -> None:
        """A look at what tells nobody, twice a second: a backend that starts; in live mode, the picture. stamp: as of
        `Live.look`."""
        self.backend.look()
        if self.live.is_on and self.backend.welcome is not None and settings is not None and not self.view.busy:
            self.live.look(document, settings, self.backend.welcome, stamp)
            self._show_live()

    def mishap(self, log: str) -> None:
        """An error nobody foresaw was written to the log. It ends the edit whose work it was; what that has is kept."""
        self._edits.mishap(log)

    def mishap_beside(self, log: str) -> None:
        """The same in something else: an edit goes on."""
        self._screen.tell(sentences.MISHAP.format(log=log), is_trouble=True)

    # ------------------------------------------------------------------ inside

    def _show_live(self) -> None:
        live = self.live
        sentence = live.sentence or (sentences.LIVE_WAITING if live.is_on and not live.picture else "")
        self._screen.show(
            live=live.is_on,
            live_picture=live.picture,
            live_sentence=sentence if live.is_on else "",
            can_keep_live=live.result is not None,
        )

    def _found(self, event: Finished) -> None:
        """An edit that a Krita which is gone had begun."""
        if event.layer is None or not event.layer.format.startswith("bgra"):
            self._link.acknowledge(event.job)
            return
        picture = Picture(event.layer.box, event.layer.format, event.data)
        painted = Painted(event.job, event.task, event.prompt, picture)
        self._shelf.put(painted)
        self._screen.tell(sentences.FOUND.format(name=painted.name))
