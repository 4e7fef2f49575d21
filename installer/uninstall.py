"""`uninstall`: removes exactly what `install` made."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
from pathlib import Path

from . import daily, krita
from .environment import remove
from .errors import Stop
from .places import data_folder, state_folder
from .say import Task, line

STATE = ("token", "server.json", "backend.json", "remote.json", "remote.token", "spool", "logs")


def uninstall(*, sure: bool) -> int:
    """The exit code: 0 when nothing is left. Raises Stop."""
    data, state = data_folder(), state_folder()
    if (port := _listening(state)) is not None:
        raise Stop(
            f"A backend is still running on port {port}. Close Krita, or press Stop in its docker, and try again."
        )
    ours = [*daily.environments(data), data / "logs", data / "installer.lock", *(state / name for name in STATE)]
    ours += sorted(state.glob("krita-*.json"))  # the plugin's notes for a Krita after this one
    ours = [path for path in ours if path.exists()]
    if not ours and not krita.plugin_files():
        line("Nothing of Sfumato is installed for this user.")
        return 0
    line("This will be removed; your pictures and documents are not touched:")
    for path in [*ours, *krita.plugin_files()]:
        line(f"  {path}")
    if not sure and not _agreed():
        line("Nothing was removed.")
        return 1
    with Task("Removing"):
        krita.remove_plugin()
        for path in ours:
            _remove(path)
        for folder in (data, state):
            with contextlib.suppress(OSError):  # not empty: something there is not ours
                folder.rmdir()
    line("Sfumato is gone from this user's account. This folder stays; remove it by hand if you do not need it.")
    return 0


def _agreed() -> bool:
    try:
        return input("Go on? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        raise Stop("There is nobody to ask. To remove all this without a question: uninstall --yes") from None


def _remove(path: Path) -> None:
    if path.name.startswith(daily.PREFIX):
        remove(path)
    elif path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _listening(state: Path) -> int | None:
    """The port of a backend that is running from this state folder."""
    try:
        record = json.loads((state / "server.json").read_text(encoding="utf-8"))
        host, port = str(record["host"]), int(record["port"])
        socket.create_connection((host, port), timeout=1).close()
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return port
