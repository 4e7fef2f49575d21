"""Which of the listed checkpoints can be painted with, as models; and why the others cannot."""

from __future__ import annotations

from pathlib import Path

from sfumato_wire.messages import ModelInfo

from sfumato.errors import InputError
from sfumato.models import Model, controlnets
from sfumato.models.beside import as_it_is
from sfumato.models.families import FAMILIES, IN_ONE_FILE, hub_of
from sfumato.models.listing import Row

# By family: sides of the working picture are multiples of this.
MULTIPLES = {"sd15": 64, "sd2": 64, "sdxl": 64, "sd3": 16, "flux": 16, "flux2": 16, "qwen-image": 16, "z-image": 16}
CELLS = {"flux2": 16}  # pixels of a side of a cell of their latents, where not 8
LARGER = 2.25  # times the pixels that it was made for are worked on at once


def why_not(row: Row) -> str:
    """Why a row cannot be painted with, as a sentence with what to do; "" where it can."""
    if row.problem:
        return row.problem
    if row.kind != "checkpoint":
        return (
            f"{row.name} is no checkpoint but a {row.kind}. `sfumato models --kind checkpoint` lists those there are."
        )
    if row.layout != "folder" and not row.path.endswith(".safetensors"):  # diffusers goes by that name
        return f"{row.name} is safetensors under another name: rename it so that it ends in .safetensors."
    if row.family not in MULTIPLES or (row.family == "flux2" and not row.variant.startswith("klein")):
        kind = " ".join(word for word in (row.family, row.variant) if word)
        return f"{row.name} is of the family {kind}, which Sfumato lists but cannot load yet. Take another model."
    if row.layout != "folder" and row.family not in IN_ONE_FILE:
        said = f"{row.name} is a single file of the family {row.family}, of which Sfumato loads folders"
        return f"{said}: `sfumato models get {hub_of(row.family, row.variant)}` brings one."
    if absent := [part for part in row.missing if part.needed and part.component not in row.lent]:
        *most, last = (part.part for part in absent)
        parts = f"{', '.join(most)} and {last}" if most else last
        where = f"`sfumato models get {absent[0].hub}` brings a whole model"
        return f"{row.name} lacks {parts}, which no file here lends it: {where}."
    return ""


def as_model(row: Row) -> Model:
    """The model that a row is. Raises InputError where it cannot be painted with."""
    if reason := why_not(row):
        raise InputError("unusable_model", reason)
    rounding = "ceil" if FAMILIES[row.family].prediction == "flow" else "floor"  # the pipelines' habit
    takes = ("lora", "controlnet", "vae") if row.family in controlnets.FAMILIES else ("lora", "vae")
    info = ModelInfo(row.id, row.name, row.family, row.native, row.steps, row.guidance_scale, rounding, takes)
    path = Path(row.path)
    folder = path if row.layout == "folder" else path.with_name(f"{path.stem}.sfumato")
    pixels, cell = round(LARGER * row.native**2), CELLS.get(row.family, 8)
    lent = tuple(as_it_is(other) for other in row.lent.values())
    return Model(info, folder, MULTIPLES[row.family], pixels, own=as_it_is(row), cell=cell, lent=lent)
