"""Which denoiser a file holds, from its tensors' names and shapes.

The names are those by which diffusers' own loaders know a family (`infer_diffusers_model_type`, and its models' state
dicts), so that what is listed is what gets loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sfumato.models.families import STRANGERS
from sfumato.models.header import Tensors

PREFIXES = ("model.diffusion_model.", "")
XL_ENCODER = "conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias"
REFINER_ENCODER = "conditioner.embedders.0.model.transformer.resblocks.9.mlp.c_proj.bias"
CONTEXTS = {768: "sd15", 1024: "sd2", 2048: "sdxl", 1280: "sdxl-refiner"}  # width of what the text encoders say
INPUTS = {4: "", 9: "inpainting", 8: "instruct-pix2pix", 5: "depth", 7: "upscaler"}  # channels of a UNet
FLUX_INPUTS = {64: "", 384: "fill", 128: "control"}  # the same of Flux, packed 2 x 2
KLEINS = {3072: "klein-4b", 4096: "klein-9b", 6144: "dev"}


@dataclass(frozen=True)
class Denoiser:
    """layout: "original", as its authors named the tensors, or "diffusers". stranger: the name of a family that
    nothing here works with; then family is ""."""

    family: str
    variant: str = ""
    layout: str = "original"
    stranger: str = ""


class Names:
    """The tensors of a file below one prefix."""

    def __init__(self, tensors: Tensors, prefix: str) -> None:
        self._tensors, self._prefix = tensors, prefix

    def __contains__(self, name: str) -> bool:
        return self._prefix + name in self._tensors

    def shape(self, name: str) -> tuple[int, ...]:
        """() where there is no such tensor."""
        return self._tensors.get(self._prefix + name, ("", ()))[1]

    def side(self, name: str, axis: int) -> int:
        """One side of a tensor, or 0."""
        shape = self.shape(name)
        return shape[axis] if -len(shape) <= axis < len(shape) else 0


def denoiser(tensors: Tensors) -> Denoiser | None:
    """What denoises in these tensors; None where nothing does."""
    for prefix in PREFIXES:
        names = Names(tensors, prefix)
        for found in _candidates(names, tensors):
            return found
    return None


def context(names: Names) -> int:
    """How wide the words are that a UNet reads; 0 for none. In diffusers' layout and in the original one."""
    first = "transformer_blocks.0.attn2.to_k.weight"
    places = [f"input_blocks.{block}.1." for block in (1, 2, 4, 7)]
    places += [f"down_blocks.{block}.attentions.0." for block in (0, 1, 2)]
    return next((side for place in places if (side := names.side(place + first, -1))), 0)


def _candidates(names: Names, tensors: Tensors) -> Iterator[Denoiser]:
    hints = "control_model.input_blocks.0.0.weight" in tensors or "input_hint_block.0.weight" in names
    if "input_blocks.0.0.weight" in names and not hints:
        yield _original_unet(names, tensors)
    if bias := names.shape("joint_blocks.0.context_block.adaLN_modulation.1.bias"):
        yield Denoiser(
            "sd3", _sd3(bias[0] // 6, names.side("pos_embed", 1), "joint_blocks.37.x_block.mlp.fc1.weight" in names)
        )
    if "single_stream_modulation.lin.weight" in names:
        yield Denoiser("flux2", KLEINS.get(names.side("img_in.weight", 0), ""))
    for mark, stranger in STRANGERS.items():
        if mark in names:
            yield Denoiser("", stranger=stranger)
    if "double_blocks.0.img_attn.norm.key_norm.scale" in names:
        # Ovis and LongCat have the blocks, but no pooled text.
        if "vector_in.in_layer.weight" in names:
            yield Denoiser("flux", _flux(names.side("img_in.weight", 1), "guidance_in.in_layer.bias" in names))
        else:
            yield Denoiser("", stranger="relative of Flux")
    if "layers.0.adaLN_modulation.0.weight" in names and "control_all_x_embedder.2-1.weight" not in names:
        yield Denoiser("z-image", layout="diffusers" if "all_x_embedder.2-1.weight" in names else "original")
    if "cap_embedder.0.weight" in names:
        yield Denoiser("", stranger="Lumina 2")
    if "controlnet_blocks.0.weight" not in names and "controlnet_cond_embedding.conv_in.weight" not in names:
        yield from _of_diffusers(names)


def _original_unet(names: Names, tensors: Tensors) -> Denoiser:
    variant = INPUTS.get(names.side("input_blocks.0.0.weight", 1), "unusual")
    if "edm_mean" in tensors:
        return Denoiser("", stranger=STRANGERS["edm_mean"])
    if XL_ENCODER in tensors:
        return Denoiser("sdxl", variant)
    if REFINER_ENCODER in tensors:
        return Denoiser("sdxl-refiner", variant)
    family = CONTEXTS.get(context(names))
    if family is None:  # a small one, of a known design
        if "label_emb.0.0.weight" in names:
            family = "sdxl"
        else:
            family = "sd2" if "cond_stage_model.model.token_embedding.weight" in tensors else "sd15"
    if family == "sd2" and "label_emb.0.0.weight" in names:
        variant = "unclip"
    return Denoiser(family, variant)


def _of_diffusers(names: Names) -> Iterator[Denoiser]:
    """As diffusers saves them."""
    if "conv_in.weight" in names and "time_embedding.linear_1.weight" in names:
        family = CONTEXTS.get(context(names)) or ("sdxl" if "add_embedding.linear_1.weight" in names else "sd15")
        yield Denoiser(family, INPUTS.get(names.side("conv_in.weight", 1), "unusual"), "diffusers")
    if "double_stream_modulation_img.linear.weight" in names:
        yield Denoiser("flux2", KLEINS.get(names.side("x_embedder.weight", 0), ""), "diffusers")
    if "transformer_blocks.0.attn.add_q_proj.weight" in names:
        if "txt_norm.weight" in names and "img_in.weight" in names:
            yield Denoiser("qwen-image", "", "diffusers")
        if "pos_embed.proj.weight" in names:
            sides = names.side("pos_embed.proj.weight", 0), names.side("pos_embed.pos_embed", 1)
            yield Denoiser("sd3", _sd3(*sides, "transformer_blocks.37.attn.to_q.weight" in names), "diffusers")
        if "time_text_embed.text_embedder.linear_1.weight" in names and "x_embedder.weight" in names:
            guided = "time_text_embed.guidance_embedder.linear_1.weight" in names
            yield Denoiser("flux", _flux(names.side("x_embedder.weight", 1), guided), "diffusers")


def _sd3(width: int, positions: int, deep: bool) -> str:
    if deep:
        return "3.5-large"
    return {36864: "3-medium", 147456: "3.5-medium"}.get(positions, "") if width == 1536 else ""


def _flux(channels: int, guided: bool) -> str:
    return FLUX_INPUTS.get(channels, "") or ("dev" if guided else "schnell")
