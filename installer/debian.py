"""Debian packages: which are missing, and getting them where that is allowed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .errors import Stop
from .run import run
from .say import Task

_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive"}
_OPTIONS = ("-o", "DPkg::Lock::Timeout=300")  # another program may be installing something right now


def missing(packages: Sequence[str]) -> list[str]:
    """Those that are not installed; all of them where there is no dpkg."""
    if (tool := shutil.which("dpkg-query")) is None:
        return list(packages)
    query = [tool, "-W", "-f", "${Package} ${db:Status-Status}\n", *packages]
    said = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    present = {line.split()[0] for line in said.splitlines() if line.endswith(" installed")}
    return [package for package in packages if package not in present]


def by_hand(packages: Sequence[str]) -> str:
    """The one command a person would type."""
    return f"sudo apt-get install --no-install-recommends {' '.join(packages)}"


def cannot() -> str | None:
    """Why packages cannot be installed from here, or None when they can."""
    if shutil.which("apt-get") is None:
        return "this system has no apt-get"
    if _privilege() is None:
        return "this user is not root and may not use sudo without a password"
    return None


def install(packages: Sequence[str], log: Path) -> None:
    """Installs them. Raises Stop with the command to type when that is not allowed or fails."""
    if (reason := cannot()) is not None:
        raise Stop(f"These Debian packages are missing, and {reason}. Run this, then the same command again: "
                   f"{by_hand(packages)}")  # fmt: skip
    apt = [*(_privilege() or []), "apt-get", *_OPTIONS]
    with Task(f"Getting Debian packages ({', '.join(packages)})") as task:
        run([*apt, "update"], task=task, log=log, what="apt-get update", env=_ENVIRONMENT)
        wanted = ["install", "-y", "--no-install-recommends", *packages]
        run([*apt, *wanted], task=task, log=log, what="apt-get install", env=_ENVIRONMENT)


def _privilege() -> list[str] | None:
    """What to put before apt-get: nothing for root, sudo where it needs no password, None where it may not."""
    if os.name != "posix":
        return None
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    asked = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    # sudo drops the environment, so what apt must know is said again behind it.
    return ["sudo", "-n", *(f"{k}={v}" for k, v in _ENVIRONMENT.items())] if asked.returncode == 0 else None
