"""Layers into Krita. They are made and filled, with their masks, before they are added: that is one undo step.

Measured in 5.1.5, 5.2.9, 5.3.4 and 6.0.4: a layer keeps its own colour space in whatever document it is added to and is
composited right there. Setting a colour space or a blending mode, and adding a mask, are undo steps of the document
that made the layer, even before it is added: so a scratch document makes those.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any

from . import pixels, placed, sentences, tree
from .draft import Picture
from .pixels import bands
from .qt import QByteArray
from .reading import SRGB, scratch_document

DEPTH = {"bgra8": "U8", "bgra16": "U16"}
NORMAL = "normal"


class NewLayer:
    """A layer that is in no picture yet: `fill` it, then add `node` while the context lasts. mask: its alpha is to be a
    mask on it; like: the layer that it is blended as."""

    def __init__(self, app: Any, document: Any, name: str, picture: Picture, mask: bool = False, like: Any = None):
        self._app, self._document, self._name, self._picture = app, document, name, picture
        self._mask, self._like = mask, like
        self._exit = ExitStack()
        self.node: Any = None
        self.sums = placed.Sums(picture.box, 2 if mask else 1)

    def __enter__(self) -> NewLayer:
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def fill(self) -> Iterator[None]:
        """Band by band: Krita goes on in between, and memory for a copy of all of it would be new to it, and twice as
        slow."""
        like, picture = self._like, self._picture
        blended = like is not None and (like.blendingMode() != NORMAL or like.inheritAlpha())
        maker = self._exit.enter_context(_maker(self._app, self._document, picture.format, blended or self._mask))
        node = maker.createNode(self._name, "paintlayer")
        edge = maker.createTransparencyMask(sentences.MASK_NAME) if self._mask else None
        line = len(picture.data) // max(1, picture.box.height)
        for part in bands(picture.box):
            top = part.y - picture.box.y
            rows = picture.data[top * line : (top + part.height) * line]
            parts = (rows,) if edge is None else pixels.unmasked(rows, picture.format)
            for to, data in zip((node, edge), parts, strict=False):
                to.setPixelData(QByteArray(data), part.x, part.y, part.width, part.height)
            self.sums.add(*parts)
            yield
        if edge is not None:
            node.addChildNode(edge, None)
        if like is not None:
            node.setOpacity(like.opacity())
            node.setColorLabel(like.colorLabel())
        if blended:
            node.setBlendingMode(like.blendingMode())
            node.setInheritAlpha(like.inheritAlpha())
        if maker is not self._document:
            maker.waitForDone()
        self.node = node


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


def _maker(app: Any, document: Any, pixel_format: str, scratch: bool) -> AbstractContextManager[Any]:
    """Whose layers are sRGB of that format's depth."""
    depth = DEPTH[pixel_format]
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
