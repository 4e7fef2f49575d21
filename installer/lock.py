"""The lock: every package, its exact version and the digests of its files, in pip's own format."""

from __future__ import annotations

import re
from pathlib import Path

from .errors import Stop

# torch and what only its CUDA build needs; which build is wanted depends on the machine.
_TORCH_FAMILY = re.compile(r"(torch|triton|nvidia-[\w-]+|cuda-[\w-]+)==")
_PIN = re.compile(r"([A-Za-z0-9][\w.-]*)==([^\s;]+)")


def entries(path: Path) -> list[str]:
    """One text per package: its line with the lines of digests that follow."""
    found: list[list[str]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(" ") and found:
            found[-1].append(line)
        elif line and not line.startswith("#"):
            found.append([line])
    return ["\n".join(lines) for lines in found]


def pins(path: Path) -> list[tuple[str, str]]:
    """(name, version) of every entry. A name can stand twice, for two ranges of Python."""
    found = []
    for entry in entries(path):
        if (match := _PIN.match(entry)) is None:
            raise Stop(f"{path} has an entry without an exact version: {entry.splitlines()[0]}")
        found.append((match[1], match[2]))
    return found


def without_torch(path: Path) -> str:
    """The lock less torch and the libraries that only torch's CUDA build needs."""
    return "".join(f"{entry}\n" for entry in entries(path) if not _TORCH_FAMILY.match(entry))


def torch_version(path: Path) -> str:
    return next(version for name, version in pins(path) if name == "torch")
