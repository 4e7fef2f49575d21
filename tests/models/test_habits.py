"""What a model predicts, its steps and guidance; tensors win over notes, notes over names."""

from __future__ import annotations

import pytest
from sfumato.models.families import FAMILIES
from sfumato.models.habits import CONFIG, NAME, NOTES, TENSORS, habits, speed_in, steps_in

PREDICTIONS = [
    ("sd15", "", (), {}, "dreamshaper_8", "epsilon", None),
    ("sdxl", "", (), {}, "noobaiXLNAIXL_vPred10Version", "v", NAME),
    ("sdxl", "", ("v_pred", "ztsnr"), {"modelspec.prediction_type": "epsilon"}, "noob", "v", TENSORS),
    ("sdxl", "", (), {"modelspec.prediction_type": "v"}, "eps_pred", "v", NOTES),
    ("sdxl", "", (), {"modelspec.prediction_type": "epsilon"}, "my-v-pred", "epsilon", NOTES),
    ("sdxl", "", (), {"ss_v_parameterization": "True"}, "x", "v", NOTES),
    ("sd15", "", (), {"ss_base_model_version": "sd_v1_v"}, "x", "v", NOTES),
    ("sd2", "", (), {"ss_base_model_version": "sd_v2_v"}, "512", "v", NOTES),
    ("sd2", "", (), {"ss_base_model_version": "sd_v2"}, "x", "epsilon", NOTES),
    ("sd2", "", (), {}, "v2-1_768-ema-pruned", "v", NAME),
    ("sd2", "", (), {}, "v2-1_512-ema-pruned", "epsilon", NAME),
    ("sd2", "", (), {}, "illuminati", "v", None),
    ("sd2", "", (), {"modelspec.architecture": "stable-diffusion-v2-512"}, "x768", "epsilon", NOTES),
    ("sd2", "inpainting", (), {}, "512-inpainting-ema", "epsilon", None),
    ("flux", "dev", (), {"modelspec.prediction_type": "epsilon"}, "v_pred", "flow", None),
]


@pytest.mark.parametrize(("family", "variant", "tensors", "notes", "name", "prediction", "by"), PREDICTIONS)
def test_prediction(
    family: str,
    variant: str,
    tensors: tuple[str, ...],
    notes: dict[str, str],
    name: str,
    prediction: str,
    by: str | None,
) -> None:
    found = habits(family, variant, tensors, notes, name)
    assert found.prediction == prediction
    assert found.told_by.get("prediction") == by


def test_zero_terminal_signal() -> None:
    assert habits("sdxl", "", ("v_pred", "ztsnr"), {}, "x").zero_snr
    assert not habits("sdxl", "", ("v_pred",), {}, "x").zero_snr
    assert habits("sdxl", "", (), {"ss_zero_terminal_snr": "True"}, "x").zero_snr


SPEEDS = [
    ("sdxl", "", "sd_xl_base_1.0", "", 30, 5.0, 1024),
    ("sdxl", "", "sd_xl_turbo_1.0_fp16", "turbo", 4, 1.0, 512),
    ("sdxl", "", "DreamShaperXL_Turbo_v2_1", "turbo", 4, 1.0, 1024),
    ("sdxl", "", "sdxl_lightning_8step", "lightning", 8, 1.0, 1024),
    ("sdxl", "", "realvisxlV50_v50LightningBakedvae", "lightning", 4, 1.0, 1024),
    ("sd15", "", "dreamshaper_8LCM", "lcm", 4, 1.0, 512),
    ("sdxl", "", "Hyper-SDXL-1step", "hyper", 1, 1.0, 1024),
    ("sdxl", "", "hyperrealism_v3", "", 30, 5.0, 1024),
    ("sdxl", "", "HyperRealisticXL", "", 30, 5.0, 1024),
    ("flux", "schnell", "flux1-schnell", "", 4, 1.0, 1024),
    ("flux", "dev", "flux1-dev", "", 28, 3.5, 1024),
    ("flux", "fill", "flux1-fill-dev", "", 50, 30.0, 1024),
    ("flux2", "klein-4b", "flux-2-klein-4b", "", 4, 1.0, 1024),
    ("flux2", "klein-4b", "flux-2-klein-base-4b", "", 50, 4.0, 1024),
    ("z-image", "", "z_image_turbo_bf16", "turbo", 9, 0.0, 1024),
    ("z-image", "", "z_image_bf16", "", 50, 4.0, 1024),
    ("z-image", "", "my finetune", "turbo", 9, 0.0, 1024),
    ("qwen-image", "", "Qwen-Image-Lightning-4steps-V1.0", "lightning", 4, 1.0, 1328),
]


@pytest.mark.parametrize(("family", "variant", "name", "speed", "steps", "guidance", "native"), SPEEDS)
def test_steps_and_guidance(
    family: str, variant: str, name: str, speed: str, steps: int, guidance: float, native: int
) -> None:
    found = habits(family, variant, (), {}, name)
    assert (found.speed, found.steps, found.guidance_scale, found.native) == (speed, steps, guidance, native)


def test_what_told_of_it_is_said() -> None:
    assert habits("sdxl", "", (), {"modelspec.title": "SDXL Lightning"}, "turbo").told_by["speed"] == NOTES
    assert habits("sdxl", "", (), {}, "turbo").told_by["speed"] == NAME
    assert habits("sdxl", "", (), {}, "plain", speed="lcm").told_by["speed"] == CONFIG
    lcm = habits("sd15", "", ("model.diffusion_model.time_embed.cond_proj.weight",), {}, "plain")
    assert (lcm.speed, lcm.told_by["speed"], lcm.guidance_scale) == ("lcm", TENSORS, 8.0)
    sized = habits("sdxl", "", (), {"modelspec.resolution": "768x1024"}, "plain")
    assert (sized.native, sized.told_by["native"]) == (768, NOTES)
    assert habits("sdxl", "", (), {"modelspec.resolution": "9"}, "plain").native == 1024


def test_words() -> None:
    assert [speed_in(name) for name in ("a_lcm_b", "falcmon", "DMD2", "hypersd", "Lightning")] == [
        "lcm",
        "",
        "dmd",
        "hyper",
        "lightning",
    ]
    assert [steps_in(name) for name in ("x_4step", "8-Steps", "100 steps", "step4", "0steps")] == [4, 8, 0, 0, 0]


def test_every_family_has_what_a_listing_shows() -> None:
    for name, family in FAMILIES.items():
        found = habits(name, "", (), {}, "plain")
        assert found.steps >= 1
        assert found.native >= 512
        assert found.prediction in ("epsilon", "v", "flow")
        assert "" in family.hub
        assert len({part.component for part in family.parts}) == len(family.parts)
