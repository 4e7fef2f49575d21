"""`python3 -m installer test`: everything that must be right, in one run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess

from . import debian
from .environment import Environment
from .errors import Stop
from .places import CHECKOUT, WORK
from .say import Task, line

CHECKS = ("ruff check .", "ruff format --check .", "mypy", "mypy -p installer")
PROGRAMS = ("krita", "Xvfb")
# Krita only recommends what its Python plugins need, so it is named here.
PACKAGES = ("krita", "python3-pyqt5", "xvfb")


def test(arguments: list[str]) -> int:
    """The exit code: 0 when everything is right. Raises Stop."""
    environment = Environment(WORK / "venv", WORK / "logs" / "environment.log")
    environment.make(tests=True)
    get_krita()
    bad = []
    python = str(environment.python)
    for command in CHECKS:
        with Task(command):
            words = [python, "-m", *command.split()]
            checked = subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, check=False)
        if checked.returncode:
            line(checked.stdout + checked.stderr)
            bad.append(command)
    if bad:
        line(f"\nNot right yet: {', '.join(bad)}. The tests run all the same.")
    # A job in the background ignores Ctrl-C, and so would every program that the tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    line(f"\n$ pytest {' '.join(arguments)}".rstrip())
    # No test may reach for weights on the network, and none may meet the user's own backend.
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "SFUMATO_HOME": str(WORK / "test-home")}
    pytest = [python, "-m", "pytest", "--durations=12", "--durations-min=2", *arguments]
    code = subprocess.run(pytest, cwd=CHECKOUT, env=env, check=False).returncode
    return code or bool(bad)


def get_krita() -> None:
    """Krita and a screen for it. Where they cannot be had the tests in Krita are skipped; this says why."""
    if shutil.which("dpkg-query") is None:
        if wanted := [program for program in PROGRAMS if shutil.which(program) is None]:
            line(f"The tests in real Krita cannot run: {', '.join(wanted)} not found. Install them by hand.")
    elif wanted := debian.missing(PACKAGES):
        try:
            debian.install(wanted, WORK / "logs" / "debian.log")
        except Stop as error:
            line(f"The tests in real Krita cannot run: {error}")
