"""No test looks at the models of whoever runs it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import FunctionType

import pytest


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "SFUMATO_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home" / name.lower()))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the user named, with models of 64 pixels."""
    import torch  # not for those that load nothing
    from sfumato.models import families
    from sfumato.models.places import add_folder

    for name, family in list(families.FAMILIES.items()):
        monkeypatch.setitem(families.FAMILIES, name, replace(family, native=64))
    torch.manual_seed(0)
    place = tmp_path / "my models"
    place.mkdir()
    add_folder(place)
    return place


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """diffusers' own conversion of Flux, with our width in place of the only one that it knows; test_real_size has it
    as it is."""
    from diffusers.loaders.single_file_model import SINGLE_FILE_LOADABLE_CLASSES  # not for those that load nothing
    from models.tiny_checkpoints import WIDTH

    entry = SINGLE_FILE_LOADABLE_CLASSES["FluxTransformer2DModel"]
    convert = entry["checkpoint_mapping_fn"]
    consts = tuple(WIDTH if const == 3072 else const for const in convert.__code__.co_consts)
    code = convert.__code__.replace(co_consts=consts)
    monkeypatch.setitem(entry, "checkpoint_mapping_fn", FunctionType(code, convert.__globals__))
