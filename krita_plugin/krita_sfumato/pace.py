"""How long it will still take: an estimate that is honest and calm.

It looks at how long the latest steps took; the first one does not count, because much is made ready in it. What is
shown only goes down, except when it was plainly too hopeful, and while a step hangs nothing is said.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

LATEST = 6  # steps that the pace is taken from
ENOUGH = 2  # steps until something is said
WORTH = 8.0  # seconds; what takes less in all needs no clock
STEPS = (*range(10, 60, 5), *range(60, 300, 30))  # what is said, in seconds; above, whole minutes
TOO_HOPEFUL = 1.4  # times what is shown, for it to go up
FEW = 5  # said as "a few seconds"
HANGS = 6  # times as long as a step takes: nobody knows any more


class Pace:
    """Of one job. `step` tells it where the job is, `left` says how long it will still take."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begin()

    def _begin(self) -> None:
        self._step, self._steps, self._since = 0, 0, 0.0
        self._took: deque[float] = deque(maxlen=LATEST)
        self._shown: int | None = None

    def step(self, step: int, steps: int) -> None:
        """The job has done `step` of its `steps`. The same again says nothing; fewer, and it has begun anew."""
        if step < self._step or steps != self._steps:
            self._begin()
            self._steps = steps
        elif step == self._step:
            return
        now, done = self._clock(), step - self._step
        if self._step > 0:
            self._took.extend([(now - self._since) / done] * min(done, LATEST))
        self._step, self._since = step, now

    def left(self) -> int | None:
        """Seconds, as a value worth saying; None when there is nothing to say: too early, too short, or done."""
        if self._step < ENOUGH or not self._took or self._step >= self._steps:
            return None
        usual, elapsed = sum(self._took) / len(self._took), self._clock() - self._since
        if elapsed > HANGS * usual + FEW:
            return None
        seconds = self._estimate(usual, elapsed)
        if self._shown is None and seconds < WORTH:
            return None
        said = worth_saying(seconds)
        if self._shown is None or said < self._shown or seconds > TOO_HOPEFUL * max(self._shown, 2 * FEW):
            self._shown = said
        return self._shown

    def _estimate(self, usual: float, elapsed: float) -> float:
        """A step that takes longer than usual counts already while it goes on."""
        if elapsed > usual:
            usual = (sum(self._took) + elapsed) / (len(self._took) + 1)
        return (self._steps - self._step - 1) * usual + max(0.0, usual - elapsed)


def worth_saying(seconds: float) -> int:
    """Never less than what is left: better a little early than late."""
    if seconds <= FEW:
        return FEW
    for value in STEPS:
        if seconds <= value:
            return value
    return 60 * -(-int(seconds) // 60)
