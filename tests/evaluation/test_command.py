"""`sfumato evaluate`: what is finished is not done again, what has changed is, and what goes wrong is a sentence."""

from __future__ import annotations

import argparse
import json
import platform
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from sfumato import models
from sfumato.cli import main
from sfumato.evaluation import command, sizes
from sfumato.evaluation.bench import Pictures
from sfumato.evaluation.command import evaluate
from sfumato.evaluation.experiments import EXPERIMENTS
from sfumato.evaluation.results import Result, find
from sfumato.evaluation.sizes import SMALL
from sfumato.options import EXPERIMENTS as NAMED
from sfumato.options import make_parser


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small size, smaller."""
    size = replace(SMALL, name="small", side=64, found_cases=6, noises=2, success_steps=2)
    monkeypatch.setitem(sizes.SIZES, "small", size)


def options(report: Path, **more: Any) -> argparse.Namespace:
    asked = make_parser().parse_args(["evaluate", "--only", "found", "--report", str(report)])
    return argparse.Namespace(**vars(asked) | more)


def only(report: Path) -> Path:
    """The one folder in it."""
    (folder,) = report.iterdir()
    return folder


def test_it_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = evaluate(options(tmp_path))
    assert find(first["experiments"]["found"], "found", noises=1)["area"]["value"] > 0
    folder = only(tmp_path)
    assert folder.name.startswith("sketchbook-small-0-")
    assert json.loads((folder / "results.json").read_text()) == first
    assert "<table>" in (folder / "index.html").read_text()
    assert "| reference |" in (folder / "tables.md").read_text()

    with monkeypatch.context() as without:
        without.setattr(command, "Bench", None)  # no model is needed for what is known
        capsys.readouterr()
        assert evaluate(options(tmp_path)) == first
        assert capsys.readouterr().err.startswith("[1/1 found, 0:00] done before\n")

    result = json.loads((folder / "found.json").read_text())
    for damage in (
        "",
        "[]",
        '{"key": 1}',
        *(json.dumps({name: result[name] for name in result if name != missing}) for missing in result),
        json.dumps(result | {"result": {"strips": []}}),
        json.dumps(result | {"result": result["result"] | {"tables": [{"rows": ["boo"]}]}}),
    ):
        (folder / "found.json").write_text(damage)
        assert command._stored(folder, "found", result["key"]) is None
    assert evaluate(options(tmp_path))["experiments"] == first["experiments"]  # the same figures for the same seed
    (folder / "found-0.png").unlink()
    assert evaluate(options(tmp_path))["experiments"] == first["experiments"]
    assert (folder / "found-0.png").is_file()
    assert not list(folder.glob("*.part"))


def test_the_longest_goes_on_in_its_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped by Ctrl-C, what was measured till then is not measured again, and figures are as if it had not been."""
    curves = (sizes.Curve(2, 4, 4, ("ours", "exx8", "plain inpainting")),)
    monkeypatch.setitem(sizes.SIZES, "small", replace(SMALL, name="small", side=64, curves=curves))
    whole = evaluate(options(tmp_path / "whole", only=["answer"]))["experiments"]["answer"]

    class Stopped(command.Bench):
        def decode(self, latents: torch.Tensor) -> Pictures:
            if self.known and self.work.decoded > 8:
                raise KeyboardInterrupt
            return super().decode(latents)

    with monkeypatch.context() as stopped:
        stopped.setattr(command, "Bench", Stopped)
        with pytest.raises(KeyboardInterrupt):
            evaluate(options(tmp_path / "parts", only=["answer"]))
    folder = only(tmp_path / "parts")
    assert [file.name for file in folder.iterdir()] == ["answer.measured"]
    resumed = evaluate(options(tmp_path / "parts", only=["answer"]))["experiments"]["answer"]
    assert 0 < resumed["work"].pop("decoded") < whole["work"].pop("decoded")
    assert 0 < resumed["work"].pop("halves") < whole["work"].pop("halves")
    assert resumed == whole
    assert not list(folder.glob("*.measured"))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Experiments that find at once how often they were done, instead of the real ones: this is of files alone. What
    it gives is called with the name of each."""
    called = []

    def experiment(name: str) -> Callable[..., Result]:
        def run(*_: Any) -> Result:
            called.append(name)
            if hook := hooks.pop(name, None):
                hook()
            return Result(f"{name}, {called.count(name)}", "")

        return run

    hooks: dict[str, Callable[[], Any]] = {}
    for name in EXPERIMENTS:
        monkeypatch.setitem(EXPERIMENTS, name, experiment(name))
    return hooks.__setitem__


def shown(folder: Path) -> list[str]:
    """The titles on the page, which the others must agree with."""
    document = json.loads((folder / "results.json").read_text())
    titles = [found["title"] for found in document["experiments"].values()]
    for file, start in (("index.html", '<h2 id="[a-z]*">'), ("tables.md", "## ")):
        assert re.findall(f"{start}([^<\n]*)", (folder / file).read_text()) == titles
    return titles


@pytest.mark.usefixtures("quick")
def test_the_page_shows_all_that_is_stored(tmp_path: Path) -> None:
    for some in (["success"], ["kept", "answer"], ["success"]):
        document = evaluate(options(tmp_path, only=some))
    assert shown(only(tmp_path)) == ["answer, 1", "kept, 1", "success, 1"]
    assert document["command"].endswith("--seed 0 --only answer kept success")
    assert set(evaluate(options(tmp_path, only=None))["experiments"]) == set(EXPERIMENTS)


def test_two_at_a_time_end_with_a_whole_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: Callable[..., None]
) -> None:
    # One begins and ends while another measures; a third while that one writes what it has read.
    quick("kept", lambda: evaluate(options(tmp_path, only=["answer"])))
    write, meanwhile = command.page, [lambda: evaluate(options(tmp_path, only=["success"]))]

    def slow(document: dict[str, Any], folder: Path) -> str:
        text = write(document, folder)
        if len(document["experiments"]) == 2 and meanwhile:
            meanwhile.pop()()
        return text

    monkeypatch.setattr(command, "page", slow)
    document = evaluate(options(tmp_path, only=["kept"]))
    assert not meanwhile
    assert shown(only(tmp_path)) == ["answer, 1", "kept, 1", "success, 1"] == titles(document)


def titles(document: dict[str, Any]) -> list[str]:
    return [found["title"] for found in document["experiments"].values()]


@pytest.mark.usefixtures("quick")
def test_nothing_is_written_over_by_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of another size, seed, model, or of the same after a change."""
    evaluate(options(tmp_path))
    first = only(tmp_path)
    before = {file.name: file.read_bytes() for file in first.iterdir()}
    monkeypatch.setitem(sizes.SIZES, "full", replace(sizes.SIZES["small"], name="full"))
    evaluate(options(tmp_path, size="full"))
    evaluate(options(tmp_path, seed=10))
    evaluate(options(tmp_path, seed=1))
    evaluate(options(tmp_path, model="sketchbook-4"))
    assert "measured anew" not in capsys.readouterr().err
    for changed in ("code_digest", "weights_digest", "version"):
        with monkeypatch.context() as patch:
            patch.setattr(command, changed, lambda *_: "other")
            assert titles(evaluate(options(tmp_path))) != ["found, 1"]
        said = capsys.readouterr().err
        assert f"are not those of {first.name}" in said or f", {first.name}" in said
        assert "measured anew" in said
    names = [folder.name.rpartition("-")[0] for folder in tmp_path.iterdir()]
    others = ["sketchbook-4-small-0", "sketchbook-full-0", "sketchbook-small-1", "sketchbook-small-10"]
    assert sorted(names) == sorted([*others, *["sketchbook-small-0"] * 4])
    assert {file.name: file.read_bytes() for file in first.iterdir()} == before
    assert titles(evaluate(options(tmp_path))) == ["found, 1"]


@pytest.mark.usefixtures("quick")
def test_every_machine_and_commit_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for commit, machine, name in (("abc", "x86_64", "kept"), (None, "arm64", "answer"), ("abc", "x86_64", "seams")):
        monkeypatch.setattr(command, "_commit", lambda commit=commit: commit)
        monkeypatch.setattr(platform, "machine", lambda machine=machine: machine)
        document = evaluate(options(tmp_path, only=[name]))
    assert document["commit"] == "abc"
    assert re.fullmatch(r"arm64, .* and x86_64, .*", document["machine"])
    assert document["machine"] in (only(tmp_path) / "tables.md").read_text()


def test_a_digest_is_of_all_that_a_model_is_read_from(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(models.find("sketchbook").folder, folder)
    model = replace(models.find("sketchbook"), folder=folder)
    seen = {command.weights_digest(model)}
    for file in ("scheduler/scheduler_config.json", "tokenizer/merges.txt", "calibration.json", "model_index.json"):
        (folder / file).write_text("changed")
        seen.add(command.weights_digest(model))
    (folder / "vae" / "config.json").rename(folder / "unet" / "other.json")
    seen.add(command.weights_digest(model))
    assert len(seen) == 6
    (folder / "README.md").write_text("changed")
    (folder / "calibration.json.bak").write_text("changed")
    assert command.weights_digest(model) in seen


@pytest.mark.usefixtures("quick")
def test_a_curve_that_cannot_be_used_is_said_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = models.find("sketchbook")
    shutil.copytree(model.folder, tmp_path / "model")
    (tmp_path / "model" / "calibration.json").write_text("{}")
    monkeypatch.setitem(models.CATALOGUE, "sketchbook", replace(model, folder=tmp_path / "model"))
    evaluate(options(tmp_path / "report"))
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("sfumato: calibration.json cannot be used as a curve: ")
    assert said[0].endswith("The axis 'perceived' is left out until then.")


def test_the_help_names_the_experiments() -> None:
    assert list(EXPERIMENTS) == list(NAMED)


@pytest.mark.usefixtures("quick")
def test_json_is_printed_or_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report"
    words = ["evaluate", "--only", "found", "--report", str(report)]
    assert main([*words, "--json", "-"]) == 0
    printed, said = capsys.readouterr()
    assert json.loads(printed)["model"]["id"] == "sketchbook"
    assert f"{only(report) / 'index.html'} shows it all." in said
    assert main([*words, "--json", str(tmp_path / "out.json")]) == 0
    assert capsys.readouterr().out == ""
    assert json.loads((tmp_path / "out.json").read_text()) == json.loads(printed)


def test_where_json_cannot_be_written_is_found_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "Bench", None)
    out = tmp_path / "nowhere" / "out.json"
    assert main(["evaluate", "--report", str(tmp_path), "--json", str(out)]) == 2
    assert (
        capsys.readouterr().err == f"sfumato: There is no folder {out.parent} to write out.json into. Make it first.\n"
    )


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--size", "huge"], 2, "There is no size 'huge'. There is: small, medium, full."),
        (["--only", "luck"], 2, "There is no experiment 'luck'. There is: adherence,"),
        (["--model", "other"], 2, "There is no model 'other'."),
        (["--seed", "-1"], 2, "--seed is 0 or more; this is -1."),
    ],
)
def test_what_cannot_be_evaluated_is_a_sentence(
    words: list[str], code: int, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--report", str(tmp_path / "report"), *words]) == code
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "report").exists()


def test_a_folder_that_is_none_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["evaluate", "--report", str(tmp_path / "file")]) == 1
    assert "cannot be written to" in capsys.readouterr().err
