"""Which edits this Krita waits for, on disk: should it die, the next one asks the backend for them."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PREFIX = "krita-"
SUFFIX = ".jobs.json"


@dataclass(frozen=True)
class Entry:
    """What is to be known of a job whose request is gone."""

    prompt: str
    task: str = "edit"


class Journal:
    """One small file per Krita in the state folder. Losing it loses no picture, so errors are passed over."""

    def __init__(self, home: Path, pid: int) -> None:
        self._home = home
        self._file = home / f"{PREFIX}{pid}{SUFFIX}"
        self._written: dict[str, Entry] = {}

    def write(self, jobs: Mapping[str, Entry]) -> None:
        """jobs: by the backend's name of the job."""
        if dict(jobs) == self._written:
            return
        self._written = dict(jobs)
        with contextlib.suppress(OSError):
            if jobs:
                fresh = self._file.with_suffix(".new")
                lines = {job: asdict(entry) for job, entry in jobs.items()}
                fresh.write_text(json.dumps(lines), encoding="utf-8")
                fresh.replace(self._file)
            else:
                self._file.unlink(missing_ok=True)

    def take_over(self) -> dict[str, Entry]:
        """The jobs of Kritas that are gone; from now on they are ours."""
        jobs: dict[str, Entry] = {}
        for file in self._home.glob(f"{PREFIX}*{SUFFIX}"):
            pid = file.name[len(PREFIX) : -len(SUFFIX)]
            if file == self._file or not pid.isdigit() or not is_alive(int(pid)):
                jobs |= _read(file)
                with contextlib.suppress(OSError):
                    file.unlink()
        self.write(jobs)
        return jobs


def _read(file: Path) -> dict[str, Entry]:
    """What of it can be read."""
    jobs = {}
    with contextlib.suppress(OSError, ValueError, AttributeError, RecursionError):
        for job, said in json.loads(file.read_text(encoding="utf-8")).items():
            with contextlib.suppress(KeyError, TypeError):
                jobs[job] = _entry(said)
    return jobs


def _entry(said: Any) -> Entry:
    """Version 0.1.0 wrote the prompt alone; what a later one calls otherwise comes back as a layer all the same."""
    if isinstance(said, str):
        return Entry(said)
    return Entry(str(said["prompt"]), "map" if said["task"] == "map" else "edit")


def is_alive(pid: int) -> bool:
    """Whether there is such a process; when in doubt, yes."""
    if sys.platform == "win32":  # os.kill would send it a signal there
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, pid)
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
