"""From the painter's layers to a Draft: the map, then the part of the picture that it needs."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any

from . import pixels, sentences, tuning
from .draft import Draft, Picture
from .edit import Edit, Trouble, name_of, or_find
from .fitting import fitting
from .interfaces import Compute, Document, Pending
from .memory import Memory
from .settings import Choice, Guide
from .vendor.sfumato_wire import Box, EditInfo, Extra, ModelInfo, Welcome, crop_box, softened_reach
from .vendor.sfumato_wire.limits import MAX_BLOB


def prepare(edit: Edit, welcome: Welcome, memory: Memory, compute: Compute) -> Generator[str, None, Draft]:
    """Reads the map, then the part of the picture that it needs; all of the picture where a map is to be found."""
    document, settings = edit.document, edit.settings
    model, info = _model(settings.model, welcome), _method(edit, welcome)
    yield "reading"
    while document.is_open() and not document.is_idle():
        yield "pause_to_read"
    width, height = _still(document)
    change_map, box = None, Box(0, 0, width, height)
    if edit.task == "edit":
        change_map = yield from read_map(document, settings.map, welcome.edits, width, height, compute)
        _still(document)
        reach, at = softened_reach(settings.map.soften), change_map.box
        grown = Box(at.x - reach, at.y - reach, at.width + 2 * reach, at.height + 2 * reach)
        box = crop_box(grown.intersection(box), width, height, model.native)
    if box.area * 4 > MAX_BLOB:
        raise Trouble(sentences.TOO_LARGE)
    canvas = yield from _picture(document.read_picture(box, edit.maps(memory)), box, compute)
    guide = settings.guide if "controlnet" in model.takes else Guide()
    shown = (yield from _read_shown(document, guide, box, compute)) if guide.id else None
    yield "sending"
    said = {"id": guide.id, "weight": guide.weight, "begin": guide.begin, "end": guide.end}
    return Draft(canvas, change_map, fields_of(edit, model, info, welcome.vaes, width, height), shown, said)


def _read_shown(document: Document, guide: Guide, box: Box, compute: Compute) -> Generator[str, None, Picture]:
    """The picture for a ControlNet: a layer alone."""
    if not guide.layer or not document.has(guide.layer):
        raise Trouble(sentences.NO_GUIDE_LAYER)
    return (yield from _picture(document.read_layer(guide.layer, box), box, compute))


def _picture(read: Iterator[bytes], box: Box, compute: Compute) -> Generator[str, None, Picture]:
    """Of bands that are read one by one."""
    bands: list[bytes] = []
    for band in read:
        bands.append(band)
        yield "reading"
    return Picture(box, "bgra8", (yield from waited(compute(pixels.use_up, bands, b"".join), "reading")))


def read_map(
    document: Document, choice: Choice, edits: Sequence[EditInfo], width: int, height: int, compute: Compute
) -> Generator[str, None, Picture]:
    """The painted part of the map. Inverted, what is not painted changes fully, so all of the canvas counts."""
    layer = choice.layer
    name = name_of(document, layer)
    box = Box(0, 0, width, height) if choice.inverted else document.map_box(layer)
    if not box.area:
        raise Trouble(or_find(sentences.MAP_EMPTY.format(name=name), edits))
    kind = document.map_format(layer)
    bands: list[bytes] = []
    try:
        for band in document.read_map(layer, box):
            bands.append(band)
            yield "reading"
    except LookupError:
        raise Trouble(sentences.MAP_GONE) from None
    inner: Box | None = yield from waited(
        compute(pixels.support, bands, box.width, kind, choice.inverted, choice.alpha_only), "reading"
    )
    if inner is None:
        is_painted = any(band.strip(b"\0") for band in bands)
        if is_painted:
            raise Trouble(sentences.MAP_BLACK.format(name=name))
        raise Trouble(or_find(sentences.MAP_EMPTY.format(name=name), edits))
    data = yield from waited(compute(pixels.use_up, bands, pixels.cut, box.width, kind, inner), "reading")
    return Picture(Box(box.x + inner.x, box.y + inner.y, inner.width, inner.height), kind, data)


def waited(pending: Pending, stage: str) -> Generator[str, None, Any]:
    """What another thread computes."""
    while not pending.done():
        yield stage
    return pending.result()


def fields_of(
    edit: Edit, model: ModelInfo, info: EditInfo, vaes: Sequence[Extra], width: int, height: int
) -> dict[str, Any]:
    """The fields of its Request, but for the pictures. vaes: those there are; one that is not for the model waits for
    the painter to choose its own again."""
    settings = edit.settings
    is_for_it = any(vae.id == settings.vae for vae in fitting("vae", model, vaes))
    guidance = model.guidance_scale if settings.guidance is None else settings.guidance
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
        "guidance_scale": guidance if edit.task == "edit" else 1.0,
        "settings": tuning.values_for(settings.tuning, info, edit.task),
        "layer_format": "bgra8",
        "scheduler": settings.scheduler,
        "vae": settings.vae if is_for_it else "",
    }
    if edit.task == "edit":
        fields |= {
            "strength": round(settings.strength * 10),
            "levels": settings.map.levels,
            "map_channel": "alpha" if settings.map.alpha_only else "luminance",
            "soften": settings.map.soften,
        }
        if edit.document.wants_16_bits() and width * height * 8 <= MAX_BLOB:
            fields["layer_format"] = "bgra16"
    return fields


def _still(document: Document) -> tuple[int, int]:
    """The size now; an edit belongs to the size it was read at."""
    if not document.is_open():
        raise Trouble(sentences.NO_DOCUMENT)
    document.width, document.height = document.size()
    return document.width, document.height


def _model(chosen: str, welcome: Welcome) -> ModelInfo:
    if not welcome.models:
        raise Trouble(sentences.NO_MODEL)
    for model in welcome.models:
        if model.id == (chosen or welcome.models[0].id):
            return model
    raise Trouble(sentences.NO_SUCH_MODEL.format(model=chosen))


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
