"""Maps made of what is there already: the selection, and the brightness of a layer. `falloff` makes the third kind.

Each is a generator of short steps that yields the stage it is in, as an edit's does, and returns what the new layer is
to be filled with. Nothing is added here, and where there is nothing to make, a sentence says so.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

from . import curves, sentences
from .beside import Beside
from .drafting import waited
from .interfaces import SELECTION, Compute, Document
from .vendor.sfumato_wire import Box


class NothingToMake(Exception):
    """There is nothing to make a map of; the text is for the painter."""


@dataclass(frozen=True)
class Sources:
    """What a map can be made of just now. layer: the id of the layer the painter is on, "" for none; beside: whether
    that one is no part of the picture."""

    has_document: bool = False
    has_selection: bool = False
    layer: str = ""
    name: str = ""
    beside: Beside = field(default_factory=Beside)


@dataclass(frozen=True)
class Made:
    """What `Document.new_map` takes."""

    name: str
    bgra: bytes = field(repr=False)
    box: Box


Making = Generator[str, None, Made]


def from_selection(document: Document, compute: Compute) -> Making:
    """Its values as opaque greys, exactly; nothing where nothing is selected."""
    yield from pause(document)
    box = document.map_box(SELECTION) if document.has(SELECTION) else None
    if box is None or not box.area:
        raise NothingToMake(sentences.NONE_SELECTED)
    bands = yield from read(lambda: document.read_map(SELECTION, box), sentences.NONE_SELECTED)
    data, is_some = yield from waited(compute(curves.opaque, bands), "making")
    if not is_some:
        raise NothingToMake(sentences.NONE_SELECTED)
    return Made(sentences.MADE_FROM_SELECTION, data, box)


def from_brightness(document: Document, layer: str, preset: str, compute: Compute) -> Making:
    """A layer's greys, as seen, through one of `curves.PRESETS`; nothing where the layer is transparent."""
    yield from pause(document)
    name, box = find(document, layer)
    kind = document.map_format(layer)
    bands = yield from read(lambda: document.read_map(layer, box), sentences.SOURCE_GONE)
    greys = yield from waited(compute(curves.table, preset), "making")
    data, is_some = yield from waited(compute(curves.through, bands, kind, greys), "making")
    if not is_some:
        raise NothingToMake(sentences.ONLY_BLACK.format(name=name, what=sentences.BRIGHTNESS[preset]))
    return Made(sentences.brightness_of(preset, name), data, box)


# ---------------------------------------------------------------------- steps that every kind takes


def pause(document: Document) -> Generator[str, None, None]:
    """Until the painter's brush is lifted."""
    yield "making"
    while document.is_open() and not document.is_idle():
        yield "pause_to_read"
    if not document.is_open():
        raise NothingToMake(sentences.NO_DOCUMENT)


def find(document: Document, layer: str) -> tuple[str, Box]:
    """A layer's name, and where it has pixels."""
    name = next((str(other.name) for other in document.layers() if other.id == layer), None)
    if name is None:
        raise NothingToMake(sentences.SOURCE_GONE)
    box = document.map_box(layer)
    if not box.area:
        raise NothingToMake(sentences.SOURCE_EMPTY.format(name=name))
    return name, box


def read(start: Callable[[], Iterator[bytes]], gone: str) -> Generator[str, None, list[bytes]]:
    """The bands of a layer or of the selection. gone: what is said when it is not there any more."""
    bands = []
    try:
        for band in start():
            bands.append(band)
            yield "making"
    except LookupError:
        raise NothingToMake(gone) from None
    return bands
