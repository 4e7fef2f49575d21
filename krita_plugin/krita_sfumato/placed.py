"""Which layers were placed as results, and whether the painter did anything to them since."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, replace
from typing import Any

from . import pixels, tree
from .interfaces import Notes
from .vendor.sfumato_wire import Box

KEY = "placed"  # of the note; the sums outlive the session
REMEMBERED = 64  # layers in a document


@dataclass(frozen=True)
class Step:
    """The document as it was right after a layer was added. undo: what the Undo action said; "" while not known."""

    layers: tuple[str, ...]
    undo: str = ""
    name: str = ""


class Placed:
    """Of this session: one for all documents. Layers keep their ids in the .kra and through undo and redo."""

    def __init__(self) -> None:
        self._steps: dict[str, Step] = {}

    def remember(self, document: Any, notes: Notes, layer: str, said: str) -> None:
        """A layer that was just added; said: its `Sums`."""
        node = tree.find(document, layer)
        self._steps[layer] = Step(layers_of(document), name=str(node.name()) if node is not None else "")
        known = _read(notes)
        known[layer] = said
        notes.write(KEY, json.dumps(dict(list(known.items())[-REMEMBERED:])).encode("ascii"))

    def added(self, notes: Notes) -> tuple[str, ...]:
        """The latest last; in other sessions, too."""
        return tuple(_read(notes))

    def heard(self, layer: str, undo: str) -> None:
        """Krita names its last step a moment after it was made; what counts is what it says first."""
        step = self._steps.get(layer)
        if step is not None and not step.undo:
            self._steps[layer] = replace(step, undo=undo)

    def is_last_step(self, document: Any, layer: str, undo: str) -> bool:
        """Whether the layer's own addition is what an undo would probably take back; seen from the outside."""
        step = self._steps.get(layer)
        return step is not None and step.undo == undo != "" and step.layers == layers_of(document)

    def is_untouched(self, document: Any, notes: Notes, node: Any) -> bool:
        """Whether there is nothing on it but what was placed."""
        said = _read(notes).get(tree.id_of(node), "")
        step = self._steps.get(tree.id_of(node))
        if node.locked() or node.alphaLocked() or _has_style(node):
            return False  # it was made the painter's own
        if step is not None and step.name and step.name != str(node.name()):
            return False
        return said != "" and said == sum_of_layer(node, said, Box(0, 0, document.width(), document.height()))


def layers_of(document: Any) -> tuple[str, ...]:
    return tuple(tree.id_of(node) for node, _, _ in tree.walk(document))


class Sums:
    """Box and check sums of what a layer, and perhaps its mask, was filled with: `said` is such as
    "3,4,10,20,1a2b3c4d"."""

    def __init__(self, box: Box, parts: int) -> None:
        self._box, self._sums = box, [0] * parts

    def add(self, *bands: bytes) -> None:
        """The next rows of each part."""
        self._sums = [zlib.crc32(band, so_far) for so_far, band in zip(self._sums, bands, strict=True)]

    @property
    def said(self) -> str:
        box = self._box
        sums = [f"{crc:08x}" for crc in self._sums]
        return ",".join([str(box.x), str(box.y), str(box.width), str(box.height), *sums])


def sum_of_layer(node: Any, said: str, canvas: Box) -> str:
    """The `Sums` of a layer as it is now, within the box that was said; "" when it is not even alike."""
    try:
        box = Box(*map(int, said.split(",")[:4]))
    except (ValueError, TypeError):
        return ""
    parts = [node, *node.childNodes()]
    masked = all(part.type() == "transparencymask" for part in parts[1:])
    # A box is read only where it can be no larger than the picture: a note may come from anywhere.
    inside = min(box.width, box.height) > 0 and canvas.contains(box)
    if not (masked and inside and _within(node, box)) or node.animated():
        return ""
    sums = []
    for part in parts:
        crc = 0
        for band in pixels.bands(box):
            crc = zlib.crc32(part.pixelData(band.x, band.y, band.width, band.height), crc)
        sums.append(f"{crc:08x}")
    return ",".join([*said.split(",")[:4], *sums])


def _has_style(node: Any) -> bool:
    """Whether it has a layer style, as far as Krita tells."""
    style = getattr(node, "layerStyleToAsl", None)
    return style is not None and bool(style())


def _within(node: Any, box: Box) -> bool:
    """Whether nothing is painted outside."""
    bounds = node.bounds()
    return bool(bounds.isEmpty()) or box.contains(Box(bounds.x(), bounds.y(), bounds.width(), bounds.height()))


def _read(notes: Notes) -> dict[str, str]:
    """A picture may come from anywhere: what cannot be read counts as nothing."""
    try:
        return {str(layer): str(said) for layer, said in dict(json.loads(notes.read(KEY))).items()}
    except (ValueError, TypeError, RecursionError):
        return {}
