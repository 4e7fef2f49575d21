"""How much of everything a training run takes: one place, so that a run is named by one word and a seed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Counts are of optimiser steps and of scenes; batches are per process.

    A step sees `batch` pictures at 256 pixels or four times as many at 128, which costs the same.
    """

    workers: int
    vae_pictures: int
    vae_steps: int
    vae_batch: int
    text_steps: int
    small_pictures: int
    pictures: int
    steps: int
    batch: int
    rate: float
    small_until: float = 0.25  # share of the steps before which most pictures are small
    cooldown: float = 0.3  # share of the steps in which the learning rate falls to nothing
    seed: int = 0
    # The sibling for few steps: the teacher's ways at 128 and 256 pixels, its guidance, its solver's steps from each of
    # eight levels to the next; then the student's. few_exam: how many pictures at 256 judge it.
    few_small: int = 3072
    few_full: int = 1024
    few_guidance: float = 4.0
    few_substeps: int = 2
    few_steps: int = 2000
    few_batch: int = 8
    few_rate: float = 1e-3
    few_rank: int = 32
    few_exam: int = 16
    # The flow sibling.
    flow_steps: int = 3000
    flow_batch: int = 8
    flow_rate: float = 1e-3
    # The attribute classifier.
    classifier_pictures: int = 8000
    classifier_steps: int = 1800


RECIPES = {
    "smoke": Recipe(
        *(1, 8, 3, 2, 3, 8, 4, 4, 2, 1e-3),
        few_small=2,
        few_full=1,
        few_substeps=1,
        few_steps=4,
        few_batch=1,
        few_rank=4,
        few_exam=1,
        flow_steps=4,
        flow_batch=1,
        classifier_pictures=6,
        classifier_steps=2,
    ),
    "cpu": Recipe(2, 4000, 3500, 8, 600, 16384, 9216, 10000, 8, 8e-4),
}
