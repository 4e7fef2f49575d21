"""How many strengths are told apart: against the arithmetic written out, and at its edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sfumato_wire import FULL, EditInfo, GreysWhen, strengths

CHANGES = st.lists(st.integers(0, FULL) | st.just(FULL), max_size=40)
STEPS, STRENGTH, ROUNDING = st.integers(1, 1000), st.integers(0, 1000), st.sampled_from(["floor", "ceil"])


@given(STEPS, STRENGTH, CHANGES, ROUNDING)
def test_whole_steps_are_counted_exactly(steps: int, strength: int, changes: list[int], rounding: str) -> None:
    taken = set()
    for change in changes:
        whole, rest = divmod(steps * change * strength, 1000 * FULL)
        taken.add(whole + (rest > 0 if rounding == "ceil" else 0))
    assert strengths("steps", steps, strength, changes, rounding) == len(taken - {0})


@given(STEPS, STRENGTH, CHANGES, ROUNDING)
def test_the_kinds_are_in_order_and_never_more_than_what_is_painted(
    steps: int, strength: int, changes: list[int], rounding: str
) -> None:
    one, some, every = (strengths(greys, steps, strength, changes, rounding) for greys in ("one", "steps", "all"))
    assert one == min(some, 1)
    assert some <= steps
    assert max(some, every) <= len(set(changes) - {0})
    assert strengths("something newer", steps, strength, changes, rounding) == every


@pytest.mark.parametrize("steps", [1, 4, 8, 20, 255, 300])
def test_a_ramp_of_8_bits_at_full_strength(steps: int) -> None:
    ramp = [257 * grey for grey in range(256)]
    assert strengths("all", steps, 1000, ramp) == 255
    assert strengths("steps", steps, 1000, ramp) == min(steps, 255)
    assert strengths("one", steps, 1000, ramp) == 1


def test_only_greys_that_occur_count() -> None:
    assert strengths("all", 4, 1000, [0, 128 * 257, FULL]) == 2
    for greys in ("all", "steps", "one"):
        assert strengths(greys, 4, 1000, []) == strengths(greys, 4, 1000, [0]) == strengths(greys, 4, 0, [FULL]) == 0


def test_a_setting_may_change_what_counts() -> None:
    info = EditInfo(
        "e", "E", "", greys="one", greys_when=(GreysWhen("mask", "soft", "all"), GreysWhen("k", 0, "steps"))
    )
    assert info.greys_with({}) == info.greys_with({"mask": "hard", "k": 1}) == "one"
    assert info.greys_with({"mask": "soft", "k": 0}) == "all"
    assert info.greys_with({"k": 0.0}) == "steps"
