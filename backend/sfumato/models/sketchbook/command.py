"""What the commands of this folder have in common: whatever goes wrong is one sentence, as with ``sfumato``."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from sfumato.errors import InputError, SfumatoError


def answer(work: Callable[[], None]) -> int:
    """Do it. Exit code: 0 done, 1 failed, 2 bad input, 130 interrupted."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # its hints are for programmers
    try:
        work()
    except SfumatoError as error:
        print(f"sfumato: {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    except OSError as error:
        what, reason = error.filename or "A file", error.strerror or error
        print(f"sfumato: {what} cannot be used ({reason}). See to it, and start again.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("sfumato: Interrupted.", file=sys.stderr)
        return 130
    return 0


def writable(folder: Path, option: str) -> None:
    """Make the folder that an option names. Raises InputError if nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        sentence = f"{option} {folder} cannot be written to ({error.strerror}). Name another folder."
        raise InputError("unwritable", sentence) from None
