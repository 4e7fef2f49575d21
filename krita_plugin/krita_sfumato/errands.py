"""What the painter wants beside the edits, in steps: a map of what is there, and results into the picture."""

from __future__ import annotations

from collections.abc import Callable

from . import sentences
from .draft import Picture
from .edit import Trouble
from .entry import Thumb
from .interfaces import Document, Link
from .making import Making, NothingToMake
from .memory import Memory
from .placing import add, settle, wait_for
from .queue import Steps
from .results import Results
from .screen import Screen
from .shelf import Shelf
from .vendor.sfumato_wire import Box


def make_map(document: Document, make: Callable[[Document], Making], memory: Memory, screen: Screen) -> Steps:
    """A new change map of what is there already."""
    try:
        made = yield from make(document)
    except NothingToMake as nothing:
        raise Trouble(str(nothing)) from None
    with document.new_layer(made.name, Picture(made.box, "bgra8", made.bgra)) as new:
        for _ in new.fill():
            yield "making"
        yield from wait_for(document, sentences.MADE_FOR_CLOSED, sentences.MADE_FOR_RESIZED)
        memory.keep_map(document, document.add_map(new))
    screen.tell(sentences.MAP_MADE)
    yield from settle(document)


def place(document: Document, shelf: Shelf, memory: Memory, link: Link, screen: Screen) -> Steps:
    """The next one on the shelf; only when it is a layer it is off the shelf for good."""
    if not shelf.next_name:  # pressed twice
        return
    painted = shelf.take()
    screen.tell("")
    try:
        if not painted.picture.box.intersection(Box(0, 0, *document.size())).area:
            raise Trouble(sentences.PLACE_OUTSIDE.format(name=painted.name))
        yield from add(document, painted, memory, lambda: memory.of(document).maps)
    except BaseException:
        shelf.put_back(painted)
        raise
    link.acknowledge(painted.job)
    screen.tell(sentences.placed(painted.task))
    yield from settle(document)


def use(document: Document, id: str, in_place: bool, results: Results, memory: Memory, screen: Screen) -> Steps:
    """A result of the history, in place of the last one that is a layer where that is wanted."""
    painted = yield from results.take(document, id)
    replaces = results.last_layer(document) if in_place else ""
    layer = yield from add(document, painted, memory, lambda: memory.of(document).maps, replaces)
    results.of(document).mark_placed(id, layer)
    screen.tell(sentences.placed(painted.task))
    yield from settle(document)


def show_large(document: Document, id: str, shown: Callable[[Thumb], None], results: Results) -> Steps:
    """A large picture of a result."""
    shown((yield from results.picture(document, id)))
