"""Runs another program: its output into a log file, its last words into the live line, its failure into a sentence."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import Stop
from .say import Task

NO_SPACE = "No space left on device"


class Failed(Stop):
    """The program ended with an error. output: what it said."""

    def __init__(self, sentence: str, output: str) -> None:
        super().__init__(sentence)
        self.output = output


def run(
    command: Sequence[object],
    *,
    task: Task,
    log: Path,
    what: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> str:
    """What the program said. Raises Failed; Ctrl-C ends the program too."""
    log.parent.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    with log.open("a", encoding="utf-8") as file:
        file.write(f"\n$ {' '.join(str(part) for part in command)}\n")
        try:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env={**os.environ, **(env or {})},
                cwd=cwd,
            )
        except OSError as error:
            raise Failed(f"{what} could not be started: {error}.", "") from None
        assert process.stdout is not None
        with process.stdout:
            try:
                for text in process.stdout:
                    file.write(text)
                    lines.append(text)
                    if text.strip() and not text.startswith("WARNING"):
                        task.note(_short(text))
                code = process.wait()
            except BaseException:
                process.terminate()
                process.wait()
                raise
    output = "".join(lines)
    if code == 0:
        return output
    if NO_SPACE in output:
        raise Failed(f"{what} failed: the disk is full. Free some space and run the same command again.", output)
    raise Failed(f"{what} failed: {_reason(lines, code)} The whole output is in {log}.", output)


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 70 else f"{words[:67]}..."


def _reason(lines: list[str], code: int) -> str:
    """The line a person would look for: the last that speaks of an error, else the last of all."""
    said = [text.strip() for text in lines if text.strip()]
    errors = [text for text in said if text.lower().startswith(("error", "e:", "fatal"))]
    reason = (errors or said or [f"it ended with code {code}"])[-1]
    return reason if reason.endswith(".") else f"{reason}."
