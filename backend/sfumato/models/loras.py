"""Which LoRA a name means, and whether it is for a model: from how both are listed, before anything is loaded."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field

from sfumato.errors import InputError
from sfumato.models import Model
from sfumato.models.families import FAMILIES
from sfumato.models.listing import Row, listing

LIST = "`sfumato models --kind lora` lists the ones there are."


@dataclass(frozen=True)
class LoraFile:
    """row: how it is listed. adapter: what a pipeline calls it, by its place, size and time of change: a file that was
    replaced is another one."""

    row: Row = field(compare=False)
    adapter: str

    @property
    def is_as_it_was(self) -> bool:
        return self.adapter == _adapter(self.row.path) != ""


def find_lora(asked: str) -> LoraFile:
    """The LoRA of that id, of that name or file name where no other has it, or at that path. Raises InputError."""
    rows = list(listing())
    loras = [row for row in rows if row.kind == "lora"]
    exact = [row for row in loras if asked in (row.id, row.path)]
    named = exact or [row for row in loras if asked in _names(row)]
    if len(named) > 1:
        ids = ", ".join(row.id for row in named)
        raise InputError("two_loras", f"There are {len(named)} LoRAs called '{asked}'. Ask for one of: {ids}.")
    if named:
        return LoraFile(named[0], _adapter(named[0].path))
    for row in rows:
        if asked in (row.id, row.path, *_names(row)):
            raise InputError("no_lora", row.problem or f"{row.name} is no LoRA but a {row.kind}. {LIST}")
    raise InputError("unknown_lora", f"There is no LoRA '{asked}'. {LIST}")


def check_fits(row: Row, model: Model) -> None:
    """Raises InputError where a LoRA is of no use, or not for that model. Looks at nothing but how both are listed."""
    if row.problem:
        raise InputError("unusable_lora", row.problem)
    if not row.path.endswith(".safetensors"):  # diffusers goes by that name
        sentence = f"{row.name} is safetensors under another name: rename it so that it ends in .safetensors."
        raise InputError("unusable_lora", sentence)
    if model.row is None:
        sentence = f"{model.info.name} takes no LoRA: {row.name} is for {_kin(row.family)}. Take a model of that kind."
        raise InputError("wrong_family", sentence)
    if row.family != model.info.family:
        sentence = (
            f"{row.name} is a LoRA for {_kin(row.family)}, and {model.info.name} is of {_kin(model.info.family)}."
        )
        raise InputError("wrong_family", f"{sentence} Leave it out, or take a model of its kind.")


def _kin(family: str) -> str:
    return FAMILIES[family].name if family in FAMILIES else family


def _names(row: Row) -> tuple[str, ...]:
    base = os.path.basename(row.path)
    return row.name, base, os.path.splitext(base)[0]


def _adapter(path: str) -> str:
    """ "" where there is no such file. All are of one length, since diffusers looks for one in another."""
    try:
        state = os.stat(path)
    except OSError:
        return ""
    said = f"{os.path.realpath(path)}:{state.st_size}:{state.st_mtime_ns}"
    return f"lora_{hashlib.sha256(os.fsencode(said)).hexdigest()[:16]}"
