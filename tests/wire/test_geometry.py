"""The part of a document that a painted map needs, for every document and every painted box."""

from hypothesis import given
from hypothesis import strategies as st
from sfumato_wire import Box, crop_box


@st.composite
def painted(draw: st.DrawFn) -> tuple[Box, int, int, int]:
    width, height = draw(st.integers(1, 5000)), draw(st.integers(1, 5000))
    x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    support = Box(x, y, draw(st.integers(1, width - x)), draw(st.integers(1, height - y)))
    return support, width, height, draw(st.sampled_from([64, 256, 512, 1024]))


@given(painted())
def test_the_crop_holds_what_is_painted_lies_in_the_document_and_is_large_enough(
    case: tuple[Box, int, int, int],
) -> None:
    support, width, height, native = case
    crop = crop_box(support, width, height, native)
    assert crop.contains(support)
    assert Box(0, 0, width, height).contains(crop)
    assert crop.width >= min(native, width)
    assert crop.height >= min(native, height)


@given(painted())
def test_there_is_context_on_every_side_where_the_document_has_the_room(case: tuple[Box, int, int, int]) -> None:
    support, width, height, native = case
    crop = crop_box(support, width, height, native)
    for near, far in ((support.x - crop.x, support.x), (support.y - crop.y, support.y)):
        assert near >= min(32, far)
    for near, far in ((crop.right - support.right, width - support.right),):
        assert near >= min(32, far)
    assert crop == crop_box(support, width, height, native)


@given(painted(), painted())
def test_intersections(one: tuple[Box, int, int, int], two: tuple[Box, int, int, int]) -> None:
    a, b = one[0], two[0]
    both = a.intersection(b)
    assert both == b.intersection(a)
    assert both.area == 0 or (a.contains(both) and b.contains(both))
    assert a.intersection(a) == a
    assert a.contains(b) == (both == b)
