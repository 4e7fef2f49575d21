"""One edit, step by step: from the painter's layers to a Draft, and from a result to a layer. Finding a map is one too:
it reads the picture alone, and its layer is a new map.

The steps are generators that yield the stage they are in; each step is short, and in between Krita goes on.
Whatever keeps an edit from going on is a Trouble with a sentence.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from . import pixels, sentences, tuning
from .draft import Draft, Picture
from .events import Finished
from .interfaces import Compute, Document
from .memory import Memory
from .shelf import Painted
from .state import Settings
from .vendor.sfumato_wire import Box, EditInfo, Levels, ModelInfo, Welcome, crop_box

PAINTED = ("paintlayer", "vectorlayer", "filllayer", "filelayer", "clonelayer")  # what a picture can be made of
SETTLING = 40  # steps that Krita is given to make another layer the active one


class Trouble(Exception):
    """The edit cannot go on; the text is for the painter."""


class Homeless(Trouble):
    """The result has no picture to go to any more."""

    def __init__(self, sentence: str, painted: Painted) -> None:
        super().__init__(sentence)
        self.painted = painted


@dataclass
class Edit:
    """task: as the request's; result: what came of it; placed: and it is a layer."""

    job: str
    task: str
    document: Document
    settings: Settings
    began: float
    submitted: bool = False
    result: Finished | None = None
    placed: bool = False

    def maps(self, memory: Memory) -> tuple[str, ...]:
        """The layers that are no part of the picture; asked for when needed, as the painter may add some any time."""
        return tuple(dict.fromkeys(filter(None, [self.settings.map_id, *memory.of(self.document).maps])))

    def painted(self) -> Painted | None:
        """Its result, if there is one that fits and it is no layer yet."""
        layer = self.result.layer if self.result and not self.placed else None
        if layer is None or layer.format != "bgra8":
            return None
        if not Box(0, 0, self.document.width, self.document.height).contains(layer.box):
            return None
        assert self.result is not None
        return Painted(self.job, self.task, self.settings.prompt, layer.box, self.result.data)


def check(document: Document | None, settings: Settings, task: str, edits: Sequence[EditInfo] = ()) -> Document:
    """What can be said the moment the button is pressed. edits: what the backend offers, as far as it is known."""
    if document is None:
        raise Trouble(sentences.NO_DOCUMENT)
    if task == "map":
        if not settings.prompt:
            raise Trouble(sentences.NO_WORDS)
        return document
    if not settings.map_id:
        raise Trouble(_or_find(sentences.NO_MAP, edits))
    if not document.has(settings.map_id):
        raise Trouble(sentences.MAP_GONE)
    if not settings.inverted and not document.map_box(settings.map_id).area:
        raise Trouble(_or_find(sentences.MAP_EMPTY.format(name=_name_of(document, settings.map_id)), edits))
    if settings.strength <= 0:
        raise Trouble(sentences.NO_STRENGTH)
    return document


def prepare(edit: Edit, welcome: Welcome, memory: Memory, compute: Compute) -> Generator[str, None, Draft]:
    """Reads the map, then the part of the picture that it needs; all of the picture where a map is to be found."""
    document, settings = edit.document, edit.settings
    model = next((m for m in welcome.models if m.id == settings.model), None) or next(iter(welcome.models), None)
    if model is None:
        raise Trouble(sentences.NO_MODEL)
    info = _method(edit, welcome)
    yield "reading"
    while document.is_open() and not document.is_idle():
        yield "pause_to_read"
    width, height = _still(document)
    change_map, box = None, Box(0, 0, width, height)
    if edit.task == "edit":
        change_map = yield from _read_map(document, settings, welcome.edits, width, height, compute)
        _still(document)
        box = crop_box(change_map.box, width, height, model.native)
    canvas = Picture(box, "bgra8", document.read_picture(box, edit.maps(memory)))
    yield "sending"
    return Draft(canvas, change_map, _fields(edit, model, info, width, height))


def place(edit: Edit, memory: Memory) -> Generator[str, None, None]:
    """The result into the document it belongs to, or nowhere."""
    document, painted = edit.document, edit.painted()
    if painted is None:
        raise Trouble(sentences.WRONG_RESULT)
    yield "placing"
    while document.is_open() and not document.is_idle():
        yield "pause_to_place"
    if not document.is_open():
        raise Homeless(sentences.DOCUMENT_CLOSED.format(name=document.name), painted)
    if document.size() != (document.width, document.height):
        raise Homeless(sentences.DOCUMENT_RESIZED.format(name=document.name), painted)
    maps = memory.of(document).maps
    if _is_beside_picture(document, edit.settings.map_id, maps):
        memory.change(document, maps=(*maps, edit.settings.map_id))
    painted.add_to(document, memory, edit.maps(memory))
    edit.placed = True
    for _ in range(SETTLING):
        yield "placing"
        if document.restore_active():
            break


def closing(edit: Edit, seconds: float, active: Document | None) -> str:
    """What is said when all went well. active: the document the painter looks at."""
    elsewhere = active is None or active.id != edit.document.id
    where = sentences.ELSEWHERE.format(name=edit.document.name) if elsewhere else ""
    if edit.task == "map":
        return sentences.MAP_FOUND.format(seconds=seconds) + where
    said = sentences.DONE.format(seconds=seconds) + where
    for layer in edit.document.layers():
        if layer.id == edit.settings.map_id and layer.visible:
            said += sentences.MAP_IN_FRONT.format(name=layer.name)
    return said


def _read_map(
    document: Document, settings: Settings, edits: Sequence[EditInfo], width: int, height: int, compute: Compute
) -> Generator[str, None, Picture]:
    """The painted part of the map. Inverted, what is not painted changes fully, so all of the canvas counts."""
    layer = settings.map_id
    name = _name_of(document, layer)
    box = Box(0, 0, width, height) if settings.inverted else document.map_box(layer)
    if not box.area:
        raise Trouble(_or_find(sentences.MAP_EMPTY.format(name=name), edits))
    kind = document.map_format(layer)
    bands: list[bytes] = []
    try:
        for band in document.read_map(layer, box):
            bands.append(band)
            yield "reading"
    except LookupError:
        raise Trouble(sentences.MAP_GONE) from None
    found = compute(pixels.support, bands, box.width, kind, settings.inverted, settings.alpha_only)
    while not found.done():
        yield "reading"
    inner: Box | None = found.result()
    if inner is None:
        is_painted = any(band.strip(b"\0") for band in bands)
        if is_painted:
            raise Trouble(sentences.MAP_BLACK.format(name=name))
        raise Trouble(_or_find(sentences.MAP_EMPTY.format(name=name), edits))
    cut = compute(pixels.cut, bands, box.width, kind, inner)
    while not cut.done():
        yield "reading"
    return Picture(Box(box.x + inner.x, box.y + inner.y, inner.width, inner.height), kind, cut.result())


def _is_beside_picture(document: Document, layer: str, maps: Sequence[str]) -> bool:
    """Whether a layer that was the chosen map of an edit, or of a search, is a map from then on: one that makes up the
    picture alone is not."""
    seen = [other.id for other in document.layers() if other.visible and other.kind in PAINTED and other.id not in maps]
    return layer not in maps and document.has(layer) and any(other != layer for other in seen)


def _or_find(sentence: str, edits: Sequence[EditInfo]) -> str:
    return sentence + sentences.OR_FIND if tuning.finder(edits, "") else sentence


def _name_of(document: Document, layer: str) -> str:
    for other in document.layers():
        if other.id == layer:
            return str(other.name)
    raise Trouble(sentences.MAP_GONE)


def _still(document: Document) -> tuple[int, int]:
    """The size now; an edit belongs to the size it was read at."""
    if not document.is_open():
        raise Trouble(sentences.NO_DOCUMENT)
    document.width, document.height = document.size()
    return document.width, document.height


def _method(edit: Edit, welcome: Welcome) -> EditInfo:
    """The edit that is to do it."""
    chosen = edit.settings.edit
    if edit.task == "map":
        found = tuning.finder(welcome.edits, chosen)
        if found is None:
            raise Trouble(sentences.NO_FINDER)
        return found
    if not welcome.edits:
        raise Trouble(sentences.NO_MODEL)
    for info in welcome.edits:
        if info.id == (chosen or welcome.edits[0].id):
            return info
    raise Trouble(sentences.NO_SUCH_EDIT.format(edit=chosen))


def _fields(edit: Edit, model: ModelInfo, info: EditInfo, width: int, height: int) -> dict[str, Any]:
    settings = edit.settings
    fields: dict[str, Any] = {
        "task": edit.task,
        "model": model.id,
        "edit": info.id,
        "prompt": settings.prompt,
        "source_prompt": settings.source_prompt if info.source_prompt else "",
        "negative_prompt": settings.negative_prompt,
        "width": width,
        "height": height,
        "seed": settings.seed or 0,
        "steps": settings.steps or model.steps,
        # A map is where two texts differ; guidance scales that everywhere alike, and costs a second answer each time.
        "guidance_scale": model.guidance_scale if edit.task == "edit" else 1.0,
        "settings": tuning.values_for(settings.tuning, info, edit.task),
        "layer_format": "bgra8",
    }
    if edit.task == "edit":
        fields |= {
            "strength": round(settings.strength * 10),
            "levels": Levels(invert=settings.inverted),
            "map_channel": "alpha" if settings.alpha_only else "luminance",
        }
    return fields
