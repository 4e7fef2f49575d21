"""What can be set in a request: an edit's own parameters, then those of the map and the composite, which all share."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

from sfumato_wire.messages import EditInfo, Parameter

from sfumato.composite import BAND
from sfumato.edits import EDITS

_MAP = (
    Parameter(
        "resample",
        "choice",
        "area",
        "How the map's pixels share a cell of the model: their mean ('area'), or any change counts ('max').",
        choices=("area", "max"),
    ),
)
_COMPOSITE = (
    Parameter(
        "composite",
        "choice",
        "smooth",
        "How the new picture lies over yours: 'smooth' fades faint changes in and keeps their detail, 'plain' covers "
        "wherever the map is not black, 'difference' where much has changed, and 'map' as much as the map is light.",
        choices=("smooth", "plain", "difference", "map"),
    ),
    Parameter(
        "band", "float", BAND, "Change at which the new picture covers fully ('smooth', 'difference').", 0.0, 1.0
    ),
    Parameter("detail", "float", 1.0, "How much detail of little changed pixels is given back ('smooth').", 0.0, 1.0),
)


_FOUND = (
    Parameter(
        "edges",
        "choice",
        "smooth",
        "How the found map is drawn: 'smooth', or 'cells', which shows what the model sees as one value.",
        choices=("smooth", "cells"),
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
