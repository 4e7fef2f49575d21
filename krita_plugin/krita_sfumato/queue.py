"""The edits that are not through yet: in order, one reads from Krita at a time, and one is placed at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

from .edit import Edit, Trouble

Steps = Generator[str, None, None]


@dataclass
class Work:
    """What takes steps, and for which edits it is done."""

    edits: list[Edit]
    steps: Steps


class Queue:
    def __init__(self) -> None:
        self.edits: list[Edit] = []
        self.acting: list[Edit] | None = None  # whose step runs now, or failed as nobody foresaw; [] for no edit's
        self._at: Work | None = None
        self._reading: list[Work] = []
        self._placing: list[Work] = []

    @property
    def is_working(self) -> bool:
        """Whether `advance` wants to be called."""
        return bool(self._reading or self._placing)

    @property
    def front(self) -> Edit | None:
        return self.edits[0] if self.edits else None

    def find(self, job: str) -> Edit | None:
        return next((edit for edit in self.edits if edit.job == job), None)

    def begin(self, edits: list[Edit], steps: Steps) -> None:
        """They share what is read for them."""
        self.edits += edits
        self._reading.append(Work(list(edits), steps))

    def end(self, edit: Edit, steps: Steps) -> None:
        """Its result is here."""
        self._placing.append(Work([edit], steps))

    def do(self, steps: Steps) -> None:
        """What belongs to no edit."""
        self._placing.append(Work([], steps))

    def forget(self) -> None:
        """What failed in a way nobody foresaw is not tried again."""
        self._placing = [work for work in self._placing if work is not self._at]
        self._reading = [work for work in self._reading if work is not self._at]
        self.acting = None

    def drop(self, edit: Edit) -> None:
        """It is through, whatever it was doing."""
        if edit in self.edits:
            self.edits.remove(edit)
        for lane in (self._reading, self._placing):
            for work in [work for work in lane if edit in work.edits]:
                work.edits.remove(edit)
                if not work.edits:
                    lane.remove(work)

    def advance(self) -> Iterator[tuple[list[Edit], str | Trouble]]:
        """A step of each of the first ones; the stage they are in, or why they cannot go on."""
        for lane in (self._placing, self._reading):
            if not lane:
                continue
            work = lane[0]
            self._at, self.acting = work, list(work.edits)
            try:
                outcome: str | Trouble = next(work.steps)
            except StopIteration:
                outcome = ""
            except Trouble as trouble:
                outcome = trouble
            edits, self._at, self.acting = work.edits[:], None, None
            if (isinstance(outcome, Trouble) or not outcome) and work in lane:
                lane.remove(work)
            if outcome:
                yield edits, outcome
