"""`sfumato` as a person meets it: the job without a server, and a sentence for everything that cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sfumato.cli import main
from sfumato.models.sketchbook.paint import paint
from sfumato.models.sketchbook.scene import Scene

SIDE = 128


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.fromarray(paint(Scene(), SIDE)).save(tmp_path / "canvas.png")
    grey = np.zeros((SIDE, SIDE), np.uint8)
    grey[:, SIDE // 2 :] = np.linspace(1, 255, SIDE // 2).astype(np.uint8)
    grey[:, -16:] = 255  # two whole latent cells: a cell's change is the mean of its pixels
    Image.fromarray(grey).save(tmp_path / "map.png")
    return tmp_path


def apply(folder: Path, *extra: str) -> int:
    start = ["apply", str(folder / "canvas.png"), "--map", str(folder / "map.png"), "--prompt", "winter"]
    return main([*start, "--flat", str(folder / "flat.png"), "--steps", "2", *extra])


def test_apply_writes_layer_and_flat(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    extra = ("--layer", str(folder / "layer.png"), "--json", "--seed", "3", "--set", "release=whole")
    assert apply(folder, *extra) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["steps_run"] == 2
    assert report["settings"]["release"] == "whole"
    assert report["settings"]["band"] == 1 / 16
    assert report["plan"]["crop"] == {"x": 0, "y": 0, "width": SIDE, "height": SIDE}
    canvas, grey, flat, layer = (
        np.asarray(Image.open(folder / f"{name}.png")) for name in ("canvas", "map", "flat", "layer")
    )
    assert flat.shape == canvas.shape
    assert np.array_equal(flat[grey == 0], canvas[grey == 0])
    assert (layer[grey == 0] == 0).all()
    assert (layer[grey == 255][:, 3] == 255).all()
    assert not np.array_equal(flat, canvas)


def test_an_inverted_map_keeps_white(folder: Path) -> None:
    assert apply(folder, "--invert-map") == 0
    canvas, grey, flat = (np.asarray(Image.open(folder / f"{n}.png")) for n in ("canvas", "map", "flat"))
    assert np.array_equal(flat[grey == 255], canvas[grey == 255])
    assert not np.array_equal(flat[grey == 0], canvas[grey == 0])


def test_an_empty_map_gives_the_canvas(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(np.zeros((SIDE, SIDE), np.uint8)).save(folder / "map.png")
    assert apply(folder, "--json") == 0
    assert json.loads(capsys.readouterr().out)["changed"] is False
    canvas, flat = (np.asarray(Image.open(folder / f"{n}.png")) for n in ("canvas", "flat"))
    assert np.array_equal(flat, canvas)


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (("--model", "nonesuch"), "There is no model 'nonesuch'"),
        (("--edit", "nonesuch"), "There is no edit 'nonesuch'"),
        (("--steps", "0"), "Steps must lie between 1 and 1000; this is 0."),
        (("--steps", "10000"), "Steps must lie between 1 and 1000; this is 10000."),
        (("--strength", "1.5"), "--strength must lie between 0 and 1"),
        (("--seed", "-1"), "The seed must lie between 0"),
        (("--set", "release"), "--set takes NAME=VALUE"),
        (("--set", "shine=1"), "has no setting 'shine'"),
        (("--set", "release=never"), "takes one of fractional, whole"),
        (("--set", "band=wide"), "'band' is of type float; 'wide' is not"),
        (("--set", "band=2"), "takes a number from 0 to 1"),
        (("--layer", "nowhere/layer.png"), "There is no folder nowhere"),
    ],
)
def test_bad_input_gets_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], extra: tuple[str, ...], sentence: str
) -> None:
    assert apply(folder, *extra) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def test_files_that_do_not_fit_get_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("L", (10, 20)).save(folder / "map.png")
    assert apply(folder) == 2
    assert "The canvas has 128 x 128 pixels and the map 10 x 20" in capsys.readouterr().err
    (folder / "map.png").write_text("hello")
    assert apply(folder) == 2
    assert "cannot be read as a picture" in capsys.readouterr().err
    (folder / "canvas.png").unlink()
    assert apply(folder) == 2
    assert "There is no canvas at" in capsys.readouterr().err


def test_lists_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["edits", "--json"]) == 0
    assert [edit["id"] for edit in json.loads(capsys.readouterr().out)] == ["differential"]
    assert main(["models", "--json"]) == 0
    assert [model["id"] for model in json.loads(capsys.readouterr().out)] == ["sketchbook"]
    assert main(["edits"]) == 0
    assert "--set release=fractional" in capsys.readouterr().out
