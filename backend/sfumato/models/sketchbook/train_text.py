"""Teaches Sketchbook's text encoder what the words mean, before it meets pictures.

It learns to name a scene's attributes from a caption. That puts season, object, colour and place where the denoiser
finds them, in the end token and the padding behind it, which see the whole caption; afterwards it stays as it is, so
that a denoiser trained on few pictures does not have to find the words as well.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from transformers import CLIPTextModel, CLIPTokenizer

from .caption import caption
from .data import scenes
from .lineage import bound
from .networks import TEXT_WIDTH, make_text_encoder
from .recipe import Recipe
from .scene import CHOICES
from .tokenizer import END, make_tokenizer
from .training_run import check, fill, keep, read

BATCH, RATE = 96, 1e-3


def tokens(tokenizer: CLIPTokenizer, texts: list[str], device: torch.device) -> torch.Tensor:
    """Token ids [n, 40], padded as the pipeline pads them."""
    return tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids.to(device)


def taught(out: Path) -> CLIPTextModel:
    """The text encoder of ``out/text.pt``, which stays as it is."""
    encoder = make_text_encoder()
    fill(encoder, read(out / "text.pt"), "text", out / "text.pt")
    return encoder.requires_grad_(False).eval()


def train_text(out: Path, recipe: Recipe, device: torch.device) -> None:
    """Writes ``out/text.pt``, unless it is there."""
    checkpoint, steps, fixed = out / "text.pt", recipe.text_steps, bound("text", out, recipe)
    if checkpoint.exists():
        check(checkpoint, read(checkpoint), fixed)
        print(f"text has its {steps} steps already", flush=True)
        return
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng((recipe.seed, 3))
    tokenizer, encoder = make_tokenizer(), make_text_encoder().to(device).train()
    heads = nn.ModuleDict({name: nn.Linear(TEXT_WIDTH, len(options)) for name, options in CHOICES.items()}).to(device)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *heads.parameters()], lr=RATE, betas=(0.9, 0.98))
    end = tokenizer.convert_tokens_to_ids(END)
    right: list[float] = []
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 50, (steps - step) / (0.5 * steps))
        what = scenes(10_000 + step, BATCH)
        ids = tokens(tokenizer, [caption(scene, rng) for scene in what], device)
        with torch.autocast(device.type, torch.bfloat16):
            states = encoder(ids).last_hidden_state
        seen = (ids == end).float()[..., None]
        summary = (states.float() * seen).sum(1) / seen.sum(1)
        loss = summary.new_zeros(())
        for name, options in CHOICES.items():
            target = torch.tensor([options.index(getattr(scene, name)) for scene in what], device=device)
            scores = heads[name](summary)
            loss = loss + F.cross_entropy(scores, target)
            right.append((scores.argmax(1) == target).float().mean().item())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if (step + 1) % 100 == 0:
            print(f"text step {step + 1} of {steps}: names {np.mean(right[-1100:]):.3f} of the attributes", flush=True)
    accuracy = float(np.mean(right[-len(CHOICES) * max(1, steps // 10) :]))
    print(f"text done: names {accuracy:.3f} of the attributes", flush=True)
    keep(checkpoint, {"text": encoder.state_dict(), "accuracy": accuracy, "step": steps, "fixed": fixed})
