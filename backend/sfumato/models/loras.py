"""Whether a LoRA is for a model: from how both are listed, before anything is loaded."""

from __future__ import annotations

from sfumato.errors import InputError
from sfumato.models import Model
from sfumato.models.beside import check_usable, kin
from sfumato.models.listing import Row


def check_fits(row: Row, model: Model) -> None:
    """Raises InputError where a LoRA is of no use, or not for that model."""
    check_usable(row)
    name, family = model.info.name, model.info.family
    if model.row is None:
        sentence = f"{name} takes no LoRA: {row.name} is for {kin(row.family)}. Take a model of that kind."
        raise InputError("wrong_family", sentence)
    if row.family != family:
        sentence = f"{row.name} is a LoRA for {kin(row.family)}, and {name} is of {kin(family)}."
        raise InputError("wrong_family", f"{sentence} Leave it out, or take a model of its kind.")
