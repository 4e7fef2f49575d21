"""What an experiment found: tables of figures, lines to plot, strips of pictures; as JSON for programs and the page.

Figures are deterministic for a seed, a model and a machine's arithmetic; nothing here is a time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .measures import Interval, student

Better = Literal["", "up", "down"]
IDEAL = "ideal"  # in place of a rule: change that is exactly right
NO_RIVALS = (IDEAL, "unedited", "truth", "white")  # rows to compare with, which nobody competes with
NORMAL = 1.96  # standard errors to either side that hold 95 %


@dataclass(frozen=True)
class Figure:
    """A number and its 95 % interval over pictures; without one, low and high are NaN."""

    value: float
    low: float = math.nan
    high: float = math.nan

    @classmethod
    def of(cls, value: float, interval: Interval) -> Figure:
        return cls(float(value), float(interval.low), float(interval.high))

    @classmethod
    def mean(cls, values: ArrayLike, least: float = -math.inf, most: float = math.inf) -> Figure:
        """Of one number per picture, with Student's interval; NaN are left out. least, most: what none can pass."""
        held = np.asarray(values, np.float64)
        held = held[np.isfinite(held)]
        if len(held) < 2:
            return cls(float(held.mean()) if len(held) else math.nan)
        mean, reach = float(held.mean()), student(len(held) - 1) * float(held.std(ddof=1)) / len(held) ** 0.5
        return cls(mean, max(least, mean - reach), min(most, mean + reach))

    @classmethod
    def share(cls, right: int, of: int, pictures: int = 0) -> Figure:
        """A percentage, with Wilson's score interval. pictures: how many there were, where each counts several times:
        what belongs to one picture is taken to be one draw, which is on the safe side."""
        if not of:
            return cls(math.nan)
        p, z, n = right / of, NORMAL, pictures or of
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        reach = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return cls(100 * p, 100 * max(0.0, middle - reach), 100 * min(1.0, middle + reach))


@dataclass(frozen=True)
class Column:
    """digits: after the point. better: which way, for the reader's eye."""

    key: str
    title: str
    better: Better = ""
    digits: int = 2


@dataclass
class Table:
    """rows: by column key, a text, a number or a Figure."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""


@dataclass
class Line:
    """y over x; low and high, where given, hold 95 %."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass
class Plot:
    title: str
    x: str
    y: str
    lines: list[Line] = field(default_factory=list)
    note: str = ""


@dataclass
class Strip:
    """rows: of pictures, each uint8 [h, w, 3]; names: of the rows."""

    title: str
    rows: list[list[NDArray[np.uint8]]]
    names: list[str]
    columns: list[str]


@dataclass
class Result:
    """title: the question. says: what was done, in a few sentences."""

    title: str
    says: str
    tables: list[Table] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    strips: list[Strip] = field(default_factory=list)


def mean_line(name: str, x: Sequence[float], values: NDArray[np.float64]) -> Line:
    """The mean of curves of pictures, float64 [pictures, len(x)]."""
    mean, reach = values.mean(axis=0), student(len(values) - 1) * values.std(axis=0, ddof=1) / len(values) ** 0.5
    return Line(name, list(x), list(mean), list(mean - reach), list(mean + reach))


def as_json(result: Result) -> dict[str, Any]:
    """Plain dicts, lists, numbers and texts, all but the pictures; what is not finite is null."""
    return {
        "title": result.title,
        "says": result.says,
        "tables": [
            {
                "key": table.key,
                "title": table.title,
                "note": table.note,
                "columns": [vars(column) for column in table.columns],
                "rows": [{name: _plain(value) for name, value in row.items()} for row in table.rows],
            }
            for table in result.tables
        ],
        "plots": [
            {"title": plot.title, "x": plot.x, "y": plot.y, "note": plot.note}
            | {"lines": [{name: _plain(value) for name, value in vars(line).items()} for line in plot.lines]}
            for plot in result.plots
        ],
        "strips": [{"title": strip.title, "names": strip.names, "columns": strip.columns} for strip in result.strips],
    }


def find(result: dict[str, Any], table: str, **row: Any) -> dict[str, Any]:
    """The one row of a result's table (as JSON) whose cells are these. Raises LookupError."""
    rows: list[dict[str, Any]] = next((each["rows"] for each in result["tables"] if each["key"] == table), [])
    found = [one for one in rows if all(one.get(name) == value for name, value in row.items())]
    if len(found) != 1:
        raise LookupError(f"{len(found)} rows of {table} with {row}")
    return dict(found[0])


def _plain(value: Any) -> Any:
    if isinstance(value, Figure):
        return {name: _plain(number) for name, number in vars(value).items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(each) for each in value]
    if isinstance(value, (float, np.floating)):
        # Seven digits: what two machines differ by in rounding is no news.
        return float(f"{float(value):.7g}") if math.isfinite(value) else None
    if isinstance(value, np.integer):
        return int(value)
    return value
