"""The smoke recipe through every stage: it runs, it repeats itself, and broken off it goes on as it would have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sfumato.models.sketchbook import train_denoiser
from sfumato.models.sketchbook.assemble import assemble
from sfumato.models.sketchbook.data import scenes
from sfumato.models.sketchbook.paint import object_box, paint
from sfumato.models.sketchbook.recipe import RECIPES, Recipe
from sfumato.models.sketchbook.scene import mirrored
from sfumato.models.sketchbook.train import train
from sfumato.models.sketchbook.train_denoiser import Batches, cell_weights, rate_at
from sketchbook.smoke import SMOKE


def checkpoint(folder: Path) -> dict[str, Any]:
    return dict(torch.load(folder / "denoiser.pt", weights_only=True))


def again(trained: Path, folder: Path, recipe: Recipe) -> dict[str, Any]:
    """The denoiser stage in another folder, on the same autoencoder, text encoder and pictures."""
    for name in ("vae.pt", "text.pt"):
        (folder / name).write_bytes((trained / name).read_bytes())
    train("denoiser", folder, trained / "data", recipe)
    return checkpoint(folder)


def same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return all(
        torch.equal(value, second[part][name]) for part in ("unet", "ema_unet") for name, value in first[part].items()
    )


def test_a_run_repeats_itself(trained: Path, tmp_path: Path) -> None:
    first = checkpoint(trained)
    assert first["step"] == SMOKE.steps
    assert same(first, again(trained, tmp_path, SMOKE))


def test_another_seed_is_another_run(trained: Path, tmp_path: Path) -> None:
    assert not same(checkpoint(trained), again(trained, tmp_path, replace(SMOKE, seed=1)))


def test_broken_off_it_goes_on_as_it_would_have(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_denoiser, "rate_at", lambda step, recipe: 1e-3)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    unbroken = again(trained, whole, SMOKE)
    assert again(trained, parts, replace(SMOKE, steps=2))["step"] == 2
    assert same(unbroken, again(trained, parts, SMOKE))


def test_latents_are_those_of_the_autoencoder_there_is(trained: Path, tmp_path: Path) -> None:
    state = torch.load(trained / "vae.pt", weights_only=True)
    torch.save(state | {"mean": state["mean"] + 1}, tmp_path / "vae.pt")
    first, second = (
        Batches(out, trained / "data", SMOKE, torch.device("cpu")).pools["half"] for out in (trained, tmp_path)
    )
    assert first.what == second.what
    means = [pool.latents.float().mean((0, 2, 3)) for pool in (first, second)]
    assert torch.allclose(means[0] - means[1], 1 / state["std"], atol=0.02)


def test_what_was_trained_becomes_a_folder_that_paints(trained: Path, tmp_path: Path) -> None:
    from diffusers import StableDiffusionPipeline

    assemble(tmp_path / "weights", trained)
    pipe = StableDiffusionPipeline.from_pretrained(tmp_path / "weights", dtype=torch.float32, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    stored = torch.load(trained / "text.pt", weights_only=True)["text"]
    for name, value in pipe.text_encoder.state_dict().items():
        assert torch.equal(value, stored[name].half().float()), name
    picture = pipe("a red house", height=64, width=64, num_inference_steps=2, output_type="np").images[0]
    assert picture.shape == (64, 64, 3)
    assert np.isfinite(picture).all()


def test_the_rate_warms_up_stays_and_falls() -> None:
    recipe = replace(RECIPES["cpu"], steps=1000, cooldown=0.3)
    rates = [rate_at(step, recipe) for step in range(1000)]
    assert rates[0] == pytest.approx(recipe.rate / 200)
    assert set(rates[199:700]) == {recipe.rate}
    assert rates[850] == pytest.approx(recipe.rate / 2)
    assert rates[-1] > 0


def test_the_object_lies_in_its_box() -> None:
    for scene in scenes(5, 30):
        if scene.object == "none" or scene.ground in ("sea", "lake"):  # water reflects it
            continue
        scene = replace(scene, style="plain")
        for seen in (scene, mirrored(scene)):
            changed = np.abs(paint(seen, 128).astype(int) - paint(replace(seen, object="none"), 128)).sum(2) > 24
            left, top, right, bottom = object_box(seen)
            y, x = slice(int(128 * top), int(np.ceil(128 * bottom))), slice(int(128 * left), int(np.ceil(128 * right)))
            assert changed[y, x].sum() >= 0.99 * changed.sum()


def test_objects_count_more_and_the_mean_weight_is_one() -> None:
    what = [scene for scene in scenes(6, 40) if scene.object != "none"]
    weights = cell_weights(what, 16, 16)
    assert weights.mean().item() == pytest.approx(1)
    assert (weights.amax((1, 2, 3)) == weights.max()).all()
    assert weights.max() / weights.min() == pytest.approx(train_denoiser.OBJECT_WEIGHT)
