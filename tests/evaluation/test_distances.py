"""Change pictures: CIELAB's published values, and what every distance keeps to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sfumato.errors import InputError
from sfumato.evaluation.distances import lab, to_lab

PICTURES = hnp.arrays(np.uint8, (2, 3, 4, 3))


def picture(*colour: int) -> np.ndarray:
    return np.array(colour, np.uint8).reshape(1, 1, 1, 3)


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [  # D65, two degrees, as commonly tabulated
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0, 0)),
        ((50, 50, 50), (20.79, 0, 0)),
        ((5, 5, 5), (1.37, 0, 0)),  # below both knees
    ],
)
def test_to_lab_is_cielab(rgb: tuple[int, ...], expected: tuple[float, ...]) -> None:
    assert to_lab(np.array(rgb, np.uint8)).tolist() == pytest.approx(expected, abs=0.02)


def test_lab_by_hand() -> None:
    black, white, red, green = picture(0, 0, 0), picture(255, 255, 255), picture(255, 0, 0), picture(0, 255, 0)
    assert lab(black, white).item() == pytest.approx(100, abs=1e-3)
    assert lab(red, green).item() == pytest.approx(np.sqrt(34.49**2 + 166.27**2 + 15.98**2), abs=0.02)


def test_greys_have_no_colour_and_lightness_grows() -> None:
    grey = to_lab(np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1))
    assert np.abs(grey[:, 1:]).max() < 1e-3
    assert (np.diff(grey[:, 0]) > 0).all()


@settings(deadline=None)
@given(PICTURES, PICTURES, PICTURES)
def test_lab_is_a_distance(first: np.ndarray, second: np.ndarray, third: np.ndarray) -> None:
    there, back = lab(first, second), lab(second, first)
    assert there.dtype == np.float32
    assert there.shape == (2, 3, 4)
    assert np.array_equal(there, back)
    assert np.array_equal(there == 0, (first == second).all(axis=-1))
    assert (lab(first, third) <= there + lab(second, third) + 1e-3).all()
    assert there.max() < 259


@settings(deadline=None)
@given(PICTURES, st.integers(0, 1))
def test_lab_is_picture_by_picture_and_pixel_by_pixel(first: np.ndarray, which: int) -> None:
    second = first.copy()
    second[which, 1, 2] ^= 255
    changed = lab(first, second)
    assert np.argwhere(changed).tolist() == [[which, 1, 2]]
    assert np.array_equal(lab(first[which][None], second[which][None])[0], changed[which])


def test_what_is_not_two_stacks_of_pictures_gets_a_sentence() -> None:
    pictures = np.zeros((2, 3, 4, 3), np.uint8)
    with pytest.raises(InputError, match=r"these are float64 \(2, 3, 4, 3\)"):
        lab(pictures.astype(np.float64), pictures)
    with pytest.raises(InputError, match=r"these are uint8 \(3, 4, 3\)"):
        lab(pictures, pictures[0])
    with pytest.raises(InputError, match=r"\(0, 3, 4, 3\)"):
        lab(pictures[:0], pictures[:0])
    with pytest.raises(InputError, match="as many of each, of one size"):
        lab(pictures, pictures[:1])
