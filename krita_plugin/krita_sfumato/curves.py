"""From the brightness of a layer to how much may change there. Pure: bytes in, bytes out.

Lights, midtones and darks overlap softly and together make white everywhere, so three edits through them reach every
pixel exactly once.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence

from .vendor.sfumato_wire.levels import FULL

Curve = Callable[[float], float]  # 0..1 -> 0..1

_SOME = bytes([0]) + bytes([255]) * 255  # 0 stays 0, everything else becomes 255


def straight(grey: float) -> float:
    return grey


def lights(grey: float) -> float:
    """From middle grey on."""
    return smooth(2 * grey - 1)


def midtones(grey: float) -> float:
    """Most at middle grey, nothing at black and white."""
    return 1 - smooth(abs(2 * grey - 1))


def contrast(grey: float) -> float:
    """Darks darker, lights lighter."""
    return smooth(grey)


def smooth(part: float) -> float:
    """0 up to 0, 1 from 1 on, without a corner at either."""
    part = min(1.0, max(0.0, part))
    return part * part * (3 - 2 * part)


def turned(curve: Curve) -> Curve:
    """The same from the other end."""
    return lambda grey: curve(1 - grey)


PRESETS: dict[str, Curve] = {  # by the names that the menu uses
    "straight": straight,
    "lights": lights,
    "midtones": midtones,
    "darks": turned(lights),
    "contrast": contrast,
    "inverted": turned(straight),
}


def table(preset: str) -> bytes:
    """The 65,536 8-bit greys of a map by the 16-bit greys of a layer."""
    curve = PRESETS[preset]
    return bytes(round(255 * curve(grey / FULL)) for grey in range(FULL + 1))


def through(bands: Sequence[bytes], pixel_format: str, greys: bytes) -> tuple[bytes, bool]:
    """A map's BGRA and whether anything may change by it. What is transparent stays so, a mask's values become opaque
    greys. 8-bit greys stay exact with the straight curve."""
    parts, is_some = [], False
    for band in bands:
        grey, alpha = _grey_and_alpha(band, pixel_format, greys)
        is_some = is_some or bool(grey.strip(b"\0"))
        parts.append(bgra(grey, alpha))
    return b"".join(parts), is_some


def opaque(bands: Sequence[bytes]) -> tuple[bytes, bool]:
    """The same of a mask's values just as they are."""
    values = b"".join(bands)
    return bgra(values), bool(values.strip(b"\0"))


def bgra(grey: bytes, alpha: bytes | None = None) -> bytes:
    """Greys as a paint layer has them; opaque without an alpha."""
    out = bytearray(b"\xff") * (4 * len(grey))
    out[0::4] = out[1::4] = out[2::4] = grey
    if alpha is not None:
        out[3::4] = alpha
    return bytes(out)


def _grey_and_alpha(band: bytes, pixel_format: str, greys: bytes) -> tuple[bytes, bytes | None]:
    """8 bits each, the grey 0 where there is nothing."""
    narrow = greys[::257]
    if pixel_format == "gray8":
        return band.translate(narrow), None
    alpha = band[3::4]
    if band[0::4] == band[1::4]:  # 8-bit greys widened
        grey = band[1::4].translate(narrow)
    else:
        grey = bytes(map(greys.__getitem__, array("H", band)[0::2]))
    return _where(grey, alpha), alpha


def _where(grey: bytes, alpha: bytes) -> bytes:
    there = int.from_bytes(alpha.translate(_SOME), "little")
    return (int.from_bytes(grey, "little") & there).to_bytes(len(grey), "little")
