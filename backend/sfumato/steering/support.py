"""Which schedulers can be steered, and how exactly: the table of docs/schedulers.md, every claim of which is measured
by tests/steering/test_schedulers.py, in both directions.

`python -c "from sfumato.steering.support import page; print(page())" > docs/schedulers.md` writes the page
anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sfumato.errors import InputError


@dataclass(frozen=True)
class Support:
    """One scheduler, as painters know it and as diffusers makes it.

    options: what its config says, and must say when `required`. arguments: what the pipeline is called with. needs: a
    package that it imports.
    start: a constant map is img2img bit for bit when the run starts at its first changing step. whole: also when it
    runs every step. injection: a cell that is not free enters every call at exactly the level that the model is told,
    bit for bit, and a free one does not. lands: the solver's own step leads to that level, too. why: what of these is
    not so, and why.
    """

    name: str
    scheduler: str
    options: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    required: bool = False
    needs: str = ""
    start: bool = True
    whole: bool = True
    injection: bool = True
    lands: bool = True
    why: tuple[str, ...] = ()


_HISTORY = "Remembers the steps before a release; only a start at the first release finds that memory empty."
_DRAWS = "Draws fresh noise in every step, so steps that are not skipped draw more of the generator."
_GLOBAL = (
    "Its noise comes from torch's global generator, because pipelines of flow models do not hand the caller's to the "
    "solver; measured with that one seeded."
)
_HALVES = "A step is two calls that share a state; a release between them continues from the state before."
_STRIDE = (
    "Diffusers steps by 1000 // N timesteps, whatever the next one is (huggingface/diffusers #11347, #12633): free "
    "cells are then beside the level that the model is told, in plain img2img as well. Cells that are not free yet are "
    "injected at the level that it is told, and edits that take their own steps go from level to level. "
    "Best used with `leading`."
)
_BROWNIAN = (
    "Its noise belongs to the level and not to the order of draws, so all of it is exact; but without "
    "`noise_sampler_seed` it comes from torch's global generator and not from the caller's."
)
_PLMS = (
    "Started in the middle, as img2img does, diffusers' solver lags a timestep behind its schedule: the model is told "
    "a level below that of the free cells, in plain img2img as well. Runge-Kutta steps first (`skip_prk_steps=False`) "
    "know no start in the middle and are refused."
)
_LMS = (
    "Started in the middle, diffusers' solver weighs steps before the first one that it has not seen: its first three "
    "steps miss their levels, in plain img2img as well."
)
_FLOW = {"prediction_type": "flow_prediction", "use_flow_sigmas": True}
_KARRAS = {"use_karras_sigmas": True}
_SDE = {"algorithm_type": "sde-dpmsolver++"}

SCHEDULERS: tuple[Support, ...] = (
    Support("DDIM", "DDIMScheduler"),
    Support("DDIM, eta > 0", "DDIMScheduler", arguments={"eta": 0.5}, whole=False, why=(_DRAWS,)),
    Support("DDIM, linspace", "DDIMScheduler", {"timestep_spacing": "linspace"}, lands=False, why=(_STRIDE,)),
    Support("DDIM, trailing", "DDIMScheduler", {"timestep_spacing": "trailing"}, lands=False, why=(_STRIDE,)),
    Support("DDPM", "DDPMScheduler", whole=False, why=(_DRAWS,)),
    Support("Euler", "EulerDiscreteScheduler"),
    Support("Euler Karras", "EulerDiscreteScheduler", _KARRAS),
    Support("Euler a", "EulerAncestralDiscreteScheduler", whole=False, why=(_DRAWS,)),
    Support("Heun", "HeunDiscreteScheduler"),
    Support("DPM2", "KDPM2DiscreteScheduler"),
    Support("DPM2 a", "KDPM2AncestralDiscreteScheduler", whole=False, why=(_DRAWS,)),
    Support("DPM++ 2M", "DPMSolverMultistepScheduler", whole=False, why=(_HISTORY,)),
    Support("DPM++ 2M Karras", "DPMSolverMultistepScheduler", _KARRAS, whole=False, why=(_HISTORY,)),
    Support("DPM++ 2M SDE", "DPMSolverMultistepScheduler", _SDE, whole=False, why=(_HISTORY, _DRAWS)),
    Support("DPM++ 2M, flow", "DPMSolverMultistepScheduler", _FLOW, whole=False, why=(_HISTORY,)),
    Support("DPM++ 2S", "DPMSolverSinglestepScheduler", whole=False, why=(_HALVES,)),
    Support("DPM++ 2S SDE", "DPMSolverSinglestepScheduler", _SDE, whole=False, why=(_HALVES, _DRAWS)),
    Support(
        "DPM++ SDE",
        "DPMSolverSDEScheduler",
        {"noise_sampler_seed": 0},
        needs="torchsde",
        why=(_BROWNIAN,),
    ),
    Support("UniPC", "UniPCMultistepScheduler", whole=False, why=(_HISTORY,)),
    Support("UniPC, flow", "UniPCMultistepScheduler", _FLOW, whole=False, why=(_HISTORY,)),
    Support("DEIS", "DEISMultistepScheduler", whole=False, why=(_HISTORY,)),
    Support("SA-Solver", "SASolverScheduler", whole=False, why=(_HISTORY, _DRAWS)),
    Support("LMS", "LMSDiscreteScheduler", needs="scipy", whole=False, lands=False, why=(_HISTORY, _LMS)),
    Support(
        "PLMS",
        "PNDMScheduler",
        {"skip_prk_steps": True},
        whole=False,
        lands=False,
        required=True,
        why=(_HISTORY, _PLMS),
    ),
    Support("LCM", "LCMScheduler", whole=False, why=(_DRAWS,)),
    Support("TCD", "TCDScheduler"),
    Support("TCD, eta > 0", "TCDScheduler", arguments={"eta": 0.3}, whole=False, why=(_DRAWS,)),
    Support("Flow Euler", "FlowMatchEulerDiscreteScheduler"),
    Support(
        "Flow Euler, stochastic",
        "FlowMatchEulerDiscreteScheduler",
        {"stochastic_sampling": True},
        whole=False,
        why=(_DRAWS, _GLOBAL),
    ),
    Support("Flow Heun", "FlowMatchHeunDiscreteScheduler"),
    Support("Flow LCM", "FlowMatchLCMScheduler", whole=False, why=(_DRAWS, _GLOBAL)),
)


def check_scheduler(scheduler: Any) -> Support:
    """What is known of a scheduler as it is configured, or of what its class derives from: the most special row that
    fits. Raises InputError (a ValueError) that says what is supported."""
    for cls in type(scheduler).__mro__:
        rows = [row for row in SCHEDULERS if row.scheduler == cls.__name__ and not row.arguments]
        fitting = [row for row in rows if row.options.items() <= dict(scheduler.config).items()]
        if fitting:
            return max(fitting, key=lambda row: len(row.options))
        if rows and rows[0].required:
            wanted = _said(rows[0].options)
            raise InputError("scheduler", f"{cls.__name__} can be steered with {wanted} only. Set it in its config.")
        if rows:
            return rows[0]
    names = ", ".join(dict.fromkeys(row.scheduler for row in SCHEDULERS))
    raise InputError("scheduler", f"{type(scheduler).__name__} cannot be steered. Use one of: {names}.")


def page() -> str:
    """docs/schedulers.md."""
    reasons = list(dict.fromkeys(reason for row in SCHEDULERS for reason in row.why))
    lines = [_INTRODUCTION]
    for row in SCHEDULERS:
        made = f"`{row.scheduler}`"
        made += f" with {_said({**row.options, **row.arguments})}" if row.options or row.arguments else ""
        made += f" (needs `{row.needs}`)" if row.needs else ""
        marks = ("yes" if claim else "no" for claim in (row.start, row.whole, row.injection, row.lands))
        why = ", ".join(str(reasons.index(reason) + 1) for reason in row.why)
        lines.append(" | ".join(["", row.name, made, *marks, why, ""]).strip())
    return "\n".join([*lines, "", *(f"{number}. {reason}" for number, reason in enumerate(reasons, 1))])


def _said(options: Mapping[str, Any]) -> str:
    return ", ".join(f"`{name}={value!r}`" for name, value in options.items())


_INTRODUCTION = """\
# Schedulers

Printed by `python -c "from sfumato.steering.support import page; print(page())"`; a test measures every yes
and every no on real diffusers pipelines (Stable Diffusion and, for `FlowMatch...`, Stable Diffusion 3, at tiny size)
and fails when one of them is not so.

- **start**: a map of one grey is the pipeline's own img2img, bit for bit.
- **whole**: so it is when the steps before the first release are not skipped (`steer(..., skip=False)`).
- **injection**: a cell that is not free yet enters every call of the model at exactly the level that the model is
  told, bit for bit. Solvers with two calls per step make 2N - 1 of them; cells are released between steps, and in both
  halves injected at the level that the half leads to.
- **lands**: the solver's own step leads free cells to that level, too.

Painters' names mean what diffusers' own overview means by them, with two exceptions where it is loose: `DPM++ SDE` of
k-diffusion is `DPMSolverSDEScheduler`, and `DPMSolverSinglestepScheduler`, which the overview offers for it, draws
noise only with `algorithm_type='sde-dpmsolver++'`. A subclass is taken for what it derives from. Any other scheduler is
refused with a sentence that names these. Pipelines of flow models call `scale_noise`, which the flow variants of DPM++
and UniPC do not have: those run where the pipeline calls `add_noise`, or takes latents.

| name | scheduler | start | whole | injection | lands | why |
|---|---|---|---|---|---|---|"""
