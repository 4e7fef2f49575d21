"""Soft inpainting on real diffusers classes: white is img2img, black the original, and greys hold by sigma.

The composite by what changed is checked against values worked by hand.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
)
from edits import analytic
from PIL import Image
from sfumato.change_map import ChangeMap, M
from sfumato.composite import Difference, layer, over_pixels, percentile_filter
from sfumato.edits import SoftInpainting
from sfumato.edits.soft_inpainting import blended
from sfumato.errors import InputError
from sfumato.steering import Grid, Run, rounding_of, steer
from sfumato.steering.layout import Layout
from sfumato.studio import Studio
from sfumato.studio.declared import DECLARED
from steering import tiny
from studio.test_studio import flat, job
from torch import Tensor

STEPS = 6
FAMILIES = ("sd", "sdxl", "sd3", "flux")
DIFFUSION = (DDIMScheduler, EulerDiscreteScheduler, DPMSolverMultistepScheduler, HeunDiscreteScheduler)
GREYS = np.tile(np.linspace(0, M, 16).astype(np.uint16), (16, 1))  # black left, white right


@pytest.fixture(params=[*FAMILIES, *(cls.__name__ for cls in DIFFUSION[1:])])
def case(request: pytest.FixtureRequest) -> tuple[Any, str]:
    """A pipeline and its family; the schedulers by SD's."""
    if request.param in FAMILIES:
        return tiny.FAMILIES[request.param](), request.param
    scheduler = next(cls for cls in DIFFUSION if cls.__name__ == request.param)
    return with_scheduler(tiny.diffusion(scheduler)), "sd"


def with_scheduler(scheduler: Any) -> Any:
    pipe = tiny.sd()
    other = type(pipe)(**pipe.components | {"scheduler": scheduler}, requires_safety_checker=False)
    other.set_progress_bar_config(disable=True)
    return other


def edited(pipe: Any, family: str, edit: Any, **changes: Any) -> Tensor:
    with steer(pipe, edit) as steered:
        return steered(**tiny.arguments(family, STEPS) | changes).images


def spread(pipe: Any, cells: Any) -> Tensor:
    """A boolean map of the latent cells in the form of the pipeline's latents."""
    grid = torch.as_tensor(cells)[None, None].expand(1, 4, 16, 16)
    return pipe._pack_latents(grid, 1, 4, 16, 16) if hasattr(pipe, "_pack_latents") else grid


def clean(pipe: Any, family: str) -> Tensor:
    x0 = tiny.arguments(family, STEPS)["image"]
    return pipe._pack_latents(x0, 1, 4, 16, 16) if hasattr(pipe, "_pack_latents") else x0


class TestEnds:
    @pytest.mark.parametrize("strength", [500, 1000])
    def test_white_is_img2img_bit_for_bit(self, case: tuple[Any, str], strength: int) -> None:
        pipe, family = case
        n = STEPS * strength // 1000
        own = min(1.0, (n + 0.5) / STEPS) if rounding_of(pipe) == "floor" else (n - 0.5) / STEPS
        plain = pipe(**tiny.arguments(family, STEPS), strength=own).images
        white = SoftInpainting(ChangeMap(np.full((1, 1), M, np.uint16), strength))
        assert torch.equal(edited(pipe, family, white), plain)

    def test_white_cells_keep_the_models_own_bits_beside_black_ones(self) -> None:
        """The output that reaches the solver is the model's where the map is white, whatever the rest is."""
        pipe = tiny.sd()
        told: list[tuple[Tensor, Tensor]] = []

        class Listening(SoftInpainting):
            def step(self, run: Run, sample: Tensor, output: Tensor, solve: Any) -> Tensor:
                return super().step(run, sample, output, lambda f: (told.append((output, f)), solve(f))[1])

        edited(pipe, "sd", Listening(ChangeMap(GREYS)))
        assert len(told) == STEPS
        for output, f in told:
            assert torch.equal(output[..., -1], f[..., -1])
            assert not torch.equal(output[..., -4], f[..., -4])

    def test_black_cells_end_as_the_original_exactly(self, case: tuple[Any, str]) -> None:
        pipe, family = case
        result, x0 = edited(pipe, family, SoftInpainting(ChangeMap(GREYS))), clean(pipe, family)
        black, white = spread(pipe, GREYS == 0), spread(pipe, GREYS == M)
        assert torch.equal(result[black], x0[black])
        assert (result != x0)[white].float().mean() > 0.99
        assert torch.isfinite(result).all()

    def test_a_black_map_gives_the_latents_back_with_no_model_call(self) -> None:
        pipe = tiny.sd()
        calls: list[int] = []
        handle = pipe.unet.register_forward_hook(lambda *_: calls.append(1))
        try:
            result = edited(pipe, "sd", SoftInpainting(ChangeMap.constant(0.0)))
        finally:
            handle.remove()
        assert torch.equal(torch.as_tensor(result), tiny.arguments("sd", STEPS)["image"])
        assert calls == []

    def test_black_cells_follow_the_original_through_the_schedule(self) -> None:
        """Their output is the one whose prediction is x0, so that a deterministic solver keeps them on a x0 + b eps."""
        pipe = tiny.sd()
        states: list[Tensor] = []

        def look(pipe: Any, step: int, t: Any, state: dict[str, Tensor]) -> dict[str, Tensor]:
            states.append(state["latents"])
            return state

        edited(pipe, "sd", SoftInpainting(ChangeMap(GREYS)), callback_on_step_end=look)
        x0 = tiny.arguments("sd", STEPS)["image"]
        noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(1))
        for i, state in enumerate(states[:-1], start=1):
            level = pipe.scheduler.add_noise(x0, noise, pipe.scheduler.timesteps[i][None])
            torch.testing.assert_close(state[..., 0], level[..., 0], atol=2e-5, rtol=0)

    def test_one_picture_does_not_depend_on_its_mates(self) -> None:
        pipe = tiny.flux()
        arguments = tiny.arguments("flux", STEPS, batch=2)
        both, other = (
            edited(
                pipe,
                "flux",
                SoftInpainting(ChangeMap(GREYS)),
                **arguments | {"generator": [torch.Generator().manual_seed(seed) for seed in (5, second)]},
            )
            for second in (6, 7)
        )
        assert torch.equal(both[0], other[0])
        assert not torch.equal(both[1], other[1])


class TestWeights:
    @staticmethod
    def weight(c: float, sigma: float, **settings: float) -> float:
        edit = SoftInpainting(ChangeMap.constant(c), **settings)
        edit.c = torch.tensor([c], dtype=torch.float64)
        return float(edit.weight(torch.tensor(sigma)))

    @pytest.mark.parametrize(
        ("sigma", "c", "w"),
        [(14.6, 0.5, 0.006), (14.6, 0.9, 0.46), (2.0, 0.5, 0.5), (1.0, 0.5, 0.71), (0.1, 0.5, 0.97)],
    )
    def test_the_published_table(self, sigma: float, c: float, w: float) -> None:
        assert self.weight(c, sigma) == pytest.approx(w, abs=0.006)
        assert self.weight(c, sigma) == pytest.approx(c ** (0.5 * sigma), abs=1e-6)

    def test_bias_and_preservation_bend_the_exponent(self) -> None:
        assert self.weight(0.5, 2.0, schedule_bias=2.0) == pytest.approx(0.5**2)
        assert self.weight(0.5, 2.0, preservation=2.0) == pytest.approx(0.5**4)
        assert self.weight(0.5, 2.0, preservation=0.0) == 1.0
        assert self.weight(0.0, 2.0, preservation=0.0) == 0.0  # black keeps, whatever is asked
        assert self.weight(1.0, 14.6, preservation=8.0, schedule_bias=8.0) == 1.0

    def test_a_grey_is_locked_early_on_flow_models_too(self) -> None:
        """As a power of the flow's own sigma, at most 1, half a grey would weigh at least .71 everywhere."""
        scheduler = tiny.sd3().scheduler
        scheduler.set_timesteps(10)
        grid = Grid.of(scheduler, torch.zeros(1, dtype=torch.float64))
        weights = []
        for call in range(grid.calls):
            edit = SoftInpainting(ChangeMap.constant(0.5))
            edit.c = torch.tensor([0.5], dtype=torch.float64)
            weights.append(float(edit.weight(grid.sigma(call))))
            if grid.a[call] > 0:
                ratio = float(grid.b[call] / (1 - grid.b[call]))
                assert weights[-1] == pytest.approx(0.5 ** (0.5 * ratio))
        assert weights[0] == 0.0  # sigma is infinite where nothing of the picture is left
        assert weights[1] < 0.01
        assert weights == sorted(weights)
        assert weights[-1] > 0.8

    def test_the_flows_first_steps_hold_a_grey_to_the_original(self) -> None:
        """What the solver is told in the first steps predicts the original where the map is grey."""
        pipe = tiny.sd3()
        off: list[float] = []

        class Listening(SoftInpainting):
            def step(self, run: Run, sample: Tensor, output: Tensor, solve: Any) -> Tensor:
                def told(f: Tensor) -> Tensor:
                    own, said = (run.grid.x0(run.call, sample, x) - run.x0 for x in (output, f))
                    off.append(float(said.norm() / own.norm()))
                    return solve(f)

                return super().step(run, sample, output, told)

        edited(pipe, "sd3", Listening(ChangeMap.constant(0.5)))
        assert len(off) == STEPS
        assert max(off[:2]) < 0.05
        assert off[-1] > 0.5


class TestBlend:
    @staticmethod
    def run(shape: tuple[int, ...], pipe: Any = None) -> Run:
        x0 = torch.zeros(shape)
        one = torch.ones(2)
        return Run(Grid(1, 1, one, one, "epsilon"), Layout(pipe, x0), x0, x0, range(1), 0, None)

    def test_lengths_are_the_formulas(self) -> None:
        """By hand: (3, 4) and (0, 1), w = .5, d = 2: the mean (1.5, 2.5) at the length sqrt((25 + 1) / 2)."""
        old, new = torch.tensor([[3.0, 4.0]]).view(1, 2, 1, 1), torch.tensor([[0.0, 1.0]]).view(1, 2, 1, 1)
        result = blended(self.run((1, 2, 1, 1)), old, new, torch.full((1, 1, 1, 1), 0.5), 2.0)
        wanted = torch.tensor([1.5, 2.5]) * (math.sqrt(13) / math.hypot(1.5, 2.5))
        torch.testing.assert_close(result.flatten(), wanted)

    @pytest.mark.parametrize("d", [1.0, 4.0, 32.0])
    def test_lengths_of_every_cell(self, d: float) -> None:
        generator = torch.Generator().manual_seed(0)
        old, new = torch.randn((2, 3, 4, 5, 6), generator=generator, dtype=torch.float64) * 30
        w = torch.rand((1, 1, 5, 6), generator=generator, dtype=torch.float64)
        result = blended(self.run((3, 4, 5, 6)), old, new, w, d)
        length = (old.norm(dim=1) ** d * (1 - w[0]) + new.norm(dim=1) ** d * w[0]) ** (1 / d)
        torch.testing.assert_close(result.norm(dim=1), length)
        mean = old * (1 - w) + new * w
        torch.testing.assert_close(result / result.norm(dim=1, keepdim=True), mean / mean.norm(dim=1, keepdim=True))

    def test_a_packed_token_is_four_cells_of_their_own_length(self) -> None:
        pipe = tiny.flux()
        generator = torch.Generator().manual_seed(0)
        old, new = torch.randn((2, 2, 4, 16, 16), generator=generator)
        w = torch.rand((1, 1, 16, 16), generator=generator)
        spatial = blended(self.run((2, 4, 16, 16)), old, new, w, 4.0)
        run = self.run((2, 4, 16, 16), pipe)
        packed = blended(run, run.layout.like(old), run.layout.like(new), run.layout.like(w), 4.0)
        torch.testing.assert_close(run.layout.unlike(packed), spatial)

    def test_the_ends_are_the_two_pictures(self) -> None:
        generator = torch.Generator().manual_seed(0)
        old, new = torch.randn((2, 1, 4, 3, 3), generator=generator)
        for w, end in ((0.0, old), (1.0, new)):
            torch.testing.assert_close(blended(self.run((1, 4, 3, 3)), old, new, torch.full((1, 1, 3, 3), w), 4.0), end)
        nothing = torch.zeros_like(old)
        result = blended(self.run((1, 4, 3, 3)), nothing, nothing, torch.full((1, 1, 3, 3), 0.5), 4.0)
        assert torch.equal(result, nothing)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample", "flow"])
def test_the_response_never_falls_with_the_grey(prediction: str) -> None:
    pipe, count = analytic.pipeline(prediction), 16
    image = analytic.clean("src", 1, count)
    response = []
    for grey in (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0):
        with steer(pipe, SoftInpainting(ChangeMap.constant(grey))) as steered:
            result = steered(
                image=image.clone(),
                num_inference_steps=20,
                guidance_scale=1.5,
                generator=[torch.Generator().manual_seed(seed) for seed in range(count)],
                output_type="latent",
                **analytic.words("tar", pipe, count),
            ).images
        off = (torch.as_tensor(result) - image).flatten(1).norm(dim=1)
        response.append(float(off.mean()))
    assert response[0] == 0
    assert all(below < above for below, above in itertools.pairwise(response))


def test_nothing_depends_on_the_number_of_threads() -> None:
    pipe = tiny.sd()
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            result = edited(pipe, "sd", SoftInpainting(ChangeMap(GREYS)))
            before = tiny.arguments("sd", STEPS)["image"].numpy()
            results.append((result, Difference().alpha(before, result.numpy(), GREYS / M)))
    finally:
        torch.set_num_threads(threads)
    for result, alpha in results[1:]:
        torch.testing.assert_close(result, results[0][0], atol=1e-5, rtol=0)
        assert np.allclose(alpha, results[0][1], atol=1e-5)
        assert 0 < alpha.mean() < 1


class TestPercentiles:
    G = np.exp(-np.arange(9) / 2.25)  # by squared distance
    W = (G - math.exp(-4)) / (1 - math.exp(-4))

    def test_a_lone_cell_by_hand(self) -> None:
        """3 x 3 cells, 5 in the middle, 0 around. Seen from the middle the weights are 1, .63449 (4 sides) and .40012
        (4 corners), 5.13844 in all, and 0 fills the lower 80.5 % of them. Of the upper 10 %, widened to the weight of
        one cell, nothing is 0; of the middle half everything is. Seen from a corner the 5 weighs .40012."""
        values = np.zeros((3, 3))
        values[1, 1] = 5
        assert percentile_filter(values, 0.9, 1.0)[1, 1] == pytest.approx(5.0)
        assert percentile_filter(values, 0.25, 0.75)[1, 1] == 0.0
        assert percentile_filter(values, 0.9, 1.0)[0, 0] == pytest.approx(5 * 0.40012, abs=1e-4)

    def test_a_whole_window_is_the_weighted_mean(self) -> None:
        values = np.random.default_rng(0).random((2, 9, 8))
        result = percentile_filter(values, 0.0, 1.0)
        y, x = np.mgrid[-2:3, -2:3]
        weights = self.W[y**2 + x**2]
        assert result[1, 4, 4] == pytest.approx((values[1, 2:7, 2:7] * weights).sum() / weights.sum())

    @pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 3), (16, 16)])
    def test_constants_stay_and_bounds_hold(self, shape: tuple[int, int]) -> None:
        assert np.allclose(percentile_filter(np.full(shape, 3.0), 0.9, 1.0), 3.0)
        values = np.random.default_rng(1).random(shape)
        low, high = percentile_filter(values, 0.0, 0.1), percentile_filter(values, 0.9, 1.0)
        assert values.min() <= low.min()
        assert high.max() <= values.max()
        assert (low <= high + 1e-12).all()

    def test_it_is_the_slow_definition(self) -> None:
        """Cell by cell, weights laid end to end by rising value, the mean of what lies in the window."""
        values = np.random.default_rng(2).random((6, 7))
        for low, high in ((0.9, 1.0), (0.25, 0.75)):
            expected = np.zeros_like(values)
            for row, column in np.ndindex(*values.shape):
                seen = []
                for y, x in itertools.product(range(-2, 3), repeat=2):
                    if 0 <= row + y < 6 and 0 <= column + x < 7:
                        seen.append((values[row + y, column + x], self.W[y * y + x * x]))
                whole = sum(w for _, w in seen)
                width = max((high - low) * whole, 1.0)
                start = min(max((low + high) / 2 * whole - width / 2, 0), whole - width)
                total, at = 0.0, 0.0
                for value, weight in sorted(seen):
                    total += value * max(0.0, min(at + weight, start + width) - max(at, start))
                    at += weight
                expected[row, column] = total / width
            assert np.allclose(percentile_filter(values, low, high), expected)


class TestDifference:
    BEFORE = np.zeros((1, 4, 12, 12), np.float32)

    def after(self, off: float, channels: int = 4) -> np.ndarray:
        """Changed by so much, as a length over the channels, in the left half."""
        after = np.zeros((1, channels, 12, 12), np.float32)
        after[..., :6] = off / math.sqrt(channels)
        return after

    def test_nothing_where_nothing_changed_and_all_where_much_did(self) -> None:
        white = np.ones((12, 12))
        alpha = Difference().alpha(self.BEFORE, self.after(20), white)[0]
        assert (alpha[:, 9:] == 0).all()
        assert (alpha[:, :4] > 0.999).all()
        assert (np.diff(alpha, axis=1) <= 0).all()

    def test_half_shows_at_the_threshold(self) -> None:
        for threshold in (0.25, 0.5, 2.0):
            alpha = Difference(threshold=threshold).alpha(self.BEFORE, self.after(threshold), np.ones((12, 12)))
            assert alpha[0, 5, 1] == pytest.approx(0.5, abs=1e-4)

    def test_the_formula_by_hand(self) -> None:
        """Twice the threshold at contrast 2: kept = 1 / (1 + 4) = .2; smootherstep(.2) = .05792."""
        alpha = Difference().alpha(self.BEFORE, self.after(1.0), np.ones((12, 12)))
        assert alpha[0, 5, 1] == pytest.approx(1 - 0.05792, abs=1e-4)

    def test_the_map_can_have_a_say(self) -> None:
        """Influence 1, k = .5: u = 1 - c^.25; for c = .0625 that is .5, as without the map; darker keeps more."""
        settings = Difference(influence=1.0)
        by_grey = [
            settings.alpha(self.BEFORE, self.after(0.5), np.full((12, 12), c))[0, 5, 1]
            for c in (0.0, 0.001, 0.0625, 0.5, 1.0)
        ]
        assert by_grey[0] < 1e-6
        assert by_grey[2] == pytest.approx(0.5, abs=1e-4)
        assert by_grey[4] == 1.0
        assert by_grey == sorted(by_grey)

    def test_extreme_settings_stay_numbers(self) -> None:
        change = np.tile(np.linspace(0, 1, 12), (12, 1))
        for influence, threshold, contrast, k in itertools.product((0.0, 1.0), (0.0, 8.0), (0.0, 8.0), (0.0, 8.0)):
            alpha = Difference(influence, threshold, contrast, k).alpha(self.BEFORE, self.after(3), change)
            assert np.isfinite(alpha).all()
            assert (alpha >= 0).all()
            assert (alpha <= 1).all()
            assert (alpha[0, :, 9:] == 0).all()

    def test_more_channels_mean_the_same_change_a_channel(self) -> None:
        four = Difference().alpha(self.BEFORE, self.after(1.0), np.ones((12, 12)))
        sixteen = Difference().alpha(np.zeros((1, 16, 12, 12)), self.after(2.0, 16), np.ones((12, 12)))
        assert np.allclose(four, sixteen)

    def test_a_frame_axis_and_a_batch(self) -> None:
        after = np.concatenate([self.after(1.0), self.after(0.2)])
        both = Difference().alpha(np.zeros_like(after), after, np.ones((12, 12)))
        framed = Difference().alpha(np.zeros_like(after)[:, :, None], after[:, :, None], np.ones((12, 12)))
        assert np.array_equal(both, framed)
        alone = [Difference().alpha(self.BEFORE, after[i : i + 1], np.ones((12, 12)))[0] for i in (0, 1)]
        assert np.array_equal(both, np.stack(alone))


class TestOverPixels:
    @pytest.mark.parametrize(("height", "width"), [(128, 96), (100, 37), (1, 1), (513, 700)])
    def test_constants_stay_at_any_size(self, height: int, width: int) -> None:
        for value in (0.0, 1.0):
            result = over_pixels(np.full((16, 12), value), height, width)
            assert result.shape == (height, width)
            assert result.dtype == np.float32
            assert np.allclose(result, value, atol=1e-6)
        assert (over_pixels(np.zeros((16, 12)), height, width) == 0).all()

    def test_an_edge_is_soft_and_lies_between_its_cells(self) -> None:
        cells = np.zeros((4, 16))
        cells[:, 8:] = 1
        row = over_pixels(cells, 32, 128)[16]
        assert (np.diff(row) >= 0).all()
        assert row[63] + row[64] == pytest.approx(1, abs=1e-5)
        assert row[40] == 0
        assert row[87] == pytest.approx(1, abs=1e-6)
        assert np.diff(row).max() < 0.09  # a straight edge would be 1

    def test_padding_lies_outside_the_picture(self) -> None:
        cells = np.zeros((4, 4))
        cells[:2, :3] = 1  # two rows and three columns of cells are picture, the rest padding
        assert np.allclose(over_pixels(cells, 16, 24, (2, 3)), 1, atol=1e-6)

    def test_a_larger_document_sees_the_same(self) -> None:
        cells = np.random.default_rng(0).random((6, 6))
        small, large = over_pixels(cells, 48, 48), over_pixels(cells, 144, 144)
        assert np.allclose(large[1::3, 1::3], small, atol=1e-5)


class TestPictures:
    def test_black_keeps_its_bytes_and_what_did_not_change_shows_the_original(self) -> None:
        pipe = tiny.sd()
        pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
        values = np.zeros((32, 32), np.uint16)
        values[:, 16:] = M
        arguments = {"image": Image.fromarray(pixels), "output_type": "pil"}
        result = np.asarray(edited(pipe, "sd", SoftInpainting(ChangeMap(values)), **arguments)[0])
        assert np.array_equal(result[values == 0], pixels[values == 0])
        assert not np.array_equal(result, pixels)
        # A threshold that this change does not reach leaves the original's own pixels, which no decoder has touched.
        held = SoftInpainting(ChangeMap(values), difference_threshold=8.0, difference_contrast=8.0, preservation=8.0)
        held_back = np.asarray(edited(pipe, "sd", held, num_inference_steps=1, **arguments)[0])
        assert np.abs(held_back.astype(int) - pixels).mean() < np.abs(result.astype(int) - pixels).mean() / 10

    @pytest.mark.parametrize("edit", list(DECLARED))
    def test_every_edit_can_be_shown_by_what_changed(self, edit: str) -> None:
        """A picture that needs padding, with the embedded model."""
        canvas = np.full((75, 107, 4), 255, np.uint8)
        canvas[30:, :, :3] = (40, 120, 30)
        grey = np.zeros((75, 107), np.uint16)
        grey[:, 20:] = M
        request = job(canvas, grey, edit=edit, steps=3, settings={"composite": "difference"})
        finished = Studio("cpu").run(*request)
        result = flat(canvas, finished)
        assert finished.report["settings"]["composite"] == "difference"
        assert np.array_equal(result[grey == 0], canvas[grey == 0])
        assert np.abs(result[grey > 0].astype(int) - canvas[grey > 0]).mean() > 2

    def test_only_where_it_suits_is_that_the_default(self) -> None:
        composites = {
            name: {p.name: p.default for p in info.parameters}["composite"] for name, info in DECLARED.items()
        }
        assert composites["soft-inpainting"] == composites["sdedit"] == "difference"
        assert composites["differential"] == "smooth"

    def test_alpha_is_the_product_of_map_and_change(self) -> None:
        colour = np.full((2, 2, 3), 9.0, np.float32)
        values = np.array([[0, M], [M, 0]], np.uint16)
        shown = np.array([[1, 0.5], [0, 1]], np.float32)
        result = layer(colour.astype(np.uint8), colour, None, values, shown=shown)
        assert result[..., 3].tolist() == [[0, 128], [0, 0]]
        assert (result[1, 0] == 0).all()

    @pytest.mark.parametrize(
        "settings", [{"schedule_bias": -1.0}, {"contrast_boost": 0.5}, {"mask_influence": math.nan}]
    )
    def test_settings_out_of_range_are_refused_in_a_sentence(self, settings: dict[str, float]) -> None:
        with pytest.raises(InputError, match=f"'{next(iter(settings))}' takes"):
            SoftInpainting(ChangeMap.constant(1.0), **settings)
