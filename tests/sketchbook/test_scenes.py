"""The painter and its captions: deterministic, any size, one attribute at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sfumato.models.sketchbook.caption import caption, words
from sfumato.models.sketchbook.data import scenes
from sfumato.models.sketchbook.paint import paint
from sfumato.models.sketchbook.scene import CHOICES, Scene, mirrored
from sfumato.models.sketchbook.tokenizer import LENGTH, make_tokenizer


def test_the_same_scene_is_the_same_picture() -> None:
    scene = scenes(5, 1)[0]
    picture = paint(scene)
    assert picture.shape == (256, 256, 3)
    assert picture.dtype == np.uint8
    assert np.array_equal(picture, paint(scene))
    assert not np.array_equal(picture, paint(replace(scene, layout=scene.layout + 1)))


@pytest.mark.parametrize("size", [(64, 64), (128, 200), (200, 128), (8, 8), (384, 256)])
def test_every_size_paints_every_kind_of_scene(size: tuple[int, int]) -> None:
    for ground in CHOICES["ground"]:
        for thing, trees in zip(CHOICES["object"], ("oak", "pine", "birch", "none", "oak"), strict=True):
            assert paint(Scene(ground=ground, object=thing, trees=trees, season="winter"), size).shape == (*size, 3)


def test_a_larger_picture_is_the_same_picture() -> None:
    scene = Scene(ground="lake", background="mountains", sky="cloudy", style="plain")
    large = paint(scene, 512).reshape(256, 2, 256, 2, 3).mean((1, 3))
    # Thin lines never fall below a pixel, so the two sizes differ a little along edges.
    assert np.abs(large - paint(scene)).mean() < 3


def test_a_mirrored_scene_is_the_flipped_picture() -> None:
    for scene in scenes(6, 6):
        assert np.array_equal(paint(mirrored(scene)), paint(scene)[:, ::-1])
        assert mirrored(mirrored(scene)) == scene
    assert mirrored(Scene(place="left")).place == "right"


def test_another_colour_changes_only_the_object() -> None:
    for place, columns in (("left", slice(160, 256)), ("right", slice(0, 96))):
        scene = Scene(layout=11, place=place, background="mountains", sky="cloudy", amount="many")
        changed = (paint(scene) != paint(replace(scene, colour="blue"))).any(2)
        assert 1500 < changed.sum() < 12000
        assert not changed[:, columns].any()
        assert not changed[:80].any()


def test_another_season_leaves_the_composition_in_place() -> None:
    scene = Scene(layout=12, background="none", trees="none", sky="clear", sun=False, style="plain")
    edges = []
    for season in CHOICES["season"]:
        grey = paint(replace(scene, season=season)).astype(float).mean(2)
        edges.append(np.abs(np.diff(grey, axis=1))[100:180].sum(0))
    assert np.corrcoef(edges).min() > 0.5


def test_winter_is_white_and_summer_is_green() -> None:
    for layout in range(4):
        pictures = {season: paint(Scene(season=season, layout=layout), 64) for season in CHOICES["season"]}
        ground = {season: picture[50:].mean((0, 1)) for season, picture in pictures.items()}
        assert ground["winter"].min() > 200
        assert ground["summer"][1] > 1.3 * max(ground["summer"][0], ground["summer"][2])
        assert ground["autumn"][0] > ground["autumn"][1] > ground["autumn"][2]


def test_bad_attributes_are_named() -> None:
    with pytest.raises(ValueError, match=r"Scene\.season must be one of spring, summer, autumn, winter"):
        Scene(season="monsoon")


def test_captions_fit_and_every_word_is_one_token() -> None:
    tokenizer, rng, seen = make_tokenizer(), np.random.default_rng(0), set()
    texts = [caption(scene, rng) for scene in scenes(7, 2000)]
    for text, ids in zip(texts, tokenizer(texts).input_ids, strict=True):
        assert len(ids) <= LENGTH
        pieces = tokenizer.convert_ids_to_tokens(ids)[1:-1]
        assert [piece.removesuffix("</w>") for piece in pieces] == text.replace(",", " ,").split()
        seen.update(text.replace(",", "").split())
    assert seen <= set(words())


def test_unknown_words_fall_back_to_bytes_not_to_the_end_token() -> None:
    tokenizer = make_tokenizer()
    ids = tokenizer("a zeppelin über 雪").input_ids
    assert tokenizer.eos_token_id not in ids[:-1]
    assert tokenizer("A Winter  MEADOW").input_ids == tokenizer("a winter meadow").input_ids
