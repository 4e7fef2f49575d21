"""Every family as its users call it: pictures, batches, odd input; and what cannot be steered says what to use."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image
from sfumato.change_map import ChangeMap, M
from sfumato.edits import DiffEdit, Differential, EditFriendly, SDEdit, SoftInpainting
from sfumato.errors import Cancelled, InputError
from sfumato.steering import rounding_of, steer
from sfumato.steering.routes import route_of
from steering import tiny

STEPS = 5  # divides M, so that floor and ceil agree on the levels below
LEVELS = ChangeMap((np.arange(256) % 6 * (M // 5)).astype(np.uint16).reshape(16, 16))
WHITE = ChangeMap.constant(1.0)
WITH_IMAGE = [family for family in tiny.FAMILIES if family not in tiny.FROM_LATENTS]


@pytest.fixture(params=list(tiny.FAMILIES))
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def run(pipe: Any, edit: Any, arguments: dict[str, Any], **options: Any) -> Any:
    with steer(pipe, edit, **options) as steered:
        return steered(**arguments).images


class Looks:
    """A pass that lets the pipeline be."""

    own_steps = False

    def calls(self, grid_calls: int, order: int, first: int) -> range:
        return range(grid_calls)

    def begin(self, run: Any) -> None:
        return None

    def step(self, run: Any, sample: torch.Tensor, output: torch.Tensor, solve: Any) -> torch.Tensor:
        return solve(output)


def source(family: str) -> dict[str, Any]:
    """The family's own words, as an edit says them."""
    return {name: value for name, value in tiny.arguments(family, STEPS).items() if "prompt" in name}


def picture(width: int = 32, height: int = 32, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def right_half(width: int = 32, height: int = 32) -> ChangeMap:
    values = np.zeros((height, width), np.uint16)
    values[:, width // 2 :] = M
    return ChangeMap(values)


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


class TestFromLatents:
    @pytest.mark.parametrize("family", WITH_IMAGE)
    def test_the_generic_route_gives_what_the_image_to_image_pipeline_gives(self, family: str) -> None:
        from_image = run(tiny.FAMILIES[family](), Differential(LEVELS), tiny.arguments(family, STEPS))
        from_noise = run(text_to_image(family), Differential(LEVELS), tiny.arguments(family, STEPS))
        assert torch.equal(from_image, from_noise)

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


class TestPictures:
    def test_black_pixels_are_the_originals(self, family: str) -> None:
        original, middle = picture(64, 32), 32
        arguments = tiny.picture_arguments(family, 2, original)
        (result,) = run(tiny.FAMILIES[family](), Differential(right_half(64, 32)), arguments)
        before, after = np.asarray(original), np.asarray(result)
        assert np.array_equal(after[:, :middle], before[:, :middle])
        assert (after[:, middle:] != before[:, middle:]).mean() > 0.9

    @pytest.mark.parametrize("family", WITH_IMAGE)
    def test_a_constant_map_over_a_picture_is_img2img(self, family: str) -> None:
        pipe = tiny.FAMILIES[family]()
        arguments = tiny.picture_arguments(family, STEPS, picture()) | {"output_type": "latent"}
        result = run(pipe, Differential(ChangeMap.constant(0.6)), arguments)
        own = tiny.picture_arguments(family, STEPS, picture()) | {"output_type": "latent"}
        assert torch.equal(result, pipe(**own, strength=tiny.strength(pipe, STEPS, 3)).images)

    def test_kandinsky_too(self) -> None:
        pipe = tiny.kandinsky()

        def arguments() -> dict[str, Any]:
            return {
                "image": picture(),
                "image_embeds": torch.ones(1, tiny.WIDTH),
                "negative_image_embeds": torch.zeros(1, tiny.WIDTH),
                "height": 32,
                "width": 32,
                "num_inference_steps": STEPS,
                "generator": torch.Generator().manual_seed(1),
                "output_type": "latent",
            }

        own = pipe(**arguments(), strength=tiny.strength(pipe, STEPS, 3)).images
        for skip in (True, False):
            assert torch.equal(own, run(pipe, Differential(ChangeMap.constant(0.6)), arguments(), skip=skip))
        assert not torch.equal(own, run(pipe, Differential(LEVELS), arguments()))

    @pytest.mark.parametrize("family", [family for family in tiny.FAMILIES if family != "sd3"])  # which refuses them
    def test_odd_sizes(self, family: str) -> None:
        original = picture(45, 37)
        arguments = tiny.picture_arguments(family, 2, original)
        (result,) = run(tiny.FAMILIES[family](), Differential(right_half(45, 37)), arguments)
        before, after = np.asarray(original), np.asarray(result)
        assert after.shape == (37, 45, 3)
        assert np.array_equal(after[:, :22], before[:, :22])
        assert not np.array_equal(after[:, 22:], before[:, 22:])

    def test_a_picture_of_one_pixel_gets_a_sentence_unless_a_size_is_given(self) -> None:
        with pytest.raises(InputError, match=r"has 1 x 1 pixels.*multiples of 2.*Scale the picture up"):
            run(
                tiny.sd(), Differential(WHITE), tiny.arguments("sd", 2) | {"image": picture(1, 1), "output_type": "pil"}
            )
        arguments = tiny.picture_arguments("flux", 2, picture(1, 1)) | {"height": 32, "width": 32}
        (result,) = run(tiny.flux(), Differential(WHITE), arguments)
        assert result.size == (1, 1)

    def test_several_pictures_keep_their_own_black_pixels(self) -> None:
        originals = [picture(seed=1), picture(seed=2)]
        arguments = tiny.arguments("sd", 2, batch=2) | {"output_type": "pil", "image": originals}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "You have passed", FutureWarning)
            results = run(tiny.sd(), Differential(right_half()), arguments | {"num_images_per_prompt": 2})
        for result, original in zip(results, originals * 2, strict=True):
            assert np.array_equal(np.asarray(result)[:, :16], np.asarray(original)[:, :16])

    def test_pictures_that_do_not_go_into_the_results_get_a_sentence(self) -> None:
        arguments = tiny.arguments("sd", 2) | {"output_type": "pil", "image": [picture(), picture()]}
        with pytest.raises(InputError, match="2 pictures cannot be shared out over 3 results"):
            run(tiny.sd(), Differential(ChangeMap.constant(0.0)), arguments | {"num_images_per_prompt": 3})

    def test_arrays_and_tensors_of_pixels_do_as_pictures(self) -> None:
        pixels = np.asarray(picture(48, 32), np.float32) / 255
        results = [
            run(tiny.sd(), Differential(right_half(48, 32)), tiny.arguments("sd", STEPS) | {"image": image})
            for image in (pixels, pixels[None], torch.from_numpy(pixels).permute(2, 0, 1)[None])
        ]
        assert torch.equal(results[0], results[1])
        torch.testing.assert_close(results[0], results[2], atol=1e-4, rtol=0)  # another order in memory


class TestMaps:
    def test_a_map_of_another_size_is_resampled_when_its_shape_agrees(self, family: str) -> None:
        pipe = tiny.FAMILIES[family]()
        large = ChangeMap(np.kron(LEVELS.values, np.ones((5, 5), np.uint16)))
        small, same = (run(pipe, Differential(m), tiny.arguments(family, STEPS)) for m in (LEVELS, large))
        assert torch.equal(small, same)

    def test_a_map_of_another_shape_gets_a_sentence(self) -> None:
        with pytest.raises(InputError, match=r"32 x 32 pixels and the map 32 x 20: their shapes differ"):
            run(
                tiny.sd(),
                Differential(right_half(32, 20)),
                tiny.arguments("sd", 2) | {"image": picture(), "output_type": "pil"},
            )

    def test_one_step(self, family: str) -> None:
        pipe = tiny.FAMILIES[family]()
        assert torch.equal(run(pipe, Differential(WHITE), tiny.arguments(family, 1)), tiny.plain(family, 1, 1))
        grey = run(pipe, Differential(ChangeMap.constant(0.5)), tiny.arguments(family, 1))
        if route_of(pipe).rounding == "ceil":
            assert torch.equal(grey, tiny.plain(family, 1, 1))
        else:
            assert torch.equal(grey, tiny.arguments(family, 1)["image"])

    def test_strength_0_gives_the_picture_back(self, family: str) -> None:
        arguments = tiny.arguments(family, STEPS)
        assert (
            run(tiny.FAMILIES[family](), Differential(ChangeMap(LEVELS.values, strength=0)), arguments)
            is arguments["image"]
        )

    def test_a_single_pixel_frees_its_cell_when_any_change_counts(self) -> None:
        values = np.zeros((32, 32), np.uint16)
        values[9, 21] = M
        arguments = tiny.arguments("sd", STEPS)
        result = run(tiny.sd(), Differential(ChangeMap(values, resample="max")), arguments)
        changed = (result != arguments["image"]).any(dim=1)[0]
        assert changed.nonzero().tolist() == [[4, 10]]

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -0.5, 1.5])
    def test_floats_that_are_no_share_get_a_sentence(self, bad: float, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"within 0\.\.1"):
            ChangeMap.of(np.array([[0.5, bad]]))
        if not np.isfinite(bad):
            Image.fromarray(np.array([[0.5, bad]], np.float32)).save(tmp_path / "map.tiff")
            with pytest.raises(InputError, match="NaN or infinity"):
                ChangeMap.open(tmp_path / "map.tiff")

    def test_maps_of_16_bits_and_with_alpha_steer(self, tmp_path: Path) -> None:
        deep = (np.arange(256) * 257 + 3).clip(max=M).astype(np.uint16).reshape(16, 16)
        Image.fromarray(deep).save(tmp_path / "deep.png")
        rgba = np.full((16, 16, 4), 255, np.uint8)
        rgba[..., 3] = np.arange(256).reshape(16, 16)
        Image.fromarray(rgba).save(tmp_path / "alpha.png")
        assert np.array_equal(ChangeMap.open(tmp_path / "deep.png").values, deep)
        assert np.array_equal(ChangeMap.open(tmp_path / "alpha.png").values, np.arange(256).reshape(16, 16) * 257)
        by_file = run(tiny.sd(), Differential(ChangeMap.open(tmp_path / "deep.png")), tiny.arguments("sd", STEPS))
        assert torch.equal(by_file, run(tiny.sd(), Differential(ChangeMap(deep)), tiny.arguments("sd", STEPS)))


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


class TestManners:
    def test_the_pipeline_is_as_it_was(self, family: str) -> None:
        pipe = tiny.FAMILIES[family]()
        tiny.plain(family, 2, 1)  # pipelines note down their arguments themselves

        def state() -> dict[str, Any]:
            own = {name: value for name, value in vars(pipe).items() if not name.startswith("_")}
            return own | {
                "config": dict(pipe.config),
                "kept": set(vars(pipe)),
                "processor": dict(vars(pipe.image_processor)),
            }

        before = state()

        def fail(*_: Any) -> Any:
            raise KeyboardInterrupt

        run(pipe, Differential(LEVELS), tiny.arguments(family, 2))
        assert state() == before
        with pytest.raises(KeyboardInterrupt):
            run(pipe, Differential(LEVELS), tiny.arguments(family, 2) | {"callback_on_step_end": fail})
        assert state() == before

    def test_a_listener_ends_the_work_within_a_step(self, family: str) -> None:
        pipe = tiny.FAMILIES[family]()
        scheduler, heard, calls = pipe.scheduler, [], []

        def listener(run: Any) -> None:
            heard.append(run.done)
            if run.done == 2:
                raise Cancelled

        handle = (getattr(pipe, "unet", None) or pipe.transformer).register_forward_hook(lambda *_: calls.append(1))
        try:
            with pytest.raises(Cancelled):
                run(pipe, Differential(WHITE), tiny.arguments(family, STEPS), listener=listener)
        finally:
            handle.remove()
        assert heard == [1, 2]
        assert len(calls) == 2 * (2 if family in tiny.TWICE else 1)
        assert pipe.scheduler is scheduler

    def test_a_preparing_edit_needs_no_generator(self) -> None:
        class Prepared(Differential):
            def prepare(self, passes: Any) -> None:
                self.first = passes(Looks()).noise

        edit = Prepared(LEVELS)
        with steer(tiny.sd(), edit) as steered:
            steered(**tiny.arguments("sd", STEPS) | {"generator": None})
            assert steered.run is not None
            assert torch.equal(steered.run.noise, edit.first)

    @pytest.mark.parametrize("name", ["strength", "latents"])
    def test_what_the_map_decides_is_left_out(self, family: str, name: str) -> None:
        given = {name: 0.5 if name == "strength" else torch.zeros(1)}
        with pytest.raises(InputError, match=f"Leave out {name}"):
            run(tiny.FAMILIES[family](), Differential(LEVELS), tiny.arguments(family, 2) | given)

    @pytest.mark.parametrize("name", ["denoising_start", "denoising_end"])
    def test_a_refiner_s_part_of_the_steps_is_left_out(self, name: str) -> None:
        with pytest.raises(InputError, match=f"Leave out {name}"):
            run(tiny.sdxl(), Differential(LEVELS), tiny.arguments("sdxl", 2) | {name: 0.5})

    def test_no_image_gets_a_sentence(self) -> None:
        with pytest.raises(InputError, match="`image` is pictures"):
            run(tiny.sd(), Differential(LEVELS), tiny.arguments("sd", 2) | {"image": None})


def _inpainting() -> Any:
    return diffusers.StableDiffusionInpaintPipeline(**tiny.sd().components, requires_safety_checker=False)


def _latent_consistency() -> Any:
    components = tiny.sd().components | {"scheduler": tiny.diffusion(diffusers.LCMScheduler)}
    return diffusers.LatentConsistencyModelImg2ImgPipeline(**components, requires_safety_checker=False)


def _deepfloyd() -> Any:
    nothing = dict.fromkeys(("tokenizer", "text_encoder", "safety_checker", "feature_extractor", "watermarker"))
    unet, scheduler = tiny.sd().unet, tiny.diffusion(diffusers.DDPMScheduler)
    return diffusers.IFImg2ImgPipeline(**nothing, unet=unet, scheduler=scheduler, requires_safety_checker=False)


def _video() -> Any:
    nothing = dict.fromkeys(("tokenizer", "text_encoder", "vae", "transformer"))
    return diffusers.WanPipeline(**nothing, scheduler=tiny.diffusion(diffusers.UniPCMultistepScheduler))


def _controlnet_from_text() -> Any:
    controlnet = diffusers.ControlNetModel.from_unet(tiny.sd().unet, conditioning_embedding_out_channels=(8, 8))
    return diffusers.StableDiffusionControlNetPipeline(
        **tiny.sd().components, controlnet=controlnet, requires_safety_checker=False
    )


def _unconditional() -> Any:
    return diffusers.DDPMPipeline(unet=tiny.sd().unet, scheduler=tiny.diffusion(diffusers.DDPMScheduler))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (_inpainting, "inpainting by a mask, whose place the change map takes.*AutoPipelineForImage2Image"),
        (_latent_consistency, "StableDiffusionImg2ImgPipeline with an LCMScheduler"),
        (_deepfloyd, "IFImg2ImgPipeline has no VAE"),
        (_video, "WanPipeline makes videos"),
        (_controlnet_from_text, "`image` for the control picture.*image-to-image"),
        (_unconditional, "DDPMPipeline takes neither an image with a strength nor latents"),
        (object, "object takes neither"),
    ],
)
def test_what_cannot_be_steered_says_what_to_use(make: Any, sentence: str) -> None:
    pipe = make()
    before = set(vars(pipe)) if make is not object else set()
    with pytest.raises(InputError, match=sentence), steer(pipe, Differential(LEVELS)):
        pass
    assert make is object or set(vars(pipe)) == before


class OwnNoise(diffusers.StableDiffusionImg2ImgPipeline):
    """Somebody's own: it does not ask its scheduler for noise."""

    def prepare_latents(self, image: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        return image


class OwnLayout(diffusers.StableDiffusionImg2ImgPipeline):
    """Somebody's own: its latents lie on their side."""

    def prepare_latents(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        return super().prepare_latents(*args, **kwargs)[..., :8]


class OwnPacking(diffusers.StableDiffusionImg2ImgPipeline):
    """Somebody's own: its packer needs to know a patch size."""

    @staticmethod
    def _pack_latents(latents: torch.Tensor, patch_size: int) -> torch.Tensor:
        return latents


@pytest.mark.parametrize(
    ("cls", "sentence"),
    [
        (OwnNoise, "OwnNoise never noises an image by its scheduler.*use another"),
        (OwnLayout, r"OwnLayout holds its latents as \(4, 16, 8\) where \(4, 16, 16\) was expected"),
        (OwnPacking, "How OwnPacking packs its latents is not known"),
    ],
)
def test_a_pipeline_that_goes_its_own_way_gets_a_sentence(cls: Any, sentence: str) -> None:
    pipe = cls(**tiny.sd().components, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    with pytest.raises(InputError, match=sentence):
        run(pipe, Differential(LEVELS), tiny.arguments("sd", STEPS))
    assert isinstance(pipe.scheduler, diffusers.DDIMScheduler)


def test_a_size_that_the_pipeline_does_not_keep_to_gets_a_sentence() -> None:
    """Kandinsky takes height for width."""
    embeds = {"image_embeds": torch.ones(1, tiny.WIDTH), "negative_image_embeds": torch.zeros(1, tiny.WIDTH)}
    with pytest.raises(InputError, match="made latents of 32 x 16 cells where the map was laid on 16 x 32"):
        run(tiny.kandinsky(), Differential(LEVELS), embeds | {"image": picture(), "height": 32, "width": 64})


def test_a_latent_consistency_model_is_steered_as_stable_diffusion() -> None:
    pipe = tiny.sd()
    before, pipe.scheduler = pipe.scheduler, tiny.diffusion(diffusers.LCMScheduler)
    try:
        own = pipe(**tiny.arguments("sd", STEPS), strength=tiny.strength(pipe, STEPS, 3)).images
        assert torch.equal(own, run(pipe, Differential(ChangeMap.constant(0.6)), tiny.arguments("sd", STEPS)))
    finally:
        pipe.scheduler = before
