"""The siblings of Sketchbook, for few steps and of flow matching: trained, resumed, assembled, loaded and steered."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from jobs import job
from PIL import Image
from sfumato import models
from sfumato.change_map import ChangeMap
from sfumato.edits.differential import Differential
from sfumato.errors import InputError
from sfumato.models.sketchbook import judge_few_steps, judge_siblings, train_few_steps, train_flow
from sfumato.models.sketchbook.assemble import assemble, assemble_few_steps, assemble_flow
from sfumato.models.sketchbook.networks import make_scheduler
from sfumato.models.sketchbook.train import train
from sfumato.models.sketchbook.train_few_steps import STARTS, target
from sfumato.models.sketchbook.train_flow import ABSENT, say
from sfumato.models.sketchbook.trajectories import FIRST, LEVELS, grid, walk
from sfumato.models.texts import NEGATIVE, embeddings
from sfumato.steering import rounding_of, steer
from sfumato.studio import Studio
from sketchbook.smoke import SMOKE

STAGES = {"few_steps": "lora", "flow": "ema_transformer"}


def run(trained: Path, folder: Path, stage: str, steps: int = 4, **changes: Any) -> dict[str, Any]:
    """The stage in a folder, from the first stages' checkpoints; its own checkpoint."""
    folder.mkdir(exist_ok=True)
    for name in ("vae", "text", "denoiser"):
        if not (folder / f"{name}.pt").exists():
            (folder / f"{name}.pt").symlink_to(trained / f"{name}.pt")
    train(stage, folder, trained / "data", replace(SMOKE, few_steps=steps, flow_steps=steps, **changes))
    return dict(torch.load(folder / f"{stage}.pt", weights_only=True))


@pytest.fixture(scope="module")
def whole(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both siblings, trained without a break."""
    folder = tmp_path_factory.mktemp("siblings") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        for module in (train_few_steps, train_flow):
            patch.setattr(module, "rate_at", lambda step, recipe: 1e-3)
        for stage in STAGES:
            run(trained, folder, stage)
    return folder


@pytest.mark.parametrize("stage", STAGES)
def test_broken_off_it_goes_on_as_it_would_have(
    stage: str, trained: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr({"few_steps": train_few_steps, "flow": train_flow}[stage], "rate_at", lambda *_: 1e-3)
    before = run(trained, tmp_path / "parts", stage, steps=2)
    assert before["step"] == 2
    after = run(trained, tmp_path / "parts", stage)
    unbroken = torch.load(whole / f"{stage}.pt", weights_only=True)
    part = STAGES[stage]
    assert after[part].keys() == unbroken[part].keys()
    assert all(torch.equal(value, unbroken[part][name]) for name, value in after[part].items())
    assert not all(torch.equal(value, after[part][name]) for name, value in before[part].items())


def test_a_student_of_another_teacher_is_not_gone_on_with(trained: Path, whole: Path, tmp_path: Path) -> None:
    state = torch.load(trained / "denoiser.pt", weights_only=True)
    state["ema_unet"]["conv_in.bias"] += 1
    torch.save({"ema_unet": state["ema_unet"]}, tmp_path / "denoiser.pt")
    shutil.copy(whole / "few_steps.pt", tmp_path)
    with pytest.raises(InputError, match=r"another denoiser\.pt\."):
        run(trained, tmp_path, "few_steps")


class TestDistillation:
    def test_the_grid_is_that_of_four_and_of_eight_steps(self) -> None:
        timesteps, a, b = grid()
        scheduler = make_scheduler()
        for steps in (2, 4, 8):
            scheduler.set_timesteps(steps)
            assert torch.equal(scheduler.timesteps, timesteps[:: LEVELS // steps])
        assert (a[-1], b[-1]) == (1, 0)
        assert set(FIRST) <= set(STARTS)

    def test_a_step_by_the_target_lands_where_the_teacher_went(self) -> None:
        timesteps, _, _ = grid()
        scheduler = make_scheduler()
        scheduler.set_timesteps(4)
        state, after = torch.randn(2, 4, 4, 2, 2, generator=torch.Generator().manual_seed(0))
        levels = torch.tensor([0, 2, 4, 6])
        v = target(state, after, levels)
        for index, level in enumerate(levels):
            one = slice(index, index + 1)
            landed = scheduler.step(v[one], timesteps[level], state[one]).prev_sample
            assert torch.allclose(landed, after[one], atol=1e-5)

    @pytest.mark.parametrize("first", [0, 2, 6])
    def test_the_teacher_walks_to_what_its_guided_answer_says(self, first: int) -> None:
        """A model that knows the one picture of every caption: the way from any level ends there, by guidance."""
        level = make_scheduler().alphas_cumprod
        pictures = {"": 0.0, "one": 1.0}

        def model(noisy: torch.Tensor, t: torch.Tensor, captions: list[str]) -> torch.Tensor:
            a, b = level[t].sqrt(), (1 - level[t]).sqrt()
            x0 = torch.tensor([pictures[text] for text in captions]).view(-1, 1, 1, 1).expand_as(noisy)
            return (a * noisy - x0) / b  # v = a noise - b x0, with noise = (x - a x0) / b

        _, a, b = grid()
        noise = torch.randn(1, 4, 2, 2, generator=torch.Generator().manual_seed(1))
        states = walk(model, ["one"], a[first] * 3.0 + b[first] * noise, first, 3.0, 2)
        assert len(states) == LEVELS + 1 - first
        for index, state in enumerate(states):
            assert torch.allclose(state, a[first + index] * 3.0 + b[first + index] * noise, atol=1e-3)


@pytest.fixture(scope="module")
def shipped(trained: Path, whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shipped")
    assemble(root / "weights", trained)
    assemble_few_steps(root / "few_steps", whole)
    assemble_flow(root / "flow", whole)
    return root


@pytest.fixture(scope="module")
def catalogue(shipped: Path) -> dict[str, models.Model]:
    return models.catalogue(*(shipped / name for name in ("weights", "few_steps", "flow")))


@pytest.fixture(scope="module")
def pipes(catalogue: dict[str, models.Model]) -> dict[str, Any]:
    return {name: models.load(model, "cpu") for name, model in catalogue.items()}


class TestTogether:
    """As they ship: beside each other, with what they share stored once."""

    def test_only_those_that_are_there_are_offered(self, shipped: Path, catalogue: dict[str, models.Model]) -> None:
        assert list(catalogue) == ["sketchbook", "sketchbook-4", "sketchbook-flow"]
        assert list(models.catalogue(shipped / "weights", shipped / "none", shipped / "none")) == ["sketchbook"]
        assert (catalogue["sketchbook-4"].info.steps, catalogue["sketchbook-4"].info.guidance_scale) == (4, 1)

    def test_what_is_shared_is_stored_once(self, shipped: Path) -> None:
        found = {str(file.relative_to(shipped)) for file in shipped.rglob("*") if file.is_file()}
        assert {name for name in found if not name.startswith("weights/")} == {
            "few_steps/unet/pytorch_lora_weights.safetensors",
            "flow/transformer/config.json",
            "flow/transformer/diffusion_pytorch_model.safetensors",
            "flow/scheduler/scheduler_config.json",
        }
        assert sum((shipped / name).stat().st_size for name in found if name.startswith("flow/")) < 22e6

    def test_the_change_is_in_the_weights(self, whole: Path, pipes: dict[str, Any]) -> None:
        lora = torch.load(whole / "few_steps.pt", weights_only=True)["lora"]
        plain, changed = (dict(pipes[name].unet.named_parameters()) for name in ("sketchbook", "sketchbook-4"))
        assert plain.keys() == changed.keys()
        layers = {name.removesuffix(".lora_A.weight") for name in lora if name.endswith(".lora_A.weight")}
        assert len(layers) > 50
        for layer in sorted(layers):
            down, up = (lora[f"{layer}.lora_{letter}.weight"].half().float() for letter in "AB")
            before, after = plain[f"{layer}.weight"], changed[f"{layer}.weight"]
            wanted = (up.flatten(1) @ down.flatten(1)).view(before.shape)
            assert torch.allclose(after - before, wanted, atol=1e-5), layer

    def test_the_flow_sibling_hears_what_it_was_trained_with(self, pipes: dict[str, Any]) -> None:
        pipe, texts = pipes["sketchbook-flow"], ["a red house", ""]
        for absent, length in ((ABSENT, {}), (0, {"max_sequence_length": 0})):
            own = pipe.encode_prompt(texts[0], None, None, negative_prompt=texts[1], **length)
            with torch.no_grad():
                words, summary = say(pipe.text_encoder, pipe.tokenizer, texts, pipe.device, absent)
            assert torch.allclose(torch.cat(own[:2]), words, atol=1e-5)
            assert torch.allclose(torch.cat(own[2:]), summary, atol=1e-5)
        states = pipes["sketchbook"].text_encoder(pipe.tokenizer(texts[0], return_tensors="pt").input_ids)
        assert torch.allclose(own[2][:, :192], states.pooler_output, atol=1e-5)
        assert torch.equal(embeddings(pipe, *texts)[0], own[0])

    def test_the_flow_sibling_can_be_saved_as_a_whole(self, pipes: dict[str, Any], tmp_path: Path) -> None:
        from diffusers import StableDiffusion3Pipeline

        pipes["sketchbook-flow"].save_pretrained(tmp_path)
        without = {"text_encoder_3": None, "tokenizer_3": None}  # as this pipeline wants it said
        again = StableDiffusion3Pipeline.from_pretrained(tmp_path, **without, local_files_only=True)
        again.set_progress_bar_config(disable=True)
        picture = again("a red house", height=64, width=64, num_inference_steps=2, output_type="np").images[0]
        assert picture.shape == (64, 64, 3)
        assert np.isfinite(picture).all()

    @pytest.mark.parametrize("name", ["sketchbook-4", "sketchbook-flow"])
    def test_a_constant_map_is_its_own_img2img(self, name: str, pipes: dict[str, Any]) -> None:
        pipe, steps = pipes[name], 4
        words = dict(zip(NEGATIVE, embeddings(pipe, "a winter meadow", ""), strict=False))
        call = words | {"image": torch.randn(1, 4, 8, 8), "num_inference_steps": steps, "output_type": "latent"}
        call |= {"guidance_scale": 1.0 if name == "sketchbook-4" else 4.0}
        sizes = {} if name == "sketchbook-4" else {"height": 64, "width": 64}

        def noise() -> torch.Generator:
            return torch.Generator().manual_seed(3)

        for n in (1, 2, 4):
            strength = min(1.0, (n + 0.5) / steps) if rounding_of(pipe) == "floor" else (n - 0.5) / steps
            plain = pipe(**call, **sizes, strength=strength, generator=noise()).images
            with steer(pipe, Differential(ChangeMap.constant(strength))) as steered:
                assert torch.equal(steered(**call, generator=noise()).images, plain)

    def test_few_steps_are_judged_on_every_picture_that_was_asked_for(
        self, shipped: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        painted: list[tuple[list[str], torch.Tensor]] = []

        def spied(pipe: Any, prompts: list[str], steps: int, guidance: float) -> torch.Tensor:
            painted.append((prompts, paint_latents(pipe, prompts, steps, guidance)))
            return painted[-1][1]

        paint_latents = judge_few_steps.paint_latents
        monkeypatch.setattr(judge_few_steps, "paint_latents", spied)
        for name, value in {"MANY": 2, "FEW": (1,), "BATCH": 2}.items():
            monkeypatch.setattr(judge_few_steps, name, value)
        assert judge_few_steps.main(["--weights", str(shipped / "weights"), "--pictures", "3"]) == 0
        (prompts, wanted), (_, own), (_, elders) = painted
        assert len(wanted) == len(set(prompts)) == 3
        assert all(prompts)
        distances = [f"{float((latents - wanted).square().mean()):.3f}" for latents in (own, elders)]
        assert capsys.readouterr().out.splitlines()[-1] == f"| 1 | {' | '.join(distances)} |"
        assert not torch.equal(own, elders)

    @pytest.mark.parametrize("name", ["sketchbook-4", "sketchbook-flow"])
    def test_each_is_judged_by_what_it_paints(
        self,
        name: str,
        catalogue: dict[str, models.Model],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr(models, "CATALOGUE", catalogue)
        monkeypatch.setattr(judge_siblings, "SIDE", 64)
        assert judge_siblings.main([name, "--steps", "1", "--probe", "9", "--out", str(tmp_path)]) == 0
        said = capsys.readouterr()
        shares = json.loads(said.out)
        assert {"time", "season", "ground", "sky", "object", "colour", "place"} <= shares.keys()
        assert all(0 <= share <= 1 for share in shares.values())
        with Image.open(tmp_path / f"{name}.png") as sheet:
            assert sheet.size == (8 * 64, 64)

    def test_a_painter_can_choose_them(
        self, catalogue: dict[str, models.Model], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(models, "CATALOGUE", catalogue)
        studio = Studio("cpu")
        canvas = np.full((64, 1088, 4), 255, np.uint8)
        grey = np.full((64, 1088), 65535, np.uint16)
        seen = []
        for name, model in list(catalogue.items())[1:]:
            asked = {"model": name, "prompt": "winter", "steps": 1, "guidance_scale": model.info.guidance_scale}
            finished = studio.run(*job(canvas, grey, **asked))
            assert finished.layer is not None
            seen.append(finished.report["plan"]["padded_width"])
        assert seen == [1088, 1024]  # the flow sibling has places for so many cells only
