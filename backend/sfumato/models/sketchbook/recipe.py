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
    small_until: float = 0.7  # share of the steps before which most pictures are small
    cooldown: float = 0.3  # share of the steps in which the learning rate falls to nothing
    seed: int = 0


RECIPES = {
    "smoke": Recipe(1, 8, 3, 2, 3, 8, 4, 4, 2, 1e-3),
    "cpu": Recipe(2, 4000, 3500, 8, 600, 16384, 3072, 6000, 8, 8e-4),
}
