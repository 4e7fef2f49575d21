"""Trains Sketchbook from nothing: ``python -m sfumato.models.sketchbook.train --recipe cpu --out DIR``.

Paints its scenes, then trains the autoencoder, the text encoder, the denoiser, its two siblings and the attribute
classifier, each from where its checkpoint in DIR ends; broken off and started again it goes on. Then run ``assemble``.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from dataclasses import Field, fields, replace
from pathlib import Path
from typing import Any

import torch

from .command import answer, writable
from .lineage import STAGES, check_all
from .parallel import start
from .recipe import RECIPES, Recipe

PROGRAM = "python -m sfumato.models.sketchbook.train"
USAGE = "%(prog)s --recipe {smoke,cpu} --out OUT [--data DATA] [--stage STAGE ...] [--NAME N ...]"
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

        train_text(out, recipe, device)
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


def _between(field: Field[Any]) -> Callable[[str], float]:
    """Reads a number for a field of the recipe; argparse makes a sentence of what it raises."""
    kind = {"int": int, "float": float}[str(field.type)]
    least, most = (kind(field.metadata[name]) for name in ("least", "most"))

    def number(text: str) -> float:
        try:
            value: float = kind(text)
        except ValueError:
            raise ArgumentTypeError(f"'{text}' is not a number, or not a whole one where it must be") from None
        if not least <= value <= most:
            raise ArgumentTypeError(f"it must lie between {least:g} and {most:g}; this is {text}")
        return value

    return number


def make_parser() -> ArgumentParser:
    parser = ArgumentParser(PROGRAM, USAGE, __doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", choices=tuple(RECIPES), required=True, help="smoke: seconds, to see that it runs")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints")
    parser.add_argument("--data", type=Path, help="folder for painted pictures and latents (default: OUT/data)")
    parser.add_argument("--stage", choices=tuple(STAGES), action="append", help="only these (default: all)")
    own = parser.add_argument_group(
        "instead of the recipe's own", "To go on from a checkpoint, change nothing but steps, small-until and cooldown."
    )
    for field in fields(Recipe):
        values = ", ".join(f"{name} {getattr(recipe, field.name):g}" for name, recipe in RECIPES.items())
        about = f"{field.metadata['about']} ({values})"
        own.add_argument(f"--{field.name.replace('_', '-')}", type=_between(field), metavar="N", help=about)
    return parser


def run(arguments: Namespace) -> None:
    """Every stage that is asked for, in its order, after all were looked at."""
    given = {field.name: getattr(arguments, field.name) for field in fields(Recipe)}
    recipe = replace(RECIPES[arguments.recipe], **{name: value for name, value in given.items() if value is not None})
    out, data = arguments.out, arguments.data or arguments.out / "data"
    asked = [stage for stage in STAGES if stage in (arguments.stage or STAGES)]
    writable(out, "--out")
    writable(data, "--data")
    check_all(asked, out, recipe, arguments.recipe)
    for stage in asked:
        start(1 if stage in ALONE else recipe.workers, out.resolve() / "meeting", train, stage, out, data, recipe)


def main(arguments: Sequence[str] | None = None) -> int:
    parsed = make_parser().parse_args(arguments)
    return answer(lambda: run(parsed))


if __name__ == "__main__":
    if any(os.environ.get(name) != value for name, value in MEMORY.items()):
        os.execve(sys.executable, [*sys.orig_argv], os.environ | MEMORY)
    raise SystemExit(main())
