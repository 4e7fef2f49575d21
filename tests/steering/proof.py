"""What the proof that steering injects rests on: maps of a known n, and the pipeline's own img2img to compare with."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sfumato.change_map import ChangeMap, M
from sfumato.steering import steer
from sfumato.steering.routes import route_of
from steering import tiny

FAMILIES = list(tiny.FAMILIES)
STEPS = 10
# Every 8-bit grey once, one a latent cell.
ALL_GREYS = ChangeMap((np.arange(256, dtype=np.uint16) * 257).reshape(16, 16))


def change_for(pipe: Any, n: int, steps: int = STEPS) -> ChangeMap:
    """A constant map whose n is the given one under the pipeline's own rounding."""
    exact = n * M / steps
    value = np.ceil(exact) if route_of(pipe).rounding == "floor" else np.floor(exact)
    return ChangeMap(np.full((1, 1), value, np.uint16))


def plain(family: str, n: int, **kwargs: Any) -> torch.Tensor:
    return tiny.plain(family, STEPS, n, **kwargs)


def steered(pipe: Any, family: str, edit: Any, skip: bool = True, steps: int = STEPS, **kwargs: Any) -> torch.Tensor:
    callback = {"callback_on_step_end": kwargs.pop("callback")} if "callback" in kwargs else {}
    with steer(pipe, edit, skip=skip) as run:
        return run(**tiny.arguments(family, steps, **kwargs), **callback).images


class Counted:
    """`with Counted(pipe) as calls:` lists the rows of every call of the denoiser."""

    def __init__(self, pipe: Any) -> None:
        self.pipe = pipe

    def __enter__(self) -> list[int]:
        calls: list[int] = []

        def look(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            calls.append(len(output[0]))

        self.handle = (getattr(self.pipe, "unet", None) or self.pipe.transformer).register_forward_hook(
            look, with_kwargs=True
        )
        return calls

    def __exit__(self, *_: object) -> None:
        self.handle.remove()


def noise_levels(schedule: str, steps: int) -> np.ndarray:
    """b / (a + b) of a schedule, from noise to clean."""
    if schedule == "diffusion":
        sigma = np.linspace(14.6, 0, steps + 1)
        return sigma / (1 + sigma)
    shift = 6.0 if schedule.endswith("6") else 1.0
    sigma = np.linspace(1, 0, steps + 1)
    return shift * sigma / (1 + (shift - 1) * sigma)
