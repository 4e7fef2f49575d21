"""The arithmetic of pictures: no rectangle, size or digest that lies gets past the constructor."""

import dataclasses

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sfumato_wire import BYTES_PER_PIXEL, LAYER_FORMATS, Box, Control, Lora, Pixels, Request, digest_of
from sfumato_wire.limits import (
    MAX_BLOB,
    MAX_CONTROL_WEIGHT,
    MAX_LORA_WEIGHT,
    MAX_LORAS,
    MAX_SEED,
    MAX_SIDE,
    MAX_STEPS,
    MAX_TEXT,
)
from wire.samples import CONTROL, CONTROLLED, MAP_REQUEST, REQUEST, changed

DIGEST = digest_of(b"")
NUMBERS = st.integers(-(2**40), 2**40) | st.integers(-2, 2) | st.sampled_from([MAX_SIDE, MAX_SIDE + 1, -MAX_SIDE - 1])


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.sampled_from(sorted(BYTES_PER_PIXEL)))
@example(0, 0, 1, MAX_SIDE, "rgba8")
@example(0, 0, MAX_SIDE, MAX_SIDE, "gray8")
@example(0, 0, 0, 0, "gray8")
def test_pixels_are_inside_the_limits_or_refused(x: int, y: int, width: int, height: int, form: str) -> None:
    size = width * height * BYTES_PER_PIXEL[form]
    inside = 0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and max(abs(x), abs(y)) <= MAX_SIDE and size <= MAX_BLOB
    if inside:
        pixels = Pixels(x, y, width, height, form, DIGEST)
        assert pixels.size == size
        assert pixels.box == Box(x, y, width, height)
    else:
        with pytest.raises(ValueError, match="picture"):
            Pixels(x, y, width, height, form, DIGEST)


@pytest.mark.parametrize(
    "digest", ["", "0" * 63, "0" * 65, "A" * 64, "g" * 64, "0" * 63 + "\n", "../" + "0" * 61, "٠" * 64]
)
def test_digests(digest: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        Pixels(0, 0, 1, 1, "gray8", digest)


@given(*[st.integers(-3, 12) for _ in range(2)], *[st.integers(1, 12) for _ in range(4)])
def test_a_canvas_lies_inside_its_document_and_a_map_anywhere(
    x: int, y: int, width: int, height: int, right: int, bottom: int
) -> None:
    canvas = Pixels(x, y, width, height, "rgba8", DIGEST)
    change_map = Pixels(x, y, width, height, "gray16", DIGEST)
    inside = x >= 0 and y >= 0 and x + width <= right and y + height <= bottom
    assert changed(width=right, height=bottom, canvas=Pixels(0, 0, 1, 1, "bgra8", DIGEST), change_map=change_map)
    if inside:
        assert changed(width=right, height=bottom, canvas=canvas).canvas == canvas
    else:
        with pytest.raises(ValueError, match="outside"):
            changed(width=right, height=bottom, canvas=canvas)


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("width", [5, MAX_SIDE], [0, -1, MAX_SIDE + 1]),
        ("height", [4, MAX_SIDE], [0, -1, MAX_SIDE + 1]),
        ("steps", [1, MAX_STEPS], [0, -1, MAX_STEPS + 1]),
        ("seed", [0, MAX_SEED], [-1, MAX_SEED + 1]),
        ("guidance_scale", [0.0, 100.0], [-0.1, 100.1, float("nan"), float("inf")]),
        ("strength", [0, 1000], [-1, 1001]),
        ("task", ["edit"], ["", "paint"]),
        ("source_prompt", ["", "x" * MAX_TEXT], ["x" * (MAX_TEXT + 1), "\ud800"]),
        ("map_channel", ["luminance", "alpha"], ["", "red"]),
        ("soften", [0, 1000], [-1, 1001]),
        ("layer_format", [*LAYER_FORMATS], ["gray8", "graya16", ""]),
        ("scheduler", ["", "UniPC"], ["x" * (MAX_TEXT + 1), "\ud800"]),
        ("vae", ["", "ae", "x" * MAX_TEXT], ["x" * (MAX_TEXT + 1), "\ud800"]),
        ("loras", [(), (Lora("x"),) * MAX_LORAS], [(Lora("x"),) * (MAX_LORAS + 1)]),
        ("canvas", [], [Pixels(0, 0, 1, 1, "gray8", DIGEST), Pixels(0, 0, 1, 1, "bgra16", DIGEST)]),
        ("change_map", [], [Pixels(0, 0, 1, 1, "rgba8", DIGEST), Pixels(0, 0, 1, 1, "rgba16", DIGEST)]),
    ],
)
def test_the_ranges_of_a_request(field: str, good: list[object], bad: list[object]) -> None:
    for value in good:
        request: Request = changed(REQUEST, **{field: value})
        assert getattr(request, field) == value
    for value in bad:
        with pytest.raises(ValueError, match=r"."):
            changed(REQUEST, **{field: value})


@pytest.mark.parametrize(
    ("prompt", "sentence"), [("x" * (MAX_TEXT + 1), "has 8193 characters; at most 8192 fit"), ("\ud800", "are no text")]
)
def test_a_prompt_that_cannot_travel_is_refused_where_it_is_written(prompt: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        changed(prompt=prompt)


def test_only_the_task_map_goes_without_a_map() -> None:
    assert MAP_REQUEST.change_map is None
    assert MAP_REQUEST.pictures == (MAP_REQUEST.canvas,)
    assert REQUEST.pictures == (REQUEST.canvas, REQUEST.change_map)
    for wrong in ({"change_map": None}, {"task": "map"}):
        with pytest.raises(ValueError, match="An edit needs a map to go by; a map is found without one"):
            changed(REQUEST, **wrong)
    for wrong in ({"change_map": REQUEST.change_map}, {"task": "edit"}):
        with pytest.raises(ValueError, match="An edit needs a map to go by; a map is found without one"):
            changed(MAP_REQUEST, **wrong)


@pytest.mark.parametrize(
    ("name", "weight", "sentence"),
    [
        ("", 1.0, "A LoRA has no name"),
        ("x" * (MAX_TEXT + 1), 1.0, "The name of a LoRA has 8193 characters"),
        ("\ud800", 1.0, "The name of a LoRA holds characters that are no text"),
        ("soft", MAX_LORA_WEIGHT + 0.1, "weight must lie between -10 and 10; that of soft is 10.1"),
        ("soft", -MAX_LORA_WEIGHT - 0.1, "that of soft is -10.1"),
        ("soft", float("nan"), "that of soft is nan"),
        ("soft", float("inf"), "that of soft is inf"),
    ],
)
def test_a_lora_has_a_name_and_a_weight_within_limits(name: str, weight: float, sentence: str) -> None:
    for good in (-MAX_LORA_WEIGHT, 0.0, MAX_LORA_WEIGHT):
        assert Lora("soft", good).weight == good
    with pytest.raises(ValueError, match=sentence):
        Lora(name, weight)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"id": ""}, "A ControlNet has no name"),
        ({"id": "x" * (MAX_TEXT + 1)}, "The name of a ControlNet has 8193 characters"),
        ({"id": "\ud800"}, "The name of a ControlNet holds characters that are no text"),
        ({"picture": Pixels(0, 0, 1, 1, "gray8", DIGEST)}, "must be rgba8 or bgra8, not gray8"),
        ({"picture": Pixels(0, 0, 1, 1, "rgba16", DIGEST)}, "must be rgba8 or bgra8, not rgba16"),
        ({"weight": -0.1}, r"weight must lie between 0 and 2; this is -0\.1\."),
        ({"weight": MAX_CONTROL_WEIGHT + 0.1}, r"this is 2\.1\."),
        ({"weight": float("nan")}, r"this is nan\."),
        ({"begin": 0.5, "end": 0.5}, r"must begin before it ends, both between 0 and 1; this is 0\.5 to 0\.5\."),
        ({"begin": -0.1}, r"this is -0\.1 to 0\.9\."),
        ({"end": 1.1}, r"this is 0\.1 to 1\.1\."),
        ({"end": float("nan")}, r"to nan\."),
    ],
)
def test_a_control_has_a_name_a_picture_and_a_range(fields: dict[str, object], sentence: str) -> None:
    whole = {"id": "x", "picture": Pixels(0, 0, 1, 1, "bgra8", DIGEST), "weight": MAX_CONTROL_WEIGHT}
    assert Control(**whole, begin=0.0, end=1.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=sentence):
        dataclasses.replace(CONTROL, **fields)  # type: ignore[arg-type]


def test_the_picture_of_a_control_lies_in_the_document_and_travels() -> None:
    assert CONTROLLED.pictures == (REQUEST.canvas, REQUEST.change_map, CONTROL.picture)
    assert changed(MAP_REQUEST, control=CONTROL).pictures == (MAP_REQUEST.canvas, CONTROL.picture)
    outside = dataclasses.replace(CONTROL, picture=dataclasses.replace(CONTROL.picture, x=4))
    with pytest.raises(ValueError, match="The picture for a ControlNet reaches outside the document"):
        changed(REQUEST, control=outside)
