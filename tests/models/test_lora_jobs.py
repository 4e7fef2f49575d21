"""Jobs with LoRAs: by id or in the prompt, several at once, and nothing of them in the job after."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from models import lora_files
from models.tiny_checkpoints import FAMILIES, request_for
from PIL import Image
from sfumato import cli
from sfumato.errors import Cancelled, InputError
from sfumato.studio import Finished, Progressed, Studio
from sfumato.studio.loras import lora_of, taken_out
from sfumato_wire import Lora, Request
from sfumato_wire.limits import MAX_LORAS


def saved(folder: Path, family: str = "sd15") -> Any:
    pipe = FAMILIES[family]()
    pipe.save_pretrained(folder / "mine")
    return pipe


def painted(studio: Studio, heard: Callable[[Progressed], None] = lambda _: None, **changes: Any) -> Finished:
    request, canvas, grey = request_for("mine")
    return studio.run(replace(request, **changes), canvas, grey, on_progress=heard)


@pytest.mark.parametrize("family", ["sd15", "flux"])
def test_one_changes_its_job_and_no_other(family: str, folder: Path) -> None:
    lora_files.of_diffusers(folder / "soft", saved(folder, family), family)
    studio = Studio("cpu")
    before = painted(studio)
    changed = painted(studio, loras=(Lora("soft", 0.8),))
    assert changed.data != before.data
    assert "loras" not in before.report
    (said,) = changed.report["loras"]
    assert (said["id"][:5], said["weight"]) == ("soft-", 0.8)
    assert painted(studio).data == before.data
    assert painted(studio, loras=(Lora("soft", 0.0),)).data == before.data
    assert painted(studio, prompt="<lora:soft:0.8> a red boat").data == changed.data
    assert painted(studio, prompt="a red <lora:soft:0.5> boat", loras=(Lora(said["id"], 0.3),)).data == changed.data
    assert painted(Studio("cpu"), loras=(Lora("soft", 0.8),)).data == changed.data


def test_one_for_the_text_alone_and_another_for_the_image(folder: Path) -> None:
    """What was said without it is not what is said with it."""
    pipe, studio = saved(folder), Studio("cpu")
    for part in ("te", "unet"):
        lora_files.kohya(folder / f"{part}.safetensors", pipe, "sd15", part=part)
    data = {
        names: painted(studio, loras=tuple(Lora(name, 0.5) for name in names)).data
        for names in ((), ("te",), ("unet",), ("te", "unet"))
    }
    assert len(set(data.values())) == 4
    assert painted(studio, loras=(Lora("unet", 0.5), Lora("te", 0.5))).data == data["te", "unet"]
    assert painted(studio, prompt="a red boat <lora:te>", loras=(Lora("te", -1.0),)).data == data[()]


def test_what_an_edit_recorded_without_it_is_not_taken(folder: Path) -> None:
    lora_files.kohya(folder / "soft.safetensors", saved(folder), "sd15")
    studio, asked = Studio("cpu"), {"edit": "edit-friendly", "source_prompt": "a boat", "settings": {}}
    before = painted(studio, **asked)
    changed = painted(studio, **asked, loras=(Lora("soft"),))
    assert changed.data == painted(Studio("cpu"), **asked, loras=(Lora("soft"),)).data != before.data
    assert painted(studio, **asked).data == before.data


def test_a_file_that_was_replaced_is_another_one(folder: Path) -> None:
    pipe, studio = saved(folder), Studio("cpu")
    lora_files.kohya(folder / "soft.safetensors", pipe, "sd15", part="unet", seed=1)
    first = painted(studio, loras=(Lora("soft"),))
    lora_files.kohya(folder / "new", pipe, "sd15", part="unet", seed=100)
    (folder / "new").replace(folder / "soft.safetensors")
    assert painted(studio, loras=(Lora("soft"),)).data != first.data


def test_what_fails_leaves_the_model_loaded_and_clean(folder: Path) -> None:
    pipe, studio = saved(folder), Studio("cpu")
    lora_files.kohya(folder / "soft.safetensors", pipe, "sd15")
    lora_files.write(folder / "odd.safetensors", {"lora_unet_nowhere.lora_down.weight": torch.ones(2, 2)}, "sd15")
    before = painted(studio)
    with pytest.raises(InputError, match=r"^odd does not fit this model"):
        painted(studio, loras=(Lora("soft"), Lora("odd")))

    def cancel(progressed: Progressed) -> None:
        if progressed.stage == "painting":
            raise Cancelled

    with pytest.raises(Cancelled):
        painted(studio, cancel, loras=(Lora("soft"),))
    stages = []
    assert painted(studio, lambda progressed: stages.append(progressed.stage)).data == before.data
    assert "loading" not in stages


@pytest.mark.parametrize(
    ("lora", "sentence"),
    [
        ("other", r"^other is a LoRA for Stable Diffusion XL, and mine is of Stable Diffusion 1\.x\. Leave it out"),
        ("none", r"^There is no LoRA 'none'"),
        ("lokr", r"^lokr\.safetensors changes a model by LoKr, which is not a LoRA"),
        ("cut", r"^cut\.safetensors ends after"),
        ("mine", r"^mine is no LoRA but a checkpoint"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_loaded(lora: str, sentence: str, folder: Path) -> None:
    pipe, studio = saved(folder), Studio("cpu")
    lora_files.kohya(folder / "other.safetensors", FAMILIES["sdxl"](), "sdxl", part="te")
    lora_files.kohya(folder / "cut.safetensors", pipe, "sd15", part="te")
    (folder / "cut.safetensors").write_bytes((folder / "cut.safetensors").read_bytes()[:-1])
    lora_files.write(folder / "lokr.safetensors", {"lora_unet_x.lokr_w1": torch.ones(2, 2)}, "sd15")
    with pytest.raises(InputError, match=sentence):
        painted(studio, loras=(Lora(lora),))
    assert studio.find("mine") not in studio.pipe


class TestInThePrompt:
    @pytest.mark.parametrize(
        ("prompt", "rest", "named"),
        [
            ("a boat", "a boat", ()),
            ("a  boat ", "a  boat ", ()),
            ("<lora:soft>", "", (Lora("soft", 1.0),)),
            ("a <LoRA: soft :.8> boat", "a boat", (Lora("soft", 0.8),)),
            (
                "a<lora:owner/x@ab/f.safetensors:-1><lora:v1.5:2>b",
                "a b",
                (Lora("owner/x@ab/f.safetensors", -1.0), Lora("v1.5", 2.0)),
            ),
            ("a < lora:so:ft:0.5 >, b", "a , b", (Lora("so:ft", 0.5),)),
            ("<lora:soft:0,8> <lora:so,ft:-,5>", "", (Lora("soft", 0.8), Lora("so,ft", -0.5))),
            ("<lora:C:\\a.safetensors>", "", (Lora("C:\\a.safetensors", 1.0),)),
            ("a < b, a lora: c, <loran:x>", "a < b, a lora: c, <loran:x>", ()),
        ],
    )
    def test_what_is_taken_out(self, prompt: str, rest: str, named: tuple[Lora, ...]) -> None:
        request = replace(request_for("mine")[0], prompt=prompt, loras=(Lora("own"),))
        taken, loras = taken_out(request)
        assert (taken, loras) == (replace(request, prompt=rest), (Lora("own"), *named))

    @pytest.mark.parametrize(
        ("texts", "sentence"),
        [
            (
                {"prompt": "a <lora:soft:0.8"},
                r"^'<lora:soft:0\.8' in the prompt names no LoRA\. Write it as <lora:name:0",
            ),
            ({"prompt": "a <lora soft:0.8> b"}, r"^'<lora soft:0\.8' in the prompt names no LoRA\. Write it as <lora"),
            ({"prompt": "<lora=soft>"}, r"^'<lora=soft' in the prompt names no LoRA"),
            ({"prompt": "<lyco:soft:1>"}, r"^'<lyco:soft:1' in the prompt names no LoRA"),
            (
                {"prompt": "<lora:soft:>"},
                r"^The weight of the LoRA 'soft' is '', which is no number\. Write it as soft:0",
            ),
            ({"prompt": "<lora:soft:0,8,5>"}, r"^The weight of the LoRA 'soft' is '0,8,5', which is no number\."),
            ({"prompt": "<lora:soft:--1>"}, r"^The weight of the LoRA 'soft' is '--1', which is no number\."),
            ({"prompt": "<lora:soft:0.8:0.5>"}, "'soft:0.8:0.5' gives a LoRA two weights"),
            ({"prompt": "<lora:soft:0,8:0,5>"}, "'soft:0,8:0,5' gives a LoRA two weights"),
            ({"prompt": "<lora::0.5>"}, "A LoRA has no name"),
            ({"prompt": "<lora:soft:11>"}, "must lie between -10 and 10; that of soft is 11.0"),
            ({"prompt": "<lora:soft:nan>"}, "that of soft is nan"),
            ({"negative_prompt": "<lora:soft>"}, "A LoRA in the negative prompt has no effect"),
            ({"source_prompt": "<lora:soft>"}, "A LoRA in the text of the picture has no effect"),
        ],
    )
    def test_what_is_refused(self, texts: dict[str, str], sentence: str) -> None:
        with pytest.raises(InputError, match=sentence):
            taken_out(replace(request_for("mine")[0], **texts))

    def test_together_they_keep_to_the_limits(self, folder: Path) -> None:
        pipe, studio = saved(folder), Studio("cpu")
        for number in range(MAX_LORAS + 1):
            lora_files.kohya(folder / f"l{number}.safetensors", pipe, "sd15", part="te", seed=number)
        with pytest.raises(InputError, match=r"^At most 16 LoRAs can be used at once; these are 17"):
            painted(studio, prompt="".join(f"<lora:l{number}>" for number in range(MAX_LORAS + 1)))
        with pytest.raises(InputError, match=r"that of l0-\w{6} is 12\.0"):
            painted(studio, prompt="<lora:l0:6><lora:l0:6>")


def test_from_the_command_line(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lora_files.kohya(folder / "soft.safetensors", saved(folder), "sd15")
    canvas, grey = tmp_path / "canvas.png", tmp_path / "map.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(canvas)
    Image.fromarray(np.full((64, 64), 255, np.uint8)).save(grey)
    apply = ["apply", str(canvas), "--map", str(grey), "--prompt", "a boat <lora:soft:0.25>", "--model", "mine"]
    asked = [*apply, "--steps", "1", "--json"]
    assert cli.main([*asked, "--lora", "soft:0.5", "--lora", "soft"]) == 0
    assert [lora["weight"] for lora in json.loads(capsys.readouterr().out)["loras"]] == [1.75]
    assert cli.main([*asked, "--lora", "hard:0.5"]) == 2
    assert capsys.readouterr().err.startswith("sfumato: There is no LoRA 'hard'. `sfumato models --kind lora` lists")


def test_what_the_command_line_takes() -> None:
    assert lora_of("soft") == Lora("soft", 1.0)
    assert lora_of("a:b:0.5") == lora_of("a:b:0,5") == Lora("a:b", 0.5)
    assert isinstance(taken_out(request_for("mine")[0])[0], Request)
