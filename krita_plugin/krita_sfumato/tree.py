"""A document's layers as Krita keeps them: walking, finding, telling them apart. libkis hands out a new wrapper at each
call, so layers are known by their ids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MASKS = ("transparencymask", "selectionmask", "filtermask")  # one byte per pixel
NOT_MAPS = ("transformmask", "colorizemask", "referenceimages")
Path = tuple[int, ...]  # child indices from the root


@dataclass(frozen=True)
class Layer:
    """A layer as the chooser shows it; depth: how deeply it is nested."""

    id: str
    name: str
    kind: str
    depth: int
    visible: bool


def id_of(node: Any) -> str:
    return str(node.uniqueId().toString()) if node is not None else ""


def walk(document: Any) -> Iterator[tuple[Any, int, Path]]:
    """(node, depth, path), topmost first, of all that can be a map."""

    def below(parent: Any, depth: int, path: Path) -> Iterator[tuple[Any, int, Path]]:
        children = parent.childNodes()
        for index in range(len(children) - 1, -1, -1):
            if children[index].type() not in NOT_MAPS:
                yield children[index], depth, (*path, index)
                yield from below(children[index], depth + 1, (*path, index))

    root = document.rootNode()
    return below(root, 0, ()) if root is not None else iter(())


def layers(document: Any) -> list[Layer]:
    """What can be a map, topmost first as in Krita's layer docker."""
    return [Layer(id_of(n), str(n.name()), str(n.type()), d, bool(n.visible())) for n, d, _ in walk(document)]


def find(document: Any, layer: str) -> Any | None:
    return next((node for node, _, _ in walk(document) if id_of(node) == layer), None)


def at(document: Any, path: Path) -> Any:
    node = document.rootNode()
    for index in path:
        node = node.childNodes()[index]
    return node


def is_seen(node: Any) -> bool:
    """Whether it is part of the picture. A mask is not, but what it does is."""
    if node.type() in MASKS:
        return False
    while node is not None:
        if not node.visible():
            return False
        node = node.parentNode()
    return True
