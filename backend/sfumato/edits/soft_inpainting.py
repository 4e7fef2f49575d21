"""Soft inpainting, as AUTOMATIC1111's web UI has it: greys hold the prediction, not the steps.

In every step the denoiser's x0 is drawn towards the original by w = c^(sigma^p k), c the map's grey: soft areas are
locked while there is much noise and free at the end, without levels or thresholds. What is shown in the end is decided
by what changed (`sfumato.composite.Difference`). sigma = b / a is in variance-exploding units for every family; taken
as a flow model's own number, which never passes 1, half a grey would never weigh less than .71.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sfumato_wire.declared import EditInfo, GreysWhen, Parameter
from torch import Tensor

from sfumato.change_map import ChangeMap, M, Rounding, release_steps
from sfumato.composite import Difference
from sfumato.edits.checks import check
from sfumato.edits.words import Words
from sfumato.steering import Run

COMPOSITE = "difference"
INFO = EditInfo(
    id="soft-inpainting",
    name="Soft inpainting",
    help="Greys blend the new picture with the original while it is made. Good for wide, soft transitions.",
    parameters=(
        Parameter(
            "schedule_bias",
            "float",
            1.0,
            "When greys keep the original: above 1 more at the beginning, below 1 more at the end.",
            0.0,
            8.0,
            label="Keep early or late",
        ),
        Parameter(
            "preservation",
            "float",
            0.5,
            "How strongly greys keep the original.",
            0.0,
            8.0,
            label="Keep the original",
        ),
        Parameter(
            "contrast_boost",
            "float",
            4.0,
            "Contrast of what is blended: low is softer and may fade, high is crisp and may glare.",
            1.0,
            32.0,
            label="Contrast of the blend",
        ),
        Parameter(
            "mask_influence",
            "float",
            0.0,
            "What decides where the new picture shows: how much changed (0), the map too (1).",
            0.0,
            1.0,
            label="Weight of the map",
        ),
        Parameter(
            "difference_threshold",
            "float",
            0.5,
            "How much must change before the new picture shows by half; high keeps more of the original's pixels.",
            0.0,
            8.0,
            label="Shows from",
        ),
        Parameter(
            "difference_contrast",
            "float",
            2.0,
            "How sudden the new picture shows: low is gradual and may leave ghosts, high is abrupt.",
            0.0,
            8.0,
            label="Shows suddenly",
        ),
    ),
    greys_when=(GreysWhen("preservation", 0.0, "one"),),
)


class SoftInpainting:
    """The six parameters with their published defaults (p, k, d; then the composite's). The map's greys are c, without
    its global strength, which shortens the schedule as a pipeline's own strength does. White is the pipeline's
    img2img, black is the original. Raises InputError for settings out of the ranges of `INFO`."""

    own_steps = False

    def __init__(
        self,
        change_map: ChangeMap,
        schedule_bias: float = 1.0,
        preservation: float = 0.5,
        contrast_boost: float = 4.0,
        mask_influence: float = 0.0,
        difference_threshold: float = 0.5,
        difference_contrast: float = 2.0,
    ) -> None:
        check(
            INFO,
            schedule_bias=schedule_bias,
            preservation=preservation,
            contrast_boost=contrast_boost,
            mask_influence=mask_influence,
            difference_threshold=difference_threshold,
            difference_contrast=difference_contrast,
        )
        self.change_map, self.p, self.k, self.d = change_map, schedule_bias, preservation, contrast_boost
        self.difference = Difference(mask_influence, difference_threshold, difference_contrast, preservation)

    def plan(self, noise_levels: NDArray[np.float64], rounding: Rounding, rows: int, columns: int) -> int:
        self.cells = self.change_map.cells(rows, columns)
        steps = len(noise_levels) - 1
        white = np.array(M if self.cells.any() else 0)
        return steps - int(release_steps(white, steps, self.change_map.strength, rounding))

    def calls(self, grid_calls: int, order: int, first: int) -> Sequence[int]:
        return range(first * order, grid_calls)

    def begin(self, run: Run) -> Tensor | None:
        self.c = run.layout.map(self.cells, run.x0).to(_wide(run.x0)) / M
        return None

    def free(self, run: Run) -> Tensor:
        """Greys are free in every step: it is the prediction that is held."""
        return self.c > 0

    def weight(self, sigma: Tensor) -> Tensor:
        """w of every cell, 0 to 1, at a level of that sigma; 0 and 1 exactly where the map is black and white."""
        w = self.c ** (sigma.to(self.c) ** self.p * self.k)
        return torch.where(self.c == 0, 0, w)

    def step(self, run: Run, sample: Tensor, output: Tensor, solve: Callable[[Tensor], Tensor]) -> Tensor:
        call, grid = run.call, run.grid
        w = self.weight(grid.sigma(call))
        wide = _wide(sample)
        predicted = grid.x0(call, sample, output).to(wide)
        x0 = blended(run, run.x0.to(wide), predicted, w, self.d)
        # By where only: what the map leaves free keeps the model's own bits.
        output = torch.where(w == 1, output, grid.output_for(call, sample.to(wide), x0).to(output.dtype))
        run.denoised = lambda: grid.x0(call, sample, output)
        y = solve(output)
        return torch.where(w == 0, run.x0, y) if call + 1 == grid.calls else y


def blended(run: Run, original: Tensor, predicted: Tensor, w: Tensor, d: float) -> Tensor:
    """lerp(original, predicted, w), every cell's vector (over the channels) brought to the length
    (|original|^d (1 - w) + |predicted|^d w)^(1/d): a plain mean of two different things would be a grey thing."""

    def length(x: Tensor) -> Tensor:
        grid = run.layout.unlike(x)
        return run.layout.like(torch.linalg.vector_norm(grid, dim=tuple(range(1, grid.ndim - 2)), keepdim=True))

    mean = torch.lerp(original, predicted, w)
    tiny = torch.finfo(mean.dtype).tiny
    old, new, now = (length(x).clamp(min=tiny) for x in (original, predicted, mean))
    longer = torch.maximum(old, new)  # as shares of the longer one, powers of 32 stay numbers
    wanted = longer * ((old / longer) ** d * (1 - w) + (new / longer) ** d * w) ** (1 / d)
    return mean * (wanted / now)


def _wide(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def create(change_map: ChangeMap, words: Words, **settings: float) -> SoftInpainting:
    """The edit as a request's settings describe it; `INFO` declares them."""
    return SoftInpainting(change_map, **settings)
