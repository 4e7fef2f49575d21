"""Whether a ControlNet is for a model: from how both are listed, before anything is loaded."""

from __future__ import annotations

from sfumato.errors import InputError
from sfumato.models import Model
from sfumato.models.beside import check_usable, kin
from sfumato.models.listing import Row

# The families for which diffusers has an image-to-image pipeline with a ControlNet, and those that come in one file.
FAMILIES = ("sd15", "sd2", "sdxl", "flux")
IN_ONE_FILE = ("sd15", "sd2", "sdxl")


def check_fits(row: Row, model: Model) -> None:
    """Raises InputError where a ControlNet is of no use, or not for that model."""
    check_usable(row)
    name, family = model.info.name, model.info.family
    if model.row is None or family not in FAMILIES:
        others = "" if model.row is None else f", nor does any other of {kin(family)}"
        able = ", ".join(kin(one) for one in FAMILIES)
        raise InputError(
            "wrong_family", f"{name} takes no ControlNet{others}. Leave it out, or take a model of one of: {able}."
        )
    if row.family != family:
        whose = f"for {kin(row.family)}" if row.family else "for a family that cannot be told"
        sentence = f"{row.name} is a ControlNet {whose}, and {name} is of {kin(family)}."
        raise InputError("wrong_family", f"{sentence} Leave it out, or take a model of its kind.")
    if row.layout != "folder" and family not in IN_ONE_FILE:
        sentence = f"{row.name} is a single file, which does not say how a ControlNet for {kin(family)} is built."
        raise InputError("unusable_controlnet", f"{sentence} Get it as a folder.")
