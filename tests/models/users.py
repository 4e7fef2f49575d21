"""What somebody may do who is not root: root is refused nothing, and tests often run as root."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def unprivileged() -> Iterator[Path]:
    """A folder of one's own, as a user to whom permissions apply."""
    folder = Path(tempfile.mkdtemp(prefix="sfumato-test-"))
    root = os.geteuid() == 0
    try:
        folder.chmod(0o777)
        if root:
            os.seteuid(NOBODY)
        yield folder
    finally:
        if root:
            os.seteuid(0)
        for place in folder.rglob("*"):
            if place.is_dir() and not place.is_symlink():
                place.chmod(0o700)
        shutil.rmtree(folder)
