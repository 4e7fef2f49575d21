"""Time left: honest, and calm."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from krita_sfumato import sentences
from krita_sfumato.pace import STEPS, Pace, worth_saying


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def run(durations: list[float], looks: int = 4) -> list[tuple[float, int | None]]:
    """(what is left in truth, what is said) each time somebody looks, a few times a step."""
    clock = Clock()
    pace, total = Pace(clock), sum(durations)
    began, said = clock.now, []
    pace.step(0, len(durations))
    for number, seconds in enumerate(durations, 1):
        for _ in range(looks):
            clock.now += seconds / looks
            said.append((total - (clock.now - began), pace.left()))
        pace.step(number, len(durations))
    assert pace.left() is None, "done"
    return said


def test_nothing_is_said_before_two_steps() -> None:
    clock = Clock()
    pace = Pace(clock)
    for step in range(2):
        pace.step(step, 20)
        clock.now += 3
        assert pace.left() is None
    pace.step(2, 20)
    assert pace.left() == 55
    assert sentences.time_left(55) == "about 55 s left"


def test_an_even_pace_counts_down_and_is_never_too_hopeful() -> None:
    said = run([2.0] * 30)
    shown = [value for _, value in said if value is not None]
    assert shown == sorted(shown, reverse=True)
    for truth, value in said:
        assert value is None or truth - 1e-6 <= value <= max(2 * truth, truth + 15), (truth, value)


@pytest.mark.parametrize("seed", range(20))
def test_an_uneven_pace_does_not_jitter(seed: int) -> None:
    lots = random.Random(seed)
    said = run([lots.uniform(1.5, 2.5) for _ in range(40)])
    shown = [value for _, value in said if value is not None]
    assert all(later <= earlier for earlier, later in pairwise(shown))
    assert len(set(shown)) <= 16
    for truth, value in said:
        assert value is None or value >= 0.6 * truth - 5, (truth, value)


def test_the_first_step_does_not_count() -> None:
    said = run([60.0, *[1.0] * 20])
    assert max(value for _, value in said if value is not None) <= 20


def test_when_it_becomes_slower_that_is_said_once() -> None:
    said = run([2.0] * 10 + [8.0] * 12)
    assert 24 <= next(value for truth, value in said if truth <= 96 and value is not None) <= 30, "nobody knew"
    shown = [value for truth, value in said if truth <= 94]
    rises = [later for earlier, later in pairwise(shown) if later > earlier]
    assert 1 <= len(rises) <= 3, shown
    for truth, value in said:
        assert truth > 60 or 0.6 * truth <= value <= truth + 15, (truth, value)


def test_while_a_step_hangs_nothing_is_said() -> None:
    clock = Clock()
    pace = Pace(clock)
    for step in range(19):
        clock.now += 2
        pace.step(step, 20)
        pace.left()
    heard = []
    for _ in range(60):
        clock.now += 1
        heard.append(pace.left())
    assert heard[0] == 5
    assert heard[-1] is None
    pace.step(19, 20)
    assert pace.left() is not None


def test_what_is_short_needs_no_clock() -> None:
    assert {value for _, value in run([0.2] * 20)} == {None}


def test_a_job_that_begins_anew_is_a_new_one() -> None:
    clock = Clock()
    pace = Pace(clock)
    for step in range(10):
        pace.step(step, 20)
        clock.now += 4
    assert pace.left() is not None
    pace.step(1, 20)
    assert pace.left() is None
    pace.step(2, 10)
    assert pace.left() is None


def test_steps_that_were_not_heard_of_count() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.step(1, 40)
    clock.now += 10
    pace.step(11, 40)
    assert pace.left() == 30
    pace.step(11, 40)
    pace.step(11, 40)
    assert pace.left() == 30


def test_only_values_worth_saying() -> None:
    said = {worth_saying(seconds / 10) for seconds in range(36000)}
    assert said == {5, *STEPS, *range(300, 3601, 60)}
    for value in said:
        text = sentences.time_left(value)
        assert text.endswith("left")
        assert "{" not in text
    assert [sentences.time_left(value) for value in (5, 10, 60, 90, 600)] == [
        "a few seconds left",
        "about 10 s left",
        "about 1 min left",
        "about 1½ min left",
        "about 10 min left",
    ]
