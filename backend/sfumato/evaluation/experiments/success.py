"""Does an edit do what was asked, and leave alone what was not? Every method, against the exact truth.

Given the mask of the truth, white inside with a soft edge, or a map that is white everywhere or found by the method
itself. First what can be reached at all: the picture as it was, and the truth, both through the autoencoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from sfumato.edits import DiffEdit, Differential, EditFriendly
from sfumato.edits.soft_inpainting import SoftInpainting
from sfumato.evaluation.bench import Bench, MakeEdit, Pictures, grey
from sfumato.evaluation.cases import Case, cases
from sfumato.evaluation.experiments.found import found_maps
from sfumato.evaluation.experiments.judged import JUDGED, NOTE, Judge, truth_mask
from sfumato.evaluation.results import Column, Result, Strip, Table
from sfumato.evaluation.rules import PlainInpainting
from sfumato.evaluation.sizes import Size

SOURCE_GUIDANCE = 2.0
Maps = Sequence[NDArray[np.uint16]]
SHOWN = 6  # cases in the strip


def success(bench: Bench, size: Size, seed: int) -> Result:
    """Table `success`."""
    some = cases(seed, size.success_cases)
    judge, steps = Judge(bench, some), size.success_steps
    masks = [truth_mask(case, bench.side) for case in some]
    table = Table("success", "Edit success and preservation", (Column("method", "method"), *JUDGED), note=NOTE)
    strip = Strip("Edits by the truth's mask, of found maps and of all", [], [], [case.kind for case in some[:SHOWN]])

    def add(name: str, pictures: Pictures) -> None:
        bench.say(f"edit success: {name}")
        table.rows.append({"method": name} | judge(pictures))
        strip.rows.append(list(pictures[:SHOWN]))
        strip.names.append(name)

    def masked(make: MakeEdit, maps: Maps = masks) -> Pictures:
        return bench.run(make, maps, some, steps)

    add("unedited", judge.before)
    add("truth", judge.truths)
    add("differential, truth's mask", masked(lambda m: Differential(m, "fractional")))
    add("soft inpainting, truth's mask", masked(SoftInpainting))
    add("plain inpainting, truth's mask", masked(PlainInpainting))
    add("DiffEdit, truth's mask", masked(DiffEdit))
    add("DiffEdit, map found", masked(DiffEdit, found_maps(bench, some, steps)))
    add("edit-friendly, truth's mask", _friendly(bench, some, masks, steps))
    add("edit-friendly, all white", _friendly(bench, some, None, steps))
    says = f"{len(some)} pictures of {bench.side} pixels, {steps} steps of {bench.scheduler}, one attribute changed."
    return Result("Does an edit do what was asked, and leave the rest?", says, [table], strips=[strip])


def _friendly(bench: Bench, some: Sequence[Case], maps: Maps | None, steps: int) -> Pictures:
    """Batch by batch, for the edit is told what its pictures show."""
    done = []
    groups = bench.batches(some) if maps is None else ([case] for case in some)
    for index, group in enumerate(groups):
        source = {**bench.said(group, source=True), "guidance_scale": SOURCE_GUIDANCE}
        values = grey(1.0) if maps is None else maps[index]
        done.append(bench.edit(partial(EditFriendly, source=source), values, group, steps))
    return bench.decode(torch.cat(done))
