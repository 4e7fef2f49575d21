"""The plan: holds all that changes, fits the model, costs what the stroke costs; for any size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sfumato.composite import faintest
from sfumato.errors import InputError
from sfumato.studio.plan import MIN_SIDE, Plan, plan
from sfumato_wire.geometry import Box

NATIVE, MULTIPLE, PIXELS = 256, 32, 640 * 640
SIZES = (NATIVE, MULTIPLE, PIXELS, faintest())


def plan_for(document: tuple[int, int], stroke: Box) -> Plan | None:
    values = np.full((stroke.height, stroke.width), 65535, np.uint16)
    return plan(values, stroke, document, Box(0, 0, *document), *SIZES)


@st.composite
def documents_with_strokes(draw: st.DrawFn) -> tuple[tuple[int, int], Box]:
    width, height = draw(st.integers(1, 6000)), draw(st.integers(1, 6000))
    x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    w, h = draw(st.integers(1, min(width - x, 400))), draw(st.integers(1, min(height - y, 400)))
    return (width, height), Box(x, y, w, h)


@given(documents_with_strokes())
@settings(max_examples=200, deadline=None)
def test_fits_document_model_and_stroke(case: tuple[tuple[int, int], Box]) -> None:
    document, stroke = case
    planned = plan_for(document, stroke)
    assert planned is not None
    assert planned.support == stroke
    assert planned.crop.contains(stroke)
    assert Box(0, 0, *document).contains(planned.crop)
    for padded, shown in ((planned.padded_width, planned.width), (planned.padded_height, planned.height)):
        assert padded % MULTIPLE == 0
        assert padded >= max(shown, MIN_SIDE)
        assert padded - shown < max(MULTIPLE, MIN_SIDE)
    assert planned.padded_width * planned.padded_height <= PIXELS * 1.2 + MIN_SIDE * MULTIPLE
    # Never distorted by more than the rounding of a side to whole pixels.
    assert planned.width == pytest.approx(
        planned.crop.width * planned.height / planned.crop.height, abs=planned.width / planned.height + 1
    )


@given(st.integers(300, 2000), st.integers(10, 200))
@settings(deadline=None)
def test_cost_follows_the_stroke_not_the_canvas(side: int, size: int) -> None:
    small, large = (plan_for((s, s), Box(s // 2, s // 2, min(size, s // 2), min(size, s // 2))) for s in (side, 6000))
    assert small is not None
    assert large is not None
    if size <= side // 2:
        assert (small.width, small.height) == (large.width, large.height)


@pytest.mark.parametrize("document", [(1, 1), (8, 5000), (5000, 8), (1, 65535), (6000, 4000), (257, 255), (31, 33)])
def test_odd_documents_painted_all_over(document: tuple[int, int]) -> None:
    planned = plan_for(document, Box(0, 0, *document))
    assert planned is not None
    assert planned.crop == Box(0, 0, *document)
    assert planned.padded_width * planned.padded_height <= PIXELS * 1.2 + MIN_SIDE * MULTIPLE
    rows, columns = planned.cells
    covered_rows, covered_columns = planned.covered
    assert 0 < covered_rows <= rows
    assert 0 < covered_columns <= columns


def test_nothing_visible_is_no_plan() -> None:
    for value in (0, 1, 50):
        values = np.full((10, 10), value, np.uint16)
        assert plan(values, Box(0, 0, 10, 10), (10, 10), Box(0, 0, 10, 10), *SIZES) is None


def test_paint_outside_the_canvas_does_not_count() -> None:
    values = np.full((10, 10), 65535, np.uint16)
    assert plan(values, Box(100, 100, 10, 10), (50, 50), Box(0, 0, 50, 50), *SIZES) is None
    reaching = plan(values, Box(-5, -5, 10, 10), (50, 50), Box(0, 0, 50, 50), *SIZES)
    assert reaching is not None
    assert reaching.support == Box(0, 0, 5, 5)


def test_a_picture_that_misses_the_map_gets_a_sentence() -> None:
    values = np.full((10, 10), 65535, np.uint16)
    with pytest.raises(InputError, match="no picture was sent"):
        plan(values, Box(0, 0, 10, 10), (500, 500), Box(300, 300, 50, 50), *SIZES)


@given(documents_with_strokes(), st.sampled_from([256, 1024]))
@settings(deadline=None)
def test_a_bounded_side_is_kept_to(case: tuple[tuple[int, int], Box], longest: int) -> None:
    document, stroke = case
    values = np.full((stroke.height, stroke.width), 65535, np.uint16)
    planned = plan(values, stroke, document, Box(0, 0, *document), *SIZES, longest)
    assert planned is not None
    assert max(planned.padded_width, planned.padded_height) <= longest
    free = plan_for(document, stroke)
    assert free is not None
    if max(free.width, free.height) <= longest:
        assert planned == free
