"""Results: how one becomes a layer, and where those wait whose picture is not there any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from . import sentences
from .interfaces import Document
from .memory import Memory
from .vendor.sfumato_wire import Box


@dataclass(frozen=True)
class Painted:
    """A result that is here. task: as the request's; as_mask: its alpha as a transparency mask if there are such."""

    job: str
    task: str
    prompt: str
    box: Box
    data: bytes = field(repr=False)
    format: str = "bgra8"
    as_mask: bool = False

    @property
    def name(self) -> str:
        """Of its layer."""
        return sentences.layer_name(self.prompt, self.task)

    def add_to(self, document: Document, memory: Memory, maps: Sequence[str], replaces: str = "") -> str:
        """As a layer below `maps`, in the place of another one if that is there; the layer's id. One that is itself a
        map goes on top and becomes the chosen one."""
        if self.task == "map":
            layer = document.new_map(self.name, self.data, self.box)
            memory.keep_map(document, layer)
            return layer
        how = self.name, self.data, self.box, maps, self.format, self.as_mask and document.can_mask()
        is_there = replaces and document.has(replaces)
        layer = document.replace_layer(replaces, *how) if is_there else document.add_layer(*how)
        memory.keep(document)
        return layer


class Shelf:
    """Results without a picture, the oldest first. They go only where the painter says."""

    def __init__(self) -> None:
        self._waiting: list[Painted] = []

    @property
    def next_name(self) -> str:
        """Empty when nothing waits."""
        return self._waiting[0].name if self._waiting else ""

    def put(self, painted: Painted) -> None:
        self._waiting.append(painted)

    def place_next(self, document: Document, memory: Memory) -> Painted:
        """Into that document. It leaves the shelf only when it is there."""
        self._waiting[0].add_to(document, memory, memory.of(document).maps)
        return self._waiting.pop(0)
