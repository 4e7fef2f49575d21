"""Distils Sketchbook into a sibling that needs four steps and no guidance.

A step of the student has to go where the guided teacher goes in many: its target is the v with which one DDIM step
lands on the teacher's state two levels of the grid on (progressive distillation, Salimans and Ho, arXiv 2202.00512,
here in one stage and with the guidance distilled as well: Meng et al., arXiv 2210.03142). So it stays an ordinary
v-prediction model for the ordinary DDIM scheduler. What it learns is a low-rank change of every layer (LoRA).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from peft import LoraConfig, get_peft_model_state_dict, set_peft_model_state_dict
from torch import Tensor, nn
from torch.nn import functional as F

from .lineage import begin, bound
from .networks import make_unet
from .parallel import mean_gradients, quick_norms, quickly, rank, same_start
from .recipe import Recipe
from .tokenizer import make_tokenizer
from .train_denoiser import Batches
from .train_text import taught, tokens
from .training_run import fill, read
from .trajectories import LEVELS, Ways, grid, make_ways

# The levels that a batch's examples start at: mostly the four of the product, and those between, so that other
# numbers of steps do not fall apart.
STARTS = (0, 2, 4, 6, 0, 2, 4, 6, 1, 3, 5, 7)

# What the teacher's ways rest on: its weights, its words, its scenes, and how it walks.
WAYS = ("denoiser.pt", "text.pt", "vae.pt", "small_pictures", "pictures", "few_guidance", "few_substeps", "seed")


class Adapter:
    """The low-rank change of a network, as a part of a training run."""

    def __init__(self, unet: UNet2DConditionModel, rank: int) -> None:
        self.unet = unet
        unet.requires_grad_(False)
        layers = [name for name, module in unet.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]
        unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=layers))

    @property
    def parameters(self) -> list[nn.Parameter]:
        return [parameter for parameter in self.unet.parameters() if parameter.requires_grad]

    def state_dict(self) -> dict[str, Any]:
        return dict(get_peft_model_state_dict(self.unet, adapter_name="default"))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        set_peft_model_state_dict(self.unet, state_dict, adapter_name="default")


def target(state: Tensor, after: Tensor, levels: Tensor) -> Tensor:
    """The v with which one DDIM step from ``levels`` [n] of the grid gets from ``state`` to ``after``, two levels on.

    DDIM: x' = a' x0 + b' noise with x0 = a x - b v and noise = b x + a v.
    """
    _, *ab = grid()
    a, b = (t[levels].view(-1, 1, 1, 1) for t in ab)
    a_, b_ = (t[(levels + 2).clamp(max=LEVELS)].view(-1, 1, 1, 1) for t in ab)
    return (after - (a_ * a + b_ * b) * state) / (b_ * a - a_ * b)


class Lessons:
    """Training batches, the same for the same seed, step and process."""

    def __init__(self, ways: dict[str, Ways], recipe: Recipe) -> None:
        self.ways, self.recipe = ways, recipe

    def draw(self, step: int) -> tuple[list[str], Tensor, Tensor, Tensor]:
        """Captions, states, the teacher's states two levels on (float32), and the levels of the former [n]."""
        kind = "half" if np.random.default_rng((self.recipe.seed, 6, step)).random() < 0.5 else "full"
        ways = self.ways[kind]
        rng = np.random.default_rng((self.recipe.seed, 6, step, rank()))
        count = self.recipe.few_batch * (4 if kind == "half" else 1)
        turn = int(rng.integers(len(STARTS)))
        levels = np.array([STARTS[(turn + index) % len(STARTS)] for index in range(count)])
        first = ways.first.numpy()
        chosen = np.array([rng.choice(np.flatnonzero(first <= level)) for level in levels])
        state, after = (ways.states[chosen, at].float() for at in (levels, np.minimum(levels + 2, LEVELS)))
        return [ways.captions[index] for index in chosen], state, after, torch.from_numpy(levels)


def rate_at(step: int, recipe: Recipe) -> float:
    """Warm-up, then straight down from half-way."""
    return recipe.few_rate * min(1.0, (step + 1) / 50, (recipe.few_steps - step) / (0.5 * recipe.few_steps))


def train_few_steps(out: Path, data: Path, recipe: Recipe, device: torch.device) -> None:
    """Until ``recipe.few_steps`` are done; resumes from ``out/few_steps.pt``. Needs the denoiser's checkpoint."""
    pools = Batches(out, data, recipe, device).pools
    tokenizer, encoder = make_tokenizer(), taught(out).to(device)
    unet = make_unet()
    fill(unet, read(out / "denoiser.pt"), "ema_unet", out / "denoiser.pt")
    unet.to(device, memory_format=torch.channels_last).requires_grad_(False)
    if device.type == "cpu":
        quick_norms(unet)

    def model(noisy: Tensor, t: Tensor, captions: list[str]) -> Tensor:
        noisy = noisy.to(device).contiguous(memory_format=torch.channels_last)
        with quickly(device):
            with torch.no_grad():
                words = encoder(tokens(tokenizer, captions, device)).last_hidden_state
            answer: Tensor = unet(noisy, t.to(device), words, return_dict=False)[0]
        return answer.float()

    rests_on = bound("few_steps", out, recipe)
    folder = data / "_".join(["teacher", *(str(rests_on[name]) for name in WAYS)])
    made = {
        kind: make_ways(
            folder, pools[kind], count, recipe.seed, model, recipe.few_guidance, recipe.few_substeps, device
        )
        for kind, count in (("half", recipe.few_small), ("full", recipe.few_full))
    }
    lessons = Lessons(made, recipe)
    torch.manual_seed(recipe.seed)
    adapter = Adapter(unet, recipe.few_rank)
    unet.to(device)
    optimizer = torch.optim.AdamW(adapter.parameters, lr=recipe.few_rate, betas=(0.9, 0.99), weight_decay=0.0)
    run = begin("few_steps", out, recipe, {"lora": adapter, "optimizer": optimizer}, device)
    same_start(adapter.parameters)
    timesteps, *_ = grid()
    while run.goes_on:
        for group in optimizer.param_groups:
            group["lr"] = rate_at(run.step, recipe)
        captions, state, after, levels = lessons.draw(run.step)
        loss = F.mse_loss(model(state, timesteps[levels], captions), target(state, after, levels).to(device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        mean_gradients(adapter.parameters)
        torch.nn.utils.clip_grad_norm_(adapter.parameters, 1.0)
        optimizer.step()
        run.done(loss.item(), state.shape[2] * state.shape[3])
    run.finish()
