"""Plots for a report page, as text: inline SVG, and a table of numbers as HTML.

Written by hand and not by matplotlib: three kinds of plot are less code than a style for another's. A page gets plots
of a few kB with its own letters, in light and in dark, that need nothing from elsewhere and nothing installed.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sfumato.evaluation.drawing import (
    LETTER,
    Axis,
    colour,
    mark,
    path,
    picture,
    runs,
    spread,
    tag,
    text,
    window,
    written,
)

Better = Literal["more", "less"]


@dataclass(frozen=True)
class Line:
    """A series of (x, y); a value that is not finite leaves a gap. low, high: the ends of a band around it. quiet:
    dashed and grey, for what the others are held against. number: which colour and mark; None takes its place among
    those that are not quiet. Raises ValueError when there are not as many of all."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    number: int | None = None
    quiet: bool = False

    def __post_init__(self) -> None:
        _check(self.name, len(self.x), self.y, self.low, self.high)


@dataclass(frozen=True)
class Dots:
    """A series with one value per group; one that is not finite is left out. low, high: the ends of its intervals.
    number: as of a `Line`. Raises ValueError when there are not as many of all."""

    name: str
    values: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    number: int | None = None

    def __post_init__(self) -> None:
        _check(self.name, len(self.values), self.low, self.high)


def lines(
    series: Sequence[Line],
    *,
    title: str,
    x: str,
    y: str,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    log_x: bool = False,
    width: int = 680,
    height: int = 380,
) -> str:
    """SVG: lines with their names at their ends. x, y: what the axes say. A range cuts off what lies outside of it.
    log_x: equal ratios are equal distances, and the series' own x are the ticks. Raises ValueError for nothing to
    draw."""
    left, top, bottom = 52.0, 62.0, height - 48.0
    right = width - 36 - LETTER * max((len(line.name) for line in series), default=0)
    across = Axis.over((v for line in series for v in line.x), left, right, x_range, log_x)
    up = Axis.over((v for line in series for v in (*line.y, *_ends(line))), bottom, top, y_range)
    parts = [text(y, 0, 40, class_="soft"), _below(x, left, right, height - 6)]
    for value, said in up.labels:
        parts.append(tag("line", class_="grid", x1=left, x2=right, y1=up.at(value), y2=up.at(value)))
        parts.append(text(said, left - 12, up.at(value) + 4, class_="y", text_anchor="end"))
    parts += [text(said, across.at(v), bottom + 20, class_="x", text_anchor="middle") for v, said in across.labels]
    bands: list[str] = []
    drawn: list[str] = []
    ends: list[tuple[Line, int, dict[str, object], float]] = []
    place = 0
    for line in series:
        number = _number(line, place)
        place += not line.quiet
        ink: dict[str, object] = {"class_": "quiet"} if line.quiet else {"stroke": colour(number), "stroke_width": 2}
        if line.low is not None and line.high is not None:
            for run in runs(line.x, line.low, line.high):
                ring = [(v, high) for v, _, high in run] + [(v, low) for v, low, _ in reversed(run)]
                bands.append(
                    tag("path", class_="band", d=path(ring, across, up) + "Z", fill=colour(number), opacity=0.16)
                )
        points = [(px, py) for run in runs(line.x, line.y) for px, py in run]
        for run in runs(line.x, line.y):
            drawn.append(tag("path", d=path([(px, py) for px, py in run], across, up), fill="none", **ink))
        if not line.quiet and len(points) <= 24:
            for px, py in points:
                drawn.append(mark(number, across.at(px), up.at(py), f"{line.name}: {written(px)}, {written(py)}"))
        if points:
            ends.append((line, number, ink, min(max(up.at(points[-1][1]), top), bottom)))
    parts.append(window(bands + drawn, left, top, right, bottom))
    for (line, number, ink, end), at in zip(ends, spread([end for *_, end in ends], 15, top, bottom), strict=True):
        parts.append(
            tag("path", d=f"M{right + 8:.2f} {end:.2f}L{right + 18:.2f} {at:.2f}H{right + 26:.2f}", fill="none", **ink)
        )
        parts += [] if line.quiet else [mark(number, right + 22, at, line.name)]
        parts.append(text(line.name, right + 32, at + 4, class_="series"))
    return picture(title, width, height, parts)


def dots(
    groups: Sequence[str],
    series: Sequence[Dots],
    *,
    title: str,
    x: str,
    x_range: tuple[float, float] | None = None,
    goal: float | None = None,
    bars: bool = False,
    width: int = 680,
) -> str:
    """SVG: a row per group, in it a mark per series with its interval. x: what the axis says. goal: a dashed line
    across the rows. bars: from 0, for amounts; marks alone are for what has no 0 to begin at. Raises ValueError for
    nothing to draw and for a series without a value for every group."""
    for one in series:
        _check(one.name, len(groups), one.values)
    legend, top = _legend(series, width)
    left, right = 16 + LETTER * max((len(group) for group in groups), default=0), width - 20.0
    step = 13.0
    row = step * len(series) + 12
    bottom = top + row * len(groups)
    shown = [v for one in series for v in (*one.values, *_ends(one))]
    shown += [0.0] if bars else []
    shown += [] if goal is None else [goal]
    across = Axis.over(shown, left, right, x_range)
    below = x if goal is None else f"{x}, dashed: {written(goal)}"
    parts = [*legend, _below(below, left, right, bottom + 40)]
    for value, said in across.labels:
        parts.append(tag("line", class_="grid", x1=across.at(value), x2=across.at(value), y1=top, y2=bottom))
        parts.append(text(said, across.at(value), bottom + 20, class_="x", text_anchor="middle"))
    if goal is not None:
        parts.append(tag("path", class_="quiet", d=f"M{across.at(goal):.2f} {top:.2f}V{bottom:.2f}"))
    drawn: list[str] = []
    for index, group in enumerate(groups):
        y = top + row * index
        parts.append(tag("line", class_="grid", x1=0, x2=right, y1=y, y2=y))
        parts.append(text(group, left - 12, y + row / 2 + 4, class_="group", text_anchor="end"))
        for place, one in enumerate(series):
            drawn += _dot(one, _number(one, place), index, across, y + 6 + step * (place + 0.5), bars)
    return picture(title, width, bottom + 48, [*parts, window(drawn, left, top, right, bottom)])


def heat_table(
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Sequence[float]],
    *,
    title: str,
    better: Better | Sequence[Better] = "more",
    errors: Sequence[Sequence[float]] | None = None,
    digits: int | Sequence[int] = 3,
) -> str:
    """HTML, so that numbers can be copied: the better a number is in its column, the stronger its ground; the best are
    bold, with all that read the same. better, digits: of all columns or of each. errors: what is written after ±. A
    number that is not finite is a dash. Raises ValueError when there is not a number for every row and column."""
    ways = [better] * len(columns) if isinstance(better, str) else list(better)
    places = [digits] * len(columns) if isinstance(digits, int) else list(digits)
    for table in (values, *([errors] if errors else [])):
        _check(f"The table '{title}'", len(rows), table)
        for line in (*table, ways, places):
            _check(f"A row of '{title}'", len(columns), line)
    body = [[tag("th", html.escape(name), scope="row")] for name in rows]
    for column, (way, decimals) in enumerate(zip(ways, places, strict=True)):
        numbers = [line[column] for line in values]
        finite = sorted((v for v in numbers if math.isfinite(v)), reverse=way == "less")
        for row, number in enumerate(numbers):
            said, shade = written(number, decimals), 0.0
            if math.isfinite(number):
                shade = 0.45 * (number - finite[0]) / ((finite[-1] - finite[0]) or 1)
                said = tag("b", said) if said == written(finite[-1], decimals) else said
                said += f" <small>± {written(errors[row][column], decimals)}</small>" if errors else ""
            body[row].append(tag("td", said, style=f"background:rgb(70 150 210/{shade:.2f})"))
    arrows = {"more": "↑", "less": "↓"}
    heads = [tag("th", f"{html.escape(c)} {arrows[way]}", scope="col") for c, way in zip(columns, ways, strict=True)]
    style = (
        ".heat{border-collapse:collapse;font:13px/1.3 system-ui,sans-serif;font-variant-numeric:tabular-nums}"
        ".heat caption{font-size:14px;font-weight:600;text-align:left;padding-bottom:.5em}"
        ".heat td,.heat th{padding:.35em .8em;text-align:right;font-weight:400}.heat th[scope=row]{text-align:left}"
        ".heat b{font-weight:700}.heat small{opacity:.75}.heat thead th{border-bottom:1px solid currentColor}"
    )
    inside = tag("caption", html.escape(title)) + tag("thead", tag("tr", "<td></td>" + "".join(heads)))
    inside += tag("tbody", "".join(tag("tr", "".join(cells)) for cells in body))
    return tag("div", tag("style", style) + tag("table", inside, class_="heat"), style="overflow-x:auto")


def _dot(one: Dots, number: int, index: int, across: Axis, y: float, bars: bool) -> list[str]:
    """A mark with its interval and its bar."""
    value = one.values[index]
    if not math.isfinite(value):
        return []
    parts, said = [], f"{one.name}: {written(value)}"
    if bars:
        ends = sorted((across.at(0), across.at(value)))
        size = {"x": ends[0], "width": ends[1] - ends[0], "y": y - 4.5, "height": 9}
        parts.append(tag("rect", fill=colour(number), opacity=0.45, **size))
    low, high = (math.nan if ends is None else ends[index] for ends in (one.low, one.high))
    if math.isfinite(low) and math.isfinite(high):
        said += f" ({written(low)} to {written(high)})"
        d = f"M{across.at(low):.2f} {y:.2f}H{across.at(high):.2f}"
        parts.append(tag("path", class_="interval", d=d, stroke=colour(number), stroke_width=2))
    return [*parts, mark(number, across.at(value), y, said)]


def _legend(series: Sequence[Dots], width: float) -> tuple[list[str], float]:
    """Marks with names below the title, and where what follows may begin."""
    parts, x, y = [], 6.0, 38.0
    for place, one in enumerate(series):
        needed = 30 + LETTER * len(one.name)
        if x + needed > width and x > 6:
            x, y = 6.0, y + 20
        number = _number(one, place)
        parts += [mark(number, x, y - 4, one.name), text(one.name, x + 10, y, class_="series")]
        x += needed
    return parts, y + 14


def _number(one: Line | Dots, place: int) -> int:
    return place if one.number is None else one.number


def _ends(one: Line | Dots) -> list[float]:
    return [value for ends in (one.low, one.high) if ends is not None for value in ends]


def _below(said: str, left: float, right: float, y: float) -> str:
    return text(said, (left + right) / 2, y, class_="soft", text_anchor="middle")


def _check(name: str, count: int, *columns: Sequence[object] | None) -> None:
    for column in columns:
        if column is not None and len(column) != count:
            raise ValueError(f"{name} needs {count} values of everything and has {len(column)}.")
