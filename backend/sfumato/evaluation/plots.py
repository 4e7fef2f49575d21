"""Plots of lines for a report page, as text: inline SVG.

Written by hand and not by matplotlib: one kind of plot is less code than a style for another's. A page gets plots of a
few kB with its own letters, in light and in dark, that need nothing from elsewhere and nothing installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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


def _number(one: Line, place: int) -> int:
    return place if one.number is None else one.number


def _ends(one: Line) -> list[float]:
    return [value for ends in (one.low, one.high) if ends is not None for value in ends]


def _below(said: str, left: float, right: float, y: float) -> str:
    return text(said, (left + right) / 2, y, class_="soft", text_anchor="middle")


def _check(name: str, count: int, *columns: Sequence[object] | None) -> None:
    for column in columns:
        if column is not None and len(column) != count:
            raise ValueError(f"{name} needs {count} values of everything and has {len(column)}.")
