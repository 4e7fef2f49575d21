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
    config, video = pipe.vae.config, _of_videos(pipe.vae)
    pixels = pixels.to(pipe._execution_device, pipe.vae.dtype)
    with _wide_enough(pipe.vae):
        answer = pipe.vae.encode(pixels.unsqueeze(2) if video else pixels)
    clean: Tensor = answer.latent if hasattr(answer, "latent") else answer.latent_dist.mode()
    if video:
        mean, deviation = _statistics(pipe.vae, clean)
        return (clean[:, :, 0] - mean) / deviation
    scaled: Tensor = (clean - (config.get("shift_factor") or 0.0)) * config.scaling_factor
    return scaled


def decoded(pipe: Any, latents: Tensor) -> Tensor:
    """The pixels, about -1..1, that clean latents are of."""
    config, video = pipe.vae.config, _of_videos(pipe.vae)
    if video:
        mean, deviation = _statistics(pipe.vae, latents)
        unscaled = (latents * deviation + mean).unsqueeze(2)
    else:
        unscaled = latents / config.scaling_factor + (config.get("shift_factor") or 0.0)
    with _wide_enough(pipe.vae):
        pixels: Tensor = pipe.vae.decode(unscaled.to(pipe._execution_device, pipe.vae.dtype), return_dict=False)[0]
    return pixels[:, :, 0] if video else pixels


def _of_videos(vae: Any) -> bool:
    """Whether it has an axis of frames, as Qwen-Image's: there a picture is a video of one."""
    return "z_dim" in vae.config


def _statistics(vae: Any, like: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the latents of such a VAE, by channel, [1, C, 1, 1]."""
    mean, deviation = (like.new_tensor(vae.config[f"latents_{name}"]).view(1, -1, 1, 1) for name in ("mean", "std"))
    return mean, deviation


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
