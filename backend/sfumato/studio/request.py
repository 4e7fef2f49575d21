"""From the bytes of a request to arrays, and its settings completed by what the edit declares."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sfumato_wire.declared import Parameter
from sfumato_wire.geometry import Box, softened_reach
from sfumato_wire.request import Pixels, Request

from sfumato.change_map import apply_levels, soften
from sfumato.edits.checks import checked
from sfumato.errors import InputError
from sfumato.pictures import grey_times_alpha


def canvas_array(request: Request, data: bytes) -> NDArray[np.uint8]:
    """RGBA, uint8 [h, w, 4], a view of the bytes where their order allows it."""
    return rgba_array(request.canvas, data)


def rgba_array(pixels: Pixels, data: bytes) -> NDArray[np.uint8]:
    """The same of any picture of one of the two orders."""
    array = _array(pixels, data, np.uint8, 4)
    return array[..., [2, 1, 0, 3]] if pixels.format == "bgra8" else array


def map_array(request: Request, data: bytes) -> tuple[NDArray[np.uint16], Box]:
    """Grey as painted -> change without the global strength, uint16 [h, w], and where it lies in the document:
    at the map's own box, grown by what softening spreads."""
    pixels = request.change_map
    assert pixels is not None
    if pixels.format == "gray8":
        grey = _array(pixels, data, np.uint8, 1)[..., 0].astype(np.uint16) * np.uint16(257)
    elif pixels.format == "gray16":
        grey = _array(pixels, data, "<u2", 1)[..., 0].astype(np.uint16, copy=False)
    else:
        both = _array(pixels, data, "<u2", 2)
        grey, alpha = (both[..., i].astype(np.uint16, copy=False) for i in (0, 1))
        grey = alpha if request.map_channel == "alpha" else grey_times_alpha(grey, alpha)
    values, at = apply_levels(grey, request.levels), pixels.box
    if not request.soften:
        return values, at
    reach = softened_reach(request.soften)
    grown = Box(at.x - reach, at.y - reach, at.width + 2 * reach, at.height + 2 * reach)
    grown = grown.intersection(Box(0, 0, request.width, request.height))
    padding = ((at.y - grown.y, grown.bottom - at.bottom), (at.x - grown.x, grown.right - at.right))
    # A map may reach outside the canvas, where nothing is softened away from it.
    padding = tuple((max(0, before), max(0, after)) for before, after in padding)
    at = Box(min(at.x, grown.x), min(at.y, grown.y), 0, 0)
    values = soften(np.pad(values, padding), request.soften)
    return values, Box(at.x, at.y, values.shape[1], values.shape[0])


def part(pixels: Any, at: Box, wanted: Box) -> Any:
    """The part `wanted` of an array that lies at box `at`."""
    top, left = wanted.y - at.y, wanted.x - at.x
    return pixels[top : top + wanted.height, left : left + wanted.width]


def laid_on(values: Any, at: Box, wanted: Box) -> Any:
    """The map on the box `wanted`; 0 where it was not painted."""
    common = at.intersection(wanted)
    result = np.zeros((wanted.height, wanted.width), np.uint16)
    part(result, wanted, common)[:] = part(values, at, common)
    return result


def settings_of(request: Request, declared: Iterable[Parameter], edit: str) -> dict[str, Any]:
    """Every declared parameter with its value. Raises InputError for what is not declared or out of range.
    edit: the edit's name, for the sentence."""
    known = {p.name: p for p in declared}
    for name in request.settings:
        if name not in known:
            names = ", ".join(known) or "none"
            raise InputError("unknown_setting", f"{edit} has no setting '{name}'. It has: {names}.")
    return {name: checked(p, request.settings.get(name, p.default)) for name, p in known.items()}


def _array(pixels: Pixels, data: bytes, dtype: Any, channels: int) -> NDArray[Any]:
    if len(data) != pixels.size:
        raise InputError("wrong_size", f"A picture came with {len(data)} bytes instead of {pixels.size}. Try again.")
    return np.frombuffer(data, dtype).reshape(pixels.height, pixels.width, channels)
