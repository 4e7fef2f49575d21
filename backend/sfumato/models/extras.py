"""The LoRAs, ControlNets and VAEs that go with models which can be painted with: what a docker can choose from."""

from __future__ import annotations

from collections.abc import Iterable

from sfumato_wire.messages import Extra

from sfumato.errors import InputError
from sfumato.models import Model, controlnets, vaes
from sfumato.models.listing import Row
from sfumato.models.usable import MULTIPLES


def extras(rows: Iterable[Row], kind: str) -> tuple[Extra, ...]:
    """Those of that kind ("lora", "controlnet") that `check_fits` lets pass with some model."""
    return tuple(Extra(row.id, row.name, row.family) for row in rows if row.kind == kind and _is_of_use(row))


def other_vaes(rows: Iterable[Row], models: Iterable[Model]) -> tuple[Extra, ...]:
    """The VAEs that `check_fits` lets pass, each once for every family of these models that it fits."""
    of_family = {model.info.family: model for model in models if model.row}
    return tuple(
        Extra(row.id, row.name, family)
        for row in rows
        if row.kind == "vae"
        for family, model in of_family.items()
        if _fits(row, model)
    )


def _fits(vae: Row, model: Model) -> bool:
    try:
        vaes.check_fits(vae, model)
    except InputError:
        return False
    return True


def _is_of_use(row: Row) -> bool:
    guides = row.kind == "controlnet"
    if row.problem or row.family not in (controlnets.FAMILIES if guides else MULTIPLES):
        return False
    if row.layout == "folder":
        return True
    return row.path.endswith(".safetensors") and not (guides and row.family not in controlnets.IN_ONE_FILE)
