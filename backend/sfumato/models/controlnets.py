"""Which ControlNet a name means, and whether it is for a model: from how both are listed, before anything is loaded."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from sfumato.errors import InputError
from sfumato.models import Model
from sfumato.models.folders import files_of
from sfumato.models.listing import Row, listing

LIST = "`sfumato models --kind controlnet` lists the ones there are."
# The families for which diffusers has an image-to-image pipeline with a ControlNet, and those that come in one file.
FAMILIES = ("sd15", "sd2", "sdxl", "flux")
IN_ONE_FILE = ("sd15", "sd2", "sdxl")


@dataclass(frozen=True)
class ControlNetFile:
    """row: how it is listed. mark: of its place, size and time of change: what was replaced is another one."""

    row: Row = field(compare=False)
    mark: str

    @property
    def is_as_it_was(self) -> bool:
        return self.mark == _mark(self.row) != ""


def find_controlnet(asked: str) -> ControlNetFile:
    """The one of that id, of that name or file name where no other has it, or at that path. Raises InputError."""
    rows = list(listing())
    those = [row for row in rows if row.kind == "controlnet"]
    exact = [row for row in those if asked in (row.id, row.path)]
    named = exact or [row for row in those if asked in _names(row)]
    if len(named) > 1:
        ids = ", ".join(row.id for row in named)
        sentence = f"There are {len(named)} ControlNets called '{asked}'. Ask for one of: {ids}."
        raise InputError("two_controlnets", sentence)
    if named:
        return ControlNetFile(named[0], _mark(named[0]))
    for row in rows:
        if asked in (row.id, row.path, *_names(row)):
            said = row.problem or f"{row.name} is no ControlNet but a {row.kind}. {LIST}"
            raise InputError("no_controlnet", said)
    raise InputError("unknown_controlnet", f"There is no ControlNet '{asked}'. {LIST}")


def check_fits(row: Row, model: Model) -> None:
    """Raises InputError where a ControlNet is of no use, or not for that model. Looks at nothing but how both are
    listed."""
    if row.problem:
        raise InputError("unusable_controlnet", row.problem)
    family = model.info.family
    if model.row is None or family not in FAMILIES:
        others = "" if model.row is None else f", nor does any other of the family {family}"
        what = f"{model.info.name} takes no ControlNet{others}"
        able = ", ".join(FAMILIES)
        raise InputError("wrong_family", f"{what}. Leave it out, or take a checkpoint of one of: {able}.")
    if row.family != family:
        whose = f"for {row.family}" if row.family else "for a family that cannot be told"
        what = f"{row.name} is a ControlNet {whose}, and {model.info.name} is of the family {family}"
        raise InputError("wrong_family", f"{what}. Leave it out, or take a checkpoint of its family.")
    if row.layout == "folder":
        return
    if not row.path.endswith(".safetensors"):  # diffusers goes by that name
        sentence = f"{row.name} is safetensors under another name: rename it so that it ends in .safetensors."
        raise InputError("unusable_controlnet", sentence)
    if family not in IN_ONE_FILE:
        sentence = f"{row.name} is a single file, which does not say how a ControlNet for {family} is built."
        raise InputError("unusable_controlnet", f"{sentence} Get it as a folder.")


def _names(row: Row) -> tuple[str, ...]:
    base = os.path.basename(row.path)
    return row.name, base, os.path.splitext(base)[0]


def _mark(row: Row) -> str:
    """ "" where it is not there any more."""
    path = Path(row.path)
    try:
        files = files_of(path) if row.layout == "folder" else [path]
        states = [(os.path.realpath(file), (state := os.stat(file)).st_size, state.st_mtime_ns) for file in files]
    except OSError:
        return ""
    return hashlib.sha256(repr(states).encode()).hexdigest()[:16] if states else ""
