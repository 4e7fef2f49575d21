"""The perceptual distance: nothing for nothing, in the order a person would give, and where the change is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFilter
from sfumato.errors import InputError
from sfumato.evaluation.distances import perceptual
from sfumato.models.sketchbook.data import held_out
from sfumato.models.sketchbook.paint import object_box, paint
from sfumato.models.sketchbook.scene import CHOICES, Scene

WHAT = [scene for scene in held_out(40) if scene.object != "none" and scene.time == "day"][:8]


def other(scene: Scene, name: str) -> Scene:
    """The scene with the next option of one attribute."""
    options = CHOICES[name]
    return replace(scene, **{name: options[(options.index(getattr(scene, name)) + 1) % len(options)]})


def stack(what: list[Scene], size: int | tuple[int, int] = 256) -> np.ndarray:
    return np.stack([paint(scene, size) for scene in what])


@pytest.fixture(scope="module")
def originals() -> np.ndarray:
    return stack(WHAT)


def test_equal_pictures_are_exactly_equal_and_order_does_not_matter(originals: np.ndarray) -> None:
    assert not perceptual(originals, originals.copy()).any()
    there, back = perceptual(originals, originals[::-1]), perceptual(originals[::-1], originals)
    assert np.array_equal(there, back)
    assert there.shape == (8, 256, 256)
    assert there.dtype == np.float32
    assert there.min() >= 0


def test_more_is_more(originals: np.ndarray) -> None:
    """Slight blur, another colour of the object, another season, another scene: in every picture in this order."""
    blurred = np.stack(
        [np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(0.7))) for picture in originals]
    )
    versions = (blurred, stack([other(s, "colour") for s in WHAT]), stack([other(s, "season") for s in WHAT]))
    means = [perceptual(originals, version).mean((1, 2)) for version in (*versions, np.roll(originals, 1, axis=0))]
    assert (np.diff([mean.mean() for mean in means]) > 0).all(), means
    assert np.mean(np.diff(means, axis=0) > 0) >= 0.9, means


def test_a_blend_towards_another_season_rises(originals: np.ndarray) -> None:
    winter = stack([replace(scene, season="winter") for scene in WHAT]).astype(float)
    summer = stack([replace(scene, season="summer") for scene in WHAT])
    means = [
        perceptual(summer, (summer + share * (winter - summer)).round().astype(np.uint8)).mean()
        for share in (0, 0.1, 0.25, 0.5, 0.75, 1)
    ]
    assert means[0] == 0
    assert (np.diff(means) > 0).all(), means


def test_another_colour_of_the_object_is_found_at_the_object(originals: np.ndarray) -> None:
    change = perceptual(originals, stack([other(scene, "colour") for scene in WHAT]))
    shares = []
    for scene, picture in zip(WHAT, change, strict=True):
        left, top, right, bottom = object_box(scene)
        mirror = 0.3 if scene.ground in ("lake", "sea") else 0.0  # its reflection changes too
        rows = slice(max(0, int(256 * top) - 20), int(256 * (bottom + mirror)) + 20)
        columns = slice(max(0, int(256 * left) - 20), int(256 * right) + 20)
        shares.append(picture[rows, columns].sum() / picture.sum())
    assert min(shares) > 0.8, shares


def test_unrelated_scenes_are_about_one_apart(originals: np.ndarray) -> None:
    what = held_out(24)
    pictures = stack(what, 128)
    assert 0.8 < perceptual(pictures, np.roll(pictures, 1, axis=0)).mean() < 1.25


@pytest.mark.parametrize("size", [(128, 128), (192, 320), (100, 70), (512, 256)])
def test_any_size(size: tuple[int, int]) -> None:
    first, second = stack(WHAT[:2], size), stack([other(scene, "season") for scene in WHAT[:2]], size)
    change = perceptual(first, second)
    assert change.shape == (2, *size)
    assert 0.02 < change.mean() < 2


def test_pictures_that_are_no_pair_get_a_sentence(originals: np.ndarray) -> None:
    with pytest.raises(InputError, match="of one size"):
        perceptual(originals, originals[:, :128])
