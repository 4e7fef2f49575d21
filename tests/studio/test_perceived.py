"""The axis `perceived` in a request: the curve beside the model's weights, or a sentence."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jobs
import numpy as np
import pytest
from sfumato import models
from sfumato.cli import main
from sfumato.edits import EDITS
from sfumato.errors import InputError
from sfumato.models.curve import FILE, Curve, weights_digest
from sfumato.models.sketchbook.paint import paint
from sfumato.models.sketchbook.scene import Scene
from sfumato.pictures import write_png
from sfumato.studio import Studio
from sfumato_wire import Request

SIDE = 64
FULL = 65535
KNOTS = ((0, 0), (16_000, 40_000), (FULL, FULL))


@pytest.fixture(scope="module")
def studio() -> Studio:
    studio = Studio("cpu")
    studio.warm_up()
    return studio


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sketchbook in a folder of its own, that has no curve."""
    model = models.CATALOGUE["sketchbook"]
    for part in model.folder.iterdir():
        if part.name != FILE:
            (tmp_path / part.name).symlink_to(part)
    monkeypatch.setitem(models.CATALOGUE, "sketchbook", dataclasses.replace(model, folder=tmp_path))
    return tmp_path


@pytest.fixture
def curve(folder: Path) -> Curve:
    curve = Curve(((4, KNOTS),), weights_digest(models.find("sketchbook")), 4.0, SIDE, "lab", 1)
    curve.write(folder / FILE)
    return curve


def job(grey: int, **settings: Any) -> tuple[Request, bytes, bytes]:
    """The whole picture changes by one grey."""
    rgb = paint(Scene(), SIDE)
    canvas = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    fields = {name: settings.pop(name) for name in ("edit", "strength") if name in settings}
    fields |= {"prompt": "a winter meadow", "steps": 4, "settings": settings}
    return jobs.job(canvas, np.full((SIDE, SIDE), grey, np.uint16), **fields)


@pytest.mark.usefixtures("curve")
class TestWithCurve:
    def test_a_grey_is_the_share_of_the_steps_that_the_curve_says(self, studio: Studio) -> None:
        plain = {"composite": "plain"}  # what is shown of the model's picture depends on the painted grey
        perceived = studio.run(*job(16_000, axis="perceived", **plain))
        assert perceived.report["settings"]["axis"] == "perceived"
        assert perceived.data == studio.run(*job(40_000, axis="steps", **plain)).data
        assert perceived.data != studio.run(*job(16_000, axis="steps", **plain)).data

    def test_it_is_the_models_own_axis(self, studio: Studio) -> None:
        """Without a wish of the painter's, and the report says which axis it was."""
        own = studio.run(*job(16_000))
        assert own.report["settings"]["axis"] == "perceived"
        assert own.report["calibrated_at"] == {"guidance_scale": 4.0, "side": SIDE}
        assert own.data == studio.run(*job(16_000, axis="perceived")).data
        spent = studio.run(*job(16_000, spend=True))
        assert spent.report["settings"]["axis"] == "steps"

    def test_the_curve_of_one_edit_is_not_put_upon_another(self, studio: Studio) -> None:
        assert studio.run(*job(16_000, edit="edit-friendly")).report["settings"]["axis"] == "steps"

    def test_the_global_strength_is_of_the_change_that_is_seen(self, studio: Studio) -> None:
        half = studio.run(*job(32_000, axis="perceived", strength=500))
        assert half.data == studio.run(*job(16_000, axis="perceived")).data

    def test_what_is_shown_goes_by_the_painted_grey(self, studio: Studio) -> None:
        """A faint grey fades in, although its share of the steps is not faint."""
        grey = FULL // 32
        finished = studio.run(*job(grey, axis="perceived"))
        alpha = np.frombuffer(finished.data, np.uint8).reshape(-1, 4)[:, 3]
        assert (abs(alpha.astype(int) - 127) <= 1).all(), "half of the band"

    def test_every_edit_that_offers_it_takes_it(self, studio: Studio) -> None:
        able = [name for name, edit in EDITS.items() if any("perceived" in p.choices for p in edit.INFO.parameters)]
        assert "differential" in able
        for edit in able:
            assert studio.run(*job(16_000, edit=edit, axis="perceived")).layer is not None


class TestWithout:
    def test_no_curve_gets_a_sentence_that_names_the_command(self, studio: Studio, folder: Path) -> None:
        with pytest.raises(InputError, match=r"Sketchbook has no curve .* `sfumato calibrate sketchbook`, or choose"):
            studio.run(*job(16_000, axis="perceived"))
        own = studio.run(*job(16_000))
        assert own.report["settings"]["axis"] == "steps"
        assert "uncalibrated" not in own.report
        assert own.data == studio.run(*job(16_000, axis="steps")).data

    def test_nor_has_a_curve_of_other_weights_a_say(self, studio: Studio, folder: Path, curve: Curve) -> None:
        dataclasses.replace(curve, weights="f" * 64).write(folder / FILE)
        with pytest.raises(InputError, match=r"other weights.*`sfumato calibrate sketchbook`"):
            studio.run(*job(16_000, axis="perceived"))
        own = studio.run(*job(16_000)).report
        assert own["settings"]["axis"] == "steps"
        assert "other weights" in own["uncalibrated"]

    def test_a_curve_that_cannot_be_read_is_told_of(
        self, folder: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (folder / FILE).write_text("{")
        where = tmp_path_factory.mktemp("pictures")
        write_png(where / "canvas.png", paint(Scene(), SIDE))
        write_png(where / "map.png", np.full((SIDE, SIDE), 128, np.uint8))
        files = [str(where / "canvas.png"), "--map", str(where / "map.png"), "--flat", str(where / "flat.png")]
        assert main(["apply", *files, "--prompt", "winter", "--steps", "4"]) == 0
        error = capsys.readouterr().err
        assert f"{FILE} cannot be used as a curve" in error
        assert "Make one with `sfumato calibrate`" in error

    def test_the_command_line_says_it_too(
        self, folder: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
    ) -> None:
        where = tmp_path_factory.mktemp("pictures")
        write_png(where / "canvas.png", paint(Scene(), SIDE))
        write_png(where / "map.png", np.full((SIDE, SIDE), 128, np.uint8))
        start = ["apply", str(where / "canvas.png"), "--map", str(where / "map.png"), "--prompt", "winter"]
        assert main([*start, "--flat", str(where / "flat.png"), "--set", "axis=perceived"]) == 2
        error = capsys.readouterr().err
        assert "`sfumato calibrate sketchbook`" in error
        assert error.count("\n") == 1
