"""A shape made small for a falloff: nothing of it is lost, and the radius is kept to."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from krita_sfumato import shapes
from krita_sfumato.vendor.sfumato_wire import Box


@given(st.integers(1, 1024))
def test_a_plan_keeps_to_the_radius(radius: int) -> None:
    plan = shapes.plan(radius)
    reach = plan.reach * plan.step + 2 * (plan.step - 1)  # a cell's own width, and smoothing between cells
    assert 0.75 * radius <= reach <= radius
    assert plan.radii[0] >= plan.blur, "so that the shape itself stays white"
    assert list(plan.radii) == sorted(set(plan.radii))
    assert len(plan.radii) == len(plan.shares) <= shapes.LEVELS
    assert min(plan.shares) > 0
    assert plan.reach <= 2 * shapes.FINE
    parts = np.array([list(table) for table in plan.tables()])
    assert (parts.sum(0) == np.arange(256)).all(), "what does not change from radius to radius stays as it is"
    assert parts.max(1).sum() == 255, "whatever the values, nothing carries over"


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 7), st.integers(0, 9))
def test_cells_hold_their_fullest_pixel(width: int, height: int, step: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    data, across, down = shapes.fullest(values.tobytes(), width, step)
    cells = np.frombuffer(data, np.uint8).reshape(down, across)
    for y in range(down):
        for x in range(across):
            assert cells[y, x] == values[y * step : (y + 1) * step, x * step : (x + 1) * step].max()


@given(st.data())
def test_a_shape_lies_where_it_was(data: st.DataObject) -> None:
    canvas = Box(0, 0, data.draw(st.integers(4, 40)), data.draw(st.integers(4, 40)))
    x, y = data.draw(st.integers(0, canvas.width - 1)), data.draw(st.integers(0, canvas.height - 1))
    width = data.draw(st.integers(1, canvas.width - x))
    height = data.draw(st.integers(1, canvas.height - y))
    box = Box(x, y, width, height)
    alpha = np.zeros((height, width), np.uint8)
    for _ in range(data.draw(st.integers(0, 4))):
        alpha[data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))] = data.draw(
            st.sampled_from([1, 128, 255])
        )
    bands = [row.tobytes() for row in alpha]
    radius, inwards = data.draw(st.integers(1, 50)), data.draw(st.booleans())
    shape = shapes.shape_of(bands, box, canvas, radius, inwards)
    assert (shape is None) == (not alpha.any())
    if shape is None:
        return
    whole = np.zeros((canvas.height, canvas.width), np.uint8)
    whole[box.y : box.bottom, box.x : box.right] = alpha
    ys, xs = np.nonzero(whole)
    room = Box(
        int(xs.min()) - radius,
        int(ys.min()) - radius,
        int(np.ptp(xs)) + 1 + 2 * radius,
        int(np.ptp(ys)) + 1 + 2 * radius,
    )
    assert shape.box == room.intersection(canvas)
    part = whole[shape.box.y : shape.box.bottom, shape.box.x : shape.box.right]
    expected = 255 - part if inwards else part
    assert shape.fine == expected.tobytes()
    margin = shape.plan.reach + 1
    cells = np.frombuffer(shape.coarse, np.uint8).reshape(shape.height, shape.width)
    inner = cells[margin:-margin, margin:-margin]
    assert (cells == np.pad(inner, margin, mode="edge")).all(), "the picture's edge is no edge of the shape"
    assert inner.tobytes() == shapes.fullest(shape.fine, shape.box.width, shape.plan.step)[0]


@given(st.integers(0, 4))
def test_fuller(seed: int) -> None:
    ends = np.random.default_rng(seed).choice([0, 7, 255], (2, 50)).astype(np.uint8)
    for one, other in (ends, (ends[0], ends[1] * 0), (ends[0], ends[1] * 0 + 255)):
        assert shapes.fuller(one.tobytes(), other.tobytes()) == np.maximum(one, other).tobytes()
