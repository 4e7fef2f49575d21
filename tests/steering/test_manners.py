"""A pipeline is left as it was, work can be ended, and what cannot be done gets a sentence that says what to do."""

from __future__ import annotations

from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image
from sfumato.change_map import ChangeMap
from sfumato.edits import Differential, EditFriendly
from sfumato.errors import Cancelled, InputError
from sfumato.steering import steer
from steering import tiny
from steering.calls import LEVELS, STEPS, WHITE, picture, run


class Looks:
    """A pass that lets the pipeline be."""

    own_steps = False

    def calls(self, grid_calls: int, order: int, first: int) -> range:
        return range(grid_calls)

    def begin(self, run: Any) -> None:
        return None

    def step(self, run: Any, sample: torch.Tensor, output: torch.Tensor, solve: Any) -> torch.Tensor:
        return solve(output)


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


def test_the_seed_of_an_edit_that_prepares_is_torchs_own() -> None:
    """Without a generator the draws are the global one's: repeatable, and nothing is reseeded behind the caller."""
    pipe, arguments = tiny.sd(), tiny.arguments("sd", STEPS) | {"generator": None}
    said = {"prompt_embeds": -arguments["prompt_embeds"], "negative_prompt_embeds": arguments["negative_prompt_embeds"]}
    results, after = [], []
    for _ in range(2):
        torch.manual_seed(5)
        results.append(run(pipe, EditFriendly(LEVELS, said), arguments))
        assert torch.initial_seed() == 5
        after.append(torch.randn(1))
    assert torch.equal(*results)
    assert torch.equal(*after)


def test_a_scheduler_changed_inside_the_block_counts_and_stays() -> None:
    pipe, before = tiny.sd(), tiny.sd().scheduler
    euler = tiny.diffusion(diffusers.EulerDiscreteScheduler)
    try:
        with steer(pipe, Differential(ChangeMap.constant(1.0))) as steered:
            pipe.scheduler = euler
            result = steered(**tiny.arguments("sd", STEPS)).images
        assert pipe.scheduler is euler
        assert torch.equal(result, pipe(**tiny.arguments("sd", STEPS), strength=1.0).images)
    finally:
        pipe.scheduler = before


def test_after_its_block_a_steering_is_over() -> None:
    with steer(tiny.sd(), Differential(LEVELS)) as steered:
        pass
    with pytest.raises(InputError, match="inside its `with steer"):
        steered(**tiny.arguments("sd", STEPS))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"num_inference_steps": 0}, "1 step or more"), ({"image": []}, "empty list")],
)
def test_a_call_that_cannot_be_gets_a_sentence(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        run(tiny.sd(), Differential(LEVELS), tiny.arguments("sd", STEPS) | change)


def test_a_flow_pipeline_whose_scheduler_cannot_noise_gets_a_sentence() -> None:
    pipe = tiny.sd3()
    flow = diffusers.UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True)
    before, pipe.scheduler = pipe.scheduler, flow
    try:
        with pytest.raises(InputError, match="by scale_noise, which UniPCMultistepScheduler has not"):
            run(pipe, Differential(LEVELS), tiny.arguments("sd3", STEPS))
    finally:
        pipe.scheduler = before


@pytest.mark.parametrize("mode", ["RGBA", "LA", "L", "P", "1", "CMYK"])
def test_pictures_of_every_mode_are_steered(mode: str) -> None:
    """The pipeline sees RGB, what is transparent over white; black pixels stay the original's."""
    original = picture().convert("RGBA")
    original.putalpha(Image.linear_gradient("L").resize(original.size))
    original = original.convert(mode)
    values = np.zeros(original.size[::-1], np.uint16)
    values[:, 16:] = 65535
    arguments = tiny.arguments("sd", 2) | {"image": original, "output_type": "pil"}
    with steer(tiny.sd(), Differential(ChangeMap(values))) as steered:
        result = steered(**arguments).images[0]
    kept = np.asarray(original.convert(result.mode))[:, :16]
    assert np.array_equal(np.asarray(result)[:, :16], kept)


def test_strength_is_a_whole_number_of_thousandths() -> None:
    with pytest.raises(InputError, match="500 is half"):
        ChangeMap.of(np.ones((2, 2)), strength=0.5)  # type: ignore[arg-type]
