"""What is used beside a model, LoRAs, ControlNets and VAEs: which one a name means, from how it is listed."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from sfumato.errors import InputError
from sfumato.models.families import FAMILIES
from sfumato.models.folders import files_of
from sfumato.models.listing import Row, listing

KINDS = {"lora": "LoRA", "controlnet": "ControlNet", "vae": "VAE"}


@dataclass(frozen=True)
class Beside:
    """row: how it is listed. mark: of its place, size and time of change: what was replaced is another one."""

    row: Row = field(compare=False)
    mark: str

    @property
    def is_as_it_was(self) -> bool:
        return self.mark == _mark(self.row) != ""


def find_beside(kind: str, asked: str) -> Beside:
    """The one of that kind (of KINDS) and id, of that name or file name where no other has it, or at that path. Raises
    InputError."""
    rows, what = list(listing()), KINDS[kind]
    how = f"`sfumato models --kind {kind}` lists the ones there are."
    those = [row for row in rows if row.kind == kind]
    exact = [row for row in those if asked in (row.id, row.path)]
    named = exact or [row for row in those if asked in _names(row)]
    if len(named) > 1:
        ids = ", ".join(row.id for row in named)
        raise InputError(f"two_{kind}s", f"There are {len(named)} {what}s called '{asked}'. Ask for one of: {ids}.")
    if named:
        return as_it_is(named[0])
    for row in rows:
        if asked in (row.id, row.path, *_names(row)):
            raise InputError(f"no_{kind}", row.problem or f"{row.name} is no {what} but a {row.kind}. {how}")
    raise InputError(f"unknown_{kind}", f"There is no {what} '{asked}'. {how}")


def as_it_is(row: Row) -> Beside:
    return Beside(row, _mark(row))


def check_usable(row: Row) -> None:
    """Raises InputError where it is of no use with any model."""
    if row.problem:
        raise InputError(f"unusable_{row.kind}", row.problem)
    if row.layout != "folder" and not row.path.endswith(".safetensors"):  # diffusers goes by that name
        sentence = f"{row.name} is safetensors under another name: rename it so that it ends in .safetensors."
        raise InputError(f"unusable_{row.kind}", sentence)


def kin(family: str) -> str:
    """A family in painters' words."""
    return FAMILIES[family].name if family in FAMILIES else family


def _names(row: Row) -> tuple[str, ...]:
    base = os.path.basename(row.path)
    return row.name, base, os.path.splitext(base)[0]


def _mark(row: Row) -> str:
    """16 digits; "" where it is not there any more."""
    path = Path(row.path)
    try:
        files = files_of(path) if row.layout == "folder" else [path]
        states = [(os.path.realpath(file), (state := os.stat(file)).st_size, state.st_mtime_ns) for file in files]
    except OSError:
        return ""
    return hashlib.sha256(repr(states).encode()).hexdigest()[:16] if states else ""
