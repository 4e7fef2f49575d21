"""What others add to a pipeline works under steering: a constant map is still that pipeline's own image-to-image, bit
for bit, with the addition at work, and the addition's effect is really there."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers.models.attention_processor import SlicedAttnProcessor
from diffusers.models.embeddings import ImageProjection
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from PIL import Image
from sfumato.change_map import ChangeMap, M
from sfumato.edits import Differential
from sfumato.steering import steer
from steering import tiny

STEPS = 5
CONSTANT = ChangeMap.constant(0.6)  # 3 of 5 steps, floor and ceil alike
LEVELS = ChangeMap((np.arange(256) % 6 * (M // 5)).astype(np.uint16).reshape(16, 16))


def fresh(family: str) -> Any:
    """A pipeline of one's own to change."""
    return tiny.FAMILIES[family].__wrapped__()


def own(pipe: Any, family: str, **more: Any) -> torch.Tensor:
    """The pipeline's own image-to-image."""
    return pipe(**tiny.arguments(family, STEPS) | more, strength=tiny.strength(pipe, STEPS, 3)).images


def steered(pipe: Any, family: str, change_map: ChangeMap = CONSTANT, skip: bool = True, **more: Any) -> torch.Tensor:
    with steer(pipe, Differential(change_map), skip=skip) as run:
        return run(**tiny.arguments(family, STEPS) | more).images


def check(pipe: Any, family: str, without: torch.Tensor | None, **more: Any) -> None:
    """without: what the pipeline made before the addition; None where the addition should change no picture."""
    plain = own(pipe, family, **more)
    assert without is None or not torch.allclose(plain, without, atol=1e-3)
    for skip in (True, False):
        assert torch.equal(steered(pipe, family, skip=skip, **more), plain)
    # and the map is obeyed
    result, x0 = steered(pipe, family, LEVELS, **more), tiny.arguments(family, STEPS)["image"]
    if result.shape == x0.shape:
        black = torch.as_tensor(LEVELS.values == 0).expand_as(x0)
        assert torch.equal(result[black], x0[black])
    assert not torch.equal(result, plain)


class TestLora:
    @pytest.fixture(params=["sd", "sdxl", "sd3", "flux", "qwen", "z_image"])
    def family(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    def test_loaded_from_a_state_dict_scaled_and_unloaded(self, family: str) -> None:
        pipe = fresh(family)
        without = tiny.plain(family, STEPS, 3)
        name = "unet" if hasattr(pipe, "unet") else "transformer"
        donor = getattr(fresh(family), name)
        torch.manual_seed(0)
        donor.add_adapter(LoraConfig(r=2, lora_alpha=8, init_lora_weights=False, target_modules=["to_q", "to_v"]))
        weights = {f"{name}.{key}": value for key, value in get_peft_model_state_dict(donor).items()}
        pipe.load_lora_weights(weights, adapter_name="style")
        full = steered(pipe, family)
        if family != "z_image":  # which does not take latents as they are unless steered
            check(pipe, family, without)
        assert not torch.allclose(full, without, atol=1e-3)
        pipe.set_adapters("style", 0.5)
        assert not torch.allclose(steered(pipe, family), full, atol=1e-4)
        pipe.unload_lora_weights()
        assert torch.equal(steered(pipe, family), without)


class TestControlNet:
    @pytest.mark.parametrize(
        ("family", "cls"),
        [
            ("sd", diffusers.StableDiffusionControlNetImg2ImgPipeline),
            ("sdxl", diffusers.StableDiffusionXLControlNetImg2ImgPipeline),
        ],
    )
    def test_image_to_image_with_a_controlnet(self, family: str, cls: Any) -> None:
        base = tiny.FAMILIES[family]()
        torch.manual_seed(1)
        controlnet = diffusers.ControlNetModel.from_unet(base.unet, conditioning_embedding_out_channels=(8, 8))
        for parameter in controlnet.parameters():
            if not parameter.any():  # what training has moved away from zero
                torch.nn.init.normal_(parameter, std=0.3)
        more = {"requires_safety_checker": False} if family == "sd" else {"add_watermarker": False}
        pipe = cls(**base.components, controlnet=controlnet, **more)
        pipe.set_progress_bar_config(disable=True)
        lines = torch.zeros(1, 3, 32, 32)
        lines[..., 10:12, :] = 1
        off = own(pipe, family, control_image=lines, controlnet_conditioning_scale=0.0)
        check(pipe, family, off, control_image=lines, controlnet_conditioning_scale=1.0)
        # Its pipelines count a range among the steps that they run, and steering leaves that to them.
        part = {"control_image": lines, "controlnet_conditioning_scale": 1.0, "control_guidance_end": 0.67}
        assert torch.equal(steered(pipe, family, **part), own(pipe, family, **part))
        assert not torch.equal(own(pipe, family, **part), own(pipe, family, **part | {"control_guidance_end": 1.0}))
        # And where nothing of it counts, it is as if there were none.
        base.set_progress_bar_config(disable=True)
        assert torch.equal(off, own(base, family))

    @pytest.mark.filterwarnings("ignore:`FluxPosEmbed` is deprecated:FutureWarning")  # diffusers' own
    def test_one_of_flux_whose_pipeline_encodes_whatever_it_is_given(self) -> None:
        """Pictures as they are, and latents, which it would take for a picture, under steering."""
        base = fresh("flux")
        torch.manual_seed(1)
        controlnet = diffusers.FluxControlNetModel.from_config(dict(base.transformer.config))
        for parameter in controlnet.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.3)
        takes = inspect.signature(diffusers.FluxControlNetImg2ImgPipeline.__init__).parameters
        parts = {name: part for name, part in base.components.items() if name in takes}
        pipe = diffusers.FluxControlNetImg2ImgPipeline(**parts, controlnet=controlnet)
        pipe.set_progress_bar_config(disable=True)
        arguments = tiny.arguments("flux", STEPS)
        latents = arguments["image"]
        side = [size * pipe.vae_scale_factor for size in latents.shape[-2:]]
        picture, lines = torch.rand(1, 3, *side), torch.full((1, 3, *side), -1.0)
        lines[..., 10:12, :] = 1
        more = {"height": side[0], "width": side[1], "control_image": lines}

        def tail(**changes: Any) -> dict[str, Any]:
            return tiny.arguments("flux", STEPS) | more | changes

        plain = pipe(**tail(image=picture), strength=tiny.strength(pipe, STEPS, 3)).images
        off = pipe(
            **tail(image=picture, controlnet_conditioning_scale=0.0), strength=tiny.strength(pipe, STEPS, 3)
        ).images
        assert not torch.allclose(plain, off, atol=1e-3)
        for skip in (True, False):
            with steer(pipe, Differential(CONSTANT), skip=skip) as run:
                assert torch.equal(run(**tail(image=picture)).images, plain)
        # As if its encoder had answered with those latents.
        pipe._encode_vae_image = lambda image, generator: latents
        plain = pipe(**tail(image=picture), strength=tiny.strength(pipe, STEPS, 3)).images
        del pipe._encode_vae_image
        with steer(pipe, Differential(CONSTANT)) as run:
            assert torch.equal(run(**tail(image=latents)).images, plain)
        assert "_encode_vae_image" not in vars(pipe)


class TestIPAdapter:
    def test_image_embeddings_are_heeded(self) -> None:
        pipe = fresh("sd")
        unet = pipe.unet
        torch.manual_seed(2)
        projection = ImageProjection(tiny.WIDTH, tiny.WIDTH, num_image_text_embeds=4).state_dict()
        image_proj = {key.replace("image_embeds", "proj"): value for key, value in projection.items()}
        adapter = {}
        for index, name in enumerate(unet.attn_processors):
            if name.endswith("attn2.processor"):
                hidden = unet.get_submodule(name.removesuffix(".processor")).to_k.out_features
                for part in ("to_k_ip", "to_v_ip"):
                    adapter[f"{index}.{part}.weight"] = 0.3 * torch.randn(hidden, tiny.WIDTH)
        without = own(pipe, "sd")
        pipe.load_ip_adapter(
            {"image_proj": image_proj, "ip_adapter": adapter}, subfolder="", weight_name="", image_encoder_folder=None
        )
        embeds = torch.randn(2, 1, tiny.WIDTH)
        check(pipe, "sd", without, ip_adapter_image_embeds=[embeds])
        pipe.set_ip_adapter_scale(0.0)
        torch.testing.assert_close(steered(pipe, "sd", ip_adapter_image_embeds=[embeds]), without, atol=1e-4, rtol=1e-4)


class TestAttention:
    def test_slicing(self) -> None:
        pipe = fresh("sd")
        without = own(pipe, "sd")
        pipe.enable_attention_slicing(1)
        assert any(isinstance(p, SlicedAttnProcessor) for p in pipe.unet.attn_processors.values())
        check(pipe, "sd", None)
        torch.testing.assert_close(own(pipe, "sd"), without, atol=1e-3, rtol=1e-3)


class TestCompile:
    def test_a_compiled_denoiser(self) -> None:
        pipe = fresh("flux")
        without, graphs = own(pipe, "flux"), []

        def backend(graph: Any, inputs: Any) -> Any:
            graphs.append(graph)
            return graph.forward

        torch._dynamo.reset()
        try:
            pipe.transformer.compile(backend=backend, dynamic=False)
            compiled = own(pipe, "flux")
            traced = len(graphs)
            assert traced > 0
            check(pipe, "flux", None)
            assert len(graphs) == traced  # steering asks for no graph of its own
        finally:
            torch._dynamo.reset()
        torch.testing.assert_close(compiled, without, atol=1e-3, rtol=1e-3)


class TestOffload:
    """With the CPU as the accelerator: the hooks run, but nothing moves between devices; to disk, weights really go."""

    @pytest.fixture(params=["sd", "sdxl", "sd3", "flux"])
    def family(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    def test_model_offload(self, family: str) -> None:
        pipe = fresh(family)
        without = own(pipe, family)
        pipe.enable_model_cpu_offload(device="cpu")
        assert pipe._execution_device == torch.device("cpu:0")
        check(pipe, family, None)
        assert torch.equal(own(pipe, family), without)
        models = sum(isinstance(c, torch.nn.Module) for c in pipe.components.values())
        assert len(pipe._all_hooks) == models

    def test_offload_to_disk_by_groups(self, tmp_path: Path) -> None:
        pipe, cpu = fresh("sd"), torch.device("cpu")
        without = own(pipe, "sd")
        pipe.unet.enable_group_offload(cpu, cpu, offload_type="leaf_level", offload_to_disk_path=str(tmp_path))
        assert len(list(tmp_path.iterdir())) > 20  # every layer's weights come from its file for every call
        check(pipe, "sd", None)
        torch.testing.assert_close(own(pipe, "sd"), without, atol=1e-4, rtol=1e-4)

    def test_pictures_of_the_generic_route(self) -> None:
        picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
        results = []
        for pipe in (tiny.lumina2(), fresh("lumina2")):
            if results:
                pipe.enable_model_cpu_offload(device="cpu")
            with steer(pipe, Differential(LEVELS)) as run:
                results.append(run(**tiny.picture_arguments("lumina2", STEPS, picture)).images[0])
        assert np.array_equal(*map(np.asarray, results))


class TestCallback:
    @pytest.fixture(
        params=[family for family in tiny.FAMILIES if family not in tiny.FROM_LATENTS and family != "z_image"]
    )
    def family(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    def test_it_may_change_latents_and_words(self, family: str) -> None:
        pipe = tiny.FAMILIES[family]()

        def push(pipe: Any, i: int, t: Any, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            return {"latents": state["latents"] * 1.1, "prompt_embeds": -state["prompt_embeds"]} if i == 0 else {}

        more = {"callback_on_step_end": push, "callback_on_step_end_tensor_inputs": ["latents", "prompt_embeds"]}
        plain = own(pipe, family, **more)
        assert not torch.allclose(plain, own(pipe, family), atol=1e-3)
        assert torch.equal(steered(pipe, family, **more), plain)

    def test_what_is_not_free_is_put_right_before_the_next_step(self) -> None:
        def spoil(pipe: Any, i: int, t: Any, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            return {"latents": state["latents"] + 5} if i < STEPS - 1 else {}

        result, x0 = steered(tiny.sd(), "sd", LEVELS, callback_on_step_end=spoil), tiny.arguments("sd", STEPS)["image"]
        black = torch.as_tensor(LEVELS.values == 0).expand_as(x0)
        assert torch.equal(result[black], x0[black])
