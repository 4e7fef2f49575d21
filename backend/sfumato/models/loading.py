"""Pipelines from folders: a whole one, or a sibling's own parts with those that it shares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    SD3Transformer2DModel,
    StableDiffusion3Img2ImgPipeline,
    StableDiffusionImg2ImgPipeline,
)
from transformers import CLIPTextModel, CLIPTokenizer

from sfumato.models.sketchbook.networks import with_projection

SAFE: dict[str, Any] = {"use_safetensors": True, "local_files_only": True}


def whole(folder: Path) -> Any:
    """A folder of Stable Diffusion, in float32."""
    return StableDiffusionImg2ImgPipeline.from_pretrained(folder, dtype=torch.float32, **SAFE)


def changed(base: Path, folder: Path) -> Any:
    """The same with the low-rank change of its denoiser in ``folder`` added to its weights for good."""
    pipe = whole(base)
    pipe.load_lora_weights(folder / "unet", weight_name="pytorch_lora_weights.safetensors", **SAFE)
    pipe.fuse_lora()
    pipe.unload_lora_weights()
    return pipe


def flow(base: Path, folder: Path) -> Any:
    """Stable Diffusion 3's pipeline with the transformer in ``folder``, and the autoencoder and words of ``base``.

    Its two text encoders are one and the same, and there is no third.
    """
    vae = AutoencoderKL.from_pretrained(base / "vae", torch_dtype=torch.float32, **SAFE)
    vae.register_to_config(shift_factor=0.0)  # this pipeline subtracts it, whether there is one or not
    tokenizer = CLIPTokenizer.from_pretrained(base / "tokenizer", local_files_only=True)
    encoder = with_projection(CLIPTextModel.from_pretrained(base / "text_encoder", dtype=torch.float32, **SAFE))
    return StableDiffusion3Img2ImgPipeline(
        transformer=SD3Transformer2DModel.from_pretrained(folder / "transformer", torch_dtype=torch.float32, **SAFE),
        scheduler=FlowMatchEulerDiscreteScheduler.from_pretrained(folder / "scheduler"),
        vae=vae,
        text_encoder=encoder,
        tokenizer=tokenizer,
        text_encoder_2=encoder,
        tokenizer_2=tokenizer,
        text_encoder_3=None,
        tokenizer_3=None,
    )
