"""LoRA, VAE, ControlNet and text encoders, and the family that each is for: as real classes name their tensors."""

from __future__ import annotations

import diffusers
import pytest
import torch
import transformers
from accelerate import init_empty_weights
from models.samples import Shapes, tensors_of
from sfumato.models.companions import companion
from sfumato.models.header import Tensors


def lora(target: str, reads: int, gives: int, ending: tuple[str, str] = ("lora_down", "lora_up")) -> Shapes:
    lower, upper = ending
    return {f"{target}.{lower}.weight": (8, reads), f"{target}.{upper}.weight": (gives, 8)}


PEFT = ("lora_A", "lora_B")
NAMED = ("lora_A.default", "lora_B.default")
MIDDLE = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k"
K = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
CHANGES = [
    (lora(K, 768, 640), "sd15", "kohya"),
    (lora(K, 1024, 640), "sd2", "kohya"),
    (lora(K, 2048, 640), "sdxl", "kohya"),
    (lora("lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_v", 2048, 640), "sdxl", "kohya"),
    (lora("lora_unet_input_blocks_4_1_transformer_blocks_1_attn1_to_q", 640, 640), "sdxl", "kohya"),
    (lora("lora_te2_text_model_encoder_layers_0_mlp_fc1", 1280, 5120), "sdxl", "kohya"),
    (lora("lora_te_text_model_encoder_layers_0_mlp_fc1", 768, 3072), "sd15", "kohya"),
    (lora(MIDDLE, 2048, 1280, PEFT), "sdxl", "peft"),
    (lora(f"{MIDDLE}.lora", 768, 1280, ("down", "up")), "sd15", "diffusers"),
    (lora(MIDDLE, 32, 64, PEFT), "sd15", "peft"),
    (lora("lora_unet_double_blocks_18_img_mod_lin", 3072, 18432), "flux", "kohya"),
    (lora("lora_unet_double_blocks_18_img_attn_qkv", 3072, 9216), "flux", "kohya"),
    (lora("lora_unet_single_blocks_0_linear1", 3072, 21504), "flux", "kohya"),
    (lora("lora_unet_single_blocks_0_linear1", 3072, 27648), "flux2", "kohya"),
    (lora("diffusion_model.double_blocks.0.img_attn.qkv", 4096, 12288, PEFT), "flux2", "peft"),
    (lora("transformer.single_transformer_blocks.0.attn.to_q", 3072, 3072, PEFT), "flux", "peft"),
    (lora("transformer.single_transformer_blocks.0.attn.to_qkv_mlp_proj", 3072, 27648, PEFT), "flux2", "peft"),
    (lora("transformer.transformer_blocks.0.attn.to_q", 1536, 1536, PEFT), "sd3", "peft"),
    (lora("transformer.transformer_blocks.0.attn.to_q", 2432, 2432, PEFT), "sd3", "peft"),
    (lora("transformer.transformer_blocks.59.attn.to_q", 3072, 3072, PEFT), "qwen-image", "peft"),
    (lora("transformer_blocks.0.img_mlp.net.0.proj", 3072, 12288, NAMED), "qwen-image", "peft"),
    (lora("diffusion_model.layers.0.attention.to_q", 3840, 3840, PEFT), "z-image", "peft"),
    (lora("lora_unet_layers_0_attention_qkv", 3840, 11520), "z-image", "kohya"),
]


@pytest.mark.parametrize(("shapes", "family", "layout"), CHANGES)
def test_a_lora_is_for_the_family_whose_layers_it_changes(shapes: Shapes, family: str, layout: str) -> None:
    found = companion(tensors_of(shapes), {}, "some")
    assert found is not None
    assert (found.kind, found.family, found.layout, found.problem) == ("lora", family, layout, "")


NOTES = [
    ({"ss_base_model_version": "sdxl_base_v1-0"}, "sdxl"),
    ({"ss_base_model_version": "sd_v1"}, "sd15"),
    ({"ss_base_model_version": "sd_v2_768_v"}, "sd2"),
    ({"ss_base_model_version": "flux2_klein_9b"}, "flux2"),
    ({"ss_base_model_version": "flux1"}, "flux"),
    ({"modelspec.architecture": "stable-diffusion-xl-v1-base/lora"}, "sdxl"),
    ({"modelspec.architecture": "flux-1-dev/lora"}, "flux"),
    ({"modelspec.architecture": "stable-diffusion-v1/lora"}, "sd15"),
    ({"modelspec.architecture": "stable-diffusion-3-medium/lora"}, "sd3"),
    ({"modelspec.architecture": "Qwen-Image/lora"}, "qwen-image"),
]


@pytest.mark.parametrize(("notes", "family"), NOTES)
def test_notes_tell_where_layers_do_not(notes: dict[str, str], family: str) -> None:
    shapes = lora("lora_unet_mid_block_resnets_0_conv1", 1280, 1280)
    found = companion(tensors_of(shapes), notes, "some")
    assert found is not None
    assert (found.family, found.by_name) == (family, "its notes")
    layers = companion(tensors_of(lora(K, 768, 640)), {"ss_base_model_version": "sdxl_base_v1-0"}, "some")
    assert layers is not None
    assert layers.family == "sd15"


def test_a_lora_that_tells_nothing_says_so() -> None:
    found = companion(tensors_of(lora("lora_unet_mid_block_resnets_0_conv1", 1280, 1280)), {}, "some")
    assert found is not None
    assert found.problem


@pytest.mark.parametrize("ending", [".hada_w1_a", ".lokr_w1", ".oft_blocks"])
def test_other_formulas_are_no_lora(ending: str) -> None:
    found = companion(tensors_of({K + ending: (8, 768)}), {"ss_base_model_version": "sd_v1"}, "some")
    assert found is not None
    assert (found.kind, found.family) == ("lora", "sd15")
    assert "not a LoRA" in found.problem


def state(model: torch.nn.Module) -> Tensors:
    return {name: ("F16", tuple(tensor.shape)) for name, tensor in model.state_dict().items()}


def of_class(kind: str, **settings: object) -> Tensors:
    with init_empty_weights():
        return state(getattr(diffusers, kind)(**settings))


SMALL_UNET = {"block_out_channels": (32, 64), "layers_per_block": 1, "cross_attention_dim": 768}
SMALL_UNET |= {"down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D")}
CONTROLNETS = [
    ("ControlNetModel", SMALL_UNET, "sd15"),
    ("ControlNetModel", SMALL_UNET | {"cross_attention_dim": 1024}, "sd2"),
    ("ControlNetModel", SMALL_UNET | {"cross_attention_dim": 2048}, "sdxl"),
    ("FluxControlNetModel", {"num_layers": 1, "num_single_layers": 1}, "flux"),
    ("SD3ControlNetModel", {"num_layers": 1}, "sd3"),
    ("QwenImageControlNetModel", {"num_layers": 1}, "qwen-image"),
]
VAES = [
    ("AutoencoderKL", {"latent_channels": 4}, "anything-vae", "sd15"),
    ("AutoencoderKL", {"latent_channels": 4}, "sdxl_vae", "sdxl"),
    ("AutoencoderKL", {"latent_channels": 16}, "ae", "flux"),
    ("AutoencoderKL", {"latent_channels": 16}, "sd3_vae", "sd3"),
    ("AutoencoderKLFlux2", {}, "flux2-vae", "flux2"),
    ("AutoencoderKLQwenImage", {}, "qwen_image_vae", "qwen-image"),
]


@pytest.mark.filterwarnings("ignore:`FluxPosEmbed` is deprecated")  # by the class that uses it
@pytest.mark.parametrize(("kind", "settings", "family"), CONTROLNETS)
def test_controlnets_of_diffusers(kind: str, settings: dict[str, object], family: str) -> None:
    found = companion(of_class(kind, **settings), {}, "some")
    assert found is not None
    assert (found.kind, found.family) == ("controlnet", family)


@pytest.mark.parametrize(("kind", "settings", "name", "family"), VAES)
def test_vaes(kind: str, settings: dict[str, object], name: str, family: str) -> None:
    found = companion(of_class(kind, **settings), {}, name)
    assert found is not None
    assert (found.kind, found.family, found.layout) == ("vae", family, "diffusers")


def test_controlnets_and_vaes_of_others() -> None:
    control = "control_model.input_blocks."
    shapes: Shapes = {
        f"{control}0.0.weight": (320, 4, 3, 3),
        f"{control}1.1.transformer_blocks.0.attn2.to_k.weight": (320, 768),
    }
    found = companion(tensors_of(shapes), {}, "control_v11p_sd15_canny")
    assert found is not None
    assert (found.kind, found.family, found.layout) == ("controlnet", "sd15", "original")
    found = companion(tensors_of({"decoder.conv_in.weight": (512, 16, 3, 3), "decoder.mid.x": (1,)}), {}, "ae")
    assert found is not None
    assert (found.kind, found.family, found.layout) == ("vae", "flux", "original")


def test_text_encoders() -> None:
    with init_empty_weights():
        small = {"num_hidden_layers": 1, "vocab_size": 100}
        clip = state(transformers.CLIPTextModelWithProjection(transformers.CLIPTextConfig(hidden_size=768, **small)))
        t5 = state(transformers.T5EncoderModel(transformers.T5Config(d_model=4096, num_layers=1, vocab_size=100)))
    clip = {name if name.startswith("text_") else f"text_model.{name}": tensor for name, tensor in clip.items()}
    for tensors, which in ((clip, "CLIP-L"), (t5, "T5-XXL")):
        found = companion(tensors, {}, "some")
        assert found is not None
        assert (found.kind, found.variant) == ("text-encoder", which)


def test_a_denoiser_is_no_companion() -> None:
    assert (
        companion(
            of_class("UNet2DConditionModel", **SMALL_UNET, up_block_types=("UpBlock2D", "CrossAttnUpBlock2D")), {}, "x"
        )
        is None
    )
    assert companion(of_class("FluxTransformer2DModel", num_layers=1, num_single_layers=1), {}, "x") is None
    assert companion({}, {}, "x") is None
