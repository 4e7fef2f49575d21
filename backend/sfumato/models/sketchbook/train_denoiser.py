"""Trains Sketchbook's UNet on the latents of painted scenes."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from torch import nn
from torch.nn import functional as F

from .caption import caption
from .latents import Pool, load_vae, make_pool
from .lineage import begin, fingerprint
from .networks import SIZE, make_scheduler, make_unet
from .paint import object_box
from .parallel import mean_gradients, quick_norms, quickly, rank, same_start, wait
from .recipe import Recipe
from .scene import Scene
from .tokenizer import make_tokenizer
from .train_text import taught, tokens
from .training_run import follow

HALF, WIDE, TALL = (SIZE // 2, SIZE // 2), (192, 320), (320, 192)
OBJECT_WEIGHT = 4.0  # the object is a twelfth of a picture, and what most prompts are about


def cell_weights(what: list[Scene], rows: int, columns: int) -> torch.Tensor:
    """Weights [n, 1, rows, columns] of mean 1 for the loss: cells that the object covers count more.

    What a cell should be does not depend on how much it counts, so the best prediction stays the same.
    """
    weights = torch.ones(len(what), 1, rows, columns)
    for index, scene in enumerate(what):
        left, top, right, bottom = object_box(scene, columns / rows)
        y, x = slice(round(top * rows), round(bottom * rows)), slice(round(left * columns), round(right * columns))
        weights[index, :, y, x] = OBJECT_WEIGHT
    return weights / weights.mean()


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


class Batches:
    """Training batches, the same for the same seed, step and process: a run that was broken off goes on as it would
    have. Small pictures first, because they cost a quarter, then the real size."""

    def __init__(self, out: Path, data: Path, recipe: Recipe, device: torch.device) -> None:
        self.recipe = recipe
        few = max(1, recipe.pictures // 20)
        sizes = {
            "half": (HALF, recipe.small_pictures),
            "full": ((SIZE, SIZE), recipe.pictures),
            "wide": (WIDE, few),
            "tall": (TALL, few),
        }
        self.pools: dict[str, Pool] = {}
        seen_by = fingerprint(out, "vae")
        for turn in range(2):  # the first process paints and encodes, then all read
            if rank() == 0 or turn == 1:
                vae = load_vae(out / "vae.pt", device)
                for seed, (name, (size, count)) in enumerate(sizes.items()):
                    file = data / f"latents_{name}_{count}_{seen_by}.npy"
                    self.pools[name] = make_pool(file, vae, 20 + seed, count, size)
            wait()

    def draw(self, step: int) -> tuple[list[str], torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Captions (a tenth of them empty), clean latents, the weights of their cells, noise, and times in 0..1."""
        recipe = self.recipe
        chances = (
            {"half": 0.85, "full": 0.15}
            if step < recipe.small_until * recipe.steps
            else {"half": 0.1, "full": 0.75, "crop": 0.07, "wide": 0.04, "tall": 0.04}
        )
        # All processes take the same kind at the same step, or the quick ones would wait for the slow one.
        common = np.random.default_rng((recipe.seed, step))
        kind = str(common.choice(list(chances), p=list(chances.values())))
        rng = np.random.default_rng((recipe.seed, step, rank()))
        pool = self.pools["full" if kind == "crop" else kind]
        count = recipe.batch * (4 if kind == "half" else 1)
        chosen = rng.integers(len(pool.what), size=count)
        latents = pool.latents[torch.from_numpy(chosen)]
        what = [pool.what[index] for index in chosen]
        weights = cell_weights(what, *latents.shape[2:])
        if kind == "crop":  # the product also runs parts of a canvas
            side = int(common.choice([16, 20, 24]))
            top, left = common.integers(0, latents.shape[2] - side + 1, size=2)
            latents, weights = (t[:, :, top : top + side, left : left + side] for t in (latents, weights))
        texts = ["" if rng.random() < 0.1 else caption(scene, rng) for scene in what]
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        noise = torch.randn(latents.shape, generator=generator)
        # One timestep from each of `count` equal strata: every batch sees every noise level.
        times = (torch.arange(count) + torch.rand(count, generator=generator)) / count
        return texts, latents.float(), weights, noise, times


def rate_at(step: int, recipe: Recipe) -> float:
    """Warm-up, a plateau, a straight way down: where the plateau ends can be decided while it lasts."""
    return recipe.rate * min(1.0, (step + 1) / 200, (recipe.steps - step) / max(1.0, recipe.cooldown * recipe.steps))


def train_denoiser(out: Path, data: Path, recipe: Recipe, device: torch.device) -> None:
    """Until `recipe.steps` are done; resumes from ``out/denoiser.pt``. Needs ``vae.pt`` and ``text.pt`` there."""
    torch.manual_seed(recipe.seed)
    batches = Batches(out, data, recipe, device)
    tokenizer, encoder = make_tokenizer(), taught(out).to(device)
    unet = make_unet().to(device, memory_format=torch.channels_last)
    start_quiet(unet)
    ema = copy.deepcopy(unet).requires_grad_(False)
    trained, averaged = list(unet.parameters()), list(ema.parameters())
    optimizer = torch.optim.AdamW(trained, lr=recipe.rate, betas=(0.9, 0.99), weight_decay=1e-2, fused=True)
    parts = {"unet": unet, "ema_unet": ema, "optimizer": optimizer}
    run = begin("denoiser", out, recipe, parts, device)
    same_start(trained)
    if device.type == "cpu":
        quick_norms(unet)
    level = make_scheduler().alphas_cumprod.to(device)
    while run.goes_on:
        for group in optimizer.param_groups:
            group["lr"] = rate_at(run.step, recipe)
        texts, clean, weights, noise, times = batches.draw(run.step)
        clean, noise = (t.to(device).contiguous(memory_format=torch.channels_last) for t in (clean, noise))
        at = (times.to(device) * len(level)).long()
        a, b = level[at].sqrt().view(-1, 1, 1, 1), (1 - level[at]).sqrt().view(-1, 1, 1, 1)
        with quickly(device):
            with torch.no_grad():
                words = encoder(tokens(tokenizer, texts, device)).last_hidden_state
            guess = unet(a * clean + b * noise, at, words, return_dict=False)[0]
        error = F.mse_loss(guess.float(), a * noise - b * clean, reduction="none")
        loss = (weights.to(device) * error).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        mean_gradients(trained)
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        follow(averaged, trained, run.step + 1)
        run.done(loss.item(), clean.shape[2] * clean.shape[3])
    run.finish()
