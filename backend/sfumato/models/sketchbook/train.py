"""Trains Sketchbook from nothing: ``python -m sfumato.models.sketchbook.train --recipe cpu --out DIR``.

Paints its scenes, then trains the autoencoder, the text encoder, the denoiser, its two siblings and the attribute
classifier, each from where its checkpoint in DIR ends; broken off and started again it goes on. Then run ``assemble``.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import fields, replace
from pathlib import Path

import torch

from .parallel import start
from .recipe import RECIPES, Recipe

STAGES = ("vae", "text", "denoiser", "few_steps", "flow", "classifier")
ALONE = ("text", "classifier")  # small enough for one process

# Without these, glibc gives every large tensor back to the system and takes it again: four times slower on a CPU.
# They are read when a process starts.
MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**33),
    "MALLOC_TRIM_THRESHOLD_": str(2**34),
    "MALLOC_TOP_PAD_": str(2**28),
}


def train(stage: str, out: Path, data: Path, recipe: Recipe) -> None:
    """One stage, in every one of its processes at once."""
    torch.set_flush_denormal(True)
    torch.backends.cudnn.benchmark = True
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if stage == "vae":
        from .train_vae import train_vae

        train_vae(out, data, recipe, device)
    elif stage == "text":
        from .train_text import train_text

        train_text(out, recipe.text_steps, recipe.seed, device)
    elif stage == "denoiser":
        from .train_denoiser import train_denoiser

        train_denoiser(out, data, recipe, device)
    elif stage == "few_steps":
        from .train_few_steps import train_few_steps

        train_few_steps(out, data, recipe, device)
    elif stage == "flow":
        from .train_flow import train_flow

        train_flow(out, data, recipe, device)
    else:
        from .train_classifier import train_classifier

        train_classifier(out, data, recipe, device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", choices=tuple(RECIPES), required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints")
    parser.add_argument("--data", type=Path, help="folder for painted pictures and latents (default: OUT/data)")
    parser.add_argument("--stage", choices=STAGES, action="append", help="only these (default: all)")
    for field in fields(Recipe):
        kind = {"int": int, "float": float}[str(field.type)]
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind, help="instead of the recipe's own")
    arguments = parser.parse_args()
    if any(os.environ.get(name) != value for name, value in MEMORY.items()):
        os.execve(sys.executable, [*sys.orig_argv], os.environ | MEMORY)
    given = {field.name: getattr(arguments, field.name) for field in fields(Recipe)}
    recipe = replace(RECIPES[arguments.recipe], **{name: value for name, value in given.items() if value is not None})
    arguments.out.mkdir(parents=True, exist_ok=True)
    data = arguments.data or arguments.out / "data"
    for stage in arguments.stage or STAGES:
        workers = 1 if stage in ALONE else recipe.workers
        start(workers, arguments.out.resolve() / "meeting", train, stage, arguments.out, data, recipe)


if __name__ == "__main__":
    main()
