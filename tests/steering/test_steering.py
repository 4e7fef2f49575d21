"""The heart on real diffusers classes: solvers, manners, pictures. What a map means is in edits/test_map.py."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    UniPCMultistepScheduler,
)
from PIL import Image
from sfumato.change_map import ChangeMap, M, release_steps
from sfumato.edits import Differential
from sfumato.steering import Grid, NoisedPath, Run, Steered, rounding_of, steer
from sfumato.steering.layout import Layout
from steering import tiny
from steering.proof import ALL_GREYS, FAMILIES, STEPS, change_for, plain, steered


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class TestConstantMap:
    @pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
    @pytest.mark.parametrize(
        ("scheduler", "skip"),
        [
            (DDIMScheduler, True),
            (DDIMScheduler, False),
            (EulerDiscreteScheduler, True),
            (EulerDiscreteScheduler, False),
            # Multistep solvers carry a history from before the release: only a start at k_min can be bit-equal.
            (DPMSolverMultistepScheduler, True),
            (UniPCMultistepScheduler, True),
            (HeunDiscreteScheduler, True),
        ],
    )
    def test_constant_map_is_img2img_for_the_scheduler(self, scheduler: Any, skip: bool, prediction: str) -> None:
        pipe = tiny.sd()
        before = pipe.scheduler
        pipe.scheduler = tiny.diffusion(scheduler, prediction_type=prediction)
        try:
            for n in (1, 4, 10):
                result = steered(pipe, "sd", Differential(change_for(pipe, n)), skip=skip)
                assert torch.equal(result, plain("sd", n)), f"n = {n}"
        finally:
            pipe.scheduler = before


class TestFractionalRelease:
    def test_equals_whole_where_steps_come_out_even(self, family: str) -> None:
        pipe = tiny.FAMILIES[family]()
        # M / STEPS is no integer for 10 steps; 5 divides M = 65535.
        values = (np.arange(256) % 6 * (M // 5)).astype(np.uint16).reshape(16, 16)
        whole, fractional = (
            steered(pipe, family, Differential(ChangeMap(values), release), steps=5)
            for release in ("whole", "fractional")
        )
        assert torch.equal(whole, fractional)

    def test_every_grey_counts_at_four_steps(self) -> None:
        pipe = tiny.sd()
        results = [
            steered(pipe, "sd", Differential(ChangeMap.constant(v / 255), "fractional"), steps=4)
            for v in range(0, 256, 5)
        ]
        for below, above in itertools.pairwise(results):
            assert not torch.equal(below, above)

    def test_frozen_cells_stay_the_original(self, family: str) -> None:
        pipe = tiny.FAMILIES[family]()
        values = ALL_GREYS.values.copy()
        values[:8] = 0
        with steer(pipe, Differential(ChangeMap(values), "fractional")) as run:
            run(**tiny.arguments(family, STEPS))
            assert run.run is not None
            result = run.run.state
            kept = run.run.layout.map(values == 0, result).expand_as(result)
            x0 = run.run.x0
        assert torch.equal(result[kept], x0[kept])
        assert not torch.equal(result[~kept], x0[~kept])


def path(grid: Grid, x0: torch.Tensor, noise: torch.Tensor) -> NoisedPath:
    return NoisedPath(Run(grid, Layout(None, x0), x0, noise, range(grid.calls), 0, None))


class TestSolvers:
    @pytest.mark.parametrize("scheduler", [DPMSolverMultistepScheduler, UniPCMultistepScheduler])
    @pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
    def test_frozen_cells_tell_a_multistep_solver_their_own_x0(self, scheduler: Any, prediction: str) -> None:
        pipe = tiny.sd()
        before = pipe.scheduler
        pipe.scheduler = tiny.diffusion(scheduler, prediction_type=prediction)
        history: list[torch.Tensor] = []

        def look(pipe: Any, i: int, t: Any, state: dict[str, Any]) -> dict[str, Any]:
            history.append(pipe.scheduler.model_outputs[-1].clone())
            return state

        try:
            with steer(pipe, Differential(ALL_GREYS)) as run:
                run(**tiny.arguments("sd", STEPS), callback_on_step_end=look)
                assert run.run is not None
                x0 = run.run.x0
        finally:
            pipe.scheduler = before
        k = torch.as_tensor(STEPS - release_steps(ALL_GREYS.cells(16, 16), STEPS, 1000, "floor")).expand_as(x0)
        for i, predicted in enumerate(history):
            frozen = k >= i + 1
            # 1 / a is 14.6 at the noisiest level, so float32 rounding of a few 1e-6 is what is left.
            torch.testing.assert_close(predicted[frozen], x0[frozen], atol=2e-5, rtol=1e-5)

    def test_grid_speaks_the_schedulers_own_bits(self) -> None:
        generator = torch.Generator().manual_seed(3)
        x0, noise = torch.randn((2, 1, 4, 8, 8), generator=generator)
        for cls in (DDIMScheduler, EulerDiscreteScheduler, DPMSolverMultistepScheduler, HeunDiscreteScheduler):
            scheduler = tiny.diffusion(cls)
            scheduler.set_timesteps(7)
            grid = Grid.of(scheduler, x0)
            reference = path(grid, x0, noise)
            for call, t in enumerate(scheduler.timesteps):
                assert torch.equal(reference(call), scheduler.add_noise(x0, noise, t[None]))
            assert torch.equal(reference(grid.calls), x0)
            assert grid.steps == 7

    @pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
    def test_predictions_turn_into_x0_and_back(self, prediction: str) -> None:
        generator = torch.Generator().manual_seed(3)
        x0, noise = torch.randn((2, 1, 4, 8, 8), generator=generator, dtype=torch.float64)
        for cls in (DDIMScheduler, EulerDiscreteScheduler):
            scheduler = tiny.diffusion(cls, prediction_type=prediction)
            scheduler.set_timesteps(7)
            grid = Grid.of(scheduler, x0)
            reference = path(grid, x0, noise)
            for call in range(grid.calls):
                output = grid.output(call, x0, noise)
                torch.testing.assert_close(grid.x0(call, reference(call), output), x0)


class TestManners:
    def test_strength_belongs_to_the_map(self) -> None:
        with (
            steer(tiny.sd(), Differential(ALL_GREYS)) as run,
            pytest.raises(ValueError, match="Leave out strength"),
        ):
            run(**tiny.arguments("sd", 4), strength=0.5)

    def test_nested_steering_is_refused_and_the_outer_one_lives_on(self) -> None:
        pipe = tiny.sd()
        before = pipe.scheduler

        def nested(*_: Any) -> Any:
            with steer(pipe, Differential(ALL_GREYS)):
                raise AssertionError("must not come here")

        with steer(pipe, Differential(ALL_GREYS)) as run, pytest.raises(ValueError, match="being steered already"):
            run(**tiny.arguments("sd", 4), callback_on_step_end=nested)
        assert pipe.scheduler is before

    def test_the_pipeline_is_restored_after_an_exception(self) -> None:
        pipe = tiny.sd()
        before, config = pipe.scheduler, dict(pipe.config)

        def stop(*_: Any) -> Any:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt), steer(pipe, Differential(ALL_GREYS)) as run:
            run(**tiny.arguments("sd", 4), callback_on_step_end=stop)
        assert pipe.scheduler is before
        assert dict(pipe.config) == config

    def test_rounding_is_asked_of_the_pipeline(self) -> None:
        assert {name: rounding_of(tiny.FAMILIES[name]()) for name in ("sd", "sdxl", "sd3", "flux")} == {
            "sd": "floor",
            "sdxl": "floor",
            "sd3": "ceil",
            "flux": "ceil",
        }

    def test_a_padded_map_leaves_the_padding_out(self) -> None:
        change_map = ChangeMap(np.full((12, 10), M, np.uint16), covered=(Fraction(12), Fraction(10)))
        cells = change_map.cells(16, 16)
        assert (cells[:12, :10] == M).all()
        assert (cells[12:] == 0).all()
        assert (cells[:, 10:] == 0).all()


class TestPictures:
    def test_black_pixels_are_the_originals(self) -> None:
        pipe = tiny.sd()
        pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
        picture = Image.fromarray(pixels)
        values = np.zeros((32, 32), np.uint16)
        values[:, 16:] = M
        arguments = tiny.arguments("sd", 4) | {"image": picture, "output_type": "pil"}
        with steer(pipe, Differential(ChangeMap(values))) as run:
            assert isinstance(run, Steered)
            result = np.asarray(run(**arguments).images[0])
        assert np.array_equal(result[:, :16], pixels[:, :16])
        assert not np.array_equal(result[:, 16:], pixels[:, 16:])

    def test_a_black_map_gives_as_many_pictures_as_were_asked_for(self) -> None:
        pictures = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
        arguments = tiny.arguments("sd", 4) | {"image": pictures, "output_type": "pil", "num_images_per_prompt": 3}
        arguments["prompt_embeds"] = arguments["prompt_embeds"].repeat(2, 1, 1)
        with steer(tiny.sd(), Differential(ChangeMap.constant(0.0))) as run:
            assert run(**arguments).images == pictures * 3  # diffusers takes several pictures in turn

    def test_arrays_of_pictures_are_refused(self) -> None:
        arguments = tiny.arguments("sd", 4) | {"image": Image.new("RGB", (32, 32)), "output_type": "np"}
        with steer(tiny.sd(), Differential(ALL_GREYS)) as run, pytest.raises(ValueError, match="output_type 'pil'"):
            run(**arguments)
