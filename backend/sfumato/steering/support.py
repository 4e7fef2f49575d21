"""Which schedulers can be steered, and how exactly. The table in the documentation is printed from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Support:
    """start: a constant map is img2img bit for bit when the run starts at its first changing step; whole: also when it
    runs every step. injection: every cell enters its step at exactly its level. why: what is not exact, and why."""

    start: bool = True
    whole: bool = True
    injection: bool = True
    why: str = ""


_HISTORY = "A multistep solver remembers the steps before the release; only a start at the first one leaves it empty."
_DRAWS = "Draws fresh noise in every step: steps that are not skipped draw more of the generator."

SCHEDULERS: dict[str, Support] = {
    "DDIMScheduler": Support(),
    "DDPMScheduler": Support(whole=False, why=_DRAWS),
    "EulerDiscreteScheduler": Support(),
    "EulerAncestralDiscreteScheduler": Support(whole=False, why=_DRAWS),
    "HeunDiscreteScheduler": Support(),
    "DPMSolverMultistepScheduler": Support(whole=False, why=_HISTORY),
    "DPMSolverSDEScheduler": Support(whole=False, why=_DRAWS),
    "UniPCMultistepScheduler": Support(whole=False, why=_HISTORY),
    "LCMScheduler": Support(whole=False, why=_DRAWS),
    "TCDScheduler": Support(whole=False, why=_DRAWS),
    "FlowMatchEulerDiscreteScheduler": Support(),
    "FlowMatchHeunDiscreteScheduler": Support(),
}


def check_scheduler(scheduler: Any) -> Support:
    """What is known of a scheduler (or of what its class derives from). Raises ValueError with the supported names."""
    for cls in type(scheduler).__mro__:
        if cls.__name__ in SCHEDULERS:
            return SCHEDULERS[cls.__name__]
    names = ", ".join(SCHEDULERS)
    raise ValueError(f"{type(scheduler).__name__} cannot be steered. Use one of: {names}.")
