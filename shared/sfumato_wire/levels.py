"""The map's levels: one table of 65,536 integers for preview and backend alike, so that they cannot differ."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

FULL = 65_535  # change is an integer in 0..FULL; an 8-bit grey v is 257 v


@dataclass(frozen=True)
class Levels:
    """Grey as painted -> change, like the levels dialog of a paint program.

    black, white: greys in 0..65535 that mean no change and full change; black < white.
    gamma: > 1 lifts the mid-greys, < 1 lowers them.
    invert: for maps that paint what to keep in white.
    """

    black: int = 0
    white: int = FULL
    gamma: float = 1.0
    invert: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.black < self.white <= FULL:
            raise ValueError(f"Levels need 0 <= black < white <= {FULL}; these are {self.black} and {self.white}.")
        if not 0.1 <= self.gamma <= 10.0:
            raise ValueError(f"The gamma of the levels must lie between 0.1 and 10; this is {self.gamma}.")

    def table(self) -> array[int]:
        """The 65,536 changes by grey: 0 at or below black, FULL at or above white, never decreasing
        (never increasing when inverted)."""
        span = self.white - self.black
        if self.gamma == 1.0:
            ramp = [((v - self.black) * FULL * 2 + span) // (2 * span) for v in range(self.black, self.white + 1)]
        else:
            exponent = 1.0 / self.gamma
            ramp = [round(FULL * ((v - self.black) / span) ** exponent) for v in range(self.black, self.white + 1)]
        values = [0] * self.black + ramp + [FULL] * (FULL - self.white)
        if self.invert:
            values = [FULL - v for v in values]
        return array("H", values)

    @property
    def is_identity(self) -> bool:
        return self == Levels()
