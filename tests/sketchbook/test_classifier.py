"""The attribute classifier: sees what the painter painted, in soft pictures too, and can be trained again."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from safetensors.torch import save_file
from sfumato.errors import InputError
from sfumato.models.sketchbook import CLASSIFIER, WEIGHTS, assemble, judge, train_classifier, training_run
from sfumato.models.sketchbook.classifier import (
    ATTRIBUTES,
    Classifier,
    accuracy,
    load_classifier,
    visible,
)
from sfumato.models.sketchbook.data import held_out
from sfumato.models.sketchbook.latents import load_vae
from sfumato.models.sketchbook.paint import paint
from sfumato.models.sketchbook.scene import Scene, mirrored
from sfumato.models.sketchbook.tokenizer import LENGTH, make_tokenizer
from sfumato.models.sketchbook.train import train
from sfumato.models.sketchbook.train_classifier import HIDDEN, disturb, judged_scenes, round_trip, targets
from sketchbook.smoke import SMOKE

SURE = ("time", "season", "ground", "sky", "object", "colour", "place")
CPU = torch.device("cpu")


def autoencoder(weights: Path) -> AutoencoderKL:
    return AutoencoderKL.from_pretrained(weights / "vae", dtype=torch.float32, local_files_only=True)


@pytest.fixture(scope="module")
def pictures() -> tuple[list[Scene], np.ndarray]:
    what = held_out(48)
    return what, np.stack([paint(scene) for scene in what])


def test_the_folder_is_small_and_safe() -> None:
    files = [file for file in CLASSIFIER.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} == {".md", ".safetensors"}
    assert sum(file.stat().st_size for file in files) <= 2e6
    assert sum(parameter.numel() for parameter in Classifier().parameters()) <= 1_200_000


def test_it_sees_what_was_painted(pictures) -> None:
    what, painted = pictures
    found = accuracy(load_classifier().attributes(painted), what)
    assert found.keys() == ATTRIBUTES.keys()
    assert min(found[name] for name in SURE) >= 0.9, found


def test_it_sees_it_in_soft_pictures_too(pictures) -> None:
    what, painted = pictures[0][:24], pictures[1][:24]
    found = accuracy(load_classifier().attributes(round_trip(autoencoder(WEIGHTS), painted)), what)
    assert np.mean([found[name] for name in SURE]) >= 0.9, found


def test_probabilities_belong_to_the_picture_alone(pictures) -> None:
    network, painted = load_classifier(), pictures[1][:6]
    together, alone = network.attributes(painted), network.attributes(painted[4:5])
    smaller = network.attributes(painted.reshape(6, 128, 2, 128, 2, 3).mean((2, 4)).round().astype(np.uint8))
    for name, options in ATTRIBUTES.items():
        assert together[name].shape == (6, len(options))
        assert together[name].dtype == np.float32
        assert np.allclose(together[name].sum(1), 1, atol=1e-5)
        assert np.allclose(together[name][4:5], alone[name], atol=1e-4)
        assert np.abs(together[name] - smaller[name]).max() < 0.2


def test_a_mirror_swaps_the_place_and_nothing_else() -> None:
    what = [scene for scene in held_out(40) if scene.object != "none"][:12]
    seen = load_classifier().attributes(np.stack([paint(scene, 128)[:, ::-1] for scene in what]))
    found = accuracy(seen, [mirrored(scene) for scene in what])
    assert min(found["place"], found["object"], found["season"]) >= 0.8, found


def test_what_cannot_be_seen_is_not_counted() -> None:
    bare, full = Scene(object="none", trees="none"), Scene(trees="pine", place="right", colour="blue")
    assert [name for name in ATTRIBUTES if not visible(name, bare)] == ["amount", "colour", "place"]
    assert all(visible(name, full) for name in ATTRIBUTES)
    wanted = targets([bare, full])
    assert wanted["place"].tolist() == [HIDDEN, 2]
    assert wanted["sun"].tolist() == [1, 1]
    right = {name: np.eye(len(options), dtype=np.float32)[wanted[name].clip(0)] for name, options in ATTRIBUTES.items()}
    assert set(accuracy(right, [bare, full]).values()) == {1.0}
    assert "place" not in accuracy(right, [bare, bare])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (np.zeros((1, 64, 64, 3), np.float32), "uint8"),
        (np.zeros((64, 64, 3), np.uint8), "height, width, 3"),
        (np.zeros((0, 64, 64, 3), np.uint8), "uint8"),
        (np.zeros((1, 64, 96, 3), np.uint8), "not 96 x 64: crop"),
    ],
)
def test_other_pictures_get_a_sentence(wrong: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=words):
        load_classifier().attributes(wrong)


def test_other_files_get_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="could not be read"):
        load_classifier(tmp_path)
    save_file({"a": torch.zeros(1)}, tmp_path / "classifier.safetensors", metadata={"attributes": "{}"})
    with pytest.raises(InputError, match="other attributes"):
        load_classifier(tmp_path)


def test_disturbances_keep_the_picture_recognisable(pictures) -> None:
    clean = torch.from_numpy(pictures[1][:8, ::2, ::2]).permute(0, 3, 1, 2).float() / 255
    first, again = (disturb(clean, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, again)
    assert 0 <= first.min() < first.max() <= 1
    moved = (first.mean((2, 3)) - clean.mean((2, 3))).abs()
    assert 0 < moved.max() < 0.12


def test_training_scenes_are_not_only_the_likely_ones() -> None:
    what = judged_scenes(0, 400)
    assert any(scene.object == "boat" and scene.ground == "meadow" for scene in what)
    assert not {scene.layout for scene in what} & {scene.layout for scene in held_out(400)}


@pytest.fixture(scope="module")
def folder(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every checkpoint that the classifier's folder is assembled with; its own is of the smoke recipe."""
    folder = tmp_path_factory.mktemp("classifier")
    for name in ("vae.pt", "text.pt", "denoiser.pt"):
        shutil.copy(trained / name, folder)
    train("classifier", folder, trained / "data", SMOKE)
    return folder


def test_it_learns_and_goes_on_where_it_was_broken_off(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = replace(SMOKE, classifier_steps=18, classifier_pictures=36)
    monkeypatch.setattr(train_classifier, "BATCH", 8)
    monkeypatch.setattr(training_run, "SAVE_EVERY", -1.0)
    monkeypatch.setattr(training_run, "SAY_EVERY", -1.0)

    def run(name: str) -> dict[str, torch.Tensor]:
        (tmp_path / name).mkdir(exist_ok=True)
        shutil.copy(folder / "vae.pt", tmp_path / name)
        train("classifier", tmp_path / name, tmp_path / "data", recipe)
        return dict(torch.load(tmp_path / name / "classifier.pt", weights_only=True)["network"])

    def broken(*arguments: object) -> torch.Tensor:
        if arguments[1].initial_seed() == 9:
            raise KeyboardInterrupt
        return disturb(*arguments)

    whole = run("whole")
    losses = [float(line.split()[-3]) for line in capsys.readouterr().out.splitlines()]
    assert len(losses) == 18
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:3])
    monkeypatch.setattr(train_classifier, "disturb", broken)
    with pytest.raises(KeyboardInterrupt):
        run("parts")
    assert torch.load(tmp_path / "parts" / "classifier.pt", weights_only=True)["step"] == 9
    monkeypatch.setattr(train_classifier, "disturb", disturb)
    for parts in (run("parts"), run("parts")):  # the second run finds everything done
        assert parts.keys() == whole.keys()
        assert all(torch.equal(value, whole[name]) for name, value in parts.items())


def test_it_is_not_gone_on_with_after_another_autoencoder(folder: Path, tmp_path: Path) -> None:
    state = torch.load(folder / "vae.pt", weights_only=True)
    state["ema"]["encoder.conv_in.bias"] += 1
    torch.save(state, tmp_path / "vae.pt")
    shutil.copy(folder / "classifier.pt", tmp_path)
    with pytest.raises(InputError, match=r"another vae\.pt\."):
        train("classifier", tmp_path, tmp_path / "data", SMOKE)


def test_it_trains_with_the_autoencoder_that_ships(folder: Path, tmp_path: Path, pictures) -> None:
    assemble.assemble(tmp_path / "weights", folder)
    trained, ships = load_vae(folder / "vae.pt", CPU), autoencoder(tmp_path / "weights")
    x = torch.from_numpy(pictures[1][:2]).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        latents = [vae.encode(x).latent_dist.mode() for vae in (trained, ships)]
        decoded = [vae.decode(latents[0]).sample for vae in (trained, ships)]
    assert torch.allclose(*latents, atol=0.05)  # half precision
    assert torch.allclose(*decoded, atol=0.05)


def test_it_is_assembled_beside_the_weights(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "classifier"
    target.mkdir()
    (target / "README.md").write_text("its card")
    assert assemble.main(["--trained", str(folder), "--out", str(tmp_path / "weights")]) == 0
    assert {file.name for file in tmp_path.iterdir()} == {"weights", "classifier"}
    assert {file.name for file in target.iterdir()} == {"README.md", "classifier.safetensors"}
    assert (target / "README.md").read_text() == "its card"
    stored, found = torch.load(folder / "classifier.pt", weights_only=True)["network"], load_classifier(target)
    for name, value in found.state_dict().items():
        assert torch.equal(value, stored[name].half().float() if value.is_floating_point() else stored[name]), name
    assert set(found.scales.tolist()) != {1.0}


def test_a_batch_tells_where_the_object_stands_when_it_is_mirrored(tmp_path: Path) -> None:
    pictures, wanted = train_classifier.Data(tmp_path, autoencoder(WEIGHTS), "ships", 24, 0).batch(
        np.random.default_rng(0)
    )
    shown, seen = wanted["place"] != HIDDEN, load_classifier().attributes(pictures)["place"].argmax(1)
    assert 0 < shown.sum() < len(shown)
    assert np.mean(seen[shown] == wanted["place"][shown]) > 0.9


def test_prompts_name_every_attribute_and_fit() -> None:
    rng, tokenizer = np.random.default_rng(1), make_tokenizer()
    asked = [scene for scene in held_out(400) if scene.object != "none"]
    texts = [judge.prompt_of(scene, rng) for scene in asked]
    assert max(len(ids) for ids in tokenizer(texts).input_ids) <= LENGTH
    for scene, text in zip(asked, texts, strict=True):
        assert scene.colour in text
        assert scene.trees == "none" or scene.trees in text
        assert ("left" in text, "right" in text) == (scene.place == "left", scene.place == "right")
        unsaid = {name for name in ATTRIBUTES if not judge.said(name, scene)}
        assert unsaid - {"trees", "amount", "background"} == {"sun"}


def test_a_generated_picture_has_its_own_seed_in_any_batch(monkeypatch) -> None:
    create, _ = judge.load(WEIGHTS)
    prompts = ["a winter meadow at night"] * 3
    monkeypatch.setattr(judge, "BATCH", 2)
    made = judge.generate(create, prompts, 2, 5.0)
    monkeypatch.setattr(judge, "BATCH", 3)
    again = judge.generate(create, prompts, 2, 5.0)
    assert made.shape == (3, 256, 256, 3)
    assert np.abs(made.astype(int) - again).max() <= 3
    assert np.abs(made[0].astype(int) - made[2]).mean() > 1
