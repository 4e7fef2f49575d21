"""What a change map means, T1 to T12: a constant map is img2img, a black one the identity, every cell its own step.

A constant map at its own strength never injects, so it also passes for a wrapper that does nothing. The proof is
(a) the same with the step skip off, (b) the state entering every step, cell by cell, for all 256 greys, and
(c) that a wrapper that does nothing fails (a) and (b). T10 is where the schedulers are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    ChromaPipeline,
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
    FluxPipeline,
    HeunDiscreteScheduler,
    LCMScheduler,
    QwenImagePipeline,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    TCDScheduler,
    UniPCMultistepScheduler,
    ZImagePipeline,
)
from edits import analytic
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from sfumato.change_map import ChangeMap, M, release_steps
from sfumato.edits import Differential
from sfumato.steering import NoisedPath, Release, steer
from sfumato.steering.routes import route_of
from sfumato_wire.levels import Levels
from steering import tiny
from steering.proof import ALL_GREYS, FAMILIES, STEPS, Counted, change_for, noise_levels, plain, steered

GREYS = np.arange(256, dtype=np.int64) * 257
SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=37)
MAPS = hnp.arrays(np.uint16, SHAPES)
ROUNDINGS = ("floor", "ceil")


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class DoesNothing(Differential):
    """The wrapper that the proof must catch."""

    def step(self, run: Any, sample: torch.Tensor, output: torch.Tensor, solve: Any) -> torch.Tensor:
        return solve(output)


def check_constant_map_without_skip(family: str, edit: type[Differential]) -> None:
    pipe = tiny.FAMILIES[family]()
    for n in (1, 5, 9):
        result = steered(pipe, family, edit(change_for(pipe, n)), skip=False)
        assert torch.equal(result, plain(family, n)), f"n = {n}"


def check_every_cell_enters_at_its_level(family: str, edit: type[Differential]) -> None:
    pipe = tiny.FAMILIES[family]()
    entering: list[torch.Tensor] = []

    def remember(pipe: Any, i: int, t: Any, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        entering.append(state["latents"])
        return state

    with steer(pipe, edit(ALL_GREYS)) as run:
        run(**tiny.arguments(family, STEPS), callback_on_step_end=remember)
        assert run.run is not None
        reference, layout, x0 = NoisedPath(run.run), run.run.layout, run.run.x0
    k = STEPS - release_steps(ALL_GREYS.cells(16, 16), STEPS, 1000, route_of(pipe).rounding)
    k = layout.map(k, entering[0]).expand_as(entering[0])
    for i, state in enumerate(entering, start=1):  # state enters step i
        same = state == reference(i)
        assert torch.equal(same, k >= i), f"step {i}"
    assert torch.equal(entering[-1][k == STEPS], x0[k == STEPS])


class TestConstantMap:
    def test_t1_constant_map_is_img2img(self, family: str) -> None:
        pipe = tiny.FAMILIES[family]()
        for n in range(1, STEPS + 1):
            assert torch.equal(steered(pipe, family, Differential(change_for(pipe, n), "whole")), plain(family, n))

    def test_t1_a_also_with_the_skip_off(self, family: str) -> None:
        check_constant_map_without_skip(family, Differential)

    def test_t1_b_every_cell_enters_at_its_own_level(self, family: str) -> None:
        check_every_cell_enters_at_its_level(family, Differential)

    def test_t1_c_a_wrapper_that_does_nothing_fails(self, family: str) -> None:
        with pytest.raises(AssertionError):
            check_constant_map_without_skip(family, DoesNothing)
        with pytest.raises(AssertionError):
            check_every_cell_enters_at_its_level(family, DoesNothing)

    @pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample", "flow"])
    @pytest.mark.parametrize("skip", [True, False])
    def test_t1_on_the_analytic_denoiser(self, prediction: str, skip: bool) -> None:
        pipe = analytic.pipeline(prediction)
        for n in (1, 4, 7, 10):
            own = pipe(**analytic.arguments(pipe), strength=tiny.strength(pipe, STEPS, n)).images
            with steer(pipe, Differential(change_for(pipe, n)), skip=skip) as run:
                assert torch.equal(run(**analytic.arguments(pipe)).images, own), f"n = {n}"


class TestBlack:
    def test_t2_the_latents_come_back_with_no_model_call_and_nothing_drawn(self, family: str) -> None:
        pipe = tiny.FAMILIES[family]()
        arguments = tiny.arguments(family, STEPS)
        before = arguments["generator"].get_state()
        with Counted(pipe) as calls, steer(pipe, Differential(ChangeMap.constant(0.0))) as run:
            result = run(**arguments).images
        assert torch.equal(torch.as_tensor(result), arguments["image"])
        assert calls == []
        assert torch.equal(arguments["generator"].get_state(), before)

    def test_t2_the_picture_comes_back(self) -> None:
        picture = Image.fromarray(np.full((32, 32, 3), 77, np.uint8))
        with steer(tiny.sd(), Differential(ChangeMap.constant(0.0))) as run:
            result = run(**tiny.arguments("sd", 4) | {"image": picture, "output_type": "pil"})
        assert result.images[0] is picture


def from_noise(cls: Any, pipe: Any, **config: Any) -> Any:
    """The text-to-image pipeline of the same parts."""
    made = cls(**pipe.components, **config)
    made.set_progress_bar_config(disable=True)
    return made


class TestWhite:
    @pytest.mark.parametrize(
        ("family", "cls"),
        [
            ("sd3", StableDiffusion3Pipeline),
            ("flux", FluxPipeline),
            ("chroma", ChromaPipeline),
            ("qwen", QwenImagePipeline),
            ("z_image", ZImagePipeline),
        ],
    )
    def test_t3_on_a_flow_is_text_to_image_from_the_same_noise(self, family: str, cls: Any) -> None:
        pipe = tiny.FAMILIES[family]()
        arguments = tiny.arguments(family, STEPS)
        result = steered(pipe, family, Differential(ChangeMap.constant(1.0)))
        del arguments["image"]
        size = {"height": tiny.CELLS * 2, "width": tiny.CELLS * 2}
        assert torch.equal(result, from_noise(cls, pipe)(**arguments | size).images)

    def test_t3_on_the_analytic_flow(self) -> None:
        pipe = analytic.pipeline("flow")
        with steer(pipe, Differential(ChangeMap.constant(1.0))) as run:
            result = run(**analytic.arguments(pipe)).images
            noise = run.run.noise
        arguments = analytic.arguments(pipe, latents=noise, height=4, width=4)
        del arguments["image"]
        assert torch.equal(result, from_noise(StableDiffusion3Pipeline, pipe)(**arguments).images)

    def test_t3_on_a_variance_preserving_schedule_only_the_start_knows_the_picture(self) -> None:
        """It starts from R_0 = a_0 x0 + b_0 eps, and is text-to-image from there: a_0 x0 is all that differs."""
        pipe = analytic.pipeline()
        with steer(pipe, Differential(ChangeMap.constant(1.0))) as run:
            result = run(**analytic.arguments(pipe)).images
            a, b, x0, noise = run.run.grid.a[0], run.run.grid.b[0], run.run.x0, run.run.noise
        assert 0.01 < float(a) < 0.2
        text_to_image = from_noise(StableDiffusionPipeline, pipe, requires_safety_checker=False)
        arguments = analytic.arguments(pipe, height=8, width=8)  # what the check wants; latents are given
        del arguments["image"]
        assert torch.equal(result, text_to_image(**arguments | {"latents": a * x0 + b * noise}).images)
        assert not torch.equal(result, text_to_image(**arguments | {"latents": b * noise}).images)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 8, 20, 28, 50, 100])
class TestSteps:
    def test_t4_every_grey_of_8_bits_is_exact(self, steps: int) -> None:
        assert release_steps(GREYS, steps, 1000, "floor").tolist() == [steps * v // 255 for v in range(256)]
        assert release_steps(GREYS, steps, 1000, "ceil").tolist() == [-(-steps * v // 255) for v in range(256)]

    @pytest.mark.parametrize("rounding", ROUNDINGS)
    def test_t4_ends_and_order(self, steps: int, rounding: Any) -> None:
        n = release_steps(GREYS, steps, 1000, rounding)
        assert (n[0], n[-1]) == (0, steps)
        assert (np.diff(n) >= 0).all()

    def test_t4_strength_multiplies(self, steps: int) -> None:
        n = release_steps(np.array([M]), steps, 290, "floor")
        assert n.tolist() == [steps * 290 // 1000]

    @pytest.mark.parametrize("schedule", ["flow", "flow of shift 6", "diffusion"])
    @pytest.mark.parametrize("rounding", ROUNDINGS)
    def test_t4_axis_noise_is_the_first_level_with_so_little_noise(
        self, steps: int, schedule: str, rounding: Any
    ) -> None:
        """k(p) = min{i: b_i / (a_i + b_i) <= c}, word for word."""
        levels = noise_levels(schedule, steps)
        release = Release(ALL_GREYS, (16, 16), levels, rounding, "whole", "noise")
        k = steps - release.value.ravel()
        assert k.tolist() == [min(i for i in range(steps + 1) if levels[i] * M <= v) for v in GREYS]
        assert (k[0], k[-1]) == (steps, 0)
        assert (np.diff(k) <= 0).all()
        assert release.first == k.min()


SAMPLERS = (
    DDIMScheduler,
    DDPMScheduler,
    EulerDiscreteScheduler,
    EulerAncestralDiscreteScheduler,
    HeunDiscreteScheduler,
    DPMSolverMultistepScheduler,
    UniPCMultistepScheduler,
    LCMScheduler,
    TCDScheduler,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize(("release", "axis"), [("whole", "steps"), ("fractional", "steps"), ("fractional", "noise")])
def test_t5_cells_of_no_steps_are_the_original_whatever_else_is_asked(sampler: Any, release: Any, axis: Any) -> None:
    flow = sampler.__name__.startswith("Flow")
    scheduler = sampler(shift=3.0) if flow else analytic.diffusion(sampler)
    pipe = analytic.pipeline("flow" if flow else "epsilon", scheduler)
    draws = np.random.default_rng(5)
    for seed, text in enumerate(["src", "tar", ""]):
        values = draws.integers(0, M, (4, 4), np.uint16, endpoint=True)
        values[draws.random((4, 4)) < 0.5] = 0
        values.flat[seed] = M
        with steer(pipe, Differential(ChangeMap(values), release, axis)) as run:
            result = run(**analytic.arguments(pipe, 6, seed=seed) | analytic.words(text, pipe, 2)).images
            n = torch.as_tensor(run._edit.release.value)
            x0 = run.run.x0
        assert torch.equal(result[..., n == 0], x0[..., n == 0])
        assert not torch.equal(result[..., n > 0], x0[..., n > 0])


def test_t6_a_change_of_the_map_that_changes_no_n_changes_nothing(family: str) -> None:
    pipe = tiny.FAMILIES[family]()
    v = ALL_GREYS.values.astype(np.int64)
    n = release_steps(v, STEPS, 1000, route_of(pipe).rounding)
    # The darkest and the lightest grey of 16 bits that has the same n.
    every = release_steps(np.arange(M + 1), STEPS, 1000, route_of(pipe).rounding)
    darkest, lightest = (np.searchsorted(every, n, side="left"), np.searchsorted(every, n, side="right") - 1)
    results = [
        steered(pipe, family, Differential(ChangeMap(values.astype(np.uint16)), "whole"))
        for values in (v, darkest, lightest)
    ]
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


class TestCalls:
    def test_t8_as_many_as_the_largest_n(self, family: str) -> None:
        pipe = tiny.FAMILIES[family]()
        for n in (1, 4, 9):
            values = np.zeros((16, 16), np.uint16)
            values[3, 4] = change_for(pipe, n).values[0, 0]
            values[5, 6] = change_for(pipe, 1).values[0, 0]
            with Counted(pipe) as calls:
                steered(pipe, family, Differential(ChangeMap(values)))
            assert len(calls) == n * (2 if family in tiny.TWICE else 1)

    @pytest.mark.parametrize("prediction", ["epsilon", "flow"])
    @pytest.mark.parametrize(("guidance", "rows"), [(1.5, 2), (1.0, 1)])
    def test_t8_each_with_the_rows_that_guidance_asks_for(self, prediction: str, guidance: float, rows: int) -> None:
        pipe = analytic.pipeline(prediction)
        with Counted(pipe) as calls, steer(pipe, Differential(change_for(pipe, 7))) as run:
            run(**analytic.arguments(pipe, count=3, guidance_scale=guidance))
        assert calls == [3 * rows] * 7

    def test_t8_skipping_leading_steps_changes_nothing(self, family: str) -> None:
        pipe = tiny.FAMILIES[family]()
        half = ChangeMap(ALL_GREYS.values, strength=600)
        skipped, run_in_full = (steered(pipe, family, Differential(half), skip=skip) for skip in (True, False))
        assert torch.equal(skipped, run_in_full)


def test_t9_a_map_whose_white_keeps_is_read_as_its_inverse(tmp_path: Path) -> None:
    keeps = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(keeps).save(tmp_path / "keeps.png")
    Image.fromarray(255 - keeps).save(tmp_path / "changes.png")
    imported = ChangeMap.open(tmp_path / "keeps.png", levels=Levels(invert=True))
    changes = ChangeMap.open(tmp_path / "changes.png")
    assert np.array_equal(imported.values, changes.values)
    assert np.array_equal(imported.values, M - ChangeMap.open(tmp_path / "keeps.png").values)
    pipe = tiny.sd()
    assert torch.equal(steered(pipe, "sd", Differential(imported)), steered(pipe, "sd", Differential(changes)))


def test_t11_pictures_of_a_batch_do_not_depend_on_each_other(family: str) -> None:
    pipe = tiny.FAMILIES[family]()
    results = []
    for seeds in ((5, 6), (5, 7)):
        with steer(pipe, Differential(ALL_GREYS)) as run:
            generators = [torch.Generator().manual_seed(s) for s in seeds]
            results.append(run(**tiny.arguments(family, 4, batch=2) | {"generator": generators}).images)
    assert torch.equal(results[0][0], results[1][0])
    assert not torch.equal(results[0][1], results[1][1])


class TestCells:
    @given(MAPS, st.integers(1, 9), st.integers(1, 9), st.integers(0, M), st.sampled_from(["area", "max"]))
    def test_t12_a_constant_stays_constant(
        self, shape_of: np.ndarray, rows: int, columns: int, value: int, resample: Any
    ) -> None:
        constant = ChangeMap(np.full(shape_of.shape, value, np.uint16), resample=resample)
        assert (constant.cells(rows, columns) == value).all()

    @given(
        hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=37)), st.integers(1, 9), st.integers(1, 9)
    )
    def test_t12_two_values_stay_two_where_any_change_counts(self, mask: np.ndarray, rows: int, columns: int) -> None:
        """There is no nearest here; `max` is the choice that keeps a mask a mask."""
        cells = ChangeMap(mask.astype(np.uint16) * np.uint16(M), resample="max").cells(rows, columns)
        assert set(cells.ravel().tolist()) <= {0, M}

    @given(SHAPES, st.data(), st.integers(1, M))
    def test_t12_any_pixel_reaches_a_cell_where_any_change_counts(
        self, shape: tuple[int, int], data: st.DataObject, value: int
    ) -> None:
        values = np.zeros(shape, np.uint16)
        values[data.draw(st.integers(0, shape[0] - 1)), data.draw(st.integers(0, shape[1] - 1))] = value
        cells = ChangeMap(values, resample="max").cells(data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9)))
        assert cells.max() == value
