"""SteeredScheduler stands in for a pipeline's scheduler and lets a policy act on every step.

By composition: whatever is not steered is the real scheduler's own. It learns x0 and eps from the pipeline's own
add_noise, counts calls, and edits what `step` returns; it never looks a timestep up (order-2 solvers repeat them).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from diffusers.schedulers.scheduling_utils import SchedulerOutput
from torch import Tensor

from sfumato.errors import InputError
from sfumato.steering.grid import Grid
from sfumato.steering.layout import Layout
from sfumato.steering.run import Policy, Run

Listener = Callable[[Run], None]
INSTEAD = "Sfumato cannot follow that: use another image-to-image pipeline of the model."


class NoSuchNoise(InputError, AttributeError):
    """The pipeline noises in a way that its scheduler cannot; an AttributeError too, for whoever only asks."""


class SteeredScheduler:
    """Wraps `scheduler` for one pass of one pipeline.

    begun(grid): called when the pipeline has set its timesteps; gives the calls to make and k_min.
    cells: rows and columns that were planned for. generator: the caller's, for an edit's own draws.
    asking: end the pipeline's call with `Asked` once its timesteps are known. given_start: its latents are noised.
    """

    class Asked(Exception):
        """The pipeline has set its timesteps, which was all that was asked."""

    _own = frozenset(
        "_scheduler _pipe _name _policy _begun _cells _generator _listener _planned run asking given_start "
        "step set_timesteps add_noise scale_noise scale_model_input set_begin_index".split()
    )

    def __init__(
        self,
        scheduler: Any,
        pipe: Any,
        policy: Policy,
        begun: Callable[[Grid], tuple[Sequence[int], int]],
        cells: tuple[int, int],
        generator: Any = None,
        listener: Listener = lambda run: None,
    ) -> None:
        self._scheduler, self._pipe, self._policy, self._begun, self._cells = scheduler, pipe, policy, begun, cells
        self._generator, self._listener = generator, listener
        self._planned: tuple[Sequence[int], int] | None = None
        self.run: Run | None = None
        self.asking = self.given_start = False
        self.step = _posing_as(scheduler.step, self._step)
        self.set_timesteps = _posing_as(scheduler.set_timesteps, self._set_timesteps)
        for name in ("add_noise", "scale_noise", "scale_model_input", "set_begin_index"):
            if hasattr(scheduler, name):
                setattr(self, name, _posing_as(getattr(scheduler, name), getattr(self, "_" + name)))

    def __getattr__(self, name: str) -> Any:
        if name in ("add_noise", "scale_noise"):
            raise NoSuchNoise(
                "scheduler",
                f"{type(self._pipe).__name__} noises pictures by {name}, which {type(self._scheduler).__name__} has "
                "not. Use the scheduler that the model came with.",
            )
        if name in SteeredScheduler._own:
            raise AttributeError(name)
        return getattr(self._scheduler, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in SteeredScheduler._own:
            object.__setattr__(self, name, value)
        else:
            setattr(self._scheduler, name, value)

    @property
    def _name(self) -> str:
        return type(self._pipe).__name__

    @property
    def timesteps(self) -> Tensor:
        """Of the calls that this pass makes, in their order."""
        timesteps: Tensor = self._scheduler.timesteps
        return timesteps if self._planned is None else timesteps[list(self._planned[0])]

    @property
    def init_noise_sigma(self) -> Any:
        """What pipelines multiply latents by that they take for pure noise."""
        return 1.0 if self.given_start else self._scheduler.init_noise_sigma

    def _set_timesteps(self, *args: Any, **kwargs: Any) -> None:
        self._scheduler.set_timesteps(*args, **kwargs)
        # The levels alone, in float64, are enough to plan with.
        self._planned = self._begun(Grid.of(self._scheduler, torch.empty(0, dtype=torch.float64)))
        self._set_begin_index()
        if self.asking:
            raise SteeredScheduler.Asked

    def _set_begin_index(self, begin_index: int = 0) -> None:
        """The solver begins at the pass's first call, wherever the pipeline thinks it is."""
        if self._planned is None:
            raise InputError("unknown_loop", f"{self._name} begins before it sets its timesteps. {INSTEAD}")
        if hasattr(self._scheduler, "set_begin_index"):
            self._scheduler.set_begin_index(self._planned[0][0])

    def _scale_model_input(self, sample: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        self._keep_pace()
        result: Tensor = self._scheduler.scale_model_input(sample, *args, **kwargs)
        return result

    def _keep_pace(self) -> None:
        """A solver that is never asked for a step does not count, and may have to count backwards."""
        if self.run is not None and self._policy.own_steps and hasattr(self._scheduler, "_step_index"):
            self._scheduler._step_index = self.run.call

    def _add_noise(self, original_samples: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        result: Tensor = self._scheduler.add_noise(original_samples, noise, timesteps)
        return result if self.run else self._begin(original_samples, noise, result)

    def _scale_noise(self, sample: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
        result: Tensor = self._scheduler.scale_noise(sample, timestep, noise)
        return result if self.run else self._begin(sample, noise, result)

    def _begin(self, x0: Tensor, noise: Tensor, noised: Tensor) -> Tensor:
        layout = Layout(self._pipe, x0)
        if (layout.rows, layout.columns) != self._cells:
            raise InputError(
                "sizes_differ",
                f"{self._name} made latents of {layout.rows} x {layout.columns} cells where the map was laid on "
                f"{self._cells[0]} x {self._cells[1]}. Pass height and width, or an image of the size to work at.",
            )
        assert self._planned is not None
        self.run = Run(Grid.of(self._scheduler, x0), layout, x0, noise, *self._planned, self._generator)
        self.run.remembers = any(hasattr(self._scheduler, name) for name in ("model_outputs", "ets", "derivatives"))
        start = self._policy.begin(self.run)
        return noised if start is None else layout.unlike(start)

    def _step(self, model_output: Tensor, timestep: Any, sample: Tensor, *args: Any, **kwargs: Any) -> Any:
        run = self.run
        if run is None:
            raise InputError("unknown_loop", f"{self._name} never noises an image by its scheduler. {INSTEAD}")
        if sample.shape[1:] != run.layout.form:
            raise InputError(
                "unknown_layout",
                f"{self._name} holds its latents as {tuple(sample.shape[1:])} where {tuple(run.layout.form)} was "
                f"expected. {INSTEAD}",
            )
        answer: Any = None

        def solve(output: Tensor) -> Tensor:
            nonlocal answer
            answer = self._scheduler.step(output, timestep, sample, *args, **kwargs)
            solved: Tensor = answer[0] if isinstance(answer, tuple) else answer.prev_sample
            return solved

        self._keep_pace()
        steered = self._policy.step(run, sample, model_output, solve)
        # As wide as a solver's own answer: Z-Image's pipeline noises in half precision and goes on in float32.
        steered = steered.to(torch.promote_types(steered.dtype, model_output.dtype))
        run.state = steered
        run.done += 1
        self._listener(run)
        if answer is None:  # an own step: nothing but the state
            return (steered,) if kwargs.get("return_dict", True) is False else SchedulerOutput(steered)
        if isinstance(answer, tuple):
            # Consistency pipelines show their last denoised sample instead of the state; at the end they are one.
            last = run.done == len(run.calls)
            return (steered, *(steered if last and _same(extra, answer[0]) else extra for extra in answer[1:]))
        answer.prev_sample = steered
        return answer


def _same(extra: Any, state: Tensor) -> bool:
    return torch.is_tensor(extra) and extra.shape == state.shape and torch.equal(extra, state)


def _posing_as(real: Any, replacement: Any) -> Any:
    """`replacement` with the signature of `real`: pipelines inspect it to see what they may pass."""

    @functools.wraps(real)
    def method(*args: Any, **kwargs: Any) -> Any:
        return replacement(*args, **kwargs)

    return method
