"""Maps to measure on: the greys they promise, at any size, and as widely spread as the paper's."""

from __future__ import annotations

import numpy as np
import pytest
from sfumato.change_map import ChangeMap, M
from sfumato.errors import InputError
from sfumato.evaluation import maps

SIDES = (8, 64, 100, 256)
EVERY = {**maps.MAPS, "hard_edge": maps.hard_edge, "soft_edge": maps.soft_edge}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", EVERY)
def test_is_a_map_of_that_size_that_keeps_something_and_changes_something(name: str, side: int) -> None:
    drawn = EVERY[name](side)
    assert drawn.dtype == np.uint16
    assert drawn.shape == (side, side)
    assert np.array_equal(ChangeMap(drawn).values, EVERY[name](side))
    if side > 8:  # where a shape has hardly a pixel of its own
        assert drawn.min() == 0
        assert drawn.max() == M or name == "triangle"


@pytest.mark.parametrize("name", EVERY)
def test_another_size_is_the_same_drawing(name: str) -> None:
    half = EVERY[name](256).reshape(128, 2, 128, 2).mean((1, 3))
    assert np.abs(half - EVERY[name](128)).mean() < M / 100


def test_gradient_grows_from_black_to_white_in_equal_steps() -> None:
    assert maps.gradient(256).tolist() == [[257 * x for x in range(256)]] * 256
    steps = np.diff(maps.gradient(100).astype(np.int64), axis=1)
    assert np.ptp(steps) <= 1


def test_triangle_grows_with_height_and_is_symmetric() -> None:
    drawn = maps.triangle(64)
    assert np.abs(drawn - drawn[:, ::-1].astype(np.int64)).max() <= 1
    assert drawn[4:, 31].tolist() == [round(M * (row + 0.5) / 64) for row in range(4, 64)]
    width = (drawn > 0).sum(axis=1)
    assert (np.diff(width) >= 0).all()
    assert width[-1] == 64
    assert width[0] <= 2


def test_complex_has_at_least_six_greys_of_some_area() -> None:
    counts = np.bincount(maps.complex(256).ravel() // 656, minlength=100) / 256**2
    assert (counts > 0.01).sum() >= 6
    assert counts[0] > 0.1  # black
    assert counts[99] > 0.1  # white


def test_edges_are_the_same_disc_hard_and_soft() -> None:
    hard, soft = maps.hard_edge(128), maps.soft_edge(128)
    assert set(np.unique(hard)) == {0, M}
    assert np.array_equal(hard == M, soft > M / 2)
    # A slope over 32 of 128 pixels, whatever the direction: no step is steeper than its share.
    assert np.abs(np.diff(soft.astype(np.int64), axis=0)).max() <= M / 32 + 1
    assert np.abs(np.diff(soft.astype(np.int64), axis=1)).max() > 0.9 * M / 32


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("gradient", [(0.97, 19.41), (0.92, 29.05), (0.93, 28.69)]),
        ("complex", [(0.81, 52.2), (0.68, 65.65), (0.65, 67.84)]),
        ("triangle", [(0.93, 35.75), (0.83, 53.95), (0.82, 54.44)]),
    ],
)
def test_greys_spread_as_in_the_papers_table(name: str, table: list[tuple[float, float]]) -> None:
    """CAM and DAM of its Table 1, with two digits of CAM, bound the spread of its maps."""
    spread = maps.MAPS[name](256).std() / 257
    for cam, dam in table:
        assert 0.97 * dam / (1 - (cam - 0.005) ** 2) ** 0.5 < spread < 1.03 * dam / (1 - (cam + 0.005) ** 2) ** 0.5


def test_what_cannot_be_drawn_gets_a_sentence() -> None:
    with pytest.raises(InputError, match="at least 8 pixels; this is 7"):
        maps.complex(7)
