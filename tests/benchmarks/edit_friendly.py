"""Edit-friendly inversion beside the alternatives, alone and inside two methods, on the embedded model.
`python tests/benchmarks/edit_friendly.py`
Summer scenes become winter on the embedded model; the same scene painted in winter is the truth. All against the
picture after the autoencoder alone:
outside     RMS in 8-bit levels where the truth is as the original (about the sky): what should not change
structure   1 - correlation of the gradients' magnitudes: how far edges went
effect      how far towards the truth, 1 all the way (projection on the way there)
diversity   mean RMS between two seeds of one picture
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sfumato.change_map import ChangeMap, M
from sfumato.edits import DiffEdit, Differential, EditFriendly, SDEdit
from sfumato.edits.attention import PromptToPrompt
from sfumato.models import CATALOGUE, load
from sfumato.models.sketchbook.data import held_out
from sfumato.models.sketchbook.paint import paint
from sfumato.models.sketchbook.scene import Scene
from sfumato.steering import steer
from sfumato.studio.picture import decode, encode

SIDE, SEEDS, SOURCE_GUIDANCE = 256, 3, 2.0
SCENES = [s for s in held_out(60) if (s.season, s.time) == ("summer", "day") and s.ground in ("meadow", "lake")][:3]
WHITE, STRONG = ChangeMap.constant(1.0), ChangeMap.constant(0.8)
RAMP = ChangeMap(np.tile(np.linspace(0, M, SIDE).astype(np.uint16), (SIDE, 1)))


def text(scene: Scene) -> str:
    trees = "" if scene.trees == "none" else f" with {scene.trees} trees"
    return f"an {scene.style} painting of a {scene.season} {scene.ground}{trees}, a {scene.sky} sky, by day"


class Canvas:
    """A summer scene, the truth in winter, and what an edit makes of it."""

    def __init__(self, pipe: Any, scene: Scene) -> None:
        self.pipe = pipe
        self.before, self.after = text(scene), text(replace(scene, season="winter"))
        rgb, truth = paint(scene, SIDE), paint(replace(scene, season="winter"), SIDE)
        self.clean = encode(pipe, self._tensor(rgb))
        self.alone = self._shown(self.clean)
        self.truth = self._shown(encode(pipe, self._tensor(truth)))
        self.outside = np.abs(rgb.astype(int) - truth).max(axis=2) < 8

    @staticmethod
    def _tensor(rgb: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1

    def _shown(self, latents: Any) -> np.ndarray:
        return (decode(self.pipe, torch.as_tensor(latents))[0].permute(1, 2, 0).numpy() + 1) * 127.5

    def say(self, prompt: str) -> dict[str, Any]:
        words, none = self.pipe.encode_prompt(prompt, self.pipe.device, 1, True, negative_prompt="")
        return {"prompt_embeds": words, "negative_prompt_embeds": none}

    def friendly(self, change_map: ChangeMap = WHITE, p2p: bool = False, **settings: Any) -> EditFriendly:
        attention = PromptToPrompt(source=self.before, target=self.after) if p2p else None
        source = {**self.say(self.before), "guidance_scale": SOURCE_GUIDANCE}
        return EditFriendly(change_map, source, attention=attention, **settings)

    def edited(self, edit: Any, seed: int, steps: int, guidance: float) -> np.ndarray:
        with steer(self.pipe, edit) as run:
            latents = run(
                image=self.clean,
                **self.say(self.after),
                guidance_scale=guidance,
                num_inference_steps=steps,
                generator=torch.Generator().manual_seed(seed),
                output_type="latent",
            ).images
        return self._shown(latents)

    def scores(self, pictures: list[np.ndarray]) -> np.ndarray:
        way = self.truth - self.alone
        outside = [np.sqrt(((p - self.alone)[self.outside] ** 2).mean()) for p in pictures]
        structure = [1 - np.corrcoef(edges(p).ravel(), edges(self.alone).ravel())[0, 1] for p in pictures]
        effect = [((p - self.alone) * way).sum() / (way**2).sum() for p in pictures]
        apart = [np.sqrt(((a - b) ** 2).mean()) for a, b in itertools.combinations(pictures, 2)]
        return np.array([np.mean(outside), np.mean(structure), np.mean(effect), np.mean(apart)])


def edges(picture: np.ndarray) -> np.ndarray:
    across, down = np.gradient(picture.mean(axis=2))
    return np.hypot(across, down)


METHODS: dict[str, tuple[Callable[[Canvas], Any], int, float]] = {
    "SDEdit .6": (lambda c: SDEdit(ChangeMap.constant(0.6)), 20, 4.0),
    "SDEdit .8": (lambda c: SDEdit(STRONG), 20, 4.0),
    "DDIM inversion": (lambda c: DiffEdit(WHITE, 0.8, source=c.say(c.before)), 20, 4.0),
    "edit-friendly": (lambda c: c.friendly(), 20, 4.0),
    "edit-friendly .8": (lambda c: c.friendly(STRONG), 20, 4.0),
    "edit-friendly .8, guidance 8": (lambda c: c.friendly(STRONG), 20, 8.0),
    "edit-friendly .8, eta 0": (lambda c: c.friendly(STRONG, eta=0.0), 20, 4.0),
    "edit-friendly .8, keep .9": (lambda c: c.friendly(STRONG, keep=0.9), 20, 4.0),
    "prompt-to-prompt .8, sampler's noise": (lambda c: c.friendly(STRONG, p2p=True, keep=0.0), 20, 4.0),
    "prompt-to-prompt .8, edit-friendly": (lambda c: c.friendly(STRONG, p2p=True), 20, 4.0),
    "differential, ramp": (lambda c: Differential(RAMP, "fractional"), 20, 4.0),
    "differential, ramp, edit-friendly": (lambda c: c.friendly(RAMP, form="residual"), 20, 4.0),
    "edit-friendly, 4 steps": (lambda c: c.friendly(), 4, 4.0),
    "  corrected": (lambda c: c.friendly(few_steps="on"), 4, 4.0),
    "  corrected, guidance 1.5": (lambda c: c.friendly(few_steps="on"), 4, 1.5),
    "  corrected, guidance 1.5, clipped": (lambda c: c.friendly(few_steps="on", form="residual"), 4, 1.5),
    "edit-friendly, 8 steps": (lambda c: c.friendly(), 8, 4.0),
    "   corrected, guidance 1.5": (lambda c: c.friendly(few_steps="on"), 8, 1.5),
}


@torch.inference_mode()
def main() -> None:
    pipe = load(CATALOGUE["sketchbook"], "cpu")
    canvases = [Canvas(pipe, scene) for scene in SCENES]
    print(f"{'':38} outside  structure  effect  diversity  seconds")
    for name, (make, steps, guidance) in METHODS.items():
        start = time.perf_counter()
        scores = [c.scores([c.edited(make(c), seed, steps, guidance) for seed in range(SEEDS)]) for c in canvases]
        seconds = (time.perf_counter() - start) / len(canvases) / SEEDS
        outside, structure, effect, diversity = np.mean(scores, axis=0)
        print(f"{name:38} {outside:7.1f} {structure:10.3f} {effect:7.2f} {diversity:10.1f} {seconds:8.1f}", flush=True)


if __name__ == "__main__":
    main()
