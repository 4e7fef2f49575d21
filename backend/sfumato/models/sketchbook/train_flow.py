"""Trains Sketchbook's flow-matching sibling, a small transformer of Stable Diffusion 3's kind, from nothing.

Rectified flow (Liu et al., arXiv 2209.03003; Esser et al., arXiv 2403.03206): x = (1 - s) x0 + s noise, and the model
says v = noise - x0. It shares the autoencoder and the text encoder with its elder.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import torch
from diffusers import SD3Transformer2DModel
from diffusers.models.attention import JointTransformerBlock
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPTextModelWithProjection, CLIPTokenizer

from .lineage import begin
from .networks import make_flow_scheduler, make_transformer, with_projection
from .parallel import mean_gradients, same_start
from .recipe import Recipe
from .tokenizer import make_tokenizer
from .train_denoiser import Batches, rate_at
from .train_text import taught, tokens
from .training_run import follow

ABSENT = 256  # empty tokens that the pipeline puts in the place of a third text encoder, unless it is told not to
ABSENT_EVERY = 16  # steps; often enough to learn to overlook them, seldom enough to cost little


def start_quiet(transformer: SD3Transformer2DModel) -> None:
    """Let every block start as the identity (adaLN-Zero: Peebles and Xie, arXiv 2212.09748)."""
    for module in transformer.modules():
        layers: list[nn.Linear] = []
        if isinstance(module, JointTransformerBlock):
            layers = [module.norm1.linear, module.norm1_context.linear]
        elif isinstance(module, SD3Transformer2DModel):
            layers = [module.norm_out.linear, module.proj_out]
        for layer in layers:
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)


def say(
    encoder: CLIPTextModelWithProjection, tokenizer: CLIPTokenizer, texts: list[str], device: torch.device, absent: int
) -> tuple[Tensor, Tensor]:
    """Words [n, 40 + absent, 384] and their sum [n, 384], as the pipeline makes them of one encoder taken twice."""
    out = encoder(tokens(tokenizer, texts, device), output_hidden_states=True)
    states = out.hidden_states[-2]
    words = F.pad(torch.cat([states, states], dim=-1), (0, 0, 0, absent))
    return words, torch.cat([out.text_embeds, out.text_embeds], dim=-1)


def train_flow(out: Path, data: Path, recipe: Recipe, device: torch.device) -> None:
    """Until ``recipe.flow_steps`` are done; resumes from ``out/flow.pt``. Needs ``vae.pt`` and ``text.pt``."""
    given, recipe = recipe, replace(recipe, steps=recipe.flow_steps, batch=recipe.flow_batch, rate=recipe.flow_rate)
    recipe = replace(recipe, seed=recipe.seed + 1000)  # other batches than the elder's
    batches = Batches(out, data, recipe, device)
    tokenizer, encoder = make_tokenizer(), with_projection(taught(out)).to(device).requires_grad_(False)
    torch.manual_seed(recipe.seed)
    transformer = make_transformer()
    start_quiet(transformer)
    transformer.to(device)
    ema = copy.deepcopy(transformer).requires_grad_(False)
    trained, averaged = list(transformer.parameters()), list(ema.parameters())
    optimizer = torch.optim.AdamW(trained, lr=recipe.rate, betas=(0.9, 0.99), weight_decay=1e-2, fused=True)
    parts = {"transformer": transformer, "ema_transformer": ema, "optimizer": optimizer}
    run = begin("flow", out, given, parts, device)
    same_start(trained)
    shift = make_flow_scheduler().config.shift
    while run.goes_on:
        for group in optimizer.param_groups:
            group["lr"] = rate_at(run.step, recipe)
        texts, clean, weights, noise, times = batches.draw(run.step)
        clean, weights, noise, times = (t.to(device) for t in (clean, weights, noise, times))
        share = shift * times / (1 + (shift - 1) * times)  # noise levels as the sampler spreads them
        s = share.view(-1, 1, 1, 1)
        with torch.autocast(device.type, torch.bfloat16):
            with torch.no_grad():
                words, summary = say(encoder, tokenizer, texts, device, ABSENT * (run.step % ABSENT_EVERY == 0))
            guess = transformer(
                hidden_states=(1 - s) * clean + s * noise,
                timestep=1000 * share,
                encoder_hidden_states=words,
                pooled_projections=summary,
                return_dict=False,
            )[0]
        loss = (weights * F.mse_loss(guess.float(), noise - clean, reduction="none")).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        mean_gradients(trained)
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        follow(averaged, trained, run.step + 1)
        run.done(loss.item(), clean.shape[2] * clean.shape[3])
    run.finish()
