"""Greys as bytes: splitting, finding and cutting what is painted. No numpy in Krita, so whole rows at C speed.

A map is a list of bands: bytes of whole rows, top to bottom, "graya16" (grey and alpha, two little-endian bytes each)
or "gray8" (a mask's values).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .vendor.sfumato_wire import BYTES_PER_PIXEL, Box

BAND = 512 * 1024  # pixels read at a time, so that the UI breathes in between
_SOME = bytes([0]) + bytes([255]) * 255  # 0 stays 0, everything else becomes 255
_FULL = bytes([0]) * 255 + bytes([255])  # 255 stays, everything else becomes 0
_NOT = bytes(range(255, -1, -1))


def bands(box: Box) -> Iterator[Box]:
    """The box in parts that are read at a time."""
    rows = max(1, BAND // max(1, box.width))
    for y in range(box.y, box.bottom, rows):
        yield Box(box.x, y, box.width, min(rows, box.bottom - y))


def neutral(bgra: bytes) -> bool:
    """Whether every pixel is a grey."""
    green = bgra[1::4]
    return bgra[0::4] == green and bgra[2::4] == green


def as_it_is(raw: bytes, model: str, depth: str) -> bytes | None:
    """Pixels of sRGB, or of grey with its curve, as graya16 without any rounding; None where one has a colour."""
    if (model, depth) == ("RGBA", "U8"):
        return graya16(raw[1::4], raw[3::4]) if neutral(raw) else None
    if (model, depth) == ("GRAYA", "U8"):
        return graya16(raw[0::2], raw[1::2])
    if (model, depth) == ("GRAYA", "U16"):
        return raw
    low, high = raw[2::8], raw[3::8]
    if not (raw[0::8] == raw[4::8] == low and raw[1::8] == raw[5::8] == high):
        return None
    out = bytearray(len(raw) // 2)
    out[0::4], out[1::4], out[2::4], out[3::4] = low, high, raw[6::8], raw[7::8]
    return bytes(out)


def graya16(grey: bytes, alpha: bytes) -> bytes:
    """8-bit grey and alpha widened exactly: v becomes 257 v."""
    out = bytearray(4 * len(grey))
    out[0::4] = out[1::4] = grey
    out[2::4] = out[3::4] = alpha
    return bytes(out)


def unmasked(data: bytes, pixel_format: str) -> tuple[bytes, bytes]:
    """bgra8 or bgra16 -> the same colours, opaque, and their alpha as the 8 bits of a mask. Where nothing was painted
    there is no colour to be shown: that stays transparent. 16-bit alpha is rounded down: 257 v becomes v."""
    out = bytearray(data)
    if pixel_format == "bgra8":
        mask = data[3::4]
        out[3::4] = mask.translate(_SOME)
    else:
        mask = data[7::8]
        out[6::8] = out[7::8] = _or(mask, data[6::8]).translate(_SOME)
    return bytes(out), mask


def support(bands: Sequence[bytes], width: int, pixel_format: str, inverted: bool, alpha_only: bool) -> Box | None:
    """The smallest box in which anything may change; None when nothing may.

    16-bit values whose product rounds to nothing may count as something: a larger box is harmless.
    """
    top = bottom = None
    columns = 0
    row = 0
    for band in bands:
        mask = _changing(band, pixel_format, inverted, alpha_only)
        rows = len(mask) // width
        first = len(mask) - len(mask.lstrip(b"\0"))
        if first < len(mask):
            last = len(mask.rstrip(b"\0")) - 1
            top = row + first // width if top is None else top
            bottom = row + last // width
            for start in range(first // width * width, (last // width + 1) * width, width):
                columns |= int.from_bytes(mask[start : start + width], "little")
        row += rows
    if top is None or bottom is None:
        return None
    line = columns.to_bytes(width, "little")
    left = width - len(line.lstrip(b"\0"))
    right = len(line.rstrip(b"\0"))
    return Box(left, top, right - left, bottom + 1 - top)


def cut(bands: Sequence[bytes], width: int, pixel_format: str, box: Box) -> bytes:
    """The rows of a box within the bands. Python goes on beside it: what is joined are few or short pieces."""
    size = BYTES_PER_PIXEL[pixel_format]
    pieces = []
    row = 0
    for band in bands:
        rows = len(band) // (width * size)
        first, last = max(box.y, row), min(box.bottom, row + rows)
        if box.width == width and first < last:
            pieces.append(band[(first - row) * width * size : (last - row) * width * size])
        else:
            for y in range(first, last):
                start = ((y - row) * width + box.x) * size
                pieces.append(band[start : start + box.width * size])
        row += rows
    return b"".join(pieces)


def use_up(bands: list[bytes], call: Callable[..., bytes], *more: Any) -> bytes:
    """What comes of them. They are let go of here, one by one: much memory at once takes a while, and whoever lets go
    of the last of it holds up the others."""
    data = call(bands, *more)
    while bands:
        bands.pop()
    return data


def _changing(band: bytes, pixel_format: str, inverted: bool, alpha_only: bool) -> bytes:
    """255 where a pixel may change, one byte per pixel."""
    if pixel_format == "gray8":
        return band.translate(_NOT).translate(_SOME) if inverted else band.translate(_SOME)
    table = _FULL if inverted else _SOME
    halves = [band[i::4].translate(table) for i in range(4)]
    combine = _and if inverted else _or  # inverted: only the fullest white keeps
    alpha = combine(halves[2], halves[3])
    mask = alpha if alpha_only else _and(combine(halves[0], halves[1]), alpha)
    return mask.translate(_NOT) if inverted else mask


def _and(a: bytes, b: bytes) -> bytes:
    return (int.from_bytes(a, "little") & int.from_bytes(b, "little")).to_bytes(len(a), "little")


def _or(a: bytes, b: bytes) -> bytes:
    return (int.from_bytes(a, "little") | int.from_bytes(b, "little")).to_bytes(len(a), "little")
