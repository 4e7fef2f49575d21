"""Starts a backend of its own, waits until it listens, and ends it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from .errors import Stop
from .say import Task

PATIENCE = 60.0  # seconds until it must listen; the model is loaded later
FAREWELL = 10.0  # seconds it may take to end


@contextlib.contextmanager
def running(python: Path, state: Path, log: Path) -> Iterator[float]:
    """A backend with its files in `state`, listening; gives the seconds until it did. Raises Stop."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    record = state / "server.json"
    record.unlink(missing_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "SFUMATO_HOME": str(state), "HF_HUB_OFFLINE": "1"}
    with log.open("ab") as file:
        command = [str(python), "-m", "sfumato", "serve", "--port", "0"]
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        try:
            start = time.monotonic()
            with Task("Starting the backend"):
                _wait_for(record, process, log)
            yield time.monotonic() - start
        finally:
            process.terminate()
            try:
                process.wait(FAREWELL)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(record: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if process.poll() is not None:
            raise Stop(f"The backend ended at once: {_last_words(log)} All that it said is in {log}.")
        with contextlib.suppress(OSError, ValueError):
            json.loads(record.read_text(encoding="utf-8"))["port"]
            return
        time.sleep(0.05)
    raise Stop(f"The backend did not listen within {PATIENCE:.0f} s. What it said is in {log}.")


def _last_words(log: Path) -> str:
    said = log.read_text(encoding="utf-8", errors="replace").split("\n")
    last = next((text.strip() for text in reversed(said) if text.strip()), "it said nothing")
    return f"{last.removesuffix('.')}."
