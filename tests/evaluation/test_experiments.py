"""The experiments measure what they say: on data made so that the answer is known, and against the longer way."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from sfumato.change_map import M
from sfumato.edits.recording import Recording
from sfumato.evaluation import measures
from sfumato.evaluation.adhered import adhered
from sfumato.evaluation.bench import OWN, Bench, grey
from sfumato.evaluation.cases import KINDS, cases
from sfumato.evaluation.experiments import EXPERIMENTS
from sfumato.evaluation.experiments.contenders import OURS, Alike, checked_table, contenders
from sfumato.evaluation.experiments.found import _scored, settings
from sfumato.evaluation.experiments.inversion import _correlations, _expected, _z
from sfumato.evaluation.experiments.judged import JUDGED, Judge, truth_mask
from sfumato.evaluation.experiments.seams import COMPOSITES, composited
from sfumato.evaluation.maps import gradient
from sfumato.evaluation.results import Column, Figure, Result, Table, as_json, find
from sfumato.evaluation.rules import RULES
from sfumato.evaluation.sizes import FULL, SIZES

SIDE = 64


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench(side=SIDE, batch=4)


class TestAdhered:
    def made(self, pictures: int, noise: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng(0)
        values = gradient(16)
        full = rng.uniform(5, 20, (pictures, 16, 16))
        return full * (values / M) + noise * rng.standard_normal(full.shape), full, values

    def test_the_figures_are_the_measures(self) -> None:
        changes, full, values = self.made(7, 3.0)
        cam, dam, _ = adhered(changes, full, values)
        edited = measures.edit_map(changes, full)
        assert cam.value == pytest.approx(measures.cam(values, edited), rel=1e-12)
        assert dam.value == pytest.approx(measures.dam(values, edited).rms, rel=1e-12)

    def test_the_error_is_the_jackknifes(self) -> None:
        changes, full, values = self.made(7, 3.0)
        without = []
        for left_out in range(7):
            kept = np.arange(7) != left_out
            edited = measures.edit_map(changes[kept], full[kept])
            without.append((np.arctanh(measures.cam(values, edited)), measures.dam(values, edited).rms))
        errors = np.sqrt(6 / 7 * np.square(without - np.mean(without, axis=0)).sum(axis=0))
        cam, dam, _ = adhered(changes, full, values)
        assert (np.arctanh(cam.high) - np.arctanh(cam.low)) / (2 * measures.student(6)) == pytest.approx(
            errors[0], rel=1e-6
        )
        assert (dam.high - dam.low) / (2 * measures.student(6)) == pytest.approx(errors[1], rel=1e-6)
        assert cam.low < cam.value < cam.high < 1

    def test_a_share_does_not_mind_where_scenes_change_more_easily(self) -> None:
        values = gradient(16)
        easily = np.linspace(5, 50, 16)[:, None] * np.ones((3, 1, 16))  # the ground more than the sky
        cam, _, share = adhered(easily * (values / M), easily, values)
        assert share.value == pytest.approx(1)
        assert cam.value < 0.95

    def test_more_pictures_are_surer(self) -> None:
        few, many = (adhered(*self.made(n, 10.0)).cam for n in (8, 128))
        assert many.high - many.low < (few.high - few.low) / 2
        assert few.low < many.value


class TestContenders:
    def test_white_is_the_same_under_every_rule(self, bench: Bench) -> None:
        """So one full edit serves all of them."""
        some = cases(0, 2, ("everything",))
        whole = bench.edit(OURS[0].make, grey(1.0), some, 2)
        for one in contenders(bench):
            assert torch.allclose(bench.edit(one.make, grey(1.0), some, 2), whole, atol=1e-3), one.key

    def test_all_of_the_issue_are_there(self, bench: Bench) -> None:
        keys = {one.key for one in contenders(bench)}
        assert {"ours, whole", "ours", "ours, noise", "ours, spend"} <= keys
        assert set(RULES) == keys - {one.key for one in OURS}
        checked = checked_table(contenders(bench))
        assert all(row["checked"] not in ("", "no") for row in checked.rows)

    def test_calibrated_only_with_a_curve(self, bench: Bench) -> None:
        keys = {one.key for one in contenders(bench)}
        assert ("ours, perceived" in keys) == (bench.curve is not None) == (bench.uncalibrated == "")

    def test_what_reads_a_map_alike_is_run_once_and_is_the_same(self, bench: Bench) -> None:
        some = cases(0, 3, ("everything",))
        looked = Alike(bench, some, 2, OWN, lambda pictures: pictures)
        first, second = (one for one in contenders(bench, ("exx8", "diffusers SDXL")))
        one = looked(first, gradient(SIDE))
        before = bench.work.decoded
        assert looked(second, gradient(SIDE)) is one
        assert bench.work.decoded == before
        assert np.abs(bench.run(second.make, gradient(SIDE), some, 2).astype(int) - one).max() <= 1
        other = next(iter(contenders(bench, ("plain inpainting",))))
        assert looked(other, gradient(SIDE)) is not one


class TestJudge:
    def test_the_truth_is_right_and_the_picture_is_not(self) -> None:
        bench, some = Bench(side=128), cases(0, 12)
        judge = Judge(bench, some)
        assert judge.success(bench.truths(some)).mean() > 0.8
        assert judge.success(bench.originals(some)).mean() < 0.2
        row = judge(judge.truths)
        assert row["truth"].value == 0
        assert set(row) == {column.key for column in JUDGED}
        unedited = judge(judge.before)
        assert unedited["outside"].value == 0
        assert unedited["truth"].value > 5

    def test_a_mask_holds_the_truth(self) -> None:
        for case in cases(0, 6):
            mask = truth_mask(case, 128)
            visible = case.changed(128, 8)
            assert mask[visible].mean() > 0.6 * M
            assert mask.max() > 0.5 * M
            assert not mask[0, 0] or visible.mean() > 0.05


class TestFound:
    def test_the_truth_scores_one_and_everything_its_area(self) -> None:
        rng = np.random.default_rng(0)
        truths = rng.random((8, 16, 16)) < 0.25
        local = np.arange(8) % 2 == 0
        assert _scored(truths, truths, local)["things"].value == 1
        white = _scored(np.ones_like(truths), truths, local)
        assert white["whole"].value == pytest.approx(truths[~local].mean(axis=(1, 2)).mean())
        assert _scored(~truths, truths, local)["things"].value == 0

    def test_one_thing_after_the_other_is_changed(self) -> None:
        base, *others = settings(FULL)
        for other in others:
            assert sum(a != b for a, b in zip(vars(base).values(), vars(other).values(), strict=True)) == 1
        assert len(set(others)) == len(others) == 1 + 2 + 2 + 4


class TestNoise:
    def test_noise_that_is_independent_has_the_statistics_that_are_expected_of_it(self) -> None:
        """d_i = b' eps_{i+1} - c eps_i, as a model leaves it that knows its picture."""
        steps, values = 10, 20000
        abar = torch.linspace(0.05, 1, steps + 1).double()
        levels = torch.stack([abar.sqrt(), (1 - abar).sqrt()])
        generator = torch.Generator().manual_seed(0)
        eps = torch.randn(steps + 1, 2, 1, 1, values, generator=generator, dtype=torch.float64)
        a, b = levels
        s = b[1:] * (1 - (b[1:] * a[:-1] / (a[1:] * b[:-1])) ** 2).clamp(min=0).sqrt()
        c = (b[1:] ** 2 - s**2).sqrt()
        shape = (-1, 1, 1, 1, 1)
        d = b[1:].view(shape) * eps[1:] - c.view(shape) * eps[:-1]
        empty = torch.empty(0)
        made = torch.tensor([1.0, 0, 0, 0, 0])
        recording = Recording(empty, empty, levels, made, empty, empty, d, empty, empty, empty)
        z = _z([recording])
        assert z.shape == (steps - 1, 2, values)  # the last step has no noise of its own
        deviation, correlation = _expected(recording)
        assert z.std(axis=(1, 2)).mean() == pytest.approx(deviation, rel=0.01)
        assert _correlations(z).mean() == pytest.approx(correlation, abs=0.01)
        assert -0.6 < correlation < -0.2
        assert deviation > 1


class TestComposites:
    def test_black_is_the_canvas_and_white_what_was_painted(self) -> None:
        rng = np.random.default_rng(0)
        canvas, decoded, alone = (rng.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8) for _ in range(3))
        values = np.where(np.arange(16) < 8, 0, M).astype(np.uint16) * np.ones((16, 1), np.uint16)
        for name, detail in COMPOSITES.items():
            shown = np.ones((2, 16, 16), np.float32)
            result = composited(canvas, decoded, alone, values, name, detail, shown)
            assert np.array_equal(result[:, :, :8], canvas[:, :, :8])
            assert np.array_equal(result[:, :, 8:], decoded[:, :, 8:])


class TestResults:
    def test_figures(self) -> None:
        found = Figure.mean([1.0, 3.0, 5.0, 7.0, np.nan])
        assert (found.value, found.high - 4) == pytest.approx((4, 3.182 * (20 / 3) ** 0.5 / 2), rel=0.01)
        assert (Figure.mean([0.1, 0.9], 0, 1).low, Figure.mean([0.1, 0.9], 0, 1).high) == (0, 1)
        assert Figure.share(30, 40, 10).high > Figure.share(30, 40).high  # four of a picture are no four draws
        assert Figure.share(0, 10).low == 0
        assert Figure.share(0, 10).high > 20
        assert Figure.share(10, 10).high == 100
        assert np.isnan(Figure.share(0, 0).value)

    def test_json_has_no_nan_and_rows_are_found(self) -> None:
        table = Table("t", "T", (Column("x", "x"),))
        table.rows += [{"x": 1, "y": Figure(np.float64(0.5))}, {"x": 2, "y": Figure(np.inf)}]
        found = json.loads(json.dumps(as_json(Result("", "", [table])), allow_nan=False))
        assert find(found, "t", x=2)["y"] == {"value": None, "low": None, "high": None}
        assert find(found, "t", x=1)["y"]["value"] == 0.5
        with pytest.raises(LookupError):
            find(found, "t", x=3)


class TestSizes:
    def test_full_is_what_the_goals_ask_for(self) -> None:
        levels = next(curve for curve in FULL.curves if curve.steps == 4)
        assert levels.pictures >= 200
        assert levels.greys >= 64
        assert {place.steps for place in FULL.grid if place.scheduler == OWN} == {4, 8, 20, 50}
        assert {place.scheduler for place in FULL.grid} == {OWN, "DPM++ 2M", "Euler"}
        assert FULL.contenders == ()
        assert all(size.success_cases % len(KINDS) == size.found_cases % len(KINDS) == 0 for size in SIZES.values())

    def test_everything_is_reported(self) -> None:
        assert list(EXPERIMENTS) == [function.__name__ for function in EXPERIMENTS.values()]
