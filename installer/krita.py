"""Krita on this machine: the plugin into it, and where it finds the backend."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from . import plugin
from .environment import write_whole
from .places import state_folder

OPEN_THE_DOCKER = "In Krita: Settings > Dockers > Sfumato (restart Krita first if it is open)."
_PROGRAMS = ("krita", "org.kde.krita", "krita.appimage")
_USUAL = (Path("C:/Program Files/Krita (x64)/bin/krita.exe"), Path("/Applications/krita.app"))


def is_here() -> bool:
    """Whether a Krita can be found; one in an unusual place cannot."""
    return any(map(shutil.which, _PROGRAMS)) or any(path.exists() for path in _USUAL)


def install_plugin() -> None:
    """Copies the plugin into this user's Krita and enables it. Raises Stop."""
    plugin.install_plugin(*plugin.krita_folders())


def plugin_files() -> list[Path]:
    """What of the plugin is in this user's Krita."""
    return plugin.plugin_files(plugin.krita_folders()[0])


def remove_plugin() -> None:
    """Takes the plugin out of this user's Krita, and its line out of the settings."""
    plugin.remove_plugin(*plugin.krita_folders())


def backend_record() -> Path:
    """The file in which the plugin reads how to start the backend."""
    return state_folder() / "backend.json"


def known_backend() -> Path | None:
    """The Python of the backend that the plugin would start, when there is one."""
    try:
        python = Path(json.loads(backend_record().read_text(encoding="utf-8"))["command"][0])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return python if python.exists() else None


def tell_backend(python: Path) -> None:
    """From now on the plugin starts this one."""
    record = backend_record()
    record.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(record, json.dumps({"command": [str(python), "-m", "sfumato", "serve"]}, indent=1))
