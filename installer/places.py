"""Where things are. Paths only; nothing is made or opened here."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
INSTALLER = CHECKOUT / "installer"
WORK = CHECKOUT / ".sfumato"  # what demo and test make; git ignores it
DEMO = CHECKOUT / "sfumato-demo"
DIST = CHECKOUT / "dist"
LOCK = INSTALLER / "lock.txt"
TEST_LOCK = INSTALLER / "lock-test.txt"


def state_folder() -> Path:
    """Where plugin, backend and installer find each other's files; the wire decides, so that all agree."""
    sys.path.insert(0, str(CHECKOUT / "shared"))
    try:
        from sfumato_wire.rendezvous import state_folder as shared_rule
    finally:
        sys.path.pop(0)
    return Path(shared_rule(os.environ, sys.platform, str(Path.home())))


def data_folder() -> Path:
    """Where `install` keeps what it makes for this user."""
    if override := os.environ.get("SFUMATO_DATA"):
        return Path(override)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "Sfumato" / "environments"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Sfumato" / "environments"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "sfumato"


def python_in(environment: Path) -> Path:
    """The Python of a virtual environment."""
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
