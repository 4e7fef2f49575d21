"""What Flux.2 Klein, Qwen-Image and Z-Image do in ways of their own: their guidance, their latents, their words."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from models import tiny_checkpoints as tiny
from sfumato import models
from sfumato.change_map import ChangeMap
from sfumato.edits import Differential
from sfumato.errors import InputError, SfumatoError
from sfumato.evaluation.bench import Bench
from sfumato.models import families, texts
from sfumato.models.ladder import parts_of
from sfumato.models.places import add_folder
from sfumato.steering import steer
from sfumato.steering.vae import decoded, encoded
from sfumato.studio import Progressed, Studio
from torch import Tensor

MAKERS: dict[str, Callable[[], Any]] = {
    "flux2": tiny.flux2_klein,
    "qwen-image": tiny.qwen_image,
    "z-image": tiny.z_image,
}


@pytest.fixture(params=MAKERS)
def family(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    monkeypatch.setitem(families.FAMILIES, name, replace(families.FAMILIES[name], native=64))
    torch.manual_seed(0)
    return name


@pytest.fixture
def studio(family: str, tmp_path: Path) -> Studio:
    """With a model of the family that is called mine."""
    MAKERS[family]().save_pretrained(tmp_path / "my models" / "mine")
    add_folder(tmp_path / "my models")
    return Studio("cpu")


def run(studio: Studio, on_progress: Callable[[Progressed], None] = lambda _: None, **changes: Any) -> bytes:
    request, canvas, grey = tiny.request_for("mine")
    request = replace(request, settings={"composite": "plain"} | changes.pop("settings", {}), **changes)
    return studio.run(request, canvas, grey, on_progress=on_progress).data


def test_guidance_and_what_should_not_show_are_heard(studio: Studio) -> None:
    seen = {run(studio, guidance_scale=scale, negative_prompt=said) for scale in (2.0, 6.0) for said in ("", "fog")}
    assert len(seen) == 4


def test_where_there_is_no_guidance_nothing_else_is_heard(studio: Studio, family: str) -> None:
    """Z-Image's makers count from the model's own answer, the others from none."""
    none = 0.0 if family == "z-image" else 1.0
    assert len({run(studio, guidance_scale=none, negative_prompt=said) for said in ("", "fog")}) == 1
    assert len({run(studio, guidance_scale=none + 1, negative_prompt=said) for said in ("", "fog")}) == 2


def test_klein_is_told_by_its_pipeline_and_where_it_was_distilled_it_hears_no_guidance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(families.FAMILIES, "flux2", replace(families.FAMILIES["flux2"], native=64))
    torch.manual_seed(0)
    folder = tmp_path / "my models" / "mine"
    tiny.flux2_klein(distilled=True).save_pretrained(folder)
    add_folder(tmp_path / "my models")
    studio = Studio("cpu")
    row = studio.find("mine").row
    assert row is not None
    assert (row.variant, row.steps, row.guidance_scale) == ("klein", 4, 1.0)
    assert len({run(studio, guidance_scale=scale, negative_prompt="fog") for scale in (1.0, 6.0)}) == 1
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"_class_name": "Flux2Pipeline"}))
    with pytest.raises(InputError, match=r"^mine is of the family flux2, which Sfumato lists but cannot load yet\."):
        models.find("mine")


def test_an_edit_guides_its_own_passes(studio: Studio) -> None:
    asked: dict[str, Any] = {"edit": "edit-friendly", "source_prompt": "a blue sea"}
    assert len({run(studio, **asked, settings={"source_guidance": scale}) for scale in (2.0, 6.0)}) == 2
    few = [run(studio, **asked, settings={"source_guidance": scale, "few_steps": "on"}) for scale in (2.0, 6.0)]
    assert few[0] == few[1]  # its corrections guide both passes as the request says


def test_a_tokenizer_without_its_chat_template_is_told_of(studio: Studio, family: str, tmp_path: Path) -> None:
    """Qwen-Image's pipeline has a template of its own."""
    (tmp_path / "my models" / "mine" / "tokenizer" / "chat_template.jinja").unlink()
    if family == "qwen-image":
        assert run(studio)
    else:
        with pytest.raises(SfumatoError, match=r"^mine lacks the chat template of its tokenizer\. Get it again"):
            run(studio)


def test_texts_are_read_once(studio: Studio) -> None:
    read: list[Any] = []
    first = run(studio)
    pipe = studio.pipe(studio.find("mine"))
    pipe.text_encoder.register_forward_pre_hook(lambda *args: read.append(args))
    assert run(studio) == first
    assert not read
    run(studio, prompt="a green boat")
    assert read


def test_a_preview_has_a_pixel_for_every_cell(studio: Studio, family: str) -> None:
    side = 4 if family == "flux2" else 8
    heard: list[Progressed] = []
    run(studio, heard.append)
    previews = [progressed.preview for progressed in heard if progressed.preview]
    assert previews
    for width, height, data in previews:
        assert (width, height, len(data)) == (side, side, 3 * side * side)
        assert len(set(data)) > 1


def test_latents_are_the_pipelines_own(family: str) -> None:
    """What its own decoding makes of a result is what ours does, and its encoding is undone by it."""
    pipe = MAKERS[family]()
    pipe.set_progress_bar_config(disable=True)
    for part in parts_of(pipe):
        part.eval()
    with torch.inference_mode():
        pixels = torch.rand(1, 3, 64, 64) * 2 - 1
        latents = encoded(pipe, pixels)
        arguments = texts.arguments(pipe, texts.embeddings(pipe, "a red boat", "")) | texts.guidance(pipe, 2.0)
        arguments |= {"image": latents, "num_inference_steps": 2}
        results: list[Tensor] = []
        for kind in ("latent", "np"):
            with steer(pipe, Differential(ChangeMap.constant(1.0))) as steered:
                generator = torch.Generator().manual_seed(0)
                output = steered(**arguments, generator=generator, output_type=kind).images
                assert steered.run is not None
                results.append(steered.run.layout.picture(steered.run.state))
        assert torch.equal(*results)
        ours = (decoded(pipe, results[0]) / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
        assert np.allclose(ours.numpy(), output, atol=1e-5)
        own = pipe.vae.encode(pixels if family != "qwen-image" else pixels.unsqueeze(2)).latent_dist.mode()
        again = pipe.vae.decode(own, return_dict=False)[0]
        assert torch.allclose(decoded(pipe, latents), again.reshape(1, 3, 64, 64), atol=1e-4)


@pytest.mark.usefixtures("studio")
def test_they_are_not_measured_yet() -> None:
    with pytest.raises(InputError, match=r"^mine is of the family .*, which cannot be measured yet\. Take a model"):
        Bench("mine", 64)


def test_graphics_cards_read_channels_last_where_there_are_no_frames(studio: Studio, family: str) -> None:
    pipe = models.load(studio.find("mine"), "cuda")  # which it does not go to by itself
    weight = pipe.vae.decoder.conv_in.weight
    assert weight.is_contiguous() if weight.ndim == 5 else weight.is_contiguous(memory_format=torch.channels_last)
