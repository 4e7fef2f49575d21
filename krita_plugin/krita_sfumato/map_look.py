"""From a look at the canvas to what the docker shows of it: one thing at a time, the newest wins. Knows neither Qt nor
Krita."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from . import heat
from .interfaces import Compute, Pending
from .vendor.sfumato_wire import Levels


@dataclass(frozen=True)
class Reading:
    """How the map is read. strength: in thousandths; soften: in pixels of the document."""

    levels: Levels = field(default_factory=Levels)
    strength: int = 1000
    soften: int = 0
    alpha_only: bool = False


@dataclass(frozen=True)
class Heat:
    """What there is to show. picture: straight BGRA without the map; heat: premultiplied BGRA to be laid over it;
    counts: of the 256 greys painted; changes: the change that each of them means; asked: the changes in 0..65535 that
    occur, before the strength."""

    width: int
    height: int
    scale: float
    picture: bytes = field(repr=False)
    heat: bytes = field(repr=False)
    counts: list[int] = field(repr=False)
    changes: bytes = field(repr=False)
    asked: tuple[int, ...] = ()


class Preview:
    """compute: calls a function on another thread; show: is handed each new Heat."""

    def __init__(self, compute: Compute, show: Callable[[Heat], None]) -> None:
        self._compute, self._show = compute, show
        self._reading = Reading()
        self._looking: Generator[None, None, Any] | None = None
        self._below: Callable[[Reading], Heat] | None = None
        self._pending: Pending | None = None
        self._is_stale = False

    @property
    def is_working(self) -> bool:
        """Whether `advance` wants to be called."""
        return bool(self._looking or self._pending or (self._is_stale and self._below))

    def see(self, steps: Generator[None, None, Any]) -> None:
        """Take a new look (`looking.look`), instead of one under way."""
        self.give_up()
        self._looking, self._pending = steps, None

    def give_up(self) -> bool:
        """End a look under way, with all that it opened; whether there was one."""
        if self._looking is None:
            return False
        if not self._looking.gi_running:  # timers go on where a step opens a document; `advance` closes it then
            self._looking.close()
        self._looking = None
        return True

    def read(self, reading: Reading) -> None:
        """The map is read in another way; what was looked at holds."""
        if reading != self._reading:
            self._reading, self._is_stale = reading, True

    def forget(self) -> None:
        """There is no picture any more."""
        self.give_up()
        self._below = self._pending = None

    def advance(self) -> None:
        """One step, a few milliseconds at most. What a look raises ends it and comes out here."""
        if self._pending is not None:
            if self._pending.done():
                pending, self._pending = self._pending, None
                self._show(pending.result())
        elif self._looking is not None:
            self._step(self._looking)
        elif self._is_stale and self._below is not None:
            self._is_stale = False
            self._pending = self._compute(self._below, self._reading)

    def _step(self, looking: Generator[None, None, Any]) -> None:
        try:
            next(looking)
        except StopIteration as end:
            if looking is self._looking:
                self._looking, self._below, self._is_stale = None, _Seen(end.value), True
        except Exception:
            self._looking = None
            raise
        if looking is not self._looking:  # it was given up in the middle of the step
            looking.close()


class _Seen:
    """A look, and what of it does not depend on how the map is read. Called on another thread."""

    def __init__(self, look: Any) -> None:
        self._look = look
        self._picture: bytes | None = None

    def __call__(self, reading: Reading) -> Heat:
        look = self._look
        if self._picture is None:
            self._picture = heat.unveiled(look.picture, look.layer, look.veil) if look.veil else look.picture
        alpha_only = reading.alpha_only and not look.is_mask
        changes = heat.change_table(reading.levels, reading.strength)
        change = heat.painted(look.layer, alpha_only).translate(changes)
        change = heat.softened(change, look.width, heat.soft_half(reading.soften, look.scale))
        counts = heat.counts(heat.painted(look.sample, alpha_only))
        table = reading.levels.table()
        asked = tuple(table[257 * grey] for grey, count in enumerate(counts) if count)
        return Heat(look.width, look.height, look.scale, self._picture, heat.heated(change), counts, changes, asked)
