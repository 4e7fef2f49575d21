"""The Strength Fan: sectors lie where they should, and what they show is what `sfumato apply` gives."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sfumato.change_map import M, scaled
from sfumato.cli import main
from sfumato.errors import InputError
from sfumato.evaluation.fan import Fan, evenly
from sfumato.models.sketchbook.paint import paint
from sfumato.models.sketchbook.scene import Scene
from sfumato.pictures import read_map

SIDE = 64
WORDS = ["--prompt", "winter", "--steps", "2"]


def everywhere(height: int, width: int) -> NDArray[np.bool_]:
    return np.ones((height, width), np.bool_)


def seen(path: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.fromarray(paint(Scene(), SIDE)).save(tmp_path / "canvas.png")
    grey = np.zeros((SIDE, SIDE), np.uint8)
    grey[16:, 8:56] = 1  # whatever its grey: only black counts
    Image.fromarray(grey).save(tmp_path / "where.png")
    (tmp_path / "each").mkdir()
    return tmp_path


def fan(folder: Path, *extra: str) -> int:
    return main(["fan", str(folder / "canvas.png"), *WORDS, *extra])


def apply(folder: Path, grey: NDArray[np.uint8] | Path, *extra: str) -> NDArray[np.uint8]:
    if not isinstance(grey, Path):
        Image.fromarray(grey).save(folder / "grey.png")
        grey = folder / "grey.png"
    out = folder / "applied.png"
    assert main(["apply", str(folder / "canvas.png"), *WORDS, "--map", str(grey), "--flat", str(out), *extra]) == 0
    return seen(out)


@pytest.mark.parametrize(
    ("count", "first", "last"), [(2, 0, 1), (10, 0.1, 1), (5, 0.64, 0.8), (1001, 0, 1), (7, 0, 0.5)]
)
def test_strengths_are_evenly_spaced(count: int, first: float, last: float) -> None:
    strengths = evenly(count, first, last)
    assert len(set(strengths)) == count
    assert np.abs(np.array(strengths) - 1000 * np.linspace(first, last, count)).max() <= 0.5 + 1e-6


def test_a_circle_of_sectors_turns_clockwise_from_twelve() -> None:
    index = Fan.over(everywhere(40, 40), evenly(4, 0.25, 1), (20, 20)).index
    assert (index[:20, 20:] == 0).all()  # upper right
    assert (index[20:, 20:] == 1).all()
    assert (index[20:, :20] == 2).all()
    assert (index[:20, :20] == 3).all()
    turned = Fan.over(everywhere(40, 40), evenly(4, 0.25, 1), (20, 20), 90).index
    assert np.array_equal(turned, (index - 1) % 4)
    assert np.array_equal(Fan.over(everywhere(40, 40), evenly(4, 0.25, 1), (20, 20), -270).index, turned)


def test_all_sectors_have_the_same_angle() -> None:
    y, x = np.mgrid[:400, :400] + 0.5 - 200
    disc = np.hypot(x, y) < 200
    index = Fan.over(disc, evenly(9, 0, 1), (200, 200)).index
    sizes = np.bincount(index[disc])
    assert sizes.max() / sizes.min() < 1.02
    assert (index[~disc] == -1).all()


@pytest.mark.parametrize(
    ("centre", "sweep"), [(None, 180), ((30, 0), 180), ((0, 20), 180), ((60, 0), 90), ((0, 40), 90)]
)
def test_from_an_edge_the_fan_opens_as_far_as_can_be_seen(centre: tuple[float, float] | None, sweep: int) -> None:
    fan = Fan.over(everywhere(40, 60), evenly(10, 0.1, 1), centre)
    assert fan.sweep == pytest.approx(sweep)
    assert set(np.unique(fan.index)) == set(range(10))


def test_below_the_middle_the_fan_goes_from_left_to_right() -> None:
    index = Fan.over(everywhere(41, 60), evenly(10, 0.1, 1)).index
    assert np.array_equal(index[:, ::-1], 9 - index)
    assert (np.diff(index, axis=1) >= 0).all()
    assert index[-1, 0] == 0


def test_a_fan_keeps_to_its_area_and_is_seen_from_outside_of_it_too() -> None:
    area = np.zeros((50, 50), np.bool_)
    area[10:20, 10:20] = True
    for centre in (None, (15, 15), (15, 50), (0, 0)):
        fan = Fan.over(area, evenly(3, 0.5, 1), centre)
        assert np.array_equal(fan.index >= 0, area)
        assert np.array_equal(fan.map > 0, area)
        assert set(np.unique(fan.index[area])) == {0, 1, 2}
    assert Fan.over(area, evenly(3, 0.5, 1), (15, 50)).sweep == pytest.approx(2 * np.degrees(np.arctan2(5, 30)))


def test_a_sector_s_grey_is_white_at_its_strength() -> None:
    fan = Fan.over(everywhere(60, 60), evenly(8, 0.123, 0.917))
    for number, strength in enumerate(fan.strengths):
        white = int(scaled(np.array([M], np.int64), strength)[0])
        assert (fan.map[fan.index == number] == white).all()


def test_the_fan_is_one_apply_with_its_map(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, grey = folder / "fan.png", folder / "grey.png"
    assert fan(folder, "--strengths", "4", "--out", str(out), "--map-out", str(grey), "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["strengths"] == [0.1, 0.4, 0.7, 1.0]
    assert [job["steps_run"] for job in report["jobs"]] == [2]
    assert np.array_equal(read_map(grey), Fan.over(everywhere(SIDE, SIDE), evenly(4, 0.1, 1)).map)
    assert np.array_equal(seen(out), apply(folder, grey))
    assert not np.array_equal(seen(out), seen(folder / "canvas.png"))


def test_separate_results_are_those_of_apply_and_the_fan_apart_is_cut_from_them(folder: Path) -> None:
    out = folder / "fan.png"
    extra = ["--strengths", "3", "--from", "0", "--map", str(folder / "where.png"), "--seed", "4"]
    assert fan(folder, *extra, "--apart", "--out", str(out), "--each", str(folder / "each")) == 0
    canvas, where = seen(folder / "canvas.png"), seen(folder / "where.png") > 0
    alone = [seen(folder / "each" / f"{name}.png") for name in ("0.00", "0.50", "1.00")]
    assert np.array_equal(alone[0], canvas)
    for strength, result in zip(("0", "0.5", "1"), alone, strict=True):
        white = np.where(where, 255, 0).astype(np.uint8)
        assert np.array_equal(result, apply(folder, white, "--strength", strength, "--seed", "4"))
    index = Fan.over(where, evenly(3, 0, 1)).index
    composite = np.select([(index == i)[..., None] for i in range(3)], alone, canvas)
    assert np.array_equal(seen(out), composite)
    assert (composite[index == 2] != canvas[index == 2]).any()


def test_outside_the_map_and_at_strength_0_nothing_changes(folder: Path) -> None:
    out, grey = folder / "fan.png", folder / "grey.png"
    extra = ["--strengths", "3", "--from", "0", "--map", str(folder / "where.png")]
    assert fan(folder, *extra, "--out", str(out), "--map-out", str(grey)) == 0
    canvas, kept = seen(folder / "canvas.png"), read_map(grey) == 0
    assert np.array_equal(seen(out)[kept], canvas[kept])
    assert kept[seen(folder / "where.png") == 0].all()


def test_the_map_alone_costs_no_edit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fan(folder, "--map-out", str(folder / "grey.png"), "--json") == 0
    assert json.loads(capsys.readouterr().out)["jobs"] == []
    with Image.open(folder / "grey.png") as grey:
        assert grey.mode == "I;16"


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (("--model", "nope"), "There is no model 'nope'"),
        (("--edit", "nope"), "There is no edit 'nope'"),
        (("--set", "foo=1"), "has no setting 'foo'"),
        (("--set", "band=2"), "takes a number from 0 to 1"),
        (("--guidance", "-1"), "Guidance must lie between 0 and 100"),
    ],
)
def test_the_map_alone_is_refused_for_what_could_not_be_painted(
    folder: Path, capsys: pytest.CaptureFixture[str], extra: tuple[str, ...], sentence: str
) -> None:
    assert fan(folder, "--map-out", str(folder / "grey.png"), *extra) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
    assert not (folder / "grey.png").exists()


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (("--to", "0.01", "--steps", "2"), "Raise --to"),
        (("--to", "0.4", "--edit", "diffedit", "--apart"), "help: raise --to, raise --steps, "),
        (
            ("--to", "0.4", "--edit", "diffedit", "--apart", "--set", "resample=max"),
            "help: raise --to, raise --steps, ",
        ),
    ],
)
def test_what_helps_a_fan_that_changed_nothing_is_an_option_of_it(
    folder: Path, capsys: pytest.CaptureFixture[str], extra: tuple[str, ...], sentence: str
) -> None:
    assert fan(folder, "--from", "0", "--strengths", "2", "--out", str(folder / "fan.png"), *extra) == 0
    error = capsys.readouterr().err
    assert error.startswith("sfumato: Nothing was changed: ")
    assert sentence in error
    assert "--strength" not in error
    assert "--invert-map" not in error


def test_a_picture_of_each_never_replaces_the_canvas(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    canvas = (folder / "canvas.png").rename(folder / "each" / "1.00.png")
    before = canvas.read_bytes()
    assert main(["fan", str(canvas), *WORDS, "--each", str(folder / "each")]) == 2
    assert f"{canvas} is a picture that is read" in capsys.readouterr().err
    assert canvas.read_bytes() == before


@pytest.mark.parametrize("ground", [0, 90, 128, 255])
def test_labels_can_be_read_on_any_ground(ground: int) -> None:
    fan = Fan.over(everywhere(256, 256), evenly(10, 0.1, 1))
    picture = np.full((256, 256, 4), (ground, ground, ground, 255), np.uint8)
    labelled = fan.labelled(picture)
    touched = (labelled != picture).any(axis=2)
    assert set(np.unique(fan.index[touched])) == set(range(10))
    assert not touched[:, [0, -1]].any()
    assert not touched[[0, -1]].any()
    for number in range(10):
        own = labelled[fan.index == number][..., :3]
        # White letters in a black outline: whatever the ground is, one of the two stands out.
        assert own.max() > 230
        assert own.min() < 25
    assert (labelled[..., 3] == 255).all()


def test_labels_are_drawn_on_the_fan_only(folder: Path) -> None:
    for name, extra in (("plain", []), ("labelled", ["--labels"])):
        words = ["--strengths", "2", "--from", "0.4", "--apart", "--out", str(folder / f"{name}.png"), *extra]
        assert fan(folder, *words, "--each", str(folder / "each")) == 0
    assert not np.array_equal(seen(folder / "labelled.png"), seen(folder / "plain.png"))
    assert np.array_equal(seen(folder / "each" / "1.00.png")[-8:, 40:], seen(folder / "plain.png")[-8:, 40:])


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (("--strengths", "0"), "A fan compares at least 2 strengths; --strengths is 0."),
        (("--strengths", "1"), "at least 2 strengths"),
        (("--strengths", "1000000000"), "lie closer than a thousandth. Ask for fewer"),
        (("--strengths", "500"), "sectors have no pixel to be seen in. Ask for fewer --strengths"),
        (("--from", "0.8", "--to", "0.3"), "--from 0.8 is not below --to 0.3"),
        (("--from", "0.5", "--to", "0.5"), "--from 0.5 is not below --to 0.5"),
        (("--from", "-1"), "Strengths lie between 0 and 1"),
        (("--to", "nan"), "Strengths lie between 0 and 1"),
        (("--centre", "65,10"), "The point 65,10 lies off the canvas of 64 x 64 pixels"),
        (("--centre=-1,10",), "lies off the canvas"),
        (("--centre", "nan,10"), "lies off the canvas"),
        (("--centre", "middle"), "--centre takes X,Y in pixels, such as 128,256; this is 'middle'."),
        (("--start-angle", "90"), "Leave out --start-angle"),
        (("--centre", "30,30", "--start-angle", "inf"), "--start-angle is a number of degrees"),
        (("--map", "nowhere.png"), "There is no map at nowhere.png"),
        (("--map", "BLACK"), "The map is black everywhere"),
        (("--out", "nowhere/fan.png"), "There is no folder nowhere"),
        (("--out", "fan.jpg"), "Pictures are written as PNG"),
        (("--each", "nowhere"), "There is no folder nowhere to write 0.10.png into. Make it first."),
        (("--map-out", "OUT"), "are the same file"),
        (("--edit", "nonesuch"), "There is no edit 'nonesuch'"),
        (("--edit", "sdedit"), "The edit sdedit gives one strength to all that may change"),
        (("--edit", "diffedit"), "Add --apart"),
        (("--steps", "0"), "Steps must lie between 1 and 1000"),
        (("--set", "shine=1"), "has no setting 'shine'"),
    ],
)
def test_bad_input_gets_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], extra: tuple[str, ...], sentence: str
) -> None:
    Image.fromarray(np.zeros((SIDE, SIDE), np.uint8)).save(folder / "black.png")
    files = {"OUT": str(folder / "fan.png"), "BLACK": str(folder / "black.png")}
    assert fan(folder, "--out", str(folder / "fan.png"), *(files.get(word, word) for word in extra)) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
    assert not (folder / "fan.png").exists()


def test_a_canvas_that_is_no_picture_and_no_output_get_a_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fan(folder) == 2
    assert "Say what to write: --out FAN.png, --each FOLDER or --map-out MAP.png." in capsys.readouterr().err
    (folder / "canvas.png").write_bytes(b"no picture")
    assert fan(folder, "--out", str(folder / "fan.png")) == 2
    assert "cannot be read as a picture" in capsys.readouterr().err


def test_edits_of_one_strength_have_a_fan_apart(folder: Path) -> None:
    words = ["--edit", "sdedit", "--apart", "--strengths", "2", "--from", "0.5", "--out", str(folder / "fan.png")]
    assert fan(folder, *words) == 0
    canvas, result = seen(folder / "canvas.png"), seen(folder / "fan.png")
    assert (result[:, :32] != canvas[:, :32]).any()
    assert (result[:, 32:] != canvas[:, 32:]).any()


def test_python_gets_errors_too() -> None:
    with pytest.raises(InputError, match="black everywhere"):
        Fan.over(np.zeros((4, 4), np.bool_), evenly(2, 0, 1))
