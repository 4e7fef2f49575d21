"""Real diffusers pipelines at tiny size with random weights: the families that steering is shown on."""

from __future__ import annotations

import functools
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxImg2ImgPipeline,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Img2ImgPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionXLImg2ImgPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

CELLS = 16  # latent rows and columns; 256 cells hold every grey once
WIDTH = 32  # of text embeddings


def _vae(channels: int) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8, 16),
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=channels,
        norm_num_groups=4,
        use_quant_conv=False,
        use_post_quant_conv=False,
        shift_factor=0.0609,
        scaling_factor=1.5,
    )


def _unet(**kwargs: Any) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        block_out_channels=(8, 16),
        layers_per_block=1,
        sample_size=CELLS,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH,
        norm_num_groups=4,
        **kwargs,
    )


def _text_encoder_with_projection() -> CLIPTextModelWithProjection:
    """SDXL asks its second text encoder for the width of its projection even when embeddings are given."""
    return CLIPTextModelWithProjection(
        CLIPTextConfig(
            vocab_size=100,
            hidden_size=WIDTH,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            projection_dim=WIDTH,
        )
    )


@functools.cache
def sd() -> Any:
    torch.manual_seed(0)
    return _quiet(
        StableDiffusionImg2ImgPipeline(
            vae=_vae(4),
            unet=_unet(),
            scheduler=diffusion(DDIMScheduler),
            text_encoder=None,
            tokenizer=None,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    )


@functools.cache
def sdxl() -> Any:
    torch.manual_seed(0)
    unet = _unet(
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + WIDTH,
        transformer_layers_per_block=(1, 1),
        use_linear_projection=True,
    )
    return _quiet(
        StableDiffusionXLImg2ImgPipeline(
            vae=_vae(4),
            unet=unet,
            scheduler=diffusion(DDIMScheduler),
            text_encoder=None,
            text_encoder_2=_text_encoder_with_projection(),
            tokenizer=None,
            tokenizer_2=None,
            add_watermarker=False,
        )
    )


@functools.cache
def sd3() -> Any:
    torch.manual_seed(0)
    transformer = SD3Transformer2DModel(
        sample_size=CELLS,
        patch_size=1,
        in_channels=4,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=WIDTH,
        caption_projection_dim=32,
        pooled_projection_dim=64,
        out_channels=4,
    )
    return _quiet(
        StableDiffusion3Img2ImgPipeline(
            vae=_vae(4),
            transformer=transformer,
            scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
            text_encoder=None,
            tokenizer=None,
            text_encoder_2=None,
            tokenizer_2=None,
            text_encoder_3=None,
            tokenizer_3=None,
        )
    )


@functools.cache
def flux() -> Any:
    torch.manual_seed(0)
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        pooled_projection_dim=32,
        axes_dims_rope=(4, 4, 8),
    )
    return _quiet(
        FluxImg2ImgPipeline(
            vae=_vae(4),
            transformer=transformer,
            scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
            text_encoder=None,
            tokenizer=None,
            text_encoder_2=None,
            tokenizer_2=None,
        )
    )


FAMILIES = {"sd": sd, "sdxl": sdxl, "sd3": sd3, "flux": flux}


def diffusion(cls: Any, **kwargs: Any) -> Any:
    """A scheduler of SD's training schedule."""
    config = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", **kwargs}
    if cls is DDIMScheduler:
        config |= {"clip_sample": False, "set_alpha_to_one": False}
    config |= {"steps_offset": 1} if cls is not FlowMatchEulerDiscreteScheduler else {}
    return cls(**config)


def arguments(family: str, steps: int, seed: int = 1, batch: int = 1) -> dict[str, Any]:
    """What every call of a family's pipeline gets: clean latents, embeddings, a fresh generator; `batch` times the
    same picture and prompt."""
    noise = torch.Generator().manual_seed(99)
    size = CELLS * 2

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=noise)

    common = {
        "image": draw(1, 4, CELLS, CELLS),
        "prompt_embeds": draw(1, 6, WIDTH),
        "num_inference_steps": steps,
        "generator": torch.Generator().manual_seed(seed),
        "output_type": "latent",
    }
    if family in ("sd", "sdxl", "sd3"):
        common |= {"negative_prompt_embeds": draw(1, 6, WIDTH), "guidance_scale": 3.0}
    if family == "sdxl":
        common |= {"pooled_prompt_embeds": draw(1, WIDTH), "negative_pooled_prompt_embeds": draw(1, WIDTH)}
    if family == "sd3":
        common |= {"pooled_prompt_embeds": draw(1, 64), "negative_pooled_prompt_embeds": draw(1, 64)}
    if family == "flux":
        common |= {"pooled_prompt_embeds": draw(1, 32), "guidance_scale": 1.0, "height": size, "width": size}
    if family == "sd3":
        common |= {"height": size, "width": size}
    return {k: v.repeat(batch, *[1] * (v.ndim - 1)) if isinstance(v, torch.Tensor) else v for k, v in common.items()}


def _quiet(pipe: Any) -> Any:
    pipe.set_progress_bar_config(disable=True)
    return pipe
