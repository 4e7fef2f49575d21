"""What should greys between two steps do? `PYTHONPATH=tests python -m benchmarks.release [analytic] [sketchbook]`

Change is what an edit did, against the canvas: RMS in the analytic denoiser's own units, or in 8-bit levels after the
autoencoder alone. The response of many steps is what few steps should come near. Figures and findings: few-steps.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from benchmarks.blends import BLENDS, PLACES, Placed, sigmas_at
from diffusers import DDIMScheduler, EulerDiscreteScheduler
from edits import analytic
from sfumato.change_map import ChangeMap, M
from sfumato.models import CATALOGUE, load
from sfumato.models.sketchbook.data import held_out
from sfumato.models.sketchbook.paint import paint
from sfumato.steering import PathSampler, steer
from sfumato.studio.picture import decode, encode

SIDE = 256
GREYS = 17
PICTURES = 4
MANY = 32  # steps of the response that counts as the truth
PROMPT = "a snowy winter scene by day"
RAMP = np.tile(np.linspace(0, M, SIDE).astype(np.uint16), (SIDE, 1))

Squares = Callable[[PathSampler, int, Any], np.ndarray]  # (edit, steps, sigmas) -> squared change [..., rows, columns]


class Analytic:
    """Every grey of 16 cells at once or one alone, 256 pictures."""

    name, ramp = "analytic", np.linspace(0, M, 16).astype(np.uint16).reshape(4, 4)

    def __init__(self, guidance: float = 1.5, pictures: int = 256) -> None:
        self.pipe = analytic.pipeline(scheduler=analytic.diffusion(DDIMScheduler, timestep_spacing="trailing"))
        self.clean = analytic.clean("src", 0, pictures)
        self.arguments = {**analytic.words("tar", self.pipe, pictures), "guidance_scale": guidance}

    def generator(self) -> Any:
        return torch.Generator().manual_seed(1)

    def change(self, latents: torch.Tensor) -> np.ndarray:
        return (latents - self.clean).square().mean(1).numpy()


class Sketchbook:
    """The embedded model on held-out scenes."""

    name, ramp = "sketchbook", RAMP

    def __init__(self) -> None:
        self.pipe = load(CATALOGUE["sketchbook"], "cpu")
        words, none = self.pipe.encode_prompt(PROMPT, self.pipe.device, 1, True, negative_prompt="")
        scenes = [torch.from_numpy(paint(scene, SIDE).copy()).permute(2, 0, 1) for scene in held_out(PICTURES)]
        self.clean = torch.cat([encode(self.pipe, scene[None].float() / 127.5 - 1) for scene in scenes])
        self.alone = torch.cat([decode(self.pipe, latents[None]) for latents in self.clean])
        self.arguments = {
            "prompt_embeds": words.repeat(PICTURES, 1, 1),
            "negative_prompt_embeds": none.repeat(PICTURES, 1, 1),
            "guidance_scale": CATALOGUE["sketchbook"].info.guidance_scale,
        }

    def generator(self) -> Any:
        return [torch.Generator().manual_seed(seed) for seed in range(PICTURES)]

    def change(self, latents: torch.Tensor) -> np.ndarray:
        shown = torch.cat([decode(self.pipe, one[None]) for one in latents])
        return ((shown - self.alone) * 127.5).square().mean(1).numpy()


def squares(model: Any, edit: PathSampler, steps: int, places: list[float] | None = None) -> np.ndarray:
    """Squared change, [pictures, rows, columns]."""
    own = model.pipe.scheduler
    more: dict[str, Any] = {"num_inference_steps": steps}
    if places is not None:
        model.pipe.scheduler = EulerDiscreteScheduler.from_config(own.config)
        more["sigmas"] = sigmas_at(own, places)
    try:
        with steer(model.pipe, edit) as run:
            latents = run(
                image=model.clean, generator=model.generator(), output_type="latent", **model.arguments, **more
            ).images
    finally:
        model.pipe.scheduler = own
    return model.change(torch.as_tensor(latents))


def tried(model: Any, name: str, values: np.ndarray, steps: int) -> np.ndarray:
    change_map = ChangeMap(values)
    if name not in PLACES or not values.any():
        return squares(model, BLENDS.get(name, BLENDS["whole"])(change_map), steps)
    places = PLACES[name](change_map, steps)
    return squares(model, Placed(change_map, places), steps, places)


def response(model: Any, name: str, steps: int) -> np.ndarray:
    """Change of flat greys, as a share of white's."""
    values = [np.full((1, 1), index * M // (GREYS - 1), np.uint16) for index in range(GREYS)]
    change = [np.sqrt(tried(model, name, value, steps).mean((1, 2))).mean() for value in values]
    return np.array(change, np.float64) / change[-1]


def ramp(model: Any, name: str, steps: int) -> float:
    """Pearson of change and grey within one picture. Both directions: what a picture's sides would change anyway
    falls out."""
    there = tried(model, name, model.ramp, steps).mean(0)
    back = tried(model, name, model.ramp[::-1, ::-1].copy(), steps).mean(0)[::-1, ::-1]
    change = np.sqrt(np.stack([there, back])).mean(0)
    by_grey = change.mean(0) if model.ramp.shape[1] > 4 else change.ravel()
    return float(np.corrcoef(by_grey, np.arange(by_grey.size))[0, 1])


def report(model: Any, chosen: dict[int, list[str]]) -> None:
    truth = response(model, "whole", MANY)
    grey = np.arange(GREYS)
    print(f"{model.name}: {MANY} steps answer {truth.round(2).tolist()}", flush=True)
    print(f"steps  rule             levels  Pearson  R2 to {MANY}  largest fall  ramp's Pearson")
    for steps, names in chosen.items():
        for name in names:
            change = response(model, name, steps)
            levels = len(np.unique(change.round(3)))
            pearson = np.corrcoef(change, grey)[0, 1]
            fit = 1 - np.square(change - truth).sum() / np.square(truth - truth.mean()).sum()
            falls = max(0.0, -np.diff(change).min())
            figures = f"{levels:6} {pearson:8.3f} {fit:9.3f} {falls:13.3f} {ramp(model, name, steps):15.3f}"
            print(f"{steps:5}  {name:15} {figures}   {change.round(2).tolist()}", flush=True)


@torch.inference_mode()
def main() -> None:
    every = [*BLENDS, *PLACES]
    which = sys.argv[1:] or ["analytic", "sketchbook"]
    if "analytic" in which:
        report(Analytic(), dict.fromkeys((4, 8, 20), every))
    if "sketchbook" in which:
        report(
            Sketchbook(),
            {4: every, 8: ["whole", "mean", "contrast", "dither 8x8", "from max(c)"], 20: ["whole", "mean"]},
        )


if __name__ == "__main__":
    main()
