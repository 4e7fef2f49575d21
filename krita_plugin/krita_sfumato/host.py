"""The only file that talks to Krita: documents, layers, reading the map and the picture, writing the result.

What libkis does was measured in 5.1.5, 5.3.4 and 6.0.4; the comments say where it is not what its names suggest.
Everything here runs on the UI thread and leaves the document as it was, except where it adds a layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from krita import DockWidget, DockWidgetFactory, DockWidgetFactoryBase, Krita

from . import pixels
from .interfaces import NOWHERE
from .qt import QByteArray, QIcon
from .reading import Converter, bands, read_bgra, read_node, scratch_document
from .vendor.sfumato_wire import Box

SRGB = "sRGB-elle-V2-srgbtrc.icc"
MASKS = ("transparencymask", "selectionmask", "filtermask")  # one byte per pixel
NOT_MAPS = ("transformmask", "colorizemask", "referenceimages")
NOTE = "sfumato/maps"  # annotation in the document: see `memory`
GREY_LABEL = 8  # colour label


__all__ = ["DockWidget", "Document", "Host", "Layer"]


@dataclass(frozen=True)
class Layer:
    """A layer as the chooser shows it; depth: how deeply it is nested."""

    id: str
    name: str
    kind: str
    depth: int
    visible: bool


class Host:
    """Krita."""

    def __init__(self) -> None:
        self._app = Krita.instance()

    def version(self) -> str:
        return str(self._app.version())

    def icon(self, name: str) -> QIcon:
        return self._app.icon(name)

    def register_docker(self, name: str, docker: type) -> None:
        """On the right, where Krita keeps its own."""
        # Krita 6.1 scopes the enum; before it only the unscoped name is there.
        places = getattr(DockWidgetFactoryBase, "DockPosition", DockWidgetFactoryBase)
        right = getattr(places, "DockRight", None)
        right = DockWidgetFactoryBase.DockRight if right is None else right
        self._app.addDockWidgetFactory(DockWidgetFactory(name, right, docker))

    def document(self) -> Document | None:
        """The active document."""
        document = self._app.activeDocument()
        return Document(self._app, document) if document is not None else None

    def when_closing(self, call: Callable[[], None]) -> None:
        notifier = self._app.notifier()
        notifier.setActive(True)
        notifier.applicationClosing.connect(call)


class Document:
    """One of Krita's documents; may outlive it."""

    def __init__(self, app: Any, document: Any) -> None:
        self._app = app
        self._document = document
        self._active: Any = None  # the layer to go on with
        self.id = _id(document.rootNode())
        file = str(document.fileName()).replace("\\", "/").rpartition("/")[2]
        self.name = file or str(document.name()) or "The picture"
        self.width = int(document.width())
        self.height = int(document.height())

    def is_open(self) -> bool:
        """libkis hands out a new wrapper each time, and those of closed documents still answer."""
        return any(d == self._document and _id(d.rootNode()) == self.id for d in self._app.documents())

    def is_idle(self) -> bool:
        """False in the middle of a brush stroke: then pixels and layers must wait."""
        if self._document.tryBarrierLock():
            self._document.unlock()
            return True
        return False

    def size(self) -> tuple[int, int]:
        return int(self._document.width()), int(self._document.height())

    # ------------------------------------------------------------------ layers

    def layers(self) -> list[Layer]:
        """What can be a map, topmost first as in Krita's layer docker."""
        return [Layer(_id(n), str(n.name()), str(n.type()), d, bool(n.visible())) for n, d, _ in self._walk()]

    def has(self, layer: str) -> bool:
        return self._find(layer) is not None

    @property
    def notes(self):
        outer = self

        class Notes:
            def read(self, key):
                return bytes(outer._document.annotation("sfumato/" + key))

            def write(self, key, data):
                outer._document.setAnnotation("sfumato/" + key, "Sfumato", QByteArray(data))

            def remove(self, key):
                outer._document.removeAnnotation("sfumato/" + key)

            def keys(self):
                return [str(k)[8:] for k in outer._document.annotationTypes() if str(k).startswith("sfumato/")]

        return Notes()

    def wants_16_bits(self):
        return False

    def can_mask(self):
        return False

    def new_map(self, name: str, bgra: bytes = b"", box: Box = NOWHERE) -> str:
        """A layer on top, active, half transparent so that the picture shows through: one undo step. Empty, which
        means that nothing changes yet, or with these greys. Its own opacity does not count when the map is read.
        """
        taken = {layer.name for layer in self.layers()}
        free = next(n for i in range(1, 10_000) if (n := name if i == 1 else f"{name} {i}") not in taken)
        with self._maker(needs_srgb=bool(bgra)) as maker:
            node = maker.createNode(free, "paintlayer")
            node.setOpacity(128)
            node.setColorLabel(GREY_LABEL)
            if bgra:
                node.setPixelData(QByteArray(bgra), box.x, box.y, box.width, box.height)
            self._document.rootNode().addChildNode(node, None)
        self._active = node
        self._document.setActiveNode(node)
        return _id(node)

    # ------------------------------------------------------------------ reading

    def map_box(self, layer: str) -> Box:
        """Where the layer has pixels, within the canvas; of width or height 0 when it is empty."""
        node = self._need(layer)
        bounds = node.bounds()
        box = Box(bounds.x(), bounds.y(), max(0, bounds.width()), max(0, bounds.height()))
        return box.intersection(Box(0, 0, *self.size()))

    def map_format(self, layer: str) -> str:
        return "gray8" if self._need(layer).type() in MASKS else "graya16"

    def read_map(self, layer: str, box: Box) -> Iterator[bytes]:
        """The layer's grey and alpha (a mask's values), band by band.

        `projectionPixelData` serves every kind of layer, hidden ones too, with its masks and without its own opacity.
        """
        node = self._need(layer)
        if node.type() in MASKS:
            for part in bands(box):
                yield read_node(node, part, 1)
            return
        model, depth, profile = node.colorModel(), node.colorDepth(), node.colorProfile()
        quick = (model, depth) == ("RGBA", "U8") and profile.startswith("sRGB") and "g10" not in profile
        with Converter(self._app, model, depth, profile) as converter:
            for part in bands(box):
                raw = bytes(node.projectionPixelData(part.x, part.y, part.width, part.height))
                if quick and pixels.neutral(raw):
                    yield pixels.graya16(raw[1::4], raw[3::4])
                else:
                    yield converter.grey(raw, part.width, part.height)

    def read_picture(self, box: Box, without: Sequence[str]) -> bytes:
        """The picture within the box as straight BGRA, sRGB, 8 bits, as if the layers `without` were hidden."""
        seen = [path for node, _, path in self._walk() if _id(node) in without and self._is_seen(node)]
        if not seen:
            return read_bgra(self._document, box)
        # Hiding a layer through libkis does not refresh the picture, and refreshing all of it takes seconds on a large
        # canvas. So: a clone (its tiles are shared), the layer hidden in it, and its blending mode set to what it is,
        # which repaints exactly the pixels below the layer. The painter's document is never touched.
        clone = self._document.clone()
        try:
            clone.setBatchmode(True)
            for path in seen:
                node = clone.rootNode()
                for index in path:
                    node = node.childNodes()[index]
                node.setVisible(False)
                node.setBlendingMode(node.blendingMode())
            clone.waitForDone()
            return read_bgra(clone, box)
        finally:
            clone.setModified(False)
            clone.close()

    # ------------------------------------------------------------------ writing

    def add_layer(self, name, bgra, box, maps, format="bgra8", mask=False):
        """A new layer above everything that was part of the picture and below the maps on top: one undo step,
        because it is filled before it is added."""
        self._active = self._document.activeNode()
        root = self._document.rootNode()
        below = [child for child in root.childNodes() if _id(child) not in maps and child.type() not in MASKS]
        with self._maker(needs_srgb=True) as maker:
            node = maker.createNode(name, "paintlayer")
            node.setPixelData(QByteArray(bgra), box.x, box.y, box.width, box.height)
            root.addChildNode(node, below[-1] if below else None)
        return _id(node)

    def restore_active(self) -> bool:
        """The painter goes on where they were, or on the new map. Krita chooses an active layer of its own a moment
        after one was added, so this is to be called until it is True."""
        now = self._document.activeNode()
        if self._active is None or (now is not None and _id(now) == _id(self._active)):
            return False
        self._document.setActiveNode(self._active)
        return True

    # ------------------------------------------------------------------ inside

    def _maker(self, needs_srgb: bool) -> AbstractContextManager[Any]:
        """Whose layers fit in. In other colour spaces a scratch document makes those of 8-bit sRGB, because converting
        a layer of this document would leave an undo step of its own."""
        space = (self._document.colorModel(), self._document.colorDepth(), self._document.colorProfile())
        if not needs_srgb or space == ("RGBA", "U8", SRGB):
            return nullcontext(self._document)
        return scratch_document(self._app, "RGBA", "U8", SRGB)

    def _walk(self) -> Iterator[tuple[Any, int, tuple[int, ...]]]:
        """(node, depth, path of child indices), topmost first."""

        def below(parent: Any, depth: int, path: tuple[int, ...]) -> Iterator[tuple[Any, int, tuple[int, ...]]]:
            children = parent.childNodes()
            for index in range(len(children) - 1, -1, -1):
                if children[index].type() not in NOT_MAPS:
                    yield children[index], depth, (*path, index)
                    yield from below(children[index], depth + 1, (*path, index))

        root = self._document.rootNode()
        return below(root, 0, ()) if root is not None else iter(())

    def _find(self, layer: str) -> Any | None:
        return next((node for node, _, _ in self._walk() if _id(node) == layer), None)

    def _need(self, layer: str) -> Any:
        node = self._find(layer)
        if node is None:
            raise LookupError("The layer is not there any more.")
        return node

    def _is_seen(self, node: Any) -> bool:
        if node.type() in MASKS:
            return False  # a mask is no part of the picture, but what it does is
        while node is not None:
            if not node.visible():
                return False
            node = node.parentNode()
        return True


def _id(node: Any) -> str:
    return str(node.uniqueId().toString()) if node is not None else ""
