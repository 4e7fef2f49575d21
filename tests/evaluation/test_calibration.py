"""The curve that makes change linear in grey: its mathematics, its halves, and the command that measures it."""

from __future__ import annotations

import dataclasses
import json
import re
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from sfumato import models
from sfumato.change_map import M
from sfumato.cli import main
from sfumato.errors import InputError
from sfumato.evaluation import calibration
from sfumato.evaluation.bench import Bench
from sfumato.evaluation.calibration import GREYS, TILT, fitted, inverse, isotonic, measured
from sfumato.evaluation.cases import cases
from sfumato.models.curve import FILE, Curve, curve_of

C = GREYS / M
CHANGES = hnp.arrays(np.float64, len(GREYS), elements=st.floats(0, 100))


def table(change: np.ndarray) -> np.ndarray:
    """g as shares of the steps by grey."""
    return Curve(((4, inverse(GREYS, change)),), "0" * 64, 4.0, 64, "lab", 1).table(4) / M


class TestIsotonic:
    @settings(deadline=None)
    @given(hnp.arrays(np.float64, st.integers(1, 12), elements=st.floats(-100, 100)))
    def test_is_the_nearest_that_never_falls(self, values: np.ndarray) -> None:
        """Its closed form: the largest, over beginnings, of the smallest, over ends, of the means around a place."""
        n = len(values)
        expected = [max(min(values[a : b + 1].mean() for b in range(i, n)) for a in range(i + 1)) for i in range(n)]
        assert isotonic(values) == pytest.approx(expected, abs=1e-9)

    @settings(deadline=None)
    @given(hnp.arrays(np.float64, st.integers(1, 12), elements=st.floats(-100, 100)).map(np.sort))
    def test_leaves_what_never_falls(self, values: np.ndarray) -> None:
        assert isotonic(values) == pytest.approx(values)


class TestInverse:
    @settings(max_examples=30, deadline=None)
    @given(CHANGES.filter(lambda change: change[1:].max() > 0.01))
    def test_any_response_has_one(self, change: np.ndarray) -> None:
        change[0] = 0
        g = table(change)  # a curve that is none would raise
        assert (g[0], g[-1]) == (0, 1)
        assert (np.diff(g) >= 0).all()

    @pytest.mark.parametrize(
        "response",
        [
            lambda c: c,
            lambda c: c**0.5,
            lambda c: c**3,
            lambda c: np.minimum(1, 1.6 * c),  # saturates
            lambda c: np.maximum(0, (c - 0.3) / 0.7),  # flow models: the lower third does nothing
            lambda c: np.where((c > 0.4) & (c < 0.7), 0.5, np.where(c <= 0.4, c / 0.8, 0.5 + (c - 0.7) / 0.6)),
        ],
    )
    def test_change_through_it_is_linear(self, response: Callable[[np.ndarray], np.ndarray]) -> None:
        """For the response that is straight between the greys it was measured at, off by no more than the tilt."""
        change = 17.0 * response(C)
        seen = np.interp(table(change), C, change) / change[-1]
        assert np.abs(seen - np.arange(M + 1) / M).max() <= TILT + 1e-4

    def test_an_overshoot_is_pooled(self) -> None:
        """4 steps: greys before white may change more than white. Nothing asks for those more than it must."""
        change = np.minimum(1.3 * C, 1.05)
        change[-1] = 1.0
        seen = np.interp(table(change), C, change)
        assert np.abs(seen - np.arange(M + 1) / M).max() <= 0.06

    @pytest.mark.parametrize("change", [np.zeros(17), np.full(17, np.nan)])
    def test_where_white_changes_nothing_there_is_none(self, change: np.ndarray) -> None:
        with pytest.raises(InputError, match="White changes nothing"):
            inverse(GREYS, change)


class TestHalves:
    def test_share_no_scene_and_no_prompt(self) -> None:
        options = Namespace(pictures=41, pictures_folder=None, prompt=[])
        fit, measure = (calibration._pictures(options, models.find("sketchbook"), half) for half in ("fit", "measure"))
        assert (len(fit), len(measure)) == (21, 20)
        for what in (lambda case: case.prompt, lambda case: case.scene.layout, lambda case: case.source_prompt):
            assert not {what(case) for case in fit} & {what(case) for case in measure}

    def test_share_no_file_and_no_prompt_of_a_folder(self, tmp_path: Path) -> None:
        for index in range(5):
            Image.new("RGB", (90, 64), (index, 0, 0)).save(tmp_path / f"{index}.png")
        (tmp_path / "notes.txt").write_text("no picture")
        options = Namespace(pictures=24, pictures_folder=tmp_path, prompt=["winter", "night", "autumn", "night"])
        halves: Any = [calibration._pictures(options, models.find("sketchbook"), half) for half in ("fit", "measure")]
        files, prompts = ([{getattr(photo, name) for photo in half} for half in halves] for name in ("file", "prompt"))
        assert [len(half) for half in halves] == [12, 12]
        assert [len(some) for some in files] == [3, 2]
        assert prompts == [{"winter", "autumn"}, {"night"}]
        assert len({(photo.file, photo.prompt) for photo in halves[0]}) == 6, "every picture by every prompt"
        assert len(set(halves[0])) == 12
        assert halves[0][1].picture(64).shape == (64, 64, 3)
        assert (halves[0][1].picture(64)[..., 0] == 2).all()


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Fewer greys, so that a real measurement takes seconds."""
    greys = np.round(np.linspace(0, M, 5)).astype(np.uint16)
    monkeypatch.setattr(calibration, "GREYS", greys)
    return greys


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sketchbook in a folder of its own, that has no curve."""
    model = models.CATALOGUE["sketchbook"]
    folder = tmp_path / "sketchbook"
    folder.mkdir()
    for part in model.folder.iterdir():
        if part.name != FILE:
            (folder / part.name).symlink_to(part)
    monkeypatch.setitem(models.CATALOGUE, "sketchbook", dataclasses.replace(model, folder=folder))
    return folder


def test_what_was_measured_is_what_the_axis_gives(few: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the knots of the curve, `perceived` is the very edit that they were measured with."""
    bench, pictures = Bench(side=64), cases(0, 3, half="fit")
    steps = measured(bench, pictures, 3, "steps")
    assert (steps[:, 0] == 0).all()
    assert (steps[:, 1:] > 0).all()
    bench.curve = fitted(bench, {3: steps})
    assert bench.curve.pictures == 3
    (_, knots), *_ = bench.curve.curves
    assert [share for _, share in knots] == few.tolist()
    monkeypatch.setattr(calibration, "GREYS", np.array([grey for grey, _ in knots], np.uint16))
    assert np.array_equal(measured(bench, pictures, 3, "perceived"), steps)


class TestCommand:
    def start(self, *extra: str) -> list[str]:
        return ["calibrate", "--pictures", "4", "--size", "64", "--steps", "3", *extra]

    @pytest.mark.usefixtures("few")
    def test_measures_writes_and_checks(self, apart: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (apart / FILE).write_text("the curve of another version")
        assert main(self.start("--json")) == 0
        report = json.loads(capsys.readouterr().out)
        assert report["pictures"] == 2
        assert report["written"] == str(apart / FILE)
        assert report["before"] == str(apart / f"{FILE}.bak")
        assert (apart / f"{FILE}.bak").read_text() == "the curve of another version"
        curve = curve_of(models.find("sketchbook"))
        assert [n for n, _ in curve.curves] == [3]
        assert (curve.pictures, curve.side, curve.guidance) == (2, 64, models.find("sketchbook").info.guidance_scale)
        for axis in ("steps", "perceived"):
            figures = report["steps"]["3"][axis]
            assert (figures["change"][0], figures["change"][-1]) == (0, 1)
            value, low, high = figures["slope"]
            assert low <= value <= high
        before = {file.name: file.read_bytes() for file in apart.iterdir() if file.is_file()}
        assert set(before) == {"README.md", "model_index.json", FILE, f"{FILE}.bak"}
        assert main(self.start("--check", "--steps", "2")) == 0
        shown = capsys.readouterr().out.splitlines()
        assert [line.split()[:2] for line in shown[2:]] == [["2", "perceived"]]
        assert {file.name: file.read_bytes() for file in apart.iterdir() if file.is_file()} == before

    def stop(self, words: list[str], greys: int) -> None:
        """Ctrl-C after so many have been measured."""
        run, left = Bench.run, list(range(greys))

        def until(self: Bench, *words: Any) -> Any:
            if not left:
                raise KeyboardInterrupt
            left.pop()
            return run(self, *words)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Bench, "run", until)
            assert main(words) == 130

    @pytest.mark.usefixtures("few")
    @pytest.mark.parametrize("stopped", [2, 6])  # while it fits; while it judges, when the curve has been written
    def test_goes_on_where_it_was_stopped(self, apart: Path, capsys: pytest.CaptureFixture[str], stopped: int) -> None:
        whole = apart.with_name("whole.json")
        assert main(self.start("--json", "--out", str(whole))) == 0
        first, said = capsys.readouterr()
        lines = [f"3 steps, axis {axis}: grey {grey} of 4" for axis in ("steps", "perceived") for grey in range(1, 5)]
        assert re.findall(r"^\[\d+:\d\d\] (.*)$", said, re.MULTILINE) == lines

        (apart / FILE).write_text("before")
        self.stop(self.start(), stopped)
        capsys.readouterr()
        assert main(self.start("--json")) == 0
        second, said = capsys.readouterr()
        assert said.startswith(f"{stopped} greys were measured before")
        assert re.findall(r"^\[\d+:\d\d\] (.*)$", said, re.MULTILINE) == lines[stopped:]
        assert json.loads(second)["steps"] == json.loads(first)["steps"]
        assert (apart / FILE).read_bytes() == whole.read_bytes()
        assert (apart / f"{FILE}.bak").read_text() == "before"
        assert {file.name for file in apart.glob("*.json*")} == {"model_index.json", FILE, f"{FILE}.bak"}

    @pytest.mark.usefixtures("few")
    @pytest.mark.parametrize("other", [("--pictures", "5"), ("--size", "96"), ("sketchbook-4",)])
    def test_what_another_command_has_measured_is_not_taken(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], other: tuple[str, ...]
    ) -> None:
        out = ("--out", str(tmp_path / "curve.json"))
        self.stop(self.start(*out), 1)
        assert "grey 1 of 4" in capsys.readouterr().err
        self.stop(self.start(*out, *other), 1)
        assert "grey 1 of 4" in capsys.readouterr().err

    @pytest.mark.usefixtures("few")
    def test_pictures_of_the_users_own(self, tmp_path: Path, apart: Path, capsys: pytest.CaptureFixture[str]) -> None:
        rng = np.random.default_rng(0)
        for index in range(4):
            Image.fromarray(rng.integers(0, 255, (70, 100, 3), np.uint8)).save(tmp_path / f"{index}.png")
        own = ("--pictures-folder", str(tmp_path), "--prompt", "winter", "--prompt", "night")
        assert main(self.start(*own, "--out", str(tmp_path / "curve.json"))) == 0
        assert Curve.read(tmp_path / "curve.json").pictures == 2
        assert not (apart / FILE).exists()
        assert "Written:" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("extra", "sentence"),
        [
            (("--steps", "4,x"), "--steps takes numbers of 1 to 1000, such as 4,8,30; this is '4,x'"),
            (("--steps", "0"), "--steps takes"),
            (("--pictures", "3"), "--pictures takes 4 or more"),
            (("--batch", "0"), "--batch takes 1 or more"),
            (("--size", "65"), "multiples of 32 pixels"),
            (("--size", "0"), "--size 64 pixels or more"),
            (("--prompt", "winter"), "--prompt says what the pictures of --pictures-folder FOLDER become."),
            (("--out", "nowhere/curve.json"), "There is no folder nowhere"),
            (("--check",), "Sketchbook has no curve for the axis 'perceived' yet"),
            (("--pictures-folder", "nowhere"), "nowhere cannot be looked into"),
            (("--pictures-folder", "."), "There are 0 pictures in . and 0 prompts"),
        ],
    )
    @pytest.mark.usefixtures("apart")
    def test_bad_input_gets_one_sentence(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        extra: tuple[str, ...],
        sentence: str,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert main(self.start(*extra)) == 2
        error = capsys.readouterr().err
        assert sentence in error
        assert error.count("\n") == 1

    def test_another_model_needs_pictures(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        model = models.CATALOGUE["sketchbook"]
        other = dataclasses.replace(model, info=dataclasses.replace(model.info, id="other", name="Other"))
        monkeypatch.setitem(models.CATALOGUE, "other", other)
        assert main(self.start("other", "--out", str(tmp_path / "curve.json"))) == 2
        assert "Other needs pictures to be calibrated on: --pictures-folder FOLDER" in capsys.readouterr().err
