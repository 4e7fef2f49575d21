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
    """A result that is here. task: as the request's."""

    job: str
    task: str
    prompt: str
    box: Box
    data: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """Of its layer."""
        return sentences.layer_name(self.prompt, self.task)

    def add_to(self, document: Document, memory: Memory, maps: Sequence[str]) -> None:
        """As a layer below `maps`. One that is itself a map goes on top and becomes the chosen one."""
        if self.task == "map":
            memory.keep_map(document, document.new_map(self.name, self.data, self.box))
        else:
            document.add_layer(self.name, self.data, self.box, maps)
            memory.keep(document)


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
