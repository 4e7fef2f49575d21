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
        clean = clean[:, :, 0]
    if in_patches(pipe):
        clean = pipe._patchify_latents(clean)
    if (statistics := _statistics(pipe.vae)) is not None:
        mean, deviation = (one.to(clean) for one in statistics)
        return (clean - mean) / deviation
    scaled: Tensor = (clean - (config.get("shift_factor") or 0.0)) * config.scaling_factor
    return scaled


def decoded(pipe: Any, latents: Tensor) -> Tensor:
    """The pixels, about -1..1, that clean latents are of."""
    config, video = pipe.vae.config, _of_videos(pipe.vae)
    if (statistics := _statistics(pipe.vae)) is not None:
        mean, deviation = (one.to(latents) for one in statistics)
        unscaled = latents * deviation + mean
    else:
        unscaled = latents / config.scaling_factor + (config.get("shift_factor") or 0.0)
    if in_patches(pipe):
        unscaled = pipe._unpatchify_latents(unscaled)
    if video:
        unscaled = unscaled.unsqueeze(2)
    with _wide_enough(pipe.vae):
        pixels: Tensor = pipe.vae.decode(unscaled.to(pipe._execution_device, pipe.vae.dtype), return_dict=False)[0]
    return pixels[:, :, 0] if video else pixels


def _of_videos(vae: Any) -> bool:
    """Whether it has an axis of frames, as Qwen-Image's: there a picture is a video of one."""
    return "z_dim" in vae.config


def in_patches(pipe: Any) -> bool:
    """Whether a pipeline's latents are patches of 2 x 2 of its VAE's, as Flux.2's."""
    return hasattr(pipe, "_patchify_latents")


def _statistics(vae: Any) -> tuple[Tensor, Tensor] | None:
    """Mean and standard deviation of the latents by channel, [1, C, 1, 1], of the VAEs that have those: Qwen-Image's in
    its configuration, Flux.2's of its patches, in a batch norm."""
    if _of_videos(vae):
        mean, deviation = (torch.tensor(vae.config[f"latents_{name}"]) for name in ("mean", "std"))
    elif hasattr(vae, "bn"):
        mean, deviation = vae.bn.running_mean, (vae.bn.running_var + vae.config.batch_norm_eps).sqrt()
    else:
        return None
    return mean.view(1, -1, 1, 1), deviation.view(1, -1, 1, 1)


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
