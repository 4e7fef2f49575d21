"""Starting and stopping the backend process. Never Krita's own Python: the installer wrote down the command.

With a remote backend nothing is started or stopped: the same buttons connect to it and leave it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from .journal import is_alive
from .remote import RemoteBackend
from .vendor.sfumato_wire.rendezvous import BACKEND_RECORD, LOGS, SERVER_RECORD

LOG = "backend-start.log"  # what it says before its own log begins
STARTED = "krita-backend.json"  # the process that a Krita started last, and which Krita that was
# Krita (an AppImage above all) sets these for itself; a Python of its own would trip over them.
NOT_INHERITED = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "LD_LIBRARY_PATH", "LD_PRELOAD", "QT_PLUGIN_PATH")


class Backend:
    """The process, ours or one that was already there. Nothing here waits for it."""

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        self._home = home
        self._remote = RemoteBackend(home)
        self._environ = {k: v for k, v in environ.items() if k not in NOT_INHERITED}
        self._process: subprocess.Popen[bytes] | None = None
        self._starting: threading.Thread | None = None
        self._error = ""
        self._met = 0

    @property
    def address(self) -> str:
        """Of a remote one; "" for the one on this computer."""
        return self._remote.address if self._remote.is_set else ""

    def command(self) -> list[str]:
        """How to start it; empty when the installer has not been run. A remote one's address stands for its own."""
        if self._remote.is_set:
            return [self._remote.address]
        try:
            command = json.loads((self._home / BACKEND_RECORD).read_text(encoding="utf-8"))["command"]
        except (OSError, ValueError, KeyError, TypeError):
            return []
        return [str(part) for part in command] if isinstance(command, list) else []

    def start(self) -> None:
        """On a thread of its own: forking a process as large as Krita takes its time."""
        if self._remote.is_set:
            self._remote.connect()
            return
        if self.is_starting_or_running():
            return
        self._error = ""
        self._process = None
        self._starting = threading.Thread(target=self._start, args=(self.command(),), daemon=True)
        self._starting.start()

    def is_starting_or_running(self) -> bool:
        """Whether a process started from here is alive, and the one that counts."""
        return not self._remote.is_set and self._is_alive()

    def _is_alive(self) -> bool:
        if self._starting is not None and self._starting.is_alive():
            return True
        return self._process is not None and self._process.poll() is None

    def failure(self) -> str:
        """Why the process that was started from here is gone: its last words; empty when it is not."""
        if self._remote.is_set:
            return ""
        if self._error or self._process is None or self._process.poll() in (None, 0):
            return self._error
        try:
            lines = (self._home / LOGS / LOG).read_text(encoding="utf-8", errors="replace")[-4000:].split("\n")
        except OSError:
            lines = []
        return next((line.strip() for line in reversed(lines) if line.strip()), f"exit {self._process.returncode}")

    def met(self, pid: int) -> None:
        """The process that let us in; 0 when it is gone."""
        self._met = pid

    def stop(self) -> bool:
        """Asks it to end: the one started from here, or the one that let us in. False when there is neither: a record
        may be stale, and what has its number now is somebody else's. A remote one is left, and goes on."""
        if self._remote.is_set:
            self._remote.disconnect()
            return True
        if self.is_starting_or_running():
            self.stop_ours()
            return True
        return self._stop_here()

    def _stop_here(self) -> bool:
        if self._met <= 1 or self._read(SERVER_RECORD).get("pid") != self._met:
            return False
        with contextlib.suppress(OSError):  # it is gone already
            os.kill(self._met, signal.SIGTERM)
        return True

    def stop_ours(self) -> None:
        """Krita ends: so does what it started, and what was left to paint on by a Krita that is gone."""
        started = self._read(STARTED)
        krita = started.get("krita")
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
        elif started.get("backend") == self._met and isinstance(krita, int):
            if krita == os.getpid() or not is_alive(krita):  # a number may come again
                self._stop_here()

    def _read(self, name: str) -> dict[str, object]:
        try:
            record = json.loads((self._home / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return record if isinstance(record, dict) else {}

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
            with contextlib.suppress(OSError):
                started = {"backend": self._process.pid, "krita": os.getpid()}
                (self._home / STARTED).write_text(json.dumps(started), encoding="utf-8")
        except OSError as error:
            self._error = f"{command[0] if command else 'the command'}: {error.strerror or error}"
