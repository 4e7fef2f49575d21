"""What a map will do, as a small picture: greys to change, change to the colours of heat. Bytes in, bytes out, at the
speed of C: tables and slices, no numpy in Krita. Everything here is for small pictures and may run on any thread.

Pictures are straight BGRA, four bytes per pixel; greys, changes and opacities are one byte per pixel.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import accumulate, chain, repeat
from operator import sub

from .vendor.sfumato_wire import FULL, Levels

WEIGHTS = (0.0606, 0.7169, 0.2225)  # of blue, green and red in what is seen of sRGB, as Krita's own greys have it
# From the deep violet of hardly any change to the yellow of all: "plasma" without its ends, which are told apart with
# any eyes, grow lighter evenly, and are neither the black nor the white of a drawing.
RAMP = ("46039f", "7201a8", "9c179e", "bd3786", "d8576b", "ed7953", "fb9f3a", "fdca26")
FAINTEST, DENSEST = 0.14, 0.80  # how much of the picture the least and the fullest change cover


# ---------------------------------------------------------------------- greys


def grey_of(bgra: bytes) -> bytes:
    """The grey as seen; what is grey already stays exact."""
    blue, green, red = bgra[0::4], bgra[1::4], bgra[2::4]
    if blue == green == red:
        return green
    lanes = sum(_wide(part, weight) for part, weight in zip((blue, green, red), WEIGHTS, strict=True))
    light = memoryview(lanes.to_bytes(2 * len(green), "little")).cast("H")
    return bytes(map(_seen().__getitem__, light))


def painted(bgra: bytes, alpha_only: bool = False) -> bytes:
    """What of a layer counts in a map: its grey where it is opaque, less where it is not; or its opacity alone."""
    alpha = bgra[3::4]
    return alpha if alpha_only else product(grey_of(bgra), alpha)


def product(a: bytes, b: bytes) -> bytes:
    """a b / 255, rounded."""
    full = b"\xff" * len(a)
    if a == full or b == full:
        return b if a == full else a
    return _by_pair(_products(), a, b)


def counts(greys: bytes) -> list[int]:
    """How many there are of each of the 256 greys."""
    found = Counter(greys)
    return [found[value] for value in range(256)]


def change_table(levels: Levels, strength: int = 1000) -> bytes:
    """8-bit grey -> 8-bit change. strength: the global one, in thousandths. The same table as the backend's; what
    changes at all is never shown as if it did not."""
    table = levels.table()
    changes = [table[257 * value] * strength // 1000 for value in range(256)]
    return bytes(max(change > 0, (2 * change + 257) // 514) for change in changes)


def softened(change: bytes, width: int, half: int) -> bytes:
    """Three box means of 2 half + 1 pixels in both directions, as the backend softens; the edge goes on outside."""
    if half < 1 or not change:
        return change
    height = len(change) // width
    for _ in range(3):
        change = _transposed(_box_mean(change, width, half), width)
        change = _transposed(_box_mean(change, height, half), height)
    return change


def soft_half(radius: int, scale: float) -> int:
    """`half` for a map softened by so many pixels, in a picture whose pixels are so many of the document's."""
    return round(max(1, round(radius / 2)) / scale) if radius else 0


# ---------------------------------------------------------------------- colours


def heated(change: bytes) -> bytes:
    """The heat alone, premultiplied BGRA, to be laid over the picture: nothing where nothing changes."""
    out = bytearray(4 * len(change))
    for channel, table in enumerate(_heat()):
        out[channel::4] = change.translate(table)
    return bytes(out)


@functools.cache
def colours() -> tuple[tuple[int, int, int], ...]:
    """Red, green, blue of each of the 256 changes, without the picture."""
    stops = [bytes.fromhex(stop) for stop in RAMP]
    out = []
    for change in range(256):
        place = change / 255 * (len(stops) - 1)
        low = min(int(place), len(stops) - 2)
        red, green, blue = (a + (b - a) * (place - low) for a, b in zip(stops[low], stops[low + 1], strict=True))
        out.append((round(red), round(green), round(blue)))
    return tuple(out)


@functools.cache
def covers() -> tuple[float, ...]:
    """How much of the picture each change covers, 0..1. The step from 0 is meant: it shows what may change at all."""
    return (0.0, *(FAINTEST + (DENSEST - FAINTEST) * (change / 255) for change in range(1, 256)))


def unveiled(picture: bytes, layer: bytes, opacity: int) -> bytes:
    """The picture below a layer that lies over it with so much opacity, 0..255; exact but for rounding. Where the layer
    covers all there is nothing to see through, and it stays."""
    veil = layer[3::4].translate(bytes((opacity * alpha + 127) // 255 for alpha in range(256)))
    if not any(veil) or picture[3::4].strip(b"\xff"):
        return picture
    light = veil.translate(bytes(255 - v for v in range(256)))
    out = bytearray(picture)
    for channel in range(3):
        rest = _by_pair(_differences(), picture[channel::4], product(layer[channel::4], veil))
        out[channel::4] = _by_pair(_quotients(), rest, light)
    return bytes(out)


# ---------------------------------------------------------------------- inside


def _by_pair(table: bytes, a: bytes, b: bytes) -> bytes:
    """table[a + 256 b] for each two."""
    pairs = bytearray(2 * len(a))
    pairs[0::2], pairs[1::2] = a, b
    return bytes(map(table.__getitem__, memoryview(pairs).cast("H")))


def _table(cell: Callable[[int, int], int]) -> bytes:
    return bytes(cell(a, b) for b in range(256) for a in range(256))


@functools.cache
def _products() -> bytes:
    return _table(lambda a, b: (a * b + 127) // 255)


@functools.cache
def _differences() -> bytes:
    return _table(lambda a, b: max(0, a - b))


@functools.cache
def _quotients() -> bytes:
    return _table(lambda a, b: min(255, (510 * a + b) // (2 * b)) if b else a)


@functools.cache
def _heat() -> tuple[bytes, bytes, bytes, bytes]:
    """Blue, green, red and alpha by change, premultiplied."""
    pairs = list(zip(colours(), covers(), strict=True))
    blue, green, red = (bytes(round(colour[i] * cover) for colour, cover in pairs) for i in (2, 1, 0))
    return blue, green, red, bytes(round(255 * cover) for cover in covers())


def _wide(part: bytes, weight: float) -> int:
    """The light of one colour: 16-bit numbers side by side in one large integer, so that they add at once."""
    out = bytearray(2 * len(part))
    for half, table in enumerate(_light(weight)):
        out[half::2] = part.translate(table)
    return int.from_bytes(out, "little")


@functools.cache
def _light(weight: float) -> tuple[bytes, bytes]:
    """sRGB -> its share of 65,535 of light: low bytes, high bytes. Rounded down, so that a sum fits into 16 bits."""
    shares = [int(weight * FULL * (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4)) for v in _units()]
    return bytes(share & 255 for share in shares), bytes(share >> 8 for share in shares)


def _units() -> list[float]:
    return [value / 255 for value in range(256)]


@functools.cache
def _seen() -> bytes:
    """16-bit light -> 8-bit grey with the curve of sRGB."""
    lights = (value / FULL for value in range(FULL + 1))
    return bytes(
        round(255 * (12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055)) for light in lights
    )


def _box_mean(values: bytes, width: int, half: int) -> bytes:
    """Along the rows."""
    count = 2 * half + 1
    lines = (values[start : start + width] for start in range(0, len(values), width))
    return b"".join(_mean_of(line, half, count) for line in lines)


def _mean_of(line: bytes, half: int, count: int) -> bytes:
    wide = chain(repeat(line[0], half), line, repeat(line[-1], half))
    sums: Sequence[int] = list(accumulate(wide, initial=0))
    return bytes([(2 * s + count) // (2 * count) for s in map(sub, sums[count:], sums)])


def _transposed(values: bytes, width: int) -> bytes:
    return b"".join(values[column::width] for column in range(width))
