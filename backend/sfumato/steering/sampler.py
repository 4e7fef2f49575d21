"""The reference-path sampler: SDEdit, img2img, differential diffusion, blended diffusion and DiffEdit's decode.

Start at k_min with x = R; for every step, y = step(x) and x_{i+1} = R_{i+1} where i + 1 <= k, y elsewhere (design 4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.change_map import ChangeMap, M, Rounding
from sfumato.steering.reference import NoisedPath, Path
from sfumato.steering.release import Axis, Kind, Release
from sfumato.steering.run import Run


class PathSampler:
    """hinting: cells that are not free yet are injected before every step, so that the model sees in advance what
    surrounds the free ones; without it (the paper's ablation) each cell is injected once, at its own step."""

    own_steps = False

    def __init__(
        self, change_map: ChangeMap, release: Kind = "whole", axis: Axis = "steps", hinting: bool = True
    ) -> None:
        self.change_map, self.kind, self.axis, self.hinting = change_map, release, axis, hinting

    def plan(self, noise_levels: NDArray[np.float64], rounding: Rounding, rows: int, columns: int) -> int:
        self.release = Release(self.change_map, (rows, columns), noise_levels, rounding, self.kind, self.axis)
        return self.release.first

    def calls(self, grid_calls: int, order: int, first: int) -> Sequence[int]:
        return range(first * order, grid_calls)

    def path(self, run: Run) -> Path:
        """R; the pipeline's own noised picture where nothing else is said."""
        return NoisedPath(run)

    def begin(self, run: Run) -> Tensor | None:
        self.reference = self.path(run)
        self.value = run.layout.map(self.release.value, run.x0)
        return None if type(self.reference) is NoisedPath else self.reference(run.call)

    def free(self, run: Run) -> Tensor | None:
        """The cells that take part in the step under way, be it partly."""
        return self.release.weight(run.step, self.value) > 0

    def step(self, run: Run, sample: Tensor, output: Tensor, solve: Callable[[Tensor], Tensor]) -> Tensor:
        w = self.release.weight(run.step, self.value)
        frozen = w == 0
        call = run.call
        run.denoised = lambda: torch.where(frozen, run.x0, run.grid.x0(call, sample, output))
        if not self.hinting:
            # Injected where the next step is a cell's first; a cell that is never free ends as the original.
            once = frozen & (self.release.weight(run.step + 1, self.value) > 0)
            return torch.where(once, self.reference(call + 1), solve(output))
        if run.remembers:
            # A multistep solver remembers what it was told: frozen cells tell it their own x0, so that its history
            # stays true when they are released. By where only: free cells keep their bits.
            truth = run.grid.output(call, run.x0, self.reference.noise(call))
            output = torch.where(frozen, truth, output)
        y = solve(output)
        reference = self.reference(call + 1).to(y.dtype)
        if self.kind == "whole":
            return torch.where(frozen, reference, y)
        partly = torch.lerp(reference, y, (w / M).to(y.dtype))
        return torch.where(w == M, y, torch.where(frozen, reference, partly))
