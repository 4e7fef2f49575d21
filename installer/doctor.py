"""`doctor`: what is there, what is missing, what to do next. Changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from . import daily, debian, krita, machine
from .checks import PACKAGES
from .environment import Environment, source_digest, venv_works
from .places import CHECKOUT, WORK, data_folder, state_folder
from .say import line


@dataclass(frozen=True)
class Finding:
    """good: True, or False when something is to do. advice: the next action; empty when all is well."""

    good: bool
    text: str
    advice: str = ""


def doctor() -> int:
    """The exit code: 0 when nothing needs doing for daily use."""
    findings = [look() for look in LOOKS]
    for finding in findings:
        line(f"{'ok  ' if finding.good else 'TODO'}  {finding.text}")
    advice = list(dict.fromkeys(finding.advice for finding in findings if finding.advice))
    line()
    if not advice:
        line("All is well.")
        return 0
    line("Next:")
    for text in advice:
        line(f"  {text}")
    return 0 if all(finding.good for finding in findings) else 1


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if venv_works():
        return Finding(True, f"Python {version} with venv.")
    return Finding(False, f"Python {version} has no venv.", f"Run: {debian.by_hand(['python3-venv'])}")


def _card() -> Finding:
    if machine.has_nvidia():
        return Finding(True, "An NVIDIA graphics card answers: torch's CUDA build is installed.")
    return Finding(True, "No NVIDIA graphics card answers: torch computes on the processor.")


def _disk() -> Finding:
    free = machine.free_space(data_folder()) / machine.GIB
    return Finding(free > 2, f"{free:.1f} GiB free on the disk.", "" if free > 2 else "Free 2 GiB or more.")


def _installed() -> Finding:
    current = f"{daily.PREFIX}{source_digest()}"
    folders = daily.environments(data_folder())
    whole = [folder for folder in folders if Environment(folder, folder).is_ready]
    again = "Run: python3 -m installer install"
    if not folders:
        return Finding(False, "Sfumato is not installed for daily use.", again)
    if not whole:
        return Finding(False, "An installation began and did not end.", again)
    if current not in [folder.name for folder in whole]:
        return Finding(False, f"{whole[-1]} is installed from other code than this checkout's.", f"{again} (an update)")
    return Finding(True, f"The backend is in {data_folder() / current}.")


def _record() -> Finding:
    if (python := krita.known_backend()) is not None:
        return Finding(True, f"Krita will start {python}.")
    return Finding(
        False, f"{krita.backend_record()} names no backend that exists.", "Run: python3 -m installer install"
    )


def _krita() -> Finding:
    if not krita.is_here():
        return Finding(False, "Krita was not found.", "Install Krita 5.1 or newer, from krita.org or your system.")
    if not krita.plugin_files():
        return Finding(False, "Krita is here, the plugin is not in it.", "Run: python3 -m installer install")
    return Finding(True, f"Krita is here, and so is the plugin. {krita.OPEN_THE_DOCKER}")


def _demo() -> Finding:
    ready = Environment(WORK / "venv", WORK).is_ready
    return Finding(
        True, f"The environment of demo and test is {'ready' if ready else 'not made yet'} ({WORK / 'venv'})."
    )


def _tests() -> Finding:
    if missing := debian.missing(PACKAGES):
        return Finding(True, f"For the tests in real Krita are missing: {', '.join(missing)} (`test` gets them).")
    return Finding(True, "All that the tests in real Krita need is here.")


def _state() -> Finding:
    return Finding(True, f"State, logs and waiting results are in {state_folder()}; this checkout is {CHECKOUT}.")


LOOKS: tuple[Callable[[], Finding], ...] = (
    _python,
    _card,
    _disk,
    _installed,
    _record,
    _krita,
    _demo,
    _tests,
    _state,
)
