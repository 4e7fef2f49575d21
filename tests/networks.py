"""Tiny networks of diffusers' own classes with random weights, of which tests make their pipelines.

Each takes whatever its class takes in place of what is set here."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    AutoencoderKLFlux2,
    AutoencoderKLQwenImage,
    Flux2Transformer2DModel,
    FluxTransformer2DModel,
    QwenImageTransformer2DModel,
    SD3Transformer2DModel,
    ZImageTransformer2DModel,
)

WIDTH = 32  # of text embeddings
HEADS = {"num_attention_heads": 2, "attention_head_dim": 16}


def sd3(**more: Any) -> SD3Transformer2DModel:
    plain: dict[str, Any] = {"in_channels": 4, "out_channels": 4, "attention_head_dim": 8, "num_attention_heads": 4}
    plain |= {"num_layers": 1, "joint_attention_dim": WIDTH, "caption_projection_dim": 32, "pooled_projection_dim": 64}
    return SD3Transformer2DModel(**plain | more)


def flux(**more: Any) -> FluxTransformer2DModel:
    plain: dict[str, Any] = {"in_channels": 16, "num_layers": 1, "num_single_layers": 1, "axes_dims_rope": (4, 4, 8)}
    plain |= {"joint_attention_dim": WIDTH, "pooled_projection_dim": 32}
    return FluxTransformer2DModel(**HEADS | plain | more)


def qwen_image(**more: Any) -> QwenImageTransformer2DModel:
    plain: dict[str, Any] = {"patch_size": 2, "in_channels": 16, "out_channels": 4, "num_layers": 1}
    plain |= {"joint_attention_dim": WIDTH, "axes_dims_rope": (8, 4, 4)}
    return QwenImageTransformer2DModel(**HEADS | plain | more)


def qwen_image_vae(**more: Any) -> AutoencoderKLQwenImage:
    plain: dict[str, Any] = {"base_dim": 8, "z_dim": 4, "num_res_blocks": 1}
    plain |= {"latents_mean": [0.1, -0.2, 0.3, 0.0], "latents_std": [1.5, 2.0, 0.5, 1.0]}
    return AutoencoderKLQwenImage(**plain | more)


def z_image(**more: Any) -> ZImageTransformer2DModel:
    plain: dict[str, Any] = {"in_channels": 16, "dim": 32, "n_layers": 1, "n_refiner_layers": 1, "n_heads": 2}
    plain |= {"n_kv_heads": 2, "cap_feat_dim": WIDTH, "axes_dims": [4, 4, 8], "axes_lens": [64, 32, 32]}
    return ZImageTransformer2DModel(**plain | more)


def flux2(**more: Any) -> Flux2Transformer2DModel:
    plain: dict[str, Any] = {"in_channels": 16, "num_layers": 1, "num_single_layers": 1, "guidance_embeds": False}
    plain |= {"joint_attention_dim": WIDTH, "timestep_guidance_channels": 16, "axes_dims_rope": (4, 4, 4, 4)}
    return Flux2Transformer2DModel(**HEADS | plain | more)


def flux2_vae(*widths: int, **more: Any) -> AutoencoderKLFlux2:
    """widths: of its blocks; between two of them there is a halving."""
    plain: dict[str, Any] = {"block_out_channels": widths, "latent_channels": 4, "norm_num_groups": 4}
    plain |= {"down_block_types": ("DownEncoderBlock2D",) * len(widths)}
    plain |= {"up_block_types": ("UpDecoderBlock2D",) * len(widths)}
    vae = AutoencoderKLFlux2(**plain | more)
    vae.bn.running_mean += torch.linspace(-0.2, 0.2, 16)  # as a trained one has them
    vae.bn.running_var *= 1.7
    return vae
