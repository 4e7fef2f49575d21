"""The plugin as it is shipped, with the wire beside it, importable without Krita."""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from pathlib import Path

from krita.harness import installer

_folder = Path(tempfile.mkdtemp(prefix="sfumato-plugin-"))
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
installer().install_plugin(_folder, _folder)
sys.path.insert(0, str(_folder / "pykrita"))
