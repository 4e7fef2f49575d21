"""How published programs read a change map: a rule each, for comparisons only.

Every rule is an edit for `steer`, so that it runs on any family with the same weights, picture, noise and solver as
ours. Each is written from its formula; white changes here, whatever the program's own polarity is. Cells take the area
mean of the map, as ours do; how a program shrinks its map is not part of its rule.

change c = 1 - m of a cell, m being what exx8 and diffusers call the map. A *level* is what enters a call of the
denoiser: 0 is the noisiest, N (as many as there are calls) is clean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.change_map import ChangeMap, M, Rounding
from sfumato.evaluation.checked import CHECKED, Checked
from sfumato.steering import Grid, NoisedPath, Run
from sfumato.steering.grid import prediction_of

TRAIN_STEPS = 1000  # of every model that a rule counting in timesteps is published for


def trained_sigmas(scheduler: Any) -> NDArray[np.float64]:
    """sigma at every training timestep of a diffusers scheduler, float64 [T], rising: b / a, or b of a flow model, with
    its shift where that is not left to the size of the picture. Calls to set_timesteps change nothing of it."""
    config = scheduler.config
    if prediction_of(scheduler) == "flow":
        t = np.arange(1, config.num_train_timesteps + 1) / config.num_train_timesteps
        dynamic = config.get("use_dynamic_shifting", False)
        shift = 1.0 if dynamic else config.get("shift", config.get("flow_shift", 1.0))
        return np.asarray(shift * t / (1 + (shift - 1) * t), np.float64)
    kept = scheduler.alphas_cumprod.double().cpu().numpy()
    return np.asarray(np.sqrt((1 - kept) / np.maximum(kept, 1e-16)), np.float64)


@dataclass(frozen=True)
class Schedule:
    """What a rule may know of the levels. sigmas: float64 [N + 1], b / a (diffusion) or b (flow, shifted), 0 at the
    end; first: the level at which the global strength begins; trained: sigma at every training timestep, for rules that
    count in those."""

    sigmas: NDArray[np.float64]
    flow: bool = False
    first: int = 0
    trained: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, grid: Grid, first: int = 0, trained: NDArray[np.float64] | None = None) -> Schedule:
        a, b = (t.double().cpu().numpy() for t in (grid.a, grid.b))
        flow = grid.prediction == "flow"
        return cls(b if flow else b / np.maximum(a, 1e-8), flow, first, trained)

    @property
    def last(self) -> int:
        """N, the clean level."""
        return len(self.sigmas) - 1

    def timestep(self, sigma: float, whole: bool = True) -> float:
        """The training timestep of a sigma: the nearest in log sigma, or (not whole) between two of them, to the
        hundredth that levels in float32 are good for. 1000 sigma for flow."""
        if self.flow:
            return TRAIN_STEPS * sigma
        assert self.trained is not None
        if whole:
            return float(np.abs(np.log(self.trained) - np.log(max(sigma, 1e-8))).argmin())
        return round(float(np.interp(sigma, self.trained, np.arange(len(self.trained)))), 2)


class Rule:
    """What all rules share: no step is skipped for the map's sake, the pipeline's own noised picture is the start, and
    the global strength shortens the schedule as the pipeline itself would."""

    own_steps = False

    def __init__(self, change_map: ChangeMap) -> None:
        self.change_map = change_map

    @contextmanager
    def attached(self, pipe: Any) -> Iterator[None]:
        """Rules that count in training timesteps count in those of the model that they run on."""
        self.trained = trained_sigmas(pipe.scheduler)
        yield

    def plan(self, noise_levels: NDArray[np.float64], rounding: Rounding, rows: int, columns: int) -> int:
        self.change = self.change_map.cells(rows, columns) / M
        steps, strength = len(noise_levels) - 1, self.change_map.strength
        return steps - (steps * strength // 1000 if rounding == "floor" else -(-steps * strength // 1000))

    def calls(self, grid_calls: int, order: int, first: int) -> Sequence[int]:
        return range(first * order, grid_calls)

    def begin(self, run: Run) -> Tensor | None:
        self.schedule = Schedule.of(run.grid, run.calls[0], self.trained)
        self.c = run.layout.map(self.change, run.x0)
        self.original = NoisedPath(run)
        return None

    def step(self, run: Run, sample: Tensor, output: Tensor, solve: Callable[[Tensor], Tensor]) -> Tensor:
        """Threshold rules: a kept cell becomes the original at the level that the step leads to."""
        y, level = solve(output), run.call + 1
        return torch.where(self.keeps(self.c, level, self.schedule), self.original(level), y)

    def keeps(self, c: Any, level: int, schedule: Schedule) -> Any:
        """Whether a cell of change c is the noised original at a level above the first, N included."""
        raise NotImplementedError


def steps_of(rule: Rule, c: float, schedule: Schedule) -> int:
    """How many steps a cell of change c goes through after it was the original for the last time."""
    levels = range(schedule.first + 1, schedule.last + 1)
    kept = [level for level in levels if bool(rule.keeps(np.float64(c), level, schedule))]
    return schedule.last - max(kept, default=schedule.first)


class Exx8(Rule):
    """The authors' own (SD 2, Kandinsky): before step i >= 1, original where m > i / n, with n the steps that are left
    of the global strength, so that strength multiplies. Nothing is put back after the last step."""

    def keeps(self, c: Any, level: int, schedule: Schedule) -> Any:
        i, n = level - schedule.first, schedule.last - schedule.first
        return (1 - c > i / n) & (level < schedule.last)


class DiffusersSDXL(Rule):
    """The community pipelines for SDXL, SD3, Kolors and Hunyuan-DiT: as exx8, but the thresholds i / N stay those of
    the whole schedule, so that a global strength s subtracts 1 - s from every change."""

    def keeps(self, c: Any, level: int, schedule: Schedule) -> Any:
        return (1 - c > (level - schedule.first) / schedule.last) & (level < schedule.last)


class DiffusersFlux(Rule):
    """The community pipelines for Flux and Z-Image: after step i <= n - 2, original where m > i / n; strength
    multiplies."""

    def keeps(self, c: Any, level: int, schedule: Schedule) -> Any:
        i, n = level - schedule.first - 1, schedule.last - schedule.first
        return (1 - c > i / n) & (level < schedule.last)


class InvokeAI(Rule):
    """Diffusion: before every step, original where c <= t / 1000 (so that the step before the first free one already
    counts), and where c = 0 at the end. Flow: after every step, original where c < sigma + 1e-4 of the level that the
    step leads to. Absolute levels, so strength is a cap."""

    def keeps(self, c: Any, level: int, schedule: Schedule) -> Any:
        sigma = float(schedule.sigmas[level])
        if schedule.flow:
            return c < sigma + 1e-4
        return c <= (schedule.timestep(sigma, whole=False) / TRAIN_STEPS if level < schedule.last else 0.0)


class PlainInpainting(Rule):
    """Inpainting as in diffusers: the map is cut at 0.5, and the kept part is the original at every level."""

    def keeps(self, c: Any, level: int, schedule: Schedule) -> Any:
        return c < 0.5


class ComfyUI(Rule):
    """ComfyUI's node over its inpainting: at every call the mask is c >= (ts(sigma) - ts(to)) / (ts(from) - ts(to)),
    from the first sigma of the run to the model's least. Where it is 0 the model is shown the noised original, and the
    solver told the original as x0. The node's strength is 1, as it comes."""

    def threshold(self, level: int, schedule: Schedule) -> float:
        assert schedule.trained is not None
        least = max(float(schedule.trained[0]), float(schedule.sigmas[-1]))
        now, start, to = (schedule.timestep(float(s)) for s in (*schedule.sigmas[[level, schedule.first]], least))
        return (now - to) / (start - to) if start > to else np.inf  # its 0 / 0 is what no change reaches

    def keeps(self, c: Any, level: int, schedule: Schedule) -> Any:
        """What the call before kept, for its x0 was set to the original's (first-order solver)."""
        return c < self.threshold(level - 1, schedule)

    def step(self, run: Run, sample: Tensor, output: Tensor, solve: Callable[[Tensor], Tensor]) -> Tensor:
        call, level = run.call, run.call + 1
        kept = self.c < self.threshold(call, self.schedule)
        y = solve(torch.where(kept, run.grid.output_for(call, sample, run.x0), output))
        if level == self.schedule.last:
            return y
        return torch.where(self.c < self.threshold(level, self.schedule), self.original(level), y)


class SoftInpaintingA1111(Rule):
    """AUTOMATIC1111's soft inpainting in its own scheme: after every call the predicted x0 is blended with the
    original by w = c^(sigma^bias * preservation), and the blend's length per cell is brought to
    (|original|^contrast (1 - w) + |x0|^contrast w)^(1 / contrast). sigma is the model's own: on flow models it is at
    most 1, so that half a change is never weighted below 0.5^0.5 = 0.71. Its comparison of pixels is left out."""

    def __init__(
        self, change_map: ChangeMap, bias: float = 1.0, preservation: float = 0.5, contrast: float = 4.0
    ) -> None:
        super().__init__(change_map)
        self.bias, self.preservation, self.contrast = bias, preservation, contrast

    def weight(self, c: Any, sigma: float) -> Any:
        return c ** (sigma**self.bias * self.preservation)

    def step(self, run: Run, sample: Tensor, output: Tensor, solve: Callable[[Tensor], Tensor]) -> Tensor:
        w = self.weight(torch.as_tensor(self.change, device=sample.device), float(self.schedule.sigmas[run.call]))
        new = run.layout.unlike(run.grid.x0(run.call, sample, output)).double()
        old = run.layout.unlike(run.x0).double()
        blend = (1 - w) * old + w * new
        d = self.contrast
        wanted = ((1 - w) * _length(old) ** d + w * _length(new) ** d) ** (1 / d)
        blend = run.layout.like((blend * wanted / (_length(blend) + 1e-5)).to(sample.dtype))
        return solve(run.grid.output_for(run.call, sample, blend))


class BlendedLatentDiffusion(Rule):
    """The map is cut at 0.5; after every step the kept part is the original at the level that the step leads to, with
    fresh noise.

    eta: steps of its own, DDIM (0) to DDPM (1); None for the pipeline's solver. as_published: as the SD 2 script does
    it: the first quarter of the steps is left out and the rest starts from pure noise, and the kept part gets the
    level that the step came from, one too noisy, also after the last step.
    """

    def __init__(self, change_map: ChangeMap, eta: float | None = None, as_published: bool = False) -> None:
        super().__init__(change_map)
        self.eta, self.own_steps, self.as_published = eta, eta is not None, as_published

    def calls(self, grid_calls: int, order: int, first: int) -> Sequence[int]:
        calls = super().calls(grid_calls, order, first)
        return calls[len(calls) // 4 :] if self.as_published else calls

    def begin(self, run: Run) -> Tensor | None:
        super().begin(run)
        self.kept = self.c < 0.5
        a, b = run.grid.a[run.call], run.grid.b[run.call]
        unit = torch.ones_like(a) if self.schedule.flow else (a * a + b * b).sqrt()
        return unit * run.noise if self.as_published else None

    def step(self, run: Run, sample: Tensor, output: Tensor, solve: Callable[[Tensor], Tensor]) -> Tensor:
        y, level = self.advance(run, sample, output, solve), run.call + (not self.as_published)
        a, b = run.grid.a[level], run.grid.b[level]
        original = run.x0 if level == run.grid.calls else a * run.x0 + b * run.randn()
        return torch.where(self.kept, original, y)

    def advance(self, run: Run, sample: Tensor, output: Tensor, solve: Callable[[Tensor], Tensor]) -> Tensor:
        if self.eta is None:
            return solve(output)
        A, B, s = run.grid.affine(run.call, self.eta)
        y = A * sample + B * output
        return y + s * run.randn() if s else y


def _length(latents: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(latents, dim=1, keepdim=True)
    return length


@dataclass(frozen=True)
class Published:
    """A row of the comparison: makes the edit for a map. name: a line for people. checked: what published code it was
    compared with."""

    name: str
    rule: Callable[[ChangeMap], Rule]
    checked: tuple[Checked, ...]

    def __call__(self, change_map: ChangeMap) -> Rule:
        return self.rule(change_map)


RULES: dict[str, Published] = {
    key: Published(name, rule, CHECKED[key])
    for key, name, rule in (
        ("exx8", "Differential diffusion, the authors' code", Exx8),
        ("diffusers SDXL", "Differential diffusion, diffusers' community pipeline for SDXL", DiffusersSDXL),
        ("diffusers Flux", "Differential diffusion, diffusers' community pipeline for Flux", DiffusersFlux),
        ("ComfyUI", "Differential diffusion, ComfyUI's node", ComfyUI),
        ("InvokeAI", "Gradient denoising of InvokeAI", InvokeAI),
        ("A1111 soft inpainting", "Soft inpainting of AUTOMATIC1111's web UI", SoftInpaintingA1111),
        ("blended latent diffusion", "Blended latent diffusion, the map cut at 0.5", BlendedLatentDiffusion),
        ("plain inpainting", "Plain inpainting as in diffusers, the map cut at 0.5", PlainInpainting),
    )
}
