"""The attribute classifier: sees what the painter painted, in soft pictures too, and can be trained again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sfumato.errors import InputError
from sfumato.models.sketchbook import WEIGHTS, judge, train_classifier
from sfumato.models.sketchbook.classifier import (
    ATTRIBUTES,
    CLASSIFIER,
    Classifier,
    accuracy,
    load_classifier,
    save_classifier,
    visible,
)
from sfumato.models.sketchbook.data import held_out
from sfumato.models.sketchbook.paint import paint
from sfumato.models.sketchbook.scene import Scene, mirrored
from sfumato.models.sketchbook.tokenizer import LENGTH, make_tokenizer
from sfumato.models.sketchbook.train_classifier import HIDDEN, disturb, judged_scenes, round_trip, targets

SURE = ("time", "season", "ground", "sky", "object", "colour", "place")
CPU = torch.device("cpu")


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
    from diffusers import AutoencoderKL

    what, painted = pictures[0][:24], pictures[1][:24]
    vae = AutoencoderKL.from_pretrained(WEIGHTS / "vae", dtype=torch.float32, local_files_only=True)
    found = accuracy(load_classifier().attributes(round_trip(vae, painted)), what)
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


def test_training_learns_and_goes_on_where_it_was_broken_off(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(train_classifier, "BATCH", 8)
    monkeypatch.setattr(train_classifier, "SAVE_EVERY", 7)
    data, steps = tmp_path / "data", 18
    network, losses = train_classifier.train_classifier(tmp_path / "whole", data, steps, 36, CPU)
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:3])

    def broken(*arguments: object) -> torch.Tensor:
        if arguments[1].initial_seed() == 9:
            raise KeyboardInterrupt
        return disturb(*arguments)

    monkeypatch.setattr(train_classifier, "disturb", broken)
    with pytest.raises(KeyboardInterrupt):
        train_classifier.train_classifier(tmp_path / "parts", data, steps, 36, CPU)
    monkeypatch.setattr(train_classifier, "disturb", disturb)
    again, same = train_classifier.train_classifier(tmp_path / "parts", data, steps, 36, CPU)
    assert same == losses
    assert all(
        torch.equal(a, b) for a, b in zip(network.state_dict().values(), again.state_dict().values(), strict=True)
    )
    save_classifier(network, tmp_path / "saved")
    saved = load_classifier(tmp_path / "saved")
    picture = paint(Scene(), 128)[None]
    assert np.allclose(saved.attributes(picture)["time"], network.attributes(picture)["time"], atol=5e-3)


def test_a_batch_tells_where_the_object_stands_when_it_is_mirrored(tmp_path: Path) -> None:
    pictures, wanted = train_classifier.Data(tmp_path, 24, 0, CPU).batch(np.random.default_rng(0))
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
