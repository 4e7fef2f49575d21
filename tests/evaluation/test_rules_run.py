"""Every published rule on Sketchbook, on the schedulers of the comparison: it runs, and black is as the rule says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    StableDiffusionImg2ImgPipeline,
)
from sfumato.change_map import ChangeMap, M
from sfumato.evaluation.rules import RULES, Schedule, steps_of, trained_sigmas
from sfumato.models.sketchbook import WEIGHTS
from sfumato.steering import Grid, Run, steer
from torch import Tensor

STEPS = 4
CELLS = 8  # of 64 pixels
SCHEDULERS = {"DDIM": DDIMScheduler, "DPM++ 2M": DPMSolverMultistepScheduler, "Euler": EulerDiscreteScheduler}
FLOW = {"prediction_type": "flow_prediction", "use_flow_sigmas": True}
LEFT_HALF_BLACK = np.zeros((CELLS, CELLS), np.uint16)
LEFT_HALF_BLACK[:, CELLS // 2 :] = M
# These put the original back before or after every step but the last, so that black goes through one.
LOSE_BLACK = {"exx8", "diffusers SDXL", "diffusers Flux"}
COUNTED = {*LOSE_BLACK, "ComfyUI", "InvokeAI", "plain inpainting"}
# These keep black by way of the predicted x0, and so to a rounding.
BY_X0 = {"ComfyUI", "A1111 soft inpainting"}


@pytest.fixture(scope="module")
def sketchbook() -> Any:
    pipe = StableDiffusionImg2ImgPipeline.from_pretrained(WEIGHTS, dtype=torch.float32, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def words(sketchbook: Any) -> dict[str, Tensor]:
    with torch.no_grad():
        text, nothing = sketchbook.encode_prompt("a red house by a lake in winter", "cpu", 1, True, "")
    return {"prompt_embeds": text, "negative_prompt_embeds": nothing}


@pytest.fixture(params=SCHEDULERS)
def pipe(request: pytest.FixtureRequest, sketchbook: Any) -> Any:
    """Sketchbook with a scheduler made from its own one's config."""
    own = sketchbook.scheduler
    sketchbook.scheduler = SCHEDULERS[request.param].from_config(own.config)
    yield sketchbook
    sketchbook.scheduler = own


def final(pipe: Any, edit: Any, words: dict[str, Tensor]) -> Run:
    image = torch.randn(1, 4, CELLS, CELLS, generator=torch.Generator().manual_seed(2))
    generator = torch.Generator().manual_seed(1)
    with steer(pipe, edit) as steered:
        steered(
            image=image,
            num_inference_steps=STEPS,
            guidance_scale=1.0,
            generator=generator,
            output_type="latent",
            **words,
        )
        assert steered.run is not None
        return steered.run


@pytest.mark.parametrize("key", RULES)
def test_black_is_what_the_rule_says(key: str, pipe: Any, words: dict[str, Tensor]) -> None:
    """In the run, and for threshold rules in the count of steps that tests/peers works out by hand."""
    rule = RULES[key](ChangeMap(LEFT_HALF_BLACK))
    run = final(pipe, rule, words)
    assert torch.isfinite(run.state).all()
    black, white = (run.state - run.x0).abs().split(CELLS // 2, dim=3)
    assert white.max() > 0.05
    if key in LOSE_BLACK:
        assert black.max() > 0.01
    elif key in BY_X0:
        assert black.max() < 1e-4
    else:
        assert black.max() == 0
    if key in COUNTED:
        assert steps_of(rule, 0.0, rule.schedule) == (1 if key in LOSE_BLACK else 0)
        assert steps_of(rule, 1.0, rule.schedule) == STEPS


def test_a_rule_counts_in_the_models_own_timesteps(pipe: Any, words: dict[str, Tensor]) -> None:
    """Sketchbook's training schedule is not Stable Diffusion's. Its levels are timesteps that the scheduler lists."""
    rule = RULES["InvokeAI"](ChangeMap(LEFT_HALF_BLACK))
    final(pipe, rule, words)
    schedule = rule.schedule
    pipe.scheduler.set_timesteps(STEPS)
    counted = [schedule.timestep(float(sigma), whole=False) for sigma in schedule.sigmas[:-1]]
    assert counted == pytest.approx(pipe.scheduler.timesteps.tolist(), abs=0.02)
    whole = [schedule.timestep(float(sigma)) for sigma in schedule.sigmas[:-1]]
    assert whole == pytest.approx(pipe.scheduler.timesteps.tolist())


class TestTrainedSigmas:
    def test_diffusion(self) -> None:
        """Stable Diffusion's, as every program prints them, whichever schedule is set."""
        scheduler = EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
        scheduler.set_timesteps(4)
        sigmas = trained_sigmas(scheduler)
        assert len(sigmas) == 1000
        assert sigmas[[0, -1]] == pytest.approx([0.0292, 14.6146], abs=5e-5)
        assert (np.diff(sigmas) > 0).all()

    def test_without_signal_at_the_end(self) -> None:
        """Zero terminal SNR: the last sigma has no bound but is a number."""
        sigmas = trained_sigmas(DDIMScheduler(rescale_betas_zero_snr=True))
        assert np.isfinite(sigmas).all()
        assert (np.diff(sigmas) > 0).all()

    @pytest.mark.parametrize(
        ("scheduler", "least"),
        [
            (FlowMatchEulerDiscreteScheduler(shift=3.0), 0.003 / 1.002),
            (FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True), 0.001),
            (
                DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=2.0),
                0.002 / 1.001,
            ),
        ],
    )
    def test_flow(self, scheduler: Any, least: float) -> None:
        scheduler.set_timesteps(4, **({"mu": 1.0} if scheduler.config.get("use_dynamic_shifting") else {}))
        sigmas = trained_sigmas(scheduler)
        assert sigmas[[0, -1]] == pytest.approx([least, 1.0])

    def test_they_are_the_levels_of_the_grid(self) -> None:
        """All 1000 steps of a schedule are the training timesteps."""
        scheduler = DDIMScheduler(beta_schedule="scaled_linear")
        scheduler.set_timesteps(1000)
        levels = Schedule.of(Grid.of(scheduler, torch.empty(0, dtype=torch.float64))).sigmas
        assert levels[:-1][::-1] == pytest.approx(trained_sigmas(scheduler))


def test_every_row_says_what_it_was_compared_with() -> None:
    for key, row in RULES.items():
        assert row.name, key
        assert row.checked, key
        for checked in row.checked:
            assert checked.extent in ("own code", "piece")
            assert 0 <= checked.difference < 1e-4, key
    assert {"exx8", "ComfyUI", "InvokeAI", "A1111 soft inpainting", "blended latent diffusion"} <= set(RULES)
