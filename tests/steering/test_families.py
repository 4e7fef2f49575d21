"""Every family: its rounding, its latents, its batches, every edit; and the generic route of those that only take
latents, which gives what the image-to-image pipelines give."""

from __future__ import annotations

import warnings
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from sfumato.change_map import ChangeMap, M
from sfumato.edits import DiffEdit, Differential, EditFriendly, SDEdit, SoftInpainting
from sfumato.errors import InputError
from sfumato.steering import rounding_of, steer
from steering import tiny
from steering.calls import LEVELS, STEPS, WHITE, WITH_IMAGE, picture, run, source


@pytest.mark.parametrize(
    ("rounding", "names"),
    [
        ("floor", "StableDiffusionImg2Img StableDiffusionXLImg2Img StableDiffusionControlNetImg2Img"),
        ("floor", "StableDiffusionXLControlNetImg2Img StableDiffusionDepth2Img KandinskyImg2Img"),
        ("floor", "KandinskyV22Img2Img Kandinsky3Img2Img LatentConsistencyModelImg2Img"),
        ("floor", "StableDiffusionPAGImg2Img StableDiffusionXLPAGImg2Img"),
        ("ceil", "StableDiffusion3Img2Img StableDiffusion3PAGImg2Img FluxImg2Img FluxControlImg2Img"),
        ("ceil", "FluxControlNetImg2Img ChromaImg2Img QwenImageImg2Img ZImageImg2Img SanaSprintImg2Img"),
    ],
)
def test_rounding_of_diffusers_classes(rounding: str, names: str) -> None:
    """Of strength x steps to steps, as get_timesteps of each class does it."""
    classes = [getattr(diffusers, f"{name}Pipeline") for name in names.split()]
    assert [rounding_of(cls.__new__(cls)) for cls in classes] == [rounding] * len(classes)


def test_rounding_of_kolors() -> None:
    """By its module: diffusers offers it openly only where a tokenizer is installed that is not needed here."""
    with warnings.catch_warnings(action="ignore"):
        from diffusers.pipelines.kolors.pipeline_kolors_img2img import KolorsImg2ImgPipeline as Kolors
    assert rounding_of(Kolors.__new__(Kolors)) == "floor"


TEXT_TO_IMAGE = {
    "sd": diffusers.StableDiffusionPipeline,
    "sdxl": diffusers.StableDiffusionXLPipeline,
    "sd3": diffusers.StableDiffusion3Pipeline,
    "flux": diffusers.FluxPipeline,
    "chroma": diffusers.ChromaPipeline,
    "qwen": diffusers.QwenImagePipeline,
    "z_image": diffusers.ZImagePipeline,
}


def text_to_image(family: str) -> Any:
    pipe = tiny.FAMILIES[family]()
    if family in tiny.FROM_LATENTS:
        return pipe
    more = {"requires_safety_checker": False} if family == "sd" else {}
    more |= {"add_watermarker": False} if family == "sdxl" else {}
    twin = TEXT_TO_IMAGE[family](**pipe.components, **more)
    twin.set_progress_bar_config(disable=True)
    return twin


def pixart() -> Any:
    torch.manual_seed(0)
    transformer = diffusers.PixArtTransformer2DModel(
        sample_size=tiny.CELLS,
        num_layers=1,
        patch_size=2,
        attention_head_dim=8,
        num_attention_heads=2,
        caption_channels=tiny.WIDTH,
        in_channels=4,
        cross_attention_dim=16,
        out_channels=8,
        norm_type="ada_norm_single",
        use_additional_conditions=False,
    )
    pipe = diffusers.PixArtSigmaPipeline(
        tokenizer=None,
        text_encoder=None,
        vae=tiny.sd().vae,
        transformer=transformer,
        scheduler=tiny.diffusion(diffusers.DDIMScheduler),
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


class TestFromLatents:
    @pytest.mark.parametrize("family", WITH_IMAGE)
    def test_the_generic_route_gives_what_the_image_to_image_pipeline_gives(self, family: str) -> None:
        from_image = run(tiny.FAMILIES[family](), Differential(LEVELS), tiny.arguments(family, STEPS))
        from_noise = run(text_to_image(family), Differential(LEVELS), tiny.arguments(family, STEPS))
        assert torch.equal(from_image, from_noise)

    @pytest.mark.parametrize(
        "scheduler",
        [
            diffusers.EulerDiscreteScheduler,
            diffusers.HeunDiscreteScheduler,
            diffusers.DPMSolverMultistepScheduler,
            diffusers.LCMScheduler,
        ],
    )
    def test_so_it_does_with_the_schedulers_that_scale_their_latents_or_remember(self, scheduler: Any) -> None:
        results = []
        for pipe in (tiny.sd(), text_to_image("sd")):
            before, pipe.scheduler = pipe.scheduler, tiny.diffusion(scheduler)
            try:
                results.append(run(pipe, Differential(LEVELS), tiny.arguments("sd", STEPS)))
            finally:
                pipe.scheduler = before
        assert torch.equal(*results)

    def test_a_pipeline_that_would_bend_the_size_works_at_that_of_the_latents(self) -> None:
        pipe = pixart()
        arguments = tiny.arguments("lumina2", STEPS) | {"negative_prompt": None}
        result = run(pipe, Differential(LEVELS), dict(arguments))
        x0 = arguments.pop("image")
        noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(1))
        black = torch.as_tensor(LEVELS.values == 0).expand_as(x0)
        assert torch.equal(result[black], x0[black])
        own = pipe(
            **arguments,
            height=32,
            width=32,
            use_resolution_binning=False,
            latents=pipe.scheduler.add_noise(x0, noise, torch.tensor([801])),
        ).images
        white = run(pipe, Differential(WHITE), tiny.arguments("lumina2", STEPS) | {"negative_prompt": None})
        assert torch.equal(white, own)

    def test_pictures_are_worked_at_in_the_size_that_is_given(self) -> None:
        arguments = tiny.picture_arguments("flux2", 1, picture(64, 64)) | {"height": 32, "width": 32}
        with steer(tiny.flux2(), Differential(WHITE)) as steered:
            (result,) = steered(**arguments).images
            assert steered.run is not None
            assert (steered.run.layout.rows, steered.run.layout.columns) == (8, 8)
        assert result.size == (64, 64)

    @pytest.mark.parametrize("family", [family for family in tiny.FAMILIES if family not in ("sd", "sdxl")])
    def test_t3_a_white_map_is_text_to_image_with_the_same_noise_where_sigma_is_1(self, family: str) -> None:
        arguments = tiny.arguments(family, STEPS)
        result = run(tiny.FAMILIES[family](), Differential(WHITE), dict(arguments))
        side = tiny.CELLS * tiny.PIXELS.get(family, 2)
        arguments |= {"height": side, "width": side, "generator": torch.Generator().manual_seed(1)}
        del arguments["image"]
        assert torch.equal(result, text_to_image(family)(**arguments).images)

    @pytest.mark.parametrize("family", ["sd", "sdxl"])
    def test_t3_on_a_variance_preserving_schedule_only_the_start_differs_from_text_to_image(self, family: str) -> None:
        pipe, arguments = tiny.FAMILIES[family](), tiny.arguments(family, STEPS)
        with steer(pipe, Differential(WHITE)) as steered:
            result = steered(**arguments).images
            assert steered.run is not None
            grid, x0, noise = steered.run.grid, steered.run.x0, steered.run.noise
        assert 0.1 < grid.a[0] < 0.2
        assert torch.equal(noise, torch.randn(x0.shape, generator=torch.Generator().manual_seed(1)))
        del arguments["image"]
        arguments |= {"height": 32, "width": 32}
        from_noise, from_start = (
            text_to_image(family)(**arguments, latents=start).images
            for start in (noise, grid.a[0] * x0 + grid.b[0] * noise)
        )
        assert torch.equal(result, from_start)
        assert not torch.equal(result, from_noise)

    def test_pictures_are_encoded_by_the_pipelines_own_rule(self) -> None:
        drawn = picture(64, 48)
        pixels = torch.from_numpy(np.asarray(drawn).copy()).permute(2, 0, 1)[None] / 127.5 - 1
        for family in tiny.FROM_LATENTS:
            pipe = tiny.FAMILIES[family]()
            with steer(pipe, Differential(WHITE)) as steered:
                steered(**tiny.picture_arguments(family, 1, drawn))
                assert steered.run is not None
                x0 = steered.run.layout.unlike(steered.run.x0)
            with torch.no_grad():
                if family == "flux2":
                    expected = pipe._encode_vae_image(pixels, None)
                else:
                    expected = (pipe.vae.encode(pixels).latent_dist.mode() - 0.0609) * 1.5
            torch.testing.assert_close(x0, expected, atol=1e-5, rtol=1e-5)

    def test_what_is_neither_picture_nor_latents_gets_a_sentence(self) -> None:
        for image in (torch.rand(1, 3, 32, 32), np.zeros((32, 32, 3))):
            with pytest.raises(InputError, match=r"pictures \(PIL\) or clean latents"):
                run(tiny.lumina2(), Differential(WHITE), tiny.arguments("lumina2", 2) | {"image": image})


class TestLatents:
    @pytest.mark.parametrize("family", ["sd3", "flux", "chroma", "qwen", "z_image"])
    def test_height_and_width_follow_clean_latents(self, family: str) -> None:
        given = tiny.arguments(family, STEPS)
        left_out = {
            name: value for name, value in tiny.arguments(family, STEPS).items() if name not in ("height", "width")
        }
        pipe = tiny.FAMILIES[family]()
        assert torch.equal(run(pipe, Differential(LEVELS), given), run(pipe, Differential(LEVELS), left_out))

    def test_qwen_takes_latents_with_a_frame_axis_too(self) -> None:
        flat, frame = tiny.arguments("qwen", STEPS), tiny.arguments("qwen", STEPS)
        frame["image"] = frame["image"].unsqueeze(2)
        pipe = tiny.qwen()
        assert torch.equal(run(pipe, Differential(LEVELS), flat), run(pipe, Differential(LEVELS), frame))

    def test_a_repeated_edit_goes_on_from_its_own_latents(self, family: str) -> None:
        class Twice(Differential):
            repeats = 2

        pipe, arguments = tiny.FAMILIES[family](), tiny.arguments(family, STEPS)
        with steer(pipe, Twice(LEVELS)) as steered:
            steered(**arguments)
            assert steered.run is not None
            twice = steered.run.state
        generator = torch.Generator().manual_seed(1)
        image = arguments["image"]
        for _ in range(2):
            with steer(pipe, Differential(LEVELS)) as steered:
                steered(**arguments | {"image": image, "generator": generator})
                assert steered.run is not None
                state = steered.run.state
                image = steered.run.layout.unlike(state).view(image.shape)
        assert torch.equal(twice, state)
        assert not torch.equal(steered.run.x0, steered.run.state)


class TestBatches:
    # Of embeddings that are given, diffusers repeats neither SD3's pooled ones, nor Chroma's masks, nor Lumina's
    # negative ones: these take batches of prompts only.
    @pytest.mark.filterwarnings("ignore:You have passed:FutureWarning")
    @pytest.mark.parametrize("family", ["sd", "sdxl", "flux", "qwen", "z_image", "flux2"])
    def test_one_image_of_a_prompt_does_not_depend_on_the_others(self, family: str) -> None:
        pipe = tiny.FAMILIES[family]()

        def images(edit: Any, *seeds: int) -> torch.Tensor:
            generators = [torch.Generator().manual_seed(seed) for seed in seeds]
            return run(
                pipe,
                edit,
                tiny.arguments(family, STEPS) | {"generator": generators, "num_images_per_prompt": len(seeds)},
            )

        both, alone = images(Differential(LEVELS), 5, 6), images(Differential(LEVELS), 5, 7)
        assert len(both) == 2
        assert torch.equal(both[0], alone[0])
        assert not torch.equal(both[1], alone[1])
        if family in WITH_IMAGE and family != "z_image":
            generators = [torch.Generator().manual_seed(seed) for seed in (5, 6)]
            own = tiny.arguments(family, STEPS) | {"generator": generators, "num_images_per_prompt": 2}
            plain = pipe(**own, strength=tiny.strength(pipe, STEPS, 3)).images
            assert torch.equal(plain, images(Differential(ChangeMap.constant(0.6)), 5, 6))

    def test_a_batch_of_prompts_has_no_mates_either(self, family: str) -> None:
        pipe = tiny.FAMILIES[family]()
        results = []
        for other in (1.0, -2.0):
            arguments = tiny.arguments(family, STEPS, batch=2)
            arguments["generator"] = [torch.Generator().manual_seed(seed) for seed in (5, 6)]
            arguments["image"][1] *= other
            arguments["prompt_embeds"][1].mul_(other)
            results.append(run(pipe, Differential(LEVELS), arguments))
        assert torch.equal(results[0][0], results[1][0])
        assert not torch.equal(results[0][1], results[1][1])


class TestEdits:
    def test_every_edit_obeys_the_map(self, family: str) -> None:
        pipe, states = tiny.FAMILIES[family](), []
        for edit in (
            SoftInpainting(LEVELS),
            SDEdit(LEVELS, "fresh"),
            DiffEdit(LEVELS, source=source(family)),
            EditFriendly(LEVELS, source(family)),
        ):
            arguments = tiny.arguments(family, STEPS)
            opposite = [-embeds for embeds in arguments["prompt_embeds"]]
            arguments["prompt_embeds"] = opposite if family == "z_image" else torch.stack(opposite)
            with steer(pipe, edit) as steered:
                steered(**arguments)
                assert steered.run is not None
                x0, state = steered.run.x0, steered.run.state
                values = steered.run.layout.map(LEVELS.values, x0).expand_as(x0)
            assert torch.equal(state[values == 0], x0[values == 0])
            assert (state[values == M] != x0[values == M]).float().mean() > 0.99
            states.append(state)
        assert len({state.sum().item() for state in states}) == 4

    def test_edit_friendly_inversion_with_the_same_words_is_the_identity(self, family: str) -> None:
        pipe, arguments = tiny.FAMILIES[family](), tiny.arguments(family, STEPS)
        with steer(pipe, EditFriendly(LEVELS, source(family))) as steered:
            steered(**arguments)
            assert steered.run is not None
            torch.testing.assert_close(steered.run.state, steered.run.x0, atol=1e-4, rtol=1e-4)
