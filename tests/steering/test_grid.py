"""The levels of a schedule, and what a model output says at them: in closed form and against diffusers' own steps."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
    HeunDiscreteScheduler,
    KDPM2DiscreteScheduler,
    LCMScheduler,
    UniPCMultistepScheduler,
)
from sfumato.steering import Grid
from steering import tiny
from torch import Tensor

# diffusers' DPM2 hands torch tensors to numpy 2 in a way that torch does not answer yet
pytestmark = pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning")

STEPS = 7
DOUBLE = torch.empty(0, dtype=torch.float64)
FLOW_SIGMAS = {"prediction_type": "flow_prediction", "use_flow_sigmas": True}
SCHEDULES: dict[str, Any] = {
    "leading": lambda p: tiny.diffusion(DDIMScheduler, prediction_type=p),
    "trailing": lambda p: tiny.diffusion(DDIMScheduler, prediction_type=p, timestep_spacing="trailing"),
    "linspace": lambda p: tiny.diffusion(DDIMScheduler, prediction_type=p, timestep_spacing="linspace"),
    "Euler": lambda p: tiny.diffusion(EulerDiscreteScheduler, prediction_type=p),
    "Euler Karras": lambda p: tiny.diffusion(EulerDiscreteScheduler, prediction_type=p, use_karras_sigmas=True),
    "DPM++ Karras": lambda p: tiny.diffusion(DPMSolverMultistepScheduler, prediction_type=p, use_karras_sigmas=True),
    "Heun": lambda p: tiny.diffusion(HeunDiscreteScheduler, prediction_type=p),
    "DPM2": lambda p: tiny.diffusion(KDPM2DiscreteScheduler, prediction_type=p),
}
FLOW_SCHEDULES: dict[str, Any] = {
    "flow": lambda: FlowMatchEulerDiscreteScheduler(),
    "shifted": lambda: FlowMatchEulerDiscreteScheduler(shift=3.0),
    "Heun": lambda: FlowMatchHeunDiscreteScheduler(),
    "DPM++": lambda: tiny.diffusion(DPMSolverMultistepScheduler, **FLOW_SIGMAS, flow_shift=3.0),
    "UniPC": lambda: tiny.diffusion(UniPCMultistepScheduler, **FLOW_SIGMAS, flow_shift=3.0),
}
EVERY = [(name, p) for name in SCHEDULES for p in ("epsilon", "v_prediction", "sample")]
EVERY += [(name, "flow") for name in FLOW_SCHEDULES]


def scheduler_of(name: str, prediction: str, steps: int = STEPS) -> Any:
    scheduler = FLOW_SCHEDULES[name]() if prediction == "flow" else SCHEDULES[name](prediction)
    scheduler.set_timesteps(steps)
    return scheduler


def grid_of(name: str, prediction: str, steps: int = STEPS) -> Grid:
    return Grid.of(scheduler_of(name, prediction, steps), DOUBLE)


def drawn(count: int = 2, seed: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((count, 1, 4, 8, 8), generator=generator, dtype=torch.float64)


def near(actual: Tensor, expected: Tensor, tolerance: float = 1e-6) -> None:
    torch.testing.assert_close(actual, expected, atol=tolerance, rtol=tolerance)


def whole_steps(grid: Grid) -> range:
    return range(0, grid.calls, grid.order)


class TestLevels:
    @pytest.mark.parametrize(("name", "prediction"), EVERY)
    def test_noise_falls_from_step_to_step_and_ends_clean(self, name: str, prediction: str) -> None:
        grid = grid_of(name, prediction)
        assert grid.steps == STEPS
        assert grid.calls == (2 * STEPS - 1 if grid.order == 2 else STEPS)
        assert len(grid.noise_levels) == STEPS + 1
        assert (grid.noise_levels[1:] < grid.noise_levels[:-1]).all()
        assert (grid.a[-1], grid.b[-1]) == (1, 0)

    def test_a_solver_that_goes_to_the_middle_has_a_level_there(self) -> None:
        grid = grid_of("DPM2", "epsilon")
        sigma = grid.b / grid.a
        for call in range(1, grid.calls, 2):
            near(sigma[call], (sigma[call - 1] * sigma[call + 1]).sqrt())

    def test_timesteps_that_repeat_by_rounding_do_not_repeat_levels(self) -> None:
        scheduler = scheduler_of("DPM++ Karras", "epsilon", steps=60)
        assert len(set(scheduler.timesteps.tolist())) < 60
        grid = Grid.of(scheduler, DOUBLE)
        assert (grid.noise_levels[1:] < grid.noise_levels[:-1]).all()

    @pytest.mark.parametrize(
        "make",
        [
            *(lambda cls=cls: tiny.diffusion(cls) for cls in (DDIMScheduler, EulerDiscreteScheduler, LCMScheduler)),
            *(lambda cls=cls: tiny.diffusion(cls) for cls in (DPMSolverMultistepScheduler, HeunDiscreteScheduler)),
            *FLOW_SCHEDULES.values(),
        ],
    )
    def test_t40_noising_at_all_levels_at_once_is_noising_at_each_even_after_a_begin_index(self, make: Any) -> None:
        x0, noise = drawn().float()
        scheduler, alone = make(), make()
        for s in (scheduler, alone):
            s.set_timesteps(STEPS)
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(3)
        before = dict(scheduler.__dict__)
        grid = Grid.of(scheduler, x0)
        assert all(scheduler.__dict__[name] is value for name, value in before.items())
        for call, t in enumerate(alone.timesteps):
            if hasattr(alone, "set_begin_index"):
                alone.set_begin_index(call)
                alone._step_index = None
            add = getattr(alone, "add_noise", None)
            single = add(x0, noise, t[None]) if add else alone.scale_noise(x0, t[None], noise)
            assert torch.equal(grid.a[call] * x0 + grid.b[call] * noise, single), f"call {call}"


class TestPredictions:
    @pytest.mark.parametrize(("name", "prediction"), EVERY)
    def test_output_x0_and_noise_are_three_ways_to_say_the_same(self, name: str, prediction: str) -> None:
        x0, noise = drawn()
        grid = grid_of(name, prediction)
        for call in range(grid.calls):
            state, output = grid.a[call] * x0 + grid.b[call] * noise, grid.output(call, x0, noise)
            near(grid.x0(call, state, output), x0)
            near(grid.noise(call, state, output), noise)

    @pytest.mark.parametrize(("name", "prediction"), EVERY)
    def test_an_affine_step_with_the_true_output_leads_to_the_next_level(self, name: str, prediction: str) -> None:
        x0, noise = drawn()
        grid = grid_of(name, prediction)
        for call in range(grid.calls):
            scale, shift, s = grid.affine(call)
            after = grid.after(call)
            state = grid.a[call] * x0 + grid.b[call] * noise
            near(scale * state + shift * grid.output(call, x0, noise), grid.a[after] * x0 + grid.b[after] * noise)
            assert s == 0

    @pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
    @pytest.mark.parametrize("eta", [0.0, 0.3, 0.7, 1.0])
    def test_t35_a_step_with_eta_is_the_ddim_schedulers(self, prediction: str, eta: float) -> None:
        config = tiny.diffusion(DDIMScheduler, prediction_type=prediction).config
        scheduler = DDIMScheduler.from_config(config, set_alpha_to_one=True)  # the last level is clean
        scheduler.alphas_cumprod = scheduler.alphas_cumprod.double()
        scheduler.final_alpha_cumprod = scheduler.final_alpha_cumprod.double()
        scheduler.set_timesteps(STEPS)
        grid = Grid.of(scheduler, DOUBLE)
        state, output, z = drawn(3)
        for call, t in enumerate(scheduler.timesteps):
            scale, shift, s = grid.affine(call, eta)
            theirs = scheduler.step(output, t, state, eta=eta, variance_noise=z if eta else None).prev_sample
            near(scale * state + shift * output + s * z, theirs)

    @pytest.mark.parametrize("name", ["flow", "shifted"])
    def test_an_affine_step_is_the_flow_euler_schedulers(self, name: str) -> None:
        scheduler = scheduler_of(name, "flow")
        grid = Grid.of(scheduler, DOUBLE)
        state, output = drawn().float()
        for call, t in enumerate(scheduler.timesteps):
            scale, shift, _ = grid.affine(call)
            near((scale * state + shift * output).float(), scheduler.step(output, t, state).prev_sample, 2e-6)

    @pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
    @pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
    def test_eta_means_the_same_in_variance_exploding_units(self, prediction: str, eta: float) -> None:
        """x / a is stepped as x is, for the same two levels and the same model output."""
        preserving, exploding = grid_of("DPM++ Karras", prediction), grid_of("Euler Karras", prediction)
        state, output = drawn()
        for call in range(STEPS - 1):
            near(exploding.b[call], preserving.b[call] / preserving.a[call], 1e-4)
            (scale, shift, s), (scale_, shift_, s_) = (g.affine(call, eta) for g in (preserving, exploding))
            a, a_ = preserving.a[call], preserving.a[call + 1]
            near(s / a_, s_, 1e-4)
            near((scale * state + shift * output) / a_, scale_ * state / a + shift_ * output, 1e-3)


class TestChain:
    @pytest.mark.parametrize("name", [*SCHEDULES])
    def test_t39_the_chain_of_steps_telescopes(self, name: str) -> None:
        grid = grid_of(name, "epsilon")
        product = torch.stack([grid.affine(call)[0] for call in whole_steps(grid)]).prod()
        near(product, grid.a[-1] / grid.a[0])

    @pytest.mark.parametrize("name", [*FLOW_SCHEDULES])
    def test_t39_the_chain_of_flow_steps_telescopes(self, name: str) -> None:
        grid = grid_of(name, "flow")
        steps = [grid.affine(call) for call in whole_steps(grid)]
        near(torch.stack([scale for scale, _, _ in steps]).prod(), torch.ones((), dtype=torch.float64))
        near(torch.stack([shift for _, shift, _ in steps]).sum(), grid.b[-1] - grid.b[0])

    @pytest.mark.parametrize(("spacing", "telescopes"), [("leading", True), ("linspace", False), ("trailing", False)])
    def test_t39_the_ddim_schedulers_own_chain_does_not_where_it_strides(self, spacing: str, telescopes: bool) -> None:
        scheduler = scheduler_of(spacing, "epsilon")
        grid = Grid.of(scheduler, DOUBLE)
        zero, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
        own = [scheduler.step(zero, t, one).prev_sample for t in scheduler.timesteps[:-1]]
        assert torch.allclose(torch.stack(own).prod(), grid.a[-2] / grid.a[0], rtol=1e-6) == telescopes


class TestInversion:
    @pytest.mark.parametrize(("name", "prediction"), EVERY)
    def test_t24_there_and_back_is_exact_for_a_model_that_always_sees_the_same(
        self, name: str, prediction: str
    ) -> None:
        """The same noise everywhere; of flow models, whose step is straight in v, the same v."""
        x0, noise = drawn()
        grid = grid_of(name, prediction)

        def output(call: int, sample: Tensor) -> Tensor:
            if prediction == "flow":
                return noise
            return grid.output(call, (sample - grid.b[call] * noise) / grid.a[call], noise)

        calls, state = [*whole_steps(grid)], x0
        states = {}
        for call in reversed(calls):
            state = states[call] = grid.inverted(call, state, output(call, state))
        for call in calls:
            near(state, states[call])
            scale, shift, _ = grid.affine(call)
            state = scale * state + shift * output(call, state)
        near(state, x0)


class TestPureNoise:
    @pytest.mark.parametrize("name", ["flow", "shifted", "Heun"])
    def test_a_level_without_picture_divides_by_nothing(self, name: str) -> None:
        grid = grid_of(name, "flow")
        assert (grid.a[0], grid.b[0]) == (0, 1)
        x0, noise = drawn()
        output = grid.output(0, x0, noise)
        said = [grid.sigma(0), *grid.affine(0), *grid.affine(0, 1.0), grid.inverted(0, x0, output)]
        said += [grid.x0(0, noise, output), grid.noise(0, noise, output), torch.as_tensor(grid.noise_levels)]
        assert all(torch.isfinite(t).all() for t in said)
        near(grid.x0(0, noise, output), x0)
        near(grid.noise(0, noise, output), noise)
        assert grid.noise_levels[0] == 1


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_bfloat16_knows_no_noise_at_the_last_level_where_the_wide_grid_does(prediction: str) -> None:
    scheduler = scheduler_of("leading", prediction)
    grid = Grid.of(scheduler, torch.empty(0, dtype=torch.bfloat16))
    exact = Grid.of(scheduler, torch.empty(0))
    last = grid.calls - 1
    assert grid.b[last] == 0 < grid.wide.b[last]
    assert torch.equal(grid.wide.a, exact.a)
    assert torch.equal(grid.wide.b, exact.b)
    assert exact.wide is exact
    assert torch.stack(grid.affine(last, 1.0)).isfinite().all()
