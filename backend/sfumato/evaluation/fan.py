"""The Strength Fan: one edit at evenly spaced strengths side by side, to choose a strength by looking (Levin and Fried,
arXiv 2306.00950, figure 16).

Two fans look alike and answer different questions. The paper's is one inference whose map is sectors of different
greys: it costs one edit and shows how neighbouring strengths grow together, each as it comes out beside the others.
Laid apart, every sector is cut from a result of its own in which the whole area had that strength: it costs as many
edits as there are sectors, shows each strength as it comes out alone, and sectors meet without regard for each other.

The map's borders are hard. A cell of the model (8 x 8 pixels) that two sectors share gets the mean of its pixels, which
is all that a softer border would come to; and between pixels there is nothing to soften, since the composite shows the
new picture alike at every strength above a sixteenth. For wide transitions, soften the map where it is used.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sfumato.apply import control_of, map_of, paint, write_flat
from sfumato.change_map import M, support
from sfumato.composite import flatten
from sfumato.errors import InputError
from sfumato.pictures import check_outputs, read_canvas, write_png


def evenly(count: int, first: float, last: float) -> list[int]:
    """`count` strengths from `first` to `last` (0..1), rising, in thousandths as in a request. Raises InputError."""
    if count < 2:
        raise InputError("few_strengths", f"A fan compares at least 2 strengths; --strengths is {count}.")
    if not (0 <= first <= 1 and 0 <= last <= 1):
        raise InputError("bad_range", f"Strengths lie between 0 and 1; these go from {first:g} to {last:g}.")
    if first >= last:
        raise InputError(
            "bad_range", f"A fan goes from weak to strong, but --from {first:g} is not below --to {last:g}."
        )
    low, high, gaps = round(first * 1000), round(last * 1000), count - 1
    if high - low < gaps:
        raise InputError(
            "close_strengths",
            f"{count} strengths from {first:g} to {last:g} lie closer than a thousandth. Ask for fewer of them.",
        )
    return [(low * (gaps - i) + high * i + gaps // 2) // gaps for i in range(count)]


@dataclass(frozen=True)
class Fan:
    """Sectors of an area around a point, clockwise from the weakest strength to the strongest.

    index: which sector a pixel lies in, int64 [h, w]; -1 outside the area. strengths: of the sectors, in thousandths.
    centre: x and y in pixels, (0, 0) is the upper left corner. begin, sweep: the bearing at which the first sector
    begins, in degrees clockwise from twelve o'clock, and how far all of them reach together.
    """

    index: NDArray[np.int64]
    strengths: list[int]
    centre: tuple[float, float]
    begin: float
    sweep: float

    @classmethod
    def over(
        cls,
        area: NDArray[np.bool_],
        strengths: list[int],
        centre: tuple[float, float] | None = None,
        start: float | None = None,
    ) -> Fan:
        """The fan over an area, bool [h, w], that opens as far as the area's box is seen from the centre: a circle
        around a point within, half of one from the middle of an edge (None is the lower one), a quarter from a corner.
        start: `begin` of a circle. Raises InputError, also when a sector has no pixel."""
        height, width = area.shape
        box = support(area.astype(np.uint16))
        if box is None:
            raise InputError(
                "black_map", "The map is black everywhere, so there is no place for a fan. Paint some of it."
            )
        x, y = centre or (box.x + box.width / 2, float(box.bottom))
        if not (0 <= x <= width and 0 <= y <= height):
            raise InputError(
                "off_canvas",
                f"The point {x:g},{y:g} lies off the canvas of {width} x {height} pixels. Set --centre to one on it.",
            )
        begin, sweep = start or 0.0, 360.0
        if not math.isfinite(begin):
            raise InputError("bad_angle", f"--start-angle is a number of degrees; this is {begin}.")
        if not (box.x < x < box.right and box.y < y < box.bottom):
            if start is not None:
                raise InputError(
                    "no_circle",
                    f"Around {x:g},{y:g} the fan is no full circle that could be turned. Leave out --start-angle, or "
                    "set --centre to a point within what may change.",
                )
            corners = [(cx, cy) for cx in (box.x, box.right) for cy in (box.y, box.bottom) if (cx, cy) != (x, y)]
            middle = _bearing(box.x + box.width / 2 - x, box.y + box.height / 2 - y)
            turns = [(_bearing(cx - x, cy - y) - middle + 180) % 360 - 180 for cx, cy in corners]
            begin, sweep = float(middle + min(turns)), float(max(turns) - min(turns))
        count = len(strengths)
        down, across = np.mgrid[:height, :width] + 0.5
        turned = (_bearing(across - x, down - y) - begin) % 360
        index = np.where(area, np.minimum((turned * (count / sweep)).astype(np.int64), count - 1), -1)
        empty = count - np.unique(index[area]).size
        if empty:
            raise InputError(
                "no_room",
                f"{empty} of the {count} sectors have no pixel to be seen in. Ask for fewer --strengths, or set "
                "--centre to another point.",
            )
        return cls(index, strengths, (x, y), begin, sweep)

    @property
    def map(self) -> NDArray[np.uint16]:
        """The change V of every pixel, uint16 [h, w]: that of white at the strength of its sector; 0 outside."""
        return np.array([*(M * strength // 1000 for strength in self.strengths), 0], np.uint16)[self.index]

    @property
    def names(self) -> list[str]:
        """The strengths to be read: with as many decimals as they have, and at least two."""
        decimals = 2 if all(strength % 10 == 0 for strength in self.strengths) else 3
        return [f"{strength / 1000:.{decimals}f}" for strength in self.strengths]

    def labelled(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture, uint8 [h, w, 4], with every sector's strength at its far end: white with a black outline."""
        side = min(self.index.shape)
        room = math.radians(self.sweep / len(self.strengths)) * 0.4 * side
        size = max(9.0, min(side / 22, room / 2))
        font, outline = ImageFont.load_default(size), max(1, round(size / 8))
        image = Image.fromarray(picture)
        draw = ImageDraw.Draw(image)
        for number, name in enumerate(self.names):
            box = draw.textbbox((0, 0), name, font, "mm", stroke_width=outline)
            at = self._far_end(number, (box[2] - box[0] + size) / 2, (box[3] - box[1] + size) / 2)
            draw.text(at, name, "white", font, "mm", stroke_width=outline, stroke_fill="black")
        return np.asarray(image)

    def _far_end(self, number: int, aside: float, above: float) -> tuple[float, float]:
        """The farthest point on the line through a sector's middle that lies in the sector and has so many pixels of
        the canvas on both sides."""
        bearing = math.radians(self.begin + (number + 0.5) * self.sweep / len(self.strengths))
        (x, y), (height, width) = self.centre, self.index.shape
        far = np.arange(math.hypot(height, width))
        across, along = x + far * math.sin(bearing), y - far * math.cos(bearing)
        inside = (across >= aside) & (across <= width - aside) & (along >= above) & (along <= height - above)
        across, along = across[inside], along[inside]
        within = np.flatnonzero(self.index[along.astype(int), across.astype(int)] == number)
        if within.size:
            return float(across[within[-1]]), float(along[within[-1]])
        # The sector is but a sliver there, or the area is no box.
        rows, columns = np.nonzero(self.index == number)
        return float(columns[columns.size // 2]), float(rows[rows.size // 2])


def fan_files(options: argparse.Namespace, settings: dict[str, Any]) -> dict[str, Any]:
    """Carry out the options of `sfumato fan`; gives the report. Raises InputError, SfumatoError."""
    began = time.perf_counter()
    together, apart = options.out and not options.apart, options.out and options.apart
    centre = None if options.centre is None else _point(options.centre)
    strengths = evenly(options.strengths, options.first, options.last)
    if together and _knows_one_strength(options.edit, settings):
        raise InputError(
            "one_strength",
            f"The edit {options.edit} gives one strength to all that may change, so the sectors of one picture could "
            "not differ. Add --apart, which makes a picture for every strength.",
        )
    canvas, image = read_canvas(options.canvas)
    area = map_of(options.map, canvas) > 0 if options.map else np.ones(canvas.shape[:2], np.bool_)
    control = control_of(options, canvas)
    fan = Fan.over(area, strengths, centre, options.start_angle)
    each = [options.each / f"{name}.png" for name in fan.names] if options.each else []
    check_outputs([options.out, options.map_out, *each], [options.canvas, options.map, options.control])
    from sfumato.studio import Studio

    job, studio = argparse.Namespace(**vars(options) | {"strength": 1.0, "invert_map": False, "soften": 0}), Studio()
    # Black costs nothing, and finds out what cannot be asked for before anything is written.
    paint(job, settings, canvas, np.zeros_like(fan.map), studio, control)

    if options.map_out:
        write_png(options.map_out, fan.map)
    report: dict[str, Any] = {"strengths": [strength / 1000 for strength in strengths], "jobs": []}
    result = canvas.copy()

    def painted(grey: NDArray[np.uint16], strength: int) -> NDArray[np.uint8]:
        job.strength = strength / 1000
        finished, layer = paint(job, settings, canvas, grey, studio, control)
        report["jobs"].append({"strength": strength / 1000} | finished.report)
        return flatten(canvas, layer)

    if together:
        result = painted(fan.map, 1000)
    for number, strength in enumerate(strengths if apart or each else ()):
        alone = painted(np.where(area, M, 0).astype(np.uint16), strength)
        if apart:
            result[fan.index == number] = alone[fan.index == number]
        if each:
            write_flat(each[number], alone, image)
    if options.out:
        report["changed"] = not np.array_equal(result, canvas)
        write_flat(options.out, fan.labelled(result) if options.labels else result, image)
    return report | {"seconds": round(time.perf_counter() - began, 4)}


def _point(text: str) -> tuple[float, float]:
    try:
        x, y = (float(number) for number in text.split(","))
    except ValueError:
        raise InputError("bad_point", f"--centre takes X,Y in pixels, such as 128,256; this is '{text}'.") from None
    return x, y


def _knows_one_strength(edit: str, settings: dict[str, Any]) -> bool:
    return edit == "sdedit" or (edit == "diffedit" and settings.get("mask") != "soft")


def _bearing(right: Any, down: Any) -> Any:
    """Degrees clockwise from twelve o'clock."""
    return np.degrees(np.arctan2(right, -np.asarray(down)))
