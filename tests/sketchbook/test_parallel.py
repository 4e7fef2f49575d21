"""Two processes train one network, as the recipe for a real run has them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from sfumato.errors import SfumatoError
from sfumato.models.sketchbook.parallel import start
from sketchbook.smoke import SMOKE
from sketchbook.workers import fail, one_step, whole_stage


def test_gradients_are_the_mean_of_those_of_all_processes(tmp_path: Path) -> None:
    start(2, tmp_path / "meeting", one_step, tmp_path)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    assert first["world"] == second["world"] == 2
    assert torch.equal(first["weight"], second["weight"])
    assert not torch.allclose(first["own"], second["own"])
    for told in (first, second):
        assert torch.allclose(told["mean"], (first["own"] + second["own"]) / 2)


def test_all_processes_end_with_the_same_weights(trained: Path, tmp_path: Path) -> None:
    recipe = replace(SMOKE, workers=2, vae_steps=2, vae_batch=1)
    start(2, tmp_path / "meeting", whole_stage, "vae", tmp_path, trained / "data", recipe)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    for part in ("model", "ema"):
        assert first[part].keys() == second[part].keys()
        assert all(torch.equal(value, second[part][name]) for name, value in first[part].items())
    moments, others = (state["optimizer"]["state"] for state in (first, second))
    assert all(torch.equal(values["exp_avg"], others[index]["exp_avg"]) for index, values in moments.items())
    assert any(values["exp_avg"].any() for values in moments.values())


def test_a_process_that_fails_says_why_in_a_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SfumatoError, match="to go on from what is kept"):
        start(2, tmp_path / "meeting", fail, tmp_path)
    said = capfd.readouterr().err
    assert "No space left on device" in said
    assert "Traceback" not in said
