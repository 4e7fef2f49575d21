"""When each cell is free: from the map's cells to the weight W_i with which a cell takes part in step i.

All in integers (floats lose steps: int(100 * 0.29) is 28). W is 0 (still on the reference path), M (free) or, for
the release `fractional`, between the two in the one step on whose edge a grey lies.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.change_map import ChangeMap, M, Rounding, release_steps, scaled

Kind = Literal["whole", "fractional"]
Axis = Literal["steps", "noise", "perceived"]


class Release:
    """value: int64 [rows, columns]; thresholds: int64 [N + 1], decreasing to 0. A cell is free in step i when its value
    is above thresholds[i + 1], and wholly so from thresholds[i] on.

    axis `steps` (the paper): change c gives n = N c of N steps. axis `noise`: change c starts at the first level whose
    share of noise b / (a + b) is at most c. axis `perceived`: n = N g(c), g the curve of the map's own model. All keep
    everything at c = 0 and nothing at c = 1.
    """

    def __init__(
        self,
        change_map: ChangeMap,
        cells: tuple[int, int],
        noise_levels: NDArray[np.float64],
        rounding: Rounding,
        kind: Kind = "whole",
        axis: Axis = "steps",
    ) -> None:
        self.steps = steps = len(noise_levels) - 1
        if axis == "perceived":
            v, strength, axis = change_map.perceived(*cells, steps), 1000, "steps"
        else:
            v, strength = change_map.cells(*cells), change_map.strength
        if kind == "whole":
            if axis == "steps":
                self.value = release_steps(v, steps, strength, rounding)
            else:
                # k = min{i: b_i / (a_i + b_i) <= c}; the levels fall, so it is a search from the clean end.
                levels = np.ceil(noise_levels * M).astype(np.int64)
                self.value = np.searchsorted(levels[::-1], scaled(v, strength), side="right") - 1
            self.thresholds = np.arange(steps, -1, -1, dtype=np.int64)
        elif axis == "steps":
            self.value = steps * scaled(v, strength)
            self.thresholds = M * np.arange(steps, -1, -1, dtype=np.int64)
        else:
            self.value = scaled(v, strength)
            self.thresholds = np.ceil(noise_levels * M).astype(np.int64)
        self.first = int(np.argmax(self.thresholds[1:] < self.value.max())) if self.value.any() else steps

    def weight(self, step: int, value: Tensor) -> Tensor:
        """W at outer step i, 0..M, int64. value: `self.value` in the denoiser's form. Outside 0..N-1: 0 and M."""
        if not 0 <= step < self.steps:
            return torch.full_like(value, M if step >= self.steps else 0)
        high, low = int(self.thresholds[step]), int(self.thresholds[step + 1])
        over, width = value - low, max(high - low, 1)
        if width < M:  # where thresholds are M apart, `over` is W already, and dividing is what costs
            over = over * M // width if width > 1 else over * M
        return over.clamp(0, M)
