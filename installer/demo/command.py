"""`python3 -m installer demo`: environment, plugin where there is a Krita, backend, the main job, a page to look at."""

from __future__ import annotations

import json
import subprocess
import time

from installer import backend, krita
from installer.environment import Environment
from installer.places import CHECKOUT, DEMO, WORK
from installer.say import line


def demo() -> int:
    """The exit code: 0 when every pixel that the map left black is untouched. Raises Stop."""
    start = time.monotonic()
    seconds: dict[str, float] = {}
    environment = Environment(WORK / "venv", WORK / "logs" / "environment.log")
    environment.make()
    seconds["environment"] = time.monotonic() - start
    if krita.is_here():
        krita.install_plugin()
        if krita.known_backend() is None:
            krita.tell_backend(environment.python)
        line(f"The plugin is in your Krita. {krita.OPEN_THE_DOCKER}")
    state = WORK / "demo"  # its own, so that it never meets a backend that Krita started
    log = WORK / "logs" / "backend.log"
    with backend.running(environment.python, state, log) as waited:
        seconds["backend listens"] = waited
        job = [environment.python, "-m", "installer.demo.job", state, DEMO, log, json.dumps(seconds)]
        return subprocess.run([str(part) for part in job], cwd=CHECKOUT, check=False).returncode
