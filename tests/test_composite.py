"""Pixels that the map left black keep their bytes; the layer and the flat picture say the same."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sfumato.composite import alpha_of, faintest, flatten, layer
from sfumato_wire.levels import FULL as M

SHAPE = (5, 7)
PIXELS = hnp.arrays(np.uint8, (*SHAPE, 3))
VALUES = hnp.arrays(np.uint16, SHAPE, elements=st.one_of(st.just(0), st.integers(0, M), st.just(M)))


@given(PIXELS, hnp.arrays(np.float32, (*SHAPE, 3), elements=st.floats(-50, 300, width=32)), VALUES)
@settings(max_examples=50)
def test_black_keeps_the_bytes(original: np.ndarray, decoded: np.ndarray, values: np.ndarray) -> None:
    result = layer(original, decoded, decoded[::-1], values)
    assert (result[values == 0] == 0).all()
    canvas = np.dstack([original, np.full(SHAPE, 255, np.uint8)])
    flat = flatten(canvas, result)
    assert np.array_equal(flat[values == 0], canvas[values == 0])
    assert np.array_equal(flat[values == M][:, :3], np.rint(np.clip(decoded, 0, 255))[values == M])


@given(hnp.arrays(np.uint8, (*SHAPE, 4)), hnp.arrays(np.uint8, (*SHAPE, 4)))
@settings(max_examples=50)
def test_a_transparent_layer_changes_nothing(canvas: np.ndarray, over: np.ndarray) -> None:
    over[..., 3] = 0
    assert np.array_equal(flatten(canvas, over), canvas)


def test_what_barely_changes_keeps_its_detail() -> None:
    original = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    blurred = np.full((8, 8, 3), original.mean(), np.float32)
    faint = layer(original, blurred, blurred, np.full((8, 8), M // 16, np.uint16))
    assert np.abs(faint[..., :3].astype(int) - original).mean() < np.abs(blurred - original).mean() / 10


def test_alpha_rises_from_nothing_to_all_within_the_band() -> None:
    change = np.linspace(0, 1, 1000, dtype=np.float32)
    alpha = alpha_of(change)
    assert alpha[0] == 0
    assert (np.diff(alpha) >= 0).all()
    assert (alpha[change >= 1 / 16] == 1).all()
    assert 0 < faintest() < 257  # the faintest grey of 8 bits is still seen


def test_what_did_change_keeps_no_ghost_of_its_detail() -> None:
    original = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    blurred = np.full((8, 8, 3), 100, np.float32)
    half = np.full((8, 8), M // 2, np.uint16)
    assert (layer(original, blurred + 100, blurred, half)[..., :3] == 200).all()
