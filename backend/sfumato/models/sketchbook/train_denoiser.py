"""Trains Sketchbook's text encoder and UNet on the latents of painted scenes."""

from __future__ import annotations

import copy
import math
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from torch import nn
from torch.nn import functional as F
from transformers import CLIPTextModel, CLIPTokenizer

from .caption import caption
from .data import scenes
from .latents import Pool, load_vae, make_pool
from .networks import SIZE, TEXT_WIDTH, make_scheduler, make_text_encoder, make_unet
from .parallel import mean_gradients, quick_norms, rank, same_start, wait
from .scene import CHOICES, Scene
from .tokenizer import END, make_tokenizer

HALF, WIDE, TALL = (SIZE // 2, SIZE // 2), (192, 320), (320, 192)


def tokens(tokenizer: CLIPTokenizer, texts: list[str], device: torch.device) -> torch.Tensor:
    """Token ids [n, 40], padded as the pipeline pads them."""
    return tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids.to(device)


def teach_attributes(
    text_encoder: CLIPTextModel, tokenizer: CLIPTokenizer, steps: int, batch: int, device: torch.device
) -> float:
    """Let the text encoder name a scene's attributes from its caption before it meets pictures.

    Two minutes of this put season, object, colour and place where cross-attention finds them: in the end token and the
    padding behind it, which see the whole caption. Returns the last mean accuracy.
    """
    rng = np.random.default_rng(3)
    heads = nn.ModuleDict({name: nn.Linear(TEXT_WIDTH, len(options)) for name, options in CHOICES.items()}).to(device)
    optimizer = torch.optim.AdamW([*text_encoder.parameters(), *heads.parameters()], lr=1e-3, betas=(0.9, 0.98))
    end = tokenizer.convert_tokens_to_ids(END)
    right: list[float] = []
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1, (step + 1) / 50, (steps - step) / (0.5 * steps))
        what = scenes(10_000 + step, batch)
        ids = tokens(tokenizer, [caption(scene, rng) for scene in what], device)
        with torch.autocast(device.type, torch.bfloat16):
            states = text_encoder(ids).last_hidden_state
        seen = (ids == end).float()[..., None]
        summary = (states.float() * seen).sum(1) / seen.sum(1)
        loss = summary.new_zeros(())
        right = []
        for name, options in CHOICES.items():
            target = torch.tensor([options.index(getattr(scene, name)) for scene in what], device=device)
            scores = heads[name](summary)
            loss = loss + F.cross_entropy(scores, target)
            right.append((scores.argmax(1) == target).float().mean().item())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return float(np.mean(right)) if right else 0.0


def start_quiet(unet: UNet2DConditionModel) -> None:
    """Let every residual branch start at zero: the network then learns its depth step by step."""
    for module in unet.modules():
        last: list[nn.Module] = []
        if isinstance(module, ResnetBlock2D):
            last = [module.conv2]
        elif isinstance(module, Transformer2DModel):
            last = [module.proj_out]
        elif isinstance(module, BasicTransformerBlock) and module.attn2 is not None:
            last = [module.attn2.to_out[0]]
        for layer in last:
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)


class Sampler:
    """Draws training batches: small pictures first, because they cost a quarter, then the real size."""

    def __init__(self, pools: dict[str, Pool], batch: int) -> None:
        self.pools, self.batch = pools, batch
        self.rng = np.random.default_rng()

    def draw(self, step: int, progress: float) -> tuple[list[Scene], torch.Tensor]:
        chances = (
            {"half": 0.8, "full": 0.2}
            if progress < 0.5
            else {"half": 0.1, "full": 0.75, "crop": 0.07, "wide": 0.04, "tall": 0.04}
        )
        names = list(chances)
        # All processes take the same kind at the same step, or the quick ones would wait for the slow one.
        kind = names[np.random.default_rng(step).choice(len(names), p=[chances[name] for name in names])]
        pool = self.pools["full" if kind == "crop" else kind]
        chosen = self.rng.integers(len(pool.what), size=self.batch * (2 if kind == "half" else 1))
        latents = pool.latents[chosen]
        if kind == "crop":  # the product also runs parts of a canvas
            side = int(self.rng.choice([16, 20, 24]))
            top, left = self.rng.integers(0, latents.shape[2] - side + 1, size=2)
            latents = latents[:, :, top : top + side, left : left + side]
        return [pool.what[i] for i in chosen], latents.float()


def train_denoiser(
    out: Path, data: Path, minutes: float, pictures: int, batch: int, rate: float, device: torch.device
) -> None:
    """Train until ``minutes`` of training in all have passed; resumes from ``out/denoiser.pt``."""
    torch.manual_seed(1 + 1000 * rank())
    sizes = {
        "half": (HALF, pictures),
        "full": ((SIZE, SIZE), pictures),
        "wide": (WIDE, pictures // 16),
        "tall": (TALL, pictures // 16),
    }
    pools: dict[str, Pool] = {}
    for turn in range(2):  # the first process paints and encodes, then all read
        if rank() == 0 or turn == 1:
            vae = load_vae(out / "vae.pt", device)
            for seed, (name, (size, count)) in enumerate(sizes.items()):
                pools[name] = make_pool(data / f"latents_{name}_{count}.npy", vae, 20 + seed, count, size)
        wait()
    if rank() == 0:
        for name, pool in pools.items():
            values = pool.latents.float()
            print(f"{name}: {len(values)} latents, mean {values.mean():.3f}, std {values.std():.3f}", flush=True)
    tokenizer = make_tokenizer()
    text_encoder = make_text_encoder().to(device).train()
    unet = make_unet().to(device, memory_format=torch.channels_last)
    start_quiet(unet)
    checkpoint = out / "denoiser.pt"
    state = torch.load(checkpoint, map_location=device, weights_only=True) if checkpoint.exists() else None
    if state is None:
        if rank() == 0:
            accuracy = teach_attributes(text_encoder, tokenizer, 600 if minutes > 5 else 5, 96, device)
            print(f"text encoder names attributes: {accuracy:.3f}", flush=True)
    else:
        unet.load_state_dict(state["unet"])
        text_encoder.load_state_dict(state["text"])
    same_start([*unet.parameters(), *text_encoder.parameters()])
    ema_unet = copy.deepcopy(unet).requires_grad_(False)
    ema_text = copy.deepcopy(text_encoder).requires_grad_(False)
    if device.type == "cpu":
        quick_norms(unet)
    optimizer = torch.optim.AdamW(
        [{"params": list(unet.parameters()), "scale": 1.0}, {"params": list(text_encoder.parameters()), "scale": 0.4}],
        lr=rate,
        betas=(0.9, 0.99),
        weight_decay=1e-2,
    )
    step, spent, seen = 0, 0.0, 0
    if state is not None:
        ema_unet.load_state_dict(state["ema_unet"])
        ema_text.load_state_dict(state["ema_text"])
        optimizer.load_state_dict(state["optimizer"])
        step, spent, seen = state["step"], state["spent"], state["seen"]

    def save() -> None:
        torch.save(
            {
                "unet": unet.state_dict(),
                "text": text_encoder.state_dict(),
                "ema_unet": ema_unet.state_dict(),
                "ema_text": ema_text.state_dict(),
                "optimizer": optimizer.state_dict(),
                "step": step,
                "spent": spent,
                "seen": seen,
            },
            checkpoint.with_suffix(".part"),
        )
        checkpoint.with_suffix(".part").rename(checkpoint)

    level = make_scheduler().alphas_cumprod.to(device)
    sampler, rng = Sampler(pools, batch), np.random.default_rng()
    trained = [*unet.parameters(), *text_encoder.parameters()]
    averaged = [*ema_unet.parameters(), *ema_text.parameters()]
    losses: dict[int, list[float]] = {}
    clock = saved = printed = time.monotonic()
    while spent < 60 * minutes:
        progress = spent / (60 * minutes)
        for group in optimizer.param_groups:
            fall = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress))
            group["lr"] = rate * group["scale"] * min(1, (step + 1) / 200) * fall
        what, clean = sampler.draw(step, progress)
        count = len(what)
        texts = ["" if rng.random() < 0.1 else caption(scene, rng) for scene in what]
        clean = clean.to(device).contiguous(memory_format=torch.channels_last)
        noise = torch.randn_like(clean)
        # One timestep from each of `count` equal strata: every batch sees every noise level.
        times = ((torch.arange(count, device=device) + torch.rand(count, device=device)) / count * len(level)).long()
        a, b = level[times].sqrt().view(-1, 1, 1, 1), (1 - level[times]).sqrt().view(-1, 1, 1, 1)
        with torch.autocast(device.type, torch.bfloat16):
            words = text_encoder(tokens(tokenizer, texts, device)).last_hidden_state
            guess = unet(a * clean + b * noise, times, words, return_dict=False)[0]
        loss = F.mse_loss(guess.float(), a * noise - b * clean)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        spent = mean_gradients(trained, spent)
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(averaged, trained, 1 - min(0.998, (step + 1) / (step + 10)))
        step, seen = step + 1, seen + count
        losses.setdefault(clean.shape[2] * clean.shape[3], []).append(loss.item())
        now = time.monotonic()
        spent, clock = spent + now - clock, now
        if rank() == 0 and now - printed > 60:
            means = ", ".join(f"{cells}: {np.mean(values):.4f}" for cells, values in sorted(losses.items()))
            print(
                f"denoiser {spent / 60:.1f} min, step {step}, {seen} samples per process, loss by cells {means}",
                flush=True,
            )
            losses, printed = {}, now
        if rank() == 0 and now - saved > 180:
            save()
            saved = time.monotonic()
    if rank() == 0:
        save()
        print(f"denoiser done: step {step}, {seen} samples per process", flush=True)
    wait()
