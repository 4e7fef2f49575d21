"""Does the change follow the map: values by hand, what must not matter, and what cannot be measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sfumato.change_map import M
from sfumato.errors import InputError
from sfumato.evaluation import maps
from sfumato.evaluation.measures import (
    bootstrap,
    cam,
    dam,
    edit_map,
    identification,
    identify,
    jackknife,
    normalised_trend,
    pearson,
    reliability,
    student,
    trend,
    trend_quotient,
)

SMALL = np.array([[0, M], [M, 0]], np.uint16)
CANDIDATES = np.stack([draw(32) for draw in maps.MAPS.values()])
CHANGE = hnp.arrays(np.float64, (6, 5), elements=st.floats(0, 100))
MAP = hnp.arrays(np.uint16, (6, 5)).filter(lambda drawn: np.ptp(drawn) > 0)


def noisy(change_map: np.ndarray, count: int, noise: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.abs(change_map / M + noise * rng.standard_normal((count, *change_map.shape)))


class TestPearson:
    def test_by_hand(self) -> None:
        assert pearson([0, 1, 2], [0, 1, 5]) == pytest.approx(5 / 28**0.5)
        assert pearson([[0, 1], [1, 0]], [3, 4]).tolist() == pytest.approx([1, -1])

    @settings(deadline=None)
    @given(
        hnp.arrays(np.float64, 7, elements=st.floats(-1e6, 1e6)), hnp.arrays(np.float64, 7, elements=st.floats(0, 1))
    )
    def test_lies_within_one_or_is_nan_where_a_side_is_constant(self, first: np.ndarray, second: np.ndarray) -> None:
        correlation = float(pearson(first, second))
        if np.ptp(first) == 0 or np.ptp(second) == 0:
            assert np.isnan(correlation)
        else:
            assert -1 <= correlation <= 1

    def test_constants_that_floats_do_not_hold_are_constants(self) -> None:
        assert np.isnan(pearson([0.1] * 7, range(7)))

    def test_tiny_values_count(self) -> None:
        assert pearson([0, 1e-200, 2e-200], [0, 1, 2]) == pytest.approx(1)


class TestAdherence:
    def test_by_hand(self) -> None:
        edited = np.array([[0.0, 1.0], [1.0, 1.0]])
        # Covariance 1/2 of spreads 1 and 3/4.
        assert cam(SMALL, edited) == pytest.approx(0.5 / (1 * 0.75) ** 0.5)
        found = dam(SMALL, edited)
        assert found.slope == pytest.approx(255 * 2 / 3)
        assert found.offset == pytest.approx(0, abs=1e-9)
        # M - a EM is 0, 85, 85, -170.
        assert found.frobenius == pytest.approx((2 * 85**2 + 170**2) ** 0.5)
        assert found.rms == pytest.approx(found.frobenius / 2)
        assert found.share == pytest.approx(found.rms / 127.5)

    def test_a_change_that_is_the_map_is_followed_wholly(self) -> None:
        for drawn in CANDIDATES:
            followed = drawn / M
            assert cam(drawn, followed) == pytest.approx(1)
            assert dam(drawn, followed).rms == pytest.approx(0, abs=1e-9)
            assert cam(drawn, 1 - followed) == pytest.approx(-1)
            assert dam(drawn, 1 - followed).rms == pytest.approx(0, abs=1e-9)

    @settings(deadline=None)
    @given(MAP, CHANGE, st.floats(0.01, 100), st.floats(-100, 100))
    def test_scale_and_offset_of_change_do_not_matter(
        self, drawn: np.ndarray, edited: np.ndarray, scale: float, offset: float
    ) -> None:
        if np.ptp(edited) < 1e-3:
            return
        moved = scale * edited + offset
        assert cam(drawn, moved) == pytest.approx(cam(drawn, edited), abs=1e-6)
        assert dam(drawn, moved).rms == pytest.approx(dam(drawn, edited).rms, abs=1e-3)

    @settings(deadline=None)
    @given(MAP, CHANGE)
    def test_dam_is_the_least_of_its_formula(self, drawn: np.ndarray, edited: np.ndarray) -> None:
        if np.ptp(edited) < 1e-3:
            return
        grey, found = drawn * (255 / M), dam(drawn, edited)
        assert found.frobenius == pytest.approx(np.linalg.norm(grey - found.slope * edited - found.offset), abs=1e-6)
        for a, b in ((0.1, 0), (-0.1, 0), (0, 1), (0, -1)):
            assert found.frobenius <= np.linalg.norm(grey - (found.slope + a) * edited - found.offset - b) + 1e-6
        assert found.rms == pytest.approx(grey.std() * (1 - cam(drawn, edited) ** 2) ** 0.5, abs=1e-4)

    def test_more_pixels_of_the_same_change_only_the_papers_norm(self) -> None:
        drawn, edited = CANDIDATES[1], noisy(CANDIDATES[1], 1, 0.3)[0]
        small = dam(drawn, edited)
        large = dam(np.kron(drawn, np.ones((2, 2), np.uint16)), np.kron(edited, np.ones((2, 2))))
        assert large.rms == pytest.approx(small.rms)
        assert large.share == pytest.approx(small.share)
        assert large.frobenius == pytest.approx(2 * small.frobenius)

    def test_no_change_follows_nothing(self) -> None:
        for value in (0.0, 0.1):
            edited = np.full((2, 2), value)
            assert np.isnan(cam(SMALL, edited))
            found = dam(SMALL, edited)
            assert (found.slope, found.share) == (0, 1)
            assert found.rms == 127.5

    def test_a_map_of_one_grey_or_another_size_gets_a_sentence(self) -> None:
        for measure in (cam, dam):
            with pytest.raises(InputError, match="one grey cannot be followed"):
                measure(np.full((2, 2), M, np.uint16), np.eye(2))
            with pytest.raises(InputError, match=r"of the change's size \(3, 3\); this one is uint16 \(2, 2\)"):
                measure(SMALL, np.eye(3))
            with pytest.raises(InputError, match="this one is int64"):
                measure(SMALL.astype(np.int64), np.eye(2))

    def test_edit_map_is_the_mean_less_what_changes_anyway(self) -> None:
        changes = np.array([[[1.0, 3.0]], [[3.0, 5.0]]])
        assert edit_map(changes).tolist() == [[2, 4]]
        assert edit_map(changes, np.array([[[1.0, 4.0]]])).tolist() == [[1, 0]]
        # A border that changes more, whatever the map, hides the map until it is taken off.
        ease = np.ones((32, 32))
        ease[:4], ease[-4:] = 3, 3
        edits = noisy(CANDIDATES[0], 20, 0.1) + ease
        full = 1 + ease + noisy(np.zeros_like(CANDIDATES[0]), 20, 0.1, seed=1)
        assert cam(CANDIDATES[0], edit_map(edits)) < 0.4
        assert cam(CANDIDATES[0], edit_map(edits, full)) > 0.98
        with pytest.raises(InputError, match=r"\[n, height, width\]; these are \(32, 32\)"):
            edit_map(edits[0])


class TestTrend:
    def test_by_hand(self) -> None:
        change = np.array([[[3.0, 0.0, 1.0], [4.0, 0.0, 0.0]]])
        assert trend(change).tolist() == [[5, 0, 1]]
        assert normalised_trend(change, np.array([[[3.0, 0.0, 2.0], [4.0, 1.0, 0.0]]])).tolist() == [[0, -1, -1]]
        quotient = trend_quotient(change, np.array([[[6.0, 0.0, 2.0], [8.0, 0.0, 0.0]]]))
        assert quotient[0, [0, 2]].tolist() == [0.5, 0.5]
        assert np.isnan(quotient[0, 1])

    def test_reliability_is_how_straight_the_trend_rises(self) -> None:
        rising = np.arange(8.0)
        found = reliability(np.stack([2 * rising + 3, -rising, np.ones(8)]))
        assert found[:2].tolist() == pytest.approx([1, -1])
        assert np.isnan(found[2])
        # 0, 1, 4 against 0, 1, 2; the column that is not known is left out with its number.
        assert reliability(np.array([[0.0, 1.0, 4.0]]))[0] == pytest.approx(pearson([0, 1, 4], [0, 1, 2]))
        assert reliability(np.array([[0.0, np.nan, 2.0, 9.0]]))[0] == pytest.approx(pearson([0, 2, 9], [0, 2, 3]))
        assert np.isnan(reliability(np.full((1, 4), np.nan))[0])

    def test_a_gradient_is_reliable_and_a_flat_map_is_not(self) -> None:
        full = noisy(np.full((32, 32), M, np.uint16), 10, 0.05, seed=1)
        followed, flat = noisy(CANDIDATES[0], 10, 0.05), noisy(np.full((32, 32), M // 2, np.uint16), 10, 0.05)
        assert reliability(normalised_trend(followed, full)).min() > 0.99
        assert np.abs(reliability(normalised_trend(flat, full)).mean()) < 0.3

    def test_difference_and_quotient_cure_different_things(self) -> None:
        c = np.tile(np.linspace(0, 1, 16), (1, 4, 1))
        ease = 1 + np.sin(np.arange(16.0)) ** 2  # by column
        multiplied, added = (ease * c, ease + 0 * c), (c + ease, 1 + ease + 0 * c)
        assert reliability(trend_quotient(*multiplied))[0] == pytest.approx(1)
        assert reliability(normalised_trend(*multiplied))[0] < 0.95
        assert reliability(normalised_trend(*added))[0] == pytest.approx(1)
        assert reliability(trend_quotient(*added))[0] < 0.99
        assert reliability(trend(added[0]))[0] < 0.95


class TestIdentification:
    def test_the_map_that_made_it_is_found(self) -> None:
        edits = np.concatenate([7 * noisy(drawn, 5, 0.2) + 2 for drawn in CANDIDATES])
        assert identify(edits, CANDIDATES).tolist() == [0] * 5 + [1] * 5 + [2] * 5
        found = identification(edits, np.repeat([0, 1, 2], 5), CANDIDATES)
        assert found.percent == 100
        assert found.confusion.tolist() == [[5, 0, 0, 0], [0, 5, 0, 0], [0, 0, 5, 0]]

    def test_an_edit_that_followed_another_map_is_counted_against(self) -> None:
        edits = np.stack([CANDIDATES[1], CANDIDATES[1], CANDIDATES[2], np.ones((32, 32))])
        found = identification(edits, [0, 1, 2, 2], CANDIDATES)
        assert found.percent == 50
        assert found.confusion.tolist() == [[0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1]]

    def test_what_cannot_be_told_is_said_not_guessed(self) -> None:
        assert identify(np.ones((1, 32, 32)), CANDIDATES).tolist() == [-1]
        twice = np.stack([CANDIDATES[0], CANDIDATES[1], CANDIDATES[0] // 2])
        assert identify(np.stack([CANDIDATES[0], CANDIDATES[1]]), twice).tolist() == [-1, 1]
        assert identify(CANDIDATES[:1], CANDIDATES[:1]).tolist() == [0]

    def test_chance_is_chance(self) -> None:
        rng = np.random.default_rng(0)
        found = identification(rng.random((300, 32, 32)), np.arange(300) % 3, CANDIDATES)
        assert 20 < found.percent < 47

    def test_what_does_not_belong_together_gets_a_sentence(self) -> None:
        edits = np.zeros((2, 32, 32))
        with pytest.raises(InputError, match="the number of the one of the maps"):
            identification(edits, [0], CANDIDATES)
        with pytest.raises(InputError, match="the number of the one of the maps"):
            identification(edits, [0, 3], CANDIDATES)
        with pytest.raises(InputError, match="one grey"):
            identify(edits, np.stack([CANDIDATES[0], np.zeros((32, 32), np.uint16)]))


class TestBootstrap:
    def test_covers_a_mean_as_theory_says(self) -> None:
        values = np.random.default_rng(0).standard_normal(400)
        found = bootstrap(lambda drawn: values[drawn].mean(), 400)
        error = 1.96 * values.std() / 20
        assert found.low == pytest.approx(values.mean() - error, abs=0.02)
        assert found.high == pytest.approx(values.mean() + error, abs=0.02)

    def test_the_same_seed_is_the_same_interval_and_arrays_have_arrays(self) -> None:
        values = np.random.default_rng(0).random((20, 3))
        first, again, other = (bootstrap(lambda drawn: values[drawn].mean(0), 20, seed=seed) for seed in (1, 1, 2))
        assert first.low.shape == (3,)
        assert np.array_equal(first.low, again.low)
        assert not np.array_equal(first.low, other.low)
        assert (first.low < values.mean(0)).all()
        assert (values.mean(0) < first.high).all()

    def test_a_wider_level_holds_a_narrower_one(self) -> None:
        values = np.random.default_rng(0).random(20)
        wide, narrow = (bootstrap(lambda drawn: values[drawn].mean(), 20, level=level) for level in (0.99, 0.5))
        assert wide.low < narrow.low < narrow.high < wide.high

    def test_one_picture_has_no_interval(self) -> None:
        with pytest.raises(InputError, match="at least two pictures"):
            bootstrap(lambda drawn: 0.0, 1)


class TestJackknife:
    @pytest.mark.parametrize(("degrees", "right"), [(3, 3.182), (5, 2.571), (10, 2.228), (30, 2.042), (10_000, 1.960)])
    def test_students_quantiles(self, degrees: int, right: float) -> None:
        assert student(degrees) == pytest.approx(right, rel=0.01)

    def test_of_a_mean_it_is_students_interval(self) -> None:
        values = np.random.default_rng(0).normal(3, 2, 12)
        without = (values.sum() - values) / 11
        reach = student(11) * values.std(ddof=1) / 12**0.5
        assert jackknife(values.mean(), without) == pytest.approx((values.mean() - reach, values.mean() + reach))
