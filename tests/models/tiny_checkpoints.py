"""Tiny checkpoints of the classes and in the formats that painters' own have, and a request for them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import networks
import numpy as np
import pytest
import torch
import transformers
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DDIMScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    FluxControlNetModel,
    FluxFillPipeline,
    FluxImg2ImgPipeline,
    QwenImageImg2ImgPipeline,
    StableDiffusion3Img2ImgPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    UNet2DConditionModel,
    ZImageImg2ImgPipeline,
)
from jobs import job
from networks import WIDTH
from sfumato.models import checkpoints
from sfumato.models.checkpoints import CONFIGS, clip_tokenizer
from sfumato.models.folders import VAES
from sfumato.models.vaes import SAME
from sfumato_wire import Request
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3Model,
    T5Config,
    T5EncoderModel,
)
from transformers.convert_slow_tokenizer import bytes_to_unicode


def vae(channels: int = 4, **settings: Any) -> AutoencoderKL:
    """Three halvings, as all of these have."""
    plain: dict[str, Any] = {"block_out_channels": (8, 8, 16, 16), "norm_num_groups": 4, "latent_channels": channels}
    plain |= {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    return AutoencoderKL(**plain | {"layers_per_block": 2, "sample_size": 64} | settings)


def another_vae(pipe: Any, family: str, seed: int = 1) -> Any:
    """One for that pipeline, in a folder of which its scale says the family."""
    torch.manual_seed(seed)
    made = type(pipe.vae).from_config(pipe.vae.config)
    for scale, whose in VAES.items():
        if whose == SAME.get(family, family):
            made.register_to_config(scaling_factor=scale)
    return made


def unet(width: int, **settings: Any) -> UNet2DConditionModel:
    plain: dict[str, Any] = {"block_out_channels": (16, 16, 32, 32), "norm_num_groups": 4, "layers_per_block": 2}
    plain |= {"sample_size": 8, "cross_attention_dim": width, "attention_head_dim": 8}
    return UNet2DConditionModel(**plain | settings)


def words(width: int = WIDTH, act: str = "quick_gelu", projected: bool = False) -> Any:
    config = CLIPTextConfig(
        vocab_size=49408,
        hidden_size=width,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        projection_dim=width,
        hidden_act=act,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)


def sd15(width: int = WIDTH, act: str = "quick_gelu", scheduler: Any = None, **settings: Any) -> Any:
    return StableDiffusionImg2ImgPipeline(
        unet=unet(width, **settings),
        vae=vae(),
        text_encoder=words(width, act),
        tokenizer=clip_tokenizer("<|endoftext|>"),
        scheduler=scheduler or DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def sdxl(**more: Any) -> Any:
    """Two levels of attention of three; the words of both encoders side by side."""
    settings: dict[str, Any] = {"block_out_channels": (16, 16, 32), "addition_embed_type": "text_time"}
    settings |= {"addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 6 * 8 + 2 * WIDTH}
    settings |= {"down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D")}
    settings |= {"up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D")}
    settings |= {"transformer_layers_per_block": (1, 1, 2), "use_linear_projection": True}
    return StableDiffusionXLImg2ImgPipeline(
        unet=unet(3 * WIDTH, **settings | more),
        vae=vae(scaling_factor=0.13025),
        text_encoder=words(),
        text_encoder_2=words(2 * WIDTH, "gelu", projected=True),
        tokenizer=clip_tokenizer("<|endoftext|>"),
        tokenizer_2=clip_tokenizer("!"),
        scheduler=EulerDiscreteScheduler(steps_offset=1, timestep_spacing="leading"),
        add_watermarker=False,
    )


def t5(width: int) -> T5EncoderModel:
    return T5EncoderModel(T5Config(vocab_size=32128, d_model=width, d_ff=32, d_kv=8, num_layers=1, num_heads=4))


def t5_tokenizer() -> Any:
    return transformers.T5Tokenizer.from_pretrained(CONFIGS / "t5", model_max_length=512)


def sd3(third: bool = False, channels: int = 4) -> Any:
    """Without its third text encoder, as many have it. channels: of the VAE's latents."""
    sizes = {"sample_size": 8, "in_channels": channels, "out_channels": channels, "num_layers": 2}
    transformer = networks.sd3(**sizes, joint_attention_dim=4 * WIDTH, pooled_projection_dim=3 * WIDTH)
    return StableDiffusion3Img2ImgPipeline(
        transformer=transformer,
        vae=vae(channels, shift_factor=0.06),
        text_encoder=words(projected=True),
        text_encoder_2=words(2 * WIDTH, "gelu", projected=True),
        text_encoder_3=t5(4 * WIDTH) if third else None,
        tokenizer=clip_tokenizer("<|endoftext|>"),
        tokenizer_2=clip_tokenizer("!"),
        tokenizer_3=t5_tokenizer() if third else None,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )


def flux(in_channels: int = 16, channels: int = 4, guided: bool = False) -> Any:
    """channels: of the VAE's latents; packed, there are 4 times as many. guided: whether guidance is an input of it."""
    transformer = networks.flux(in_channels=in_channels, out_channels=4 * channels, guidance_embeds=guided)
    return FluxImg2ImgPipeline(
        transformer=transformer,
        vae=vae(channels, shift_factor=0.06),
        text_encoder=words(),
        text_encoder_2=t5(WIDTH),
        tokenizer=clip_tokenizer("<|endoftext|>"),
        tokenizer_2=t5_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0),
    )


MARKS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
CHAT = (
    "{% for said in messages %}<|im_start|>{{ said['role'] }}\n{{ said['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def qwen_tokenizer() -> Qwen2Tokenizer:
    """Every byte is a word, and there are the marks of a chat."""
    words = {word: number for number, word in enumerate([*bytes_to_unicode().values(), *MARKS])}
    tokenizer = Qwen2Tokenizer(vocab=words, merges=[], extra_special_tokens=list(MARKS[1:]), model_max_length=2048)
    tokenizer.chat_template = CHAT
    return tokenizer


def language_settings(layers: int, width: int = WIDTH) -> dict[str, Any]:
    """Of a tiny language model that reads for a denoiser."""
    settings: dict[str, Any] = {"vocab_size": 256 + len(MARKS), "hidden_size": width, "intermediate_size": 32}
    settings |= {"bos_token_id": None, "eos_token_id": None}
    return settings | {"num_hidden_layers": layers, "num_attention_heads": 2, "num_key_value_heads": 2}


def z_image() -> Any:
    return ZImageImg2ImgPipeline(
        transformer=networks.z_image(in_channels=4, axes_lens=[1024, 32, 32]),
        vae=vae(shift_factor=0.06),
        text_encoder=Qwen3Model(Qwen3Config(**language_settings(2), head_dim=16)),
        tokenizer=qwen_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )


def qwen_image() -> Any:
    seeing = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": WIDTH}
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}
    config = Qwen2_5_VLConfig(text_config=language_settings(2) | {"rope_parameters": rope}, vision_config=seeing)
    return QwenImageImg2ImgPipeline(
        transformer=networks.qwen_image(axes_dims_rope=(4, 6, 6)),
        vae=networks.qwen_image_vae(),
        text_encoder=Qwen2_5_VLForConditionalGeneration(config),
        tokenizer=qwen_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    )


def flux2_klein(distilled: bool = False) -> Any:
    """Three of the layers of its text encoder are read, the 27th the last of them."""
    return Flux2KleinPipeline(
        transformer=networks.flux2(joint_attention_dim=3 * WIDTH),
        vae=networks.flux2_vae(8, 8, 16, 16, layers_per_block=1),
        text_encoder=Qwen3ForCausalLM(Qwen3Config(**language_settings(27), head_dim=16)),
        tokenizer=qwen_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        is_distilled=distilled,
    )


FAMILIES = {"sd15": sd15, "sdxl": sdxl, "sd3": sd3, "flux": flux}
FAMILIES |= {"flux2": flux2_klein, "qwen-image": qwen_image, "z-image": z_image}


def sd2_inpainting() -> Any:
    return sd15(1024, "gelu", use_linear_projection=True, in_channels=9)


# Checkpoints for inpainting, by family: their variant, how they are made, and the class that their folders name.
INPAINTING: dict[str, tuple[str, Any, Any]] = {
    "sd15": ("inpainting", partial(sd15, in_channels=9), StableDiffusionInpaintPipeline),
    "sd2": ("inpainting", sd2_inpainting, StableDiffusionInpaintPipeline),
    "sdxl": ("inpainting", partial(sdxl, in_channels=9), StableDiffusionXLInpaintPipeline),
    "flux": ("fill", partial(flux, 384, 16), FluxFillPipeline),
}


def controlnet(pipe: Any, seed: int = 1) -> Any:
    """One for that pipeline, away from the zeros that training begins with."""
    torch.manual_seed(seed)
    if hasattr(pipe, "unet"):
        settings = dict(pipe.unet.config) | {"in_channels": 4}
        made = ControlNetModel.from_config(settings)
    else:
        settings = dict(pipe.transformer.config) | {
            "in_channels": 4 * pipe.vae.config.latent_channels,
            "out_channels": None,
        }
        made = FluxControlNetModel.from_config(settings)
    for parameter in made.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.3)
    return made


@contextmanager
def reading(pipe: Any) -> Iterator[list[torch.Tensor]]:
    """What reaches the first layer of the denoiser, call by call."""
    calls: list[torch.Tensor] = []
    first = pipe.unet.conv_in if hasattr(pipe, "unet") else pipe.transformer.x_embedder
    handle = first.register_forward_pre_hook(lambda _, args: calls.append(args[0].clone()))
    try:
        yield calls
    finally:
        handle.remove()


def request_for(model: str, side: int = 64) -> tuple[Request, bytes, bytes]:
    canvas = np.random.default_rng(0).integers(0, 256, (side, side, 4), np.uint8)
    canvas[..., 3] = 255
    grey = np.tile(np.linspace(0, 65535, side).astype(np.uint16), (side, 1))
    grey[:, : side // 4] = 0
    asked = {"prompt": "a red boat", "steps": 2, "guidance_scale": 2.0, "seed": 1}
    return job(canvas, grey, model=model, **asked)


def configured(monkeypatch: pytest.MonkeyPatch, folder: Path, pipe: Any, name: str) -> None:
    """The configuration of a pipeline in place of those that ship."""
    configs = folder.parent / "configs"
    pipe.save_pretrained(configs / name)
    for tokenizer in ("clip", "t5"):
        shutil.copytree(CONFIGS / tokenizer, configs / tokenizer)
    for weights in configs.rglob("*.safetensors"):
        weights.unlink()
    monkeypatch.setattr(checkpoints, "CONFIGS", configs)
