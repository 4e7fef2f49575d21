"""What a checkpoint rests on: fields of the recipe, and the checkpoints of stages before it.

It is never gone on with on others. What may change while a run lasts is how many steps it has, and with them when the
rate falls and the pictures get large; of the text encoder, which is trained in one go, nothing may.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sfumato.errors import InputError

from .recipe import Recipe
from .training_run import Part, TrainingRun, check, command_for, read


@dataclass(frozen=True)
class Stage:
    """steps: the recipe's field that says how many. fields: those it rests on, beside the seed. needs: the stages
    it rests on. gives: the parts of its checkpoint that others rest on."""

    steps: str
    fields: tuple[str, ...]
    needs: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()


POOLS = ("workers", "small_pictures", "pictures")
STAGES = {
    "vae": Stage("vae_steps", ("workers", "vae_pictures", "vae_batch"), (), ("ema", "mean", "std")),
    "text": Stage("text_steps", ("text_steps",), (), ("text",)),
    "denoiser": Stage("steps", (*POOLS, "batch", "rate"), ("vae", "text"), ("ema_unet",)),
    "few_steps": Stage(
        "few_steps",
        (*POOLS, *("few_small", "few_full", "few_guidance", "few_substeps", "few_batch", "few_rate", "few_rank")),
        ("vae", "text", "denoiser"),
    ),
    "flow": Stage("flow_steps", (*POOLS, "flow_batch", "flow_rate"), ("vae", "text")),
    "classifier": Stage("classifier_steps", ("classifier_pictures",), ("vae",)),
}
"""In the order in which they are trained."""


def fingerprint(out: Path, stage: str) -> str:
    """What tells one trained stage from another: the first 12 hex digits of its weights' SHA-256."""
    digest, state = hashlib.sha256(), read(out / f"{stage}.pt")
    for part in STAGES[stage].gives:
        values = state[part]
        for value in values.values() if isinstance(values, dict) else [values]:
            digest.update(value.contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def bound(stage: str, out: Path, recipe: Recipe, changing: Collection[str] = ()) -> dict[str, Any]:
    """What a checkpoint of the stage in ``out`` rests on. changing: stages that will have other weights by then."""
    found: dict[str, Any] = {name: getattr(recipe, name) for name in ("seed", *STAGES[stage].fields)}
    for needed in STAGES[stage].needs:
        found[f"{needed}.pt"] = None if needed in changing else fingerprint(out, needed)
    return found


def begin(
    stage: str,
    out: Path,
    recipe: Recipe,
    parts: Mapping[str, Part],
    device: torch.device,
    measure: Callable[[], dict[str, torch.Tensor]] = dict,
) -> TrainingRun:
    """The stage's run, from where its checkpoint in ``out`` ends. Raises InputError as `check`."""
    steps = getattr(recipe, STAGES[stage].steps)
    return TrainingRun(out / f"{stage}.pt", steps, parts, device, bound(stage, out, recipe), measure)


def check_all(asked: Collection[str], out: Path, recipe: Recipe, name: str = "cpu") -> None:
    """Before the first of the stages begins: raises InputError if one of them cannot be trained, or not gone on with.
    name: the recipe's.

    A stage that rests on one that is still to be trained can only be begun, not gone on with.
    """
    changing: set[str] = set()
    for stage in STAGES:
        if stage not in asked:
            continue
        for needed in STAGES[stage].needs:
            missing = out / f"{needed}.pt"
            if needed not in asked and not missing.exists():
                sentence = f"--stage {stage} needs {missing}, which is not there. {command_for(missing, name)}"
                raise InputError("no_checkpoint", sentence)
        file = out / f"{stage}.pt"
        if not file.exists():
            changing.add(stage)
            continue
        state = read(file)
        check(file, state, bound(stage, out, recipe, changing))
        if state["step"] < getattr(recipe, STAGES[stage].steps):
            changing.add(stage)
