"""Pixels in the native order of every kind of document: noise, and greys for maps."""

from __future__ import annotations

import random
import struct
from array import array

from .painter import GREY, LINEAR, SRGB

LINEAR_GREY = "Gray-D50-elle-V2-g10.icc"
LAB = "Lab identity built-in"
CMYK = "Chemical proof"
WIDE, LARGE = "WideRGB-elle-V2-g22.icc", "LargeRGB-elle-V2-g22.icc"
SPACES = (
    ("RGBA", "U8", SRGB),
    ("RGBA", "U16", SRGB),
    ("RGBA", "F16", LINEAR),
    ("RGBA", "F32", LINEAR),
    ("RGBA", "F32", SRGB),
    ("GRAYA", "U8", GREY),
    ("GRAYA", "U16", GREY),
    ("GRAYA", "F32", LINEAR_GREY),
    ("RGBA", "U8", WIDE),
    ("RGBA", "U16", LARGE),
    ("CMYKA", "U8", CMYK),
    ("LABA", "U16", LAB),
)
CHANNELS = {"RGBA": 4, "GRAYA": 2, "CMYKA": 5, "LABA": 4}
BYTES = {"U8": 1, "U16": 2, "F16": 2, "F32": 4}


def size_of(model: str, depth: str) -> int:
    """Bytes of a pixel."""
    return CHANNELS[model] * BYTES[depth]


def noise(count: int, model: str, depth: str) -> bytes:
    """Any colours, opaque, half and not at all; in floats also brighter than white and darker than black."""
    dice = random.Random(count)
    if not depth.startswith("F"):
        return dice.randbytes(count * size_of(model, depth))
    out = []
    for _ in range(count):
        out += [dice.choice((dice.random(), 3.5, -0.25)) for _ in range(CHANNELS[model] - 1)]
        out.append(dice.choice((0.0, 0.5, 1.0)))
    return floats(out, depth)


def grey(v: int, model: str, depth: str, profile: str, alpha: bool = True) -> bytes:
    """One pixel that is seen as the 8-bit grey v, or nearly so where the profile has a curve of its own."""
    if model == "CMYKA":
        return bytes([0, 0, 0, 255 - v, 255 * alpha])
    if model == "LABA":
        return array("H", [round(_lightness(v) * 65535), 0x8080, 0x8080, 65535 * alpha]).tobytes()
    count = CHANNELS[model] - 1
    if depth == "U8":
        return bytes([v] * count + [255 * alpha])
    if depth == "U16":
        return array("H", [257 * v] * count + [65535 * alpha]).tobytes()
    value = v / 255 if profile == SRGB else linear(v)
    return floats([value] * count + [float(alpha)], depth)


def seen(data: bytes, model: str, depth: str) -> list[bytes]:
    """The pixels. What colour nothing has is Krita's whim: it differs from one refresh to the next, in floats."""
    size, wide = size_of(model, depth), BYTES[depth]
    pixels = [data[i : i + size] for i in range(0, len(data), size)]
    nothing = bytes(size)
    return [pixel if any(pixel[size - wide :]) else nothing for pixel in pixels]


def floats(values: list[float], depth: str) -> bytes:
    if depth == "F32":
        return array("f", values).tobytes()
    return struct.pack(f"<{len(values)}e", *values)


def linear(v: int) -> float:
    """What sRGB's curve makes of an 8-bit grey."""
    c = v / 255
    return c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4


def _lightness(v: int) -> float:
    """L* of an sRGB grey, 0..1."""
    y = linear(v)
    return 1.16 * y ** (1 / 3) - 0.16 if y > 216 / 24389 else y * 24389 / 2700
