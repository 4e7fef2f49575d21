"""The level table: both sides only look it up, so it has to be right once."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sfumato_wire import FULL, Levels

GREYS = st.integers(0, FULL)
LEVELS = st.builds(
    lambda ends, gamma: Levels(min(ends), max(ends), gamma),
    st.lists(GREYS, min_size=2, max_size=2, unique=True),
    st.floats(0.1, 10.0) | st.just(1.0),
)


@settings(max_examples=15, deadline=None)
@given(LEVELS)
def test_ends_and_order(levels: Levels) -> None:
    table = levels.table()
    assert len(table) == FULL + 1
    assert not any(table[: levels.black + 1])
    assert set(table[levels.white :]) == {FULL}
    assert all(low <= high for low, high in itertools.pairwise(table))


@settings(max_examples=5, deadline=None)
@given(LEVELS)
def test_inversion_is_exact(levels: Levels) -> None:
    inverted = Levels(levels.black, levels.white, levels.gamma, invert=True).table()
    assert all(a + b == FULL for a, b in zip(levels.table(), inverted, strict=True))


def test_identity() -> None:
    assert list(Levels().table()) == list(range(FULL + 1))
    assert Levels().is_identity
    assert not Levels(invert=True).is_identity


def test_gamma_lifts_the_mid_greys() -> None:
    dark, plain, light = (Levels(gamma=gamma).table()[FULL // 2] for gamma in (0.5, 1.0, 2.0))
    assert dark < plain < light


@pytest.mark.parametrize(
    "wrong", [{"black": -1}, {"white": FULL + 1}, {"black": 5, "white": 5}, {"gamma": 0.0}, {"gamma": float("nan")}]
)
def test_wrong_levels(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"levels|Levels"):
        Levels(**wrong)  # type: ignore[arg-type]
