"""Splitting, finding and cutting greys, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from krita_sfumato import pixels
from krita_sfumato.vendor.sfumato_wire import Box


def test_graya16_is_exact() -> None:
    values = bytes(range(256))
    wide = np.frombuffer(pixels.graya16(values, values[::-1]), "<u2").reshape(-1, 2)
    assert (wide[:, 0] == 257 * np.arange(256)).all()
    assert (wide[:, 1] == 257 * np.arange(255, -1, -1)).all()


def test_neutral() -> None:
    assert pixels.neutral(bytes([7, 7, 7, 255, 0, 0, 0, 3]))
    assert not pixels.neutral(bytes([7, 7, 7, 255, 0, 1, 0, 255]))


@st.composite
def maps(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    """A mostly empty uint16 [height, width, 2] map and the rows of a band."""
    height, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    grey = np.zeros((height, width, 2), np.uint16)
    interesting = st.sampled_from([0, 1, 255, 256, 257, 65535])
    for _ in range(draw(st.integers(0, 6))):
        y, x = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        grey[y, x] = draw(interesting), draw(interesting)
    if draw(st.booleans()):
        grey = 65535 - grey
    return grey, draw(st.integers(1, 13))


@given(maps(), st.booleans(), st.booleans())
def test_support_of_graya16(case: tuple[np.ndarray, int], inverted: bool, alpha_only: bool) -> None:
    grey, rows = case
    bands = [grey[y : y + rows].tobytes() for y in range(0, len(grey), rows)]
    full = 65535
    counted = grey[..., 1] if alpha_only else np.where((grey == full).all(2), full, (grey > 0).all(2) * 1)
    changing = counted < full if inverted else counted > 0
    expected = None
    if changing.any():
        ys, xs = np.nonzero(changing)
        expected = Box(int(xs.min()), int(ys.min()), int(np.ptp(xs)) + 1, int(np.ptp(ys)) + 1)
    assert pixels.support(bands, grey.shape[1], "graya16", inverted, alpha_only) == expected


@given(maps())
def test_cut(case: tuple[np.ndarray, int]) -> None:
    grey, rows = case
    height, width = grey.shape[:2]
    bands = [grey[y : y + rows].tobytes() for y in range(0, height, rows)]
    box = Box(width // 3, height // 3, width - width // 3, height - height // 3)
    expected = grey[box.y : box.bottom, box.x : box.right].tobytes()
    assert pixels.cut(bands, width, "graya16", box) == expected


@pytest.mark.parametrize(("inverted", "expected"), [(False, Box(1, 1, 2, 1)), (True, Box(0, 0, 3, 2))])
def test_support_of_a_mask(inverted: bool, expected: Box) -> None:
    mask = bytes([0, 0, 0, 0, 9, 255])
    assert pixels.support([mask], 3, "gray8", inverted, False) == expected
    assert pixels.support([bytes(6)], 3, "gray8", False, False) is None


@given(st.binary(min_size=4, max_size=64).map(lambda b: b[: len(b) // 4 * 4]))
def test_unmasked_8(data: bytes) -> None:
    before = np.frombuffer(data, np.uint8).reshape(-1, 4)
    colours, mask = pixels.unmasked(data, "bgra8")
    after = np.frombuffer(colours, np.uint8).reshape(-1, 4)
    assert np.array_equal(after[:, :3], before[:, :3])
    assert np.array_equal(after[:, 3], np.where(before[:, 3] > 0, 255, 0))
    assert mask == before[:, 3].tobytes()


@given(st.lists(st.sampled_from([0, 1, 255, 256, 257, 32768, 65535]), min_size=4, max_size=40))
def test_unmasked_16(values: list[int]) -> None:
    before = np.array(values[: len(values) // 4 * 4], "<u2").reshape(-1, 4)
    colours, mask = pixels.unmasked(before.tobytes(), "bgra16")
    after = np.frombuffer(colours, "<u2").reshape(-1, 4)
    assert np.array_equal(after[:, :3], before[:, :3])
    assert np.array_equal(after[:, 3], np.where(before[:, 3] > 0, 65535, 0))
    assert mask == (before[:, 3] // 256).astype(np.uint8).tobytes()
    eights = 257 * np.arange(256)
    assert pixels.unmasked(np.stack([eights] * 4, 1).astype("<u2").tobytes(), "bgra16")[1] == bytes(range(256))


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 65535)), min_size=1, max_size=9))
def test_greys_as_they_are(pairs: list[tuple[int, int]]) -> None:
    wide = np.array(pairs, "<u2")
    narrow = (wide >> 8).astype(np.uint8)
    for depth, greys, wanted in (("U16", wide, wide), ("U8", narrow, 257 * narrow.astype("<u2"))):
        assert pixels.as_it_is(greys.tobytes(), "GRAYA", depth) == wanted.tobytes()
        rgba = greys[:, [0, 0, 0, 1]]
        assert pixels.as_it_is(rgba.tobytes(), "RGBA", depth) == wanted.tobytes()
        for channel in range(3):
            for bit in (0, 8 * greys.itemsize - 1):
                coloured = rgba.copy()
                coloured[-1, channel] ^= 1 << bit
                assert pixels.as_it_is(coloured.tobytes(), "RGBA", depth) is None


@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(1, 3000), st.integers(1, 3000))
def test_bands_are_the_box(x: int, y: int, width: int, height: int) -> None:
    parts = list(pixels.bands(Box(x, y, width, height)))
    assert all((part.x, part.width) == (x, width) and part.area <= max(pixels.BAND, width) for part in parts)
    assert [part.y for part in parts] == [y, *(part.bottom for part in parts[:-1])]
    assert parts[-1].bottom == y + height
