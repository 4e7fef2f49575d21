"""Real diffusers pipelines at tiny size with random weights: the families that steering is shown on."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import networks
import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    ChromaImg2ImgPipeline,
    ChromaTransformer2DModel,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    FluxFillPipeline,
    FluxImg2ImgPipeline,
    KandinskyV22Img2ImgPipeline,
    Lumina2Pipeline,
    Lumina2Transformer2DModel,
    QwenImageImg2ImgPipeline,
    StableDiffusion3Img2ImgPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    UNet2DConditionModel,
    VQModel,
    ZImageImg2ImgPipeline,
)
from diffusers.utils.torch_utils import randn_tensor
from networks import WIDTH
from sfumato.steering import rounding_of
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

CELLS = 16  # latent rows and columns; 256 cells hold every grey once


def _vae(channels: int, halvings: int = 1) -> AutoencoderKL:
    """Two pixels a side of a latent cell, for one halving."""
    return AutoencoderKL(
        block_out_channels=(8,) * halvings + (16,),
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * (halvings + 1),
        up_block_types=("UpDecoderBlock2D",) * (halvings + 1),
        latent_channels=channels,
        norm_num_groups=4,
        use_quant_conv=False,
        use_post_quant_conv=False,
        shift_factor=0.0609,
        scaling_factor=1.5,
    )


def _unet(in_channels: int, **kwargs: Any) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        block_out_channels=(8, 16),
        layers_per_block=1,
        sample_size=CELLS,
        in_channels=in_channels,
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
def sd(in_channels: int = 4) -> Any:
    torch.manual_seed(0)
    return _quiet(
        StableDiffusionImg2ImgPipeline(
            vae=_vae(4),
            unet=_unet(in_channels),
            scheduler=diffusion(DDIMScheduler),
            text_encoder=None,
            tokenizer=None,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    )


@functools.cache
def sdxl(in_channels: int = 4) -> Any:
    torch.manual_seed(0)
    unet = _unet(
        in_channels,
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
    transformer = networks.sd3(sample_size=CELLS, patch_size=1)
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
def flux(in_channels: int = 16) -> Any:
    torch.manual_seed(0)
    transformer = networks.flux(patch_size=1, in_channels=in_channels, out_channels=16)
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


@functools.cache
def chroma() -> Any:
    torch.manual_seed(0)
    with warnings.catch_warnings(action="ignore"):  # it uses what diffusers itself has moved elsewhere
        transformer = ChromaTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            axes_dims_rope=(4, 4, 8),
            approximator_num_channels=16,
            approximator_hidden_dim=32,
            approximator_layers=1,
        )
    return _quiet(
        ChromaImg2ImgPipeline(
            vae=_vae(4), transformer=transformer, scheduler=_dynamic(), text_encoder=None, tokenizer=None
        )
    )


@functools.cache
def qwen() -> Any:
    torch.manual_seed(0)
    transformer = networks.qwen_image()
    vae = networks.qwen_image_vae(dim_mult=[1, 2], temperal_downsample=[True])
    return _quiet(
        QwenImageImg2ImgPipeline(
            vae=vae, transformer=transformer, scheduler=_dynamic(), text_encoder=None, tokenizer=None
        )
    )


@functools.cache
def z_image() -> Any:
    torch.manual_seed(0)
    transformer = networks.z_image()
    return _quiet(
        ZImageImg2ImgPipeline(
            vae=_vae(16),
            transformer=transformer,
            scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
            text_encoder=None,
            tokenizer=None,
        )
    )


@functools.cache
def flux2() -> Any:
    """Text-to-image: it has no image-to-image pipeline, but takes latents. A cell is 2 x 2 of its VAE's."""
    torch.manual_seed(0)
    transformer = networks.flux2()
    vae = networks.flux2_vae(8, 16, use_quant_conv=False, use_post_quant_conv=False).eval()
    return _quiet(
        Flux2KleinPipeline(vae=vae, transformer=transformer, scheduler=_dynamic(), text_encoder=None, tokenizer=None)
    )


@functools.cache
def lumina2() -> Any:
    """Text-to-image as well, with spatial latents; its pipeline takes 8 pixels a cell for granted."""
    torch.manual_seed(0)
    transformer = Lumina2Transformer2DModel(
        sample_size=CELLS,
        in_channels=4,
        hidden_size=32,
        num_layers=1,
        num_refiner_layers=1,
        num_attention_heads=2,
        num_kv_heads=2,
        multiple_of=8,
        axes_dim_rope=(4, 4, 8),
        axes_lens=(64, 32, 32),
        cap_feat_dim=WIDTH,
    )
    return _quiet(
        Lumina2Pipeline(
            vae=_vae(4, halvings=3),
            transformer=transformer,
            scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
            text_encoder=None,
            tokenizer=None,
        )
    )


@functools.cache
def kandinsky() -> Any:
    """Kandinsky 2.2, whose VAE draws nothing and whose words are embeddings of pictures. It takes pictures only."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        block_out_channels=(8, 16),
        layers_per_block=1,
        in_channels=4,
        out_channels=8,  # the noise and its variance
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        resnet_time_scale_shift="scale_shift",
        addition_embed_type="image",
        encoder_hid_dim=WIDTH,
        encoder_hid_dim_type="image_proj",
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=4,
    )
    movq = VQModel(
        block_out_channels=(32, 32),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        num_vq_embeddings=16,
        norm_num_groups=32,
        norm_type="spatial",
        vq_embed_dim=4,
    )
    return _quiet(KandinskyV22Img2ImgPipeline(unet=unet, scheduler=diffusion(DDIMScheduler), movq=movq))


FAMILIES = {
    "sd": sd,
    "sdxl": sdxl,
    "sd3": sd3,
    "flux": flux,
    "chroma": chroma,
    "qwen": qwen,
    "z_image": z_image,
    "flux2": flux2,
    "lumina2": lumina2,
}
# Channels that the checkpoints for inpainting read, and diffusers' own pipelines for them. Packed, those of Flux Fill
# are of 4 cells of 4 channels, the same of the masked picture, and 2 x 2 pixels of the mask a cell.
INPAINTING = {
    "sd": (9, StableDiffusionInpaintPipeline),
    "sdxl": (9, StableDiffusionXLInpaintPipeline),
    "flux": (16 + 16 + 16, FluxFillPipeline),
}
FROM_LATENTS = ("flux2", "lumina2")  # no image-to-image pipeline
TWICE = ("chroma", "qwen", "flux2", "lumina2")  # call the denoiser once with and once without the words
PIXELS = {"flux2": 4, "lumina2": 8}  # of a side of a cell, where not 2
CHANNELS = {"z_image": 16, "flux2": 16}  # of the latents, where not 4


@functools.cache
def inpainting(family: str) -> Any:
    """A checkpoint for inpainting in the family's image-to-image pipeline."""
    pipe = FAMILIES[family](INPAINTING[family][0])
    if family != "flux":
        pipe.vae.register_to_config(shift_factor=None)  # as theirs is
    return pipe


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
    generator = torch.Generator().manual_seed(99)
    size = CELLS * 2

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    common = {
        "image": draw(1, CHANNELS.get(family, 4), CELLS, CELLS),
        "prompt_embeds": draw(1, 6, WIDTH),
        "num_inference_steps": steps,
        "generator": torch.Generator().manual_seed(seed),
        "output_type": "latent",
    }
    if family != "flux":
        common |= {"negative_prompt_embeds": draw(1, 6, WIDTH)}
        common |= {"true_cfg_scale" if family == "qwen" else "guidance_scale": 3.0}
    pooled = {"sdxl": WIDTH, "sd3": 64, "flux": 32}.get(family)
    if pooled:
        common |= {"pooled_prompt_embeds": draw(1, pooled)}
    if pooled and family != "flux":
        common |= {"negative_pooled_prompt_embeds": draw(1, pooled)}
    if family == "flux":
        common |= {"guidance_scale": 1.0}
    if family in ("flux", "sd3", "chroma", "qwen", "z_image"):
        common |= {"height": size, "width": size}
    if family in ("chroma", "lumina2"):
        mask = torch.ones(1, 6, dtype=torch.float32 if family == "chroma" else torch.long)
        common |= {"prompt_attention_mask": mask, "negative_prompt_attention_mask": mask}
    if family == "qwen":
        mask = torch.tensor([[1, 1, 1, 1, 0, 0]])
        common |= {"prompt_embeds_mask": mask, "negative_prompt_embeds_mask": mask}
    common = {k: v.repeat(batch, *[1] * (v.ndim - 1)) if torch.is_tensor(v) else v for k, v in common.items()}
    if family == "z_image":
        common |= {name: list(common[name]) for name in ("prompt_embeds", "negative_prompt_embeds")}
    return common


def picture_arguments(family: str, steps: int, picture: Any, seed: int = 1) -> dict[str, Any]:
    """The same with a picture for the latents, worked at in its own size, and a picture as the result."""
    width, height = picture.size
    result = arguments(family, steps, seed) | {"image": picture, "output_type": "pil"}
    if family in ("sd3", "flux", "chroma", "qwen"):  # squares of 1024 pixels if nothing is said
        return result | {"height": height, "width": width}
    return {name: value for name, value in result.items() if name not in ("height", "width")}


def plain(family: str, steps: int, n: int, **kwargs: Any) -> torch.Tensor:
    """What the family itself, unsteered, makes of the picture in the last n steps."""
    pipe, call = FAMILIES[family](), arguments(family, steps, **kwargs)
    if family in FROM_LATENTS:
        return _tail(pipe, family, steps, n, call)
    with warnings.catch_warnings():
        if family == "z_image":  # which takes latents for a picture, and leaves them alone only with a warning
            warnings.filterwarnings("ignore", "Passing `image` as torch tensor", FutureWarning)
        return pipe(**call, strength=strength(pipe, steps, n)).images


def strength(pipe: Any, steps: int, n: int) -> float:
    """A strength at which the pipeline itself runs exactly n steps; n / steps often does not."""
    return min(1.0, (n + 0.5) / steps) if rounding_of(pipe) == "floor" else (n - 0.5) / steps


def _tail(pipe: Any, family: str, steps: int, n: int, call: dict[str, Any]) -> torch.Tensor:
    """The last n steps of a family that has no image-to-image pipeline, from the noised latents."""
    x0 = call.pop("image")
    noise = randn_tensor(x0.shape, call["generator"])
    side = CELLS * PIXELS[family]
    call |= {"height": side, "width": side, "sigmas": np.linspace(1, 1 / steps, steps)[steps - n :]}
    pipe(**call, latents=noise)  # only to see which sigma the pipeline begins at
    sigma = pipe.scheduler.sigmas[0]
    return pipe(**call, latents=sigma * noise + (1.0 - sigma) * x0).images


def _dynamic() -> FlowMatchEulerDiscreteScheduler:
    return FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)


def _quiet(pipe: Any) -> Any:
    pipe.set_progress_bar_config(disable=True)
    return pipe
