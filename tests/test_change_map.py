"""The map in integers: means that lie between the pixels, supports that hold everything. T4, T9 and T12 are in
edits/test_map.py."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from sfumato.change_map import ChangeMap, M, scaled, soften, softened_reach, support
from sfumato.errors import InputError
from sfumato_wire.levels import Levels

MAPS = hnp.arrays(np.uint16, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=37))


class TestCells:
    @given(MAPS, st.integers(1, 9), st.integers(1, 9))
    def test_cells_lie_between_the_pixels(self, values: np.ndarray, rows: int, columns: int) -> None:
        cells = ChangeMap(values).cells(rows, columns)
        assert cells.min() >= values.min()
        assert cells.max() <= values.max()

    @given(MAPS)
    def test_its_own_size_is_itself(self, values: np.ndarray) -> None:
        assert np.array_equal(ChangeMap(values).cells(*values.shape), values)

    @given(hnp.arrays(np.uint16, (16, 24)))
    def test_blocks_are_the_rounded_mean(self, values: np.ndarray) -> None:
        sums = values.reshape(2, 8, 3, 8).astype(np.int64).sum(axis=(1, 3))
        assert np.array_equal(ChangeMap(values).cells(2, 3), (2 * sums + 64) // 128)

    @given(MAPS, st.integers(1, 9), st.integers(1, 9))
    def test_max_lets_any_pixel_count(self, values: np.ndarray, rows: int, columns: int) -> None:
        cells = ChangeMap(values, resample="max").cells(rows, columns)
        assert cells.max() == values.max()
        assert (cells >= ChangeMap(values).cells(rows, columns)).all()

    def test_padding_is_left_out(self) -> None:
        # 10 pixels lie under 2.5 cells: the third cell's mean is of its own two pixels, not of the padding.
        values = np.full((10, 10), 1000, np.uint16)
        cells = ChangeMap(values, covered=(Fraction(5, 2), Fraction(5, 2))).cells(4, 4)
        assert (cells[:3, :3] == 1000).all()
        assert (cells[3] == 0).all()
        assert (cells[:, 3] == 0).all()

    @given(MAPS, st.integers(0, 1000))
    def test_scaling_never_rounds_up(self, values: np.ndarray, strength: int) -> None:
        v = values.astype(np.int64)
        assert (scaled(v, strength) * 1000 <= v * strength).all()
        assert ((scaled(v, strength) + 1) * 1000 > v * strength).all()


class TestSupport:
    @given(MAPS, st.integers(1, M))
    def test_holds_everything_and_no_more(self, values: np.ndarray, threshold: int) -> None:
        box = support(values, threshold)
        if box is None:
            assert (values < threshold).all()
            return
        inside = values[box.y : box.bottom, box.x : box.right]
        assert (inside >= threshold).sum() == (values >= threshold).sum()
        for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]):
            assert (edge >= threshold).any()


class TestSoften:
    @given(MAPS, st.integers(1, 12))
    def test_stays_within_the_values(self, values: np.ndarray, radius: int) -> None:
        soft = soften(values, radius)
        assert values.min() <= soft.min()
        assert soft.max() <= values.max()
        assert soft.shape == values.shape

    @pytest.mark.parametrize("radius", [1, 2, 3, 7, 20])
    def test_reach_is_how_far_it_spreads(self, radius: int) -> None:
        values = np.zeros((1, 101), np.uint16)
        values[0, 50] = M
        wide = soften(np.where(values > 0, M, 0).astype(np.uint16), radius)
        touched = np.flatnonzero(wide[0])
        assert 50 - touched[0] <= softened_reach(radius)

    def test_zero_leaves_the_map_as_painted(self) -> None:
        values = np.arange(12, dtype=np.uint16).reshape(3, 4)
        assert soften(values, 0) is values


class TestOpen:
    def test_grey_of_8_and_16_bits_and_alpha(self, tmp_path: Path) -> None:
        grey = np.array([[0, 1, 128, 255]], np.uint8)
        Image.fromarray(grey).save(tmp_path / "l.png")
        assert ChangeMap.open(tmp_path / "l.png").values.tolist() == [[0, 257, 128 * 257, M]]
        Image.fromarray(np.array([[0, 1, 40000, M]], np.uint16)).save(tmp_path / "deep.png")
        assert ChangeMap.open(tmp_path / "deep.png").values.tolist() == [[0, 1, 40000, M]]
        half = np.array([[[255, 255, 255, 0], [255, 255, 255, 128], [255, 255, 255, 255]]], np.uint8)
        Image.fromarray(half).save(tmp_path / "alpha.png")
        assert ChangeMap.open(tmp_path / "alpha.png").values.tolist() == [[0, 128 * 257, M]]

    def test_levels_invert(self, tmp_path: Path) -> None:
        Image.fromarray(np.array([[0, 100, 255]], np.uint8)).save(tmp_path / "l.png")
        inverted = ChangeMap.open(tmp_path / "l.png", levels=Levels(invert=True))
        assert inverted.values.tolist() == [[M, M - 100 * 257, 0]]

    def test_what_is_no_picture_gets_a_sentence(self, tmp_path: Path) -> None:
        (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
        with pytest.raises(InputError, match="cannot be read as a picture"):
            ChangeMap.open(tmp_path / "x.png")
        with pytest.raises(InputError, match="There is no map at"):
            ChangeMap.open(tmp_path / "none.png")
