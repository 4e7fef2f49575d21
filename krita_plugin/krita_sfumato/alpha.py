"""How much there is of a layer at each pixel, whatever its colours: one byte a pixel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .pixels import bands
from .reading import Converter
from .vendor.sfumato_wire import Box

WHOLE = ("U8", "U16")  # depths whose alpha ends, as the last channel, in its highest byte


def read_alpha(app: Any, node: Any, box: Box) -> Iterator[bytes]:
    """Of a layer that is no mask, with its masks and children, hidden or not, band by band. Colours are not converted
    where alpha can be had without: that is most of the work of reading a map."""
    depth = node.colorDepth()
    with Converter(app, node.colorModel(), depth, node.colorProfile()) as converter:
        for part in bands(box):
            raw = bytes(node.projectionPixelData(part.x, part.y, part.width, part.height))
            size = len(raw) // part.area
            if size < 2 or len(raw) != size * part.area:
                raise ValueError(f"Krita gave {len(raw)} bytes for {part.width} x {part.height} pixels.")
            yield raw[size - 1 :: size] if depth in WHOLE else converter.grey(raw, part.width, part.height)[3::4]
