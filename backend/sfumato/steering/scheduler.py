"""SteeredScheduler stands in for a pipeline's scheduler and lets an edit act on every step.

By composition: whatever is not steered is the real scheduler's own. It learns x0 and eps from the pipeline's own
add_noise, counts calls, and edits what `step` returns; it never looks a timestep up (order-2 solvers repeat them).
"""

from __future__ import annotations

import functools
from typing import Any, Protocol

import torch
from torch import Tensor

from sfumato.change_map import ChangeMap, Rounding
from sfumato.steering.grid import Grid
from sfumato.steering.layout import Layout
from sfumato.steering.reference import NoisedReference


class Run:
    """What an edit knows while a pipeline runs. call: the denoiser call under way, counted from the grid's start."""

    def __init__(self, grid: Grid, layout: Layout, reference: NoisedReference, call: int) -> None:
        self.grid, self.layout, self.reference, self.call = grid, layout, reference, call
        self.last: tuple[Tensor, Tensor, Tensor] | None = None  # sample, model output, frozen cells of the last call

    @property
    def step(self) -> int:
        """i, the outer step under way."""
        return self.grid.outer(self.call)

    def denoised(self) -> Tensor:
        """The clean latents as the last call predicts them, in the denoiser's form; for previews."""
        if self.last is None:
            return self.reference.x0
        sample, output, frozen = self.last
        return torch.where(frozen, self.reference.x0, self.grid.x0(self.call - 1, sample, output))


class Edit(Protocol):
    """A published method, as far as a pipeline's run is concerned. Cells are latent cells."""

    @property
    def change_map(self) -> ChangeMap: ...

    def plan(self, steps: int, rounding: Rounding, rows: int, columns: int) -> int:
        """k_min, the first outer step of N that changes anything, 0..N; N when nothing is to change."""

    def begin(self, run: Run, sample: Tensor) -> None:
        """Before the first step: bring the map into the form of `sample`."""

    def frozen(self, run: Run) -> Tensor:
        """bool, broadcastable to the sample: cells that are still on the reference path after this step."""

    def after_step(self, run: Run, y: Tensor) -> Tensor:
        """x_{i+1} from what the scheduler made of this step."""


class SteeredScheduler:
    """Wraps `scheduler` for one pipeline and one edit.

    first: the outer step that the pipeline is told to start at. cells: rows and columns the edit was planned for.
    """

    _learnt = ("_scheduler", "_pipe", "_edit", "_first", "_cells", "_clean", "run")
    _own = frozenset((*_learnt, "step", "set_timesteps", "add_noise", "scale_noise"))

    def __init__(self, scheduler: Any, pipe: Any, edit: Edit, first: int, cells: tuple[int, int]) -> None:
        self._scheduler, self._pipe, self._edit, self._first, self._cells = scheduler, pipe, edit, first, cells
        self._clean: tuple[Tensor, Tensor] | None = None
        self.run: Run | None = None
        self.step = _posing_as(scheduler.step, self._step)
        self.set_timesteps = _posing_as(scheduler.set_timesteps, self._set_timesteps)
        if hasattr(scheduler, "add_noise"):
            self.add_noise = _posing_as(scheduler.add_noise, self._add_noise)
        if hasattr(scheduler, "scale_noise"):
            self.scale_noise = _posing_as(scheduler.scale_noise, self._scale_noise)

    def __getattr__(self, name: str) -> Any:
        if name in SteeredScheduler._own:
            raise AttributeError(name)
        return getattr(self._scheduler, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in SteeredScheduler._own:
            object.__setattr__(self, name, value)
        else:
            setattr(self._scheduler, name, value)

    def _set_timesteps(self, *args: Any, **kwargs: Any) -> None:
        self._clean = self.run = None  # a new schedule is a new run
        self._scheduler.set_timesteps(*args, **kwargs)

    def _add_noise(self, original_samples: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        if self._clean is None:
            self._clean = original_samples, noise
        result: Tensor = self._scheduler.add_noise(original_samples, noise, timesteps)
        return result

    def _scale_noise(self, sample: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
        if self._clean is None:
            self._clean = sample, noise
        result: Tensor = self._scheduler.scale_noise(sample, timestep, noise)
        return result

    def _step(self, model_output: Tensor, timestep: Any, sample: Tensor, *args: Any, **kwargs: Any) -> Any:
        run = self.run or self._begin(sample)
        frozen = self._edit.frozen(run)
        run.last = sample, model_output, frozen
        if _keeps_history(self._scheduler):
            # A multistep solver remembers what it was told: frozen cells tell it their own x0, so that its history
            # stays true when they are released. By where only: free cells keep their bits.
            truth = run.grid.output(run.call, run.reference.x0, run.reference.noise)
            model_output = torch.where(frozen, truth, model_output)
        result = self._scheduler.step(model_output, timestep, sample, *args, **kwargs)
        if isinstance(result, tuple):
            steered: Any = (self._edit.after_step(run, result[0]), *result[1:])
        else:
            result.prev_sample = self._edit.after_step(run, result.prev_sample)
            steered = result
        run.call += 1
        return steered

    def _begin(self, sample: Tensor) -> Run:
        if self._clean is None:
            raise RuntimeError(
                "This pipeline never noised an image through its scheduler, so there is nothing to steer from. "
                "Use its image-to-image pipeline."
            )
        x0, noise = self._clean
        layout = Layout(self._pipe, x0)
        if (layout.rows, layout.columns) != self._cells:
            raise RuntimeError(
                f"The pipeline made latents of {layout.rows} x {layout.columns} cells where the map was laid on "
                f"{self._cells[0]} x {self._cells[1]}. Pass height and width, or an image of the size to work at."
            )
        grid = Grid.of(self._scheduler, x0)
        reference = NoisedReference(grid, layout.like(x0, sample), layout.like(noise, sample))
        self.run = run = Run(grid, layout, reference, self._first * grid.order)
        self._edit.begin(run, sample)
        return run


def _posing_as(real: Any, replacement: Any) -> Any:
    """`replacement` with the signature of `real`: pipelines inspect it to see what they may pass."""

    @functools.wraps(real)
    def method(*args: Any, **kwargs: Any) -> Any:
        return replacement(*args, **kwargs)

    return method


def _keeps_history(scheduler: Any) -> bool:
    return any(hasattr(scheduler, name) for name in ("model_outputs", "ets", "derivatives"))
