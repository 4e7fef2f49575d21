"""The edits that are not through yet: in order, one reads from Krita at a time, and one is placed at a time; beside
them something may go on that leaves the picture alone."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

from .edit import Edit, Trouble

WAITS = ("waiting", "pause_to_read", "pause_to_place")  # stages in which nothing is done
Steps = Generator[str, None, None]


@dataclass
class Work:
    """What takes steps, and for which edits it is done."""

    edits: list[Edit]
    steps: Steps


class Queue:
    def __init__(self) -> None:
        self.edits: list[Edit] = []
        self.acting: list[Edit] = []  # whose step runs now, or failed as nobody foresaw
        self.is_waiting = False  # all that was done in the last step was to wait
        self._at: Work | None = None
        self._reading: list[Work] = []
        self._placing: list[Work] = []
        self._beside: list[Work] = []

    @property
    def is_working(self) -> bool:
        """Whether `advance` wants to be called."""
        return bool(self._reading or self._placing or self._beside)

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

    def do(self, steps: Steps, is_placing: bool) -> None:
        """What belongs to no edit. What leaves the picture alone need not wait for the painter's brush."""
        (self._placing if is_placing else self._beside).append(Work([], steps))

    def forget(self) -> None:
        """What failed in a way nobody foresaw is not tried again."""
        for lane in (self._placing, self._reading, self._beside):
            lane[:] = [work for work in lane if work is not self._at]
        self.acting = []

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
        self.is_waiting = True
        for lane in (self._placing, self._reading, self._beside):
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
            edits, self._at, self.acting = work.edits[:], None, []
            self.is_waiting &= outcome in WAITS
            if (isinstance(outcome, Trouble) or not outcome) and work in lane:
                lane.remove(work)
            if outcome:
                yield edits, outcome
