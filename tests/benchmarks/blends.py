"""What was tried for greys between two steps. The product keeps one of them (steering/sampler.py, docs/few-steps.md).

Each is a sampler like the product's; R is the reference path and y the solver's state at the same level, W in (0, 1)
the share of the step that a cell takes part in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sfumato.change_map import ChangeMap, M, Rounding, scaled
from sfumato.edits import Differential
from sfumato.steering import PathSampler, Run
from torch import Tensor


class Blend(PathSampler):
    """The mean (1 - W) R + W y. For a deterministic solver of first order, whose steps are straight lines in sigma, it
    is the same as letting the cell enter at the sigma in between: x0 + sigma' eps + W (sigma - sigma')(eps_hat - eps).
    """

    def __init__(self, change_map: ChangeMap) -> None:
        super().__init__(change_map, "fractional")

    def step(self, run: Run, sample: Tensor, output: Tensor, solve: Callable[[Tensor], Tensor]) -> Tensor:
        w = self.release.weight(run.step, self.value)
        y, reference = solve(output), self.reference(run.call + 1)
        partly = self.blend(run, sample, output, reference, y, (w / M).to(y.dtype))
        return torch.where(w == M, y, torch.where(w == 0, reference, partly))

    def blend(self, run: Run, sample: Tensor, output: Tensor, reference: Tensor, y: Tensor, share: Tensor) -> Tensor:
        return torch.lerp(reference, y, share)


class Whole(PathSampler):
    """No greys between two steps: the paper."""


class Energy(Blend):
    """The mean, scaled so that the square of every cell is what R and y have on average: nothing is lost."""

    def blend(self, run: Run, sample: Tensor, output: Tensor, reference: Tensor, y: Tensor, share: Tensor) -> Tensor:
        mean = torch.lerp(reference, y, share)
        kept = torch.lerp(reference.square().sum(1, True), y.square().sum(1, True), share)
        return mean * (kept / mean.square().sum(1, True).clamp(min=1e-12)).sqrt()


class NoiseEnergy(Blend):
    """Clean parts by the mean, noise parts by the mean at the magnitude that both have on average."""

    def blend(self, run: Run, sample: Tensor, output: Tensor, reference: Tensor, y: Tensor, share: Tensor) -> Tensor:
        a, b = run.grid.a[run.call + 1], run.grid.b[run.call + 1]
        if b == 0:
            return torch.lerp(reference, y, share)
        x0 = run.grid.x0(run.call, sample, output)
        eps, predicted = run.noise, (y - a * x0) / b
        mean = torch.lerp(eps, predicted, share)
        kept = torch.lerp(eps.square().sum(1, True), predicted.square().sum(1, True), share)
        noise = mean * (kept / mean.square().sum(1, True).clamp(min=1e-12)).sqrt()
        return a * torch.lerp(run.x0, x0, share) + b * noise


class Contrast(Blend):
    """The clean parts by the mean, at the contrast (per picture and channel) that both have on average; the noise is
    the path's own, which y holds too."""

    def blend(self, run: Run, sample: Tensor, output: Tensor, reference: Tensor, y: Tensor, share: Tensor) -> Tensor:
        a, b = run.grid.a[run.call + 1], run.grid.b[run.call + 1]
        theirs = (y - b * run.noise) / a
        clean = torch.lerp(run.x0, theirs, share)
        kept = torch.lerp(_variance(run.x0), _variance(theirs), share.mean((-2, -1), True))
        mean = clean.mean((-2, -1), True)
        return a * (mean + (kept / _variance(clean)).sqrt() * (clean - mean)) + b * run.noise


class FreshNoise(Blend):
    """The mean, and fresh noise of exactly the variance that averaging takes away: sqrt(W (1 - W)) |R - y|."""

    def blend(self, run: Run, sample: Tensor, output: Tensor, reference: Tensor, y: Tensor, share: Tensor) -> Tensor:
        lost = (share * (1 - share)).sqrt() * (reference - y).abs()
        return torch.lerp(reference, y, share) + lost * run.randn()


class Dither(Blend):
    """Every cell is R or y, y in a share W of them, by an ordered pattern: no state is averaged at all."""

    def blend(self, run: Run, sample: Tensor, output: Tensor, reference: Tensor, y: Tensor, share: Tensor) -> Tensor:
        rows, columns = y.shape[-2:]
        pattern = torch.as_tensor(_bayer(3))
        pattern = pattern.repeat(-(-rows // 8), -(-columns // 8))[:rows, :columns]
        return torch.where(pattern < share, y, reference)


class WhiteDither(Blend):
    """The same by independent chance: the two moments of every cell are those of the mixture of R and y."""

    def begin(self, run: Run) -> Tensor | None:
        draws = torch.Generator().manual_seed(7)
        self.chance = torch.rand((len(run.x0), 1, *run.x0.shape[-2:]), generator=draws, dtype=torch.float64)
        return super().begin(run)

    def blend(self, run: Run, sample: Tensor, output: Tensor, reference: Tensor, y: Tensor, share: Tensor) -> Tensor:
        return torch.where(self.chance < share, y, reference)


class OwnLevel(Blend):
    """Enter at the level whose share of noise b / (a + b) lies W between, holding what the model says there: of the
    noise, or (`clean`) of the picture. Both lie on the line from R to y; only the place on it differs."""

    clean = False

    def blend(self, run: Run, sample: Tensor, output: Tensor, reference: Tensor, y: Tensor, share: Tensor) -> Tensor:
        grid, call = run.grid, run.call
        if grid.b[call + 1] == 0:
            return torch.lerp(reference, y, share)
        high, low = (float(grid.b[c] / grid.a[c].clamp(min=1e-4)) for c in (call, call + 1))
        noise = torch.lerp(*(torch.full_like(share, s / (1 + s)) for s in (low, high)), share)
        own = noise / (1 - noise)
        place = (own - low) / (high - low)
        return torch.lerp(reference, y, place * high / own if self.clean else place)


class OwnLevelClean(OwnLevel):
    clean = True


class Placed(PathSampler):
    """N levels of one's own choice, at the changes `places` (1 first; 0, the end, is left out): a cell of change c is
    free from the first one on that is at most c, and takes its part in the step before. To be run with
    `sigmas_at(places)`."""

    def __init__(self, change_map: ChangeMap, places: Sequence[float]) -> None:
        super().__init__(change_map, "fractional")
        self.places = places

    def plan(self, noise_levels: NDArray[np.float64], rounding: Rounding, rows: int, columns: int) -> int:
        super().plan(noise_levels, rounding, rows, columns)
        self.release.value = scaled(self.change_map.cells(rows, columns), self.change_map.strength)
        self.release.thresholds = np.round(np.array([*self.places, 0.0]) * M).astype(np.int64)
        free = self.release.thresholds[1:] < self.release.value.max()
        self.release.first = int(np.argmax(free)) if free.any() else len(self.places)
        return self.release.first


def respent(change_map: ChangeMap, steps: int) -> list[float]:
    """Start at the map's maximum, and spend all the steps below it."""
    most = float(change_map.values.max()) * change_map.strength / 1000 / M
    return [float(place) for place in np.linspace(most, 0, steps + 1)[:-1]]


def by_histogram(change_map: ChangeMap, steps: int) -> list[float]:
    """Levels at the quantiles of what is painted; the maximum first."""
    painted = change_map.values[change_map.values > 0] * (change_map.strength / 1000 / M)
    places = np.quantile(painted, np.linspace(1, 0, steps + 1)[:-1])
    apart = 0.5 / steps  # two levels at one place would be a step that does nothing
    for index in range(1, steps):
        places[index] = min(places[index], places[index - 1] - apart * places[0])
    return [float(place) for place in np.maximum(places, apart / (1 + np.arange(steps)))]


def sigmas_at(scheduler: Any, places: Sequence[float]) -> list[float]:
    """sigma = b / a at those shares of the training schedule, and the clean end."""
    alphas = scheduler.alphas_cumprod.double()
    sigmas = ((1 - alphas) / alphas).sqrt().numpy()
    return [*np.interp(np.array(places) * len(sigmas) - 1, np.arange(len(sigmas)), sigmas).tolist(), 0.0]


BLENDS: dict[str, Callable[[ChangeMap], PathSampler]] = {
    "whole": Whole,
    "mean": Blend,
    "energy": Energy,
    "noise energy": NoiseEnergy,
    "contrast": Contrast,
    "fresh noise": FreshNoise,
    "dither 8x8": Dither,
    "white dither": WhiteDither,
    "own level, eps": OwnLevel,
    "own level, x0": OwnLevelClean,
    "spend": lambda change_map: Differential(change_map, "fractional", spend=True),
}
PLACES = {"from max(c)": respent, "by histogram": by_histogram}


def _variance(cells: Tensor) -> Tensor:
    return cells.var((-2, -1), keepdim=True)


def _bayer(order: int) -> NDArray[np.float64]:
    """Thresholds of an ordered dither of 2^order x 2^order cells, in (0, 1)."""
    pattern = np.zeros((1, 1))
    for _ in range(order):
        pattern = np.block([[4 * pattern, 4 * pattern + 2], [4 * pattern + 3, 4 * pattern + 1]])
    return (pattern + 0.5) / pattern.size
