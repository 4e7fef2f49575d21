"""Whether a VAE is for a model: from how both are listed, before anything is loaded."""

from __future__ import annotations

from sfumato.errors import InputError
from sfumato.models import Model
from sfumato.models.beside import check_usable, kin
from sfumato.models.listing import Row

# Families whose VAEs are built alike, and those of them that have the very same.
ALIKE = (("sd15", "sd2", "sdxl"), ("sd3", "flux", "z-image"), ("flux2",), ("qwen-image",))
SAME = {"sd2": "sd15", "z-image": "flux"}
IN_ONE_FILE = ALIKE[0] + ALIKE[1]


def check_fits(row: Row, model: Model) -> None:
    """Raises InputError where a VAE is of no use, or not for that model."""
    check_usable(row)
    name, family = model.info.name, model.info.family
    if model.row is None:
        sentence = f"{name} takes no other VAE. Leave {row.name} out, or take a model of its kind."
        raise InputError("wrong_family", sentence)
    # A folder says by its scale whose it is; of a file only the build is sure, its name may be any.
    sure = row.layout == "folder" and "family" not in row.told_by
    alike = next((those for those in ALIKE if family in those), ())
    if row.family not in alike or (sure and SAME.get(row.family, row.family) != SAME.get(family, family)):
        whose = f"for {kin(row.family)}" if row.family else "for a family that cannot be told"
        sentence = f"{row.name} is a VAE {whose}, and {name} is of {kin(family)}."
        raise InputError("wrong_family", f"{sentence} Leave it out, or take a model of its kind.")
    if row.layout != "folder" and family not in IN_ONE_FILE:
        sentence = f"{row.name} is a single file, which does not say how a VAE for {kin(family)} is built."
        raise InputError("unusable_vae", f"{sentence} Get it as a folder.")
