"""The control of a job: the picture that guides a ControlNet, as a pipeline's arguments, and which steps it guides."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sfumato_wire.geometry import Box
from sfumato_wire.request import Control
from torch import Tensor

from sfumato.errors import InputError
from sfumato.studio.picture import to_working
from sfumato.studio.plan import Plan
from sfumato.studio.request import part


def check_range(control: Control, steps: int) -> None:
    """Raises InputError where none of so many steps lies wholly in the control's range, so that it would not guide."""
    if any(_is_guided(control, step, steps) for step in range(steps)):
        return
    begin, end = math.floor(control.begin * steps) / steps, math.ceil(control.end * steps) / steps
    wide = f"{math.floor(begin * 1000) / 1000:g}..{math.ceil(end * 1000) / 1000:g}"
    raise InputError(
        "empty_range",
        f"The ControlNet would guide nothing: of {steps} steps none lies wholly in its range, "
        f"{control.begin:g}..{control.end:g}. Widen it to {wide}, or take more steps.",
    )


def _is_guided(control: Control, step: int, steps: int) -> bool:
    return step / steps >= control.begin and (step + 1) / steps <= control.end


def over_black(rgba: NDArray[np.uint8], at: Box, crop: Box) -> NDArray[np.uint8]:
    """RGB [h, w, 3] of the box `crop`, from a picture that lies at box `at`: black where that is transparent or does
    not reach, which to most ControlNets is where nothing is."""
    result = np.zeros((crop.height, crop.width, 3), np.uint8)
    common = at.intersection(crop)
    if common.area:
        shown = part(rgba, at, common).astype(np.uint32)
        part(result, crop, common)[:] = (shown[..., :3] * shown[..., 3:] + 127) // 255
    return result


def arguments(pipe: Any, control: Control, rgb: NDArray[np.uint8], planned: Plan) -> dict[str, Any]:
    """What a pipeline with a ControlNet is called with, beside the rest. rgb: the picture over the crop."""
    image = to_working(rgb, planned)
    if hasattr(pipe, "unet"):  # whose ControlNets read 0..1; those of transformers read what a VAE does
        image = (image + 1) / 2
    return {"control_image": image, "controlnet_conditioning_scale": control.weight}


@contextmanager
def guided(pipe: Any, control: Control) -> Iterator[None]:
    """Meanwhile the ControlNet guides the steps of the control's range, which are counted as diffusers counts them, but
    of the whole schedule: its pipelines count only those that they run, which a map has fewer or more of, and passes
    that record a canvas run backwards."""

    def before(network: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        run = pipe.scheduler.run  # of the steering that stands in for the scheduler
        if not _is_guided(control, run.step, run.grid.steps):
            kwargs = kwargs | {"conditioning_scale": 0.0}
        # A VAE in float32 would hand over more than the network is in.
        return args, kwargs | {"controlnet_cond": kwargs["controlnet_cond"].to(network.dtype)}

    handle = pipe.controlnet.register_forward_pre_hook(before, with_kwargs=True)
    try:
        with _drawing_nothing(pipe):
            yield
    finally:
        handle.remove()


@contextmanager
def _drawing_nothing(pipe: Any) -> Iterator[None]:
    """Pipelines of Flux encode the control by a draw, after which all noise would be another than without a control.
    Meanwhile the VAE answers with the posterior's mode."""
    if hasattr(pipe, "unet"):
        yield
        return
    encode = pipe.vae.encode

    def by_mode(pixels: Tensor) -> Any:
        clean = encode(pixels).latent_dist.mode()
        return SimpleNamespace(latent_dist=SimpleNamespace(mode=lambda: clean, sample=lambda generator: clean))

    pipe.vae.encode = by_mode
    try:
        yield
    finally:
        del pipe.vae.encode
