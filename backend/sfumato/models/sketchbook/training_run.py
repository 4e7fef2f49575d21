"""What a training run needs: to be kept, to go on where it ended, and to say how it goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from sfumato.errors import SfumatoError

from .lineage import STAGES, bound, check, read
from .parallel import rank, wait
from .recipe import Recipe

SAY_EVERY, SAVE_EVERY = 60.0, 240.0  # seconds


class Part(Protocol):
    """A network or an optimiser."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: Any) -> Any: ...


class TrainingRun:
    """A stage's checkpoint in ``out`` holds the parts and how many steps are done; one that is there is gone on from.

    measure: what is measured of the parts whenever they are kept. Raises InputError if the checkpoint rests on
    something else than what there is now.
    """

    def __init__(
        self,
        stage: str,
        out: Path,
        recipe: Recipe,
        parts: Mapping[str, Part],
        device: torch.device,
        measure: Callable[[], dict[str, torch.Tensor]] = dict,
    ) -> None:
        self.file, self.parts, self.measure = out / f"{stage}.pt", parts, measure
        self.steps: int = getattr(recipe, STAGES[stage].steps)
        self.fixed = bound(stage, out, recipe)
        self.step = 0
        if self.file.exists():
            state = read(self.file, device)
            check(self.file, state, self.fixed)
            for name, part in parts.items():
                part.load_state_dict(state[name])
            self.step = state["step"]
            if rank() == 0:
                print(f"{stage} has {self.step} of {self.steps} steps already", flush=True)
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
