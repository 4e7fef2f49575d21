"""One edit: what the painter asked for, what came of it, and its way into the picture. Finding a map is one too: its
layer is a new map.

What takes time is a generator that yields the stage it is in; each step is short, and in between Krita goes on.
Whatever keeps an edit from going on is a Trouble with a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from . import sentences, tuning
from .draft import Draft, Picture
from .events import Finished
from .interfaces import SELECTION, Document
from .memory import Memory
from .settings import Settings
from .shelf import Painted
from .state import Way
from .vendor.sfumato_wire import Box, EditInfo

FORMATS = ("bgra8", "bgra16")  # of results


class Trouble(Exception):
    """The edit cannot go on; the text is for the painter."""


@dataclass
class Edit:
    """task: as the request's. batch: the edits that were begun with one press have one. label: of its thumbnail.
    places: whether its result becomes a layer by itself; replaces: the layer whose place that takes. in_fan: others of
    the batch differ in strength. redo: what could be redone when it was wanted; left_out: more layers that are no part
    of the picture. result: what came of it; layer: which it is, "" as long as it is none."""

    job: str
    task: str
    document: Document
    settings: Settings
    began: float
    batch: int = 0
    label: str = ""
    places: bool = True
    replaces: str = ""
    in_fan: bool = False
    redo: str = ""
    left_out: tuple[str, ...] = ()
    draft: Draft | None = None
    submitted: bool = False
    way: Way = field(default_factory=Way)
    result: Finished | None = None
    layer: str = ""

    def maps(self, memory: Memory) -> tuple[str, ...]:
        """The layers that are no part of the picture; asked for when needed, as the painter may add some any time."""
        known = memory.of(self.document).maps
        return tuple(dict.fromkeys(filter(None, [self.settings.map.layer, self._guide, *known, *self.left_out])))

    @property
    def _guide(self) -> str:
        """What a ControlNet is shown is no part of the picture either."""
        return self.settings.guide.layer if self.settings.guide.id else ""

    def painted(self) -> Painted | None:
        """Its result, if there is one that fits and it is no layer yet."""
        layer = self.result.layer if self.result and not self.layer else None
        if layer is None or layer.format not in FORMATS:
            return None
        if not Box(0, 0, self.document.width, self.document.height).contains(layer.box):
            return None
        assert self.result is not None
        said = self.settings
        picture = Picture(layer.box, layer.format, self.result.data)
        return Painted(self.job, self.task, said.prompt, picture, said.as_mask)


def check(document: Document | None, settings: Settings, task: str, edits: Sequence[EditInfo] = ()) -> Document:
    """What can be said the moment the button is pressed. edits: what the backend offers, as far as it is known."""
    if document is None:
        raise Trouble(sentences.NO_DOCUMENT)
    if task == "map":
        if not settings.prompt:
            raise Trouble(sentences.NO_WORDS)
        return document
    layer = settings.map.layer
    if not layer:
        raise Trouble(or_find(sentences.NO_MAP, edits))
    if not document.has(layer):
        raise Trouble(sentences.NO_SELECTION if layer == SELECTION else sentences.MAP_GONE)
    if not settings.map.inverted and not document.map_box(layer).area:
        raise Trouble(or_find(sentences.MAP_EMPTY.format(name=name_of(document, layer)), edits))
    if settings.strength <= 0:
        raise Trouble(sentences.NO_STRENGTH)
    return document


def closing(edit: Edit, seconds: float, active: Document | None) -> str:
    """What is said when all went well. active: the document the painter looks at."""
    elsewhere = active is None or active.id != edit.document.id
    where = sentences.ELSEWHERE.format(name=edit.document.name) if elsewhere else ""
    if edit.task == "map":
        return sentences.MAP_FOUND.format(seconds=seconds) + where
    if not edit.places:
        return sentences.PICK.format(seconds=seconds) + where
    said = sentences.DONE.format(seconds=seconds) + where
    layers = list(edit.document.layers())
    above = next((at for at, layer in enumerate(layers) if layer.id == edit.layer), 0)
    for layer in layers[:above]:
        if layer.id == edit.settings.map.layer and layer.visible:
            said += sentences.MAP_IN_FRONT.format(name=layer.name)
    return said


def or_find(sentence: str, edits: Sequence[EditInfo]) -> str:
    return sentence + sentences.OR_FIND if tuning.finder(edits, "") else sentence


def name_of(document: Document, layer: str) -> str:
    if layer == SELECTION:
        return sentences.SELECTION
    for other in document.layers():
        if other.id == layer:
            return str(other.name)
    raise Trouble(sentences.MAP_GONE)
