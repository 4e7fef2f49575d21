"""Folders in diffusers' layout, as its classes save them."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from diffusers import ControlNetModel, EulerAncestralDiscreteScheduler, LCMScheduler
from hypothesis import given, settings
from hypothesis import strategies as st
from models import tiny
from sfumato.errors import InputError
from sfumato.models.folders import recognise_folder


def test_a_whole_model(tmp_path: Path) -> None:
    folder = tiny.stable_diffusion(tmp_path / "my model")
    found = recognise_folder(folder)
    assert (found.kind, found.family, found.variant, found.layout) == ("checkpoint", "sd15", "", "folder")
    assert (found.dtype, found.prediction, found.steps, found.native) == ("fp16", "epsilon", 30, 512)
    assert found.bytes == sum(file.stat().st_size for file in folder.rglob("*.safetensors"))
    assert not found.missing
    assert not found.problem


@pytest.mark.parametrize(
    ("settings", "family", "variant"),
    [
        ({"cross_attention_dim": 768, "in_channels": 9}, "sd15", "inpainting"),
        ({"cross_attention_dim": 1024}, "sd2", ""),
        ({"in_channels": 8}, "sd15", "instruct-pix2pix"),
    ],
)
def test_its_denoiser_decides(tmp_path: Path, settings: dict[str, int], family: str, variant: str) -> None:
    found = recognise_folder(tiny.stable_diffusion(tmp_path / "model", **settings))
    assert (found.family, found.variant) == (family, variant)
    assert bool(found.problem) == (variant == "instruct-pix2pix")


def test_its_scheduler_says_what_is_predicted(tmp_path: Path) -> None:
    scheduler = tiny.DDIMScheduler(**tiny.PLAIN, prediction_type="v_prediction", rescale_betas_zero_snr=True)
    found = recognise_folder(tiny.stable_diffusion(tmp_path / "model", scheduler))
    assert (found.prediction, found.zero_snr, found.speed) == ("v", True, "")


@pytest.mark.parametrize(
    ("scheduler", "speed"),
    [
        (LCMScheduler(clip_sample=False, steps_offset=1), "lcm"),
        (EulerAncestralDiscreteScheduler(timestep_spacing="trailing", steps_offset=1), "turbo"),
        (EulerAncestralDiscreteScheduler(steps_offset=1), ""),
    ],
)
def test_its_scheduler_says_how_many_steps(tmp_path: Path, scheduler: object, speed: str) -> None:
    found = recognise_folder(tiny.stable_diffusion(tmp_path / "model", scheduler))
    assert found.speed == speed
    assert found.told_by.get("speed", "") == ("its configuration" if speed else "")
    assert (found.steps < 10) == bool(speed)


def test_variants_and_pieces(tmp_path: Path) -> None:
    half = recognise_folder(tiny.stable_diffusion(tmp_path / "half", save={"variant": "fp16"}))
    assert half.saved_as == "fp16"
    pieces = tiny.stable_diffusion(tmp_path / "pieces", save={"max_shard_size": "100KB"})
    assert len(list(pieces.glob("unet/*-of-*.safetensors"))) > 1
    whole = recognise_folder(pieces)
    assert (whole.saved_as, whole.problem) == ("", "")
    assert whole.bytes == sum(file.stat().st_size for file in pieces.rglob("*.safetensors"))
    next(pieces.glob("unet/*-of-*.safetensors")).unlink()
    with pytest.raises(InputError, match=r"lacks .*-of-.* of its unet"):
        recognise_folder(pieces)


@pytest.mark.parametrize("part", ["text_encoder", "vae"])
def test_a_missing_part_is_named_with_where_to_get_it(tmp_path: Path, part: str) -> None:
    folder = tiny.stable_diffusion(tmp_path / "model")
    shutil.rmtree(folder / part)
    found = recognise_folder(folder)
    assert [missing.component for missing in found.missing] == [part]
    assert "sfumato models get stable-diffusion-v1-5/stable-diffusion-v1-5" in found.missing[0].get


@pytest.mark.parametrize("kind", ["ZImageOmni", "QwenImageEditPlus", "QwenImageLayered", "Flux2KleinKV"])
def test_relatives_that_take_more_are_not_taken_for_their_family(tmp_path: Path, kind: str) -> None:
    folder = tiny.stable_diffusion(tmp_path / "model")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"_class_name": f"{kind}Pipeline"}))
    assert recognise_folder(folder).problem == f"model is for {kind}Pipeline pipeline: Sfumato does not work with it."


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    folder = tiny.stable_diffusion(tmp_path / "model")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    found = recognise_folder(folder)
    assert "only as a pickle" in found.problem


def test_damage_is_said(tmp_path: Path) -> None:
    folder = tiny.stable_diffusion(tmp_path / "model")
    weights = folder / "vae" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(InputError, match="download it again"):
        recognise_folder(folder)
    (folder / "model_index.json").write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(InputError, match=r"model_index\.json of model is damaged"):
        recognise_folder(folder)


def test_names_in_an_index_lead_nowhere_else(tmp_path: Path) -> None:
    folder = tiny.stable_diffusion(tmp_path / "model")
    index = json.loads((folder / "model_index.json").read_text())
    tiny.vae().save_pretrained(tmp_path / "outside")
    index |= {"../outside": ["diffusers", "AutoencoderKL"], "..": ["diffusers", "AutoencoderKL"]}
    (folder / "model_index.json").write_text(json.dumps(index))
    assert recognise_folder(folder).bytes == sum(file.stat().st_size for file in folder.rglob("*.safetensors"))


def test_other_pipelines_are_named(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "AudioLDM2Pipeline"}')
    assert "AudioLDM2Pipeline" in recognise_folder(tmp_path).problem


@pytest.mark.filterwarnings("ignore:`FluxPosEmbed` is deprecated")
def test_parts_alone(tmp_path: Path) -> None:
    tiny.unet(cross_attention_dim=768).save_pretrained(tmp_path / "unet")
    tiny.flux(guidance_embeds=True).save_pretrained(tmp_path / "dev")
    tiny.flux().save_pretrained(tmp_path / "schnell")
    tiny.vae(scaling_factor=0.13025).save_pretrained(tmp_path / "vae")
    tiny.words().save_pretrained(tmp_path / "words")
    ControlNetModel.from_unet(tiny.unet(cross_attention_dim=768)).save_pretrained(tmp_path / "control")
    found = {folder.name: recognise_folder(folder) for folder in tmp_path.iterdir() if folder.name != "home"}
    assert {name: (one.kind, one.family, one.variant) for name, one in found.items()} == {
        "unet": ("checkpoint", "sd15", ""),
        "dev": ("checkpoint", "flux", "dev"),
        "schnell": ("checkpoint", "flux", "schnell"),
        "vae": ("vae", "sdxl", ""),
        "words": ("text-encoder", "", "CLIPTextModel"),
        "control": ("controlnet", "sd15", ""),
    }
    assert {part.component for part in found["dev"].missing} == {"text_encoder", "text_encoder_2", "vae"}
    assert [one.steps for one in (found["dev"], found["schnell"])] == [28, 4]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_configurations_of_any_kind(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever stands in them, it is a finding or a sentence."""
    folder = tmp_path_factory.getbasetemp() / "any"
    if not folder.exists():
        tiny.stable_diffusion(folder)
    files = [folder / "model_index.json", folder / "scheduler/scheduler_config.json"]
    files += [folder / part / "config.json" for part in ("unet", "vae", "text_encoder")]
    file = data.draw(st.sampled_from(files))
    before = file.read_text()
    config = json.loads(before)
    for name in data.draw(st.lists(st.sampled_from(sorted(config)), min_size=1, max_size=3)):
        config[name] = data.draw(JSON)
    file.write_text(json.dumps(config))
    try:
        for place in (folder, file.parent):
            with suppress(InputError):
                assert recognise_folder(place).kind
    finally:
        file.write_text(before)
