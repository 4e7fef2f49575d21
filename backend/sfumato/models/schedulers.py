"""The schedulers that a painter may choose for a model, by its family; its own is always the default.

Few, and only those that are steered exactly (docs/schedulers.md). Names are the ones of that table.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sfumato.errors import InputError
from sfumato.models import Model

_NOISE = ("DDIM", "Euler", "Euler a", "DPM++ 2M", "DPM++ 2M Karras", "UniPC")
SCHEDULERS: dict[str, tuple[str, ...]] = {
    "sd": _NOISE,
    "sd15": (*_NOISE, "LCM"),  # also for a checkpoint that a LoRA makes need few steps
    "sd2": (*_NOISE, "LCM"),
    "sdxl": (*_NOISE, "LCM"),
    "sd3": ("Flow Euler", "Flow Heun"),
    "flux": ("Flow Euler",),  # whose pipeline sets levels that no other takes; so do the next
    "flux2": ("Flow Euler",),
    "qwen-image": ("Flow Euler",),
    "z-image": ("Flow Euler",),
}
_KARRAS = {"use_karras_sigmas": True}
_TWO_M: dict[str, Any] = {"algorithm_type": "dpmsolver++", "solver_order": 2}
_MADE: dict[str, tuple[str, dict[str, Any]]] = {
    "DDIM": ("DDIMScheduler", {}),
    "Euler": ("EulerDiscreteScheduler", {}),
    "Euler a": ("EulerAncestralDiscreteScheduler", {}),
    "DPM++ 2M": ("DPMSolverMultistepScheduler", _TWO_M),
    "DPM++ 2M Karras": ("DPMSolverMultistepScheduler", _TWO_M | _KARRAS),
    "UniPC": ("UniPCMultistepScheduler", {"solver_order": 2}),
    "LCM": ("LCMScheduler", {}),
    "Flow Euler": ("FlowMatchEulerDiscreteScheduler", {}),
    "Flow Heun": ("FlowMatchHeunDiscreteScheduler", {}),
}
# What a checkpoint's own scheduler may say that would make another one something else than its name says; and latents
# are never clipped, which some do unless told.
_PLAIN = dict.fromkeys(("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_flow_sigmas"), False)
_PLAIN |= {"clip_sample": False, "thresholding": False, "stochastic_sampling": False}


def check_scheduler_name(name: str, model: Model) -> None:
    """Raises InputError where a model is not offered that scheduler."""
    offered = SCHEDULERS.get(model.info.family, ())
    if name and name not in offered:
        which = f"It has: {', '.join(offered)}. Without a name it takes its own" if offered else "It takes its own"
        raise InputError("unknown_scheduler", f"{model.info.name} has no scheduler '{name}'. {which}.")


@contextmanager
def scheduled(pipe: Any, name: str) -> Iterator[None]:
    """The pipeline has that scheduler meanwhile, with what its own says of its training; "" is its own."""
    own = pipe.scheduler
    if name:
        pipe.scheduler = made(name, own)
    try:
        yield
    finally:
        pipe.scheduler = own


def made(name: str, own: Any) -> Any:
    """The scheduler of that name for a model whose own is `own`. Raises InputError where that says what it cannot."""
    import diffusers

    kind, options = _MADE[name]
    if name == "Flow Heun" and own.config.get("use_dynamic_shifting"):
        sentence = "Flow Heun cannot shift its levels by the size of the picture, as this model wants. Take Flow Euler."
        raise InputError("unfitting_scheduler", sentence)
    return getattr(diffusers, kind).from_config(own.config, **_PLAIN | options)
