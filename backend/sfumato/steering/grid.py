"""The levels of a schedule: x = a x0 + b eps at every call of the denoiser, and what a prediction says about x0.

a and b are asked of the scheduler itself, in the dtype of the latents, so that a x0 + b eps is bit for bit what its
own add_noise (diffusion) or scale_noise (flow) gives. No timestep is ever looked up.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Prediction = Literal["epsilon", "v_prediction", "sample", "flow"]


@dataclass(frozen=True)
class Grid:
    """One schedule's levels.

    steps: N, the outer steps. order: denoiser calls per outer step; the last step of an order-2 solver takes one.
    a, b: [calls + 1] tensors on the latents' device, in their dtype; the last level is clean, (1, 0).
    f, the model output, is eps (epsilon), v = a eps - b x0 (v_prediction), x0 (sample) or v = eps - x0 (flow).
    in_float32: the levels of half-precision latents as the scheduler knows them; bfloat16 has no noise at SD's last
    levels (b = 0), so that what divides by b must not take a and b.
    """

    steps: int
    order: int
    a: Tensor
    b: Tensor
    prediction: Prediction
    in_float32: Grid | None = None

    @classmethod
    def of(cls, scheduler: Any, like: Tensor) -> Grid:
        """The grid of a diffusers scheduler after its set_timesteps. like: latents, for dtype and device."""
        calls, order = len(scheduler.timesteps), scheduler.order
        clean, eps = (torch.tensor([[v], [1 - v]], dtype=like.dtype, device=like.device) for v in (1, 0))
        levels = [_at(scheduler, call, clean, eps).flatten() for call in range(calls)]
        a, b = torch.stack([*levels, clean.flatten()]).unbind(1)
        narrow = torch.promote_types(like.dtype, torch.float32) != like.dtype
        return cls(
            steps=min(-(-calls // order), _most_steps(scheduler)),
            order=order,
            a=a.contiguous(),
            b=b.contiguous(),
            prediction=prediction_of(scheduler),
            in_float32=cls.of(scheduler, like.new_empty(0, dtype=torch.float32)) if narrow else None,
        )

    @property
    def wide(self) -> Grid:
        """The grid for arithmetic of an edit's own: in float32, or the latents' own wider dtype."""
        return self.in_float32 or self

    @property
    def calls(self) -> int:
        return len(self.a) - 1

    @property
    def noise_levels(self) -> NDArray[np.float64]:
        """b / (a + b) at the outer steps i = 0..N: 1 is pure noise, 0 clean."""
        outer = [*(i * self.order for i in range(self.steps)), self.calls]
        a, b = (t[outer].double().cpu().numpy() for t in (self.a, self.b))
        return np.asarray(b / (a + b), np.float64)

    def outer(self, call: int) -> int:
        """The outer step that a denoiser call belongs to."""
        return min(call // self.order, self.steps - 1)

    def after(self, call: int) -> int:
        """The call that begins the next outer step; after the last one, the clean level."""
        return min((call // self.order + 1) * self.order, self.calls)

    def sigma(self, call: int) -> Tensor:
        """sigma = b / a of the level entering `call`: variance-exploding units, whatever the family."""
        return self.b[call] / self.a[call].clamp(min=1e-4)

    def x0(self, call: int, sample: Tensor, output: Tensor) -> Tensor:
        """What a model output at `call` says the clean latents are (seed_methods 0: eps, v, x0, flow -> x0)."""
        a, b = self.a[call], self.b[call]
        if self.prediction == "sample":
            return output
        if self.prediction == "epsilon":
            return (sample - b * output) / a
        if self.prediction == "flow":
            return sample - b * output
        scale = a * a + b * b  # variance-exploding schedulers hold x / a: bring x and the level back to a circle
        return (a * sample / scale) - (b / scale.sqrt()) * output

    def noise(self, call: int, sample: Tensor, output: Tensor) -> Tensor:
        """What a model output at `call` says the noise is."""
        a, b = self.a[call], self.b[call]
        if self.prediction == "epsilon":
            return output
        if self.prediction == "flow":
            return sample + a * output
        if self.prediction == "sample":
            return (sample - a * output) / b
        scale = a * a + b * b
        return (b * sample / scale) + (a / scale.sqrt()) * output

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

    def output_for(self, call: int, sample: Tensor, x0: Tensor) -> Tensor:
        """The model output at `call` that says this x0 of this sample."""
        return self.output(call, x0, (sample - self.a[call] * x0) / self.b[call])

    def affine(self, call: int, eta: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
        """(A, B, s): one outer step from the level of `call` is A x + B f, plus s times fresh noise.

        eta = 0 is DDIM (flow: Euler), eta = 1 is DDPM: s = eta b' sqrt(1 - (b' a / (a' b))^2), x' = a' x0 + c eps with
        c = sqrt(b'^2 - s^2) (Song et al., arXiv 2010.02502, eq. 12 and 16), here for any a, b, so that
        variance-exploding and flow levels need no formula of their own. From a level without noise (b = 0), as
        narrow dtypes round to, no noise comes.
        """
        after = self.after(call)
        a, b, a_, b_ = (t.double() for t in (self.a[call], self.b[call], self.a[after], self.b[after]))
        b = b.clamp(min=torch.finfo(b.dtype).tiny)
        s = eta * b_ * (1 - (b_ * a / (a_ * b)) ** 2).clamp(min=0).sqrt()
        c = (b_ * b_ - s * s).sqrt()
        # x0 = p x + r f and eps = q x + u f
        if self.prediction == "epsilon":
            p, r, q, u = 1 / a, -b / a, 0 * a, 1 + 0 * a
        elif self.prediction == "flow":
            p, r, q, u = 1 + 0 * a, -b, 1 + 0 * a, a
        elif self.prediction == "sample":
            p, r, q, u = 0 * a, 1 + 0 * a, 1 / b, -a / b
        else:
            scale = a * a + b * b
            p, r, q, u = a / scale, -b / scale.sqrt(), b / scale, a / scale.sqrt()
        A, B = a_ * p + c * q, a_ * r + c * u
        return A.to(self.a.dtype), B.to(self.a.dtype), s.to(self.a.dtype)

    def inverted(self, call: int, after: Tensor, output: Tensor) -> Tensor:
        """The state at the level of `call` from the one an outer step later, by DDIM (flow: Euler) run backwards.

        output: the model's at (`after`, timestep of `call`); what it says about the noise is taken as constant over
        the step (Song et al., arXiv 2010.02502, section 4.3; DiffEdit, arXiv 2210.11427, section 3.2).
        """
        cleaner = self.after(call)
        a, b, a_, b_ = self.a[call], self.b[call], self.a[cleaner], self.b[cleaner]
        if self.prediction == "flow":
            return after + (b - b_) * output
        noise = self.noise(call, after, output)
        return (a / a_) * (after - b_ * noise) + b * noise


def prediction_of(scheduler: Any) -> Prediction:
    """What the model's output is. Flow (v = eps - x0) is whatever has levels x = (1 - sigma) x0 + sigma eps only."""
    if not hasattr(scheduler, "add_noise") or scheduler.config.get("prediction_type") == "flow_prediction":
        return "flow"
    prediction: Prediction = scheduler.config.prediction_type
    return prediction


def noised(scheduler: Any, x0: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
    """x0 at the levels of `timesteps`, by the scheduler's own method, whichever of the two names it has."""
    if hasattr(scheduler, "add_noise"):
        result: Tensor = scheduler.add_noise(x0, noise, timesteps)
    else:
        result = scheduler.scale_noise(x0, timesteps, noise)
    return result


def _at(scheduler: Any, call: int, x0: Tensor, noise: Tensor) -> Tensor:
    """x0 at the level that enters `call`; the scheduler itself is left as it is.

    By index wherever the scheduler has one: timesteps repeat (Heun), are rounded (Karras), or are not levels at all.
    """
    half = _half_way(scheduler, call)
    if half is not None:
        return x0 + half.to(x0) * noise
    probe = copy.copy(scheduler)
    if hasattr(probe, "_begin_index"):
        probe._begin_index, probe._step_index = call, None
    return noised(probe, x0, noise, scheduler.timesteps[call : call + 1].to(x0.device).expand(len(x0)))


def _half_way(scheduler: Any, call: int) -> Tensor | None:
    """sigma entering the second half of a step of the solvers that go to its middle first (DPM-Solver-2 of Karras et
    al., arXiv 2206.00364); their own add_noise knows whole steps only."""
    if call % scheduler.order == 0:
        return None
    if hasattr(scheduler, "sigmas_interpol"):
        ancestral = hasattr(scheduler, "sigmas_up")
        sigma: Tensor = scheduler.sigmas_interpol[call - 1 if ancestral else call]
        return sigma
    if hasattr(scheduler, "mid_point_sigma"):
        # as DPMSolverSDEScheduler.step works it out
        middle: Tensor = (0.5 * (scheduler.sigmas[call - 1].log() + scheduler.sigmas[call].log())).exp()
        return middle
    return None


def _most_steps(scheduler: Any) -> int:
    """PLMS makes its first step, wherever it starts, in two calls: its schedule has a timestep more than steps."""
    return scheduler.num_inference_steps if hasattr(scheduler, "plms_timesteps") else len(scheduler.timesteps)
