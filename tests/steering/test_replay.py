"""What a run draws, and that it can be taken up again where it was interrupted."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sfumato.edits import Differential
from sfumato.steering import FreshPath, Path, Run, steer
from steering import tiny
from steering.proof import ALL_GREYS
from steering.test_schedulers import ROWS, STEPS, called, running
from torch import Tensor


@dataclass
class Stored:
    """All that a run is, between two calls."""

    call: int
    latents: Tensor
    generator: Tensor
    solver: Any


class Interrupted(Exception):
    pass


class Resumed(Differential):
    """The edit, from where the stored run stopped."""

    def __init__(self, stored: Stored, solver: Any, *, remembering: bool = True) -> None:
        super().__init__(ALL_GREYS)
        self.stored, self.solver, self.remembering = stored, solver, remembering

    def calls(self, grid_calls: int, order: int, first: int) -> range:
        return range(self.stored.call, grid_calls)

    def begin(self, run: Run) -> Tensor:
        super().begin(run)
        run.generator.set_state(self.stored.generator)
        if self.remembering:
            vars(self.solver).update(vars(copy.deepcopy(self.stored.solver)))
        return self.stored.latents


class TestResuming:
    @pytest.mark.parametrize("at", [1, 3])
    @pytest.mark.parametrize(
        "name",
        [
            "DDIM",
            "DDIM, eta > 0",
            "Euler a",
            "Heun",
            "DPM++ 2M",
            "DPM++ 2S SDE",
            "UniPC",
            "LCM",
            "Flow Euler",
            "Flow Heun",
        ],
    )
    def test_t42_a_run_taken_up_again_is_the_uninterrupted_one(self, name: str, at: int) -> None:
        row = ROWS[name]
        with running(row) as (pipe, family):
            solver = pipe.scheduler
            with steer(pipe, Differential(ALL_GREYS)) as run:
                uninterrupted = run(**called(row, family)).images
            stored = self.interrupted(pipe, called(row, family), at)
            with steer(pipe, Resumed(stored, solver)) as run:
                resumed = run(**called(row, family)).images
                assert run.run is not None
                assert len(run.run.calls) == run.run.grid.calls - at
        assert torch.equal(resumed, uninterrupted)

    def test_t42_a_multistep_solver_cannot_be_taken_up_without_its_memory(self) -> None:
        row = ROWS["DPM++ 2M"]
        with running(row) as (pipe, family):
            with steer(pipe, Differential(ALL_GREYS)) as run:
                uninterrupted = run(**called(row, family)).images
            stored = self.interrupted(pipe, called(row, family), 2)
            with steer(pipe, Resumed(stored, pipe.scheduler, remembering=False)) as run:
                assert not torch.equal(run(**called(row, family)).images, uninterrupted)

    @staticmethod
    def interrupted(pipe: Any, arguments: dict[str, Any], at: int) -> Stored:
        solver, stored = pipe.scheduler, []

        def stop(run: Run) -> None:
            if run.done == at:
                state = run.generator.get_state()
                stored.append(Stored(run.call, run.state.clone(), state, copy.deepcopy(solver)))
                raise Interrupted

        with pytest.raises(Interrupted), steer(pipe, Differential(ALL_GREYS), listener=stop) as run:
            run(**arguments)
        return stored[0]


class Fresh(Differential):
    def path(self, run: Run) -> Path:
        return FreshPath(run)


class TestDraws:
    def test_t41_the_encoder_draws_first_then_the_noise_then_the_edit(self) -> None:
        pipe = tiny.sd()
        picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8))
        arguments = tiny.picture_arguments("sd", STEPS, picture)
        generator = torch.Generator().manual_seed(1)
        with steer(pipe, Fresh(ALL_GREYS)) as run:
            run(**arguments)
            assert run.run is not None
            x0, noise, calls = run.run.x0, run.run.noise, run.run.grid.calls
        with torch.no_grad():
            posterior = pipe.vae.encode(pipe.image_processor.preprocess(picture)).latent_dist
        shape = posterior.mean.shape
        first = torch.randn(shape, generator=generator)
        assert torch.equal(x0, (posterior.mean + posterior.std * first) * pipe.vae.config.scaling_factor)
        assert torch.equal(noise, torch.randn(shape, generator=generator))
        # one for every level that is reached after the first, and none for the clean one
        for _ in range(calls - 1):
            torch.randn(shape, generator=generator)
        assert torch.equal(generator.get_state(), arguments["generator"].get_state())

    def test_t41_latents_leave_the_first_draw_to_the_noise(self) -> None:
        arguments = tiny.arguments("sd", STEPS)
        with steer(tiny.sd(), Differential(ALL_GREYS)) as run:
            run(**arguments)
            assert run.run is not None
            assert torch.equal(run.run.noise, torch.randn(run.run.x0.shape, generator=torch.Generator().manual_seed(1)))

    def test_t41_the_mode_of_an_encoder_draws_nothing(self) -> None:
        pixels = torch.zeros(1, 3, 32, 32)
        before = torch.get_rng_state()
        with torch.no_grad():
            one, two = (tiny.sd().vae.encode(pixels).latent_dist.mode() for _ in range(2))
        assert torch.equal(one, two)
        assert torch.equal(torch.get_rng_state(), before)

    def test_t41_what_an_edit_draws_comes_between_the_solvers_own_draws(self) -> None:
        """Every call: the solver, then the edit."""
        row = ROWS["Euler a"]
        drawn: list[Tensor] = []

        class Watched(Fresh):
            def step(self, run: Run, sample: Tensor, output: Tensor, solve: Any) -> Tensor:
                result = super().step(run, sample, output, solve)
                drawn.append(self.reference.noise(run.call + 1).clone())
                return result

        with running(row) as (pipe, family), steer(pipe, Watched(ALL_GREYS)) as steered:
            steered(**called(row, family))
            assert steered.run is not None
            shape = steered.run.x0.shape
        generator = torch.Generator().manual_seed(1)
        torch.randn(shape, generator=generator)
        for noise in drawn[:-1]:
            torch.randn(shape, generator=generator)  # the solver's
            assert torch.equal(noise, torch.randn(shape, generator=generator))
