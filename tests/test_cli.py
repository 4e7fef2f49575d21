"""`sfumato` as a person meets it: the job without a server, and a sentence for everything that cannot be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sfumato.cli import COMMANDS, main
from sfumato.errors import InputError
from sfumato.models.sketchbook.paint import paint
from sfumato.models.sketchbook.scene import Scene
from sfumato.pictures import fitted, write_png

SIDE = 128
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc is of Linux")


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
    ("painted", "extra", "sentence"),
    [
        ("black", (), "the map asks for no change that could be seen. Paint it lighter"),
        ("half", ("--strength", "0"), "raise --strength"),
        ("half", ("--edit", "diffedit", "--strength", "0.4"), "less than one step"),
        ("half", ("--edit", "diffedit", "--set", "threshold=1"), "lower --set threshold"),
        ("half", ("--edit", "diffedit", "--set", "ratio=0"), "raise --set ratio"),
        ("pixel", ("--edit", "sdedit"), "or try --set resample=max"),
        ("pixel", ("--edit", "soft-inpainting"), "too small a change to be seen. Paint it larger or lighter"),
    ],
)
def test_nothing_changed_is_said_with_what_helps(
    folder: Path, capsys: pytest.CaptureFixture[str], painted: str, extra: tuple[str, ...], sentence: str
) -> None:
    grey = np.zeros((SIDE, SIDE), np.uint8)
    grey[{"black": np.s_[:0], "half": np.s_[:, 64:], "pixel": np.s_[60, 60]}[painted]] = 255
    Image.fromarray(grey).save(folder / "map.png")
    assert apply(folder, "--json", *extra) == 0
    out, error = capsys.readouterr()
    assert json.loads(out)["changed"] is False
    canvas, flat = (np.asarray(Image.open(folder / f"{n}.png")) for n in ("canvas", "flat"))
    assert np.array_equal(flat, canvas)
    assert error.startswith("sfumato: Nothing was changed: ")
    assert sentence in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("edit", ["differential", "soft-inpainting", "sdedit"])
def test_a_source_prompt_without_effect_is_said(folder: Path, capsys: pytest.CaptureFixture[str], edit: str) -> None:
    assert apply(folder, "--edit", edit) == 0
    without = (folder / "flat.png").read_bytes()
    assert apply(folder, "--edit", edit, "--source-prompt", "summer") == 0
    assert (folder / "flat.png").read_bytes() == without
    error = capsys.readouterr().err
    assert "takes no --source-prompt: it had no effect. Edits that do: diffedit, edit-friendly." in error
    assert error.count("\n") == 1


def test_a_source_prompt_that_is_taken_is_no_matter(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert apply(folder, "--edit", "edit-friendly", "--source-prompt", "summer") == 0
    assert capsys.readouterr().err == ""


def test_a_change_is_passed_over_in_silence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert apply(folder) == 0
    assert capsys.readouterr() == ("", "")


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
        (("--layer", "/"), "/ is a folder"),
        (("--prompt", "x" * 9000), "The prompt has 9000 characters"),
        (("--prompt", "\udcff"), "The prompt holds characters that are no text"),
        (("--set", "detail=nan"), "'detail' takes a number from 0 to 1"),
    ],
)
def test_bad_input_gets_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], extra: tuple[str, ...], sentence: str
) -> None:
    assert apply(folder, *extra) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def test_outputs_must_differ(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert apply(folder, "--layer", str(folder / "flat.png")) == 2
    assert "are the same file" in capsys.readouterr().err


def test_what_is_read_is_never_written_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    canvas, grey, link = (folder / name for name in ("canvas.png", "map.png", "link.png"))
    link.symlink_to("canvas.png")
    before = canvas.read_bytes(), grey.read_bytes()
    prompt = ("--prompt", "winter")
    for out, command in (
        (canvas, ["apply", str(canvas), "--map", str(grey), *prompt, "--flat", str(canvas)]),
        (link, ["apply", str(canvas), "--map", str(grey), *prompt, "--layer", str(link)]),
        (grey, ["apply", str(link), "--map", str(grey), *prompt, "--flat", str(grey)]),
        (canvas, ["fan", str(canvas), *prompt, "--out", str(canvas)]),
        (grey, ["fan", str(canvas), "--map", str(grey), *prompt, "--map-out", str(grey)]),
        (canvas, ["find-map", str(link), *prompt, "--out", str(canvas)]),
        (canvas, ["strokes", str(canvas), str(canvas)]),
    ):
        assert main(command) == 2
        error = capsys.readouterr().err
        assert error == f"sfumato: {out} is a picture that is read, and would be lost. Name another file.\n"
    assert (canvas.read_bytes(), grey.read_bytes()) == before


def test_what_was_there_is_replaced_whole_or_not_at_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "flat.png").write_bytes(b"before")

    def full_disk(self: Image.Image, path: Path, **_: object) -> None:
        path.write_bytes(b"half a pict")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", full_disk)
        assert apply(folder) == 2
    assert (folder / "flat.png").read_bytes() == b"before"
    assert len(list(folder.iterdir())) == 3
    assert apply(folder) == 0
    assert (folder / "flat.png").read_bytes() != b"before"


def test_a_link_stays_and_what_it_leads_to_is_written(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "flat.png").symlink_to("out/target.png")  # to nothing at first, then to a file
    for seed in ("1", "2"):
        assert apply(folder, "--seed", seed) == 0
        assert os.readlink(folder / "flat.png") == "out/target.png"
        assert not (folder / "out" / "target.png").is_symlink()
        assert np.asarray(Image.open(folder / "out" / "target.png")).shape == (SIDE, SIDE, 3)
    assert len(list((folder / "out").iterdir())) == 1
    (folder / "flat.png").unlink()
    assert apply(folder, "--seed", "2") == 0
    assert (folder / "flat.png").read_bytes() == (folder / "out" / "target.png").read_bytes()


def test_what_is_no_ordinary_file_is_refused_before_the_work(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "to_pipe.png").symlink_to("pipe")
    (folder / "loop.png").symlink_to("loop.png")
    canvas = str(folder / "canvas.png")
    pixels = np.zeros((2, 2, 3), np.uint8)
    for name, sentence in (
        ("pipe", "no ordinary file"),
        ("to_pipe.png", "no ordinary file"),
        ("loop.png", "to itself"),
    ):
        out = str(folder / name)
        for command in (
            ["strokes", canvas, out],
            ["apply", "no canvas", "--map", canvas, "--prompt", "", "--layer", out],
            ["find-map", "no canvas", "--prompt", "", "--out", out],
        ):
            assert main(command) == 2
            error = capsys.readouterr().err
            assert sentence in error
            assert error.count("\n") == 1
        with pytest.raises(InputError, match=sentence):
            write_png(out, pixels)
    assert (folder / "pipe").is_fifo()
    assert (folder / "to_pipe.png").is_symlink()
    assert len(list(folder.iterdir())) == 5


@pytest.mark.parametrize("name", ["flat.jpg", "flat.JPEG", "flat.webp", "flat.tiff", "my.picture.kra"])
def test_a_png_is_not_written_under_another_kind_s_name(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (folder / "map.png").unlink()  # found out before the work
    assert apply(folder, "--flat", str(folder / name)) == 2
    assert f"Call {folder / name} {Path(name).stem}.png." in capsys.readouterr().err
    assert not (folder / name).exists()


def test_a_name_without_a_suffix_is_taken(folder: Path) -> None:
    assert main(["strokes", str(folder / "canvas.png"), str(folder / "strokes")]) == 0
    with Image.open(folder / "strokes") as strokes:
        assert strokes.format == "PNG"


@pytest.mark.parametrize("place", [pytest.param("/proc", marks=on_linux), "folder", "file"])
def test_what_cannot_be_written_is_found_before_the_work(
    folder: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    (folder / "map.png").unlink()
    outs = {"/proc": "/proc/x.png", "folder": folder / ("x" * 300) / "x.png", "file": folder / ("x" * 250 + ".png")}
    assert apply(folder, "--flat", str(outs[place])) == 2
    error = capsys.readouterr().err
    assert "x.png may not be written. Choose another place." in error
    assert error.count("\n") == 1
    assert [path.name for path in folder.iterdir()] == ["canvas.png"]


def test_deep_and_animated_canvases_are_not_flattened(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(np.full((SIDE, SIDE), 40000, np.uint16)).save(folder / "canvas.png")
    assert apply(folder) == 2
    assert "more than 8 bits a channel" in capsys.readouterr().err
    frames = [Image.new("RGB", (SIDE, SIDE), colour) for colour in ("red", "blue")]
    frames[0].save(folder / "canvas.png", save_all=True, append_images=frames[1:])
    assert apply(folder) == 2
    assert "holds several pictures" in capsys.readouterr().err


def test_only_a_profile_that_fits_is_kept(folder: Path) -> None:
    for mode, kept in (("RGB", b"profile"), ("L", None)):
        Image.new(mode, (SIDE, SIDE)).save(folder / "canvas.png", icc_profile=b"profile")
        assert apply(folder) == 0
        with Image.open(folder / "flat.png") as flat:
            assert flat.info.get("icc_profile") == kept


def test_files_that_do_not_fit_get_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("L", (10, 20)).save(folder / "map.png")
    assert apply(folder) == 2
    assert "The picture has 128 x 128 pixels and the map 10 x 20: their shapes differ." in capsys.readouterr().err
    (folder / "map.png").write_text("hello")
    assert apply(folder) == 2
    assert "cannot be read as a picture" in capsys.readouterr().err
    (folder / "canvas.png").unlink()
    assert apply(folder) == 2
    assert "There is no canvas at" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("edit", "extra"),
    [
        ("differential", ()),
        ("soft-inpainting", ()),
        ("sdedit", ()),
        ("diffedit", ("--set", "mask=soft", "--set", "encoding=source text", "--source-prompt", "summer")),
        ("edit-friendly", ("--source-prompt", "summer")),
    ],
)
def test_every_edit_keeps_black_and_changes_white(folder: Path, edit: str, extra: tuple[str, ...]) -> None:
    assert apply(folder, "--edit", edit, "--steps", "4", *extra) == 0
    canvas, grey, flat = (np.asarray(Image.open(folder / f"{n}.png")) for n in ("canvas", "map", "flat"))
    assert np.array_equal(flat[grey == 0], canvas[grey == 0])
    assert not np.array_equal(flat[grey == 255], canvas[grey == 255])


def test_a_map_of_another_size_but_the_same_shape_is_resampled(folder: Path) -> None:
    assert apply(folder) == 0
    before = (folder / "flat.png").read_bytes()
    with Image.open(folder / "map.png") as grey:
        twice = grey.resize((2 * SIDE, 2 * SIDE), Image.Resampling.NEAREST)
    twice.save(folder / "map.png")
    assert apply(folder) == 0
    assert (folder / "flat.png").read_bytes() == before


@pytest.mark.parametrize("size", [(7, 5), (640, 480), (1, 1)])
def test_resampling_keeps_16_bits_and_constants(size: tuple[int, int]) -> None:
    for value in (0, 1, 257, 32769, 65535):
        assert (fitted(np.full((40, 56), value, np.uint16), *size) == value).all()
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    assert np.array_equal(fitted(ramp, 256, 256), ramp)
    means = ramp.reshape(128, 2, 128, 2).mean(axis=(1, 3))
    assert np.abs(fitted(ramp, 128, 128) - means).max() <= 0.5


class TestFindMap:
    START = ("--prompt", "a summer meadow", "--reference-prompt", "a summer meadow with a red house on the left")

    def test_writes_a_grey_map_that_apply_takes(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        out = folder / "map.png"
        assert main(["find-map", str(folder / "canvas.png"), *self.START, "--out", str(out), "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        assert report["model_calls"] == 20
        assert report["settings"]["normaliser"] == "mean"
        with Image.open(out) as found:
            assert found.mode == "L"
            grey = np.asarray(found)
        assert grey.shape == (SIDE, SIDE)
        truth = np.abs(paint(Scene(), SIDE).astype(int) - paint(Scene(object="none"), SIDE)).max(axis=2) > 24
        assert grey[truth].mean() > 2 * grey[~truth].mean()
        assert apply(folder, "--edit", "diffedit") == 0
        canvas, flat = (np.asarray(Image.open(folder / f"{n}.png")) for n in ("canvas", "flat"))
        assert np.array_equal(flat[grey < 100], canvas[grey < 100])
        assert not np.array_equal(flat, canvas)

    def test_settings_and_seed_reach_it(self, folder: Path) -> None:
        seen = set()
        for extra in ((), ("--seed", "1"), ("--set", "noises=2"), ("--set", "edges=cells")):
            out = folder / "found.png"
            few = ("--set", "noises=1", *extra)
            assert main(["find-map", str(folder / "canvas.png"), *self.START, "--out", str(out), *few]) == 0
            seen.add(out.read_bytes())
        assert len(seen) == 4

    @pytest.mark.parametrize(
        ("extra", "sentence"),
        [
            (("--edit", "sdedit"), "SDEdit finds no map. An edit that does: diffedit."),
            (("--edit", "nonesuch"), "There is no edit 'nonesuch'"),
            (("--reference-prompt", "a  summer meadow "), "are the same text"),
            (("--set", "mask=soft"), "has no setting 'mask'"),
            (("--set", "noises=many"), "'noises' is of type int; 'many' is not"),
            (("--set", "level=2"), "takes a number from 0 to 1"),
            (("--out", "nowhere/map.png"), "There is no folder nowhere"),
        ],
    )
    def test_bad_input_gets_one_sentence(
        self, folder: Path, capsys: pytest.CaptureFixture[str], extra: tuple[str, ...], sentence: str
    ) -> None:
        start = ["find-map", str(folder / "canvas.png"), *self.START, "--out", str(folder / "found.png")]
        assert main([*start, *extra]) == 2
        error = capsys.readouterr().err
        assert sentence in error
        assert error.count("\n") == 1
        assert not (folder / "found.png").exists()


def test_lists_are_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("SFUMATO_HOME", "HF_HUB_CACHE"):  # not the models of whoever runs this
        monkeypatch.setenv(name, str(tmp_path / "home"))
    assert main(["edits", "--json"]) == 0
    edits = {edit["id"]: edit for edit in json.loads(capsys.readouterr().out)}
    assert list(edits) == ["differential", "soft-inpainting", "sdedit", "diffedit", "edit-friendly"]
    for edit in edits.values():
        assert {"name", "type", "default", "help", "minimum", "maximum", "choices", "unit"} <= set(
            edit["parameters"][0]
        )
        assert edit["finds_map"] == bool(edit["map_parameters"])
    assert edits["diffedit"]["map_parameters"][0]["unit"] == "times"
    assert main(["models", "--json"]) == 0
    listed = [model["id"] for model in json.loads(capsys.readouterr().out)]
    assert listed == ["sketchbook", "sketchbook-4", "sketchbook-flow"]
    assert main(["edits"]) == 0
    listing = capsys.readouterr().out
    assert "--set release=fractional" in listing
    assert "--set noises=10  (1 to 100 times)" in listing


@pytest.mark.parametrize("command", ["edits", "models --json", "--help"])
@pytest.mark.parametrize("stdout", ["nobody reads", "unwritable"])
def test_what_cannot_be_printed_gets_no_traceback(tmp_path: Path, command: str, stdout: str) -> None:
    if stdout == "nobody reads":
        reader, out = os.pipe()
        os.close(reader)
    else:
        (tmp_path / "out").touch()
        out = os.open(tmp_path / "out", os.O_RDONLY)
    start = [sys.executable, "-m", "sfumato", *command.split()]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    ran = subprocess.run(start, stdout=out, stderr=subprocess.PIPE, text=True, check=False, env=buffered)
    os.close(out)
    if stdout == "nobody reads":
        assert (ran.returncode, ran.stderr) == (141, "")
    else:
        assert ran.returncode == 1
        assert ran.stderr.startswith("sfumato: The answer cannot be printed (")
        assert ran.stderr.count("\n") == 1


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, sfumato.cli\ntry: sfumato.cli.main(['evaluate', '--help'])\nexcept SystemExit: print(*sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "sfumato.cli" in said
    assert not {"torch", "numpy", "PIL", "diffusers", "transformers"} & set(said)


def test_every_command_that_can_be_asked_for_is_carried_out(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nonesuch"])
    offered = capsys.readouterr().err.split("choose from ")[1].strip(")\n")
    assert {name.strip("'") for name in offered.split(", ")} == set(COMMANDS)
