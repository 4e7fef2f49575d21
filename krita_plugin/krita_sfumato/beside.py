"""Whether a layer is no part of the picture that edits see, and why the painter cannot say otherwise just now."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

from .memory import Note
from .tree import MASKS

PAINTED = ("paintlayer", "vectorlayer", "filllayer", "filelayer", "clonelayer")  # what a picture can be made of


@dataclass(frozen=True)
class Beside:
    """is_beside: it is no part of the picture; why: what keeps it as it is, one of `sentences.WHY_BESIDE`, "" when
    nothing does."""

    is_beside: bool = False
    why: str = "layer"


def is_seen(layers: Sequence[Any], note: Note, chosen: str) -> bool:
    """Whether edits see anything of the picture; True where there is nothing but maps."""
    painted = [layer for layer in reversed(layers) if layer.visible and layer.kind in PAINTED and layer.id != chosen]
    return not painted or any(not beside(layers, layer.id, note, chosen).is_beside for layer in painted)


def beside(layers: Sequence[Any], layer: str, note: Note, chosen: str, at_work: Container[str] = ()) -> Beside:
    """layers: all there are, as of `Document.layers`; chosen: the map; at_work: the maps of edits under way, which
    make them maps for good when they are done."""
    groups: list[str] = []  # that it is in
    for other in layers:
        del groups[other.depth :]
        if other.id == layer:
            break
        groups.append(other.id)
    else:
        return Beside()
    guide = note.settings.guide.layer if note.settings.guide.id else ""
    whys = {
        "mask": other.kind in MASKS,
        "map": layer == chosen,
        "guide": layer == guide,
        "edit": layer in at_work,
        "group": not {chosen, guide, *note.maps}.isdisjoint(groups),
    }
    why = next((why for why, is_so in whys.items() if is_so), "")
    return Beside(bool(why) or layer in note.maps, why)
