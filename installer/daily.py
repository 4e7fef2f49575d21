"""`install`: Sfumato for daily use by one user.

Every version has an environment of its own. What Krita starts is named in backend.json, which is replaced in one step
once the new environment is complete: after a power cut the old version starts, or the new one, never half of one.
"""

from __future__ import annotations

from pathlib import Path

from . import krita
from .environment import Environment, remove, source_digest
from .places import data_folder
from .say import Task, line

PREFIX = "environment-"


def install() -> int:
    """Raises Stop."""
    data = data_folder()
    source = source_digest()
    environment = Environment(data / f"{PREFIX}{source}", data / "logs" / "install.log", source=source)
    environment.make()
    krita.install_plugin()
    krita.tell_backend(environment.python)
    for old in environments(data):
        if old != environment.folder:
            with Task(f"Removing the version before ({old.name})"):
                remove(old)
    line(f"\nThe backend is in {environment.folder}; the plugin is where Krita looks for it.")
    if not krita.is_here():
        line("No Krita was found on this machine. Install Krita 5.1 or newer: it will find the plugin.")
    line(krita.OPEN_THE_DOCKER)
    line(f"On the command line: {environment.python} -m sfumato --help")
    return 0


def environments(data: Path) -> list[Path]:
    """Every version's environment, whole or not."""
    return sorted(data.glob(f"{PREFIX}*"))
