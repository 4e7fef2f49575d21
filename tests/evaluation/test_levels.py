"""How change answers to grey: curves by hand, and chains against all chains there are."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sfumato.errors import InputError
from sfumato.evaluation.levels import levels, response, response_intervals, singly
from sfumato.evaluation.measures import pearson

GREYS = np.linspace(0, 1, 17)


def told(change: np.ndarray, low: int, high: int, errors: float = 2.0) -> bool:
    rise = change[:, high] - change[:, low]
    return bool(rise.mean() > errors * rise.std(ddof=1) / len(rise) ** 0.5)


class TestResponse:
    def test_half_of_white_at_half_grey_is_right(self) -> None:
        found = response(np.outer([1.0, 7.0, 30.0], GREYS), GREYS)
        assert found.change.tolist() == pytest.approx(GREYS.tolist())
        assert found[1:] == pytest.approx((1, 1, 0, 1, 0, 1), abs=1e-12)

    def test_by_hand(self) -> None:
        found = response(np.array([[0.0, 0.5, 0.5, 1.25, 2.0]]), [0, 0.25, 0.5, 0.75, 1])
        # Between black and white 2/8, 2/8, 5/8: around their mean 3/8 the squares sum to 3/32.
        assert found.change.tolist() == [0, 0.25, 0.25, 0.625, 1]
        assert found.slope == pytest.approx(0.75)
        assert found.offset == pytest.approx(0)
        assert found.r2 == pytest.approx(1 - (5 / 64) * (32 / 3))
        assert found.r2_fitted == pytest.approx(1 - (3 / 128) * (32 / 3))
        assert found.largest_fall == 0
        assert found.spearman == pytest.approx(pearson([0, 1.5, 1.5, 3, 4], [0, 1, 2, 3, 4]))

    def test_black_and_white_explain_nothing(self) -> None:
        """They lie on the line whatever a rule does."""
        cut = response((GREYS > 0.5)[None].astype(float), GREYS)
        inner = slice(1, -1)
        share, line = (GREYS > 0.5)[inner].astype(float), GREYS[inner]
        assert cut.r2 == pytest.approx(1 - np.square(share - line).sum() / np.square(share - share.mean()).sum())

    def test_a_fall_in_small_steps_is_a_fall(self) -> None:
        found = response(np.array([[0, 0.6, 0.5, 0.4, 1]]), np.linspace(0, 1, 5))
        assert found.largest_fall == pytest.approx(0.2)
        assert found.spearman == pytest.approx(1 - 6 * 8 / (5 * 24))  # ranks 0 3 2 1 4

    def test_greys_that_change_alike_share_their_rank(self) -> None:
        found = response(np.array([[0, 0, 0.5, 0.7, 1]]), np.linspace(0, 1, 5))
        assert found.spearman == pytest.approx(pearson([0.5, 0.5, 2, 3, 4], [0, 1, 2, 3, 4]))

    def test_a_curve_that_is_straight_but_not_the_right_one_is_told_apart(self) -> None:
        found = response(0.5 + 0.5 * GREYS[None], GREYS)
        assert found.r2_fitted == pytest.approx(1)
        assert found.slope == pytest.approx(0.5)
        assert found.r2 < 0

    @settings(deadline=None)
    @given(hnp.arrays(np.float64, (3, 5), elements=st.floats(0.01, 1)), st.floats(0.1, 100))
    def test_scale_does_not_matter_and_the_right_line_never_beats_the_fitted_one(
        self, change: np.ndarray, scale: float
    ) -> None:
        greys = np.linspace(0, 1, 5)
        found, scaled = response(change, greys), response(scale * change, greys)
        if np.ptp(change.mean(0)[1:-1]) < 1e-3:
            return
        assert found.r2 <= found.r2_fitted + 1e-9
        assert -1e-9 <= found.r2_fitted <= 1 + 1e-9
        assert scaled[1:6] == pytest.approx(found[1:6], rel=1e-6, abs=1e-6)

    def test_a_picture_that_hardly_changes_has_no_say(self) -> None:
        change = np.concatenate([np.outer([1.0, 1.0], GREYS), 1e-9 * np.random.default_rng(0).random((1, 17))])
        assert response(change, GREYS).r2 == pytest.approx(1)

    def test_a_curve_that_never_varies_has_no_fit(self) -> None:
        found = response(np.ones((2, 5)), np.linspace(0, 1, 5))
        assert np.isnan([found.r2, found.r2_fitted, found.spearman]).all()
        assert found.slope == 0

    def test_intervals_draw_whole_pictures(self) -> None:
        # Pictures of very different strength that all answer alike: no doubt about the curve at all.
        alike = np.outer([1.0, 7.0, 30.0, 2.0], GREYS**2)
        for low, high in response_intervals(alike, GREYS).values():
            assert low == pytest.approx(high)
        mixed = np.stack([GREYS, GREYS**2, GREYS**3, GREYS**0.5])
        found, point = response_intervals(mixed, GREYS), response(mixed, GREYS)
        assert found["r2"].low < point.r2 < found["r2"].high < 1
        assert found["slope"].low < point.slope < found["slope"].high

    def test_intervals_hold_what_they_say(self) -> None:
        """Samples of a response that is known: its own R2 and slope lie within about 19 times in 20."""
        rng = np.random.default_rng(0)
        curve = GREYS + 0.03 * np.sin(2 * np.pi * GREYS)
        right = response(curve[None], GREYS)
        held = {"r2": 0, "slope": 0}
        for _ in range(300):
            strength, bow = rng.uniform(0.5, 1.5, (40, 1)), 0.2 * rng.standard_normal((40, 1))
            sample = strength * (curve + bow * GREYS * (1 - GREYS))
            for name, (low, high) in response_intervals(sample, GREYS).items():
                held[name] += low <= getattr(right, name) <= high
        assert 265 <= held["r2"] <= 300
        assert 265 <= held["slope"] <= 300

    def test_what_single_pictures_do_stands_beside_the_mean(self) -> None:
        """Two that bow to either side: their mean is straight, and neither is."""
        both = np.stack([GREYS**2, 2 * GREYS - GREYS**2])
        assert response(both, GREYS).r2 == pytest.approx(1)
        each = [response(one[None], GREYS) for one in both]
        assert singly(both, GREYS).r2 == pytest.approx(np.mean([one.r2 for one in each]))
        falls = np.stack([[0, 0.5, 0.2, 0.6, 1], [0, 0.2, 0.5, 0.6, 1], [0, 0.6, 0.5, 0.6, 1]])
        found = singly(np.concatenate([falls, np.zeros((1, 5))]), np.linspace(0, 1, 5))
        assert found.fall == pytest.approx(0.1)
        assert found.tenth < found.r2
        with pytest.raises(InputError, match="White changes nothing"):
            singly(np.zeros((2, 5)), np.linspace(0, 1, 5))

    def test_what_is_no_response_gets_a_sentence(self) -> None:
        change, right = np.ones((2, 5)), np.linspace(0, 1, 5)
        for wrong in ([0, 0.2, 0.5, 1], [0, 0.2, 0.5, 0.7, 0.9], [0, 0, 0.2, 0.5, 1], [0, 0.5, 0.2, 0.7, 1]):
            with pytest.raises(InputError, match="ascending to 1"):
                response(change, wrong)
        for wrong in ([-1, 0, 0.2, 0.5, 1], [0, np.nan, 0.2, 0.5, 1]):
            with pytest.raises(InputError, match="ascending to 1"):
                response(change, wrong)
        with pytest.raises(InputError, match="three greys between black and white"):
            response(change[:, :4], [0, 0.3, 0.6, 1])
        with pytest.raises(InputError, match="White changes nothing"):
            response(np.zeros((2, 5)), right)
        with pytest.raises(InputError, match="finite array"):
            response(np.full((2, 5), np.nan), right)
        with pytest.raises(InputError, match="finite array"):
            response(change[0], right)


class TestLevels:
    @settings(deadline=None)
    @given(hnp.arrays(np.float64, (4, 7), elements=st.integers(0, 9).map(float)), st.sampled_from([1.0, 2.0]))
    def test_the_longest_of_all_chains(self, change: np.ndarray, errors: float) -> None:
        chain = levels(change, errors)
        assert all(told(change, a, b, errors) for a, b in pairwise(chain))
        for length in range(len(chain) + 1, 8):
            for other in combinations(range(7), length):
                assert not all(told(change, a, b, errors) for a, b in pairwise(other))

    def test_greed_is_not_enough(self) -> None:
        # Means 0, 3, 2, 4: grey 1 can be told from 0 and taken at once, but it is too noisy for 3 to be told from it.
        rng = np.random.default_rng(0)
        noise = rng.standard_normal((200, 4)) * [0.01, 15, 0.01, 0.01]
        change = np.array([0, 3, 2, 4]) + noise - noise.mean(axis=0)
        assert told(change, 0, 1)
        assert not told(change, 1, 3)
        assert levels(change) == [0, 2, 3]

    def test_steps_are_counted_not_greys(self) -> None:
        # Four plateaus of greys whose pictures are the same bytes, however much pictures differ.
        strength = np.random.default_rng(0).uniform(1, 50, (200, 1))
        change = strength * np.repeat([0.0, 0.3, 0.6, 1.0], 16)
        assert levels(change) == [0, 16, 32, 48]

    def test_what_a_picture_changes_anyway_does_not_hide_a_rise(self) -> None:
        rng = np.random.default_rng(0)
        change = 0.01 * np.arange(64) + 0.01 * rng.standard_normal((200, 64))
        alone = levels(change)
        assert len(alone) >= 60
        assert levels(change + 100 * rng.random((200, 1))) == alone

    def test_a_fall_is_not_a_level(self) -> None:
        assert levels(np.tile([3.0, 2.0, 1.0], (2, 1))) == [0]
        assert levels(np.tile([1.0, 3.0, 2.0, 4.0], (2, 1))) == [0, 1, 3]

    def test_luck_counts_noisy_plateaus_twice_and_other_pictures_do_not(self) -> None:
        noise = np.random.default_rng(0).standard_normal((400, 64))
        for plateaus in (1, 4):
            change = noise + 5 * np.floor(np.linspace(0, plateaus, 64, endpoint=False))
            half, other = change[::2], change[1::2]
            assert plateaus < len(levels(half)) <= 2 * plateaus
            assert len(levels(other[:, levels(half)])) == plateaus

    def test_one_picture_tells_nothing(self) -> None:
        with pytest.raises(InputError, match="at least two pictures"):
            levels(np.ones((1, 4)))
        with pytest.raises(InputError, match="finite array"):
            levels(np.full((2, 4), np.inf))
