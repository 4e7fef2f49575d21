"""Which of the things beside a model go with it."""

from __future__ import annotations

from collections.abc import Sequence

from .vendor.sfumato_wire import Extra, ModelInfo


def fitting(kind: str, model: ModelInfo | None, there: Sequence[Extra]) -> list[Extra]:
    """Those of a list of the welcome's that may be asked for with this model. kind: as in `ModelInfo.takes`."""
    if model is None or kind not in model.takes:
        return []
    return [one for one in there if one.family == model.family]
