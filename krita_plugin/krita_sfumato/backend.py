"""Starting and stopping the backend process. Never Krita's own Python: the installer wrote down the command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from .vendor.sfumato_wire.rendezvous import BACKEND_RECORD, LOGS, SERVER_RECORD

LOG = "backend-start.log"  # what it says before its own log begins
# Krita (an AppImage above all) sets these for itself; a Python of its own would trip over them.
NOT_INHERITED = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "LD_LIBRARY_PATH", "LD_PRELOAD", "QT_PLUGIN_PATH")


class Backend:
    """The process, ours or one that was already there. Nothing here waits for it."""

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        self._home = home
        self._environ = {k: v for k, v in environ.items() if k not in NOT_INHERITED}
        self._process: subprocess.Popen[bytes] | None = None
        self._starting: threading.Thread | None = None
        self._error = ""

    def command(self) -> list[str]:
        """How to start it; empty when the installer has not been run."""
        try:
            command = json.loads((self._home / BACKEND_RECORD).read_text(encoding="utf-8"))["command"]
        except (OSError, ValueError, KeyError, TypeError):
            return []
        return [str(part) for part in command] if isinstance(command, list) else []

    def start(self) -> None:
        """On a thread of its own: forking a process as large as Krita takes its time."""
        if self.is_starting_or_running():
            return
        self._error = ""
        self._process = None
        self._starting = threading.Thread(target=self._start, args=(self.command(),), daemon=True)
        self._starting.start()

    def is_starting_or_running(self) -> bool:
        """Whether a process started from here is alive."""
        if self._starting is not None and self._starting.is_alive():
            return True
        return self._process is not None and self._process.poll() is None

    def failure(self) -> str:
        """Why the process that was started from here is gone: its last words; empty when it is not."""
        if self._error or self._process is None or self._process.poll() in (None, 0):
            return self._error
        try:
            lines = (self._home / LOGS / LOG).read_text(encoding="utf-8", errors="replace")[-4000:].split("\n")
        except OSError:
            lines = []
        return next((line.strip() for line in reversed(lines) if line.strip()), f"exit {self._process.returncode}")

    def stop(self) -> None:
        """Asks it to end: ours, or the one that `server.json` names."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            return
        try:
            pid = int(json.loads((self._home / SERVER_RECORD).read_text(encoding="utf-8"))["pid"])
            if pid > 1:
                os.kill(pid, signal.SIGTERM)
        except (OSError, ValueError, KeyError, TypeError):
            pass  # it is gone already

    def stop_ours(self) -> None:
        """Krita ends: so does what it started."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def _start(self, command: list[str]) -> None:
        try:
            logs = self._home / LOGS
            logs.mkdir(parents=True, exist_ok=True)
            with (logs / LOG).open("wb") as log:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self._home,
                    env=self._environ,
                    start_new_session=os.name == "posix",
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                )
        except OSError as error:
            self._error = f"{command[0] if command else 'the command'}: {error.strerror or error}"
