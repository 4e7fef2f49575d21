"""What a training run needs: to be kept, to go on where it ended, and to say how it goes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from .parallel import rank, wait

SAY_EVERY, SAVE_EVERY = 60.0, 240.0  # seconds


class Part(Protocol):
    """A network or an optimiser."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: Any) -> Any: ...


class TrainingRun:
    """``file`` holds the parts and how many of ``steps`` are done; a file that is there is gone on from.

    fixed: what a run must not be resumed with other values of. Raises InputError when it is.
    """

    def __init__(
        self, file: Path, steps: int, parts: Mapping[str, Part], device: torch.device, fixed: Mapping[str, Any]
    ) -> None:
        self.file, self.steps, self.parts, self.fixed = file, steps, parts, dict(fixed)
        self.step = 0
        if file.exists():
            from sfumato.errors import InputError

            state = torch.load(file, map_location=device, weights_only=True)
            if state["fixed"] != self.fixed:
                raise InputError("other_run", f"{file} was trained from something else. Delete it to start anew.")
            for name, part in parts.items():
                part.load_state_dict(state[name])
            self.step = state["step"]
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
        torch.save(state | {"step": self.step, "fixed": self.fixed}, self.file.with_suffix(".part"))
        self.file.with_suffix(".part").rename(self.file)

    def finish(self) -> None:
        """Every process has made its last step."""
        if rank() == 0:
            self.save()
        wait()


def fingerprint(network: nn.Module) -> str:
    """What tells one trained network from another: the first 12 hex digits of its weights' SHA-256."""
    digest = hashlib.sha256()
    for value in network.state_dict().values():
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def follow(averaged: list[nn.Parameter], trained: list[nn.Parameter], done: int) -> None:
    """Move the averaged weights towards the trained ones, every fourth step; the first steps are soon forgotten."""
    if done % 4 == 0:
        with torch.no_grad():
            torch._foreach_lerp_(averaged, trained, 1 - min(0.9985, done / (done + 40)) ** 4)
