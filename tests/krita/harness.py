"""Starts a real Krita on a virtual display, with folders of its own, and runs a scenario inside it."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]


def missing() -> str:
    """Why these tests cannot run here; empty when they can."""
    for program in ("krita", "Xvfb"):
        if shutil.which(program) is None:
            return f"{program} is not installed (Debian: apt install krita xvfb)"
    return ""


def installer() -> Any:
    """`installer/plugin.py`, by its path: tests have a folder of the same name."""
    spec = importlib.util.spec_from_file_location("sfumato_plugin_installer", REPOSITORY / "installer" / "plugin.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Report:
    """What a scenario wrote down."""

    results: dict[str, Any]
    failures: list[str]
    error: str | None
    log: str = field(repr=False)
    folder: Path = Path()


class Display:
    """An Xvfb with a display number of its own."""

    def __init__(self, size: str = "1600x1000x24", extra: tuple[str, ...] = ()) -> None:
        for _ in range(10):
            # A number of our own choice: servers that come and go at :0 take each other's socket away.
            self.name = f":{random.randrange(200, 9000)}"
            read, write = os.pipe()
            command = ["Xvfb", self.name, "-displayfd", str(write), "-screen", "0", size, "-noreset", *extra]
            self.process = subprocess.Popen(command, pass_fds=(write,), stderr=subprocess.DEVNULL)
            os.close(write)
            with os.fdopen(read) as stream:
                if stream.readline().strip():
                    return
            self.process.wait(10)
        raise RuntimeError("Xvfb did not start.")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


class Backend:
    """`sfumato serve` outside of Krita, which finds it by the state folder."""

    def __init__(self, python: str, environment: Mapping[str, str], state: Path) -> None:
        self.process = subprocess.Popen(
            [python, "-m", "sfumato", "serve", "--port", "0"],
            env={**environment, "SFUMATO_HOME": str(state)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


class Krita:
    """One isolated Krita home. `run` may be called more than once: later starts are faster."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.state = home / "sfumato"
        self.resources = home / "data" / "krita"
        self.config = home / "config"
        for folder in (self.resources, self.config, home / "run", home / "cache"):
            folder.mkdir(parents=True, exist_ok=True)
        (home / "run").chmod(0o700)

    def environment(self) -> dict[str, str]:
        return {
            # Krita embeds the system's Python; a pyenv or venv in front of it would hide PyQt from it.
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(self.home),
            "XDG_DATA_HOME": str(self.home / "data"),
            "XDG_CONFIG_HOME": str(self.config),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "XDG_STATE_HOME": str(self.home / "state"),
            "XDG_RUNTIME_DIR": str(self.home / "run"),
            "SFUMATO_HOME": str(self.state),
            "LANG": "C.UTF-8",
            "QT_LOGGING_RULES": "*.debug=false",
            "PYTHONFAULTHANDLER": "1",
        }

    def install(self, plugin: bool = True) -> None:
        """The plugin as a painter would get it, and the test driver."""
        if plugin:
            installer().install_plugin(self.resources, self.config)
        target = self.resources / "pykrita"
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / "driver" / "sfumato_driver.desktop", target)
        shutil.copytree(HERE / "driver" / "sfumato_driver", target / "sfumato_driver", dirs_exist_ok=True)
        rc = self.config / "kritarc"
        text = rc.read_text(encoding="utf-8") if rc.exists() else ""
        if "[python]" not in text:
            text += "[python]\n"
        if "enable_sfumato_driver" not in text:
            text = text.replace("[python]\n", "[python]\nenable_sfumato_driver=true\n", 1)
        rc.write_text(text, encoding="utf-8")

    def starts_backend(self, python: str) -> None:
        """What the installer writes down: the docker can start the backend."""
        self.state.mkdir(mode=0o700, exist_ok=True)
        # The docker hands on no PYTHONPATH, and the backend is to be the one that the tests see.
        path = os.environ.get("PYTHONPATH")
        seen = ["/usr/bin/env", f"PYTHONPATH={path}"] if path else []
        command = {"command": [*seen, python, "-m", "sfumato", "serve", "--port", "0"]}
        (self.state / "backend.json").write_text(json.dumps(command), encoding="utf-8")

    def _stop_backend(self) -> None:
        """One that the docker started outlives a Krita that ends as abruptly as ours."""
        try:
            pid = int(json.loads((self.state / "server.json").read_text(encoding="utf-8"))["pid"])
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except (OSError, ValueError, KeyError):
            return
        if f"SFUMATO_HOME={self.state}".encode() in environment.split(b"\0"):
            os.kill(pid, signal.SIGTERM)

    def run(
        self,
        scenario: Path,
        out: Path,
        timeout: float = 240.0,
        extra: Mapping[str, str] | None = None,
        root: Path | None = None,
        keep_backend: bool = False,
    ) -> Report:
        """Start Krita, run the scenario, return its report. root: a whole other system that Krita is in (chroot); this
        home and the scenarios must be there at the same paths."""
        out.mkdir(parents=True, exist_ok=True)
        (out / "report.json").unlink(missing_ok=True)
        display = Display(extra=("-listen", "tcp", "-ac") if root else ())
        command = (*(("chroot", str(root)) if root else ()), "krita", "--nosplash")
        environment = self.environment() | {
            "DISPLAY": f"127.0.0.1{display.name}" if root else display.name,
            "SFUMATO_SCENARIO": str(scenario.resolve()),
            "SFUMATO_SCENARIO_OUT": str(out.resolve()),
            "SFUMATO_SCENARIO_T0": str(time.monotonic()),
            **(extra or {}),
        }
        log = out / "krita.log"
        try:
            with log.open("wb") as stream:
                process = subprocess.Popen(
                    command, env=environment, stdout=stream, stderr=stream, cwd=self.home, start_new_session=True
                )
                try:
                    process.wait(timeout)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        finally:
            display.stop()
            if not keep_backend:
                self._stop_backend()
        text = log.read_text(encoding="utf-8", errors="replace")
        report = out / "report.json"
        if not report.exists():
            return Report(
                {}, [], f"Krita ended without a report (exit {process.returncode}):\n{text[-4000:]}", text, out
            )
        return Report(**json.loads(report.read_text(encoding="utf-8")), log=text, folder=out)
