"""The levels of a schedule: x = a x0 + b eps at every call of the denoiser, and what a prediction says about x0.

a and b are asked of the scheduler itself, in the dtype of the latents, so that a x0 + b eps is bit for bit what its
own add_noise (diffusion) or scale_noise (flow) gives. No timestep is ever looked up.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

Prediction = Literal["epsilon", "v_prediction", "sample", "flow"]


@dataclass(frozen=True)
class Grid:
    """One run's levels.

    steps: N, the outer steps. order: denoiser calls per outer step; the last step of an order-2 solver takes one.
    a, b: [calls + 1] tensors on the latents' device, in their dtype; the last level is clean, (1, 0).
    """

    steps: int
    order: int
    a: Tensor
    b: Tensor
    prediction: Prediction

    @classmethod
    def of(cls, scheduler: Any, like: Tensor) -> Grid:
        """The grid of a diffusers scheduler after its set_timesteps. like: latents, for dtype and device."""
        timesteps = scheduler.timesteps.to(like.device)
        # A copy that has not begun: with a begin index, schedulers answer every timestep with that one level.
        probe = copy.copy(scheduler)
        if hasattr(probe, "_begin_index"):
            probe._begin_index = None
            probe._step_index = None
        one, zero = (torch.full((len(timesteps), 1), v, dtype=like.dtype, device=like.device) for v in (1, 0))
        a = noised(probe, one, zero, timesteps).flatten()
        b = noised(probe, zero, one, timesteps).flatten()
        return cls(
            steps=-(-len(timesteps) // scheduler.order),
            order=scheduler.order,
            a=torch.cat([a, one[0]]),
            b=torch.cat([b, zero[0]]),
            prediction="flow" if is_flow(scheduler) else scheduler.config.prediction_type,
        )

    @property
    def calls(self) -> int:
        return len(self.a) - 1

    def outer(self, call: int) -> int:
        """The outer step that a denoiser call belongs to."""
        return call // self.order

    def x0(self, call: int, sample: Tensor, output: Tensor) -> Tensor:
        """What a model output at `call` says the clean latents are (seed_methods 0: eps, v, x0, flow <-> x0)."""
        a, b = self.a[call], self.b[call]
        if self.prediction == "sample":
            return output
        if self.prediction == "epsilon":
            return (sample - b * output) / a
        if self.prediction == "flow":
            return sample - b * output
        scale = a * a + b * b  # variance-exploding schedulers hold x / a: bring x and the level back to a circle
        return (a * sample / scale) - (b / scale.sqrt()) * output

    def output(self, call: int, x0: Tensor, noise: Tensor) -> Tensor:
        """The model output at `call` whose prediction is exactly this x0 and this noise."""
        if self.prediction == "sample":
            return x0
        if self.prediction == "epsilon":
            return noise
        if self.prediction == "flow":
            return noise - x0
        a, b = self.a[call], self.b[call]
        return (a * noise - b * x0) / (a * a + b * b).sqrt()


def is_flow(scheduler: Any) -> bool:
    """Whether x = (1 - sigma) x0 + sigma eps with v = eps - x0."""
    config = scheduler.config
    return (
        not hasattr(scheduler, "add_noise")
        or bool(config.get("use_flow_sigmas", False))
        or config.get("prediction_type") == "flow_prediction"
    )


def noised(scheduler: Any, x0: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
    """x0 at the levels of `timesteps`, by the scheduler's own method, whichever of the two names it has."""
    if hasattr(scheduler, "add_noise"):
        result: Tensor = scheduler.add_noise(x0, noise, timesteps)
    else:
        result = scheduler.scale_noise(x0, timesteps, noise)
    return result
