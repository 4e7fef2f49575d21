"""What a training run needs: to be kept, to go on where it ended, and to say how it goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from sfumato.errors import InputError, SfumatoError

from .parallel import rank, wait

SAY_EVERY, SAVE_EVERY = 60.0, 240.0  # seconds


class Part(Protocol):
    """A network or an optimiser."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: Any) -> Any: ...


class TrainingRun:
    """``file`` holds the parts and how many of ``steps`` are done; a file that is there is gone on from.

    fixed: what it rests on. measure: what is measured of the parts whenever they are kept. Raises InputError if the
    file rests on something else.
    """

    def __init__(
        self,
        file: Path,
        steps: int,
        parts: Mapping[str, Part],
        device: torch.device,
        fixed: Mapping[str, Any],
        measure: Callable[[], dict[str, torch.Tensor]] = dict,
    ) -> None:
        self.file, self.steps, self.parts, self.fixed, self.measure = file, steps, parts, dict(fixed), measure
        self.step = 0
        if self.file.exists():
            state = read(self.file, device)
            check(self.file, state, self.fixed)
            for name, part in parts.items():
                fill(part, state, name, file)
            self.step = state["step"]
            if rank() == 0:
                print(f"{file.stem} has {self.step} of {self.steps} steps already", flush=True)
        self._begun = self.step
        self._losses: dict[int, list[float]] = {}
        self._said = self._saved = time.monotonic()

    @property
    def goes_on(self) -> bool:
        return self.step < self.steps

    def done(self, loss: float, cells: int) -> None:
        """A step at latents (or pictures) of so many cells is done."""
        self.step += 1
        self._losses.setdefault(cells, []).append(loss)
        if rank() != 0:
            return
        now = time.monotonic()
        if now - self._said > SAY_EVERY:
            means = ", ".join(f"{np.mean(values):.4f} at {cells}" for cells, values in sorted(self._losses.items()))
            print(f"{self.file.stem} step {self.step} of {self.steps}: loss by cells {means}", flush=True)
            self._losses, self._said = {}, now
        if now - self._saved > SAVE_EVERY:
            self.save()
            self._saved = now

    def save(self) -> None:
        state = {name: part.state_dict() for name, part in self.parts.items()}
        keep(self.file, state | self.measure() | {"step": self.step, "fixed": self.fixed})

    def finish(self) -> None:
        """Every process has made its last step. What was finished before stays as it is, as others rest on it."""
        if rank() == 0 and self.step > self._begun:
            self.save()
        wait()


def read(file: Path, device: torch.device | None = None) -> dict[str, Any]:
    """A checkpoint; without a device its tensors stay in the file until they are used. Raises InputError."""
    try:
        return dict(torch.load(file, map_location=device or "cpu", weights_only=True, mmap=device is None))
    except FileNotFoundError:
        raise InputError("no_checkpoint", f"There is no {file}. {command_for(file)}") from None
    except Exception:  # torch lets pickle's own errors through, and pickle is imported nowhere here
        sentence = f"{file} cannot be read as a checkpoint. Delete it to train it anew, or take another --out."
        raise InputError("unreadable", sentence) from None


def fill(part: Part, state: Mapping[str, Any], name: str, file: Path) -> None:
    """What `file` holds under `name`, into a part. Raises InputError where it is of another shape."""
    try:
        part.load_state_dict(state[name])
    except (KeyError, RuntimeError, ValueError):
        sentence = f"{file} holds other networks than this version trains. Delete it to train it anew, or take another"
        raise InputError("other_networks", f"{sentence} --out.") from None


def check(file: Path, state: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises InputError if the checkpoint ``state`` from ``file`` rests on something else than ``now``."""
    was, differs = state.get("fixed", {}), []
    for name, value in now.items():
        option = f"--{name.replace('_', '-')}"
        if name.endswith(".pt"):
            if was.get(name) != value:
                differs.append(f"another {name}" if value else f"another {name} than will be there")
        elif name not in was:
            differs.append(f"{option} unknown")
        elif was[name] != value:
            differs.append(f"{option} {was[name]}, not {value}")
    if differs:
        raise InputError(
            "other_run",
            f"{file} was trained with {'; '.join(differs)}. "
            "Go on with what it was trained with, take another --out, or delete it to train it anew.",
        )


def keep(file: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint, whole or not at all."""
    try:
        torch.save(dict(state), file.with_suffix(".part"))
        file.with_suffix(".part").rename(file)
    except (OSError, RuntimeError) as error:  # torch says the latter of a full disk
        reason = str(error).splitlines()[0]
        sentence = f"{file} cannot be written ({reason}). Make room, and start the same command again to go on."
        raise SfumatoError("unwritable", sentence) from None


def follow(averaged: list[nn.Parameter], trained: list[nn.Parameter], done: int) -> None:
    """Move the averaged weights towards the trained ones, every fourth step; the first steps are soon forgotten."""
    if done % 4 == 0:
        with torch.no_grad():
            torch._foreach_lerp_(averaged, trained, 1 - min(0.9985, done / (done + 40)) ** 4)


def command_for(file: Path, recipe: str = "cpu") -> str:
    """What to do about a checkpoint that is not there. recipe: the one it shall be trained by."""
    command = f"python -m sfumato.models.sketchbook.train --recipe {recipe} --out {file.parent} --stage {file.stem}"
    return f"Train it with: {command}"
