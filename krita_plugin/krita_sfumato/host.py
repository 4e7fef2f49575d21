"""The only file that imports Krita: its documents as the controller knows them; see `reading` and `writing`.

What libkis does was measured in 5.1.5, 5.2.9, 5.3.4 and 6.0.4; the comments say where it is not what its names suggest.
Everything here runs on the UI thread and leaves the document as it was, except where it adds a layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from krita import DockWidget, DockWidgetFactory, DockWidgetFactoryBase, Krita, ManagedColor, Selection

from . import alpha, looking, noticing, reading, selection, sentences, tree, writing
from .draft import Picture
from .identity import Numbers
from .interfaces import SELECTION
from .notes import Notes
from .placed import Placed
from .qt import QIcon
from .tree import Layer, id_of
from .vendor.sfumato_wire import Box

GREY_LABEL = 8  # colour label

__all__ = ["DockWidget", "Document", "Host"]


class Host:
    """Krita."""

    def __init__(self) -> None:
        self._app = Krita.instance()
        self._numbers = Numbers(self._app)
        self._placed = Placed()

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
        number = self._numbers.of(document) if document is not None else 0
        return Document(self._app, document, self._placed, number) if number else None

    def new_selection(self) -> Any:
        """Of libkis; it belongs to no document."""
        return Selection()

    def window(self) -> Any:
        """The window that the painter is in, as Qt has it; None while there is none."""
        window = self._app.activeWindow()
        return window.qwindow() if window is not None else None

    def view(self) -> Any:
        """What the painter looks at it with, as libkis has it."""
        window = self._app.activeWindow()
        return window.activeView() if window is not None else None

    def when_closing(self, call: Callable[[], None]) -> None:
        notifier = self._app.notifier()
        notifier.setActive(True)
        notifier.applicationClosing.connect(call)


class Document:
    """One of Krita's documents; may outlive it."""

    def __init__(self, app: Any, document: Any, placed: Placed | None = None, number: int = 0) -> None:
        """number: which of this session's documents it is."""
        self._app = app
        self._document = document
        self._placed = Placed() if placed is None else placed
        self._active: Any = None  # the layer to go on with
        self._added = ""  # the layer that was added last
        self.notes = Notes(document, self.is_open)
        self._root = id_of(document.rootNode())
        self.id = f"{self._root} {number}"  # a copy of a picture has the same layers
        file = str(document.fileName()).replace("\\", "/").rpartition("/")[2]
        self.name = file or str(document.name()) or sentences.UNNAMED
        self.width = int(document.width())
        self.height = int(document.height())

    def is_open(self) -> bool:
        """libkis hands out a new wrapper each time, and those of closed documents still answer."""
        return any(d == self._document and id_of(d.rootNode()) == self._root for d in self._app.documents())

    def is_modified(self) -> bool:
        return bool(self._document.modified())

    def is_idle(self) -> bool:
        """False in the middle of a brush stroke: then pixels and layers must wait."""
        if self._document.tryBarrierLock():
            self._document.unlock()
            return True
        return False

    def size(self) -> tuple[int, int]:
        return int(self._document.width()), int(self._document.height())

    def wants_16_bits(self) -> bool:
        """Whether 8 bits would be coarser than the document."""
        return str(self._document.colorDepth()) != "U8"

    # ------------------------------------------------------------------ layers

    def layers(self) -> list[Layer]:
        """What can be a map, topmost first as in Krita's layer docker."""
        return tree.layers(self._document)

    def active(self) -> tuple[str, str]:
        """Id and name of the layer that the painter is on; "" for none."""
        node = self._document.activeNode()
        return (id_of(node), str(node.name())) if node is not None else ("", "")

    def has(self, layer: str) -> bool:
        if layer == SELECTION:
            return self._document.selection() is not None
        return tree.find(self._document, layer) is not None

    def take_white(self) -> bool:
        """The brush is white, to paint on a map; the colour before it becomes the other one, which X brings back."""
        return writing.take_white(self._app, ManagedColor("RGBA", "U8", ""))

    # ------------------------------------------------------------------ reading

    def map_box(self, layer: str) -> Box:
        """Where the layer has pixels, within the canvas; of width or height 0 when it is empty."""
        canvas = Box(0, 0, *self.size())
        if layer == SELECTION:
            return selection.selection_box(self._document)
        return reading.map_box(self._need(layer), canvas)

    def map_format(self, layer: str) -> str:
        return "gray8" if layer == SELECTION or self._need(layer).type() in tree.MASKS else "graya16"

    def read_map(self, layer: str, box: Box) -> Iterator[bytes]:
        """The layer's grey and alpha (a mask's or the selection's values), as it is at the first step, band by band."""
        if layer == SELECTION:
            return selection.read_selection(self._document, box)
        return self._still(layer, box, reading.read_map)

    def read_picture(self, box: Box, without: Sequence[str]) -> Iterator[bytes]:
        """The picture within the box as straight BGRA, sRGB, 8 bits, as if the layers `without` were hidden: as it is
        at the first step, band by band."""
        return reading.read_picture(self._document, box, without)

    def read_layer(self, layer: str, box: Box) -> Iterator[bytes]:
        """What is on the layer alone as straight BGRA, sRGB, 8 bits, band by band."""
        return self._still(layer, box, reading.read_layer)

    def read_alpha(self, layer: str, box: Box) -> Iterator[bytes]:
        """How opaque what is on the layer is, band by band."""
        return self._still(layer, box, alpha.read_alpha)

    def look(self, layer: str) -> looking.Steps:
        """A small picture of the canvas and of that map, "" for none, in steps; only while nothing else goes on."""
        return (yield from looking.held(self._document, looking.look(self._app, self._document, self._map(layer))))

    def glance(self, layer: str) -> int:
        """A number that changes with what is seen of both."""
        return noticing.glance(self._document, self._map(layer))

    # ------------------------------------------------------------------ writing

    def can_mask(self) -> bool:
        """Whether a result can have its alpha as a mask: since Krita 5.2."""
        return writing.can_mask(self._document)

    def new_layer(self, name: str, picture: Picture, mask: bool = False, like: str = "") -> writing.NewLayer:
        """One that can be filled, whatever the document's colours are, and added. mask: its alpha becomes a mask on
        it; like: the layer that it is blended as."""
        return writing.NewLayer(self._app, self._document, name, picture, mask, tree.find(self._document, like))

    def new_map(self, name: str) -> str:
        """A layer on top, active, half transparent so that the picture shows through: one undo step. Empty, which
        means that nothing changes yet. Its own opacity does not count when the map is read."""
        return self._add_map(self._document.createNode(name, "paintlayer"), name)

    def add_map(self, new: writing.NewLayer) -> str:
        """The same, with greys."""
        return self._add_map(new.node, str(new.node.name()))

    def add_layer(self, new: writing.NewLayer, maps: Sequence[str]) -> str:
        """Above everything that was part of the picture and below the maps on top: one undo step. Its id.

        In a document with frames it shows at every time: libkis makes no keyframes, and a layer that was given frames
        before it is added still shows everywhere.
        """
        self._active = self._document.activeNode()
        root = self._document.rootNode()
        below = [child for child in root.childNodes() if id_of(child) not in maps and child.type() not in tree.MASKS]
        return self._add(new, root, below[-1] if below else None)

    def replace_layer(self, old: str, new: writing.NewLayer, maps: Sequence[str]) -> str:
        """In place of the one that was added as `old`; the new one's id. One undo step where nothing was done since,
        two otherwise. If the painter did anything to the old one, it stays, below the new one."""
        node = tree.find(self._document, old)
        if node is None:
            return self.add_layer(new, maps)
        parent = node.parentNode()
        self._active = self._document.activeNode()
        if not self._placed.is_untouched(self._document, self.notes, node):
            return self._add(new, parent, node)
        was_active = self._active is not None and id_of(self._active) == old
        siblings = [id_of(other) for other in parent.childNodes()]
        place = siblings.index(old)
        if (place > 0 or len(siblings) == 1) and self._take_back(node):
            now = parent.childNodes()
            layer = self._add(new, parent, now[place - 1] if place > 0 else None)
        else:
            layer = self._add(new, parent, node)
            node.remove()
        if was_active:
            self._active = new.node
        return layer

    def added_layers(self) -> Sequence[str]:
        """Those that `add_layer` and `replace_layer` added, the latest last; some may be gone."""
        return self._placed.added(self.notes)

    def redo(self) -> str:
        """What a new layer would make an end of; "" for nothing."""
        return self._next("edit_redo")

    def is_untouched(self, layer: str) -> bool:
        """Whether a layer that was placed here is as it was placed; False for all others."""
        node = tree.find(self._document, layer)
        return node is not None and self._placed.is_untouched(self._document, self.notes, node)

    def restore_active(self) -> bool:
        """The painter goes on where they were, or on the new map. Krita chooses an active layer of its own a moment
        after one was added, so this is to be called until it is True."""
        self._placed.heard(self._added, self._next("edit_undo"))
        now = self._document.activeNode()
        if self._active is None or (now is not None and id_of(now) == id_of(self._active)):
            return False
        self._document.setActiveNode(self._active)
        return True

    # ------------------------------------------------------------------ inside

    def _add_map(self, node: Any, name: str) -> str:
        taken = {layer.name for layer in self.layers()}
        node.setName(next(n for i in range(1, 10_000) if (n := name if i == 1 else f"{name} {i}") not in taken))
        node.setOpacity(128)
        node.setColorLabel(GREY_LABEL)
        self._document.rootNode().addChildNode(node, None)
        self._active = node
        self._document.setActiveNode(node)
        return id_of(node)

    def _add(self, new: writing.NewLayer, parent: Any, below: Any) -> str:
        parent.addChildNode(new.node, below)
        self._added = id_of(new.node)
        self._placed.remember(self._document, self.notes, self._added, new.sums.said)
        return self._added

    def _take_back(self, node: Any) -> bool:
        """Undo works on the document that the painter looks at, and during a stroke it would cancel that."""
        likely = self._placed.is_last_step(self._document, id_of(node), self._next("edit_undo"))
        return likely and self.is_idle() and writing.take_back(self._app, self._document, node)

    def _next(self, action: str) -> str:
        """What Undo or Redo would do; "" for nothing, and when that is another document's."""
        said = self._app.action(action)
        return str(said.text()) if self._app.activeDocument() == self._document and said.isEnabled() else ""

    def _still(self, layer: str, box: Box, read: Callable[[Any, Any, Box], Iterator[bytes]]) -> Iterator[bytes]:
        return reading.still(self._document, self._need(layer), box, partial(read, self._app))

    def _map(self, layer: str) -> Any | None:
        return selection.AsNode(self._document) if layer == SELECTION else tree.find(self._document, layer)

    def _need(self, layer: str) -> Any:
        node = tree.find(self._document, layer)
        if node is None:
            raise LookupError("The layer is not there any more.")
        return node
