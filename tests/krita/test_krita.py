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
from sfumato_wire import Box, Request

from . import harness
from .scripted import EDITS, Scripted

pytestmark = pytest.mark.krita
# How far greys may be off where Krita has to convert them; in all others, sRGB of 8 and 16 bits and greys, not at all.
OFF: dict[tuple[str, str], int] = {("RGBA", "F16"): 16, ("RGBA", "F32"): 4, ("GRAYA", "F32"): 4, ("LABA", "U16"): 128}
OFF |= {("CMYKA", "U8"): 6000}  # black ink alone is no neutral grey
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


def test_variants_fan_results_live_and_levels(krita: harness.Krita, scene: Path, tmp_path: Path) -> None:
    run(krita, "docker", tmp_path, SFUMATO_PICTURE=str(scene))


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
    makers = {"small fifteen": tiny.sd15(), "small XL": tiny.sdxl()}
    for name, pipe in makers.items():
        pipe.save_pretrained(place / name)
    lora_files.of_diffusers(place / "soft", tiny.sd15(), "sd15")
    fifteen = makers["small fifteen"]
    clear = tiny.another_vae(fifteen, "sd15")
    clear.save_pretrained(place / "clear")
    fifteen.vae.load_state_dict(clear.state_dict())
    fifteen.save_pretrained(place / "twin")  # which has that VAE as its own
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
    plain, clear, twin = (
        pixels(tmp_path / f"after {name}.raw", width, height) for name in ("small fifteen", "clear", "twin")
    )
    assert np.array_equal(clear, twin), "another VAE is not as if it were the model's own"
    assert not np.array_equal(clear, plain)


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


def test_a_docker_full_of_things_in_a_low_window(krita: harness.Krita, tmp_path: Path) -> None:
    backend = Scripted(tmp_path / "state")
    try:
        run(krita, "low", tmp_path, SFUMATO_HOME=str(tmp_path / "state"))
    finally:
        backend.stop()


@pytest.mark.parametrize("scenario", ["documents", "maps"])
def test_documents_and_maps_of_every_kind_exactly(krita: harness.Krita, tmp_path: Path, scenario: str) -> None:
    backend = Scripted(tmp_path / "state")
    try:
        run(krita, scenario, tmp_path, SFUMATO_HOME=str(tmp_path / "state"))
    finally:
        backend.stop()
    expected = json.loads((tmp_path / "expected.json").read_text())
    assert len(expected) == len(backend.asked) >= 15
    for said, (request, blobs) in zip(expected, backend.asked, strict=True):
        width, height = said["width"], said["height"]
        wanted = np.frombuffer((tmp_path / said["file"]).read_bytes(), np.uint8).reshape(height, width, 2)
        sent = of_canvas(request, blobs, width, height)
        model, depth, profile = said.get("space", ["RGBA", "U8", "sRGB"])
        wanted = 257 * wanted.astype(int)
        if "g22" in profile:
            wanted[..., 0] = np.round(65535 * of_light((wanted[..., 0] / 65535) ** 2.19921875))
        if said["kind"] == "mask":
            assert np.array_equal(sent[..., 1], wanted[..., 1]), said["name"]
            continue
        shown = wanted[..., 1] > 0
        counts = shown & (wanted[..., 0] > 0)
        if (model, depth) != ("CMYKA", "U8"):
            assert not (sent[~counts] > 0).all(-1).any(), f"{said['name']}: black counts"
        assert np.array_equal(sent[counts][..., 1], wanted[counts][..., 1]), f"{said['name']}: opacity"
        off = np.abs(sent[counts][..., 0] - wanted[counts][..., 0])
        print(f"{said['name']}: {off.max(initial=0)} of 65,535 off")
        assert off.max(initial=0) <= OFF.get((model, depth), 0) + ("g22" in profile) * 140, said["name"]
        if "canvas" in said:
            picture = np.frombuffer(blobs[request.canvas.digest], np.uint8).reshape(-1, 4)
            assert (picture == [said["canvas"]] * 3 + [255]).all(), f"{said['name']}: the picture of another time"


def test_layers_in_16_bits_with_masks_and_in_place_of_others(krita: harness.Krita, tmp_path: Path) -> None:
    run(krita, "placing", tmp_path)


def of_light(y: np.ndarray) -> np.ndarray:
    """The sRGB value of a share of light."""
    return np.where(y <= 0.0031308, 12.92 * y, 1.055 * y ** (1 / 2.4) - 0.055)


def of_canvas(request: Request, blobs: dict[str, bytes], width: int, height: int) -> np.ndarray:
    """The map that was sent, grey and alpha, of all of the canvas."""
    change_map = request.change_map
    assert change_map is not None
    data, box = blobs[change_map.digest], change_map.box
    part = np.frombuffer(data, np.uint8 if change_map.format == "gray8" else "<u2").astype(int)
    out = np.zeros((height, width, 2), int)
    inside = out[box.y : box.bottom, box.x : box.right]
    if change_map.format == "gray8":
        inside[..., 1] = 257 * part.reshape(box.height, box.width)
    else:
        inside[...] = part.reshape(box.height, box.width, 2)
    return out


def test_what_is_chosen_stays_chosen_and_counts(krita: harness.Krita, tmp_path: Path) -> None:
    backend = Scripted(tmp_path / "state")
    try:
        run(krita, "choices", tmp_path, SFUMATO_HOME=str(tmp_path / "state"))
    finally:
        backend.stop()
    looks = [request for request, _ in backend.asked if request.task == "map"]
    assert [look.source_prompt for look in looks] == ["a summer day", "a summer day"]
    edits = [(request, blobs) for request, blobs in backend.asked if request.task == "edit"]
    assert len(edits) == 3 + 6
    edits = edits[:3]
    assert [(edit.map_channel, edit.levels.invert) for edit, _ in edits] == [
        ("luminance", False),
        ("alpha", True),
        ("luminance", False),
    ]
    blank, changed, again = (np.frombuffer(blobs[request.canvas.digest], "<u4") for request, blobs in edits)
    assert len(np.unique(blank)) == 1, "the map made by hand is in the picture"
    assert set(np.unique(changed)) == {blank[0], again[0]}, "the found map is in the picture"
    assert len(np.unique(again)) == 1, "the map made by hand is in the picture"


def test_results_in_a_strip_and_in_the_file(krita: harness.Krita, tmp_path: Path) -> None:
    run(krita, "strip", tmp_path)


def test_backends_that_die(krita: harness.Krita, tmp_path: Path) -> None:
    run(krita, "faults", tmp_path)


def test_a_krita_that_dies(krita: harness.Krita, tmp_path: Path) -> None:
    run(krita, "crash", tmp_path / "before", keep_backend=True)
    run(krita, "after_crash", tmp_path / "after")


def test_a_backend_on_another_computer(krita: harness.Krita, scene: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"  # one of its own: what is chosen here must not last
    state.mkdir(mode=0o700)
    (state / "backend.json").write_bytes((krita.state / "backend.json").read_bytes())
    report = run(krita, "remote", tmp_path, SFUMATO_PICTURE=str(scene), SFUMATO_HOME=str(state))
    width, height = report.results["size"]
    before, after = (pixels(tmp_path / f"{name}.raw", width, height) for name in ("before", "after"))
    changed = (before != after).any(axis=2)
    assert changed[50:150, 50:150].mean() > 0.5
    changed[50:150, 50:150] = False
    assert not changed.any(), "a pixel changed where nothing is painted"


def test_the_bottom_line_in_every_language(krita: harness.Krita, tmp_path: Path) -> None:
    run(krita, "status", tmp_path)


def test_the_docker_speaks_the_language_of_krita(krita: harness.Krita, tmp_path: Path) -> None:
    chosen = krita.config / "klanguageoverridesrc"  # Settings > Switch Application Language
    chosen.write_text("[Language]\nkrita=de\n")
    try:
        run(krita, "german", tmp_path)
    finally:
        chosen.unlink()


def pixels(file: Path, width: int, height: int) -> np.ndarray:
    return np.frombuffer(file.read_bytes(), np.uint8).reshape(height, width, 4).astype(int)
