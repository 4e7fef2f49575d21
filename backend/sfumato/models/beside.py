"""What is used beside a model, LoRAs, ControlNets and VAEs: which one a name means, from how it is listed; and whether
any file is still the one that it was."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from sfumato.errors import InputError
from sfumato.models.families import FAMILIES
from sfumato.models.folders import files_of
from sfumato.models.listing import Row, called, find_row, listing

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
    """The one of that kind (of KINDS), found as a model is. Raises InputError."""
    rows, what, how = list(listing()), KINDS[kind], f"sfumato models --kind {kind}"
    those = [row for row in rows if row.kind == kind]
    if not called(asked, those) and (others := called(asked, rows)):
        other = others[0]
        said = other.problem or f"{other.name} is no {what} but a {other.kind}. `{how}` lists the ones there are."
        raise InputError(f"no_{kind}", said)
    row = find_row(those, asked, what, how)
    return as_it_is(row)


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


def _mark(row: Row) -> str:
    """16 digits; "" where it is not there any more."""
    path = Path(row.path)
    try:
        files = files_of(path) if row.layout == "folder" else [path]
        states = [(os.path.realpath(file), (state := os.stat(file)).st_size, state.st_mtime_ns) for file in files]
    except OSError:
        return ""
    return hashlib.sha256(repr(states).encode()).hexdigest()[:16] if states else ""
