"""The rules of published programs, by values worked by hand, and what they cannot do that ours can.

What published code each was compared with is data: `sfumato.evaluation.checked`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, StableDiffusionInpaintPipeline
from numpy.typing import NDArray
from sfumato.change_map import ChangeMap, M
from sfumato.edits import Differential
from sfumato.edits.sdedit import SDEdit
from sfumato.edits.soft_inpainting import SoftInpainting
from sfumato.evaluation.rules import (
    RULES,
    BlendedLatentDiffusion,
    ComfyUI,
    DiffusersFlux,
    DiffusersSDXL,
    Exx8,
    InvokeAI,
    PlainInpainting,
    Rule,
    Schedule,
    SoftInpaintingA1111,
    steps_of,
)
from sfumato.steering import NoisedPath, Run, steer
from steering import tiny

STEPS = 8
ALL_GREYS = ChangeMap((np.arange(256, dtype=np.uint16) * 257).reshape(16, 16))
WHITE = ChangeMap.constant(1.0)


def sd_sigmas() -> NDArray[np.float64]:
    """sigma = b / a at the 1000 training timesteps of Stable Diffusion (scaled linear, 0.00085..0.012)."""
    kept = np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)
    return np.sqrt((1 - kept) / kept)


def shifted(steps: int, shift: float = 3.0, first: int = 0) -> Schedule:
    """sigma = s u / (1 + (s - 1) u) of a uniform u = 1 .. 1/N, then 0; trained at u = 1/1000 .. 1."""

    def sigma(u: NDArray[np.float64]) -> NDArray[np.float64]:
        return shift * u / (1 + (shift - 1) * u)

    return Schedule(sigma(np.arange(steps, -1, -1) / steps), True, first, sigma(np.arange(1, 1001) / 1000))


def uniform(steps: int, first: int = 0) -> Schedule:
    """For rules that count steps and never look at a sigma."""
    return Schedule(np.linspace(1, 0, steps + 1), first=first)


def diffusion(timesteps: NDArray[np.float64]) -> Schedule:
    """The sigmas of SD's timesteps (log-linear between two of them), then 0."""
    trained = np.log(sd_sigmas())
    sigmas = np.exp(np.interp(timesteps, np.arange(1000), trained))
    return Schedule(np.append(sigmas, 0.0), trained=sd_sigmas())


def karras(steps: int) -> Schedule:
    least, most = sd_sigmas()[[0, -1]] ** (1 / 7)
    sigmas = (most + np.linspace(0, 1, steps) * (least - most)) ** 7
    return Schedule(np.append(sigmas, 0.0), trained=sd_sigmas())


def steered(pipe: Any, family: str, edit: Any, steps: int = STEPS, **kwargs: Any) -> torch.Tensor:
    with steer(pipe, edit) as run:
        return run(**tiny.arguments(family, steps), **kwargs).images


def final_run(pipe: Any, family: str, edit: Any, steps: int = STEPS) -> Run:
    """What is known of a pass after it; `state` is its clean latents in the denoiser's form."""
    with steer(pipe, edit) as run:
        run(**tiny.arguments(family, steps))
        assert run.run is not None
        return run.run


@pytest.fixture
def sd() -> Any:
    """Euler, whose last level is clean and whose timesteps are SD's."""
    pipe = tiny.sd()
    before = pipe.scheduler
    pipe.scheduler = tiny.diffusion(EulerDiscreteScheduler)
    yield pipe
    pipe.scheduler = before


class TestStepsOfAMapsValue:
    """Four steps; change c = 1 - m. Worked by hand in the reference."""

    @pytest.mark.parametrize("rule", [Exx8, DiffusersSDXL])
    def test_before_the_step(self, rule: type[Rule]) -> None:
        """m > i / 4 before steps 1, 2, 3: the last such i is kept, and 4 - i steps follow, so always one."""
        m = {0.0: 4, 0.25: 4, 0.26: 3, 0.5: 3, 0.51: 2, 0.75: 2, 0.76: 1, 1.0: 1}
        assert {v: steps_of(rule(WHITE), 1 - v, uniform(4)) for v in m} == m

    def test_after_the_step(self) -> None:
        """m > i / 4 after steps 0, 1, 2: any m above 0 loses a step, and the two upper quarters fall together."""
        m = {0.0: 4, 0.01: 3, 0.25: 3, 0.26: 2, 0.5: 2, 0.51: 1, 0.75: 1, 1.0: 1}
        assert {v: steps_of(DiffusersFlux(WHITE), 1 - v, uniform(4)) for v in m} == m

    def test_comfyui_on_a_shifted_flow(self) -> None:
        """sigma of shift 3: 1, .9, .75, .5; c is free from the first sigma that it reaches. Below .5: never."""
        c = {1.0: 4, 0.95: 3, 0.901: 3, 0.89: 2, 0.751: 2, 0.74: 1, 0.501: 1, 0.49: 0, 0.25: 0, 0.0: 0}
        assert {v: steps_of(ComfyUI(WHITE), v, shifted(4)) for v in c} == c

    def test_invokeai_on_a_shifted_flow(self) -> None:
        """The same levels, but of where a step leads: .9, .75, .5, 0."""
        c = {1.0: 4, 0.901: 4, 0.89: 3, 0.751: 3, 0.74: 2, 0.501: 2, 0.49: 1, 0.001: 1, 0.0: 0}
        assert {v: steps_of(InvokeAI(WHITE), v, shifted(4)) for v in c} == c

    def test_invokeai_on_diffusion_counts_absolute_timesteps(self) -> None:
        """t = 999, 749, 499, 249: put back before every step with t >= 1000 c, so the steps with t < 1000 c and the
        one before them count, as in exx8; only black is put back at the end."""
        schedule = diffusion(np.array([999.0, 749.0, 499.0, 249.0]))
        c = {1.0: 4, 0.75: 4, 0.749: 3, 0.5: 3, 0.499: 2, 0.25: 2, 0.249: 1, 0.001: 1, 0.0: 0}
        assert {v: steps_of(InvokeAI(WHITE), v, schedule) for v in c} == c

    def test_plain_inpainting_knows_two_values(self) -> None:
        c = {0.0: 0, 0.49: 0, 0.5: 4, 1.0: 4}
        assert {v: steps_of(PlainInpainting(WHITE), v, uniform(4)) for v in c} == c

    @pytest.mark.parametrize("steps", [3, 8, 20, 28])
    def test_closed_forms(self, steps: int) -> None:
        for bucket in range(steps):
            m = (bucket + 0.5) / steps
            assert steps_of(Exx8(WHITE), 1 - m, uniform(steps)) == steps - math.ceil(m * steps) + 1
            assert steps_of(DiffusersFlux(WHITE), 1 - m, uniform(steps)) == steps - min(steps - 1, math.ceil(m * steps))

    def test_global_strength_multiplies_or_subtracts_or_caps(self) -> None:
        """Strength .5 of 8 steps leaves 4. exx8 and Flux spread the map over those 4; SDXL's thresholds stay eighths,
        so half a change is lost (c = .5 ends on the one step that is never lost); InvokeAI's .6 stays .6 below it."""
        half = uniform(8, first=4)
        assert [steps_of(Exx8(WHITE), c, half) for c in (1.0, 0.7, 0.45, 0.2)] == [4, 3, 2, 1]
        assert [steps_of(DiffusersSDXL(WHITE), c, half) for c in (1.0, 0.8, 0.7, 0.5)] == [4, 3, 2, 1]
        assert [steps_of(DiffusersFlux(WHITE), c, half) for c in (1.0, 0.8, 0.7, 0.45)] == [4, 3, 2, 1]
        whole, capped = shifted(8), shifted(8, first=4)  # sigma at 4: .75
        for c in (0.7, 0.6, 0.4, 0.2):
            assert steps_of(InvokeAI(WHITE), c, whole) == steps_of(InvokeAI(WHITE), c, capped)
        assert steps_of(InvokeAI(WHITE), 0.9, whole) == 6
        assert steps_of(InvokeAI(WHITE), 0.9, capped) == 4


class TestComfyUIThresholds:
    """The change at which each call starts to count; three decimals, as published."""

    @staticmethod
    def of(schedule: Schedule) -> list[float]:
        return [round(ComfyUI(WHITE).threshold(i, schedule), 3) for i in range(schedule.last)]

    def test_sdxl_normal(self) -> None:
        thresholds = [1, 0.857, 0.715, 0.572, 0.428, 0.285, 0.143, 0]
        assert self.of(diffusion(np.linspace(999, 0, 8))) == thresholds

    def test_sdxl_sgm_uniform_never_reaches_0(self) -> None:
        thresholds = self.of(diffusion(np.linspace(999, 0, 9)[:-1]))
        assert thresholds == pytest.approx(np.arange(8, 0, -1) / 8, abs=1.1e-3)  # timestep 499.5 is 499

    def test_karras_spends_half_its_steps_below_three_tenths(self) -> None:
        assert self.of(karras(8)) == [1, 0.891, 0.747, 0.55, 0.299, 0.09, 0.012, 0]
        assert self.of(karras(20))[-4:] == [0.015, 0.006, 0.002, 0]

    def test_shifted_flow(self) -> None:
        """A flow model's least sigma is its first training timestep's, 1/1000 shifted by 3: .00299. So the last of four
        is (.5 - .00299) / (1 - .00299) = .4985."""
        assert self.of(shifted(4)) == [1, 0.9, 0.749, 0.498]
        assert self.of(shifted(8)) == [1, 0.954, 0.9, 0.833, 0.749, 0.642, 0.498, 0.298]
        assert self.of(shifted(9)) == [1, 0.96, 0.913, 0.857, 0.789, 0.705, 0.599, 0.46, 0.271]

    def test_a_schedule_that_ends_at_the_least_sigma_frees_black_in_the_last_call(self) -> None:
        assert steps_of(ComfyUI(WHITE), 0.0, karras(8)) == 1
        assert steps_of(ComfyUI(WHITE), 0.0, diffusion(np.linspace(999, 0, 9)[:-1])) == 0

    def test_a_strength_that_leaves_the_least_sigma_alone_changes_nothing(self) -> None:
        """From and to are the same timestep, and c >= 0 / 0 is false for white too."""
        last = Schedule(karras(8).sigmas, first=7, trained=sd_sigmas())
        assert steps_of(ComfyUI(WHITE), 1.0, last) == 0


class TestPreservedPixels:
    @pytest.mark.parametrize(("steps", "sigma"), [(4, 0.5), (9, 0.273), (20, 0.136), (28, 0.1)])
    @pytest.mark.parametrize("rule", [DiffusersSDXL, DiffusersFlux])
    def test_black_is_noised_and_denoised_from_this_sigma(self, rule: type[Rule], steps: int, sigma: float) -> None:
        """Shift 3 at u = 1/N: 3 / (N + 2)."""
        schedule = shifted(steps)
        assert steps_of(rule(WHITE), 0.0, schedule) == 1
        assert float(schedule.sigmas[-2]) == pytest.approx(sigma, abs=5e-4)
        assert float(schedule.sigmas[-2]) == pytest.approx(3 / (steps + 2))

    @pytest.mark.parametrize("name", RULES)
    @pytest.mark.parametrize("family", ["sd", "flux"])
    def test_who_keeps_black_cells(self, name: str, family: str, sd: Any) -> None:
        """Half of the picture black, half white. Euler ends clean, so that what is kept is kept to the bit, but for
        those that keep it by way of the predicted x0."""
        pipe = sd if family == "sd" else tiny.FAMILIES[family]()
        values = np.zeros((16, 16), np.uint16)
        values[8:] = M
        run = final_run(pipe, family, RULES[name](ChangeMap(values)), steps=4)
        black = run.layout.map(values == 0, run.state).expand_as(run.state)
        difference = (run.state - run.x0)[black].abs().max()
        if name in ("exx8", "diffusers SDXL", "diffusers Flux") or (name, family) == ("ComfyUI", "sd"):
            assert difference > 0.01  # ComfyUI: this schedule ends at t = 0, where its threshold is 0 too
        elif name in ("ComfyUI", "A1111 soft inpainting"):
            assert difference < 1e-4
        else:
            assert difference == 0

    def test_ours_keeps_them(self, sd: Any) -> None:
        values = np.zeros((16, 16), np.uint16)
        values[8:] = M
        run = final_run(sd, "sd", Differential(ChangeMap(values), "whole"))
        assert torch.equal(run.state[:, :, :8], run.x0[:, :, :8])


class TestMechanism:
    @pytest.mark.parametrize("name", ["exx8", "diffusers SDXL", "diffusers Flux", "InvokeAI", "plain inpainting"])
    @pytest.mark.parametrize("family", ["sd", "flux"])
    def test_a_cell_is_the_noised_original_exactly_where_the_rule_keeps_it(
        self, name: str, family: str, sd: Any
    ) -> None:
        """All 256 greys, a cell each, at every level: the pipelines do what `keeps` says and no more."""
        pipe = sd if family == "sd" else tiny.FAMILIES[family]()
        states: list[torch.Tensor] = []
        rule = RULES[name](ALL_GREYS)
        with steer(pipe, rule, listener=lambda run: states.append(run.state)) as run:
            run(**tiny.arguments(family, STEPS))
            assert run.run is not None
            original = NoisedPath(run.run)
        assert len(states) == STEPS
        c = run.run.layout.map(np.arange(256).reshape(16, 16) * 257 / M, states[0]).expand_as(states[0])
        for level, state in enumerate(states, start=1):
            assert torch.equal(state == original(level), rule.keeps(c, level, rule.schedule).expand_as(state)), level

    def test_plain_inpainting_is_ours_with_the_map_cut(self, sd: Any) -> None:
        cut = ChangeMap(np.where(ALL_GREYS.values / M >= 0.5, M, 0).astype(np.uint16))
        ours = steered(sd, "sd", Differential(cut, "whole"))
        assert torch.equal(ours, steered(sd, "sd", PlainInpainting(ALL_GREYS)))

    @pytest.mark.parametrize("scheduler", [DDIMScheduler, EulerDiscreteScheduler])
    def test_plain_inpainting_is_that_of_diffusers(self, scheduler: Any, sd: Any) -> None:
        """Its strength must not be 1, where it leaves the picture out of the start."""
        steps, n = 8, 6
        parts = {name: part for name, part in sd.components.items() if name != "scheduler"}
        pipe = StableDiffusionInpaintPipeline(
            **parts, scheduler=tiny.diffusion(scheduler), requires_safety_checker=False
        )
        pipe.set_progress_bar_config(disable=True)
        sd.scheduler = tiny.diffusion(scheduler)
        arguments = tiny.arguments("sd", steps)
        mask = torch.from_numpy(ALL_GREYS.values / M).float()[None, None]
        theirs = pipe(
            **arguments,
            height=32,
            width=32,
            mask_image=mask.repeat_interleave(2, 2).repeat_interleave(2, 3),
            masked_image_latents=torch.zeros_like(arguments["image"]),
            strength=(n + 0.5) / steps,
        ).images
        ours = steered(sd, "sd", PlainInpainting(ChangeMap(ALL_GREYS.values, 1000 * n // steps)), steps)
        assert torch.equal(theirs, ours)

    @pytest.mark.parametrize(
        ("name", "family", "steps"),
        [
            *(("ours", "sd", 5), ("ours", "sd3", 5), ("ours", "flux", 8)),
            *(("exx8", "sd", 5), ("diffusers SDXL", "sdxl", 5), ("diffusers SDXL", "sd3", 5)),
            *(("diffusers Flux", "flux", 8), ("ComfyUI", "sd", 5), ("ComfyUI", "sd3", 5)),
            *(("InvokeAI", "sd", 5), ("InvokeAI", "sd3", 5), ("A1111 soft inpainting", "sd", 5)),
            *(("blended latent diffusion", "sd", 5), ("plain inpainting", "sd", 5)),
        ],
    )
    def test_none_is_image_to_image_on_a_constant_map_and_ours_is(
        self, name: str, family: str, steps: int, sd: Any
    ) -> None:
        """On the families that a rule is published for. 1 and 4 of 5 steps: exx8 and the SDXL rule make one more than
        img2img (so does SD3's, but between whole steps SD3 itself rounds up and they agree). 1.6 and 6.4 of 8: the Flux
        rule makes one less than Flux, which rounds up."""
        pipe, equal = sd if family == "sd" else tiny.FAMILIES[family](), []
        for grey in (51, 204):
            change_map = ChangeMap.constant(grey / 255)
            edit: Any = Differential(change_map, "whole") if name == "ours" else RULES[name](change_map)
            plain = pipe(**tiny.arguments(family, steps), strength=grey / 255).images
            equal.append(torch.equal(steered(pipe, family, edit, steps), plain))
        assert all(equal) == (name == "ours")
        assert not (any(equal) and name in ("exx8", "diffusers SDXL", "diffusers Flux"))


class TestSoftInpainting:
    def test_weights(self) -> None:
        """0.5^(14.6 / 2) = .0063, 0.9^7.3 = .463, 0.5^(2 / 2), 0.5^(1 / 2), 0.5^(1 / 20); black never, white always."""
        weight = SoftInpaintingA1111(WHITE).weight
        worked = {(0.5, 14.6): 0.0063, (0.9, 14.6): 0.463, (0.5, 2.0): 0.5, (0.5, 1.0): 0.707, (0.5, 0.1): 0.966}
        for (c, sigma), w in worked.items():
            assert weight(c, sigma) == pytest.approx(w, abs=5e-4)
        assert weight(0.0, 0.03) == 0
        assert weight(1.0, 14.6) == 1

    def test_one_cell_by_hand(self, sd: Any) -> None:
        """original (3, 0, 0, 0), predicted (0, 1, 0, 0), w = 1/2: the mean (1.5, .5, 0, 0) is sqrt 2.5 = 1.5811 long;
        ((81 + 1) / 2)^(1/4) = 2.5304 is wanted; times 1.60036: (2.4005, .8002, 0, 0)."""
        seen = {}

        class Told(SoftInpaintingA1111):
            def weight(self, c: Any, sigma: float) -> Any:
                return c * 0 + 0.5

            def step(self, run: Any, sample: torch.Tensor, output: torch.Tensor, solve: Any) -> torch.Tensor:
                def remember(f: torch.Tensor) -> torch.Tensor:
                    seen["x0"] = run.grid.x0(run.call, sample, f)
                    return solve(f)

                new = torch.tensor([0.0, 1, 0, 0]).view(1, 4, 1, 1).expand_as(sample)
                told = run.grid.output_for(run.call, sample, new)
                run.x0 = torch.tensor([3.0, 0, 0, 0]).view(1, 4, 1, 1).expand_as(sample)
                return super().step(run, sample, told, remember)

        steered(sd, "sd", Told(WHITE), steps=2)
        assert seen["x0"][0, :, 5, 7].tolist() == pytest.approx([2.4005, 0.8002, 0, 0], abs=2e-4)

    def test_ours_is_the_same_on_diffusion_and_holds_on_flow(self, sd: Any) -> None:
        """Ours divides by the length itself, A1111 by a hundred-thousandth more."""
        theirs = steered(sd, "sd", SoftInpaintingA1111(ALL_GREYS))
        assert torch.allclose(steered(sd, "sd", SoftInpainting(ALL_GREYS)), theirs, rtol=1e-4, atol=1e-4)
        flow = final_run(tiny.sd3(), "sd3", SoftInpaintingA1111(ChangeMap.constant(0.5)))
        ours = final_run(tiny.sd3(), "sd3", SoftInpainting(ChangeMap.constant(0.5)))
        assert (ours.state - ours.x0).norm() < 0.9 * (flow.state - flow.x0).norm()

    def test_on_flow_models_its_protection_collapses(self) -> None:
        """At every level of a flow schedule half a change weighs at least .707; on SD it starts at .006."""
        weight = SoftInpaintingA1111(WHITE).weight
        assert min(weight(0.5, s) for s in shifted(20).sigmas) == pytest.approx(0.707, abs=5e-4)
        assert weight(0.5, float(sd_sigmas()[-1])) < 0.007


class TestBlendingWithFreshNoise:
    MAP = ChangeMap(np.where(np.arange(256).reshape(16, 16) % 3 == 0, M, 0).astype(np.uint16))

    @pytest.mark.parametrize("family", ["sd", "sd3", "flux"])
    def test_t44_it_is_sdedits_masked_form_with_fresh_noise(self, family: str, sd: Any) -> None:
        pipe = sd if family == "sd" else tiny.FAMILIES[family]()
        ours = steered(pipe, family, SDEdit(self.MAP, noise="fresh"))
        assert torch.equal(ours, steered(pipe, family, BlendedLatentDiffusion(self.MAP)))

    def test_t44_it_is_repaint_that_never_goes_back(self, sd: Any) -> None:
        """RePaint's loop (arXiv 2201.09865, Algorithm 1 with U = 1) written out: the known part is set before every
        step, the model called on the result, one DDIM step made."""
        run = final_run(sd, "sd", BlendedLatentDiffusion(self.MAP, 0.0))
        arguments = tiny.arguments("sd", STEPS)
        generator, known = arguments["generator"], torch.from_numpy(self.MAP.values == 0)
        texts = torch.cat([arguments["negative_prompt_embeds"], arguments["prompt_embeds"]])
        gt, grid, timesteps = arguments["image"], run.grid, sd.scheduler.timesteps
        noise = torch.randn(gt.shape, generator=generator)
        x = grid.a[0] * gt + grid.b[0] * noise
        for i, t in enumerate(timesteps):
            if i > 0:
                noise = torch.randn(gt.shape, generator=generator)
            x = torch.where(known, grid.a[i] * gt + grid.b[i] * noise, x)
            # What the model is given: Euler's x is x0 + sigma eps.
            scaled = torch.cat([x, x]) / (grid.b[i] ** 2 + 1).sqrt()
            with torch.no_grad():
                without, with_text = sd.unet(scaled, t, texts).sample.chunk(2)
            output = without + 3.0 * (with_text - without)
            A, B, _ = grid.affine(i)
            x = A * x + B * output
        assert torch.equal(torch.where(known, gt, x), run.state)

    def test_as_published_blended_latent_diffusion_is_a_level_off_and_never_clean(self) -> None:
        """DDIM, 8 steps: it begins at step 2 from pure noise; after step i the kept part has the noise of level i, so
        at the end that of the last level."""
        pipe, states = tiny.sd(), []
        rule = BlendedLatentDiffusion(self.MAP, as_published=True)
        with steer(pipe, rule, listener=lambda run: states.append(run.state)) as run:
            run(**tiny.arguments("sd", STEPS))
            assert run.run is not None
        run = run.run
        assert list(run.calls) == [2, 3, 4, 5, 6, 7]
        kept = torch.from_numpy(self.MAP.values == 0).expand_as(run.x0)
        for call, state in zip(run.calls, states, strict=True):
            noise = ((state - run.grid.a[call] * run.x0) / run.grid.b[call])[kept]
            assert float(noise.std()) == pytest.approx(1, abs=0.1)
        assert not torch.allclose(run.state[kept], run.x0[kept], atol=0.01)
        correct = final_run(pipe, "sd", BlendedLatentDiffusion(self.MAP))
        assert torch.equal(correct.state[kept], correct.x0[kept])
