"""The heat as bytes against numpy, the backend's own map, and a model of Krita's normal blending."""

from __future__ import annotations

from collections.abc import Generator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from krita_sfumato import heat, map_look, sentences
from krita_sfumato.strengths import strengths_sentence
from krita_sfumato.vendor.sfumato_wire import Levels
from sfumato import change_map

RANDOM = np.random.default_rng(4)


def pixels(height: int, width: int) -> np.ndarray:
    return RANDOM.integers(0, 256, (height, width, 4), np.uint8)


def levels() -> st.SearchStrategy[Levels]:
    return st.builds(
        Levels,
        black=st.integers(0, 30_000),
        white=st.integers(30_001, 65_535),
        gamma=st.floats(0.2, 5.0),
        invert=st.booleans(),
    )


# ---------------------------------------------------------------------- greys


def test_greys_stay_exact_and_colours_weigh_as_they_are_seen() -> None:
    ramp = bytes(range(256))
    assert heat.grey_of(b"".join(bytes([v, v, v, 255]) for v in ramp)) == ramp
    # What Krita 5.1.5 to 6.0.4 made of these when it converted them to grey.
    bgra = bytes([30, 60, 200, 255, 0, 0, 255, 255, 0, 255, 0, 255, 255, 0, 0, 255, 90, 90, 90, 255])
    assert np.abs(np.array([*heat.grey_of(bgra)]) - [112, 130, 220, 70, 90]).max() <= 1


def test_among_colours_a_grey_stays_within_one() -> None:
    greys = b"".join(bytes([v, v, v, 255]) for v in range(256)) + bytes([0, 0, 255, 255])
    assert np.abs(np.array([*heat.grey_of(greys)])[:256] - np.arange(256)).max() <= 1


def test_opacity_counts() -> None:
    picture = pixels(9, 7)
    picture[..., 0] = picture[..., 2] = picture[..., 1]
    expected = np.rint(picture[..., 1] / 255 * picture[..., 3]).astype(int)
    assert [*heat.painted(picture.tobytes())] == expected.ravel().tolist()
    assert heat.painted(picture.tobytes(), alpha_only=True) == picture[..., 3].tobytes()


@given(levels(), st.integers(0, 1000))
def test_the_table_is_the_backends(levels: Levels, strength: int) -> None:
    greys = (np.arange(256) * 257).astype(np.uint16)
    wanted = change_map.scaled(change_map.apply_levels(greys, levels).astype(np.int64), strength)
    table = np.array([*heat.change_table(levels, strength)])
    assert np.abs(table * 257 - wanted).max() <= 257
    assert ((table > 0) == (wanted > 0)).all()


def test_nothing_done_to_the_greys_is_no_change_to_them() -> None:
    assert heat.change_table(Levels()) == bytes(range(256))


def test_counts() -> None:
    assert heat.counts(bytes([3, 3, 255]))[3] == 2
    assert sum(heat.counts(bytes(1000))) == 1000


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (12, 31)])
@pytest.mark.parametrize("half", [0, 1, 4, 40])
def test_softened_as_the_backend_softens(shape: tuple[int, int], half: int) -> None:
    values = RANDOM.integers(0, 256, shape, np.uint8)
    wanted = change_map.soften(values.astype(np.uint16) * 257, 2 * half) / 257
    got = np.frombuffer(heat.softened(values.tobytes(), shape[1], half), np.uint8).reshape(shape)
    assert np.abs(got - wanted).max() <= 3  # six times rounded to 8 bits instead of 16


def test_softening_is_scaled_with_the_picture() -> None:
    assert heat.soft_half(0, 1.0) == 0
    assert heat.soft_half(40, 1.0) == 20
    assert heat.soft_half(40, 16.0) == 1
    assert heat.soft_half(2, 16.0) == 0


# ---------------------------------------------------------------------- colours


def test_no_change_has_no_colour_and_more_change_shows_more() -> None:
    table = np.frombuffer(heat.heated(bytes(range(256))), np.uint8).reshape(256, 4).astype(int)
    assert (table[0] == 0).all()
    assert (np.diff(table[:, 3]) >= 0).all()
    assert table[1, 3] >= 30  # what may change at all is seen
    assert (table[:, :3] <= table[:, 3:]).all()  # premultiplied


def test_heat_grows_lighter_for_any_eyes() -> None:
    rgb = np.array(heat.colours()) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    # Viénot, Brettel and Mollon 1999: what is left without the red or without the green cones.
    protan = np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]])
    deutan = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])
    for eyes in (np.eye(3), protan, deutan):
        light = (linear @ eyes.T) @ [0.2126, 0.7152, 0.0722]
        lightness = 116 * np.cbrt(np.maximum(light, 0.008856)) - 16
        steps = np.diff(lightness[::15])
        assert (steps > 0.5).all(), steps
        assert steps.max() / steps.mean() < 2.5


@pytest.mark.parametrize("opacity", [26, 128, 200])
def test_the_picture_below_a_map_that_lies_over_it(opacity: int) -> None:
    below, layer = pixels(20, 20), pixels(20, 20)
    below[..., 3] = 255
    veil = layer[..., 3:] / 255 * opacity / 255
    seen = below.copy()
    seen[..., :3] = np.rint(below[..., :3] * (1 - veil) + layer[..., :3] * veil)
    got = np.frombuffer(heat.unveiled(seen.tobytes(), layer.tobytes(), opacity), np.uint8).reshape(below.shape)
    off = np.abs(got.astype(int) - below)
    assert (off[..., :3] <= 2.1 / (1 - veil)).all()
    assert (got[..., 3] == 255).all()


def test_without_a_veil_the_picture_stays() -> None:
    picture = pixels(3, 3)
    picture[..., 3] = 255
    assert heat.unveiled(picture.tobytes(), bytes(36), 128) == picture.tobytes()
    picture[0, 0, 3] = 9  # a transparent canvas: what is below cannot be told
    assert heat.unveiled(picture.tobytes(), bytes([255]) * 36, 128) == picture.tobytes()


# ---------------------------------------------------------------------- the sentence


@pytest.mark.parametrize(
    ("count", "steps", "release", "painted", "text", "warns"),
    [
        (61, 20, "fractional", 200, "61 strengths at 20 steps", False),
        (4, 4, "whole", 200, "Only 4 strengths at 4 steps: soft edges will show bands. "
         "Use more steps, or under Fine tuning let each of the in-between greys count.", True),
        (4, 4, "fractional", 200, "Only 4 strengths at 4 steps: soft edges will show bands. Use more steps.", True),
        (1, 1, "", 200, "Only 1 strength at 1 step: soft edges will show bands. Use more steps.", True),
        (3, 20, "whole", 3, "3 strengths at 20 steps", False),
        (1, 4, "whole", 1, sentences.ONE_STRENGTH, False),
        (0, 4, "whole", 0, sentences.ALL_KEEPS, True),
    ],
)  # fmt: skip
def test_strengths(count: int, steps: int, release: str, painted: int, text: str, warns: bool) -> None:
    assert strengths_sentence(count, steps, release, painted) == (text, warns)


# ---------------------------------------------------------------------- one thing at a time


class Later:
    """Another thread that answers when the test says so."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def __call__(self, call: Any, *arguments: Any) -> Any:
        pending = SimpleNamespace(is_done=False)
        pending.done = lambda: pending.is_done
        pending.result = lambda: call(*arguments)
        self.calls.append(pending)
        return pending


def looks(**changes: Any) -> Generator[None, None, Any]:
    yield
    yield
    values = {
        "picture": bytes([9, 9, 9, 255] * 4),
        "layer": bytes([100, 100, 100, 255] * 4),
        "veil": 0,
        "is_mask": False,
    }
    values |= changes
    return SimpleNamespace(width=2, height=2, scale=1.0, sample=values["layer"], **values)


def done(view: map_look.Preview, later: Later) -> None:
    for _ in range(50):
        for pending in later.calls:
            pending.is_done = True
        view.advance()
    assert not view.is_working


def test_the_newest_reading_wins_and_a_look_is_taken_once() -> None:
    later, shown = Later(), []
    view = map_look.Preview(later, shown.append)
    assert not view.is_working
    view.see(looks())
    while not later.calls:
        view.advance()
    view.read(map_look.Reading(strength=500))
    view.read(map_look.Reading(strength=250))
    view.advance()
    assert not shown  # nobody waits for the other thread
    done(view, later)
    assert len(later.calls) == 2
    assert [heat.changes[100] for heat in shown] == [100, 25]
    view.read(map_look.Reading(strength=250))
    assert not view.is_working  # nothing new


def test_a_newer_look_takes_the_place_of_one_under_way() -> None:
    later, shown = Later(), []
    view = map_look.Preview(later, shown.append)
    first = looks()
    view.see(first)
    view.advance()
    view.see(looks(layer=bytes([7, 7, 7, 255] * 4)))
    assert first.gi_frame is None
    done(view, later)
    assert [heat.counts[7] for heat in shown] == [4]


def test_a_look_that_nobody_waits_for_is_closed_and_the_next_one_goes_on() -> None:
    later, shown = Later(), []
    view = map_look.Preview(later, shown.append)
    assert not view.give_up()
    first = looks()
    view.see(first)
    view.advance()
    assert view.give_up()
    assert first.gi_frame is None, "what it opened is closed"
    assert not view.is_working
    view.see(looks())
    done(view, later)
    assert not view.give_up(), "it is through"
    view.read(map_look.Reading(strength=500))
    done(view, later)
    assert len(shown) == 2, "and what was seen holds"


def test_a_look_that_is_given_up_in_the_middle_of_a_step_is_closed_after_it() -> None:
    def opens() -> Generator[None, None, Any]:
        yield
        view.give_up()  # Krita lets timers go on meanwhile
        yield

    later, shown = Later(), []
    view = map_look.Preview(later, shown.append)
    look = opens()
    view.see(look)
    view.advance()
    view.advance()
    assert look.gi_frame is None
    assert not view.is_working
    view.see(looks())
    done(view, later)
    assert len(shown) == 1


def test_a_look_that_fails_ends_and_the_next_one_goes_on() -> None:
    def fails() -> Generator[None, None, Any]:
        yield
        raise LookupError("gone")

    later, shown = Later(), []
    view = map_look.Preview(later, shown.append)
    view.see(fails())
    view.advance()
    with pytest.raises(LookupError):
        view.advance()
    assert not view.is_working
    view.see(looks(is_mask=True))
    view.read(map_look.Reading(alpha_only=True))
    done(view, later)
    assert shown[-1].counts[100] == 4  # a mask has no opacity to read
    view.forget()
    assert not view.is_working


def test_the_picture_is_shown_without_the_map() -> None:
    later, shown = Later(), []
    view = map_look.Preview(later, shown.append)
    view.see(looks(picture=bytes([150, 150, 150, 255] * 4), layer=bytes([200, 200, 200, 255] * 4), veil=128))
    done(view, later)
    assert abs(shown[-1].picture[0] - 100) <= 1
