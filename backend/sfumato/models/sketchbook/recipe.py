"""How much of everything a training run takes: one place, so that a run is named by one word and a seed."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field
from typing import Any

MOST = 10**9


def _of(about: str, default: Any = MISSING, least: float = 1, most: float = MOST) -> Any:
    """A field, what it is, and between which numbers it may lie."""
    return field(default=default, metadata={"about": about, "least": least, "most": most})


@dataclass(frozen=True)
class Recipe:
    """Counts are of optimiser steps and of scenes; batches are per process.

    A step sees `batch` pictures at 256 pixels or four times as many at 128, which costs the same.
    """

    workers: int = _of("processes that train together, of one thread each")
    vae_pictures: int = _of("pictures that the autoencoder learns from")
    vae_steps: int = _of("steps of the autoencoder")
    vae_batch: int = _of("crops a step in each process, for the autoencoder")
    text_steps: int = _of("steps of the text encoder")
    small_pictures: int = _of("scenes at 128 pixels that the denoisers learn from")
    pictures: int = _of("scenes at 256 pixels that the denoisers learn from")
    steps: int = _of("steps of the denoiser")
    batch: int = _of("pictures of 256 pixels a step in each process, for the denoiser")
    rate: float = _of("highest learning rate of the denoiser", least=1e-9)
    small_until: float = _of("share of the steps before which most pictures are small", 0.25, 0, 1)
    cooldown: float = _of("share of the steps in which the learning rate falls to nothing", 0.3, 0, 1)
    seed: int = _of("what everything that is random follows from", 0, 0)
    # The sibling for few steps: the ways it learns from, then its own training.
    few_small: int = _of("ways of the guided denoiser at 128 pixels that its sibling for few steps learns from", 3072)
    few_full: int = _of("the same at 256 pixels", 1024)
    few_guidance: float = _of("guidance on these ways", 4.0, 0)
    few_substeps: int = _of("steps on these ways from each of eight levels to the next", 2)
    few_steps: int = _of("steps of the sibling for few steps", 2000)
    few_batch: int = _of("pictures of 256 pixels a step in each process, for it", 8)
    few_rate: float = _of("its highest learning rate", 1e-3, 1e-9)
    few_rank: int = _of("rank of its change of the denoiser", 32)
    # The flow sibling.
    flow_steps: int = _of("steps of the flow sibling", 3000)
    flow_batch: int = _of("pictures of 256 pixels a step in each process, for it", 8)
    flow_rate: float = _of("its highest learning rate", 1e-3, 1e-9)
    # The attribute classifier.
    classifier_pictures: int = _of("pictures that the attribute classifier learns from", 8000)
    classifier_steps: int = _of("steps of the attribute classifier", 1800)


RECIPES = {
    "smoke": Recipe(
        *(1, 8, 3, 2, 3, 8, 4, 4, 2, 1e-3),
        few_small=2,
        few_full=1,
        few_substeps=1,
        few_steps=4,
        few_batch=1,
        few_rank=4,
        flow_steps=4,
        flow_batch=1,
        classifier_pictures=6,
        classifier_steps=2,
    ),
    "cpu": Recipe(2, 4000, 3500, 8, 600, 16384, 9216, 10000, 8, 8e-4),
}
