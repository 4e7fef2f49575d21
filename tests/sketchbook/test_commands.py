"""The commands of this folder answer what they cannot do with a sentence, before anything is trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from sfumato.models.sketchbook import assemble, judge, judge_few_steps, judge_siblings, train
from sfumato.models.sketchbook.lineage import STAGES, check_all
from sketchbook.smoke import SMOKE

RESTS_ON = sorted({"seed"}.union(*(STAGES[stage].fields for stage in ("vae", "text", "denoiser"))))


def answered(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line it says."""
    (line,) = capsys.readouterr().err.splitlines()
    return line


def asked(out: Path, *more: str, stages: tuple[str, ...] = ()) -> list[str]:
    return ["--recipe", "smoke", "--out", str(out), *(word for name in stages for word in ("--stage", name)), *more]


@pytest.mark.parametrize("name", RESTS_ON)
def test_what_a_checkpoint_rests_on_cannot_change(name: str, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    option, was = f"--{name.replace('_', '-')}", getattr(SMOKE, name)
    value = was / 2 if isinstance(was, float) else was + 1
    before = {file.name: file.stat().st_mtime_ns for file in trained.glob("*.pt")}
    stages = tuple(file.removesuffix(".pt") for file in before)
    assert train.main(asked(trained, option, str(value), "--steps", "9", stages=stages)) == 2
    line = answered(capsys)
    assert f"{option} {was}, not {value}" in line
    assert "another --out" in line
    assert {file.name: file.stat().st_mtime_ns for file in trained.glob("*.pt")} == before


def test_more_steps_may_be_asked_for(trained: Path) -> None:
    check_all(["vae", "text", "denoiser"], trained, replace(SMOKE, steps=9, cooldown=0.5, small_until=0.1))
    check_all(["vae"], trained, replace(SMOKE, vae_steps=9))


def test_what_rests_on_a_stage_that_goes_on_is_not_gone_on_with(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(asked(trained, "--vae-steps", "9", stages=("vae", "denoiser"))) == 2
    assert "denoiser.pt was trained with another vae.pt than will be there" in answered(capsys)
    assert torch.load(trained / "vae.pt", weights_only=True)["step"] == SMOKE.vae_steps


@pytest.mark.parametrize("stage", ["denoiser", "few_steps", "flow", "classifier"])
def test_a_stage_that_is_missing_is_named_with_its_command(
    stage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(asked(tmp_path, stages=(stage,))) == 2
    line = answered(capsys)
    assert f"{tmp_path / 'vae.pt'}, which is not there" in line
    assert line.endswith(f"{train.PROGRAM} --recipe smoke --out {tmp_path} --stage vae")
    assert not list(tmp_path.glob("*.pt"))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--workers", "0"),
        ("--steps", "-1"),
        ("--seed", "-1"),
        ("--rate", "nan"),
        ("--batch", "2.5"),
        ("--cooldown", "2"),
    ],
)
def test_numbers_that_cannot_be_are_told(
    option: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        train.main(asked(tmp_path / "out", option, value))
    assert ended.value.code == 2
    assert f"argument {option}: " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_that_is_none_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "vae.pt").write_bytes(b"no checkpoint")
    assert train.main(asked(tmp_path, stages=("vae",))) == 2
    assert "cannot be read as a checkpoint" in answered(capsys)


@pytest.mark.parametrize(("option", "value"), [("--steps", "2000"), ("--guidance", "nan"), ("--probe", "0")])
def test_judging_with_numbers_that_cannot_be_is_told(
    option: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        judge_siblings.main(["sketchbook", "--out", str(tmp_path / "out"), option, value])
    assert ended.value.code == 2
    assert f"{option} must be " in capsys.readouterr().err


def test_a_checkpoint_of_other_networks_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"ema": {"encoder.conv_in.weight": torch.zeros(1)}}, tmp_path / "vae.pt")
    assert assemble.main(["--out", str(tmp_path / "weights"), "--trained", str(tmp_path)]) == 2
    assert "holds other networks than this version trains" in answered(capsys)


def test_folders_that_cannot_be_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.write_text("a letter")
    for main, arguments in (
        (train.main, asked(file / "x")),
        (train.main, asked(tmp_path / "out", "--data", str(file))),
        (assemble.main, ["--out", str(file / "x" / "weights")]),
        (judge.main, ["--out", str(file)]),
        (judge_siblings.main, ["sketchbook", "--out", str(file)]),
    ):
        assert main(arguments) == 2
        assert "Name another folder." in answered(capsys)


def test_nothing_is_lost_by_assembling(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "letter").write_text("dear")
    assert assemble.main(["--out", str(tmp_path)]) == 2
    assert "would be lost" in answered(capsys)
    assert assemble.main(["--trained", str(tmp_path), "--out", str(tmp_path / "new")]) == 2
    assert f"There is no {tmp_path / 'vae.pt'}. Train it with: " in answered(capsys)
    assert {file.name for file in tmp_path.iterdir()} == {"letter"}
    with pytest.raises(SystemExit) as ended:  # random networks, where the model that ships lies
        assemble.main([])
    assert ended.value.code == 2
    assert "not written over the model" in capsys.readouterr().err


def test_a_model_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = ["--weights", str(tmp_path)]
    for main, arguments in ((judge.main, [*weights, "--out", str(tmp_path / "out")]), (judge_few_steps.main, weights)):
        assert main(arguments) == 2
        assert f"There is no model in {tmp_path}." in answered(capsys)


def test_a_model_of_no_such_name_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert judge_siblings.main(["sketchbok", "--out", str(tmp_path / "out")]) == 2
    assert "There is no model 'sketchbok'." in answered(capsys)
    assert not (tmp_path / "out").exists()


def test_every_option_says_what_it_is() -> None:
    for action in train.make_parser()._actions:
        assert action.help, action.dest
