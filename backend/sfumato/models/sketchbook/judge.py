"""Measures Sketchbook and draws contact sheets to look at: ``python -m sfumato.models.sketchbook.judge --out DIR``."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional as F

from sfumato.errors import InputError

from . import WEIGHTS
from .caption import full_caption
from .classifier import accuracy, load_classifier, visible
from .command import answer, writable
from .data import held_out
from .paint import paint
from .scene import Scene
from .train_classifier import round_trip

BATCH, PAINTED = 8, 200
PROMPTS = (
    "an oil painting of a summer meadow with a red house on the left, at noon",
    "an oil painting of a winter meadow with a red house on the left, at noon",
    "an oil painting of an autumn meadow with a red house on the left, at noon",
    "an oil painting of a spring meadow with a red house on the left, at noon",
    "a painting of a winter lake with many pine trees, mountains in the background, at sunset",
    "a painting of a summer sea with a white sailing boat in the middle, by day",
    "a watercolour of a snowy field with a blue windmill on the right, in the early morning",
    "a drawing of a summer coast with a red lighthouse on the right, at night",
    "an autumn lake with a few oak trees, white clouds, by day",
    "a desert with mountains, at sunset",
    "snowy meadow at night",
    "blossoming spring meadow with many oak trees",
    "winter",
    "summer",
    "autumn forest",
    "a yellow house in the middle",
)


def load(folder: Path) -> tuple[Any, Any]:
    """Text-to-picture and picture-to-picture pipelines over the same weights."""
    import diffusers
    import transformers

    for library in (diffusers, transformers):  # bars, and hints for programmers
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
    if not (folder / "model_index.json").is_file():
        raise InputError("no_model", f"There is no model in {folder}. Name the folder that assemble wrote.")
    create = diffusers.StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    edit = diffusers.StableDiffusionImg2ImgPipeline(**create.components, requires_safety_checker=False)
    for pipeline in (create, edit):
        pipeline.set_progress_bar_config(disable=True)
    return create, edit


def sheet(pictures: list[NDArray[np.uint8]], columns: int, file: Path) -> None:
    rows = [np.concatenate(pictures[i : i + columns], 1) for i in range(0, len(pictures), columns)]
    Image.fromarray(np.concatenate(rows)).save(file)


def ssim(first: torch.Tensor, second: torch.Tensor) -> float:
    """Mean structural similarity of pictures in 0..1 on 8x8 windows, luminance only."""
    a, b = (picture.mean(1, keepdim=True) for picture in (first, second))
    mean_a, mean_b = F.avg_pool2d(a, 8, 1), F.avg_pool2d(b, 8, 1)
    var_a, var_b = F.avg_pool2d(a * a, 8, 1) - mean_a**2, F.avg_pool2d(b * b, 8, 1) - mean_b**2
    both = F.avg_pool2d(a * b, 8, 1) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    value = (2 * mean_a * mean_b + c1) * (2 * both + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    return float(value.mean())


def judge_autoencoder(vae: Any, count: int, out: Path) -> dict[str, float]:
    """PSNR and SSIM over held-out scenes, and a sheet of originals above their round trips."""
    what = [paint(scene) for scene in held_out(count)]
    originals = torch.from_numpy(np.stack(what)).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        back = torch.cat(
            [vae.decode(vae.encode(part * 2 - 1).latent_dist.mode()).sample for part in torch.split(originals, 4)]
        )
    back = (back / 2 + 0.5).clamp(0, 1)
    psnr = -10 * (back - originals).square().mean((1, 2, 3)).log10()
    pairs = what[:5] + [(picture.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8) for picture in back[:5]]
    sheet(pairs, 5, out / "autoencoder.png")
    return {"psnr": float(psnr.mean()), "psnr_worst": float(psnr.min()), "ssim": ssim(back, originals)}


def prompt_of(scene: Scene, rng: np.random.Generator) -> str:
    """A caption of a scene with an object that names whatever of it can be named; at most 38 words and commas."""

    def one(options: tuple[str, ...]) -> str:
        return options[int(rng.integers(len(options)))]

    return full_caption(scene, one)


def said(name: str, scene: Scene) -> bool:
    """Whether the prompt holds the picture to this attribute: what is not there is not said, nor is the sun."""
    return visible(name, scene) and name != "sun" and getattr(scene, name) != "none"


def generate(create: Any, prompts: list[str], steps: int, guidance: float, **more: Any) -> NDArray[np.uint8]:
    """One picture a prompt, eight prompts a call; the n-th has seed n. more: what this pipeline wants besides."""
    settings = {"num_inference_steps": steps, "guidance_scale": guidance, "output_type": "np", **more}
    parts = []
    for start in range(0, len(prompts), BATCH):
        batch = prompts[start : start + BATCH]
        seeds = [torch.Generator().manual_seed(start + index) for index in range(len(batch))]
        parts.append((create(batch, generator=seeds, **settings).images * 255).round().astype(np.uint8))
    return np.concatenate(parts)


def generated(create: Any, steps: int, guidance: float, count: int, file: Path, **more: Any) -> dict[str, float]:
    """How often the classifier sees the attribute that is meant in ``count`` pictures of captions that name everything,
    of held-out scenes; a sheet of the first 32, in whole rows."""
    rng = np.random.default_rng(0)
    asked = [scene for scene in held_out(2 * count + 20) if scene.object != "none"][:count]
    made = generate(create, [prompt_of(scene, rng) for scene in asked], steps, guidance, **more)
    columns = min(8, count)
    sheet(list(made[: min(32, count - count % columns)]), columns, file)
    return accuracy(load_classifier().attributes(made), asked, said)


def judge_attributes(create: Any, steps: int, guidance: float, count: int, out: Path) -> dict[str, dict[str, float]]:
    """How often the classifier sees the attribute that is meant: in scenes as painted, after the autoencoder, and in
    ``count`` generated pictures; all of them held out."""
    classifier, what = load_classifier(), held_out(PAINTED)
    originals = np.stack([paint(scene) for scene in what])
    return {
        "painted": accuracy(classifier.attributes(originals), what),
        "decoded": accuracy(classifier.attributes(round_trip(create.vae, originals)), what),
        "generated": generated(create, steps, guidance, count, out / "judged.png"),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sfumato.models.sketchbook.judge", description=__doc__)
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="the model's folder (default: as it ships)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the sheets")
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--guidance", type=float, default=5.0)
    parser.add_argument("--probe", type=int, default=0, help="pictures to generate for the attribute classifier")
    parsed = parser.parse_args(arguments)
    if parsed.steps < 5:
        parser.error("--steps must be 5 or more: the sheet of strengths begins at a fifth of them")
    if parsed.probe < 0:
        parser.error("--probe must be 0 or more")
    return answer(lambda: run(parsed))


def run(arguments: argparse.Namespace) -> None:
    """All sheets and numbers."""
    writable(arguments.out, "--out")
    create, edit = load(arguments.weights)
    found: dict[str, Any] = {"autoencoder": judge_autoencoder(create.vae, 32, arguments.out)}
    guided = {"num_inference_steps": arguments.steps, "guidance_scale": arguments.guidance, "output_type": "np"}

    def painted(pipeline: Any, prompt: str, seed: int, **more: Any) -> NDArray[np.uint8]:
        picture = pipeline(prompt, generator=torch.Generator().manual_seed(seed), **guided, **more).images[0]
        shown: NDArray[np.uint8] = (picture * 255).round().astype(np.uint8)
        return shown

    sheet([painted(create, prompt, seed) for seed, prompt in enumerate(PROMPTS)], 4, arguments.out / "prompts.png")
    rows = []
    for scene in (
        Scene(layout=3, background="mountains", sky="cloudy"),
        Scene(layout=5, ground="lake", trees="pine", place="right", amount="many", colour="white"),
    ):
        picture = paint(scene)
        source = Image.fromarray(picture)
        thing = f"a {scene.colour} house on the {scene.place}"
        for prompt in (
            f"a painting of a winter {scene.ground} with {thing}, at noon, snow on the ground",
            f"a painting of an autumn {scene.ground} with {thing}, at sunset",
        ):
            rows.append(picture)
            for strength in (0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
                rows.append(painted(edit, prompt, 0, image=source, strength=strength))
    sheet(rows, 9, arguments.out / "strengths.png")
    started = time.monotonic()
    create(PROMPTS[0], num_inference_steps=20, guidance_scale=arguments.guidance)
    found["seconds_20_steps"] = time.monotonic() - started
    if arguments.probe:
        found["attributes"] = judge_attributes(
            create, arguments.steps, arguments.guidance, arguments.probe, arguments.out
        )
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    raise SystemExit(main())
