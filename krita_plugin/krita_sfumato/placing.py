"""A result's way into its picture: in short steps, and while the painter's brush is lifted."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from . import sentences
from .beside import PAINTED
from .edit import Edit, Trouble
from .interfaces import SELECTION, Document
from .memory import Memory
from .shelf import Painted

SETTLING = 40  # steps that Krita is given to make another layer the active one


class Homeless(Trouble):
    """The result has no picture to go to any more."""

    def __init__(self, sentence: str, painted: Painted) -> None:
        super().__init__(sentence)
        self.painted = painted


def place(edit: Edit, memory: Memory) -> Generator[str, None, None]:
    """The result into the document it belongs to, or nowhere."""
    document, painted = edit.document, edit.painted()
    if painted is None:
        raise Trouble(sentences.WRONG_RESULT)

    def maps() -> Sequence[str]:
        if (redo := document.redo()) and redo != edit.redo:  # the painter took something back meanwhile
            raise Homeless(sentences.REDO_WAITS, painted)
        known, chosen = memory.of(document).maps, edit.settings.map.layer
        if _is_beside_picture(document, chosen, known):
            memory.change(document, maps=(*known, chosen))
        return edit.maps(memory)

    edit.layer = yield from add(document, painted, memory, maps, edit.replaces)
    yield from settle(document)


def add(
    document: Document, painted: Painted, memory: Memory, maps: Callable[[], Sequence[str]], replaces: str = ""
) -> Generator[str, None, str]:
    """A layer below `maps`, in the place of another one if that is there; its id. One that is itself a map goes on top
    and becomes the chosen one. maps: asked for just before it is added; may say with a Trouble that it must not be. To
    be followed by `settle`."""
    yield from wait_for_home(document, painted)
    mask = painted.as_mask and document.can_mask()
    with document.new_layer(painted.name, painted.picture, mask, replaces) as new:
        for _ in new.fill():
            yield "placing"
        yield from wait_for_home(document, painted)
        below = maps()
        if painted.task == "map":
            layer = document.add_map(new)
            memory.keep_map(document, layer)
            return layer
        is_there = replaces and document.has(replaces)
        layer = document.replace_layer(replaces, new, below) if is_there else document.add_layer(new, below)
        memory.keep(document)
        return layer


def settle(document: Document) -> Generator[str, None, None]:
    """Until the painter can go on where they were."""
    for _ in range(SETTLING):
        yield "placing"
        if not document.is_open() or document.restore_active():
            break


def wait_for(document: Document, closed: str, resized: str) -> Generator[str, None, None]:
    """Until the document can take something: it must be as it was read. Else Trouble, with one of the sentences."""
    yield "placing"
    while document.is_open() and not document.is_idle():
        yield "pause_to_place"
    if not document.is_open():
        raise Trouble(closed.format(name=document.name))
    if document.size() != (document.width, document.height):
        raise Trouble(resized.format(name=document.name))


def wait_for_home(document: Document, painted: Painted) -> Generator[str, None, None]:
    """The same for a result; Homeless where the document cannot take it any more."""
    try:
        yield from wait_for(document, sentences.DOCUMENT_CLOSED, sentences.DOCUMENT_RESIZED)
    except Trouble as trouble:
        raise Homeless(str(trouble), painted) from None


def _is_beside_picture(document: Document, layer: str, maps: Sequence[str]) -> bool:
    """Whether a layer that was the chosen map of an edit, or of a search, is a map from then on: one that makes up the
    picture alone is not."""
    if layer in maps or layer == SELECTION or not document.has(layer):
        return False
    seen = [other.id for other in document.layers() if other.visible and other.kind in PAINTED and other.id not in maps]
    return any(other != layer for other in seen)
