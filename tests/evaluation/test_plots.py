"""Plots are read back as a reader does: by the ticks beside a mark, by the name beside a line."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from sfumato.evaluation.drawing import COLOURS, SHAPES, Axis, spread, written
from sfumato.evaluation.plots import Line, lines

SVG = "{http://www.w3.org/2000/svg}"
NAMES = ("ours & theirs", "a < b", 'the "third"')
Points = list[tuple[float, float]]


def number(said: str) -> float:
    return float(said.replace("−", "-"))


def texts(root: ElementTree.Element, kind: str) -> list[tuple[float, float, str]]:
    """Where a text stands, and what it says."""
    found = [e for e in root.iter(f"{SVG}text") if e.get("class") == kind]
    return [(float(e.get("x", "")), float(e.get("y", "")), e.text or "") for e in found]


def scale(root: ElementTree.Element, kind: str) -> np.poly1d:
    """Pixel -> value, by the ticks of an axis."""
    ticks = texts(root, kind)
    pixels = [x if kind == "x" else y - 4 for x, y, _ in ticks]
    values = [number(said) for *_, said in ticks]
    line = np.poly1d(np.polyfit(pixels, values, 1))
    assert np.allclose(line(pixels), values, atol=0.004 * (max(values) - min(values)))
    return line


def marks(root: ElementTree.Element) -> dict[str, Points]:
    """Of every series what is drawn in the plot's window: marks by the name that they show."""
    found: dict[str, Points] = {}
    window = root.find(f"{SVG}svg")
    assert window is not None
    left, top, width, height = (float(window.get(side, "")) for side in ("x", "y", "width", "height"))
    assert window.get("viewBox", "").split() == [f"{v:.2f}" for v in (left, top, width, height)]  # moves nothing
    for path in window.iter(f"{SVG}path"):
        title = path.find(f"{SVG}title")
        if title is not None and title.text:
            place = re.fullmatch(r"translate\((\S+) (\S+)\)", path.get("transform", ""))
            assert place
            x, y = float(place[1]), float(place[2])
            assert left + 6 < x < left + width - 6  # no mark is cut off
            assert top + 6 < y < top + height - 6
            found.setdefault(title.text.rpartition(": ")[0], []).append((x, y))
    return found


def corners(d: str) -> Points:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](\S+?) ([^LZ]+)", d)]


def three() -> list[Line]:
    x = [0.0, 0.25, 0.5, 1.0]
    return [
        Line(name, x, [v**p - 0.3 for v in x], [v**p - 0.4 for v in x], [v**p - 0.2 for v in x])
        for name, p in zip(NAMES, (1, 2, 0.5), strict=True)
    ]


def test_lines_are_where_their_axes_say() -> None:
    series = three()
    root = ElementTree.fromstring(lines(series, title="t & u", x="grey", y="change"))
    across, up = scale(root, "x"), scale(root, "y")
    drawn = marks(root)
    assert set(drawn) == set(NAMES)
    for line in series:
        points = np.array(drawn[line.name])
        assert np.allclose(across(points[:, 0]), line.x, atol=1e-3)
        assert np.allclose(up(points[:, 1]), line.y, atol=1e-3)
    window = root.find(f"{SVG}svg")
    assert window is not None
    strokes = [corners(p.get("d", "")) for p in window.iter(f"{SVG}path") if p.get("stroke-width")]
    assert [points in strokes for points in drawn.values()] == [True] * 3
    assert {said for *_, said in texts(root, "series")} == set(NAMES)


def test_a_band_goes_along_its_upper_and_back_along_its_lower_end() -> None:
    line = three()[1]
    root = ElementTree.fromstring(lines([line], title="t", x="x", y="y"))
    across, up = scale(root, "x"), scale(root, "y")
    (band,) = (p for p in root.iter(f"{SVG}path") if p.get("class") == "band")
    points = np.array(corners(band.get("d", "")))
    assert line.low is not None
    assert line.high is not None
    assert np.allclose(across(points[:, 0]), [*line.x, *reversed(line.x)], atol=1e-3)
    assert np.allclose(up(points[:, 1]), [*line.high, *reversed(line.low)], atol=1e-3)


def test_what_is_not_finite_is_a_gap() -> None:
    line = Line("a", [0, 1, 2, 3, 4], [0, 1, math.nan, 3, math.inf])
    root = ElementTree.fromstring(lines([line], title="t", x="x", y="y"))
    assert len(marks(root)["a"]) == 3
    window = root.find(f"{SVG}svg")
    assert window is not None
    strokes = [corners(p.get("d", "")) for p in window.iter(f"{SVG}path") if p.get("stroke-width")]
    assert [len(points) for points in strokes] == [2, 1]


def test_equal_ratios_are_equal_distances_on_a_logarithmic_axis() -> None:
    root = ElementTree.fromstring(lines([Line("a", [4, 8, 16, 64], [1, 2, 3, 4])], title="t", x="x", y="y", log_x=True))
    ticks = texts(root, "x")
    assert [said for *_, said in ticks] == ["4", "8", "16", "64"]
    gaps = np.diff([x for x, *_ in ticks])
    assert np.allclose(gaps / gaps[0], [1, 1, 2], atol=1e-3)
    assert np.allclose([x for x, _ in marks(root)["a"]], [x for x, *_ in ticks], atol=0.01)


def test_names_beside_lines_keep_apart_and_in_order() -> None:
    series = [Line(f"line {i}", [0, 1], [0, 1 + i * 1e-4]) for i in range(12)]
    series.append(Line("far", [0, 1], [0, 0]))
    root = ElementTree.fromstring(lines(series, title="t", x="x", y="y"))
    ends = sorted((y, said) for _, y, said in texts(root, "series"))
    assert [said for _, said in ends] == [f"line {i}" for i in reversed(range(12))] + ["far"]
    assert min(np.diff([y for y, _ in ends])) > 14.9
    assert ends[0][0] > 0
    assert ends[-1][0] < 380


def test_a_quiet_line_takes_no_colour_from_the_others() -> None:
    quiet = Line("goal", [0, 1], [0.5, 0.5], quiet=True)
    first, second = (lines([*q, Line("a", [0, 1], [0, 1])], title="t", x="x", y="y") for q in ((), (quiet,)))
    assert "var(--c0)" in first
    assert "var(--c0)" in second
    assert "var(--c1)" not in second
    assert "var(--c4)" in lines([Line("a", [0], [0], number=4)], title="t", x="x", y="y")


def test_no_two_series_look_alike() -> None:
    count = len(COLOURS) * len(SHAPES)
    looks = {(COLOURS[i % len(COLOURS)], SHAPES[i % len(SHAPES)]) for i in range(count)}
    assert len(looks) == count == 35


def test_nothing_comes_from_elsewhere_and_both_grounds_are_served() -> None:
    plot = lines(three(), title="t", x="x", y="y")
    assert not re.search(r"url\(|href|@import|<script", plot)
    assert re.findall(r"https?://[^\"]+", plot) == ["http://www.w3.org/2000/svg"]
    assert "prefers-color-scheme:dark" in plot
    assert "id=" not in plot  # one page holds many


def contrast(first: str, second: str) -> float:
    def luminance(colour: str) -> float:
        channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_every_colour_stands_out_from_its_ground() -> None:
    for light, dark in COLOURS:
        assert contrast(light, "#faf9f6") > 3
        assert contrast(dark, "#1b1a18") > 3


@pytest.mark.parametrize(
    "values", [(0, 1), (0.93, 0.99), (-3, 1500), (1e-4, 3e-4), (5, 5), (0, 0), (-0.3, -0.1), (0.1, 0.3)]
)
def test_an_axis_holds_its_values_between_few_round_ticks(values: tuple[float, float]) -> None:
    axis = Axis.over(values, 10, 110)
    assert all(10 - 1e-9 <= axis.at(v) <= 110 + 1e-9 for v in values)
    assert 3 <= len(axis.ticks) <= 8
    assert len({said for _, said in axis.labels}) == len(axis.ticks)
    for tick, said in axis.labels:
        assert number(said) == pytest.approx(tick, abs=1e-9)
    whole = Axis.over(values, 0, 1, (-1, 2))
    assert (whole.low, whole.high, whole.at(0.5)) == (-1, 2, 0.5)


def test_places_that_are_spread_stay_near_and_within() -> None:
    assert spread([50.0, 10.0, 90.0], 15, 0, 100) == [50.0, 10.0, 90.0]
    assert spread([100.0, 100.0, 100.0], 15, 0, 100) == [70.0, 85.0, 100.0]
    assert spread([0.0, 0.0], 15, 0, 100) == [0.0, 15.0]
    assert spread([5.0] * 11, 15, 0, 100) == pytest.approx(np.linspace(0, 100, 11))
    assert spread([], 15, 0, 100) == []


def test_numbers_are_written_for_people() -> None:
    assert [written(v) for v in (0.123456, -2.0, 1e-9, math.nan)] == ["0.1235", "−2", "1e−09", "–"]
    assert [written(v, 2) for v in (-0.001, 1234.5, -1)] == ["0.00", "1234.50", "−1.00"]


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="no number to draw"):
        lines([Line("a", [0], [math.nan])], title="t", x="x", y="y")
    with pytest.raises(ValueError, match="no logarithm"):
        lines([Line("a", [0, 1], [0, 1])], title="t", x="x", y="y", log_x=True)
    with pytest.raises(ValueError, match="a needs 2 values of everything and has 1"):
        Line("a", [0, 1], [0])
