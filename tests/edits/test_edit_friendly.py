"""Edit-friendly inversion: exact where nothing changes, and equal to the recursions that were published (T28 - T38)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    LCMScheduler,
    UniPCMultistepScheduler,
)
from edits import analytic
from sfumato.change_map import ChangeMap, M
from sfumato.edits import EDITS, EditFriendly, Words
from sfumato.edits.recording import Recording, told
from sfumato.edits.retouch import Tint, flipped, shifted
from sfumato.errors import Cancelled, InputError
from sfumato.steering import Grid, PathSampler, RecordedPath, Run, steer
from steering import tiny
from torch import Tensor

FAMILIES = ["sd", "sdxl", "sd3", "flux"]
GREYS = ChangeMap((np.arange(256, dtype=np.uint16) * 257).reshape(16, 16))
SMALL = ChangeMap((np.arange(16, dtype=np.uint16) * 4369).reshape(4, 4))  # 16 cells from black to white
WHITE = ChangeMap.constant(1.0)
MAPS = {"white": WHITE, "60 %": ChangeMap.constant(0.6), "ramp": SMALL}


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def edited(
    pipe: Any, edit: EditFriendly, text: str = "tar", steps: int = 10, guidance: float = 1.5, **more: Any
) -> tuple[Tensor, Run]:
    """The analytic pipeline under the edit; the result and its last run. image, seed: in `more`."""
    image = more.pop("image", analytic.clean("src", 0, 4))
    drawn = more.pop("generator", None) or generator(more.pop("seed", 1))
    with steer(pipe, edit, **{name: more.pop(name) for name in ("skip", "listener") if name in more}) as run:
        result = run(
            **analytic.words(text, pipe, len(image)),
            image=image,
            num_inference_steps=steps,
            guidance_scale=guidance,
            generator=drawn,
            output_type="latent",
            **more,
        ).images
        assert run.run is not None
        return result, run.run


def source(pipe: Any, guidance: float = 1.5, text: str = "src") -> dict[str, Any]:
    return {**analytic.words(text, pipe), "guidance_scale": guidance}


def families(family: str, change_map: ChangeMap, steps: int = 4, same: bool = True, pipe: Any = None, **settings: Any):
    """A tiny family's pipeline under the edit, with the source text as target or another: result, clean, edit, run."""
    pipe = pipe or tiny.FAMILIES[family]()
    arguments = tiny.arguments(family, steps)
    arguments |= {name: value.to(pipe.dtype) for name, value in arguments.items() if isinstance(value, Tensor)}
    said = {name: value for name, value in arguments.items() if "prompt" in name or "guidance" in name}
    if not same:
        arguments["prompt_embeds"] = -arguments["prompt_embeds"]
    edit = EditFriendly(change_map, said, **settings)
    with steer(pipe, edit) as run:
        result = run(**arguments).images
        assert run.run is not None
        return result, run.run.x0, edit, run.run


def guided(pipe: Any, x: Tensor, t: Tensor, text: str, guidance: float = 1.5, negative: str = "") -> Tensor:
    """The denoiser's answer under classifier-free guidance, as the pipelines work it out."""
    said, not_said = (analytic.words(name, pipe, len(x))["prompt_embeds"] for name in (text, negative))
    denoiser = getattr(pipe, "unet", None) or pipe.transformer
    both = denoiser(torch.cat([x, x]), t.expand(2 * len(x)), torch.cat([not_said, said]))[0]
    without, with_text = both.chunk(2)
    return without + guidance * (with_text - without)


def drawn(steps: int, like: Tensor, seed: int = 1) -> list[Tensor]:
    """The noises of a run: the pipeline's own, then one a level."""
    source = generator(seed)
    return [torch.randn(like.shape, generator=source, dtype=like.dtype) for _ in range(steps)]


def levels(pipe: Any, steps: int, like: Tensor) -> tuple[Grid, Tensor]:
    scheduler = copy.deepcopy(pipe.scheduler)
    scheduler.set_timesteps(steps)
    return Grid.of(scheduler, like), scheduler.timesteps


def to_one() -> Any:
    return analytic.diffusion(DDIMScheduler, set_alpha_to_one=True)


PIPES: dict[str, Callable[[], Any]] = {
    "alpha 0": analytic.pipeline,
    "alpha 1": lambda: analytic.pipeline(scheduler=to_one()),
    "v": lambda: analytic.pipeline("v_prediction"),
    "flow": lambda: analytic.pipeline("flow"),
}


class TestReconstruction:
    @pytest.mark.parametrize("change_map", MAPS)
    @pytest.mark.parametrize("name", PIPES)
    def test_t28_t34_the_same_text_gives_the_picture_bit_for_bit(self, name: str, change_map: str) -> None:
        pipe = PIPES[name]()
        for steps, eta in ((1, 1.0), (4, 0.5), (13, 0.0), (13, 1.0)):
            result, run = edited(pipe, EditFriendly(MAPS[change_map], source(pipe), eta=eta), "src", steps)
            assert torch.equal(result, run.x0)

    @pytest.mark.parametrize("change_map", MAPS)
    @pytest.mark.parametrize("name", PIPES)
    def test_t28_t34_the_residual_form_to_rounding(self, name: str, change_map: str) -> None:
        pipe = PIPES[name]()
        for steps in (1, 4, 13):
            result, run = edited(pipe, EditFriendly(MAPS[change_map], source(pipe), "residual"), "src", steps)
            assert result.isfinite().all()
            assert (result - run.x0).abs().max() <= 4 * np.spacing(float(run.x0.abs().max()))

    @pytest.mark.parametrize("family", FAMILIES)
    def test_t28_every_family(self, family: str) -> None:
        result, x0, _, _ = families(family, GREYS)
        assert torch.equal(result, x0)
        result, x0, _, _ = families(family, GREYS, form="residual")
        assert (result - x0).abs().max() <= 4 * np.spacing(np.float32(x0.abs().max()))
        other = families(family, GREYS, same=False)[0]
        assert not torch.equal(other, x0)

    @pytest.mark.parametrize("few_steps", ["off", "on"])
    @pytest.mark.parametrize("family", sorted(set(tiny.FAMILIES) - set(FAMILIES)))
    def test_t28_families_that_nobody_inverts(self, family: str, few_steps: str) -> None:
        arguments = tiny.arguments(family, 2)
        said = {name: v for name, v in arguments.items() if any(word in name for word in ("prompt", "guidance", "cfg"))}
        with steer(tiny.FAMILIES[family](), EditFriendly(GREYS, said, few_steps=few_steps)) as run:
            run(**arguments)
            assert run.run is not None
            assert torch.equal(run.run.state, run.run.x0)

    @pytest.mark.parametrize("spacing", ["leading", "trailing"])
    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_t28_half_precision(self, dtype: torch.dtype, spacing: str) -> None:
        pipe = copy.deepcopy(tiny.sd()).to(dtype)
        pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config, timestep_spacing=spacing)
        result, x0, edit, _ = families("sd", GREYS, pipe=pipe)
        assert result.dtype == dtype
        assert edit.delta.dtype == torch.float32
        assert torch.equal(result, x0)
        assert families("sd", GREYS, same=False, pipe=pipe)[0].isfinite().all()
        result, x0, _, _ = families("sd", GREYS, pipe=pipe, form="residual")
        assert (result - x0).abs().max() <= 1e-3

    @pytest.mark.parametrize("family", FAMILIES)
    def test_t29_replaying_walks_the_recorded_states(self, family: str) -> None:
        pipe = tiny.FAMILIES[family]()
        entering: list[Tensor] = []

        def remember(pipe: Any, i: int, t: Any, state: dict[str, Tensor]) -> dict[str, Tensor]:
            entering.append(state["latents"])
            return state

        arguments = tiny.arguments(family, 8)
        said = {name: value for name, value in arguments.items() if "prompt" in name or "guidance" in name}
        edit = EditFriendly(WHITE, said, "residual")
        with steer(pipe, edit) as run:
            run(**arguments, callback_on_step_end=remember)
            assert run.run is not None
            like = run.run.layout.like
        assert edit.recording is not None
        for state, recorded in zip(entering[:-1], edit.recording.states[1:-1], strict=True):
            assert torch.equal(state, like(recorded))

    @pytest.mark.parametrize(
        "scheduler",
        [
            EulerDiscreteScheduler,
            EulerAncestralDiscreteScheduler,
            HeunDiscreteScheduler,
            DPMSolverMultistepScheduler,
            UniPCMultistepScheduler,
            LCMScheduler,
        ],
    )
    def test_t28_t34_the_steps_are_its_own_whatever_the_scheduler(self, scheduler: Any) -> None:
        pipe = analytic.pipeline(scheduler=analytic.diffusion(scheduler))
        x0 = analytic.clean("src", 0, 4)
        same, run = edited(pipe, EditFriendly(SMALL, source(pipe)), "src", 12)
        assert torch.equal(same, x0)
        assert len(run.calls) == 12  # order-2 solvers too are asked once a step
        other, _ = edited(pipe, EditFriendly(WHITE, source(pipe)), "tar", 12)
        assert other.isfinite().all()
        assert torch.equal(analytic.nearest(other, "tar"), torch.arange(4))

    def test_cells_that_the_map_keeps_are_bit_equal_for_any_text(self) -> None:
        values = SMALL.values.copy()
        values[:, 2:] = 0
        for form in ("delta", "residual"):
            pipe = analytic.pipeline()
            result, run = edited(pipe, EditFriendly(ChangeMap(values), source(pipe), form, eta=0.7), "tar")
            assert torch.equal(result[..., 2:], run.x0[..., 2:])
            assert not torch.equal(result[..., 1], run.x0[..., 1])


class TestForms:
    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize("release", ["whole", "fractional"])
    def test_t30_both_forms_are_one(self, family: str, release: str) -> None:
        settings = {"same": False, "steps": 8, "release": release, "gain": 0.8}
        delta, residual = (families(family, GREYS, form=form, **settings)[0] for form in ("delta", "residual"))
        torch.testing.assert_close(delta, residual, atol=1e-5, rtol=1e-5)

    def test_t32_a_constant_map_is_a_run_that_starts_later(self) -> None:
        """Against the recursion without any map, from step k on."""
        pipe, steps = analytic.pipeline(), 10
        x0 = analytic.clean("src", 0, 2)
        grid, timesteps = levels(pipe, steps, x0)
        eps = drawn(steps, x0)
        recorded = EditFriendly(WHITE, source(pipe))
        edited(pipe, recorded, image=x0)
        assert recorded.recording is not None
        for k in (0, 3, 9):
            change_map = ChangeMap(np.full((1, 1), -(-(steps - k) * M // steps), np.uint16))
            result, _ = edited(pipe, EditFriendly(change_map, source(pipe), release="whole"), image=x0)
            delta = torch.zeros_like(x0)
            X = grid.a[k] * x0 + grid.b[k] * eps[k]
            for i in range(k, steps):
                A, B, _ = grid.affine(i, 1.0)
                f_source = guided(pipe, X, timesteps[i], "src")
                delta = A * delta + B * (guided(pipe, X + delta, timesteps[i], "tar") - f_source)
                prescribed = x0 if i + 1 == steps else grid.a[i + 1] * x0 + grid.b[i + 1] * eps[i + 1]
                phi = A * X + B * f_source
                X = x0 if i + 1 == steps else phi + (prescribed - phi)
            assert torch.equal(result, x0 + delta), f"k = {k}"

    def test_t33_flow_is_flowedit(self) -> None:
        pipe, steps = analytic.pipeline("flow"), 12
        x0 = analytic.clean("src", 0, 3)
        result, _ = edited(pipe, EditFriendly(WHITE, source(pipe)), steps=steps, guidance=3.0, image=x0)
        scheduler = copy.deepcopy(pipe.scheduler)
        scheduler.set_timesteps(steps)
        sigma = scheduler.sigmas.double()
        z = x0
        for i, eps in enumerate(drawn(steps, x0)):
            z_source = (1 - sigma[i]) * x0 + sigma[i] * eps
            z_target = z + z_source - x0
            t = scheduler.timesteps[i]
            v = guided(pipe, z_target, t, "tar", 3.0) - guided(pipe, z_source, t, "src")
            z = z + (sigma[i + 1] - sigma[i]) * v
        torch.testing.assert_close(result, z, atol=1e-6, rtol=0)

    def test_t33_diffusion_is_the_published_inversion_with_its_z(self) -> None:
        """Algorithm 1 with alpha-bars and z, drift corrected; the last step, whose sigma is 0 here, keeps what z
        cannot hold."""
        pipe, steps = analytic.pipeline(scheduler=to_one()), 20
        x0 = analytic.clean("src", 0, 3)
        result, _ = edited(pipe, EditFriendly(WHITE, source(pipe)), steps=steps, guidance=4.0, image=x0)
        _, timesteps = levels(pipe, steps, x0)
        bars = [*pipe.scheduler.alphas_cumprod[timesteps.long()], torch.tensor(1.0, dtype=torch.float64)]

        def mu(i: int, x: Tensor, f: Tensor) -> tuple[Tensor, Tensor]:
            now, then = bars[i], bars[i + 1]
            variance = (1 - then) / (1 - now) * (1 - now / then)
            predicted = (x - (1 - now).sqrt() * f) / now.sqrt()
            return then.sqrt() * predicted + (1 - then - variance).sqrt() * f, variance.sqrt()

        X = [bar.sqrt() * x0 + (1 - bar).sqrt() * eps for bar, eps in zip(bars[:-1], drawn(steps, x0), strict=True)]
        X.append(x0)
        z, last = [], x0
        for i in range(steps):
            mean, sigma = mu(i, X[i], guided(pipe, X[i], timesteps[i], "src"))
            if i < steps - 1:
                z.append((X[i + 1] - mean) / sigma)
                X[i + 1] = mean + sigma * z[i]
            else:
                last = X[i + 1] - mean
        x = X[0]
        for i in range(steps):
            mean, sigma = mu(i, x, guided(pipe, x, timesteps[i], "tar", 4.0))
            x = mean + (sigma * z[i] if i < steps - 1 else last)
        torch.testing.assert_close(result, x, atol=1e-6, rtol=0)

    def test_t33_posterior_path_is_cyclediffusion(self) -> None:
        pipe, steps, eta = analytic.pipeline(scheduler=to_one()), 20, 0.1
        x0 = analytic.clean("src", 0, 3)
        edit = EditFriendly(WHITE, source(pipe, 1.0), eta=eta, path="posterior")
        result, _ = edited(pipe, edit, steps=steps, guidance=2.0, image=x0)
        _, timesteps = levels(pipe, steps, x0)
        bars = [*pipe.scheduler.alphas_cumprod[timesteps.long()], torch.tensor(1.0, dtype=torch.float64)]
        eps = drawn(steps, x0)
        x_source = x = bars[0].sqrt() * x0 + (1 - bars[0]).sqrt() * eps[0]
        for i in range(steps):
            now, then = bars[i], bars[i + 1]
            sigma = eta * ((1 - then) / (1 - now) * (1 - now / then)).sqrt()
            direction = (1 - then - sigma**2).sqrt()
            # x_{t-1} ~ q(x_{t-1} | x_t, x0), then the noise that takes the source there
            after = then.sqrt() * x0 + direction * (x_source - now.sqrt() * x0) / (1 - now).sqrt()
            after = after + sigma * eps[i + 1] if i < steps - 1 else x0

            def mean(x: Tensor, f: Tensor) -> Tensor:
                return then.sqrt() * (x - (1 - now).sqrt() * f) / now.sqrt() + direction * f  # noqa: B023

            missing = after - mean(x_source, guided(pipe, x_source, timesteps[i], "src", 1.0))
            x = mean(x, guided(pipe, x, timesteps[i], "tar", 2.0)) + missing
            x_source = after
        torch.testing.assert_close(result, x, atol=1e-6, rtol=0)

    def test_differential_diffusion_on_this_path_with_these_residuals_is_the_residual_form(self) -> None:
        """Used inside another method, as the paper does: the path and the noise change, the method stays."""
        pipe, steps = analytic.pipeline(), 10
        edit = EditFriendly(SMALL, source(pipe), "residual")
        ours, run = edited(pipe, edit, steps=steps)
        recording = edit.recording
        assert recording is not None

        class Differential(PathSampler):
            own_steps = True

            def path(self, run: Run) -> RecordedPath:
                return RecordedPath(run, dict(enumerate(recording.states)))

            def step(self, run: Run, sample: Tensor, output: Tensor, solve: Any) -> Tensor:
                A, B, _ = run.grid.affine(run.call, 1.0)
                d = recording.residuals[run.call]
                return super().step(run, sample, output, lambda f: A * sample + B * f + d)

        theirs, _ = edited(pipe, Differential(SMALL, "fractional"), steps=steps, image=run.x0)
        torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0)


def z_statistics(steps: int, path: str) -> tuple[float, float]:
    """Over the steps: mean correlation of consecutive z_i and median of their standard deviation."""
    pipe = analytic.pipeline()
    edit = EditFriendly(WHITE, source(pipe, 1.0), path=path)
    _, run = edited(pipe, edit, "src", steps, image=analytic.clean("src", 0, 16))
    assert edit.recording is not None
    s = torch.stack([run.grid.affine(i, 1.0)[2] for i in range(steps - 1)])
    z = (edit.recording.residuals[:-1] / s.view(-1, 1, 1, 1, 1)).flatten(1)
    pairs = [torch.corrcoef(torch.stack([z[i], z[i + 1]]))[0, 1] for i in range(len(z) - 1)]
    return float(torch.stack(pairs).mean()), float(z.std(dim=1).median())


def test_t31_independent_noise_makes_noise_maps_that_push_back() -> None:
    spreads = []
    for steps, expected in ((20, 2.4), (50, 3.6), (100, 5.0)):
        correlation, spread = z_statistics(steps, "independent")
        assert -0.6 <= correlation <= -0.4
        assert spread == pytest.approx(expected, rel=0.15)
        spreads.append(spread)
    assert spreads[2] / spreads[0] == pytest.approx(5**0.5, rel=0.15)
    for steps, expected in ((20, 0.34), (100, 0.16)):
        correlation, spread = z_statistics(steps, "shared")
        assert correlation > 0.95
        assert spread == pytest.approx(expected, rel=0.15)


class Around(analytic.Denoiser):
    """A denoiser that is the same everywhere: a convolution around the border, and the text as a constant."""

    def forward(self, sample: Tensor, timestep: Any, encoder_hidden_states: Tensor, **_: Any) -> tuple[Tensor]:
        kernel = torch.randn((4, 4, 3, 3), generator=generator(7), dtype=torch.float64) / 6
        kernel = kernel + kernel.flip(-1)  # its own mirror image
        around = torch.nn.functional.pad(sample, (1, 1, 1, 1), mode="circular")
        told = encoder_hidden_states[:, 0, :4, None, None] - encoder_hidden_states[:, 0, 4:, None, None]
        return ((torch.nn.functional.conv2d(around, kernel) + told).tanh(),)


class TestRetouching:
    @pytest.mark.parametrize("move", [shifted(1, 2), shifted(0, -1), flipped])
    @pytest.mark.parametrize("same", [True, False])
    def test_t36_shifting_all_recorded_shifts_the_picture(self, move: Any, same: bool) -> None:
        pipe = analytic.pipeline()
        pipe.unet = Around("epsilon").double()
        text = "src" if same else "tar"
        x0 = analytic.clean("src", 0, 2)
        still, _ = edited(pipe, EditFriendly(WHITE, source(pipe), "residual"), text, image=x0)
        moved, _ = edited(pipe, EditFriendly(WHITE, source(pipe), "residual", move=move), text, image=x0)
        torch.testing.assert_close(moved, move(still), atol=1e-5, rtol=0)
        assert not torch.equal(moved, still)

    def test_what_the_map_keeps_is_not_moved(self) -> None:
        values = SMALL.values.copy()
        values[:2] = 0
        pipe = analytic.pipeline()
        edit = EditFriendly(ChangeMap(values), source(pipe), "residual", move=shifted(0, 1))
        result, run = edited(pipe, edit)
        assert torch.equal(result[:, :, :2], run.x0[:, :, :2])

    def test_a_tint_pulls_its_place_towards_its_colour(self) -> None:
        pipe = analytic.pipeline()
        colour = torch.full((1, 4, 1, 1), 2.0, dtype=torch.float64)
        where = ChangeMap.of(analytic.EDITED.numpy())
        distances = []
        for strength in (0.0, 0.05, 0.1):
            tint = Tint(where, colour, strength)
            result, _ = edited(pipe, EditFriendly(WHITE, source(pipe), "residual", tint=tint), "src", 50)
            distances.append(float((result - colour)[..., analytic.EDITED].norm()))
        assert distances[0] > distances[1] > distances[2]

    def test_both_need_the_residual_form(self) -> None:
        with pytest.raises(InputError, match="set form to 'residual'"):
            EditFriendly(WHITE, {}, move=flipped)


class TestDiversity:
    def test_t37_every_seed_reconstructs_and_edits_in_its_own_way(self) -> None:
        pipe = analytic.pipeline()
        edits = []
        for seed in (1, 2):
            same, run = edited(pipe, EditFriendly(SMALL, source(pipe)), "src", seed=seed)
            assert torch.equal(same, run.x0)
            edits.append(edited(pipe, EditFriendly(SMALL, source(pipe)), "tar", seed=seed)[0])
        assert (edits[0] - edits[1]).std() > 0.01

    def test_less_structure_kept_is_more_diversity(self) -> None:
        pipe = analytic.pipeline()
        spreads = []
        for keep in (1.0, 0.7, 0.0):
            edit = [edited(pipe, EditFriendly(WHITE, source(pipe), keep=keep), "src", seed=s)[0] for s in range(4)]
            spreads.append(float(torch.stack(edit).std(dim=0).mean()))
        assert spreads[0] < 1e-9 < spreads[1] < spreads[2]

    def test_structure_kept_nowhere_is_the_samplers_own_noise(self) -> None:
        """keep = 0 from k_min is SDEdit with DDPM's steps: against that recursion with its own draws."""
        pipe, steps = analytic.pipeline(), 10
        x0 = analytic.clean("src", 0, 2)
        result, _ = edited(pipe, EditFriendly(WHITE, source(pipe), "residual", keep=0.0), image=x0)
        grid, timesteps = levels(pipe, steps, x0)
        draws = drawn(2 * steps, x0)
        x = grid.a[0] * x0 + grid.b[0] * draws[0]
        for i in range(steps):
            A, B, s = grid.affine(i, 1.0)
            x = A * x + B * guided(pipe, x, timesteps[i], "tar") + s * draws[steps + i]
        torch.testing.assert_close(result, x, atol=1e-9, rtol=0)

    def test_structure_kept_in_part_leaves_the_variance_of_the_noise_as_it_is(self) -> None:
        """kappa d + sqrt(1 - kappa^2) s xi, at kappa = 0.6: against that recursion with its own draws."""
        pipe, steps = analytic.pipeline(), 6
        x0 = analytic.clean("src", 0, 2)
        edit = EditFriendly(WHITE, source(pipe), "residual", keep=0.6)
        result, _ = edited(pipe, edit, image=x0, steps=steps)
        assert edit.recording is not None
        grid, timesteps = levels(pipe, steps, x0)
        draws = drawn(2 * steps, x0)
        x = grid.a[0] * x0 + grid.b[0] * draws[0]
        for i, d in enumerate(edit.recording.residuals):
            A, B, s = grid.affine(i, 1.0)
            x = A * x + B * guided(pipe, x, timesteps[i], "tar") + 0.6 * d + 0.8 * s * draws[steps + i]
        torch.testing.assert_close(result, x, atol=1e-9, rtol=0)

    @pytest.mark.parametrize("form", ["delta", "residual"])
    def test_keep_may_be_a_map(self, form: str) -> None:
        pipe = analytic.pipeline()
        keep = ChangeMap.of(~analytic.EDITED.numpy())
        result, run = edited(pipe, EditFriendly(ChangeMap.constant(0.4), source(pipe), form, keep=keep), "src")
        off = (result - run.x0).abs()
        # What surrounds a free cell is shown another neighbour, but goes on with its own noise.
        assert off[..., analytic.EDITED].mean() > 5 * off[..., ~analytic.EDITED].mean()


class TestGain:
    @pytest.mark.parametrize("form", ["delta", "residual"])
    def test_t38_no_gain_is_the_identity_for_any_text(self, form: str) -> None:
        pipe = analytic.pipeline()
        for text in ("src", "tar"):
            result, run = edited(pipe, EditFriendly(WHITE, source(pipe), form, gain=0.0), text)
            if form == "delta":
                assert torch.equal(result, run.x0)
            torch.testing.assert_close(result, run.x0, atol=1e-12, rtol=0)

    def test_t38_full_gain_is_the_plain_edit(self) -> None:
        pipe = analytic.pipeline()
        results = [edited(pipe, EditFriendly(SMALL, source(pipe), gain=g))[0] for g in (1.0, WHITE, 0.5)]
        assert torch.equal(results[0], results[1])
        assert not torch.equal(results[0], results[2])

    def test_a_gain_map_holds_cells_where_it_is_black(self) -> None:
        pipe = analytic.pipeline()
        gain = ChangeMap.of(analytic.EDITED.numpy())
        result, run = edited(pipe, EditFriendly(WHITE, source(pipe), gain=gain))
        kept = ~analytic.EDITED
        assert torch.equal(result[..., kept], run.x0[..., kept])
        assert not torch.equal(result, run.x0)


@contextmanager
def counted(pipe: Any) -> Iterator[list[int]]:
    calls: list[int] = []
    handle = pipe.unet.register_forward_hook(lambda *_: calls.append(1))
    try:
        yield calls
    finally:
        handle.remove()


class TestRecording:
    def test_one_recording_serves_every_text_and_smaller_maps(self) -> None:
        pipe = analytic.pipeline()
        first = EditFriendly(WHITE, source(pipe))
        edited(pipe, first, "src")
        smaller = ChangeMap(SMALL.values, strength=700)
        for change_map, calls_saved in ((WHITE, 10), (smaller, 7)):
            again = EditFriendly(change_map, source(pipe), recording=first.recording)
            with counted(pipe) as calls:
                reused, _ = edited(pipe, again, "tar")
            assert len(calls) == calls_saved
            anew, _ = edited(pipe, EditFriendly(change_map, source(pipe)), "tar")
            torch.testing.assert_close(reused, anew, atol=1e-12, rtol=0)

    def test_one_that_covers_too_little_is_made_anew(self) -> None:
        pipe = analytic.pipeline()
        short = EditFriendly(ChangeMap.constant(0.5), source(pipe))
        edited(pipe, short)
        longer = EditFriendly(WHITE, source(pipe), recording=short.recording)
        result, _ = edited(pipe, longer)
        assert torch.equal(result, edited(pipe, EditFriendly(WHITE, source(pipe)))[0])
        assert longer.recording is not short.recording

    @pytest.mark.parametrize(
        "change", [{"seed": 2}, {"image": analytic.clean("src", 9, 4)}, {"steps": 11}, {"eta": 0.5}, {"path": "shared"}]
    )
    def test_one_of_something_else_is_refused(self, change: dict[str, Any]) -> None:
        pipe = analytic.pipeline()
        first = EditFriendly(WHITE, source(pipe))
        edited(pipe, first)
        own = {name: change[name] for name in ("eta", "path") if name in change}
        run = {name: value for name, value in change.items() if name not in own}
        with pytest.raises(InputError, match="This recording is of another picture"):
            edited(pipe, EditFriendly(WHITE, source(pipe), recording=first.recording, **own), **run)

    def test_one_of_another_source_is_refused(self) -> None:
        """The text, its guidance and what it is told not to show; as texts and as embeddings."""
        pipe = analytic.pipeline()
        first = EditFriendly(WHITE, source(pipe))
        edited(pipe, first)
        negative = {"negative_prompt_embeds": analytic.words("tar", pipe)["prompt_embeds"]}
        for other in (source(pipe, text="tar"), source(pipe, 2.0), source(pipe) | negative):
            with pytest.raises(InputError, match="This recording is of another picture, source text"):
                edited(pipe, EditFriendly(WHITE, other, recording=first.recording))
        again = EditFriendly(WHITE, dict(reversed(source(pipe).items())), recording=first.recording)
        edited(pipe, again)
        assert again.recording is first.recording
        assert torch.equal(told({"prompt": "a cat"}), told({"prompt": "a cat"}))
        assert not torch.equal(told({"prompt": "a cat"}), told({"prompt": "a dog"}))

    def test_it_is_remembered_by_what_it_depends_on(self) -> None:
        pipe, known = analytic.pipeline(), {}

        def remember(key: Any, make: Any) -> Recording:
            if key not in known:
                known[key] = make()
            return known[key]

        def created(**more: Any) -> EditFriendly:
            settings = {p.name: p.default for p in EDITS["edit-friendly"].INFO.parameters} | more
            words = Words(lambda text: analytic.words(text, pipe), "src", remember)
            return EDITS["edit-friendly"].create(WHITE, words, **settings)

        plain, _ = edited(pipe, created())
        with counted(pipe) as calls:
            again, _ = edited(pipe, created())
            edited(pipe, created(form="residual", gain=0.5), "src")
        assert torch.equal(plain, again)
        assert len(calls) == 2 * 10
        assert len(known) == 1
        for other in ({"source_guidance": 5.0}, {"eta": 0.5}, {"few_steps": "on"}):
            edited(pipe, created(**other))
        assert len(known) == 4
        assert all(isinstance(t, Tensor) for recording in known.values() for t in recording)

    def test_it_is_small(self) -> None:
        _, x0, edit, run = families("sd", WHITE, steps=20)
        assert edit.recording is not None
        held = sum(t.numel() * t.element_size() for t in edit.recording)
        assert held <= (3 * run.grid.steps + 4) * x0.numel() * 4


class TestFewSteps:
    def test_turboedit(self) -> None:
        """x' = x_{t-1} + [mu(x, c) - mu(X, c)] + w [mu(x, c') - mu(x, c)], X noised a level cleaner than is told."""
        pipe, steps, w = analytic.pipeline(scheduler=to_one()), 4, 1.5
        x0 = analytic.clean("src", 0, 3)
        edit = EditFriendly(WHITE, source(pipe), few_steps="auto")
        result, _ = edited(pipe, edit, steps=steps, guidance=w, image=x0)
        grid, timesteps = levels(pipe, steps, x0)
        eps = drawn(steps, x0)
        cleaner = [grid.a[i + 1] * x0 + grid.b[i + 1] * eps[i] for i in range(steps)] + [x0]
        assert torch.equal(cleaner[3], x0)

        def mu(i: int, x: Tensor, text: str) -> Tensor:
            A, B, _ = grid.affine(i, 1.0)
            return A * x + B * guided(pipe, x, timesteps[i], text, 1.0)

        x = cleaner[0]
        for i in range(steps):
            same, other = mu(i, x, "src"), mu(i, x, "tar")
            x = cleaner[i + 1] + (same - mu(i, cleaner[i], "src")) + w * (other - same)
        torch.testing.assert_close(result, x, atol=1e-9, rtol=0)

    @pytest.mark.parametrize("family", FAMILIES)
    def test_the_same_text_is_still_the_identity(self, family: str) -> None:
        result, x0, _, _ = families(family, GREYS, few_steps="on")
        assert torch.equal(result, x0)
        assert not torch.equal(families(family, GREYS, few_steps="on", same=False)[0], x0)

    @pytest.mark.filterwarnings("ignore:You have passed 2 text prompts:FutureWarning")
    def test_several_pictures_of_one_prompt(self) -> None:
        """The source stands in for the negative text, once a prompt as the pipeline wants it."""
        pipe, arguments = tiny.sd(), tiny.arguments("sd", 4)
        said = {n: v for n, v in arguments.items() if "prompt" in n or "guidance" in n}
        arguments |= {"num_images_per_prompt": 2}
        for same in (True, False):
            if not same:
                arguments["prompt_embeds"] = -arguments["prompt_embeds"]
            with steer(pipe, EditFriendly(GREYS, said, few_steps="on")) as run:
                result = run(**arguments).images
                assert run.run is not None
            assert len(result) == 2
            assert torch.equal(result, run.run.x0) is same
            assert not torch.equal(run.run.noise[0], run.run.noise[1])

    def test_auto_is_off_from_nine_steps_on(self) -> None:
        pipe = analytic.pipeline()
        for steps, same in ((9, True), (8, False)):
            off, auto = (
                edited(pipe, EditFriendly(SMALL, source(pipe), few_steps=f), steps=steps)[0] for f in ("off", "auto")
            )
            assert torch.equal(off, auto) is same

    def test_the_last_residual_is_clipped_in_the_residual_form(self) -> None:
        pipe = analytic.pipeline()
        edit = EditFriendly(WHITE, source(pipe), "residual", few_steps="on")
        strange = 6 * torch.randn((2, *analytic.SHAPE), generator=generator(8), dtype=torch.float64)
        images = torch.cat([strange, analytic.clean("src", 0, 2)])
        result, run = edited(pipe, edit, "src", 4, image=images)
        assert edit.recording is not None
        last = edit.recording.residuals[-1].flatten(1).norm(dim=1)
        limit = 15.5 * (64 / (4 * 64 * 64)) ** 0.5
        assert (last > limit).any()
        assert (last < 0.9 * limit).any()  # these are left as they are
        missing = (result - run.x0).flatten(1).norm(dim=1)
        torch.testing.assert_close(missing, (last - limit).clamp(min=0), atol=1e-9, rtol=0)


class TestManners:
    def test_t32_the_steps_before_the_first_release_change_nothing(self) -> None:
        pipe = analytic.pipeline()
        half = ChangeMap(SMALL.values, strength=500)
        skipped, _ = edited(pipe, EditFriendly(half, source(pipe)))
        every, _ = edited(pipe, EditFriendly(half, source(pipe)), skip=False)
        torch.testing.assert_close(skipped, every, atol=1e-12, rtol=0)
        assert torch.equal(skipped[..., 0, 0], every[..., 0, 0])

    def test_model_calls_are_twice_the_largest_n(self) -> None:
        pipe = analytic.pipeline()
        with counted(pipe) as calls:
            edited(pipe, EditFriendly(ChangeMap.constant(0.4), source(pipe)))
        assert len(calls) == 8

    @pytest.mark.parametrize("form", ["delta", "residual"])
    def test_pictures_of_a_batch_do_not_depend_on_each_other(self, form: str) -> None:
        pipe = tiny.sd()
        arguments = tiny.arguments("sd", 4, batch=2)
        said = {n: v[:1] for n, v in tiny.arguments("sd", 4).items() if "prompt" in n} | {"guidance_scale": 3.0}
        arguments["prompt_embeds"] = -arguments["prompt_embeds"]
        results = []
        for seeds in ((5, 6), (5, 7)):
            edit = EditFriendly(GREYS, said, form, keep=0.9)
            with steer(pipe, edit) as run:
                results.append(run(**arguments | {"generator": [generator(s) for s in seeds]}).images)
        assert torch.equal(results[0][0], results[1][0])
        assert not torch.equal(results[0][1], results[1][1])

    def test_cancelling_stops_within_a_step_and_restores_the_pipeline(self) -> None:
        pipe = analytic.pipeline()
        before = pipe.scheduler
        for at in (2, 13):  # in the source pass, in the target's
            heard: list[int] = []

            def listener(run: Run) -> None:
                heard.append(1)  # noqa: B023
                if len(heard) == at:  # noqa: B023
                    raise Cancelled

            with counted(pipe) as calls, pytest.raises(Cancelled):
                edited(pipe, EditFriendly(WHITE, source(pipe)), listener=listener)
            assert len(calls) == at
            assert pipe.scheduler is before

    def test_previews_come_from_the_edit_not_from_the_noise(self) -> None:
        pipe = analytic.pipeline()
        shown: list[Tensor] = []
        result, run = edited(pipe, EditFriendly(SMALL, source(pipe)), listener=lambda run: shown.append(run.denoised()))
        assert torch.equal(shown[-1][..., 0, 0], run.x0[..., 0, 0])
        torch.testing.assert_close(shown[-1], result, atol=0.2, rtol=0)

    def test_the_edit_changes_the_picture_where_the_texts_differ(self) -> None:
        """The same template of the other text, without any mask (the reference's EF column at r = .7)."""
        pipe = analytic.pipeline()
        x0 = analytic.clean("src", 3, 40)
        result, _ = edited(pipe, EditFriendly(ChangeMap.constant(0.7), source(pipe, 1.0)), steps=50, image=x0)
        kept_kind = analytic.nearest(result, "tar") == torch.arange(40) % 4
        assert kept_kind.double().mean() >= 0.95
        outside = (result - x0)[kept_kind][..., ~analytic.EDITED]
        assert float(outside.square().mean().sqrt()) < 0.05

    def test_one_edit_serves_one_picture_after_another(self) -> None:
        pipe = analytic.pipeline()
        edit = EditFriendly(WHITE, source(pipe))
        for seed in (3, 4):
            x0 = analytic.clean("src", seed, 2)
            assert torch.equal(edited(pipe, edit, "src", image=x0)[0], x0)

    @pytest.mark.parametrize(
        ("setting", "value"),
        [
            ("form", "naive"),
            ("eta", 1.5),
            ("keep", -0.1),
            ("keep", True),
            ("gain", -5),
            ("gain", float("nan")),
            ("path", "foo"),
            ("few_steps", "maybe"),
            ("axis", "time"),
        ],
    )
    def test_a_setting_that_cannot_be_gets_a_sentence(self, setting: str, value: Any) -> None:
        with pytest.raises(InputError, match=f"The setting '{setting}.*this is {value!r}"):
            EditFriendly(WHITE, {}, **{setting: value})

    def test_a_gain_map_of_another_shape_gets_a_sentence(self) -> None:
        pipe = analytic.pipeline()
        with pytest.raises(InputError, match="shapes differ"):
            edited(pipe, EditFriendly(WHITE, source(pipe), gain=ChangeMap(np.full((8, 24), M, np.uint16))))
