"""One result as a document keeps it: how it was made, a small picture of it, and its pixels, packed without loss.

As bytes it is a line of JSON, the rows of the small picture, and the packed rows. Those bytes may come from anywhere:
what is damaged, beyond a limit or of a later version counts as nothing.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass, field
from typing import Any

from .vendor.sfumato_wire import Box
from .vendor.sfumato_wire.limits import MAX_BLOB, MAX_DEPTH, MAX_NAME, MAX_SIDE

VERSION = 1
BYTES = {"bgra8": 4, "bgra16": 8}  # of a pixel
TASKS = ("edit", "map")
THUMB_SIDE = 128  # pixels along the longer side of a small picture, at most
MAX_HEADER = 512 * 1024  # bytes of the line of JSON
LATEST = 1e11  # seconds since 1970: beyond it nothing was made
LEVEL = 1  # of zlib: several times as fast as the usual one and hardly larger
# How far zlib can shrink and swell. What is outside is no packed picture, and it is not even begun with.
MOST_SHRUNK = 1100
MOST_SWOLLEN = 1.25, 1024
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Thumb:
    """A small picture: straight BGRA, 8 bits, sRGB."""

    width: int
    height: int
    bgra: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if min(self.width, self.height) < 1 or len(self.bgra) != self.width * self.height * 4:
            raise ValueError(f"{len(self.bgra)} bytes are no picture of {self.width} x {self.height} pixels.")

    def rgb(self) -> tuple[int, int, bytes]:
        """Width, height and rows without the opacity."""
        rgb = bytearray(self.width * self.height * 3)
        rgb[0::3], rgb[1::3], rgb[2::3] = self.bgra[2::4], self.bgra[1::4], self.bgra[0::4]
        return self.width, self.height, bytes(rgb)

    @classmethod
    def of_rgb(cls, width: int, height: int, rgb: bytes) -> Thumb:
        """From what a backend shows while it paints."""
        bgra = bytearray(b"\xff") * (width * height * 4)
        bgra[0::4], bgra[1::4], bgra[2::4] = rgb[2::3], rgb[1::3], rgb[0::3]
        return cls(width, height, bytes(bgra))


@dataclass(frozen=True)
class Entry:
    """A result. said: the settings it was made with, as JSON; made: in seconds since 1970; packed: empty as long as
    nobody asked for its pixels; placed: the layer that it became, "" for none yet."""

    id: str
    task: str
    said: dict[str, Any]
    box: Box
    format: str
    thumb: Thumb
    made: float
    packed: bytes = field(default=b"", repr=False)
    favourite: bool = False
    placed: str = ""

    @property
    def size(self) -> int:
        """Bytes of its rows."""
        return self.box.area * BYTES[self.format]

    def pixels(self) -> bytes | None:
        """Its rows; None when they are damaged or were not loaded. Takes its time: not for the UI thread."""
        inflate = zlib.decompressobj()
        try:
            rows = inflate.decompress(self.packed, self.size + 1)  # never more than it should be
        except zlib.error:
            return None
        return rows if len(rows) == self.size and inflate.eof and not inflate.unused_data else None


def pack(
    id: str,
    task: str,
    said: dict[str, Any],
    box: Box,
    format: str,
    rows: bytes,
    thumb: Thumb,
    made: float,
) -> Entry:
    """A result that is to be kept. Takes its time: not for the UI thread."""
    said = json.loads(json.dumps(said))  # as it will come back
    entry = Entry(id, task, said, box, format, thumb, float(made), zlib.compress(rows, LEVEL))
    if format not in BYTES or len(rows) != entry.size:
        raise ValueError(f"{len(rows)} bytes are no {format} picture of {box.width} x {box.height} pixels.")
    if from_note(to_note(entry), id) is None:
        raise ValueError("This result is beyond what can be kept.")
    return entry


def is_id(text: object) -> bool:
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def to_note(entry: Entry) -> bytes:
    """`favourite` and `placed` change later than the rest, so they are kept elsewhere."""
    box, thumb = entry.box, entry.thumb
    header = {
        "version": VERSION,
        "id": entry.id,
        "task": entry.task,
        "said": entry.said,
        "box": [box.x, box.y, box.width, box.height],
        "format": entry.format,
        "thumb": [thumb.width, thumb.height],
        "made": entry.made,
        "packed": len(entry.packed),
    }
    return b"".join((json.dumps(header).encode("ascii"), b"\n", thumb.bgra, entry.packed))


def from_note(note: bytes, id: str, whole: bool = False) -> Entry | None:
    """The entry, with its pixels when it is to be `whole`; None when the bytes are not the entry of that id."""
    end = note.find(b"\n", 0, MAX_HEADER)
    try:
        header = json.loads(note[: max(0, end)])
        if header["version"] != VERSION or header["id"] != id or not is_id(id) or header["task"] not in TASKS:
            return None
        box, format = _box(header["box"]), str(header["format"])
        width, height = (_whole(side, 1, THUMB_SIDE) for side in header["thumb"])
        start = end + 1 + width * height * 4
        packed = _whole(header["packed"], 1, len(note))
        if start + packed != len(note) or not _is_likely(packed, box.area * BYTES[format]):
            return None
        said, made = header["said"], header["made"]
        if not isinstance(said, dict) or not _is_flat(said, MAX_DEPTH):
            return None
        if isinstance(made, bool) or not 0 <= made <= LATEST:
            return None
        thumb = Thumb(width, height, note[end + 1 : start])
        return Entry(id, header["task"], said, box, format, thumb, float(made), note[start:] if whole else b"")
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def is_name(text: object) -> bool:
    """Of a layer, as Krita gives them."""
    return isinstance(text, str) and len(text) <= MAX_NAME


def _box(said: Any) -> Box:
    x, y, width, height = said
    corner = (_whole(value, -MAX_SIDE, MAX_SIDE) for value in (x, y))
    return Box(*corner, *(_whole(value, 1, MAX_SIDE) for value in (width, height)))


def _is_likely(packed: int, size: int) -> bool:
    """Whether so many bytes can be the packed rows of such a picture."""
    factor, more = MOST_SWOLLEN
    return size <= MAX_BLOB and size / MOST_SHRUNK <= packed <= factor * size + more


def _is_flat(value: Any, depth: int) -> bool:
    """Whether lists and tables lie in one another no deeper than that."""
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return depth > 0 and all(_is_flat(each, depth - 1) for each in inner)


def _whole(value: Any, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{value!r} is no whole number from {low} to {high}.")
    return value
