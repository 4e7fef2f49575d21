"""Kept pixels: every byte that differs is counted, none beside them is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from sfumato.errors import InputError
from sfumato.evaluation.distances import lab
from sfumato.evaluation.kept import changed_bytes, preservation

PICTURES = hnp.arrays(np.uint8, (2, 3, 4, 3))
KEPT = np.array([[True, True, False, False]] * 3)


class TestChangedBytes:
    def test_by_hand(self) -> None:
        original = np.zeros((2, 3, 4, 3), np.uint8)
        edited = original.copy()
        edited[:, :, 2:] = 9
        assert changed_bytes(edited, original, KEPT) == 0
        edited[1, 2, 1] = (1, 0, 255)
        assert changed_bytes(edited, original, KEPT) == 2
        assert changed_bytes(edited, original, np.stack([~KEPT, KEPT])) == 2 + 18

    def test_deep_pictures_have_two_bytes_a_sample(self) -> None:
        original = np.zeros((1, 3, 4, 4), np.uint16)
        edited = original.copy()
        edited[0, 0, 0] = (1, 256, 257, 0)
        assert changed_bytes(edited, original, KEPT) == 4

    @settings(deadline=None)
    @given(PICTURES, PICTURES)
    def test_is_the_number_of_samples_that_differ(self, edited: np.ndarray, original: np.ndarray) -> None:
        assert changed_bytes(edited, original, np.ones((3, 4), bool)) == (edited != original).sum()
        assert changed_bytes(edited, original, np.zeros((3, 4), bool)) == 0


class TestPreservation:
    def test_by_hand(self) -> None:
        original = np.full((2, 3, 4, 3), 100, np.uint8)
        edited = original.copy()
        edited[:, :, 2:] = 0
        assert preservation(edited, original, KEPT) == (np.inf, 0)
        edited[0, :, 0] += 10  # a quarter of the kept samples by 10: a mean square of 25
        found = preservation(edited, original, KEPT)
        assert found.psnr == pytest.approx(20 * np.log10(255 / 5))
        assert found.colour == pytest.approx(float(lab(edited, original)[0, 0, 0]) / 4)

    @settings(deadline=None)
    @given(PICTURES, PICTURES)
    def test_the_way_round_does_not_matter(self, edited: np.ndarray, original: np.ndarray) -> None:
        assert preservation(edited, original, KEPT) == preservation(original, edited, KEPT)


def test_what_cannot_be_compared_gets_a_sentence() -> None:
    pictures = np.zeros((2, 3, 4, 3), np.uint8)
    for measure in (changed_bytes, preservation):
        with pytest.raises(InputError, match=r"this one is bool \(4, 3\)"):
            measure(pictures, pictures, KEPT.T)
        with pytest.raises(InputError, match="this one is uint16"):
            measure(pictures, pictures, KEPT.astype(np.uint16))
    with pytest.raises(InputError, match="keeps no pixel"):
        preservation(pictures, pictures, np.zeros((3, 4), bool))
    with pytest.raises(InputError, match="both uint8 or both uint16"):
        changed_bytes(pictures, pictures.astype(np.uint16), KEPT)
    with pytest.raises(InputError, match="both uint8 or both uint16"):
        changed_bytes(pictures.astype(np.float32), pictures.astype(np.float32), KEPT)
