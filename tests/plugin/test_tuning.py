"""Which values of an edit are sent and kept."""

from __future__ import annotations

import math

import pytest
from krita_sfumato.tuning import (
    asks_source,
    digits,
    finder,
    first_sentence,
    label,
    merged,
    slot,
    takes,
    values_for,
    worth_saying,
)
from krita_sfumato.vendor.sfumato_wire import EditInfo, Parameter

REPEATS = Parameter("repeats", "int", 1, "", 1, 9)
POWER = Parameter("power", "float", 0.5, "", 0.0, 1.0)
FREE = Parameter("free", "float", 0.0, "")
HINTING = Parameter("hinting", "bool", True, "")
AXIS = Parameter("axis", "choice", "steps", "", choices=("steps", "noise"))
ALL = (REPEATS, POWER, FREE, HINTING, AXIS)


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        (REPEATS, [1, 9], [0, 10, 2.0, "2", True, None, 10**400, -(10**400)]),
        (POWER, [0, 0.25, 1.0], [-0.1, 1.1, math.nan, math.inf, "0.5", True]),
        (FREE, [-1e9, 7], [math.nan, -math.inf, [0.5], 10**400]),
        (Parameter("any", "int", 0, ""), [-5, 2**31 - 1], [2**31, 10**400]),
        (HINTING, [True, False], [0, 1, "true"]),
        (AXIS, ["steps", "noise"], ["perceived", 0, None]),
        (Parameter("colour", "colour", "red", ""), [], ["red", 1]),
    ],
)
def test_only_what_the_declaration_takes(parameter: Parameter, good: list, bad: list) -> None:
    assert all(takes(parameter, value) for value in good)
    assert not any(takes(parameter, value) for value in bad)


def test_only_what_differs_from_the_defaults_is_worth_saying() -> None:
    saved = {"repeats": 1, "power": 0.25, "hinting": False, "axis": "steps", "free": "x", "of an older version": 3}
    assert worth_saying(saved, ALL) == {"power": 0.25, "hinting": False}


def test_values_of_an_edit_and_of_its_map_are_apart() -> None:
    info = EditInfo("diffedit", "DiffEdit", "", (REPEATS,), finds_map=True, map_parameters=(REPEATS, POWER))
    tuning = {slot("diffedit", "edit"): {"repeats": 2}, slot("diffedit", "map"): {"repeats": 3, "gone": 1}}
    assert values_for(tuning, info, "edit") == {"repeats": 2}
    assert values_for(tuning, info, "map") == {"repeats": 3}
    assert values_for({}, info, "map") == {}


def test_the_map_is_found_by_the_chosen_edit_if_it_can() -> None:
    plain, one, two = (EditInfo(name, name, "", finds_map=name != "plain") for name in ("plain", "one", "two"))
    assert finder((plain, one, two), "two") == two
    assert finder((plain, one, two), "plain") == one
    assert finder((plain,), "plain") is None


def test_what_only_another_version_takes_is_kept_for_it() -> None:
    saved = {"repeats": 99, "power": 0.25, "of an older version": 3}
    assert merged(saved, {"hinting": False}, ALL) == {"repeats": 99, "of an older version": 3, "hinting": False}
    assert merged(saved, {"repeats": 2}, ALL) == {"of an older version": 3, "repeats": 2}


def test_what_the_picture_shows_is_asked_for_by_the_edit_or_by_find_or_when_nobody_knows() -> None:
    plain = EditInfo("plain", "plain", "")
    asks = EditInfo("asks", "asks", "", source_prompt=True)
    finds = EditInfo("finds", "finds", "", source_prompt=True, finds_map=True)
    assert not asks_source((plain, asks), "plain")
    assert asks_source((plain, asks), "asks")
    assert asks_source((plain, finds), "plain")
    assert not asks_source((plain, EditInfo("finds", "finds", "", finds_map=True)), "plain")
    assert asks_source((), "")


@pytest.mark.parametrize(
    ("default", "low", "high", "expected"),
    [(0.5, 0.0, 1.0, 2), (0.0625, 0.0, 1.0, 4), (0.5, 0.001, 1.0, 3), (0.5, 0.0, 0.9995, 4), (1.0, None, None, 2)],
)
def test_a_number_shows_the_digits_of_its_default_and_its_limits(default, low, high, expected: int) -> None:
    assert digits(Parameter("p", "float", default, "", low, high)) == expected


def test_words() -> None:
    assert label("mask_power") == "Mask power"
    assert first_sentence("Greys count. More on this.") == "Greys count."
    assert first_sentence("Greys count") == "Greys count."
    assert first_sentence("") == ""
