"""Whole steps or fractional ones? What flat greys and a ramp change: `python tests/benchmarks/release.py`.

Change is the RMS in 8-bit levels against the canvas after the autoencoder alone, so the autoencoder does not count.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from typing import Any

import numpy as np
import torch
from sfumato.change_map import ChangeMap, M
from sfumato.edits.differential import Differential, Release
from sfumato.models import CATALOGUE, load
from sfumato.models.sketchbook.data import held_out
from sfumato.models.sketchbook.paint import paint
from sfumato.steering import steer
from sfumato.studio.picture import decode, encode

SIDE = 256
GREYS = 17
PICTURES = 4
PROMPT = "a snowy winter scene by day"
RAMP = np.tile(np.linspace(0, M, SIDE).astype(np.uint16), (SIDE, 1))


class Canvas:
    """A scene, and how much an edit of it changes where."""

    def __init__(self, pipe: Any, rgb: np.ndarray, seed: int) -> None:
        self.pipe, self.seed = pipe, seed
        self.words, self.none = pipe.encode_prompt(PROMPT, pipe.device, 1, True, negative_prompt="")
        self.clean = encode(pipe, torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1)
        self.alone = decode(pipe, self.clean)

    def squares(self, values: np.ndarray, steps: int, release: Release) -> np.ndarray:
        """Squared change, [3, SIDE, SIDE]."""
        with steer(self.pipe, Differential(ChangeMap(values), release)) as run:
            latents = run(
                image=self.clean,
                prompt_embeds=self.words,
                negative_prompt_embeds=self.none,
                guidance_scale=CATALOGUE["sketchbook"].info.guidance_scale,
                num_inference_steps=steps,
                generator=torch.Generator().manual_seed(self.seed),
                output_type="latent",
            ).images
        return (((decode(self.pipe, torch.as_tensor(latents)) - self.alone) * 127.5)[0].numpy()) ** 2


@torch.inference_mode()
def main() -> None:
    pipe = load(CATALOGUE["sketchbook"], "cpu")
    canvases = [Canvas(pipe, paint(scene, SIDE), seed) for seed, scene in enumerate(held_out(PICTURES))]
    greys = [np.full((1, 1), index * M // (GREYS - 1), np.uint16) for index in range(GREYS)]
    print(f"steps release     levels of {GREYS}   Pearson(change, grey)   Pearson(ramp, column)")
    for steps in (4, 8, 20):
        for release in ("whole", "fractional"):
            flat = [np.mean([np.sqrt(c.squares(g, steps, release).mean()) for c in canvases]) for g in greys]
            # Both directions: what a picture's left and right side would change anyway falls out.
            there = [np.sqrt(c.squares(RAMP, steps, release).mean(axis=(0, 1))) for c in canvases]
            back = [np.sqrt(c.squares(RAMP[:, ::-1].copy(), steps, release).mean(axis=(0, 1)))[::-1] for c in canvases]
            by_grey = np.corrcoef(flat, np.arange(GREYS))[0, 1]
            by_column = np.corrcoef(np.mean(there + back, axis=0), np.arange(SIDE))[0, 1]
            levels = len(np.unique(np.round(flat, 3)))
            print(f"{steps:5} {release:10} {levels:12} {by_grey:23.3f} {by_column:23.3f}", flush=True)


if __name__ == "__main__":
    main()
