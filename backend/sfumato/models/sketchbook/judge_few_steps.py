"""How near few steps come to many: ``python -m sfumato.models.sketchbook.judge_few_steps`` prints its sibling's table.

Captions of held-out scenes, from pure noise. The measure is the mean square of the difference to what the guided model
paints in many steps, in latents of variance 1.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sfumato.errors import InputError

from . import FEW_STEPS, WEIGHTS
from .command import answer
from .data import held_out
from .judge import BATCH, load, prompt_of

MANY, FEW, GUIDANCE = 24, (2, 4, 8), 4.0


def paint_latents(pipe: Any, prompts: list[str], steps: int, guidance: float) -> torch.Tensor:
    """One a prompt; the n-th has seed n."""
    parts = []
    for start in range(0, len(prompts), BATCH):
        batch = prompts[start : start + BATCH]
        seeds = [torch.Generator().manual_seed(start + index) for index in range(len(batch))]
        settings = {"num_inference_steps": steps, "guidance_scale": guidance, "output_type": "latent"}
        parts.append(pipe(batch, generator=seeds, **settings).images)
    return torch.cat(parts)


def measure(weights: Path, pictures: int) -> list[str]:
    """The rows of the table, for the model in ``weights`` and the sibling beside it."""
    from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline

    from sfumato import models

    guided, _ = load(weights)
    sibling = models.catalogue(weights, weights.parent / FEW_STEPS.name, weights / "none").get("sketchbook-4")
    if sibling is None:
        raise InputError("no_model", f"There is no {FEW_STEPS.name} beside {weights}. Name a folder that has it there.")
    student = StableDiffusionPipeline(**models.load(sibling, "cpu").components, requires_safety_checker=False)
    student.set_progress_bar_config(disable=True)
    many = StableDiffusionPipeline(**guided.components, requires_safety_checker=False)
    many.set_progress_bar_config(disable=True)
    many.scheduler = DPMSolverMultistepScheduler.from_config(
        guided.scheduler.config, timestep_spacing="trailing", final_sigmas_type="zero"
    )
    rng = np.random.default_rng(0)
    prompts = [prompt_of(scene, rng) for scene in held_out(pictures)]
    wanted = paint_latents(many, prompts, MANY, GUIDANCE)
    rows = ["| steps | this one | Sketchbook itself, guided |", "| --- | --- | --- |"]
    for steps in FEW:
        made = paint_latents(student, prompts, steps, 1.0), paint_latents(guided, prompts, steps, GUIDANCE)
        own, its_elders = (float((latents - wanted).square().mean()) for latents in made)
        rows.append(f"| {steps} | {own:.3f} | {its_elders:.3f} |")
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sfumato.models.sketchbook.judge_few_steps", description=__doc__)
    parser.add_argument(
        "--weights", type=Path, default=WEIGHTS, help="the guided model's folder (default: as it ships)"
    )
    parser.add_argument("--pictures", type=int, default=16, help="how many (default: 16)")
    parsed = parser.parse_args(arguments)
    if parsed.pictures < 1:
        parser.error("--pictures must be 1 or more")
    return answer(lambda: print("\n".join(measure(parsed.weights, parsed.pictures))))


if __name__ == "__main__":
    raise SystemExit(main())
