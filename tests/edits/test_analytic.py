"""The analytic denoiser itself: exact by sums worked out another way, the same in every prediction and pipeline."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import EulerDiscreteScheduler, HeunDiscreteScheduler
from edits import analytic

PREDICTIONS = ["epsilon", "v_prediction", "sample", "flow"]


def arguments(pipe: Any, name: str, count: int, steps: int, **more: Any) -> dict[str, Any]:
    return {
        **analytic.words(name, pipe, count),
        "image": analytic.clean("src", 0, count),
        "num_inference_steps": steps,
        "generator": torch.Generator().manual_seed(1),
        "output_type": "latent",
    } | more


def test_posterior_is_the_mean_of_weighted_draws() -> None:
    """By importance sampling: draw x0 from the prior, weigh by the likelihood of x."""
    generator = torch.Generator().manual_seed(2)
    a, b = torch.tensor([0.3], dtype=torch.float64), torch.tensor([0.954], dtype=torch.float64)
    prior = torch.full((1, 8), 1.0, dtype=torch.float64)
    x = a.view(-1, 1, 1, 1) * analytic.clean("src", 3) + b.view(-1, 1, 1, 1) * torch.randn(
        (1, 4, 4, 4), generator=generator, dtype=torch.float64
    )
    draws = analytic.TEMPLATES.repeat(50_000, 1, 1, 1)
    draws = draws + analytic.VARIANCE**0.5 * torch.randn(draws.shape, generator=generator, dtype=torch.float64)
    weight = torch.softmax(-(x - a * draws).square().flatten(1).sum(1) / (2 * b * b), dim=0)
    x0, eps = analytic.posterior(x, a, b, prior)
    torch.testing.assert_close(x0[0], (weight[:, None, None, None] * draws).sum(0), atol=0.02, rtol=0)
    torch.testing.assert_close(a * x0 + b * eps, x)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_pictures_made_from_noise_are_pictures_of_the_text(prediction: str) -> None:
    pipe = analytic.pipeline(prediction)
    made = pipe(**arguments(pipe, "tar", 64, 400), strength=1.0, guidance_scale=1.0).images
    found = analytic.templates("tar")[analytic.nearest(made, "tar")]
    assert made.dtype == torch.float64
    assert float((made - found).square().mean()) == pytest.approx(analytic.VARIANCE, rel=0.1)


def test_predictions_say_the_same() -> None:
    results = []
    for prediction in PREDICTIONS[:3]:
        pipe = analytic.pipeline(prediction)
        results.append(pipe(**arguments(pipe, "tar", 4, 20), strength=0.7, guidance_scale=1.5).images)
    torch.testing.assert_close(results[0], results[1], atol=1e-6, rtol=0)
    torch.testing.assert_close(results[0], results[2], atol=1e-6, rtol=0)


@pytest.mark.parametrize("scheduler", [EulerDiscreteScheduler, HeunDiscreteScheduler])
def test_variance_exploding_schedulers_bring_it_the_level_that_it_expects(scheduler: Any) -> None:
    """Many steps of any exact solver of the same equation end in the same picture: a wrong level would not."""
    expected = analytic.pipeline()
    exact = expected(**arguments(expected, "tar", 4, 400), strength=0.6, guidance_scale=1.5).images
    pipe = analytic.pipeline(scheduler=analytic.diffusion(scheduler, timestep_spacing="leading"))
    made = pipe(**arguments(pipe, "tar", 4, 400), strength=0.6, guidance_scale=1.5).images
    assert float((made - exact).abs().max()) < 0.02


@pytest.mark.parametrize(("prediction", "per_prompt"), [("epsilon", 1), ("epsilon", 3), ("flow", 1)])
def test_several_pictures_are_each_as_if_asked_for_alone(prediction: str, per_prompt: int) -> None:
    pipe = analytic.pipeline(prediction)
    many = arguments(pipe, "tar", 3, 8, generator=[torch.Generator().manual_seed(s) for s in (4, 5, 6)])
    many |= analytic.words("tar", pipe, 3 // per_prompt) | {"num_images_per_prompt": per_prompt}
    together = pipe(**many, strength=0.6, guidance_scale=1.5).images
    for index, seed in enumerate((4, 5, 6)):
        alone = arguments(pipe, "tar", 1, 8, generator=torch.Generator().manual_seed(seed))
        alone["image"] = many["image"][index : index + 1]
        made = pipe(**alone, strength=0.6, guidance_scale=1.5).images
        torch.testing.assert_close(together[index : index + 1], made)


def test_the_texts_differ_on_the_edited_cells_only() -> None:
    differs = (analytic.templates("src") != analytic.templates("tar")).any(dim=1)
    assert torch.equal(differs, analytic.EDITED.expand(4, 4, 4))
    assert int(analytic.EDITED.sum()) * 4 == 16
