"""The folder that ships: loads like any checkpoint, small, safe, and it understands winter."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from sfumato.models import CATALOGUE, load
from sfumato.models.sketchbook import WEIGHTS
from sfumato.models.sketchbook.data import held_out
from sfumato.models.sketchbook.paint import paint
from sfumato.models.sketchbook.scene import Scene

Pictures = list[np.ndarray]


@pytest.fixture(scope="module")
def pipeline():
    from diffusers import StableDiffusionPipeline

    pipe = StableDiffusionPipeline.from_pretrained(WEIGHTS, dtype=torch.float32, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def test_the_folder_is_small_and_safe() -> None:
    files = [file for file in WEIGHTS.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 55e6
    assert {file.suffix for file in files} <= {".json", ".txt", ".md", ".safetensors"}
    index = json.loads((WEIGHTS / "model_index.json").read_text())
    assert index["_class_name"] == "StableDiffusionPipeline"
    assert (WEIGHTS / "README.md").exists()


def test_it_is_an_ordinary_pipeline(pipeline) -> None:
    assert pipeline.vae_scale_factor == 8
    assert pipeline.vae.config.scaling_factor == 1.0
    assert pipeline.unet.config.sample_size == 32
    assert pipeline.tokenizer.model_max_length == 40
    assert pipeline.scheduler.config.prediction_type == "v_prediction"


def as_tensor(pictures: Pictures) -> torch.Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


def test_the_autoencoder_keeps_the_picture(pipeline) -> None:
    pictures = as_tensor([paint(scene) for scene in held_out(8)])
    with torch.no_grad():
        latents = pipeline.vae.encode(pictures).latent_dist.mode()
        back = pipeline.vae.decode(latents).sample.clamp(-1, 1)
    psnr = -10 * ((back - pictures) / 2).square().mean((1, 2, 3)).log10()
    assert psnr.mean() >= 28
    assert latents.mean().abs() < 0.15  # whitened: scaling_factor 1 is the truth
    assert 0.85 < latents.std() < 1.15


def test_summer_turns_into_winter_on_request(pipeline) -> None:
    from diffusers import StableDiffusionImg2ImgPipeline
    from PIL import Image

    edit = StableDiffusionImg2ImgPipeline(**pipeline.components, requires_safety_checker=False)
    edit.set_progress_bar_config(disable=True)
    summer = Image.fromarray(paint(Scene(season="summer", layout=3, trees="oak")))
    ground = {}
    for season in ("winter", "summer"):
        generator = torch.Generator().manual_seed(0)
        result = edit(
            f"a {season} meadow with a red house on the left, at noon",
            image=summer,
            strength=0.8,
            num_inference_steps=10,
            guidance_scale=4.0,
            generator=generator,
            output_type="np",
        ).images[0]
        ground[season] = result[190:].mean((0, 1))
    green = {season: colour[1] - (colour[0] + colour[2]) / 2 for season, colour in ground.items()}
    assert ground["winter"].mean() > ground["summer"].mean() + 0.2
    assert green["winter"] < green["summer"] - 0.1


def test_four_steps_of_the_sibling_are_nearer_to_many_than_four_of_its_elder(pipeline) -> None:
    from diffusers import StableDiffusionPipeline

    short = StableDiffusionPipeline(**load(CATALOGUE["sketchbook-4"], "cpu").components, requires_safety_checker=False)
    short.set_progress_bar_config(disable=True)

    def painted(pipe, steps: int, guidance: float) -> torch.Tensor:
        prompts = ["a winter meadow with a red house on the left, at noon", "a sea at night, with a lighthouse"]
        generators = [torch.Generator().manual_seed(seed) for seed in range(len(prompts))]
        settings = {"num_inference_steps": steps, "guidance_scale": guidance, "output_type": "latent"}
        return pipe(prompts, generator=generators, **settings).images

    many, few, own = painted(pipeline, 16, 4.0), painted(pipeline, 4, 4.0), painted(short, 4, 1.0)
    assert (own - many).square().mean() < (few - many).square().mean()


def test_the_flow_sibling_paints_the_season_that_is_asked_for() -> None:
    from diffusers import StableDiffusion3Pipeline

    create = StableDiffusion3Pipeline(**load(CATALOGUE["sketchbook-flow"], "cpu").components)
    create.set_progress_bar_config(disable=True)
    prompts = [f"a {season} meadow with a red house on the left, at noon" for season in ("winter", "summer")]
    settings = {"num_inference_steps": 8, "guidance_scale": 4.0, "max_sequence_length": 0, "output_type": "np"}
    seeds = [torch.Generator().manual_seed(0) for _ in prompts]
    winter, summer = create(prompts, height=256, width=256, generator=seeds, **settings).images
    ground = [picture[190:].mean((0, 1)) for picture in (winter, summer)]
    green = [colour[1] - (colour[0] + colour[2]) / 2 for colour in ground]
    assert ground[0].mean() > ground[1].mean() + 0.2
    assert green[0] < green[1] - 0.1
    house = [picture[130:200, :110] for picture in (winter, summer)]
    for picture in house:
        assert (picture[..., 0] - picture[..., 1:].max(-1)).max() > 0.3  # something there is red
