"""Greys between two steps: the fractional release, and spending all steps below the map's maximum."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, LCMScheduler
from edits import analytic
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sfumato.change_map import ChangeMap, M
from sfumato.edits import Differential
from sfumato.errors import InputError
from sfumato.steering import Release, steer
from steering import tiny
from steering.proof import ALL_GREYS, FAMILIES, Counted, noise_levels, steered

GREYS = np.arange(256, dtype=np.int64) * 257


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class TestFractional:
    """`fractional`: W = clamp(N V' - (N - i - 1) M, 0, M) on the axis `steps`, the same between levels on `noise`."""

    @given(st.integers(1, 100), st.integers(0, 1000), st.sampled_from(["steps", "noise"]))
    def test_a_cell_takes_part_never_less_than_before_and_in_one_step_partly(
        self, steps: int, strength: int, axis: Any
    ) -> None:
        change_map = ChangeMap(ALL_GREYS.values, strength)
        release = Release(change_map, (16, 16), noise_levels("flow of shift 6", steps), "floor", "fractional", axis)
        value = torch.as_tensor(release.value)
        weights = torch.stack([release.weight(i, value) for i in range(-1, steps + 1)])
        assert (weights.diff(dim=0) >= 0).all()
        assert (((weights > 0) & (weights < M)).sum(dim=0) <= 1).all()
        assert (weights.flatten(1).diff(dim=1) >= 0).all(), "a lighter grey never takes part less"
        free = (weights[1 : steps + 1] > 0).flatten(1).any(dim=1)
        assert release.first == (int(free.int().argmax()) if free.any() else steps)

    @given(st.integers(1, 100), st.integers(0, 1000))
    def test_the_weight_is_the_formulas(self, steps: int, strength: int) -> None:
        change_map = ChangeMap(ALL_GREYS.values, strength)
        release = Release(change_map, (16, 16), noise_levels("flow", steps), "floor", "fractional")
        for step in {0, steps // 2, steps - 1}:
            expected = np.clip(steps * (GREYS * strength // 1000) - (steps - step - 1) * M, 0, M)
            assert release.weight(step, torch.as_tensor(release.value)).flatten().tolist() == expected.tolist()

    @pytest.mark.parametrize("axis", ["steps", "noise"])
    def test_whole_and_fractional_agree_where_a_grey_lies_on_a_level(self, axis: Any) -> None:
        levels = noise_levels("flow", 5)  # their thresholds are fifths of M on both axes
        change_map = ChangeMap((np.arange(6) * (M // 5)).astype(np.uint16)[None])
        whole, fractional = (
            Release(change_map, (1, 6), levels, "floor", kind, axis) for kind in ("whole", "fractional")
        )
        for step in range(5):
            w, f = (release.weight(step, torch.as_tensor(release.value)) for release in (whole, fractional))
            assert torch.equal(w, f)

    @pytest.mark.parametrize("prediction", ["epsilon", "flow"])
    def test_on_the_noise_axis_every_grey_counts_at_four_steps(self, prediction: str) -> None:
        pipe = analytic.pipeline(prediction)
        results = []
        for v in range(0, 256, 15):
            with steer(pipe, Differential(ChangeMap.constant(v / 255), "fractional", "noise")) as run:
                results.append(torch.as_tensor(run(**analytic.arguments(pipe, 4)).images))
        assert all(torch.isfinite(result).all() for result in results)
        # Above the noise of the first level (SD's is not all noise) there is nothing more to give.
        most = round(255 * float(run.run.grid.noise_levels[0]))
        distinct = sum(not torch.equal(a, b) for a, b in itertools.pairwise(results))
        assert distinct == sum(v < most for v in range(0, 255, 15))

    @pytest.mark.parametrize("axis", ["steps", "noise"])
    def test_frozen_cells_stay_the_original_on_every_axis(self, axis: Any) -> None:
        pipe = analytic.pipeline("flow")
        values = np.array([[0, 9_000, 0, M], [0, 30_000, 50_000, 0]], np.uint16).repeat(2, axis=0)
        with steer(pipe, Differential(ChangeMap(values), "fractional", axis)) as run:
            result = run(**analytic.arguments(pipe, 3)).images
            x0 = run.run.x0
        assert torch.equal((result == x0).all(dim=1), torch.as_tensor(values == 0).expand(2, 4, 4))


class TestSpend:
    """`spend` starts at the map's maximum and takes all the steps below it: fewer bands, and truer greys."""

    def test_a_grey_takes_all_the_steps_that_were_asked_for(self, family: str) -> None:
        """A third of the change in 4 steps is a third of 12 steps."""
        pipe, third = tiny.FAMILIES[family](), ChangeMap.constant(1 / 3)
        spent = steered(pipe, family, Differential(third, "whole", spend=True), steps=4)
        assert torch.equal(spent, steered(pipe, family, Differential(third, "whole"), steps=12))

    @given(st.integers(1, 12), hnp.arrays(np.uint16, (4, 4)))
    def test_never_more_calls_than_asked_for_and_white_is_as_ever(self, steps: int, values: np.ndarray) -> None:
        values[0, 0] = max(int(values[0, 0]), 1000)
        edit = Differential(ChangeMap(values), "fractional", spend=True)
        schedule = edit.schedule(steps, 4, 4)
        release = Release(ChangeMap(values), (4, 4), noise_levels("flow", schedule), "floor", "fractional")
        assert schedule - release.first == steps
        values[0, 0] = M
        assert Differential(ChangeMap(values), spend=True).schedule(steps, 4, 4) == steps

    def test_a_schedule_has_no_more_steps_than_the_model_was_trained_on(self) -> None:
        pipe = analytic.pipeline(scheduler=analytic.diffusion(LCMScheduler))
        with Counted(pipe) as calls, steer(pipe, Differential(ChangeMap.constant(0.05), spend=True)) as run:
            run(**analytic.arguments(pipe, steps=8))
        assert run.run.grid.steps == 50, "LCM's distillation knows 50"
        assert len(calls) == 2

    def test_what_does_not_go_together_gets_a_sentence(self) -> None:
        with pytest.raises(InputError, match="axis 'steps'"):
            Differential(ChangeMap.constant(0.5), axis="noise", spend=True)
        pipe = analytic.pipeline("flow")
        with (
            steer(pipe, Differential(ChangeMap.constant(0.5), spend=True)) as run,
            pytest.raises(ValueError, match="leave out sigmas"),
        ):
            run(**analytic.arguments(pipe, sigmas=[1.0, 0.5]))

    def test_greys_answer_as_those_of_many_steps(self) -> None:
        """R^2 of 4 steps' response to 48 steps', on flat greys: what is left over are the few steps themselves."""
        pipe = analytic.pipeline(scheduler=analytic.diffusion(DDIMScheduler, timestep_spacing="trailing"))
        clean = analytic.clean("src", 0, 64)

        def response(steps: int, **settings: Any) -> np.ndarray:
            changes = []
            for grey in range(9):
                edit = Differential(ChangeMap.constant(grey / 8), **settings)
                with steer(pipe, edit) as run:
                    result = torch.as_tensor(run(**analytic.arguments(pipe, steps, count=64)).images)
                changes.append(float((result - clean).square().mean().sqrt()))
            return np.array(changes) / changes[-1]

        truth = response(48, release="whole")

        def fit(change: np.ndarray) -> float:
            return float(1 - np.square(change - truth).sum() / np.square(truth - truth.mean()).sum())

        whole = response(4, release="whole")
        fractional, spent = (response(4, release="fractional", spend=spend) for spend in (False, True))
        assert fit(whole) < fit(fractional) < fit(spent)
        assert fit(spent) > 0.95
        assert (np.diff(spent) > 0).all(), "no dip"
        assert len(np.unique(whole)) == 5
        assert len(np.unique(fractional)) == 9
