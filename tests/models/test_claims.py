"""What a configuration claims is held against what is stored, before anything is built."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    AutoencoderKLFlux2,
    AutoencoderKLQwenImage,
    Flux2Transformer2DModel,
    FluxControlNetModel,
    QwenImageTransformer2DModel,
    ZImageTransformer2DModel,
)
from models import tiny_checkpoints as tiny
from sfumato.errors import SfumatoError
from sfumato.models.checkpoints import open_checkpoint
from sfumato.models.claims import check_claims
from sfumato.models.controlled import load_controlnet
from sfumato.models.listing import Row, listing
from sfumato.models.places import add_folder
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen3Config, Qwen3Model

# Of diffusers' own, where a ControlNet for Flux is made.
pytestmark = pytest.mark.filterwarnings("ignore:`FluxPosEmbed` is deprecated:FutureWarning")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that the user named."""
    torch.manual_seed(0)
    place = tmp_path / "my models"
    place.mkdir()
    add_folder(place)
    return place


def changed(file: Path, changes: dict[str, Any]) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def only() -> Row:
    (row,) = listing()
    return row


@pytest.mark.parametrize(
    ("part", "changes", "said"),
    [
        ("unet", {"layers_per_block": 100_000}, "unet says 100000 for layers_per_block, and its files hold 684 ten"),
        ("unet", {"layers_per_block": 100, "transformer_layers_per_block": 100}, "unet says 40000 layers in all blo"),
        ("unet", {"block_out_channels": [16, 16, 32, 10**6]}, "unet says 1000000 for block_out_channels, and its f"),
        ("unet", {"extra": [{"deeper": {"num_layers": 10**300}}]}, "unet says 1000000"),
        ("vae", {"block_out_channels": [8] * 10_000}, "vae says 10000 for block_out_channels, and its files hold "),
        ("text_encoder", {"num_hidden_layers": 100_000}, "text encoder says 100000 for num_hidden_layers, and its fil"),
        ("text_encoder", {"vocab_size": 10**9}, "text encoder says 1000000000 for vocab_size, and its files hold not"),
        (
            "text_encoder",
            {"d_model": 10**6},
            "text encoder says 1000000 for d_model, and its files hold nothing wid",
        ),
        ("text_encoder", {"max_position_embeddings": 10**12}, "text encoder says 1000000000000 for max_position_emb"),
    ],
)
def test_absurd_ones_are_refused_before_anything_is_built(
    part: str, changes: dict[str, Any], said: str, folder: Path
) -> None:
    tiny.sd15().save_pretrained(folder / "mine")
    changed(folder / "mine" / part / "config.json", changes)
    with pytest.raises(SfumatoError) as caught:
        open_checkpoint(only(), torch.float32)
    assert caught.value.code == "false_config"
    assert str(caught.value).startswith(f"mine cannot be loaded: the configuration of its {said}")
    assert str(caught.value).endswith(". Get it again, or another version of it.")


def test_those_of_a_controlnet_too(folder: Path) -> None:
    tiny.controlnet(tiny.sd15()).save_pretrained(folder / "lines")
    changed(folder / "lines" / "config.json", {"layers_per_block": 100_000})
    with pytest.raises(SfumatoError, match=r"^lines cannot be loaded: the configuration of its lines says 100000 for"):
        load_controlnet(only(), torch.float32)


# By their defaults of the size of real ones, where there is no configuration here.
@pytest.mark.parametrize(
    "cls",
    [
        Flux2Transformer2DModel,
        QwenImageTransformer2DModel,
        ZImageTransformer2DModel,
        AutoencoderKLFlux2,
        AutoencoderKLQwenImage,
        FluxControlNetModel,
    ],
)
def test_real_ones_are_not(cls: Any, tmp_path: Path) -> None:
    with torch.device("meta"):
        model = cls()
    model.save_config(tmp_path)
    check_claims("some", tmp_path / "config.json", [tuple(weight.shape) for weight in model.parameters()])


@pytest.mark.parametrize(
    ("cls", "config"),
    [(Qwen3Model, Qwen3Config()), (Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLConfig())],
)
def test_those_of_language_models_are_not(cls: Any, config: Any, tmp_path: Path) -> None:
    with torch.device("meta"):
        model = cls(config)
    config.save_pretrained(tmp_path)
    check_claims("some", tmp_path / "config.json", [tuple(weight.shape) for weight in model.parameters()])
