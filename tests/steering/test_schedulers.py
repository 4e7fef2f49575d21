"""The table of schedulers, measured: every yes and every no of docs/schedulers.md, on real pipelines at tiny size."""

from __future__ import annotations

import importlib.util
import inspect
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import diffusers
import pytest
import torch
from house.source import text
from sfumato.change_map import ChangeMap, release_steps
from sfumato.edits import Differential
from sfumato.steering import Grid, NoisedPath, Run, steer
from sfumato.steering.routes import route_of
from sfumato.steering.support import SCHEDULERS, Support, check_scheduler, page
from steering import tiny
from steering.proof import ALL_GREYS, change_for
from torch import Tensor

pytestmark = [
    # diffusers' DPM2 hands torch tensors to numpy 2 in a way that torch does not answer yet
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
    # torchsde is asked for a level that float32 has rounded out of its range
    pytest.mark.filterwarnings("ignore:Should have t[ab]:UserWarning"),
]

STEPS = 4
ROWS = {row.name: row for row in SCHEDULERS}
MAP = ChangeMap(ALL_GREYS.values[::-1].copy())
TRAINING = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "clip_sample": False,
    "set_alpha_to_one": False,
    "lower_order_final": True,
    "shift": 3.0,
}


def made(row: Support) -> Any:
    """The row's scheduler, of SD's training schedule or SD3's shift."""
    if row.needs and importlib.util.find_spec(row.needs) is None:
        pytest.skip(f"{row.scheduler} needs {row.needs}")
    cls = getattr(diffusers, row.scheduler)
    takes = inspect.signature(cls).parameters
    return cls(**{name: value for name, value in {**TRAINING, **row.options}.items() if name in takes})


@contextmanager
def running(row: Support) -> Iterator[tuple[Any, str]]:
    """A tiny pipeline with the row's scheduler, and its family."""
    scheduler = made(row)
    family = "sd" if hasattr(scheduler, "add_noise") else "sd3"
    pipe = tiny.FAMILIES[family]()
    before, pipe.scheduler = pipe.scheduler, scheduler
    try:
        yield pipe, family
    finally:
        pipe.scheduler = before


def called(row: Support, family: str) -> dict[str, Any]:
    return {**tiny.arguments(family, STEPS), **row.arguments}


def plain(row: Support, pipe: Any, family: str, n: int) -> Tensor:
    torch.manual_seed(0)  # for the solvers that flow pipelines hand no generator to
    return pipe(**called(row, family), strength=tiny.strength(pipe, STEPS, n)).images


def steered(row: Support, pipe: Any, family: str, change_map: ChangeMap, skip: bool = True) -> Tensor:
    torch.manual_seed(0)
    with steer(pipe, Differential(change_map, "whole"), skip=skip) as run:
        return run(**called(row, family)).images


def is_injected(row: Support, pipe: Any, family: str) -> bool:
    """Whether exactly the cells that are not free yet equal R, at every call but the first and at the end."""

    class Watched(Differential):
        def step(self, run: Run, sample: Tensor, output: Tensor, solve: Any) -> Tensor:
            entering.append(sample.clone())
            return super().step(run, sample, output, solve)

    entering: list[Tensor] = []
    with steer(pipe, Watched(ALL_GREYS, "whole")) as steered_:
        steered_(**called(row, family))
    run = steered_.run
    assert run is not None
    reference = NoisedPath(run)
    k = STEPS - release_steps(ALL_GREYS.cells(16, 16), STEPS, 1000, route_of(pipe).rounding)
    k = run.layout.map(k, run.x0).expand_as(run.x0)
    entering.append(run.state)
    return all(
        torch.equal(state == reference(call), k > run.grid.outer(call - 1))
        for call, state in enumerate(entering)
        if call
    )


@dataclass
class Walk:
    """A solver led from level to level: at every call it gets the state and the model output of one x0 and one eps."""

    grid: Grid
    scaled: Tensor  # what it makes of the model's input of 1
    after: Tensor  # the state that every call leads to


def walked(row: Support, x0: float, eps: float, start: int = 0) -> Walk:
    scheduler = made(row)
    scheduler.set_timesteps(7)
    grid = Grid.of(scheduler, torch.empty(0, dtype=torch.float64))
    first = start * grid.order
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(first)
    takes = inspect.signature(scheduler.step).parameters
    extra = {"generator": torch.Generator().manual_seed(0)} if "generator" in takes else {}
    ones = torch.ones(1, 1, 8, 8, dtype=torch.float64)
    scaled, after = [], []
    for call in range(first, grid.calls):
        t = scheduler.timesteps[call]
        scaled.append(getattr(scheduler, "scale_model_input", lambda sample, t: sample)(ones, t).mean())
        state = (grid.a[call] * x0 + grid.b[call] * eps) * ones
        output = grid.output(call, x0 * ones, eps * ones)
        after.append(scheduler.step(output, t, state, **extra, **row.arguments, return_dict=False)[0])
    return Walk(grid, torch.stack(scaled), torch.stack(after).double())


def lands(row: Support) -> bool:
    """Whether steps lead to the levels of the grid; noise that a step adds is left out of it."""
    start = 2
    nothing, picture, noise = (walked(row, *levels, start) for levels in ((0, 0), (1, 0), (0, 1)))
    following = slice(start * nothing.grid.order + 1, -1)  # but for the last step, whose level is "clean"
    a, b = nothing.grid.a[following], nothing.grid.b[following]
    right = torch.allclose((picture.after - nothing.after)[:-1], a.view(-1, 1, 1, 1, 1), atol=1e-4)
    if not nothing.after.any():  # draws nothing
        right &= torch.allclose(noise.after[:-1], b.view(-1, 1, 1, 1, 1), rtol=1e-3)
    return right


class TestTable:
    @pytest.mark.parametrize("name", ROWS)
    def test_every_claim_is_what_is_measured(self, name: str) -> None:
        row = ROWS[name]
        with running(row) as (pipe, family):
            img2img = {n: plain(row, pipe, family, n) for n in (1, 3)}
            assert all(torch.isfinite(image).all() for image in img2img.values())
            maps = {n: change_for(pipe, n, STEPS) for n in img2img}
            start, whole = (
                all(torch.equal(steered(row, pipe, family, maps[n], skip), img2img[n]) for n in maps)
                for skip in (True, False)
            )
            measured = (start, whole, is_injected(row, pipe, family), lands(row))
            assert torch.equal(plain(row, pipe, family, 3), img2img[3]), "steering left the scheduler changed"
        assert measured == (row.start, row.whole, row.injection, row.lands)

    @pytest.mark.parametrize("name", ROWS)
    def test_levels_are_the_ones_that_the_model_is_told(self, name: str) -> None:
        scheduler = made(ROWS[name])
        scheduler.set_timesteps(7)
        walk = walked(ROWS[name], 0, 0)
        a, b = walk.grid.a[:-1], walk.grid.b[:-1]
        t = scheduler.timesteps.double()
        if walk.grid.prediction == "flow":
            torch.testing.assert_close(b, t / 1000, atol=1e-3, rtol=0)
            torch.testing.assert_close(a, 1 - b)
        else:
            alphas = scheduler.alphas_cumprod.double()
            sigmas = ((1 - alphas) / alphas).sqrt()
            lower, upper = (sigmas[(t + by).long().clamp(0, 999)] for by in (-1, 1))
            # Timesteps are whole numbers, levels need not be.
            assert ((lower * (1 - 1e-5) <= b / a) & (b / a <= upper * (1 + 1e-5))).all()
            if (walk.scaled != 1).any():
                torch.testing.assert_close(walk.scaled, 1 / (1 + b * b).sqrt(), atol=1e-6, rtol=1e-5)

    def test_the_page_is_what_the_table_says(self) -> None:
        assert text("docs/schedulers.md") == page() + "\n"

    def test_the_page_is_printed_by_the_command_that_it_names(self) -> None:
        named = re.search(r"Printed by `(.+)`;", page())
        assert named
        program, *arguments = shlex.split(named[1])
        assert program == "python"
        ran = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
        # torchao, which diffusers loads where it is installed, says what it does without.
        ours = [line for line in ran.stderr.splitlines() if "torchao" not in line and "_pytree" not in line]
        assert (ran.stdout, ours) == (text("docs/schedulers.md"), [])

    def test_what_is_not_so_has_a_reason(self) -> None:
        for row in SCHEDULERS:
            assert row.why or (row.start and row.whole and row.injection and row.lands), row.name

    def test_an_unknown_scheduler_is_told_what_there_is(self) -> None:
        pipe = tiny.sd()
        before, pipe.scheduler = pipe.scheduler, diffusers.EDMEulerScheduler()
        try:
            sentence = "EDMEulerScheduler cannot be steered. Use one of: DDIMScheduler, DDPMScheduler, "
            with pytest.raises(ValueError, match=sentence), steer(pipe, Differential(MAP)):
                raise AssertionError("must not come here")
        finally:
            pipe.scheduler = before

    def test_a_scheduler_is_known_by_its_config_and_by_what_it_derives_from(self) -> None:
        class Mine(diffusers.DPMSolverMultistepScheduler):
            pass

        assert check_scheduler(Mine()).name == "DPM++ 2M"
        assert check_scheduler(Mine(use_karras_sigmas=True)).name == "DPM++ 2M Karras"
        assert check_scheduler(diffusers.DDIMScheduler(timestep_spacing="trailing")).name == "DDIM, trailing"
        assert check_scheduler(diffusers.PNDMScheduler(skip_prk_steps=True)).name == "PLMS"
        with pytest.raises(ValueError, match="can be steered with `skip_prk_steps=True` only"):
            check_scheduler(diffusers.PNDMScheduler())


STATEFUL = ["DPM++ 2M", "DPM++ 2M Karras", "DPM++ 2S", "UniPC", "DEIS", "PLMS"]


class TestState:
    @pytest.mark.parametrize("name", STATEFUL)
    def test_t10_a_solver_with_a_memory_starts_without_one(self, name: str) -> None:
        row = ROWS[name]

        class Watched(Differential):
            def begin(self, run: Run) -> Tensor | None:
                memory.append([*getattr(pipe.scheduler, "model_outputs", pipe.scheduler.ets if row.required else [])])
                return super().begin(run)

        with running(row) as (pipe, family):
            for n in (1, 2, STEPS):
                memory: list[Any] = []
                with steer(pipe, Watched(change_for(pipe, n, STEPS), "whole")) as run:
                    result = run(**called(row, family)).images
                assert not any(output is not None for output in memory[0])
                assert torch.equal(result, plain(row, pipe, family, n)), f"n = {n}"

    @pytest.mark.parametrize("name", ["DDIM", "Heun", "DPM2 a", "DPM++ 2M", "UniPC", "PLMS", "Flow Heun"])
    def test_a_run_that_was_stopped_within_a_step_leaves_the_pipeline_as_it_was(self, name: str) -> None:
        row = ROWS[name]

        def stop(run: Run) -> None:
            if run.done == 3:
                raise KeyboardInterrupt

        with running(row) as (pipe, family):
            before = plain(row, pipe, family, 3)
            with pytest.raises(KeyboardInterrupt), steer(pipe, Differential(MAP), listener=stop) as run:
                run(**called(row, family))
            assert torch.equal(plain(row, pipe, family, 3), before)

    @pytest.mark.parametrize("name", ["DDIM", "DPM++ 2M", "Euler", "Euler a", "Heun", "LCM", "Flow Euler", "Flow Heun"])
    def test_steps_of_an_edits_own_may_run_backwards(self, name: str) -> None:
        """The model gets its input scaled for the level at hand, and the timestep of that level."""
        row = ROWS[name]

        class Backwards(Differential):
            own_steps = True

            def calls(self, grid_calls: int, order: int, first: int) -> range:
                return range((grid_calls - 1) // order * order, -1, -order)

            def begin(self, run: Run) -> Tensor:
                super().begin(run)
                return self.reference(run.call)

            def step(self, run: Run, sample: Tensor, output: Tensor, solve: Any) -> Tensor:
                return self.reference(run.calls[run.done + 1]) if run.done + 1 < len(run.calls) else sample

        with running(row) as (pipe, family):
            seen: list[tuple[Tensor, Tensor]] = []

            def look(module: Any, args: Any, kwargs: Any) -> None:
                named = {**dict(zip(("hidden_states", "timestep"), args, strict=False)), **kwargs}
                seen.append((named["hidden_states"][:1].clone(), torch.as_tensor(named["timestep"]).flatten()[0]))

            denoiser = pipe.unet if family == "sd" else pipe.transformer
            handle = denoiser.register_forward_pre_hook(look, with_kwargs=True)
            try:
                with steer(pipe, Backwards(MAP)) as steered_:
                    steered_(**called(row, family))
            finally:
                handle.remove()
            run = steered_.run
            assert run is not None
            assert len(seen) == STEPS
            reference, timesteps = NoisedPath(run), pipe.scheduler.timesteps
            for call, (sample, t) in zip(run.calls, seen, strict=True):
                exploding = run.grid.prediction == "epsilon" and (run.grid.a == 1).all()
                scale = (run.grid.b[call] ** 2 + 1).sqrt() if exploding else 1
                torch.testing.assert_close(sample, reference(call) / scale, atol=1e-6, rtol=1e-6)
                assert t == timesteps[call]
