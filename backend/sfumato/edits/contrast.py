"""Where two texts disagree about a picture: the contrast map of DiffEdit (Couairon et al., arXiv 2210.11427, 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from sfumato_wire.declared import Parameter
from torch import Tensor

from sfumato.change_map import ChangeMap, Rounding
from sfumato.edits.checks import check
from sfumato.errors import InputError
from sfumato.steering import Passes, Run, steer

Normaliser = Literal["mean", "quantile", "absolute", "chance"]

MAP_PARAMETERS = (
    Parameter(
        "noises",
        "int",
        10,
        "How often the model is asked. More gives a calmer map.",
        1,
        100,
        unit="times",
        label="Ask the model",
    ),
    Parameter(
        "level",
        "float",
        0.5,
        "How much noise it is shown the picture under, as a strength.",
        0.0,
        1.0,
        label="Noise laid over",
    ),
    Parameter(
        "normaliser",
        "choice",
        "mean",
        "What becomes white: so many times the mean difference (best where a part is to change), the share of "
        "the picture that differs most, a difference that you name, or so many times what chance alone makes "
        "(best where all is to change).",
        choices=("mean", "quantile", "absolute", "chance"),
        label="White is",
        choice_labels=("times the mean", "a fixed share", "a fixed value", "times chance"),
    ),
    Parameter(
        "times",
        "float",
        3.0,
        "How many times the mean difference is white. Counts where white is times the mean.",
        0.1,
        100.0,
        label="Times the mean",
    ),
    Parameter(
        "quantile",
        "float",
        0.9,
        "The share of the picture that stays below white. Counts where white is a fixed share.",
        0.0,
        1.0,
        label="Share below white",
    ),
    Parameter(
        "absolute",
        "float",
        0.1,
        "The difference that is white, in units of the noise. Counts where white is a fixed value.",
        0.001,
        10.0,
        label="Fixed value",
    ),
    Parameter(
        "chance",
        "float",
        0.5,
        "How many times what chance alone makes is white. Counts where white is times chance.",
        0.01,
        100.0,
        label="Times chance",
    ),
)


class Errors:
    """One pass that asks the model n times, at one level, what the noise is; `errors` is by how much it was wrong.

    x_j = a x0 + b eps_j at the level of strength `level`; eps_1 is the pipeline's own noise, the others are drawn from
    the generator, so that two passes under the same arguments see the same noises.
    """

    own_steps = True

    def __init__(self, noises: int, level: float) -> None:
        self.noises, self.level = noises, level

    def calls(self, grid_calls: int, order: int, first: int) -> Sequence[int]:
        steps = -(-grid_calls // order)
        return [order * min(int((1 - self.level) * steps + 0.5), steps - 1)] * self.noises

    def begin(self, run: Run) -> Tensor:
        self._kept: list[Tensor] = []
        return self._noised(run, run.noise)

    def _noised(self, run: Run, noise: Tensor) -> Tensor:
        self._noise = noise
        return run.grid.a[run.call] * run.x0 + run.grid.b[run.call] * noise

    def step(self, run: Run, sample: Tensor, output: Tensor, solve: Callable[[Tensor], Tensor]) -> Tensor:
        error = self._noise - run.grid.noise(run.call, sample, output)
        self._kept.append(run.layout.unlike(error))
        return run.x0 if run.done + 1 == len(run.calls) else self._noised(run, run.randn())

    @property
    def errors(self) -> Tensor:
        """[n, B, ..., rows, columns]"""
        return torch.stack(self._kept)


def contrast(one: Tensor, other: Tensor) -> NDArray[np.float64]:
    """D = mean over noises and channels of |difference|, [B, rows, columns]: absolute first, or it would cancel."""
    difference = (one.double().cpu() - other.double().cpu()).abs()
    n, batch, rows, columns = *difference.shape[:2], *difference.shape[-2:]
    return np.asarray(difference.reshape(n, batch, -1, rows, columns).mean(dim=(0, 2)))


def normalised(d: NDArray[np.float64], white: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """D in 0..1: white and more is 1. Where white is 0, any contrast is 1 and none is 0."""
    share = np.divide(d, white, out=np.zeros_like(d), where=np.asarray(white > np.zeros_like(d)))
    return np.where(d >= white, (d > 0).astype(np.float64), share)


class Contrast(Errors):
    """An edit that changes nothing and finds a map: its pass asks under the call's own text, a pass before it under
    `reference` (pipeline arguments).

    normaliser: what contrast becomes white, for each picture by itself:
    `mean`      times * mean(D). A picture whose contrast is the same everywhere is 1 / times everywhere.
    `quantile`  the quantile of D.
    `absolute`  this very contrast, in units of the noise (standard deviation 1).
    `chance`    chance * N(p), N what noise alone does: the contrast of the reference text with itself from one noise to
                the next, N = 1 / (n C) sum_j sum_c |e_j - e_{j+1}|, e_j = eps_j - eps(x_j; reference), cyclic. Finds
                changes of the whole picture, too. Needs two noises.
    change_map: cells where it is black are not looked at: they count in no mean and stay black.
    """

    def __init__(
        self,
        reference: Mapping[str, Any],
        noises: int = 10,
        level: float = 0.5,
        normaliser: Normaliser = "mean",
        times: float = 3.0,
        quantile: float = 0.9,
        absolute: float = 0.1,
        chance: float = 0.5,
        change_map: ChangeMap | None = None,
    ) -> None:
        asked = {"noises": noises, "level": level, "normaliser": normaliser}
        check(MAP_PARAMETERS, **asked, times=times, quantile=quantile, absolute=absolute, chance=chance)
        if noises < 2 and normaliser == "chance":
            raise InputError("few_noises", "One noise does not show what is chance. Ask for at least two noises.")
        super().__init__(noises, level)
        self.reference, self.normaliser = reference, normaliser
        self.times, self.quantile, self.absolute, self.chance = times, quantile, absolute, chance
        self.change_map = change_map or ChangeMap.constant(1.0)

    def plan(self, noise_levels: NDArray[np.float64], rounding: Rounding, rows: int, columns: int) -> int:
        self._looked_at = self.change_map.cells(rows, columns) > 0
        return 0

    def prepare(self, passes: Passes) -> None:
        reference = Errors(self.noises, self.level)
        passes(reference, **self.reference)
        self._reference = reference.errors

    @property
    def raw(self) -> NDArray[np.float64]:
        """D before it is normalised, [B, rows, columns], in units of the noise."""
        return contrast(self.errors, self._reference)

    def found(self) -> NDArray[np.float64]:
        """The map, 0..1, [B, rows, columns], once the pass is over."""
        return np.stack([self._normalised(d, index) for index, d in enumerate(self.raw)])

    def _normalised(self, d: NDArray[np.float64], index: int) -> NDArray[np.float64]:
        looked_at = d[self._looked_at]
        white: NDArray[np.float64] | float
        if self.normaliser == "mean":
            white = self.times * float(looked_at.mean())
        elif self.normaliser == "quantile":
            white = float(np.quantile(looked_at, self.quantile))
        elif self.normaliser == "absolute":
            white = self.absolute
        else:
            alone = self._reference[:, index : index + 1]
            white = self.chance * contrast(alone, alone.roll(-1, 0))[0]
        return np.where(self._looked_at, normalised(d, white), 0.0)


def find_map(
    pipe: Any,
    image: Any,
    prompt: str | Mapping[str, Any],
    reference: str | Mapping[str, Any] = "",
    *,
    noises: int = 10,
    level: float = 0.5,
    normaliser: Normaliser = "mean",
    times: float = 3.0,
    quantile: float = 0.9,
    absolute: float = 0.1,
    chance: float = 0.5,
    **arguments: Any,
) -> ChangeMap:
    """The map of what changes in `image` from the text `reference` (none, if empty) to `prompt`, before any threshold;
    a pixel per latent cell.

    image: one picture or its clean latents. prompt, reference: texts, or the pipeline's arguments that say them
    (prompt_embeds...). arguments: the pipeline's own, its generator among them, which stays the caller's.
    The rest: see `Contrast`. Raises InputError, and ValueError for a
    pipeline that cannot be steered.
    """
    said, named = ({"prompt": text} if isinstance(text, str) else dict(text) for text in (prompt, reference))
    finder = Contrast(named, noises, level, normaliser, times, quantile, absolute, chance)
    with steer(pipe, finder) as steered:
        steered(image=image, output_type="latent", **said, **arguments)
    return ChangeMap.of(finder.found()[0])
