"""Makes the Python environment, completely or not at all.

`environment.json` inside it says which stages are done, for which lock. A stage that began and did not end (a kill, a
power cut, a full disk) leaves its name under "unfinished", and the environment is then made anew: half of a package
cannot be told from a whole one. Everything is a no-op when nothing changed, so a second run takes no time.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from . import debian, lock, machine
from .errors import Stop
from .places import CHECKOUT, LOCK, TEST_LOCK, python_in
from .run import Failed, run
from .say import Task, line

MARKER = "environment.json"
SPACE_CPU = int(2.0 * machine.GIB)  # measured: 1.4 GiB, and room to unpack
SPACE_CUDA = int(9.0 * machine.GIB)  # torch's CUDA libraries alone are more than 4 GiB
TORCH_INDEX = "SFUMATO_TORCH_INDEX"


class Environment:
    """One virtual environment in one folder.

    source: the digest of the code that is copied in (`source_digest`); None uses the code where it stands.
    """

    def __init__(self, folder: Path, log: Path, *, source: str | None = None) -> None:
        self.folder = folder
        self.log = log
        self.source = source

    @property
    def python(self) -> Path:
        return python_in(self.folder)

    def make(self, *, tests: bool = False) -> None:
        """Brings it to what the lock says. Raises Stop."""
        with only_one(self.folder.parent / "installer.lock"):
            cpu = machine.wants_cpu_torch()
            index = os.environ.get(TORCH_INDEX)
            # It outlives security updates of its Python (so no patch version), but not a folder that was moved.
            machine_facts = (sys.version_info[:2], sys.base_prefix, str(self.folder), cpu, index)
            packages = _fingerprint(LOCK.read_bytes(), *machine_facts)
            if not self._is_whole(packages):
                machine.require_space(self.folder, SPACE_CPU if cpu else SPACE_CUDA)
                remove(self.folder)
                self._stage("packages", packages, lambda: self._packages(cpu))
            project = _fingerprint((CHECKOUT / "pyproject.toml").read_bytes(), self.source)
            if not self.has("project", project):
                self._stage("project", project, self._project)
            tools = _fingerprint(TEST_LOCK.read_bytes())
            if tests and not self.has("tests", tools):
                self._stage("tests", tools, self._tests)

    def has(self, stage: str, fingerprint: str) -> bool:
        return self._marker().get(stage) == fingerprint

    @property
    def is_ready(self) -> bool:
        """Whether it can be used, though perhaps for an older lock."""
        marker = self._marker()
        return "project" in marker and "unfinished" not in marker and self.python.exists()

    def _is_whole(self, packages: str) -> bool:
        return self.has("packages", packages) and "unfinished" not in self._marker() and self.python.exists()

    def _stage(self, name: str, fingerprint: str, work: Callable[[], None]) -> None:
        self._mark({**self._marker(), "unfinished": name})
        work()
        marker = self._marker()
        del marker["unfinished"]
        self._mark({**marker, name: fingerprint})

    def _marker(self) -> dict[str, str]:
        try:
            return dict(json.loads((self.folder / MARKER).read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return {}

    def _mark(self, marker: dict[str, str]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / MARKER, json.dumps(marker, indent=1))

    def _packages(self, cpu: bool) -> None:
        require_venv(self.log)
        with Task("Making the Python environment") as task:
            make = [sys.executable, "-m", "venv", self.folder]
            run(make, task=task, log=self.log, what="Making the Python environment", cwd=CHECKOUT)
        with Task("Installing the pinned packages") as task:
            self._pinned(task, LOCK)
        with Task("Installing torch") as task:
            self._torch(task, cpu)

    def _torch(self, task: Task, cpu: bool) -> None:
        version = lock.torch_version(LOCK)
        index = os.environ.get(TORCH_INDEX)
        if index:
            self._pip(task, "--extra-index-url", index, f"torch=={version}")
            return
        if cpu:
            try:
                self._pip(task, "--no-deps", f"torch=={version}+cpu")
                return
            except Failed as error:
                offline = "from versions: none" in error.output
                if offline or "No matching distribution" not in error.output:
                    raise
            line(f"pip knows no CPU build of torch here, so the default build with its CUDA libraries is installed "
                 f"(several GB). {TORCH_INDEX} can name a smaller one; README.md says how.")  # fmt: skip
            machine.require_space(self.folder, SPACE_CUDA)
        # The digests in the lock are those of the default build, so no other one can slip in.
        self._pip(task, "--no-deps", "--require-hashes", "-r", LOCK)

    def _project(self) -> None:
        with Task("Installing Sfumato") as task:
            self._pip(task, "--no-deps", "--no-build-isolation", *(["-e"] if self.source is None else []), CHECKOUT)
        self._try_out()

    def _try_out(self) -> None:
        """The first import compiles what is used, here and not when a painter waits, and shows that all of it works."""
        with Task("Trying it for the first time") as task:
            command = [self.python, "-c", "from sfumato.studio import Studio"]
            run(command, task=task, log=self.log, what="The first start", env={"PYTHONDONTWRITEBYTECODE": ""})

    def _tests(self) -> None:
        with Task("Installing the test tools") as task:
            self._pinned(task, TEST_LOCK)

    def _pinned(self, task: Task, path: Path) -> None:
        """Everything in a lock but torch, whose build depends on the machine."""
        chosen = self.folder / path.name
        chosen.write_text(lock.without_torch(path), encoding="utf-8")
        self._pip(task, "--no-deps", "--require-hashes", "-r", chosen)

    def _pip(self, task: Task, *arguments: str | Path) -> None:
        # Compiling all of torch ahead takes ten times as long as compiling what is used: `_try_out` does that.
        quiet = ("--no-compile", "--disable-pip-version-check", "--no-input", "--progress-bar", "off")
        env = {"PIP_ROOT_USER_ACTION": "ignore"}
        command = [self.python, "-m", "pip", "install", *quiet, *arguments]
        run(command, task=task, log=self.log, what="pip", env=env, cwd=CHECKOUT)


def require_venv(log: Path) -> None:
    """Debian has Python without venv: gets it where that is allowed, else says the one command. Raises Stop."""
    if venv_works():
        return
    package = "python3-venv"
    if shutil.which("apt-get") is None:
        raise Stop("This Python has no venv and ensurepip modules. Install a complete Python 3.11 or newer.")
    debian.install([package], log)
    importlib.invalidate_caches()
    if not venv_works():
        version = ".".join(map(str, sys.version_info[:2]))
        raise Stop(f"Python's venv module is still missing. Run this, then the same command again: "
                   f"sudo apt-get install python{version}-venv")  # fmt: skip


def venv_works() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("venv", "ensurepip"))


def source_digest() -> str:
    """Names the code of this checkout: the same code gives the same text."""
    digest = hashlib.sha256()
    for top in (CHECKOUT / "backend", CHECKOUT / "shared"):
        for path in sorted(top.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(f"{path.relative_to(CHECKOUT)}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def remove(folder: Path) -> None:
    """Removes an environment; the marker goes first, so that a half-removed one is never taken for whole."""
    (folder / MARKER).unlink(missing_ok=True)
    if folder.exists():
        shutil.rmtree(folder)


def write_whole(path: Path, text: str) -> None:
    """The old text or the new one, never half of it, whatever happens meanwhile."""
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


@contextlib.contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Two installers never work on one environment: the second waits and says so."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with Task("Waiting for another installer to end"):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fingerprint(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
