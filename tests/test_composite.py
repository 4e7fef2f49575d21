"""Pixels that the map left black keep their bytes; the layer and the flat picture say the same."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sfumato.composite import alpha_of, faintest, flatten, layer, still_there
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


def to_8(deep: np.ndarray) -> np.ndarray:
    """A 16-bit layer rounded to 8 bits."""
    return ((deep.astype(np.uint32) + 128) // 257).astype(np.uint8)


SHOWN = st.none() | hnp.arrays(np.float32, SHAPE, elements=st.floats(0, 1, width=32))


@given(
    PIXELS, hnp.arrays(np.float32, (*SHAPE, 3), elements=st.floats(-50, 300, width=32)), VALUES, SHOWN, st.floats(0, 1)
)
@settings(max_examples=50)
def test_16_bits_are_the_8_bit_layer_before_it_was_rounded(
    original: np.ndarray, decoded: np.ndarray, values: np.ndarray, shown: np.ndarray | None, band: float
) -> None:
    plain = layer(original, decoded, decoded[::-1], values, band, shown=shown)
    deep = layer(original, decoded, decoded[::-1], values, band, shown=shown, deep=True)
    assert (plain.dtype, deep.dtype) == (np.uint8, np.uint16)
    assert (deep[values == 0] == 0).all()
    assert (deep[deep[..., 3] == 0] == 0).all()
    off = np.abs(to_8(deep).astype(int) - plain)
    assert (off[..., 3] <= 1).all()
    assert (off[plain[..., 3] > 0] <= 1).all()  # what 8 bits cannot show at all has no colour there


def test_16_bits_keep_what_8_bits_round_away() -> None:
    """Real depth, not 8 bits in 16: a ramp of a tenth of a level a pixel is one, in colour and in alpha."""
    ramp = np.tile(np.linspace(100, 101, 11, dtype=np.float32), (2, 1))
    values = np.tile(np.arange(1000, 1011, dtype=np.uint16), (2, 1))
    deep = layer(np.zeros((2, 11, 3), np.uint8), np.dstack([ramp] * 3), None, values, deep=True)
    assert np.array_equal(deep[0, :, 0], np.rint(np.linspace(100, 101, 11) * 257))
    assert (np.diff(deep[0, :, 3].astype(int)) > 0).all()
    assert len(np.unique(layer(np.zeros((2, 11, 3), np.uint8), np.dstack([ramp] * 3), None, values)[..., 0])) == 2


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


@given(PIXELS, hnp.arrays(np.float32, (*SHAPE, 3), elements=st.floats(0, 255, width=32)), VALUES)
@settings(max_examples=50)
def test_by_the_map_alpha_is_the_change_itself(original: np.ndarray, decoded: np.ndarray, values: np.ndarray) -> None:
    deep = layer(original, decoded, None, values, None, deep=True)
    assert np.array_equal(deep[..., 3], values)
    plain = layer(original, decoded, None, values, None)
    assert np.array_equal(plain[..., 3], np.rint(values / 257))
    seen = plain[..., 3] > 0
    assert np.array_equal(plain[seen][:, :3], np.rint(decoded)[seen])
    assert not plain[~seen].any()
    assert faintest(None) == 129  # 128 of 65535 are less than half of a level


def test_what_did_change_keeps_no_ghost_of_its_detail() -> None:
    original = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    blurred = np.full((8, 8, 3), 100, np.float32)
    half = np.full((8, 8), M // 2, np.uint16)
    assert (layer(original, blurred + 100, blurred, half)[..., :3] == 200).all()


def lines(every: int, low: float, high: float, size: tuple[int, int] = (64, 64)) -> np.ndarray:
    """Vertical lines two pixels wide, as a float32 picture."""
    row = np.where(np.arange(size[1]) % every < 2, high, low).astype(np.float32)
    return np.repeat(np.tile(row, (size[0], 1))[..., None], 3, axis=2)


def test_lines_that_are_gone_leave_no_ghost_though_the_colour_is_near() -> None:
    original = lines(16, 110, 190).astype(np.uint8)
    roundtrip, half = lines(16, 110, 170), np.full((64, 64), M // 2, np.uint16)
    gone = layer(original, np.full_like(roundtrip, 130), roundtrip, half)[..., :3].astype(float)
    assert np.ptp(gone) <= 2
    kept = layer(original, roundtrip + 20, roundtrip, half)[..., :3].astype(float)
    assert np.ptp(kept) > 66  # 60 of its own, and a good part of the 20 that the autoencoder lost


def test_what_is_still_there_is_one_for_the_same_picture_and_falls_as_it_goes() -> None:
    old = lines(12, 100, 180)
    assert (still_there(old, old) == 1).all()
    fading = [float(still_there(100 + (old - 100) * share, old).mean()) for share in (1.0, 0.75, 0.5, 0.25, 0.0)]
    assert fading == sorted(fading, reverse=True)
    assert fading[-1] < 0.1
    assert still_there(280 - old, old).max() < 0.1  # the same lines turned dark are others


def test_a_large_canvas_is_looked_at_as_the_model_saw_it() -> None:
    old, new = lines(16, 100, 180, (200, 700)), lines(16, 100, 140, (200, 700))
    small = still_there(new, old)
    large = still_there(*(np.repeat(np.repeat(picture, 2, 0), 2, 1)[:-1, :-1] for picture in (new, old)))
    assert large.shape == (399, 1399)
    assert large.dtype == np.float32
    seen = (large[1:-1:2, 1:-1:2] + large[2::2, 2::2]) / 2  # the two pixels beside a corner of four small ones
    assert np.abs(seen - small[:-1, :-1]).max() < 0.05
