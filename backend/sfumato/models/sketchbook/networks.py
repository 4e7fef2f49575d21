"""The shapes of Sketchbook's networks, in one place so that training and assembling agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diffusers import (
        AutoencoderKL,
        DDIMScheduler,
        FlowMatchEulerDiscreteScheduler,
        SD3Transformer2DModel,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

SIZE = 256
FACTOR = 8
TEXT_WIDTH = 192


def make_vae() -> AutoencoderKL:
    """8x smaller, four channels, no attention: it must work at any size and be quick on a CPU."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(12, 24, 56, 128),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,  # fewer channels than three per group would lose flat colours
        sample_size=SIZE,
        scaling_factor=1.0,
        mid_block_add_attention=False,
    )


def make_unet() -> UNet2DConditionModel:
    """Narrow at full latent size, where it only smooths; the width is at 16x16 and 8x8, where words are read.

    The text reaches every block twice: by cross-attention, and pooled into the time embedding, which scales and shifts
    the norms. The second is learnt many times sooner, and what a scene shows is mostly one word for all of it.
    """
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=SIZE // FACTOR,
        block_out_channels=(64, 128, 256),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,  # diffusers reads this as the number of heads
        norm_num_groups=16,
        resnet_time_scale_shift="scale_shift",
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
    )


def make_text_encoder() -> CLIPTextModel:
    """A three-layer CLIP text encoder with the tokenizer's 40 positions."""
    from transformers import CLIPTextConfig, CLIPTextModel

    from .tokenizer import END, LENGTH, START, build

    vocabulary, _ = build()
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(vocabulary),
            hidden_size=TEXT_WIDTH,
            intermediate_size=4 * TEXT_WIDTH,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=LENGTH,
            hidden_act="gelu",
            projection_dim=TEXT_WIDTH,
            bos_token_id=vocabulary[START],
            eos_token_id=vocabulary[END],
            pad_token_id=vocabulary[END],
        )
    )


def make_scheduler() -> DDIMScheduler:
    """v-prediction on Stable Diffusion's schedule with more noise at its end.

    At beta_end 0.012 a trace of the picture's brightness survives in the noisiest step, so that night and day come
    out grey; 0.02 leaves a quarter of it without reaching zero, which many samplers divide by.
    """
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.02,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=1,
        timestep_spacing="trailing",
    )


FLOW_CELLS = 128  # latent cells of the longest side that the flow sibling has places for


def make_transformer() -> SD3Transformer2DModel:
    """The flow sibling: Stable Diffusion 3's transformer, 7 layers of width 192, each token 2x2 latent cells."""
    from diffusers import SD3Transformer2DModel

    return SD3Transformer2DModel(
        sample_size=SIZE // FACTOR,
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=7,
        attention_head_dim=32,
        num_attention_heads=6,
        joint_attention_dim=2 * TEXT_WIDTH,  # the pipeline lays the states of two text encoders side by side
        pooled_projection_dim=2 * TEXT_WIDTH,
        caption_projection_dim=192,
        pos_embed_max_size=FLOW_CELLS // 2,
        qk_norm="rms_norm",
    )


def make_flow_scheduler() -> FlowMatchEulerDiscreteScheduler:
    """Straight paths from noise. The shift spends more steps where the whole picture is decided."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(shift=2.0)


def with_projection(encoder: CLIPTextModel) -> CLIPTextModelWithProjection:
    """The same encoder in the class that Stable Diffusion 3 asks for; its projection changes nothing."""
    import torch
    from transformers import CLIPTextModelWithProjection

    projected = CLIPTextModelWithProjection(encoder.config)
    projected.text_model.load_state_dict(encoder.state_dict())
    torch.nn.init.eye_(projected.text_projection.weight)
    return projected.to(encoder.dtype).eval()
