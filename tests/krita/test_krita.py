"""The plugin in a real Krita, against the real backend. What is checked inside Krita is in `scenarios/`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from models import lora_files
from models import tiny_checkpoints as tiny
from sfumato.models.places import add_folder, remove_folder
from sfumato_wire import Box

from . import harness
from .scripted import EDITS, Scripted

pytestmark = pytest.mark.krita
SCENARIOS = Path(__file__).parent / "scenarios"


def run(krita: harness.Krita, name: str, out: Path, keep_backend: bool = False, **extra: str) -> harness.Report:
    report = krita.run(SCENARIOS / f"{name}.py", out, extra=extra, keep_backend=keep_backend)
    for key, value in report.results.items():
        print(f"{key}: {value}")
    assert report.error is None, report.error
    assert not report.failures
    assert "Traceback" not in report.log
    return report


def test_painting(krita: harness.Krita, scene: Path, tmp_path: Path) -> None:
    report = run(krita, "painting", tmp_path, SFUMATO_PICTURE=str(scene))
    assert float(report.results["longest_gap_s"]) < 1.0
    width, height = report.results["size"]
    before, after = (pixels(tmp_path / f"{name}.raw", width, height) for name in ("before", "after"))
    grey = np.zeros((height, width), int)
    grey[: height * 3 // 4] = 255 * np.arange(width) // (width - 1)
    assert np.array_equal(before[grey == 0], after[grey == 0]), "a pixel changed where the map is black"
    change = np.abs(after - before)[..., :3].mean(axis=2)
    bins = [float(change[(grey > 0) & (grey * 16 // 256 == i)].mean()) for i in range(16)]
    pearson = float(np.corrcoef(range(16), bins)[0, 1])
    print(
        f"change by grey: {[round(b, 1) for b in bins]}; Pearson {pearson:.3f}; white : dark {bins[15] / bins[0]:.1f}"
    )
    assert pearson >= 0.9
    assert bins[15] >= 5 * bins[0]


def test_documents_of_every_kind(krita: harness.Krita, tmp_path: Path) -> None:
    run(krita, "corners", tmp_path)


def test_the_maps_preview(krita: harness.Krita, scene: Path, tmp_path: Path) -> None:
    run(krita, "map_preview", tmp_path, SFUMATO_PICTURE=str(scene))


def test_every_edit_of_the_real_backend_and_its_map(krita: harness.Krita, scene: Path, tmp_path: Path) -> None:
    report = run(krita, "real_edits", tmp_path, SFUMATO_PICTURE=str(scene))
    width, height = report.results["size"]
    before = pixels(tmp_path / "before.raw", width, height)
    found = pixels(tmp_path / "map.raw", width, height)
    assert (found[..., 0] == found[..., 1]).all()
    assert (found[..., 0] == found[..., 2]).all()
    assert (found[..., 3] == 255).all(), "the map is opaque"
    assert len(np.unique(found[..., 0])) > 16, "the map is grey, not black and white"
    after = {file.stem.partition(" ")[2]: pixels(file, width, height) for file in tmp_path.glob("after *.raw")}
    assert len(after) == len(report.results["edits"]) == 5
    for name, picture in after.items():
        assert np.array_equal(picture[height // 2 :], before[height // 2 :]), f"{name} changed what is black"
        assert (picture[20:70, 20:70] != before[20:70, 20:70]).any(), f"{name} changed nothing where it is white"


def test_the_painters_own_models(krita: harness.Krita, scene: Path, tmp_path: Path) -> None:
    place = tmp_path / "my models"
    torch.manual_seed(0)
    makers = {"small fifteen": tiny.sd15, "small XL": tiny.sdxl}
    for name, make in makers.items():
        make().save_pretrained(place / name)
    lora_files.of_diffusers(place / "soft", tiny.sd15(), "sd15")
    (place / "broken.safetensors").write_bytes(b"PK")
    krita.state.mkdir(mode=0o700, exist_ok=True)
    add_folder(place, {"SFUMATO_HOME": str(krita.state)})
    own = {"SFUMATO_OWN": json.dumps(list(makers)), "SFUMATO_GOES": str(place / "small XL")}
    try:
        report = run(krita, "own_models", tmp_path, SFUMATO_PICTURE=str(scene), **own)
    finally:
        remove_folder(place, {"SFUMATO_HOME": str(krita.state)})
    width, height = report.results["size"]
    before = pixels(tmp_path / "before.raw", width, height)
    for name in makers:
        after = pixels(tmp_path / f"after {name}.raw", width, height)
        assert np.array_equal(after[height // 2 :], before[height // 2 :]), f"{name} changed what is black"


def test_edits_parameters_and_found_maps(krita: harness.Krita, tmp_path: Path) -> None:
    backend = Scripted(tmp_path / "state")
    try:
        run(krita, "methods", tmp_path, SFUMATO_HOME=str(tmp_path / "state"))
    finally:
        backend.stop()
    edits = [request for request, _ in backend.asked if request.task == "edit"]
    assert [request.edit for request in edits[:5]] == [info.id for info in EDITS]
    assert [request.source_prompt for request in edits[:5]] == ["", "", "", "a summer day", "a summer day"]
    assert all(not request.settings for request in edits[:5])
    assert edits[5].settings == {"release": "whole", "hinting": False, "transition_contrast": 0.5}
    assert edits[6].settings == {"mask_power": 2.5}
    # Looking for a map, the picture is sent whole and without a map; the map that was found and painted on is sent
    # exactly as it is seen, in every depth.
    looks = [(n, request) for n, (request, _) in enumerate(backend.asked) if request.task == "map"]
    assert len(looks) == 7
    for n, look in looks[:5]:
        assert (look.edit, look.settings, look.canvas.box) == ("diffedit", {}, Box(0, 0, 120, 80))
        assert (look.prompt, look.source_prompt, look.steps) == ("a winter day", "a summer day", 4)
        request, blobs = backend.asked[n + 1]
        sent = np.frombuffer(blobs[request.change_map.digest], "<u2").reshape(80, -1, 2)
        assert request.change_map.box == Box(1, 0, 59, 80)
        assert np.array_equal(sent[0, :, 0], 257 * (255 * np.arange(1, 60) // 119))
        assert (sent[..., 1] == 65535).all()
        canvas = request.canvas.box
        whole = np.frombuffer(backend.asked[n][1][look.canvas.digest], np.uint8).reshape(80, 120, 4)
        part = np.frombuffer(blobs[request.canvas.digest], np.uint8).reshape(canvas.height, canvas.width, 4)
        assert np.array_equal(part, whole[canvas.y : canvas.bottom, canvas.x : canvas.right]), (
            "the map is in the picture"
        )


def test_what_is_chosen_stays_chosen_and_counts(krita: harness.Krita, tmp_path: Path) -> None:
    backend = Scripted(tmp_path / "state")
    try:
        run(krita, "choices", tmp_path, SFUMATO_HOME=str(tmp_path / "state"))
    finally:
        backend.stop()
    looks = [request for request, _ in backend.asked if request.task == "map"]
    assert [look.source_prompt for look in looks] == ["a summer day", "a summer day"]
    edits = [(request, blobs) for request, blobs in backend.asked if request.task == "edit"]
    assert [(edit.map_channel, edit.levels.invert) for edit, _ in edits] == [
        ("luminance", False),
        ("alpha", True),
        ("luminance", False),
    ]
    blank, changed, again = (np.frombuffer(blobs[request.canvas.digest], "<u4") for request, blobs in edits)
    assert len(np.unique(blank)) == 1, "the map made by hand is in the picture"
    assert set(np.unique(changed)) == {blank[0], again[0]}, "the found map is in the picture"
    assert len(np.unique(again)) == 1, "the map made by hand is in the picture"


def test_backends_that_die(krita: harness.Krita, tmp_path: Path) -> None:
    run(krita, "faults", tmp_path)


def test_a_krita_that_dies(krita: harness.Krita, tmp_path: Path) -> None:
    run(krita, "crash", tmp_path / "before", keep_backend=True)
    run(krita, "after_crash", tmp_path / "after")


def pixels(file: Path, width: int, height: int) -> np.ndarray:
    return np.frombuffer(file.read_bytes(), np.uint8).reshape(height, width, 4).astype(int)
