"""The task "map", edits that record before they paint, and the recordings that the studio keeps."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from jobs import job
from sfumato import models
from sfumato.change_map import ChangeMap, release_steps
from sfumato.errors import Cancelled, InputError
from sfumato.models.sketchbook.paint import paint
from sfumato.models.sketchbook.scene import Scene
from sfumato.studio import Finished, Progressed, Studio
from sfumato.studio.found import as_grey
from sfumato.studio.plan import Plan, plan
from sfumato_wire import Box, Pixels, Request, digest_of

SIDE = 128
HOUSE = Scene(season="summer", object="house", place="left", trees="none")
WITH, WITHOUT = "a summer meadow with a red house on the left", "a summer meadow"
FULL = 65535


@pytest.fixture(scope="module")
def studio() -> Studio:
    studio = Studio("cpu")
    studio.warm_up()
    return studio


@pytest.fixture(scope="module")
def canvas() -> np.ndarray:
    return opaque(paint(HOUSE, SIDE))


@pytest.fixture
def fresh(studio: Studio) -> Studio:
    """Another one that remembers nothing, with the same model."""
    other = Studio("cpu")
    other.pipe = studio.pipe
    return other


def opaque(rgb: np.ndarray) -> np.ndarray:
    return np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])


def searching(canvas: np.ndarray, **changes: Any) -> tuple[Request, bytes, bytes]:
    fields = {"edit": "diffedit", "prompt": WITHOUT, "source_prompt": WITH, "guidance_scale": 1.0}
    return job(canvas, None, **fields | changes)


def painting(canvas: np.ndarray, grey: np.ndarray, **changes: Any) -> tuple[Request, bytes, bytes]:
    data = grey.astype("<u2").tobytes()
    pixels = Pixels(0, 0, grey.shape[1], grey.shape[0], "gray16", digest_of(data))
    fields = {"task": "edit", "change_map": pixels, "steps": 3}
    return searching(canvas, **fields | changes)[0], canvas.tobytes(), data


def grey_of(finished: Finished) -> np.ndarray:
    assert finished.layer is not None
    rgba = np.frombuffer(finished.data, np.uint8).reshape(finished.layer.height, finished.layer.width, 4)
    assert (rgba[..., 3] == 255).all()
    assert (rgba[..., 0] == rgba[..., 1]).all()
    assert (rgba[..., 0] == rgba[..., 2]).all()
    return rgba[..., 0]


class TestMap:
    def test_is_a_grey_layer_that_is_light_where_the_texts_differ(self, studio: Studio, canvas: np.ndarray) -> None:
        finished = studio.run(*searching(canvas, settings={"noises": 4}))
        grey = grey_of(finished)
        assert finished.layer is not None
        assert finished.layer.box == Box(0, 0, SIDE, SIDE)
        without = paint(dataclasses.replace(HOUSE, object="none"), SIDE)
        truth = np.abs(canvas[..., :3].astype(int) - without).max(axis=2) > 24
        mask = grey > 127
        assert (mask & truth).sum() / (mask | truth).sum() > 0.4
        assert finished.report["model_calls"] == 8
        assert finished.report["white"] == pytest.approx(mask.mean(), abs=0.05)

    def test_the_same_request_gives_the_same_bytes(self, studio: Studio, fresh: Studio, canvas: np.ndarray) -> None:
        request = searching(canvas, settings={"noises": 1})
        once = studio.run(*request).data
        assert studio.run(*request).data == fresh.run(*request).data == once
        assert studio.run(*searching(canvas, settings={"noises": 1}, seed=1)).data != once

    def test_progress_counts_both_texts(self, studio: Studio, canvas: np.ndarray) -> None:
        seen: list[Progressed] = []
        studio.run(*searching(canvas, settings={"noises": 3}), on_progress=seen.append)
        assert [(p.step, p.steps) for p in seen if p.stage == "painting"] == [(i, 6) for i in range(1, 7)]
        assert seen[-1].stage == "finishing"

    @pytest.mark.parametrize("after", [1, 3])
    def test_cancel_acts_within_a_call_of_either_text(self, studio: Studio, canvas: np.ndarray, after: int) -> None:
        seen: list[Progressed] = []
        with pytest.raises(Cancelled):
            studio.run(
                *searching(canvas, settings={"noises": 2}),
                on_progress=seen.append,
                cancelled=lambda: any(p.step == after for p in seen),
            )
        assert max(p.step for p in seen) == after

    @pytest.mark.parametrize("size", [(1, 1), (1, 300), (31, 17), (300, 41)])
    def test_odd_sizes(self, studio: Studio, size: tuple[int, int]) -> None:
        rng = np.random.default_rng(0)
        picture = opaque(rng.integers(0, 255, (*size, 3), dtype=np.uint8))
        grey = grey_of(studio.run(*searching(picture, settings={"noises": 1}, steps=2)))
        assert grey.shape == size
        assert grey.max() > 0

    def test_a_part_of_a_document_lies_where_it_was(self, studio: Studio, canvas: np.ndarray) -> None:
        request, data, nothing = searching(canvas, settings={"noises": 1}, layer_format="bgra8")
        request = dataclasses.replace(
            request, width=400, height=300, canvas=dataclasses.replace(request.canvas, x=40, y=60)
        )
        finished = studio.run(request, data, nothing)
        assert finished.layer is not None
        assert finished.layer.box == Box(40, 60, SIDE, SIDE)
        assert finished.layer.format == "bgra8"

    def test_16_bits_are_the_found_greys_before_they_are_rounded(self, studio: Studio, canvas: np.ndarray) -> None:
        plain = grey_of(studio.run(*searching(canvas, settings={"noises": 1})))
        finished = studio.run(*searching(canvas, settings={"noises": 1}, layer_format="bgra16"))
        deep = np.frombuffer(finished.data, "<u2").reshape(SIDE, SIDE, 4)
        assert (deep[..., 3] == 65535).all()
        assert np.array_equal((deep[..., 0].astype(int) + 128) // 257, plain)
        assert (deep % 257 != 0).any()

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"edit": "differential"}, "Differential Diffusion finds no map. An edit that does: diffedit."),
            ({"source_prompt": f" {WITHOUT} "}, "are the same text"),
            ({"prompt": "", "source_prompt": ""}, "are the same text"),
            ({"settings": {"ratio": 0.5}}, "DiffEdit has no setting 'ratio'. It has: noises,"),
            ({"settings": {"noises": 0}}, "'noises' takes a whole number from 1 to 100"),
            ({"settings": {"noises": 1, "normaliser": "chance"}}, "at least two noises"),
        ],
    )
    def test_bad_requests_get_a_sentence(
        self, studio: Studio, canvas: np.ndarray, changes: dict[str, Any], sentence: str
    ) -> None:
        with pytest.raises(InputError, match=sentence):
            studio.run(*searching(canvas, **changes))


class TestGrey:
    """Cells as pixels and back."""

    @pytest.mark.parametrize("steps", [1, 8, 20, 50])
    @pytest.mark.parametrize(("rows", "columns"), [(32, 32), (24, 40)])
    def test_t27_a_map_that_is_drawn_and_read_again_is_the_same(self, rows: int, columns: int, steps: int) -> None:
        found = np.random.default_rng(0).random((rows, columns))
        box = Box(0, 0, columns * 8, rows * 8)
        planned = Plan(box, box, box.width, box.height, box.width, box.height)
        grey = as_grey(found, planned, "cells").astype(np.uint16) * np.uint16(257)
        once = (np.rint(found * 255) * 257).astype(np.int64)
        again = ChangeMap(grey).cells(rows, columns)
        assert np.array_equal(again, once)
        counts = [release_steps(v, steps, 1000, "floor") for v in (once, again)]
        assert np.array_equal(*counts)

    @pytest.mark.parametrize("edges", ["cells", "smooth"])
    @pytest.mark.parametrize("size", [(1, 1), (31, 17), (300, 41), (256, 256)])
    def test_a_constant_stays_constant_at_every_size(self, edges: str, size: tuple[int, int]) -> None:
        height, width = size
        box = Box(0, 0, width, height)
        planned = plan(np.full(size, FULL, np.uint16), box, (width, height), box, 256, 32, 640 * 640, 1)
        assert planned is not None
        rows, columns = planned.cells
        found = np.zeros((rows, columns))
        covered = tuple(-(-side // Fraction(1)) for side in planned.covered)
        found[: covered[0], : covered[1]] = 0.4  # black beyond, where nothing was looked at
        assert (as_grey(found, planned, edges) == 102).all()

    def test_smooth_edges_pass_through_the_middle_of_every_cell(self) -> None:
        found = np.random.default_rng(1).random((6, 5))
        box = Box(0, 0, 5 * 9, 6 * 9)  # an odd number of pixels has one in the middle
        planned = Plan(box, box, 40, 48, 40, 48)
        smooth = as_grey(found, planned, "smooth")
        assert np.array_equal(smooth[4::9, 4::9], np.rint(found * 255))
        assert np.abs(np.diff(smooth.astype(int), axis=0)).max() <= 255 / 9 + 1


class TestRecordings:
    GREY = np.full((SIDE, SIDE), FULL, np.uint16)

    def test_the_same_picture_is_recorded_once_for_all_prompts(
        self, studio: Studio, fresh: Studio, canvas: np.ndarray
    ) -> None:
        winter = painting(canvas, self.GREY, prompt="a winter meadow", seed=7)
        first, other = studio.run(*painting(canvas, self.GREY, seed=7)), studio.run(*winter)
        assert first.report["model_calls"] == 4
        assert other.report["model_calls"] == 2
        assert other.data == fresh.run(*winter).data

    @pytest.mark.parametrize(
        "changes",
        [{"steps": 5}, {"settings": {"ratio": 0.4}}, {"settings": {"encoding": "source text"}}, {"strength": 500}],
        ids=str,
    )
    def test_what_makes_another_recording_is_recorded_anew(
        self, studio: Studio, fresh: Studio, canvas: np.ndarray, changes: dict[str, Any]
    ) -> None:
        fresh.run(*painting(canvas, self.GREY))
        after, alone = (
            fresh.run(*painting(canvas, self.GREY, **changes)),
            studio.run(*painting(canvas, self.GREY, **changes)),
        )
        assert after.data == alone.data
        assert after.report["model_calls"] == alone.report["model_calls"] > after.report["steps_run"]

    @pytest.mark.parametrize("after", [1, 2, 3])
    def test_cancel_acts_within_a_call_of_either_pass(self, fresh: Studio, canvas: np.ndarray, after: int) -> None:
        calls = 0

        def count(*_: Any) -> None:
            nonlocal calls
            calls += 1

        hook = fresh.pipe(models.find("sketchbook")).unet.register_forward_hook(count)
        try:
            with pytest.raises(Cancelled):
                fresh.run(*painting(canvas, self.GREY), cancelled=lambda: calls >= after)
        finally:
            hook.remove()
        assert calls == after
        assert fresh.run(*painting(canvas, self.GREY)).layer is not None

    def test_recording_is_told_as_preparing(self, fresh: Studio, canvas: np.ndarray) -> None:
        seen: list[Progressed] = []
        fresh.run(*painting(canvas, self.GREY), on_progress=seen.append)
        steps = {stage: [p.step for p in seen if p.stage == stage and p.step] for stage in ("preparing", "painting")}
        assert steps == {"preparing": [1, 2], "painting": [1, 2]}

    def test_hard_mask_keeps_the_bytes_of_what_is_darker_than_its_threshold(
        self, studio: Studio, canvas: np.ndarray
    ) -> None:
        grey = np.tile(np.linspace(0, FULL, SIDE).astype(np.uint16), (SIDE, 1))
        finished = studio.run(*painting(canvas, grey))
        assert finished.layer is not None
        rgba = np.frombuffer(finished.data, np.uint8).reshape(SIDE, SIDE, 4)
        assert np.array_equal(rgba[..., 3] > 0, grey > FULL / 2)

    def test_encoding_under_a_text_asks_for_one(self, studio: Studio, canvas: np.ndarray) -> None:
        with pytest.raises(InputError, match="Say what the picture shows"):
            studio.run(*painting(canvas, self.GREY, source_prompt=" ", settings={"encoding": "source text"}))
