"""Reference paths: what a cell that is not free yet looks like at every level. R_N is x0 exactly (design 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor

from sfumato.steering.run import Run


class Path(Protocol):
    def __call__(self, call: int) -> Tensor:
        """R at the level entering denoiser call `call`; the last level is after the last call."""

    def noise(self, call: int) -> Tensor:
        """The eps for which R = a x0 + b eps at that level."""


class NoisedPath:
    """R = a x0 + b eps with one eps for all levels: img2img, SDEdit's code, differential diffusion."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def __call__(self, call: int) -> Tensor:
        run = self.run
        if call == run.grid.calls:
            return run.x0
        return run.grid.a[call] * run.x0 + run.grid.b[call] * self.noise(call)

    def noise(self, call: int) -> Tensor:
        return self.run.noise


class FreshPath(NoisedPath):
    """R = a x0 + b eps_i with a new eps at every level: SDEdit's paper (masked form), blended diffusion, RePaint.

    The first eps is the pipeline's own; the others come from the caller's generator, one a level, drawn when the level
    is reached.
    """

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._level, self._noise = run.call, run.noise

    def noise(self, call: int) -> Tensor:
        if call != self._level:
            self._level, self._noise = call, self.run.randn()
        return self._noise


class RecordedPath:
    """R as an earlier pass left it: inverted latents (DiffEdit). states: by call, in the denoiser's form."""

    def __init__(self, run: Run, states: Mapping[int, Tensor]) -> None:
        self.run, self.states = run, states

    def __call__(self, call: int) -> Tensor:
        return self.run.x0 if call == self.run.grid.calls else self.states[call]

    def noise(self, call: int) -> Tensor:
        return (self(call) - self.run.grid.a[call] * self.run.x0) / self.run.grid.b[call]
