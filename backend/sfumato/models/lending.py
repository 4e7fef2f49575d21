"""Which other files lend a checkpoint the parts that its own file does not have, a denoiser alone for one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sfumato.models.families import FAMILIES, IN_ONE_FILE, Part
from sfumato.models.listing import Row
from sfumato.models.vaes import SAME

# Half precision before full, full before fp8.
ORDER = {"bf16": 0, "fp16": 0, "fp32": 1}


def lenders(rows: Iterable[Row]) -> list[Row]:
    """Those of the rows that can lend anything: few of many."""
    return [row for row in rows if row.kind in ("vae", "text-encoder") and not row.problem]


def with_lent(row: Row, rows: Iterable[Row]) -> Row:
    """The same with one of `rows` (`lenders`) for each part that it lacks and that one of them has. Of several, the
    first in order of precision and then of id, so that the same files always give the same model."""
    if row.kind != "checkpoint" or row.layout == "folder" or not row.missing or row.family not in IN_ONE_FILE:
        return row
    lacking = {part.component for part in row.missing}
    lent = {}
    for part in FAMILIES[row.family].parts:
        fitting = [other for other in rows if part.component in lacking and _fits(other, part, row.family)]
        if fitting:
            lent[part.component] = min(fitting, key=lambda other: (ORDER.get(other.dtype, 2), other.id))
    return replace(row, lent=lent)


def _fits(other: Row, part: Part, family: str) -> bool:
    if part.component == "vae":
        return other.kind == "vae" and SAME.get(other.family, other.family) == SAME.get(family, family)
    return other.kind == "text-encoder" and other.layout != "folder" and other.variant == part.encoder != ""
