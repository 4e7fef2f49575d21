"""Where models are looked for: the hub's cache by its own rules, and what the user named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from models.users import unprivileged
from sfumato.errors import InputError, SfumatoError
from sfumato.models import places
from sfumato.models.places import add_folder, folders, hub_cache, parts_of, remove_folder

SETTINGS = [
    {},
    {"HF_HOME": "/a/home"},
    {"XDG_CACHE_HOME": "/a/cache"},
    {"XDG_CACHE_HOME": "/a/cache", "HF_HOME": "/a/home"},
    {"HF_HOME": "/a/home", "HUGGINGFACE_HUB_CACHE": "/an/old"},
    {"HF_HUB_CACHE": "$HOME/there", "HUGGINGFACE_HUB_CACHE": "/an/old"},
    {"HF_HOME": "~/tilde"},
]


def test_the_hubs_cache_is_where_the_hub_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import os, sys, json; from huggingface_hub import constants; print(constants.HF_HUB_CACHE)"
    for settings in SETTINGS:
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "XDG_"))}
        environ = plain | settings | {"HOME": str(tmp_path)}
        said = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
        with monkeypatch.context() as changed:
            changed.setenv("HOME", str(tmp_path))
            assert str(hub_cache(environ)) == said.stdout.strip(), settings


def tree(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).mkdir(parents=True)
    return folder


def test_trees_of_other_programs(tmp_path: Path) -> None:
    comfy = tree(
        tmp_path / "ComfyUI", "models/checkpoints", "models/loras", "models/vae", "models/upscale_models", "venv"
    )
    a1111 = tree(tmp_path / "webui", "models/Stable-diffusion", "models/Lora", "models/ESRGAN", "embeddings")
    tree(a1111, "extensions/sd-webui-controlnet/models")
    invoke = tree(tmp_path / "invokeai", "models/sdxl/main", "databases")
    (invoke / "invokeai.yaml").touch()
    own = tree(tmp_path / "my models", "checkpoints")

    def found(folder: Path) -> set[tuple[str, str]]:
        return {(str(place.path.relative_to(folder)), place.owner) for place in parts_of(folder)}

    comfys = {("checkpoints", "comfyui"), ("loras", "comfyui"), ("vae", "comfyui")}
    assert found(comfy) == {(f"models/{name}", owner) for name, owner in comfys}
    assert found(comfy / "models") == comfys
    assert found(a1111) == {
        ("models/Stable-diffusion", "a1111"),
        ("models/Lora", "a1111"),
        ("extensions/sd-webui-controlnet/models", "a1111"),
    }
    assert found(invoke) == {("models", "invokeai")}
    assert found(own) == {(".", "folder")}
    assert found(tmp_path / "gone") == {(".", "folder")}


def test_folders_are_remembered_in_order(tmp_path: Path) -> None:
    one, two = tree(tmp_path / "Bäume 木", "x"), tree(tmp_path / "two", "x")
    assert folders() == []
    add_folder(one)
    add_folder(two)
    assert folders() == [one, two]
    with pytest.raises(InputError, match="already"):
        add_folder(Path(os.path.relpath(one)))
    remove_folder(one)
    assert folders() == [two]
    assert one.is_dir()
    with pytest.raises(InputError, match="is not among your folders"):
        remove_folder(one)


def test_a_folder_that_went_can_be_forgotten(tmp_path: Path) -> None:
    gone = tree(tmp_path / "gone")
    gone.mkdir()
    add_folder(gone)
    gone.rmdir()
    remove_folder(gone)
    assert folders() == []


def test_only_folders_can_be_added(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, words in (("file", "is a file"), ("gone", "is not there"), ("file/below", "is not there")):
        with pytest.raises(InputError, match=words) as caught:
            add_folder(tmp_path / name)
        assert name in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX's permissions")
def test_a_folder_that_may_not_be_read_is_not_added() -> None:
    with unprivileged() as folder:
        closed = folder / "closed"
        closed.mkdir(mode=0)
        with pytest.raises(InputError, match=r"cannot be opened \(Permission denied\)"):
            add_folder(closed)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[""]', "[" * 100_000, "\xff"])
def test_a_damaged_list_says_what_to_do(tmp_path: Path, text: str) -> None:
    add_folder(tree(tmp_path / "one", "x"))
    file = next((tmp_path / "home").rglob(places.LIST))
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match="delete it"):
        folders()


def test_a_list_that_cannot_be_written_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setenv("SFUMATO_HOME", str(tmp_path / "a file" / "below"))
    with pytest.raises(SfumatoError):
        add_folder(tree(tmp_path / "one", "x"))


def test_what_is_kept_is_plain(tmp_path: Path) -> None:
    one = tree(tmp_path / "one", "x")
    add_folder(one)
    assert json.loads(next((tmp_path / "home").rglob(places.LIST)).read_text(encoding="utf-8")) == [str(one)]
    assert str(places.cache_folder()).startswith(str(tmp_path / "home"))
