"""What can be set in a request: an edit's own parameters, then those of the map and the composite, which all share."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

from sfumato_wire.declared import EditInfo, Parameter

from sfumato.composite import BAND
from sfumato.edits import EDITS

_MAP = (
    Parameter(
        "resample",
        "choice",
        "area",
        "How the map's pixels share a cell of the model: by their mean, or any change counts.",
        choices=("area", "max"),
        label="Fine map parts",
        choice_labels=("their mean", "any change counts"),
    ),
)
_COMPOSITE = (
    Parameter(
        "composite",
        "choice",
        "smooth",
        "How the new picture lies over yours: softly, where faint changes fade in and keep their detail; "
        "wherever the map is not black; where much has changed; or as much as the map is light.",
        choices=("smooth", "plain", "difference", "map"),
        label="Lies on top",
        choice_labels=("softly", "everywhere", "where much is new", "like the map"),
    ),
    Parameter(
        "band",
        "float",
        BAND,
        "Change from which on the new picture covers yours fully, where it lies over it softly or where much changed.",
        0.0,
        1.0,
        label="Covers fully from",
    ),
    Parameter(
        "detail",
        "float",
        1.0,
        "How much detail of little changed pixels is given back, where the new picture lies softly over yours.",
        0.0,
        1.0,
        label="Detail given back",
    ),
)


_FOUND = (
    Parameter(
        "edges",
        "choice",
        "smooth",
        "How the found map is drawn: smoothly, or in cells, each of which the model sees as one value.",
        choices=("smooth", "cells"),
        label="Drawn",
        choice_labels=("smoothly", "in cells"),
    ),
)


def _declared(edit: ModuleType) -> EditInfo:
    """An edit's own parameters and the shared ones; which composite is the default, the edit may say (COMPOSITE)."""
    info: EditInfo = edit.INFO
    composite, *rest = _COMPOSITE
    composite = replace(composite, default=getattr(edit, "COMPOSITE", composite.default))
    found = (*info.map_parameters, *_FOUND) if info.finds_map else ()
    return replace(info, parameters=(*info.parameters, *_MAP, composite, *rest), map_parameters=found)


DECLARED: dict[str, EditInfo] = {name: _declared(edit) for name, edit in EDITS.items()}
