"""Whether a layer is no part of the picture that edits see, and why the painter cannot say otherwise just now."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

from .memory import Note
from .tree import MASKS


@dataclass(frozen=True)
class Beside:
    """is_beside: it is no part of the picture; why: what keeps it as it is, one of `sentences.WHY_BESIDE`, "" when
    nothing does."""

    is_beside: bool = False
    why: str = "layer"


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
