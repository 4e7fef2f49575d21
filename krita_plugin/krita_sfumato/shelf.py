"""Results: what one is, and where those wait whose picture is not there any more."""

from __future__ import annotations

from dataclasses import dataclass

from . import sentences
from .draft import Picture


@dataclass(frozen=True)
class Painted:
    """A result that is here. task: as the request's; as_mask: its alpha as a transparency mask if there are such."""

    job: str
    task: str
    prompt: str
    picture: Picture
    as_mask: bool = False

    @property
    def name(self) -> str:
        """Of its layer."""
        return sentences.layer_name(self.prompt, self.task)


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

    def take(self) -> Painted:
        """The next one."""
        return self._waiting.pop(0)

    def put_back(self, painted: Painted) -> None:
        """It is the next one again."""
        self._waiting.insert(0, painted)
