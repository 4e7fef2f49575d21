"""Files of weights: what they are and what they lack, from their headers alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from diffusers import StableDiffusionPipeline
from hypothesis import given, settings
from hypothesis import strategies as st
from models import samples, tiny
from models.samples import UNET, Shapes, flux, sd3, unet, write
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from sfumato.models.families import FAMILIES, STRANGERS
from sfumato.models.header import Header, read
from sfumato.models.recognise import Found, recognise

TEXT = {"text_encoders.clip_l.transformer.text_model.final_layer_norm.weight": (768,)}
T5 = {"text_encoders.t5xxl.transformer.shared.weight": (100, 4096)}
AE = {"vae.decoder.conv_in.weight": (512, 16, 3, 3)}


def found_in(file: Path, shapes: Shapes, notes: dict[str, str] | None = None, dtype: str = "F16") -> Found:
    return recognise(read(write(file, shapes, notes, dtype)), file.name)


def test_a_checkpoint(tmp_path: Path) -> None:
    file = tmp_path / "pony.safetensors"
    found = found_in(file, samples.SDXL, {"modelspec.resolution": "1024x1024"}, "BF16")
    assert (found.kind, found.family, found.layout, found.dtype) == ("checkpoint", "sdxl", "original", "bf16")
    assert (found.prediction, found.steps, found.guidance_scale, found.native) == ("epsilon", 30, 5.0, 1024)
    assert found.bytes == file.stat().st_size
    assert (found.missing, found.problem) == ((), "")


LACKING = [
    (unet(768, block=1), {"text_encoder"}, set()),
    ({name: shape for name, shape in samples.SD15.items() if name != samples.VAE}, {"vae"}, set()),
    ({name: shape for name, shape in samples.SDXL.items() if name != samples.XL_SECOND}, {"text_encoder_2"}, set()),
    (flux(), {"text_encoder", "text_encoder_2", "vae"}, set()),
    (flux(prefix=UNET) | TEXT | T5 | AE, set(), set()),
    (flux(prefix=UNET) | TEXT | AE, {"text_encoder_2"}, set()),
    (sd3(1536, 147456, 24) | TEXT | AE, {"text_encoder_2", "text_encoder_3"}, {"text_encoder_3"}),
    (samples.Z_IMAGE, {"text_encoder", "vae"}, set()),
    (samples.QWEN, {"text_encoder", "vae"}, set()),
]


@pytest.mark.parametrize(("shapes", "lacks", "spare"), LACKING)
def test_what_is_missing_comes_with_where_to_get_it(
    tmp_path: Path, shapes: Shapes, lacks: set[str], spare: set[str]
) -> None:
    found = found_in(tmp_path / "some.safetensors", shapes)
    assert {part.component for part in found.missing} == lacks
    assert {part.component for part in found.missing if not part.needed} == spare
    for part in found.missing:
        assert part.get.startswith("`sfumato models get ")
        assert part.hub.count("/") == 1


def test_the_hub_of_a_part_is_that_of_its_variant(tmp_path: Path) -> None:
    found = found_in(tmp_path / "some.safetensors", samples.FLUX2)
    assert {part.hub for part in found.missing} == {"black-forest-labs/FLUX.2-klein-4B"}


PROBLEMS = [
    ("model.safetensors", {"something.weight": (4, 4)}, "none of the models"),
    ("model.safetensors", {}, "none of the models"),
    ("model.safetensors", {"distilled_guidance_layer.in_proj.bias": (4,), **flux()}, "is a Chroma"),
    ("model.safetensors", unet(768, 8, block=1), "follow instructions"),
    ("model.safetensors", flux(128), "guides it"),
    ("flux.safetensors", flux() | {"scaled_fp8": (0,)}, "packed"),
    (
        "flux.safetensors",
        flux() | {"double_blocks.0.img_attn.qkv.weight.quant_state.bitsandbytes__nf4": (80,)},
        "packed",
    ),
    ("lora.safetensors", {"lora_unet_x.hada_w1_a": (8, 8)}, "LoHa"),
    ("control.safetensors", {"controlnet_blocks.0.weight": (8, 8), **flux()}, "XLabs"),
]


@pytest.mark.parametrize(("name", "shapes", "words"), PROBLEMS)
def test_what_cannot_be_used_says_why(tmp_path: Path, name: str, shapes: Shapes, words: str) -> None:
    found = found_in(tmp_path / name, shapes)
    assert words in found.problem
    assert found.problem.startswith(name)
    assert found.problem.endswith(".")


def test_a_lora_has_the_habits_of_its_family(tmp_path: Path) -> None:
    lower = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight"
    found = found_in(tmp_path / "sdxl_lightning_4step_lora.safetensors", {lower: (8, 2048)})
    assert (found.kind, found.family, found.layout) == ("lora", "sdxl", "kohya")
    assert (found.speed, found.steps, found.told_by["speed"]) == ("lightning", 4, "its name")


def test_parts_alone(tmp_path: Path) -> None:
    assert found_in(tmp_path / "ae.safetensors", {"decoder.conv_in.weight": (512, 16, 3, 3)}).kind == "vae"
    encoder = found_in(tmp_path / "clip_l.safetensors", {"text_model.embeddings.token_embedding.weight": (100, 768)})
    assert (encoder.kind, encoder.variant) == ("text-encoder", "CLIP-L")


@pytest.mark.parametrize("width", [32, 768])
def test_a_lora_that_diffusers_saved(tmp_path: Path, width: int) -> None:
    net = tiny.unet(cross_attention_dim=width)
    net.add_adapter(LoraConfig(r=2, target_modules=["to_q", "to_k", "to_v", "to_out.0"]))
    StableDiffusionPipeline.save_lora_weights(tmp_path, unet_lora_layers=get_peft_model_state_dict(net))
    file = next(tmp_path.glob("*.safetensors"))
    found = recognise(read(file), file.name)
    assert (found.kind, found.family, found.layout, found.problem) == ("lora", "sd15", "peft", "")


# Every name that a rule asks for, and some of what stands around them.
ASKED = sorted(
    {
        *STRANGERS, *samples.SDXL, *samples.SD2, *samples.REFINER_XL, *samples.FLUX2, *samples.Z_IMAGE, *samples.QWEN,
        *flux(), *flux(prefix=UNET), *sd3(8, 8, 1), *TEXT, *T5, *AE, "v_pred", "ztsnr", "lora_controlnet",
        "conv_in.weight",
        "time_embedding.linear_1.weight", "controlnet_blocks.0.weight", "controlnet_cond_embedding.conv_in.weight",
        "decoder.conv_in.weight", "text_model.embeddings.token_embedding.weight", "shared.weight",
        "encoder.block.0.layer.0.SelfAttention.q.weight", "model.embed_tokens.weight", "pos_embed.proj.weight",
        "lora_unet_double_blocks_0_img_mlp_0.lora_down.weight", "lora_unet_double_blocks_0_img_mlp_0.lora_up.weight",
        "lora_unet_single_blocks_0_linear2.lora_down.weight", "transformer_blocks.0.attn.to_q.lora_A.weight",
        "lora_unet_mid_block_attn2_to_k.lora_down.weight", "x.diff", "x.lokr_w1", "x.qweight",
    }
)  # fmt: skip
SHAPE = st.lists(st.sampled_from([0, 1, 4, 9, 768, 1280, 1536, 2048, 3072, 4096]), max_size=4).map(tuple)
NOTED = st.dictionaries(
    st.sampled_from(["modelspec.architecture", "modelspec.resolution", "modelspec.title", "ss_base_model_version"]),
    st.text(max_size=12),
    max_size=3,
)


@given(st.dictionaries(st.sampled_from(ASKED), SHAPE, max_size=6), NOTED, st.text(max_size=12))
@settings(max_examples=300, deadline=None)
def test_any_tensors_are_a_finding(shapes: Shapes, notes: dict[str, str], name: str) -> None:
    found = recognise(Header(samples.tensors_of(shapes), notes, 1), name)
    assert found.family in ("", *FAMILIES)
    assert found.problem or found.kind != "unknown"
    if found.kind == "checkpoint":
        assert found.steps >= 1
        assert found.native >= 1
