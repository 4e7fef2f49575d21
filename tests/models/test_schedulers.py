"""What a painter may choose: real schedulers, made of a model's own, for one job."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers import DPMSolverMultistepScheduler, EulerDiscreteScheduler, FlowMatchEulerDiscreteScheduler
from models.tiny_checkpoints import FAMILIES, request_for
from PIL import Image
from sfumato import cli, models
from sfumato.errors import Cancelled, InputError
from sfumato.models import families
from sfumato.models.places import add_folder
from sfumato.models.schedulers import SCHEDULERS, check_scheduler_name, made, scheduled
from sfumato.models.usable import MULTIPLES
from sfumato.steering.support import SCHEDULERS as STEERED
from sfumato.steering.support import check_scheduler
from sfumato.studio import Studio

EVERY = sorted({name for names in SCHEDULERS.values() for name in names})
NOISE = [name for name in EVERY if not name.startswith("Flow")]
TRAINED: dict[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
}


def own_of(family: str, **settings: Any) -> Any:
    if family in families.FAMILIES and families.FAMILIES[family].prediction == "flow":
        return FlowMatchEulerDiscreteScheduler(shift=3.0, **settings)
    return EulerDiscreteScheduler(**TRAINED | {"timestep_spacing": "leading"} | settings)


def test_every_family_that_can_be_painted_with_has_some() -> None:
    assert SCHEDULERS.keys() == {*MULTIPLES, *(model.info.family for model in models.CATALOGUE.values())}


@pytest.mark.parametrize("family", SCHEDULERS)
def test_they_are_what_their_names_say_and_steered_exactly(family: str) -> None:
    table = {row.name: row for row in STEERED}
    for name in SCHEDULERS[family]:
        row = check_scheduler(made(name, own_of(family)))
        assert row is table[name]
        assert row.start
        assert row.injection
        assert row.lands


@pytest.mark.parametrize("name", NOISE)
def test_training_is_kept_and_habits_are_not(name: str) -> None:
    own = DPMSolverMultistepScheduler(
        **TRAINED,
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        algorithm_type="sde-dpmsolver++",
        use_karras_sigmas=True,
        solver_order=3,
    )
    scheduler = made(name, own)
    config = scheduler.config
    kept = {**TRAINED, "prediction_type": "v_prediction", "timestep_spacing": "trailing", "num_train_timesteps": 1000}
    assert {key: config[key] for key in kept} == kept
    assert torch.equal(scheduler.alphas_cumprod, own.alphas_cumprod)
    wanted = {"use_karras_sigmas": name.endswith("Karras"), "clip_sample": False, "solver_order": 2}
    wanted |= {"algorithm_type": "dpmsolver++"}
    takes = inspect.signature(type(scheduler)).parameters  # the rest of a config is carried along unread
    for key in wanted.keys() & takes.keys():
        assert config[key] == wanted[key], key


def test_flow_keeps_its_shift() -> None:
    for name in SCHEDULERS["sd3"]:
        scheduler = made(name, own_of("sd3"))
        assert scheduler.config.shift == 3.0
    shifting = own_of("flux", use_dynamic_shifting=True)
    assert made("Flow Euler", shifting).config.use_dynamic_shifting
    with pytest.raises(InputError, match=r"^Flow Heun cannot shift its levels .* Take Flow Euler\.$"):
        made("Flow Heun", shifting)


def test_the_own_one_comes_back_whatever_happens() -> None:
    pipe = FAMILIES["sd15"]()
    own = pipe.scheduler
    lent = scheduled(pipe, "UniPC")
    lent.__enter__()
    assert isinstance(pipe.scheduler, diffusers.UniPCMultistepScheduler)
    assert not lent.__exit__(Cancelled, Cancelled(), None)
    assert pipe.scheduler is own
    with scheduled(pipe, ""):
        assert pipe.scheduler is own


@pytest.mark.parametrize(
    ("model", "offered"), [("sketchbook", "DDIM, Euler, Euler a"), ("sketchbook-flow", "Flow Euler")]
)
def test_what_a_family_has_not(model: str, offered: str) -> None:
    found = models.find(model)
    check_scheduler_name("", found)
    with pytest.raises(InputError, match=rf"^{found.info.name} has no scheduler 'LCM'\. It has: {offered}"):
        check_scheduler_name("LCM", found)


@pytest.fixture(scope="module")
def sketchbook() -> Studio:
    return Studio("cpu")


@pytest.mark.parametrize(("model", "names"), [("sketchbook", SCHEDULERS["sd"]), ("sketchbook-flow", SCHEDULERS["sd3"])])
def test_sketchbook_takes_its_own_and_all_others_paint(model: str, names: tuple[str, ...], sketchbook: Studio) -> None:
    request, canvas, grey = request_for(model)
    before = sketchbook.run(request, canvas, grey)
    own = before.report["scheduler"]
    assert own == ("DDIM, trailing" if model == "sketchbook" else "Flow Euler")
    seen = {}
    for name in names:
        finished = sketchbook.run(replace(request, scheduler=name, steps=3), canvas, grey)
        assert finished.report["scheduler"] == (own if own.startswith(name) else name)
        seen[name] = finished.data
    assert len(set(seen.values())) == len(names)
    assert sketchbook.run(request, canvas, grey).data == before.data
    explicit = sketchbook.run(replace(request, scheduler=own.partition(",")[0]), canvas, grey)
    assert explicit.data == before.data


@pytest.mark.parametrize("family", FAMILIES)
def test_all_that_are_offered_run(family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(families.FAMILIES, family, replace(families.FAMILIES[family], native=64))
    torch.manual_seed(0)
    FAMILIES[family]().save_pretrained(tmp_path / "m" / "mine")
    add_folder(tmp_path / "m")
    studio = Studio("cpu")
    request, canvas, grey = request_for("mine")
    for name in SCHEDULERS[family]:
        finished = studio.run(replace(request, scheduler=name), canvas, grey)
        assert finished.layer is not None
        assert finished.report["scheduler"] == name


def test_an_edit_does_not_take_what_it_recorded_with_another(sketchbook: Studio) -> None:
    request, canvas, grey = request_for("sketchbook")
    request = replace(request, edit="edit-friendly", source_prompt="a boat", steps=4)
    sketchbook.run(request, canvas, grey)
    other = replace(request, scheduler="Euler a")
    assert sketchbook.run(other, canvas, grey).data == Studio("cpu").run(other, canvas, grey).data


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    canvas, grey = tmp_path / "canvas.png", tmp_path / "map.png"
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(canvas)
    Image.fromarray(np.full((64, 64), 255, np.uint8)).save(grey)
    asked = ["apply", str(canvas), "--map", str(grey), "--prompt", "a boat", "--steps", "2", "--json", "--scheduler"]
    assert cli.main([*asked, "DPM++ 2M"]) == 0
    assert json.loads(capsys.readouterr().out)["scheduler"] == "DPM++ 2M"
    assert cli.main([*asked, "PLMS"]) == 2
    assert capsys.readouterr().err.startswith("sfumato: Sketchbook has no scheduler 'PLMS'. It has: DDIM, Euler,")
