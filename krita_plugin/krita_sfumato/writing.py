"""Layers into Krita. They are made and filled, with their masks, before they are added: that is one undo step.

Measured in 5.1.5, 5.2.9, 5.3.4 and 6.0.4: a layer keeps its own colour space in whatever document it is added to and is
composited right there. Setting a colour space or a blending mode, and adding a mask, are undo steps of the document
that made the layer, even before it is added: so a scratch document makes those.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from . import pixels, placed, sentences, tree
from .pixels import bands
from .qt import QByteArray
from .reading import SRGB, scratch_document
from .vendor.sfumato_wire import Box

DEPTH = {"bgra8": "U8", "bgra16": "U16"}
NORMAL = "normal"


@dataclass(frozen=True)
class Filling:
    """What a layer is made of. format: bgra8 or bgra16, straight alpha; mask: its alpha is to be a mask on it."""

    name: str
    data: bytes = field(repr=False)
    box: Box
    format: str = "bgra8"
    mask: bool = False


@contextmanager
def layer(app: Any, document: Any, filling: Filling, like: Any = None) -> Iterator[tuple[Any, str]]:
    """The layer, to be added to the document while the context lasts, and its sum for `placed`. It is blended as
    `like` is."""
    blended = like is not None and (like.blendingMode() != NORMAL or like.inheritAlpha())
    with _maker(app, document, DEPTH[filling.format], scratch=blended or filling.mask) as maker:
        node = maker.createNode(filling.name, "paintlayer")
        edge = maker.createTransparencyMask(sentences.MASK_NAME) if filling.mask else None
        said = _fill(node, edge, filling)
        if edge is not None:
            node.addChildNode(edge, None)
        if like is not None:
            node.setOpacity(like.opacity())
            node.setColorLabel(like.colorLabel())
        if blended:
            node.setBlendingMode(like.blendingMode())
            node.setInheritAlpha(like.inheritAlpha())
        if maker is not document:
            maker.waitForDone()
        yield node, said


def _fill(node: Any, edge: Any, filling: Filling) -> str:
    """Its sum for `placed`. In bands: memory for a copy of all of it would be new to Krita, and twice as slow."""
    sums = placed.Sums(filling.box, 1 if edge is None else 2)
    line = len(filling.data) // max(1, filling.box.height)
    for part in bands(filling.box):
        top = part.y - filling.box.y
        parts: tuple[bytes, ...] = (filling.data[top * line : (top + part.height) * line],)
        if edge is not None:
            parts = pixels.unmasked(parts[0], filling.format)
        for to, data in zip((node, edge), parts, strict=False):
            to.setPixelData(QByteArray(data), part.x, part.y, part.width, part.height)
        sums.add(*parts)
    return sums.said


def empty_or_greys(app: Any, document: Any, name: str, bgra: bytes, box: Box) -> AbstractContextManager[Any]:
    """A layer for a map, to be added while the context lasts."""
    if bgra:
        return _node_of(layer(app, document, Filling(name, bgra, box)))
    return nullcontext(document.createNode(name, "paintlayer"))


def can_mask(document: Any) -> bool:
    """Krita can make a layer's transparency mask since 5.2."""
    return hasattr(document, "createTransparencyMask")


def take_back(app: Any, document: Any, node: Any) -> bool:
    """Undo the layer's addition where that is exactly the last step, as if it had never been there. libkis has no undo
    groups: this and an addition are one step where an addition and a removal would be two.

    To be called only where it is likely (`Placed.is_last_step`) and while nothing is going on in the document, as Krita
    ignores an undo then. One that took back anything else is redone, which Krita does exactly; one that it ignored is
    not, as that would bring back what the painter took back before.
    """
    before, said = placed.layers_of(document), _history(app)
    gone = {tree.id_of(part) for part in (node, *node.childNodes())}  # its mask goes with it
    app.action("edit_undo").trigger()
    document.waitForDone()
    now = placed.layers_of(document)
    if now == tuple(other for other in before if other not in gone):
        return True
    if now != before or _history(app) != said:
        app.action("edit_redo").trigger()
        document.waitForDone()
    return False


def _history(app: Any) -> list[str]:
    """The names of the last step and of the next, if it was taken back."""
    return [str(app.action(name).text()) for name in ("edit_undo", "edit_redo")]


@contextmanager
def _node_of(made: AbstractContextManager[tuple[Any, str]]) -> Iterator[Any]:
    with made as (node, _):
        yield node


def _maker(app: Any, document: Any, depth: str, scratch: bool) -> AbstractContextManager[Any]:
    """Whose layers are sRGB of that depth."""
    space = (document.colorModel(), document.colorDepth(), document.colorProfile())
    if not scratch and space == ("RGBA", depth, SRGB):
        return nullcontext(document)
    return scratch_document(app, "RGBA", depth, SRGB)


def take_white(app: Any, white: Any) -> bool:
    """The brush of the active view is white. white: any of libkis' colours of 8-bit sRGB."""
    window = app.activeWindow()
    view = window.activeView() if window is not None else None
    if view is None:
        return False
    white.setComponents([1.0, 1.0, 1.0, 1.0])
    before = view.foregroundColor()
    if before is not None and before.components() != white.components():
        view.setBackGroundColor(before)
    view.setForeGroundColor(white)
    return True
