"""Differential Diffusion: giving each pixel its strength (Levin and Fried, arXiv 2306.00950, Algorithm 1).

A cell with n of N steps of change stays on the reference path R (the original, noised to the level at hand) until
step k = N - n and is the sampler's from then on. Cells that are not free yet are injected again before every step,
so the model sees in advance what surrounds the free ones ("future hinting"). White changes; R_N is the original
itself, so a constant map is the pipeline's own img2img and a black one is the identity.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from sfumato_wire.messages import EditInfo, Parameter
from torch import Tensor

from sfumato.change_map import ChangeMap, M, Rounding, release_steps, scaled
from sfumato.steering.scheduler import Run

Release = Literal["whole", "fractional"]

INFO = EditInfo(
    id="differential",
    name="Differential Diffusion",
    help="Every pixel changes as much as its grey says: white fully, black not at all.",
    parameters=(
        Parameter(
            "release",
            "choice",
            "fractional",
            "How greys between two steps count: 'fractional' lets every grey count, 'whole' rounds to whole steps.",
            choices=("fractional", "whole"),
        ),
    ),
)


class Differential:
    """release: `whole` gives a cell n = floor or ceil of N c steps, by the pipeline's own rule, and is that
    pipeline's img2img for a constant map; `fractional` also gives it its part of the step at the edge."""

    def __init__(self, change_map: ChangeMap, release: Release = "whole") -> None:
        self.change_map = change_map
        self.release = release

    def plan(self, steps: int, rounding: Rounding, rows: int, columns: int) -> int:
        """k_min; and from here on, per cell: k (whole) or N V' (fractional), in integers."""
        v, strength = self.change_map.cells(rows, columns), self.change_map.strength
        if self.release == "whole":
            self._k = steps - release_steps(v, steps, strength, rounding)
            return int(self._k.min())
        self._nv = steps * scaled(v, strength)
        return int(steps - -(-int(self._nv.max()) // M))

    def begin(self, run: Run, sample: Tensor) -> None:
        if self.release == "whole":
            self.k = run.layout.map(self._k, sample)
        else:
            self.nv = run.layout.map(self._nv, sample)

    def weight(self, run: Run) -> Tensor:
        """W, 0..M: how much of step i a cell takes part in (fractional release)."""
        return (self.nv - (run.grid.steps - run.step - 1) * M).clamp(0, M)

    def frozen(self, run: Run) -> Tensor:
        if self.release == "whole":
            return run.step + 1 <= self.k
        return self.weight(run) == 0

    def after_step(self, run: Run, y: Tensor) -> Tensor:
        reference = run.reference(run.call + 1)
        if self.release == "whole":
            return torch.where(run.step + 1 <= self.k, reference, y)
        w = self.weight(run)
        partly = torch.lerp(reference, y, (w / M).to(y.dtype))
        return torch.where(w == M, y, torch.where(w == 0, reference, partly))


def create(change_map: ChangeMap, **settings: Any) -> Differential:
    """The edit as a request's settings describe it; `INFO` declares them."""
    return Differential(change_map, settings["release"])
