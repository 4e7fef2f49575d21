"""What this machine has: a graphics card for torch, room on the disk."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from .errors import Stop

GIB = 1024**3


def has_nvidia() -> bool:
    """Whether the NVIDIA driver answers and knows a card."""
    if (tool := shutil.which("nvidia-smi")) is None:
        return False
    try:
        listed = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and "GPU" in listed.stdout


def wants_cpu_torch() -> bool:
    """On Linux the default torch carries gigabytes of CUDA; elsewhere the default build is the right one."""
    return sys.platform == "linux" and not has_nvidia()


def free_space(folder: Path) -> int:
    """Bytes free where `folder` is or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def require_space(folder: Path, needed: int) -> None:
    """Raises Stop with both numbers when the disk has not enough room."""
    if (free := free_space(folder)) < needed:
        raise Stop(
            f"{folder} needs {needed / GIB:.1f} GiB of disk, and {free / GIB:.1f} GiB are free there. "
            "Free some space and run the same command again."
        )
