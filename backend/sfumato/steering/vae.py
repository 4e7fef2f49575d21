"""Pixels <-> clean latents, by a pipeline's own VAE."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


def scale_of(pipe: Any) -> int:
    """Pixels of a side of a cell of the VAE's latents."""
    return int(getattr(pipe, "vae_scale_factor", None) or pipe.image_processor.config.vae_scale_factor)


def is_latents(pipe: Any, image: Any) -> bool:
    """Whether an `image` is clean latents rather than pixels."""
    config = (getattr(pipe, "vae", None) or pipe.movq).config
    channels = config.get("latent_channels") or config.get("z_dim") or 4
    return isinstance(image, Tensor) and image.shape[0 if image.ndim == 3 else 1] == channels


def encoded(pipe: Any, pixels: Tensor) -> Tensor:
    """The clean latents of pixels in -1..1, by the posterior's mode, which draws nothing."""
    config = pipe.vae.config
    with _wide_enough(pipe.vae):
        answer = pipe.vae.encode(pixels.to(pipe._execution_device, pipe.vae.dtype))
    clean: Tensor = answer.latent if hasattr(answer, "latent") else answer.latent_dist.mode()
    scaled: Tensor = (clean - (config.get("shift_factor") or 0.0)) * config.scaling_factor
    return scaled


def decoded(pipe: Any, latents: Tensor) -> Tensor:
    """The pixels, about -1..1, that clean latents are of."""
    config = pipe.vae.config
    unscaled = latents / config.scaling_factor + (config.get("shift_factor") or 0.0)
    with _wide_enough(pipe.vae):
        pixels: Tensor = pipe.vae.decode(unscaled.to(pipe._execution_device, pipe.vae.dtype), return_dict=False)[0]
    return pixels


@contextmanager
def _wide_enough(vae: Any) -> Iterator[None]:
    """In float32 where the VAE is said to overflow in half precision, as SDXL's is."""
    overflows = vae.dtype == torch.float16 and vae.config.get("force_upcast")
    if overflows:
        vae.to(torch.float32)
    try:
        yield
    finally:
        if overflows:
            vae.to(torch.float16)
