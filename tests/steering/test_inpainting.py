"""Inpainting checkpoints: what they really read beside the latents, in the first layer of the real classes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers import HeunDiscreteScheduler, StableDiffusionPipeline
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from PIL import Image
from sfumato.change_map import ChangeMap, M, release_steps
from sfumato.edits import DiffEdit, Differential, EditFriendly, SDEdit, SoftInpainting, find_map
from sfumato.edits.attention import PromptToPrompt
from sfumato.errors import InputError
from sfumato.steering import steer
from steering import tiny
from steering.calls import LEVELS, STEPS, WHITE, picture, right_half, run, source
from steering.proof import ALL_GREYS

SIDE = 2  # pixels of a cell
CELLS = tiny.CELLS
Read = list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]  # latents, mask, masked picture; on the latent grid


@pytest.fixture(params=tiny.INPAINTING)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def _mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """diffusers' pipelines draw their masked picture from the VAE's posterior, we take its mode."""
    monkeypatch.setattr(DiagonalGaussianDistribution, "sample", lambda self, generator=None: self.mode())


@contextmanager
def reading(pipe: Any) -> Iterator[Read]:
    """What reaches the first layer of the denoiser, call by call."""
    calls: Read = []
    first = pipe.unet.conv_in if hasattr(pipe, "unet") else pipe.transformer.x_embedder

    def look(_: Any, args: tuple[torch.Tensor]) -> None:
        calls.append(_apart(pipe, args[0].clone()))

    handle = first.register_forward_pre_hook(look)
    try:
        yield calls
    finally:
        handle.remove()


def _apart(pipe: Any, read: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    if hasattr(pipe, "unet"):
        latents, mask, masked = read.split([4, 1, 4], 1)
        return latents, mask, masked
    parts = read.split([16, 16, 16], 2)
    latents, masked, mask = (pipe._unpack_latents(part, CELLS * SIDE, CELLS * SIDE, SIDE) for part in parts)
    return latents, mask, masked


def own(family: str, pixels: torch.Tensor, mask: Image.Image, n: int) -> torch.Tensor:
    """What diffusers' own pipeline for inpainting makes of it in the last n steps."""
    arguments = of(family, picture()) | {"image": pixels, "height": mask.height, "width": mask.width}
    arguments |= {"mask_image": mask, "strength": tiny.strength(tiny.inpainting(family), STEPS, n)}
    return own_pipeline(family)(**arguments).images


def own_pipeline(family: str) -> Any:
    pipe = tiny.inpainting(family)
    components = {name: part for name, part in pipe.components.items() if family != "flux" or "image" not in name}
    components.pop("feature_extractor" if family == "flux" else "", None)
    components |= {"requires_safety_checker": False} if family == "sd" else {}
    components |= {"add_watermarker": False} if family == "sdxl" else {}
    twin = tiny.INPAINTING[family][1](**components)
    twin.set_progress_bar_config(disable=True)
    return twin


def encoded(pipe: Any, pixels: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        clean = pipe.vae.encode(pixels).latent_dist.mode()
    return (clean - (pipe.vae.config.shift_factor or 0.0)) * pipe.vae.config.scaling_factor


def pixels_of(drawn: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.asarray(drawn).copy()).permute(2, 0, 1)[None].float() / 127.5 - 1


def without(pixels: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The pixels with those grey whose cell is 1 in a mask [rows, columns]."""
    return pixels * (mask.repeat_interleave(SIDE, 0).repeat_interleave(SIDE, 1) < 0.5)


def of(family: str, drawn: Image.Image) -> dict[str, Any]:
    return tiny.picture_arguments(family, STEPS, drawn) | {"output_type": "latent"}


# Pixels 0..1 as a tensor: pictures come with their channels last, and convolutions round by that.
DRAWN = (pixels_of(picture()).contiguous() + 1) / 2


def as_tensor(family: str) -> dict[str, Any]:
    return of(family, picture()) | {"image": DRAWN}


class TestAsDiffusers:
    @pytest.mark.usefixtures("_mode")
    @pytest.mark.parametrize("n", [1, 3, 4])
    def test_a_constant_map_is_its_own_inpainting_with_everything_masked(self, family: str, n: int) -> None:
        white = Image.new("L", (32, 32), 255)
        value = -(-n * M // STEPS)
        constant = ChangeMap(np.full((1, 1), value, np.uint16))
        pipe = tiny.inpainting(family)
        assert torch.equal(run(pipe, Differential(constant), as_tensor(family)), own(family, DRAWN, white, n))

    @pytest.mark.usefixtures("_mode")
    def test_so_is_a_white_one_where_the_noisiest_level_is_noise_alone(self) -> None:
        white = Image.new("L", (32, 32), 255)
        result = run(tiny.inpainting("flux"), Differential(WHITE), as_tensor("flux"))
        assert torch.equal(result, own("flux", DRAWN, white, STEPS))

    @pytest.mark.usefixtures("_mode")
    def test_the_first_call_of_a_map_of_two_values_reads_what_its_own_inpainting_reads(self, family: str) -> None:
        values = right_half().values // M * (3 * M // STEPS)
        mask = Image.fromarray((values > 0).astype(np.uint8) * 255)
        pipe = tiny.inpainting(family)
        with reading(pipe) as ours:
            run(pipe, Differential(ChangeMap(values)), as_tensor(family))
        with reading(pipe) as theirs:
            own(family, DRAWN, mask, 3)
        assert len(ours) == len(theirs) == 3
        for one, other in zip(ours[0], theirs[0], strict=True):
            assert torch.equal(one, other)
        for call in range(3):  # the map has one mask, and diffusers has one
            assert torch.equal(ours[call][1], theirs[call][1])
            assert torch.equal(ours[call][2], theirs[call][2])


class TestSteps:
    @pytest.mark.parametrize("release", ["whole", "fractional"])
    def test_the_mask_is_what_is_free_in_the_step(self, family: str, release: Any) -> None:
        pipe, steps = tiny.inpainting(family), 10
        arguments = as_tensor(family) | {"num_inference_steps": steps}
        with reading(pipe) as calls:
            run(pipe, Differential(ALL_GREYS, release), arguments)
        v = ALL_GREYS.cells(CELLS, CELLS)
        assert len(calls) == steps
        for i, (_, mask, masked) in enumerate(calls):
            k = steps - release_steps(v, steps, 1000, "ceil" if family == "flux" else "floor")
            free = k <= i if release == "whole" else steps * v > (steps - i - 1) * M
            expected = torch.as_tensor(free).float()
            assert torch.equal(mask, expected.expand_as(mask))
            assert mask.shape[1] == (SIDE * SIDE if family == "flux" else 1)
            assert torch.equal(masked, encoded(pipe, without(2 * DRAWN - 1, expected)).expand_as(masked))
        assert len({mask.sum().item() for _, mask, _ in calls}) == steps

    def test_both_halves_of_a_step_read_the_same(self) -> None:
        pipe = tiny.inpainting("sd")
        before, pipe.scheduler = pipe.scheduler, tiny.diffusion(HeunDiscreteScheduler)
        try:
            with reading(pipe) as calls:
                run(pipe, Differential(LEVELS), of("sd", picture()))
        finally:
            pipe.scheduler = before
        k = STEPS - LEVELS.cells(CELLS, CELLS) // (M // STEPS)
        assert len(calls) == 2 * STEPS - 1
        for call, (_, mask, _) in enumerate(calls):
            assert torch.equal(mask, torch.as_tensor(k <= call // 2).float().expand_as(mask))

    def test_the_picture_is_encoded_once_for_every_mask(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pipe, encode, count = tiny.inpainting("sd"), tiny.inpainting("sd").vae.encode, []

        def counted(*args: Any, **kwargs: Any) -> Any:
            count.append(1)
            return encode(*args, **kwargs)

        monkeypatch.setattr(pipe.vae, "encode", counted)
        arguments = tiny.arguments("sd", STEPS)
        for change_map, masks in ((right_half(CELLS, CELLS), 1), (LEVELS, STEPS), (WHITE, 1)):
            count.clear()
            run(pipe, Differential(change_map), dict(arguments))
            assert len(count) == masks

    def test_a_batch_reads_each_its_own_picture(self, family: str) -> None:
        pipe, pictures = tiny.inpainting(family), [picture(seed=1), picture(seed=2)]
        arguments = of(family, pictures[0]) | {"image": pictures}
        arguments |= {name: value.repeat(2, *[1] * (value.ndim - 1)) for name, value in source(family).items()}
        with reading(pipe) as calls:
            run(pipe, Differential(right_half()), arguments)
        for _, mask, masked in calls:
            for row in range(len(masked)):
                expected = encoded(pipe, without(pixels_of(pictures[row % 2]), mask[row, 0]))[0]
                torch.testing.assert_close(masked[row], expected, atol=1e-5, rtol=1e-5)


class TestPicture:
    def test_clean_latents_are_read_as_the_pixels_that_are_said_or_that_they_decode_to(self, family: str) -> None:
        pipe, pixels = tiny.inpainting(family), pixels_of(picture()) * 0.1 + 0.5  # nothing below zero, all meant
        latents = encoded(pipe, pixels)
        with torch.no_grad():
            shift = pipe.vae.config.shift_factor or 0.0
            decoded = pipe.vae.decode(latents / pipe.vae.config.scaling_factor + shift).sample
        for said, expected in ((pixels, pixels), (None, decoded)):
            with reading(pipe) as calls, steer(pipe, Differential(right_half(CELLS, CELLS))) as steered:
                steered(**tiny.arguments(family, STEPS) | {"image": latents}, picture=said)
            _, mask, masked = calls[0]
            torch.testing.assert_close(masked[:1], encoded(pipe, without(expected, mask[0, 0])), atol=1e-4, rtol=1e-4)

    def test_pixels_of_another_size_get_a_sentence(self) -> None:
        pipe = tiny.inpainting("sd")
        with (
            steer(pipe, Differential(right_half(CELLS, CELLS))) as steered,
            pytest.raises(InputError, match="The latents are of 32 x 32 pixels"),
        ):
            steered(**tiny.arguments("sd", STEPS), picture=torch.zeros(1, 3, 16, 16))


class TestEdits:
    def masks(self, family: str, edit: Any) -> list[torch.Tensor]:
        """Of every call in every pass, [rows, columns]; what is kept ended as it began."""
        pipe, arguments = tiny.inpainting(family), tiny.arguments(family, STEPS)
        arguments["prompt_embeds"] = -arguments["prompt_embeds"]
        with reading(pipe) as calls, steer(pipe, edit) as steered:
            steered(**arguments)
            assert steered.run is not None
            x0, state = steered.run.x0, steered.run.state
            values = steered.run.layout.map(LEVELS.values, x0).expand_as(x0)
        assert torch.equal(state[values == 0], x0[values == 0])
        assert (state[values == M] != x0[values == M]).float().mean() > 0.99
        for _, mask, _ in calls:
            assert torch.equal(mask, mask[:1, :1].expand_as(mask))
        return [mask[0, 0] for _, mask, _ in calls]

    def test_soft_inpainting_frees_every_grey_in_every_step(self, family: str) -> None:
        masks = self.masks(family, SoftInpainting(LEVELS))
        assert len(masks) == STEPS
        assert all(torch.equal(mask, torch.as_tensor(LEVELS.values > 0).float()) for mask in masks)

    def test_sdedit_frees_what_it_edits(self, family: str) -> None:
        omega = torch.as_tensor(LEVELS.values >= M // 2).float()
        masks = self.masks(family, SDEdit(LEVELS, "fresh", repeats=2))
        assert len(masks) == 2 * STEPS
        assert all(torch.equal(mask, omega) for mask in masks)

    @pytest.mark.parametrize("cls", [DiffEdit, EditFriendly])
    def test_what_carries_a_record_over_asks_in_both_passes_as_if_all_were_free(self, family: str, cls: Any) -> None:
        words = {"source": source(family)}
        masks = self.masks(family, cls(LEVELS, **words))
        assert len(masks) > STEPS
        assert all(bool(mask.all()) for mask in masks)

    def identity(self, family: str, edit: Any) -> None:
        with steer(tiny.inpainting(family), edit) as steered:
            steered(**tiny.arguments(family, STEPS))
            assert steered.run is not None
            torch.testing.assert_close(steered.run.state, steered.run.x0, atol=1e-4, rtol=1e-4)

    def test_edit_friendly_inversion_with_the_same_words_is_the_identity(self, family: str) -> None:
        self.identity(family, EditFriendly(LEVELS, source(family)))

    @pytest.mark.parametrize("unet", ["sd", "sdxl"])
    def test_so_it_is_when_attention_carries_the_source_along(self, unet: str) -> None:
        with reading(tiny.inpainting(unet)) as calls:
            self.identity(unet, EditFriendly(LEVELS, source(unet), attention=PromptToPrompt()))
        assert max(len(mask) for _, mask, _ in calls) == 3
        assert all(bool(mask.all()) for _, mask, _ in calls)

    def test_a_map_is_found_as_if_all_were_free(self, family: str) -> None:
        pipe, arguments = tiny.inpainting(family), tiny.arguments(family, STEPS)
        said = {name: -value for name, value in source(family).items()}
        rest = {n: v for n, v in arguments.items() if "prompt" not in n and n not in ("image", "output_type")}
        with reading(pipe) as calls:
            found = find_map(pipe, arguments["image"], said, source(family), noises=2, **rest)
        assert found.values.any()
        assert len(calls) == 4
        blank = encoded(pipe, torch.zeros(1, 3, CELLS * SIDE, CELLS * SIDE))
        for _, mask, masked in calls:
            assert bool(mask.all())
            torch.testing.assert_close(masked, blank.expand_as(masked))


class TestManners:
    def test_a_black_map_calls_nothing(self, family: str) -> None:
        pipe, drawn = tiny.inpainting(family), picture()
        black = ChangeMap(np.zeros((32, 32), np.uint16))
        with reading(pipe) as calls:
            (result,) = run(pipe, Differential(black), tiny.picture_arguments(family, STEPS, drawn))
        assert not calls
        assert np.array_equal(np.asarray(result), np.asarray(drawn))

    def test_the_pipeline_is_left_as_it_was(self, family: str) -> None:
        pipe = tiny.inpainting(family)
        denoiser = pipe.unet if hasattr(pipe, "unet") else pipe.transformer
        config = dict(denoiser.config)

        def stop(*_: Any) -> Any:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(pipe, Differential(LEVELS), tiny.arguments(family, STEPS) | {"callback_on_step_end": stop})
        assert dict(denoiser.config) == config
        assert not denoiser._forward_pre_hooks

    def test_diffusers_own_pipeline_is_refused_and_what_the_sentence_says_works(self, family: str) -> None:
        theirs = own_pipeline(family)
        with (
            pytest.raises(InputError, match="whose place the change map takes") as caught,
            steer(theirs, Differential(WHITE)),
        ):
            pass
        maker = re.search(r"\((\w+)\.from_pipe makes one\)", str(caught.value))
        assert maker is not None
        pipe = getattr(diffusers, maker[1]).from_pipe(theirs)
        pipe.set_progress_bar_config(disable=True)
        results = [
            run(one, Differential(LEVELS), tiny.arguments(family, STEPS)) for one in (pipe, tiny.inpainting(family))
        ]
        assert torch.equal(*results)

    def test_text_to_image_gives_what_image_to_image_gives(self) -> None:
        pipe = tiny.inpainting("sd")
        twin = StableDiffusionPipeline(**pipe.components, requires_safety_checker=False)
        twin.set_progress_bar_config(disable=True)
        results = [run(one, Differential(LEVELS), tiny.arguments("sd", STEPS)) for one in (pipe, twin)]
        assert torch.equal(*results)
