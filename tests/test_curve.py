"""The axis `perceived`: a curve that is exact, monotone and of these weights, and how it reaches an edit."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from edits import analytic
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sfumato.change_map import ChangeMap, M
from sfumato.edits import Differential
from sfumato.errors import InputError, SfumatoError
from sfumato.models import CATALOGUE, Model
from sfumato.models.curve import FILE, Curve, Knots, curve_of, weights_digest
from sfumato.steering import Release, steer
from steering.proof import ALL_GREYS, noise_levels

SOME = settings(max_examples=30, deadline=None)  # a table has 65,536 entries
STRAIGHT: Knots = ((0, 0), (M, M))
STEEP: Knots = ((0, 0), (10_000, 30_000), (40_000, 41_000), (M, M))


def curve(*curves: tuple[int, Knots], **changes: Any) -> Curve:
    how = {"weights": "0" * 64, "guidance": 4.0, "side": 256, "distance": "lab", "pictures": 8}
    return Curve(**{"curves": curves} | how | changes)


@st.composite
def any_knots(draw: st.DrawFn) -> Knots:
    greys = sorted(draw(st.sets(st.integers(1, M - 1), max_size=8)))
    shares = sorted(draw(st.lists(st.integers(0, M), min_size=len(greys), max_size=len(greys))))
    return ((0, 0), *zip(greys, shares, strict=True), (M, M))


class TestTable:
    @SOME
    @given(any_knots(), any_knots(), st.integers(1, 60))
    def test_never_falls_and_keeps_black_and_white(self, few: Knots, many: Knots, steps: int) -> None:
        table = curve((4, few), (30, many)).table(steps)
        assert table.shape == (M + 1,)
        assert table.dtype == np.uint16
        assert (table[0], table[-1]) == (0, M)
        assert (np.diff(table.astype(np.int64)) >= 0).all()

    @SOME
    @given(any_knots())
    def test_knots_are_met_and_between_them_it_is_the_line_rounded(self, knots: Knots) -> None:
        table = curve((8, knots)).table(8)
        for (x0, y0), (x1, y1) in itertools.pairwise(knots):
            for at in {x0, (x0 + x1) // 2, x1}:
                exact = y0 + Fraction((y1 - y0) * (at - x0), x1 - x0)
                assert abs(int(table[at]) - exact) <= Fraction(1, 2)
                assert at not in (x0, x1) or table[at] == exact

    def test_a_straight_curve_is_the_identity(self) -> None:
        assert np.array_equal(curve((1, STRAIGHT)).table(7), np.arange(M + 1))

    @SOME
    @given(any_knots(), any_knots(), st.integers(1, 60))
    def test_between_two_numbers_of_steps_it_lies_linear_in_their_inverse(
        self, few: Knots, many: Knots, steps: int
    ) -> None:
        both = curve((4, few), (12, many))
        low, high = (curve((1, knots)).table(1).astype(np.int64) for knots in (few, many))
        table = both.table(steps).astype(np.int64)
        if steps <= 4 or steps >= 12:
            assert np.array_equal(table, low if steps <= 4 else high)
        share = min(max((1 / steps - 1 / 12) / (1 / 4 - 1 / 12), 0), 1)
        assert np.abs(table - (share * low + (1 - share) * high)).max() <= 0.5 + 1e-6


class TestFile:
    def test_comes_back_as_it_was(self, tmp_path: Path) -> None:
        written = curve((4, STEEP), (30, STRAIGHT))
        written.write(tmp_path / FILE)
        assert Curve.read(tmp_path / FILE) == written
        assert os.listdir(tmp_path) == [FILE]

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"version": 1}, "of version 1, and this program knows 2"),
            ({"version": True}, "of version True"),
            ({"more": 1}, "exactly the names version, curves,"),
            ({"curves": {}}, "not measured for any number of steps"),
            ({"curves": {"0": [[0, 0], [M, M]]}}, "not measured for any"),
            ({"curves": {"four": [[0, 0], [M, M]]}}, "not lists by steps"),
            ({"curves": {"4": [[0, 0], [M, M]], "04": [[0, 0], [M, M]]}}, "steps do not rise"),
            ({"curves": {"4": 1}}, "not lists by steps"),
            ({"curves": {"4": [1, 2]}}, "not lists by steps"),
            ({"curves": {"4": []}}, "has no pairs"),
            ({"curves": {"4": [[0, 0, 0], [M, M]]}}, "has no pairs"),
            ({"curves": {"4": [[0, 0], [M, M + 1]]}}, "outside 0..65535"),
            ({"curves": {"4": [[0, 0], [1.5, 3], [M, M]]}}, "outside 0..65535"),
            ({"curves": {"4": [[0, 0], [9, True], [M, M]]}}, "outside 0..65535"),
            ({"curves": {"4": [[0, 0], [[], 3], [M, M]]}}, "outside 0..65535"),
            ({"curves": {"4": [[0, 1], [M, M]]}}, "black and white"),
            ({"curves": {"4": [[0, 0], [M, M - 1]]}}, "black and white"),
            ({"curves": {"4": [[0, 0], [9, 30], [20, 29], [M, M]]}}, "of 4 steps falls"),
            ({"curves": {"4": [[0, 0], [9, 30], [9, 31], [M, M]]}}, "of 4 steps falls"),
            ({"weights": "abc"}, "does not name its weights"),
            ({"guidance": None}, "guidance is not within"),
            ({"guidance": float("nan")}, "guidance is not within"),
            ({"pictures": 0}, "how it was measured"),
            ({"side": 0}, "how it was measured"),
            ({"distance": 3}, "how it was measured"),
        ],
    )
    def test_what_is_no_curve_gets_one_sentence(self, tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
        curve((4, STEEP)).write(tmp_path / FILE)
        (tmp_path / FILE).write_text(json.dumps(json.loads((tmp_path / FILE).read_text()) | changes))
        with pytest.raises(InputError, match=r"cannot be used as a curve: .*sfumato calibrate") as said:
            Curve.read(tmp_path / FILE)
        assert sentence in str(said.value)

    @pytest.mark.parametrize("text", ["", "[]", "{", "null", "9" * 5000, "[" * 100_000, "\ud800", '{"version": 1}'])
    def test_nor_is_any_other_text(self, tmp_path: Path, text: str) -> None:
        (tmp_path / FILE).write_bytes(text.encode("utf-8", "surrogatepass"))
        with pytest.raises(InputError, match="cannot be used as a curve"):
            Curve.read(tmp_path / FILE)

    def test_what_cannot_be_read_or_written_gets_a_sentence(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="No such file"):
            Curve.read(tmp_path / FILE)
        with pytest.raises(SfumatoError, match=r"cannot be written .*--out"):
            curve((4, STEEP)).write(tmp_path / "nowhere" / FILE)


class TestModel:
    @pytest.fixture
    def model(self, tmp_path: Path) -> Model:
        (tmp_path / "unet").mkdir()
        (tmp_path / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"weights")
        return dataclasses.replace(CATALOGUE["sketchbook"], folder=tmp_path)

    def test_a_curve_is_of_its_weights(self, model: Model) -> None:
        with pytest.raises(InputError, match=r"Sketchbook has no curve .*`sfumato calibrate sketchbook`"):
            curve_of(model)
        measured = curve((4, STEEP), weights=weights_digest(model))
        measured.write(model.folder / FILE)
        assert curve_of(model) == measured
        (model.folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"weightz")
        with pytest.raises(InputError, match=r"measured with other weights.*`sfumato calibrate sketchbook`"):
            curve_of(model)

    def test_every_shard_counts_and_the_base_of_a_change_too(self, model: Model, tmp_path: Path) -> None:
        one = weights_digest(model)
        (model.folder / "unet" / "more.safetensors").write_bytes(b"")
        more = weights_digest(model)
        sibling = dataclasses.replace(model, base=CATALOGUE["sketchbook"].folder)
        assert len({one, more, weights_digest(sibling)}) == 3
        (model.folder / "unet").rename(model.folder / "transformer")
        assert weights_digest(sibling) == weights_digest(model), "a denoiser of another kind has nothing of its base"

    def test_no_weights_get_a_sentence(self, model: Model, tmp_path: Path) -> None:
        with pytest.raises(SfumatoError, match="The weights of Sketchbook are missing"):
            weights_digest(dataclasses.replace(model, folder=tmp_path / "nowhere"))

    @pytest.mark.parametrize("name", CATALOGUE)
    def test_every_shipped_model_has_a_curve_of_its_weights(self, name: str) -> None:
        curve_of(CATALOGUE[name])


class TestMap:
    """The curve comes after the mean of a cell's pixels and after the global strength."""

    @SOME
    @given(st.integers(0, M), st.integers(0, 1000), st.integers(1, 30), st.sampled_from(["area", "max"]))
    def test_a_constant_is_exact_whenever_it_is_looked_up(
        self, grey: int, strength: int, steps: int, resample: Any
    ) -> None:
        g = curve((4, STEEP), (30, STRAIGHT))
        flat = ChangeMap(np.full((24, 16), grey, np.uint16), strength, resample=resample, curve=g)
        after = flat.perceived(3, 2, steps)
        before = ChangeMap(g.table(steps)[flat.values * np.int64(strength) // 1000], resample=resample).cells(3, 2)
        assert np.array_equal(after, before)

    def test_what_is_averaged_is_the_change_that_is_seen(self) -> None:
        g = curve((4, STEEP))
        halves = np.zeros((8, 8), np.uint16)
        halves[:, 4:] = M
        share = int(ChangeMap(halves, curve=g).perceived(1, 1, 4)[0, 0])
        assert share == g.table(4)[(M + 1) // 2]
        half = ChangeMap(np.full((8, 8), M, np.uint16), 500, curve=g)
        assert int(half.perceived(1, 1, 4)[0, 0]) == g.table(4)[M // 2]

    @SOME
    @given(hnp.arrays(np.uint16, (6, 6)))
    def test_black_and_white_cells_stay_what_they_are(self, values: np.ndarray) -> None:
        values[:2, :2], values[2:4, 2:4] = 0, M
        shares = ChangeMap(values, curve=curve((4, STEEP))).perceived(3, 3, 9)
        assert (shares[0, 0], shares[1, 1]) == (0, M)

    def test_padding_keeps(self) -> None:
        padded = ChangeMap(
            np.full((8, 8), 9000, np.uint16), covered=(Fraction(1), Fraction(1)), curve=curve((4, STEEP))
        )
        assert padded.perceived(2, 2, 4).tolist() == [[27_000, 0], [0, 0]]


class TestEdit:
    @pytest.mark.parametrize("kind", ["whole", "fractional"])
    @pytest.mark.parametrize("rounding", ["floor", "ceil"])
    def test_a_straight_curve_is_the_axis_steps(self, kind: Any, rounding: Any) -> None:
        levels = noise_levels("flow", 7)
        straight = dataclasses.replace(ALL_GREYS, curve=curve((4, STRAIGHT)))
        there, here = (
            Release(change_map, (16, 16), levels, rounding, kind, axis)
            for change_map, axis in ((ALL_GREYS, "steps"), (straight, "perceived"))
        )
        assert np.array_equal(there.value, here.value)
        assert there.first == here.first

    @SOME
    @given(any_knots(), st.integers(1, 50), st.sampled_from(["whole", "fractional"]), st.integers(0, 1000))
    def test_a_lighter_grey_never_takes_part_less(self, knots: Knots, steps: int, kind: Any, strength: int) -> None:
        change_map = ChangeMap(ALL_GREYS.values, strength, curve=curve((4, knots)))
        release = Release(change_map, (16, 16), noise_levels("flow", steps), "floor", kind, "perceived")
        assert (np.diff(release.value.ravel()) >= 0).all()
        assert release.value.ravel()[0] == 0
        if strength == 1000:
            assert release.value.ravel()[-1] == (steps if kind == "whole" else steps * M)

    @pytest.mark.parametrize("prediction", ["epsilon", "flow"])
    def test_a_grey_is_the_share_of_the_steps_that_its_curve_says(self, prediction: str) -> None:
        pipe = analytic.pipeline(prediction)
        g = curve((4, STEEP), (30, STRAIGHT))

        def latents(change_map: ChangeMap, axis: Any) -> torch.Tensor:
            with steer(pipe, Differential(change_map, "fractional", axis)) as run:
                return torch.as_tensor(run(**analytic.arguments(pipe, steps)).images)

        for steps in (4, 6):
            for grey in (0.1, 0.35, 0.8):
                v = round(grey * M)
                perceived = latents(ChangeMap(np.full((1, 1), v, np.uint16), curve=g), "perceived")
                share = ChangeMap(g.table(steps)[np.full((1, 1), v)])
                assert torch.equal(perceived, latents(share, "steps"))
                assert not torch.equal(perceived, latents(ChangeMap.constant(grey), "steps"))

    def test_without_a_curve_there_is_a_sentence(self) -> None:
        pipe = analytic.pipeline("flow")
        with (
            steer(pipe, Differential(ChangeMap.constant(0.5), axis="perceived")) as run,
            pytest.raises(InputError, match=r"needs the model's curve: .*`sfumato calibrate MODEL`"),
        ):
            run(**analytic.arguments(pipe, 4))

    def test_the_other_axes_do_not_look_at_it(self) -> None:
        with_curve = dataclasses.replace(ALL_GREYS, curve=curve((4, STEEP)))
        for axis in ("steps", "noise"):
            values = [
                Release(m, (16, 16), noise_levels("flow", 5), "floor", "fractional", axis).value  # type: ignore[arg-type]
                for m in (ALL_GREYS, with_curve)
            ]
            assert np.array_equal(*values)
