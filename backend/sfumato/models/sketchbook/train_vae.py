"""Trains Sketchbook's autoencoder on crops of painted scenes."""

from __future__ import annotations

import copy
import math
from functools import partial
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch.nn import functional as F

from .data import held_out, painted, scenes
from .lineage import begin
from .networks import SIZE, make_vae
from .paint import paint
from .parallel import mean_gradients, quick_norms, rank, same_start, wait
from .recipe import Recipe

CROP, RATE = 96, 2e-3


def to_tensor(pictures: np.ndarray, device: torch.device) -> torch.Tensor:
    """uint8 [n, h, w, 3] to -1..1 [n, 3, h, w]."""
    batch = torch.from_numpy(np.array(pictures)).to(device).permute(0, 3, 1, 2)
    return (batch.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def psnr(vae: AutoencoderKL, pictures: torch.Tensor) -> float:
    """Mean PSNR in dB of decode(mode(encode)) over pictures in -1..1, clamped as a viewer would see them."""
    values = []
    with torch.no_grad():
        for picture in pictures.split(4):
            out = vae.decode(vae.encode(picture).latent_dist.mode()).sample.clamp(-1, 1).float()
            error = ((out - picture.float()) / 2).square().mean(dim=(1, 2, 3))
            values += (-10 * error.log10()).tolist()
    return float(np.mean(values))


def reconstruction_loss(out: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """L1 and squares for fidelity, gradients for edges, pooled L1 so that flat areas keep their colour."""
    difference = out - target
    loss = difference.abs().mean() + difference.square().mean()
    for axis in (2, 3):
        loss = loss + 0.25 * difference.diff(dim=axis).abs().mean()
    return loss + 0.5 * F.avg_pool2d(difference, 4).abs().mean()


def train_vae(out: Path, data: Path, recipe: Recipe, device: torch.device) -> None:
    """Until ``recipe.vae_steps`` are done; resumes from ``out/vae.pt``."""
    file = data / f"vae_{recipe.vae_pictures}.npy"
    if rank() == 0:
        painted(file, scenes(1, recipe.vae_pictures), (SIZE, SIZE), mixed=True)
    wait()
    everything = np.load(file, mmap_mode="r")
    torch.manual_seed(recipe.seed)
    vae = make_vae().to(device, memory_format=torch.channels_last)
    same_start(vae.parameters())
    ema = copy.deepcopy(vae).requires_grad_(False)
    if device.type == "cpu":
        quick_norms(vae)
    trained = list(vae.parameters())
    optimizer = torch.optim.AdamW(trained, lr=RATE, betas=(0.9, 0.99), weight_decay=1e-3)
    parts = {"model": vae, "ema": ema, "optimizer": optimizer}
    run = begin("vae", out, recipe, parts, device, partial(_latent_statistics, ema, everything, device))
    while run.goes_on:
        step = run.step
        for group in optimizer.param_groups:
            fall = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / recipe.vae_steps))
            group["lr"] = RATE * min(1, (step + 1) / 100) * fall
        rng = np.random.default_rng((recipe.seed, step, rank()))
        torch.manual_seed(int(rng.integers(2**62)))  # the posterior's sample
        chosen = rng.integers(len(everything), size=recipe.vae_batch)
        tops, lefts = rng.integers(0, SIZE - CROP + 1, size=(2, recipe.vae_batch))
        crops = np.stack(
            [everything[i, t : t + CROP, s : s + CROP] for i, t, s in zip(chosen, tops, lefts, strict=True)]
        )
        target = to_tensor(crops[:, :, :: -1 if step % 2 else 1], device)
        with torch.autocast(device.type, torch.bfloat16):
            posterior = vae.encode(target).latent_dist
            decoded = vae.decode(posterior.sample()).sample
        loss = reconstruction_loss(decoded.float(), target) + 2e-4 * posterior.kl().mean() / posterior.mean[0].numel()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        mean_gradients(trained)
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(list(ema.parameters()), trained, 1 - min(0.998, (step + 1) / (step + 11)))
        run.done(loss.item(), CROP * CROP)
    run.finish()
    if rank() == 0:
        test = to_tensor(np.stack([paint(scene) for scene in held_out(8)]), device)
        print(f"vae done: {psnr(ema, test):.2f} dB", flush=True)


def _latent_statistics(vae: AutoencoderKL, everything: np.ndarray, device: torch.device) -> dict[str, torch.Tensor]:
    """Mean and standard deviation of each latent channel."""
    with torch.no_grad():
        latents = vae.encode(to_tensor(everything[:64], device)).latent_dist.mode().float()
    return {"mean": latents.mean(dim=(0, 2, 3)).cpu(), "std": latents.std(dim=(0, 2, 3)).cpu()}
