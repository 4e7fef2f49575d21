"""What plots are drawn with: tags of SVG and HTML, colours and marks of series, axes, and texts that keep apart.

Text takes the colour that the page gives it (currentColor). Series have the colours of Okabe and Ito, lightened where
the page is dark, and shapes of their own, so that they can be told apart without colour too.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# Without yellow and black, which vanish on one ground or the other. (On a light page, on a dark one.)
COLOURS = (
    ("#0072b2", "#4aa8e0"),
    ("#d55e00", "#f0853a"),
    ("#009e73", "#2fc498"),
    ("#b5568f", "#d98bb8"),
    ("#b87a00", "#e6ab3c"),
    ("#3b97c9", "#8ccbf0"),
    ("#777777", "#a8a8a8"),
)
# Around (0, 0). As many as have no divisor in common with the colours: 35 series look different.
SHAPES = (
    "M4 0A4 4 0 1 0 -4 0A4 4 0 1 0 4 0Z",
    "M-3.5 -3.5H3.5V3.5H-3.5Z",
    "M0 -5L5 0L0 5L-5 0Z",
    "M0 -5L4.7 3.5H-4.7Z",
    "M-4 -2.5L-2.5 -4L0 -1.5L2.5 -4L4 -2.5L1.5 0L4 2.5L2.5 4L0 1.5L-2.5 4L-4 2.5L-1.5 0Z",
)
STYLE = (
    ".plot{font:12px/1.3 system-ui,sans-serif;display:block;width:100%;height:auto}.plot text{fill:currentColor}"
    ".plot .name{font-size:14px;font-weight:600}.plot .soft{opacity:.75}.plot .grid{stroke:currentColor;opacity:.14}"
    ".plot .quiet{stroke:currentColor;fill:none;opacity:.55;stroke-dasharray:3 4}"
    f".plot{{{''.join(f'--c{i}:{light};' for i, (light, _) in enumerate(COLOURS))}}}"
    "@media(prefers-color-scheme:dark)"
    f"{{.plot{{{''.join(f'--c{i}:{dark};' for i, (_, dark) in enumerate(COLOURS))}}}}}"
)
LETTER = 6.6  # width of a letter at 12 pixels, on the safe side


@dataclass(frozen=True)
class Axis:
    """Values from low to high on pixels from start to end (which may be the smaller). log: equal ratios are equal
    distances."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]
    log: bool = False

    @classmethod
    def over(
        cls,
        values: Iterable[float],
        start: float,
        end: float,
        limits: tuple[float, float] | None = None,
        log: bool = False,
    ) -> Axis:
        """The axis of all finite values, to a fifth of a tick beyond them, or of limits; with `log` the values are the
        ticks. Raises ValueError when no value can be shown."""
        finite = sorted({v for v in values if math.isfinite(v)})
        if not finite or (log and finite[0] <= 0):
            raise ValueError("There is no number to draw, or one that has no logarithm.")
        low, high = limits or (finite[0], finite[-1])
        if log:
            return cls(low, high, start, end, tuple(v for v in finite if low <= v <= high), log)
        if low == high:
            low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
        step = _round_step((high - low) / 5)
        hair = 1e-9  # 0.3 / 0.1 is less than 3
        if not limits:
            low, high = (
                f(5 * v / step + h) * step / 5 for f, v, h in ((math.floor, low, hair), (math.ceil, high, -hair))
            )
        numbers = range(math.ceil(low / step - hair), math.floor(high / step + hair) + 1)
        return cls(low, high, start, end, tuple(number * step for number in numbers))

    def at(self, value: float) -> float:
        """The pixel of a value."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return self.start + (self.end - self.start) * (value - low) / ((high - low) or 1)

    @property
    def labels(self) -> list[tuple[float, str]]:
        """The ticks and how they are written, with as many decimals as one of them needs."""
        digits = max(len(f"{tick:.6f}".rstrip("0").partition(".")[2]) for tick in self.ticks)
        return [(tick, written(tick, digits)) for tick in self.ticks]


def _round_step(rough: float) -> float:
    """The number at or above a rough step that is 1, 2, 2.5, 5 or 10 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * (1 - 1e-9))


def written(value: float, digits: int | None = None) -> str:
    """A number to be read: with so many decimals, else with four digits; a dash when it is not finite."""
    if not math.isfinite(value):
        return "–"
    text = f"{value:.4g}" if digits is None else f"{value:.{digits}f}"
    return (text.removeprefix("-") if float(text) == 0 else text).replace("-", "−")


def tag(name: str, inside: str = "", /, **attributes: object) -> str:
    """<name attribute="...">inside</name>. A trailing underscore is dropped, others are dashes; floats have two
    decimals; `inside` is taken as it is."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(f"{v:.2f}" if isinstance(v, float) else str(v))}"'
        for key, v in attributes.items()
    )
    return f"<{name}{said}>{inside}</{name}>" if inside else f"<{name}{said}/>"


def text(said: str, x: float, y: float, **attributes: object) -> str:
    return tag("text", html.escape(said), x=float(x), y=float(y), **attributes)


def colour(number: int) -> str:
    return f"var(--c{number % len(COLOURS)})"


def mark(number: int, x: float, y: float, said: str, **attributes: object) -> str:
    """The mark of a series. said: what pointing at it shows."""
    place = f"translate({x:.2f} {y:.2f})"
    shape = SHAPES[number % len(SHAPES)]
    return tag("path", tag("title", html.escape(said)), d=shape, transform=place, fill=colour(number), **attributes)


def path(points: Sequence[tuple[float, float]], across: Axis, up: Axis) -> str:
    """A line through values."""
    return "M" + "L".join(f"{across.at(x):.2f} {up.at(y):.2f}" for x, y in points)


def window(inside: Sequence[str], left: float, top: float, right: float, bottom: float, margin: float = 7) -> str:
    """What is drawn within a box, and cut off a little outside of it."""
    x, y, width, height = left - margin, top - margin, right - left + 2 * margin, bottom - top + 2 * margin
    view = f"{x:.2f} {y:.2f} {width:.2f} {height:.2f}"
    return tag("svg", "".join(inside), x=x, y=y, width=width, height=height, viewBox=view)


def picture(title: str, width: float, height: float, parts: Iterable[str]) -> str:
    """The whole SVG, with its style."""
    head = tag("title", html.escape(title)) + tag("style", STYLE)
    return tag(
        "svg",
        head + text(title, 0, 16, class_="name") + "".join(parts),
        xmlns="http://www.w3.org/2000/svg",
        class_="plot",
        role="img",
        viewBox=f"0 0 {width:g} {height:g}",
        style=f"max-width:{width:g}px",
    )


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places near the wanted ones, in their order, within low..high and a gap apart (or as far as they can be)."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    gap = min(gap, (high - low) / max(len(wanted) - 1, 1))
    places = [0.0] * len(wanted)
    least = low
    for rank, i in enumerate(order):
        room = high - gap * (len(order) - 1 - rank)  # what those below still need
        places[i] = min(max(wanted[i], least), room)
        least = places[i] + gap
    return places


def runs(*columns: Sequence[float]) -> list[list[tuple[float, ...]]]:
    """Rows of the columns, in pieces without a value that is not finite."""
    pieces: list[list[tuple[float, ...]]] = [[]]
    for row in zip(*columns, strict=True):
        if all(map(math.isfinite, row)):
            pieces[-1].append(row)
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]
