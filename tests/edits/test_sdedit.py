"""SDEdit on real diffusers classes: masked, with shared or fresh noise, repeated; and the strokes it starts from.

What a masked run must be is said by plain pipelines: their own img2img, and a callback that pastes the original, noised
by the pipeline's own scheduler, into the latents that every step led to.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    StableDiffusion3Pipeline,
)
from edits import analytic
from PIL import Image
from sfumato import cli
from sfumato.change_map import ChangeMap, M
from sfumato.edits import Differential, SDEdit
from sfumato.edits.strokes import strokes
from sfumato.errors import InputError
from sfumato.steering import rounding_of, steer
from steering import tiny
from torch import Tensor

STEPS = 8
FAMILIES = ("sd", "sdxl", "sd3", "flux")  # spatial and packed, noise and velocity
OMEGA = np.zeros((16, 16), bool)
OMEGA[4:12, 3:13] = True


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def value_for(pipe: Any, n: int, steps: int = STEPS) -> int:
    """A grey whose n is the given one under the pipeline's own rounding."""
    return int(np.ceil(n * M / steps)) if rounding_of(pipe) == "floor" else n * M // steps


def two_level(pipe: Any, n: int) -> ChangeMap:
    return ChangeMap(np.where(OMEGA, value_for(pipe, n), 0).astype(np.uint16))


def strength_for(pipe: Any, n: int) -> float:
    return min(1.0, (n + 0.5) / STEPS) if rounding_of(pipe) == "floor" else (n - 0.5) / STEPS


def edited(pipe: Any, family: str, edit: Any, seed: int = 1, **changes: Any) -> Tensor:
    with steer(pipe, edit) as steered:
        return steered(**tiny.arguments(family, STEPS, seed) | changes).images


def packed(pipe: Any, grid: Tensor) -> Tensor:
    """Latents as the pipeline holds them; a map is spread over the channels first."""
    grid = grid.expand(-1, 4, 16, 16)
    return pipe._pack_latents(grid, len(grid), 4, 16, 16) if hasattr(pipe, "_pack_latents") else grid


def at_level(pipe: Any, x0: Tensor, noise: Tensor, i: int) -> Tensor:
    """x0 as the pipeline's scheduler, whose steps are set, has it at the start of step i; clean after the last one."""
    if i == len(pipe.scheduler.timesteps):
        return x0
    scheduler = copy.copy(pipe.scheduler)
    if hasattr(scheduler, "_begin_index"):  # with one, it would answer with that level whatever it is asked
        scheduler._begin_index = scheduler._step_index = None
    t = scheduler.timesteps[i][None]
    return scheduler.add_noise(x0, noise, t) if hasattr(scheduler, "add_noise") else scheduler.scale_noise(x0, t, noise)


def pasted(pipe: Any, family: str, n: int, fresh: bool = False, late: int = 0) -> Tensor:
    """Masked SDEdit by a plain pipeline and a callback. late: paste so many levels too noisy."""
    arguments = tiny.arguments(family, STEPS)
    x0 = arguments["image"]
    draws = torch.Generator().manual_seed(1)  # the pipeline's: its own noise, then one a level
    noise = torch.randn(x0.shape, generator=draws)
    keep = packed(pipe, torch.as_tensor(~OMEGA)[None, None].float()) > 0

    def paste(pipe: Any, step: int, t: Any, state: dict[str, Tensor]) -> dict[str, Tensor]:
        i = STEPS - n + step + 1
        eps = torch.randn(x0.shape, generator=draws) if fresh and i < STEPS else noise
        original = packed(pipe, at_level(pipe, x0, eps, i - late))
        state["latents"] = torch.where(keep, original, state["latents"])
        return state

    return pipe(**arguments, strength=strength_for(pipe, n), callback_on_step_end=paste).images


def with_scheduler(scheduler: Any) -> Any:
    pipe = tiny.sd()
    other = type(pipe)(**pipe.components | {"scheduler": scheduler}, requires_safety_checker=False)
    other.set_progress_bar_config(disable=True)
    return other


class TestMasked:
    def test_t7_two_levels_are_masked_sdedit(self, family: str) -> None:
        pipe = tiny.FAMILIES[family]()
        for n in (1, 5, STEPS):
            result = edited(pipe, family, SDEdit(two_level(pipe, n)))
            assert torch.equal(result, edited(pipe, family, Differential(two_level(pipe, n))))
            assert torch.equal(result, pasted(pipe, family, n)), f"n = {n}"

    def test_a_constant_map_is_img2img(self, family: str) -> None:
        pipe = tiny.FAMILIES[family]()
        for n, noise in ((3, "shared"), (STEPS, "fresh")):
            constant = ChangeMap(np.full((1, 1), value_for(pipe, n), np.uint16))
            plain = pipe(**tiny.arguments(family, STEPS), strength=strength_for(pipe, n)).images
            assert torch.equal(edited(pipe, family, SDEdit(constant, noise)), plain)

    def test_fresh_noise_takes_nothing_from_a_solver_that_draws(self) -> None:
        pipe = with_scheduler(tiny.diffusion(DDPMScheduler, clip_sample=False))
        plain = pipe(**tiny.arguments("sd", STEPS), strength=1.0).images
        assert torch.equal(edited(pipe, "sd", SDEdit(ChangeMap.constant(1.0), "fresh")), plain)

    @pytest.mark.parametrize("noise", ["shared", "fresh"])
    def test_t15_kept_cells_are_the_original_at_the_level_that_a_step_led_to(self, family: str, noise: Any) -> None:
        pipe = tiny.FAMILIES[family]()
        n = 6
        states: list[Tensor] = []
        x0 = tiny.arguments(family, STEPS)["image"]
        draws = torch.Generator().manual_seed(1)
        eps = torch.randn(x0.shape, generator=draws)
        keep = packed(pipe, torch.as_tensor(~OMEGA)[None, None].float()) > 0

        def look(pipe: Any, step: int, t: Any, state: dict[str, Tensor]) -> dict[str, Tensor]:
            states.append(state["latents"])
            return state

        edited(pipe, family, SDEdit(two_level(pipe, n), noise), callback_on_step_end=look)
        assert len(states) == n
        for i, state in enumerate(states, start=STEPS - n + 1):
            if noise == "fresh" and i < STEPS:
                eps = torch.randn(x0.shape, generator=draws)
            new, old = (packed(pipe, at_level(pipe, x0, eps, level)) for level in (i, i - 1))
            torch.testing.assert_close(state[keep], new[keep], atol=1e-7, rtol=0)
            assert (state - old)[keep].abs().mean() > 1e-3, "one level too noisy"
            assert not torch.equal(state[~keep], new[~keep])
        assert torch.equal(states[-1][keep], packed(pipe, x0)[keep])

    def test_the_paste_of_the_released_code_is_another_picture(self) -> None:
        pipe = tiny.sd()
        result = edited(pipe, "sd", SDEdit(two_level(pipe, 5)))
        assert not torch.equal(result, pasted(pipe, "sd", 5, late=1))

    def test_t16_shared_and_fresh_noise_differ(self, family: str) -> None:
        pipe = tiny.FAMILIES[family]()
        shared, fresh = (edited(pipe, family, SDEdit(two_level(pipe, 6), noise)) for noise in ("shared", "fresh"))
        keep = packed(pipe, torch.as_tensor(~OMEGA)[None, None].float()) > 0
        assert torch.equal(shared[keep], fresh[keep])
        assert not torch.equal(shared[~keep], fresh[~keep])

    def test_t44_fresh_noise_is_blended_latent_diffusion_and_repaint(self) -> None:
        pipe, n = tiny.sd(), 6
        arguments = tiny.arguments("sd", STEPS) | {"guidance_scale": 1.0}
        with steer(pipe, SDEdit(two_level(pipe, n), "fresh")) as steered:
            result = steered(**arguments).images
        # RePaint (arXiv 2201.09865, Algorithm 1 with U = 1): before every step what is known is noised anew to the
        # level of that step, and the step is DDIM's.
        x0, words = arguments["image"], arguments["prompt_embeds"]
        draws = torch.Generator().manual_seed(1)
        scheduler, keep = pipe.scheduler, torch.as_tensor(~OMEGA)
        scheduler.set_timesteps(STEPS)
        x = at_level(pipe, x0, torch.randn(x0.shape, generator=draws), STEPS - n)
        with torch.no_grad():
            for i in range(STEPS - n, STEPS):
                if i > STEPS - n:
                    known = at_level(pipe, x0, torch.randn(x0.shape, generator=draws), i)
                    x = torch.where(keep, known, x)
                t = scheduler.timesteps[i]
                output = pipe.unet(x, t, encoder_hidden_states=words, return_dict=False)[0]
                x = scheduler.step(output, t, x, return_dict=False)[0]
        assert torch.equal(result, torch.where(keep, x0, x))

    def test_fresh_noise_is_blended_latent_diffusion_on_every_family(self, family: str) -> None:
        pipe = tiny.FAMILIES[family]()
        fresh = edited(pipe, family, SDEdit(two_level(pipe, 6), "fresh"))
        assert torch.equal(fresh, pasted(pipe, family, 6, fresh=True))

    def test_omega_is_what_is_near_the_lightest_grey(self) -> None:
        pipe = tiny.sd()
        greys = np.tile(np.linspace(0, 0.8 * M, 16).astype(np.uint16), (16, 1))
        for threshold in (0.25, 0.5, 1.0):
            edit = SDEdit(ChangeMap(greys), threshold=threshold)
            changed = (edited(pipe, "sd", edit) != tiny.arguments("sd", STEPS)["image"]).any(dim=1)[0].numpy()
            assert np.array_equal(changed, greys >= threshold * greys.max())
            assert edit.release.first == STEPS - STEPS * int(greys.max()) // M

    def test_a_multistep_solver_and_a_variance_exploding_one_keep_too(self) -> None:
        for cls in (DPMSolverMultistepScheduler, EulerDiscreteScheduler):
            pipe = with_scheduler(tiny.diffusion(cls))
            for noise in ("shared", "fresh"):
                result = edited(pipe, "sd", SDEdit(two_level(pipe, 6), noise))
                keep = torch.as_tensor(~OMEGA).expand_as(result)
                assert torch.equal(result[keep], tiny.arguments("sd", STEPS)["image"][keep])
                assert not torch.equal(result[~keep], tiny.arguments("sd", STEPS)["image"][~keep])


class TestStrength:
    def test_t13_full_strength_is_generation_where_the_first_level_is_pure_noise(self) -> None:
        pipe = tiny.sd3()
        arguments = tiny.arguments("sd3", STEPS)
        generated = StableDiffusion3Pipeline(**pipe.components)
        generated.set_progress_bar_config(disable=True)
        plain = generated(**{name: value for name, value in arguments.items() if name != "image"}).images
        assert torch.equal(edited(pipe, "sd3", SDEdit(ChangeMap.constant(1.0))), plain)

    def test_t13_elsewhere_the_start_holds_a0_of_the_picture(self) -> None:
        pipe = tiny.sd()
        starts: list[Tensor] = []
        handle = pipe.unet.register_forward_pre_hook(lambda _, args: starts.append(args[0][:1]))
        x0 = tiny.arguments("sd", STEPS)["image"]
        noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(1))
        try:
            for picture in (x0, torch.zeros_like(x0)):
                edited(pipe, "sd", SDEdit(ChangeMap.constant(1.0)), image=picture)
        finally:
            handle.remove()
        with_picture, without = starts[0], starts[STEPS]
        alpha = pipe.scheduler.alphas_cumprod[pipe.scheduler.timesteps[0]]
        assert torch.equal(without, (1 - alpha).sqrt() * noise)
        assert torch.equal(with_picture, alpha.sqrt() * x0 + without)
        assert 0.05 < alpha.sqrt() < 0.2  # SD's schedule never quite hides the picture

    @pytest.mark.parametrize("prediction", ["epsilon", "flow"])
    def test_t17_more_strength_goes_further_from_the_guide(self, prediction: str) -> None:
        pipe, count = analytic.pipeline(prediction), 64
        guide = analytic.clean("src", 3).expand(count, -1, -1, -1)
        distances = []
        for n in range(0, 21, 4):
            with steer(pipe, SDEdit(ChangeMap(np.full((1, 1), value_for(pipe, n, 20), np.uint16)))) as steered:
                result = steered(
                    image=guide.clone(),
                    num_inference_steps=20,
                    guidance_scale=1.0,
                    generator=[torch.Generator().manual_seed(seed) for seed in range(count)],
                    output_type="latent",
                    **analytic.words("", pipe, count),
                ).images
            distances.append(float((torch.as_tensor(result) - guide).flatten(1).norm(dim=1).mean()))
        assert distances[0] == 0
        assert distances == sorted(distances)
        assert distances[-1] > 2 * distances[1]


class TestRepeats:
    @pytest.mark.parametrize("noise", ["shared", "fresh"])
    def test_t14_two_repeats_are_one_on_the_result_of_one(self, family: str, noise: Any) -> None:
        pipe = tiny.FAMILIES[family]()
        change_map = two_level(pipe, 5)
        twice = edited(pipe, family, SDEdit(change_map, noise, repeats=2))
        generator = torch.Generator().manual_seed(1)
        once = edited(pipe, family, SDEdit(change_map, noise), generator=generator)
        if hasattr(pipe, "_unpack_latents"):
            once = pipe._unpack_latents(once, 32, 32, pipe.vae_scale_factor)
        again = edited(pipe, family, SDEdit(change_map, noise), generator=generator, image=once)
        assert torch.equal(twice, again)
        assert not torch.equal(twice, edited(pipe, family, SDEdit(change_map, noise)))

    def test_repeats_keep_what_is_kept_and_make_one_picture(self) -> None:
        pipe = tiny.sd()
        picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8))
        values = np.kron(OMEGA, np.ones((2, 2))).astype(np.uint16) * np.uint16(M)
        result = edited(pipe, "sd", SDEdit(ChangeMap(values), repeats=3), image=picture, output_type="pil")
        assert len(result) == 1
        assert np.array_equal(np.asarray(result[0])[values == 0], np.asarray(picture)[values == 0])

    @pytest.mark.parametrize("repeats", [1, 2])
    def test_greys_below_the_threshold_keep_their_pixels(self, repeats: int) -> None:
        """The latents there are the original's, but a decoder would change the pixels."""
        pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
        values = np.full((32, 32), M // 4, np.uint16)
        values[:, 24:] = M
        arguments = {"image": Image.fromarray(pixels), "output_type": "pil"}
        result = np.asarray(edited(tiny.sd(), "sd", SDEdit(ChangeMap(values), repeats=repeats), **arguments)[0])
        kept = np.zeros((32, 32), bool)
        kept[:, :8] = True  # six cells away from what changes, out of reach of the filters and the blur
        assert np.array_equal(result[kept], pixels[kept])
        assert not np.array_equal(result[:, 28:], pixels[:, 28:])


class TestManners:
    @pytest.mark.parametrize(
        "settings", [{"noise": "new"}, {"repeats": 0}, {"repeats": 11}, {"threshold": 0.0}, {"threshold": 1.5}]
    )
    def test_settings_out_of_range_are_refused_in_a_sentence(self, settings: dict[str, Any]) -> None:
        with pytest.raises(InputError, match=f"'{next(iter(settings))}' takes"):
            SDEdit(ChangeMap.constant(1.0), **settings)

    def test_a_black_map_gives_the_latents_back(self) -> None:
        image = tiny.arguments("sd", STEPS)["image"]
        assert torch.equal(torch.as_tensor(edited(tiny.sd(), "sd", SDEdit(ChangeMap.constant(0.0)))), image)

    def test_shift_moves_the_level_but_not_the_steps(self) -> None:
        pipe = tiny.sd3()
        for shift in (1.0, 6.0):
            shifted = type(pipe)(**pipe.components | {"scheduler": FlowMatchEulerDiscreteScheduler(shift=shift)})
            shifted.set_progress_bar_config(disable=True)
            with steer(shifted, SDEdit(two_level(pipe, 5))) as steered:
                steered(**tiny.arguments("sd3", STEPS))
                assert steered.run is not None
                assert len(steered.run.calls) == 5


class TestStrokes:
    def picture(self, side: int = 256) -> Image.Image:
        """Green under blue, a red house, and a thin white line."""
        scale = side / 256
        pixels = np.zeros((side, side, 3), np.uint8)
        pixels[:] = (60, 160, 60)
        pixels[: round(100 * scale)] = (90, 150, 220)
        pixels[round(120 * scale) : round(200 * scale), round(40 * scale) : round(120 * scale)] = (200, 40, 40)
        pixels[round(226 * scale) : round(230 * scale)] = 255
        return Image.fromarray(pixels)

    def test_large_surfaces_stay_and_thin_lines_go(self) -> None:
        result = np.asarray(strokes(self.picture()))
        for at in ((10, 10), (160, 80), (215, 200)):
            assert np.abs(result[at].astype(int) - np.asarray(self.picture())[at]).max() <= 8, at
        assert result.min(axis=2).max() < 120  # nothing white is left

    def test_the_median_is_the_median(self) -> None:
        """By hand: in a 3 x 3 square of 0..8 the middle is 4."""
        grey = np.arange(9, dtype=np.uint8).reshape(3, 3) * 20
        picture = Image.fromarray(np.dstack([grey] * 3))
        assert np.asarray(strokes(picture, kernel=256, colours=9))[1, 1, 0] == 80

    @pytest.mark.parametrize("colours", [1, 2, 6])
    def test_the_palette_has_so_many_colours(self, colours: int) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        result = np.asarray(strokes(Image.fromarray(noise), kernel=5, colours=colours)).reshape(-1, 3)
        assert 1 <= len(np.unique(result, axis=0)) <= colours

    def test_the_kernel_grows_with_the_picture(self) -> None:
        small = strokes(self.picture())
        large = strokes(self.picture(512)).resize((256, 256), Image.Resampling.NEAREST)
        off = np.abs(np.asarray(small, int) - np.asarray(large, int)).max(axis=2)
        assert (off > 40).mean() < 0.01

    def test_alpha_size_and_odd_shapes_stay(self) -> None:
        for size in ((1, 1), (3, 70), (301, 7)):
            picture = Image.new("RGBA", size, (10, 200, 30, 77))
            result = strokes(picture)
            assert result.size == size
            assert result.mode == "RGBA"
            assert result.getpixel((0, 0))[3] == 77
        assert strokes(Image.new("L", (9, 9), 40)).mode == "RGB"

    def test_the_command_writes_them(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        picture, out = tmp_path / "picture.png", tmp_path / "strokes.png"
        self.picture().save(picture)
        assert cli.main(["strokes", str(picture), str(out)]) == 0
        assert np.array_equal(np.asarray(Image.open(out)), np.asarray(strokes(self.picture())))
        assert cli.main(["strokes", str(picture), str(out), "--colours", "0"]) == 2
        assert "1 to 256 colours" in capsys.readouterr().err

    def test_a_kernel_or_palette_of_nothing_or_too_much_is_refused(self) -> None:
        for kernel in (0, 257, 100_001):
            with pytest.raises(InputError, match="kernel of the strokes is 1 to 256 pixels"):
                strokes(self.picture(), kernel=kernel)
        with pytest.raises(InputError, match="colours"):
            strokes(self.picture(), colours=0)
