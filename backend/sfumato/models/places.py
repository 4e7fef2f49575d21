"""Where models lie: the hub's cache, and the folders that the user named, those of other programs among them.

The folders are kept in `model-folders.json` in the user's own folder. Each may be a plain folder, or the folder of
ComfyUI, A1111's web interface (and its descendants) or InvokeAI: of those only what holds models is looked at.
"""

from __future__ import annotations

import json
import ntpath
import os
import posixpath
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sfumato_wire.rendezvous import state_folder

from sfumato.errors import InputError, SfumatoError
from sfumato.models.header import shown

LIST = "model-folders.json"
COMFYUI = (
    "checkpoints",
    "diffusion_models",
    "unet",
    "loras",
    "vae",
    "controlnet",
    "text_encoders",
    "clip",
    "diffusers",
)
A1111 = ("Stable-diffusion", "Lora", "LyCORIS", "VAE", "ControlNet", "text_encoder", "diffusers")
EXTENSION = ("extensions", "sd-webui-controlnet", "models")  # of A1111's, where it looks for ControlNets, too


@dataclass(frozen=True)
class Place:
    """A folder to look in. owner: "hub", "comfyui", "a1111", "invokeai" or "folder"."""

    path: Path
    owner: str


def places(environ: Mapping[str, str] = os.environ) -> list[Place]:
    """All folders to look in, those that are not there left out."""
    hub = hub_cache(environ)
    found = [Place(hub, "hub")] if hub.is_dir() else []
    for folder in folders(environ):
        found += parts_of(folder)
    return found


def hub_cache(environ: Mapping[str, str] = os.environ) -> Path:
    """Where huggingface_hub keeps what it fetched, by the rules of its own constants."""
    home = environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    home = environ.get("HF_HOME") or os.path.join(home, "huggingface")
    cache = environ.get("HF_HUB_CACHE") or environ.get("HUGGINGFACE_HUB_CACHE") or os.path.join(home, "hub")
    return Path(os.path.expanduser(os.path.expandvars(cache)))


def parts_of(folder: Path) -> Iterator[Place]:
    """The folders of models in a folder that the user named. The folder itself where it belongs to no known program;
    it need not be there."""
    for models in (folder / "models", folder):
        if _inside(models, ("Stable-diffusion",)):
            yield from _named(models, A1111, "a1111")
            if (extension := folder.joinpath(*EXTENSION)).is_dir():
                yield Place(extension, "a1111")
            return
        if _inside(models, ("checkpoints", "diffusion_models", "unet")) and _inside(models, ("loras", "vae", "clip")):
            yield from _named(models, COMFYUI, "comfyui")
            return
    if (folder / "invokeai.yaml").is_file() and (folder / "models").is_dir():
        yield Place(folder / "models", "invokeai")
    else:
        yield Place(folder, "folder")


def _inside(folder: Path, names: tuple[str, ...]) -> bool:
    return any((folder / name).is_dir() for name in names)


def _named(folder: Path, names: tuple[str, ...], owner: str) -> Iterator[Place]:
    yield from (Place(folder / name, owner) for name in names if (folder / name).is_dir())


def folders(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Those that the user named, in their order. Raises InputError when the list is damaged."""
    file = _list_of(environ)
    try:
        listed = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(listed, list) or not all(isinstance(name, str) and name for name in listed):
            raise ValueError
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError("unreadable", f"{file} cannot be opened ({error.strerror or error}).") from None
    except (ValueError, RecursionError):
        sentence = f"{file} is damaged: delete it and name your folders again with `sfumato models add-folder`."
        raise InputError("damaged", sentence) from None
    return [Path(name) for name in listed]


def add_folder(folder: Path, environ: Mapping[str, str] = os.environ) -> list[Place]:
    """Remember a folder; gives what will be looked at of it. Raises InputError where it is none, or known already."""
    where = Path(os.path.abspath(folder.expanduser()))
    name = shown(str(where))
    try:
        if not where.is_dir():
            what = "is a file: name the folder that it lies in" if where.exists() else "is not there"
            raise InputError("no_folder", f"{name} {what}.")
        os.scandir(where).close()
    except OSError as error:
        sentence = f"{name} cannot be opened ({error.strerror or error}). Name a folder that you may read."
        raise InputError("unreadable", sentence) from None
    known = folders(environ)
    if where in known:
        raise InputError("known_folder", f"{name} is among your folders already.")
    _write([*known, where], environ)
    return list(parts_of(where))


def remove_folder(folder: Path, environ: Mapping[str, str] = os.environ) -> None:
    """Forget a folder; nothing is deleted. Raises InputError where it is not among those that were named."""
    where = Path(os.path.abspath(folder.expanduser()))
    known = folders(environ)
    if where not in known:
        there = ", ".join(shown(str(one)) for one in known) or "none"
        raise InputError("unknown_folder", f"{shown(str(where))} is not among your folders. There is: {there}.")
    _write([one for one in known if one != where], environ)


def cache_folder(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Where what can be found out again is kept; `SFUMATO_HOME` overrides it."""
    home = os.path.expanduser("~")
    if override := environ.get("SFUMATO_HOME"):
        return Path(override) / "cache"
    if platform == "win32":
        local = environ.get("LOCALAPPDATA") or ntpath.join(home, "AppData", "Local")
        return Path(ntpath.join(local, "Sfumato", "Cache"))
    if platform == "darwin":
        return Path(home) / "Library" / "Caches" / "Sfumato"
    return Path(posixpath.join(environ.get("XDG_CACHE_HOME") or posixpath.join(home, ".cache"), "sfumato"))


def _list_of(environ: Mapping[str, str]) -> Path:
    return Path(state_folder(environ, sys.platform, os.path.expanduser("~"))) / LIST


def _write(listed: list[Path], environ: Mapping[str, str]) -> None:
    """Swapped in whole. Names that are no text are kept as Python keeps them."""
    file = _list_of(environ)
    fresh = file.with_name(file.name + ".part")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.write_text(json.dumps([str(folder) for folder in listed], indent=1) + "\n", encoding="utf-8")
        fresh.replace(file)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise SfumatoError("unwritable", f"{file} cannot be written ({error.strerror or error}).") from None
