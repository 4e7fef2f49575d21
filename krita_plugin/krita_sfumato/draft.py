"""What the painter asked for and the pixels it needs, before anything was hashed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from .vendor.sfumato_wire import Box, Control, Pixels, Request, digest_of


@dataclass(frozen=True)
class Picture:
    """Raw rows somewhere in the document."""

    box: Box
    format: str
    data: bytes = field(repr=False)

    def named(self) -> Pixels:
        """Its description on the wire. Hashes: not for the UI thread."""
        box = self.box
        return Pixels(box.x, box.y, box.width, box.height, self.format, digest_of(self.data))


@dataclass(frozen=True)
class Draft:
    """A request whose pictures have no names yet; `fields` are those of Request. shown: to the ControlNet, of which
    `guide` has the other fields."""

    canvas: Picture
    change_map: Picture | None
    fields: dict[str, Any]
    shown: Picture | None = None
    guide: dict[str, Any] = field(default_factory=dict)

    def but(self, **fields: Any) -> Draft:
        """The same with other fields."""
        return replace(self, fields=self.fields | fields)

    def request(self) -> tuple[Request, dict[str, bytes]]:
        """The request and its blobs by digest. Hashes: not for the UI thread."""
        canvas = self.canvas.named()
        change_map = self.change_map.named() if self.change_map else None
        blobs = {canvas.digest: self.canvas.data}
        if self.change_map and change_map:
            blobs[change_map.digest] = self.change_map.data
        control = Control(picture=self.shown.named(), **self.guide) if self.shown else None
        if self.shown and control:
            blobs[control.picture.digest] = self.shown.data
        return Request(canvas=canvas, change_map=change_map, control=control, **self.fields), blobs
