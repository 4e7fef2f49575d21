"""`sfumato models` as a person meets it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from models import samples
from models.samples import write
from sfumato.cli import main
from sfumato.errors import InputError
from sfumato.models import CATALOGUE, find
from sfumato.models.command import AGAIN, KINDS
from sfumato.models.families import FAMILIES
from sfumato.models.places import folders

LORA = {"lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": (8, 768)}


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert main(["models", *words]) == code
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return err if code else out


@pytest.fixture
def comfy(tmp_path: Path) -> Path:
    folder = tmp_path / "Comfy UI"
    write(folder / "models/checkpoints/sdxl_lightning_4step.safetensors", samples.SDXL)
    write(folder / "models/diffusion_models/flux1-dev.safetensors", samples.flux(), dtype="BF16")
    write(folder / "models/loras/soft.safetensors", LORA)
    (folder / "models/loras/broken.safetensors").write_bytes(b"\x80\x02}")
    return folder


def test_what_came_along_is_always_listed(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(said(capsys, "--json"))
    assert [row["id"] for row in rows] == list(CATALOGUE)
    for row, model in zip(rows, CATALOGUE.values(), strict=True):
        assert row["steps"] == model.info.steps
        assert row["bytes"] > 0
    assert "sfumato models add-folder FOLDER" in said(capsys)


def test_a_folder_is_added_listed_and_removed(capsys: pytest.CaptureFixture[str], comfy: Path) -> None:
    places = said(capsys, "add-folder", str(comfy))
    assert places.count("ComfyUI") == 3
    assert places.splitlines()[-1] == AGAIN
    rows = {row["name"]: row for row in json.loads(said(capsys, "--json")) if row["owner"] == "comfyui"}
    assert set(rows) == {"sdxl_lightning_4step", "flux1-dev", "soft", "broken"}
    lightning, flux = rows["sdxl_lightning_4step"], rows["flux1-dev"]
    assert (lightning["family"], lightning["speed"], lightning["steps"]) == ("sdxl", "lightning", 4)
    assert lightning["told_by"]["speed"] == "its name"
    assert (flux["variant"], flux["prediction"], flux["dtype"], flux["native"]) == ("dev", "flow", "bf16", 1024)
    assert [part["component"] for part in flux["missing"]] == ["text_encoder", "text_encoder_2", "vae"]
    assert all("sfumato models get" in part["get"] for part in flux["missing"])
    assert "pickle" in rows["broken"]["problem"]
    said(capsys, "remove-folder", str(comfy))
    assert folders() == []
    assert comfy.is_dir()
    assert [row["id"] for row in json.loads(said(capsys, "--json"))] == list(CATALOGUE)


def test_in_words(capsys: pytest.CaptureFixture[str], comfy: Path) -> None:
    said(capsys, "add-folder", str(comfy))
    text = said(capsys)
    assert "Stable Diffusion XL lightning checkpoint, predicts epsilon, 1024 pixels, 4 steps, guidance 1" in text
    assert "speed lightning by its name" in text
    get = "`sfumato models get black-forest-labs/FLUX.1-dev` brings a whole model that has it"
    assert f"lacks the text encoder T5-XXL: {get}" in text
    assert "broken.safetensors is a pickle" in text
    assert "add-folder FOLDER" not in text


@pytest.mark.parametrize("kind", KINDS)
def test_one_kind(capsys: pytest.CaptureFixture[str], comfy: Path, kind: str) -> None:
    said(capsys, "add-folder", str(comfy))
    rows = json.loads(said(capsys, "--json", "--kind", kind))
    assert {row["kind"] for row in rows} <= {kind}
    assert bool(rows) == (kind in ("checkpoint", "lora", "unknown"))


def test_every_kind_and_family_can_be_put_into_words() -> None:
    from sfumato.models.command import line
    from sfumato.models.listing import Row

    for kind in KINDS:
        for family in ("", *FAMILIES):
            assert line(Row(kind=kind, family=family, id="x")).startswith("x: ")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--kind", "hypernetwork"), "There is no kind 'hypernetwork'"),
        (("add-folder", "nowhere"), "is not there"),
        (("add-folder", __file__), "is a file"),
        (("remove-folder", "nowhere"), "is not among your folders"),
    ],
)
def test_bad_input_gets_one_sentence(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], sentence: str) -> None:
    error = said(capsys, *words, code=2)
    assert sentence in error
    assert error.count("\n") == 1


def test_a_folder_that_went_is_said_and_the_rest_is_listed(capsys: pytest.CaptureFixture[str], comfy: Path) -> None:
    said(capsys, "add-folder", str(comfy))
    shutil.rmtree(comfy)
    text = said(capsys)
    assert "Comfy UI cannot be opened" in text
    assert "sketchbook: " in text


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep names as text")
def test_names_that_are_no_text_are_shown_and_to_be_changed(
    capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In folders and in the hub's cache: printed, as JSON, and refused by name."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    folder, latin = tmp_path / os.fsdecode(b"B\xe4ume"), os.fsdecode(b"gr\xfcn.safetensors")
    write(folder / latin, samples.SD15)
    write(tmp_path / "hub" / "models--painter--soft" / "snapshots" / "abc" / latin, LORA)
    assert main(["models", "add-folder", str(folder)]) == 0
    capsysbinary.readouterr()
    assert main(["models"]) == 0
    lines = capsysbinary.readouterr().out.decode("utf-8")
    assert main(["models", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsysbinary.readouterr().out) if row["owner"] != "sfumato"}
    shown = "gr\N{REPLACEMENT CHARACTER}n"
    assert set(rows) == {shown, f"painter/soft/{shown}.safetensors"}
    for name, row in rows.items():
        json.dumps(row, ensure_ascii=False).encode()
        assert "holds letters that are not in UTF-8: rename the file" in row["problem"]
        assert row["problem"] in lines
        with pytest.raises(InputError) as caught:
            find(name)
        assert str(caught.value) == row["problem"]


def test_what_a_terminal_cannot_write_is_told_otherwise(tmp_path: Path) -> None:
    write(tmp_path / "Bäume" / "油画.safetensors", samples.SD15)
    environ = os.environ | {"PYTHONIOENCODING": "ascii:strict"}
    for words in (["add-folder", str(tmp_path / "Bäume")], []):
        command = [sys.executable, "-m", "sfumato", "models", *words]
        said = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout
    assert "??-" in said
