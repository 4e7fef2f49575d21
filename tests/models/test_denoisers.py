"""Families are told apart as diffusers, which loads them, tells them apart."""

from __future__ import annotations

import diffusers
import pytest
import torch
from accelerate import init_empty_weights
from diffusers.loaders.single_file_utils import (
    CHECKPOINT_KEY_NAMES,
    DIFFUSERS_DEFAULT_PIPELINE_PATHS,
    infer_diffusers_model_type,
)
from models import samples
from models.samples import UNET, Shapes, flux, sd3, unet
from sfumato.models.denoisers import denoiser
from sfumato.models.families import FAMILIES

# What diffusers calls it -> what we do. Every other type of its is nothing of ours.
OURS = {
    "v1": ("sd15", ""),
    "v2": ("sd2", ""),
    "xl_base": ("sdxl", ""),
    "xl_refiner": ("sdxl-refiner", ""),
    "inpainting": ("sd15", "inpainting"),
    "inpainting_v2": ("sd2", "inpainting"),
    "xl_inpaint": ("sdxl", "inpainting"),
    "instruct-pix2pix": ("sd15", "instruct-pix2pix"),
    "sd3": ("sd3", "3-medium"),
    "sd35_medium": ("sd3", "3.5-medium"),
    "sd35_large": ("sd3", "3.5-large"),
    "flux-dev": ("flux", "dev"),
    "flux-schnell": ("flux", "schnell"),
    "flux-fill": ("flux", "fill"),
    "flux-depth": ("flux", "control"),
    "flux-2-dev": ("flux2", "klein-4b"),
    "z-image-turbo": ("z-image", ""),
}
SAMPLES: dict[str, Shapes] = {
    "v1": samples.SD15,
    "v2": samples.SD2,
    "xl_base": samples.SDXL,
    "xl_refiner": samples.REFINER_XL,
    "inpainting": unet(768, 9, {samples.CLIP: (77, 768)}, block=1),
    "inpainting_v2": unet(1024, 9, {samples.OPEN_CLIP: (49408, 1024)}),
    "xl_inpaint": samples.SDXL | {f"{UNET}input_blocks.0.0.weight": (320, 9, 3, 3)},
    "instruct-pix2pix": unet(768, 8, block=1),
    "sd3": sd3(1536, 36864, 24),
    "sd35_medium": sd3(1536, 147456, 24),
    "sd35_large": sd3(2432, 36864, 38),
    "flux-dev": flux(),
    "flux-schnell": flux(guided=False, prefix=UNET),
    "flux-fill": flux(384),
    "flux-depth": flux(128, prefix=UNET),
    "flux-2-dev": samples.FLUX2,
    "z-image-turbo": samples.Z_IMAGE,
}
# Shapes that diffusers looks at, where a name alone is not enough for it.
LOOKED_AT: Shapes = {
    "clip_txt_mapper.weight": (2048, 1280),
    "down_blocks.1.0.channelwise.0.weight": (2560, 640),
    "patch_embedding.weight": (5120, 16, 1, 2, 2),
    "net.x_embedder.proj.1.weight": (4096, 68),
}


@pytest.mark.parametrize("theirs", SAMPLES)
def test_what_is_ours_is_what_diffusers_takes_it_for(theirs: str) -> None:
    shapes = SAMPLES[theirs]
    assert infer_diffusers_model_type({name: torch.empty(s, device="meta") for name, s in shapes.items()}) == theirs
    found = denoiser(samples.tensors_of(shapes))
    assert found is not None
    assert (found.family, found.variant) == OURS[theirs]
    assert found.family in FAMILIES


def test_every_type_of_diffusers_is_decided() -> None:
    """A new one of theirs must be looked at, too."""
    known = {*OURS, *OTHERS.values(), "playground-v2-5", "upscale"}
    more = {kind for kind in DIFFUSERS_DEFAULT_PIPELINE_PATHS if not kind.startswith(SIBLINGS)}
    assert more <= known


# What they go by in CHECKPOINT_KEY_NAMES -> what diffusers calls a file with that.
OTHERS = {
    "stable_cascade_stage_c": "stable_cascade_stage_c",
    "stable_cascade_stage_b": "stable_cascade_stage_b",
    "auraflow": "auraflow",
    "chroma": "chroma",
    "flux3": "flux-3-image",
    "ltx-video": "ltx-video",
    "mochi-1-preview": "mochi-1-preview",
    "hunyuan-video": "hunyuan-video",
    "lumina2": "lumina2",
    "sana": "sana",
    "wan": "wan-t2v-14B",
    "hidream": "hidream",
    "cosmos-1.0": "cosmos-1.0-t2w-7B",
    "qwen-image-2.1": "qwen-image-2.1",
    "krea2": "krea2",
    "minimax-h3": "minimax-h3",
}
# Those that are told from a sibling by a size, or hold no denoiser.
SIBLINGS = ("controlnet", "animatediff", "autoencoder", "wan-", "cosmos-", "ltx", "z-image-turbo-controlnet", "flux-3")
SIBLINGS += ("stable_cascade",)


@pytest.mark.parametrize("key", OTHERS)
def test_what_is_not_ours_is_not_taken_for_ours(key: str) -> None:
    names = CHECKPOINT_KEY_NAMES[key]
    names = [names] if isinstance(names, str) else list(names)
    names = [name for name in names if not name.startswith(("model.diffusion_model.", "vae."))]
    shapes = {name: LOOKED_AT.get(name, (8,)) for name in names}
    if key == "wan":
        shapes["patch_embedding.weight"] = LOOKED_AT["patch_embedding.weight"]
    theirs = infer_diffusers_model_type({name: torch.empty(s, device="meta") for name, s in shapes.items()})
    assert theirs == OTHERS[key]
    if key == "chroma":
        shapes |= flux()  # of which it is made
    found = denoiser(samples.tensors_of(shapes))
    assert found is not None
    assert found.stranger
    assert not found.family


@pytest.mark.parametrize(
    ("shapes", "family", "variant", "layout"),
    [
        (samples.QWEN, "qwen-image", "", "diffusers"),
        ({UNET + name: shape for name, shape in samples.QWEN.items()}, "qwen-image", "", "diffusers"),
        (unet(768, 5, block=1), "sd15", "depth", "original"),
        (unet(1024, 7), "sd2", "upscaler", "original"),
        (unet(1024, 4, samples.LABEL), "sd2", "unclip", "original"),
        (unet(32, block=1), "sd15", "", "original"),
        (unet(32, more=samples.LABEL), "sdxl", "", "original"),
        ({UNET + name: shape for name, shape in samples.Z_IMAGE.items()}, "z-image", "", "original"),
    ],
)
def test_what_diffusers_does_not_tell(shapes: Shapes, family: str, variant: str, layout: str) -> None:
    found = denoiser(samples.tensors_of(shapes))
    assert found is not None
    assert (found.family, found.variant, found.layout) == (family, variant, layout)


def test_relatives_of_flux_are_not_flux() -> None:
    shapes = flux(guided=False)
    del shapes["vector_in.in_layer.weight"]
    found = denoiser(samples.tensors_of(shapes))
    assert found is not None
    assert found.stranger


def test_playground_is_not_stable_diffusion_xl() -> None:
    shapes = samples.SDXL | {"edm_mean": (1, 4, 1, 1)}
    assert (
        infer_diffusers_model_type({n: torch.empty(s, device="meta") for n, s in shapes.items()}) == "playground-v2-5"
    )
    found = denoiser(samples.tensors_of(shapes))
    assert found is not None
    assert found.stranger


def test_other_tensors_are_no_denoiser() -> None:
    assert denoiser({}) is None
    assert denoiser(samples.tensors_of({"decoder.conv_in.weight": (512, 4, 3, 3)})) is None


SMALL: dict[str, object] = {"block_out_channels": (32, 64), "layers_per_block": 1}
SMALL |= {"down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D")}
SMALL |= {"up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D")}
XL = {"addition_embed_type": "text_time", "projection_class_embeddings_input_dim": 2816, "addition_time_embed_dim": 256}
KLEIN = {"num_layers": 1, "num_single_layers": 1, "num_attention_heads": 24, "joint_attention_dim": 7680}
MEDIUM = {"num_layers": 1, "num_attention_heads": 24}
CLASSES: list[tuple[str, dict[str, object], str, str]] = [
    ("UNet2DConditionModel", SMALL | {"cross_attention_dim": 768}, "sd15", ""),
    ("UNet2DConditionModel", SMALL | {"cross_attention_dim": 768, "in_channels": 9}, "sd15", "inpainting"),
    ("UNet2DConditionModel", SMALL | {"cross_attention_dim": 1024}, "sd2", ""),
    ("UNet2DConditionModel", SMALL | XL | {"cross_attention_dim": 2048}, "sdxl", ""),
    ("UNet2DConditionModel", SMALL | XL | {"cross_attention_dim": 32}, "sdxl", ""),
    ("FluxTransformer2DModel", {"num_layers": 1, "num_single_layers": 1, "guidance_embeds": True}, "flux", "dev"),
    ("FluxTransformer2DModel", {"num_layers": 1, "num_single_layers": 1}, "flux", "schnell"),
    ("FluxTransformer2DModel", {"num_layers": 1, "num_single_layers": 1, "in_channels": 384}, "flux", "fill"),
    ("Flux2Transformer2DModel", KLEIN, "flux2", "klein-4b"),
    ("Flux2Transformer2DModel", KLEIN | {"num_attention_heads": 48}, "flux2", "dev"),
    ("SD3Transformer2DModel", MEDIUM | {"pos_embed_max_size": 384}, "sd3", "3.5-medium"),
    ("SD3Transformer2DModel", MEDIUM | {"pos_embed_max_size": 192}, "sd3", "3-medium"),
    ("QwenImageTransformer2DModel", {"num_layers": 1}, "qwen-image", ""),
    ("ZImageTransformer2DModel", {"n_layers": 1}, "z-image", ""),
]


@pytest.mark.parametrize(("kind", "settings", "family", "variant"), CLASSES)
def test_classes_of_diffusers(kind: str, settings: dict[str, object], family: str, variant: str) -> None:
    """A single file with the tensors as the class itself names them."""
    with init_empty_weights():
        model = getattr(diffusers, kind)(**settings)
    found = denoiser({name: ("BF16", tuple(tensor.shape)) for name, tensor in model.state_dict().items()})
    assert found is not None
    assert (found.family, found.variant, found.layout) == (family, variant, "diffusers")
