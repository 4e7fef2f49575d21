"""Paints scenes and keeps only their latents, which is what the denoisers train on."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL

from .assemble import fold_whitening
from .data import _paint_one, scenes
from .networks import make_vae
from .scene import Scene, mirrored
from .train_vae import to_tensor
from .training_run import fill, read


@dataclass(frozen=True)
class Pool:
    """Scenes with their latents [n, 4, h, w] in float16. The second half is the first half seen in a mirror."""

    what: list[Scene]
    latents: torch.Tensor


def load_vae(checkpoint: Path, device: torch.device) -> AutoencoderKL:
    """The trained autoencoder with whitened latents."""
    state = read(checkpoint)
    vae = make_vae()
    fill(vae, state, "ema", checkpoint)
    fold_whitening(vae, state["mean"], state["std"])
    return vae.requires_grad_(False).to(device, memory_format=torch.channels_last)


def make_pool(file: Path, vae: AutoencoderKL, seed: int, count: int, size: tuple[int, int]) -> Pool:
    """Latents of ``count`` scenes painted at ``size`` and of their mirror pictures, cached in ``file``.

    The file is used as it is found, so its name must tell one autoencoder and count from another.
    """
    what = scenes(seed, count)
    if not file.exists():
        device = next(vae.parameters()).device
        found: tuple[list[torch.Tensor], list[torch.Tensor]] = ([], [])
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            for start in range(0, count, 512):  # in portions, so that painting never runs far ahead of encoding
                pictures = list(pool.map(partial(_paint_one, size=size), what[start : start + 512], chunksize=16))
                for batch in np.array_split(np.stack(pictures), -(-len(pictures) // 16)):
                    # A mirrored scene is the flipped picture, but latents do not flip: each is encoded.
                    for side, seen in zip(found, (batch, batch[:, :, ::-1]), strict=True):
                        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
                            latents = vae.encode(to_tensor(seen, device)).latent_dist.mode()
                        side.append(latents.half().cpu())
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file.with_suffix(".part.npy"), torch.cat([*found[0], *found[1]]).numpy())
        file.with_suffix(".part.npy").rename(file)
    return Pool([*what, *map(mirrored, what)], torch.from_numpy(np.load(file)))
