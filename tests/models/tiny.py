"""Tiny models of diffusers' and transformers' own classes, saved by their own `save_pretrained`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from networks import flux
from transformers import CLIPTextConfig, CLIPTextModel

PLAIN = {"steps_offset": 1, "clip_sample": False}  # diffusers warns of any others


def unet(**settings: Any) -> UNet2DConditionModel:
    plain: dict[str, Any] = {"sample_size": 8, "block_out_channels": (32, 64), "layers_per_block": 1}
    plain |= {"down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"), "cross_attention_dim": 32}
    plain |= {"up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"), "attention_head_dim": 8}
    return UNet2DConditionModel(**plain | settings)


def vae(**settings: Any) -> AutoencoderKL:
    return AutoencoderKL(block_out_channels=(32,), norm_num_groups=32, sample_size=16, **settings)


def words(width: int = 32) -> CLIPTextModel:
    config = CLIPTextConfig(hidden_size=width, intermediate_size=32, num_hidden_layers=1, num_attention_heads=4)
    return CLIPTextModel(config)


def stable_diffusion(folder: Path, scheduler: Any = None, save: dict[str, Any] | None = None, **settings: Any) -> Path:
    """A whole model, saved. Its words are read by nothing here, so it has no tokenizer."""
    pipe = StableDiffusionPipeline(
        unet=unet(**settings),
        vae=vae(),
        text_encoder=words(settings.get("cross_attention_dim", 32)),
        tokenizer=None,
        scheduler=scheduler or DDIMScheduler(**PLAIN),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.to(dtype=torch.float16).save_pretrained(folder, **save or {})
    return folder


__all__ = ["DDIMScheduler", "FlowMatchEulerDiscreteScheduler", "flux", "stable_diffusion", "unet", "vae", "words"]
