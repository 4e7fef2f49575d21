"""DiffEdit's mask against the exact truth: how well it is found, and what the threshold, the reference text, the number
of noises and their strength do (Couairon et al., arXiv 2210.11427, section 4.4 and appendix A, which had no truth).

Intersection over union on the latents' cells. A change of the whole picture cannot be found by this mask, which covers
less than 1 / (threshold times) of it; so things and the whole scene are told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sfumato.change_map import ChangeMap, M
from sfumato.edits.contrast import Contrast
from sfumato.evaluation.bench import Bench
from sfumato.evaluation.cases import Case, cases
from sfumato.evaluation.experiments.judged import VISIBLE
from sfumato.evaluation.results import Column, Figure, Result, Strip, Table
from sfumato.evaluation.sizes import Size
from sfumato.steering import steer

Masks = NDArray[np.bool_]
LOCAL = ("object", "colour", "removal")
SHOWN = 6


@dataclass(frozen=True)
class Setting:
    """The published ones, where nothing else is said; reference: what the prompt is compared with."""

    threshold: float = 0.5
    reference: str = "no text"
    noises: int = 10
    level: float = 0.5


def settings(size: Size) -> list[Setting]:
    """The published setting, and one thing after the other changed."""
    base = Setting(noises=size.noises)
    thresholds = [replace(base, threshold=t) for t in (0.25, 0.75)]
    noises = [replace(base, noises=n) for n in (1, 3) if n < size.noises]
    levels = [replace(base, level=level) for level in size.levels if level != 0.5]
    return [base, replace(base, reference="source text"), *thresholds, *noises, *levels]


def found(bench: Bench, size: Size, seed: int) -> Result:
    """Table `found`."""
    some = cases(seed, size.found_cases)
    truths = np.stack([_truth(case, bench) for case in some])
    local = np.array([case.kind in LOCAL for case in some])
    columns = (
        Column("reference", "reference"),
        Column("threshold", "threshold"),
        Column("noises", "noises", digits=0),
        Column("level", "strength of the noises"),
        Column("things", "IoU, a thing changed", "up", 3),
        Column("whole", "IoU, season, time or sky changed", "up", 3),
        Column("area", "share of the picture found", digits=2),
    )
    note = "First row: white everywhere, for comparison. The share of the truth itself is its IoU."
    table = Table("found", "DiffEdit's mask against the truth", columns, note=note)
    everywhere = dict.fromkeys(("reference", "threshold", "noises", "level"), "white")
    table.rows.append(everywhere | _scored(np.ones_like(truths), truths, local))
    strip = Strip("Found maps", [], [], [case.kind for case in some[:SHOWN]])
    strip.rows.append(list(bench.originals(some[:SHOWN])))
    strip.names.append("picture")
    strip.rows.append([_shown(truth, bench.side) for truth in truths[:SHOWN]])
    strip.names.append("truth")
    known: dict[Setting, NDArray[np.float64]] = {}
    for setting in settings(size):
        asked = replace(setting, threshold=0.5)
        if asked not in known:
            bench.say(f"DiffEdit's map: {asked.reference}, {asked.noises} noises at {asked.level:g}")
            known[asked] = contrasts(bench, some, size.success_steps, asked)
        table.rows.append(vars(setting) | _scored(known[asked] > setting.threshold, truths, local))
    for setting, maps in list(known.items())[:2]:
        strip.rows.append([_shown(one, bench.side) for one in maps[:SHOWN]])
        strip.names.append(setting.reference)
    return Result(
        "DiffEdit: is the map found?",
        f"{len(some)} pictures of {bench.side} pixels, maps of {truths.shape[1]} x {truths.shape[2]} cells. A cell is "
        f"of the truth where at least half of its pixels differ by {VISIBLE} of 255 levels or more.",
        [table],
        strips=[strip],
    )


@torch.inference_mode()
def contrasts(bench: Bench, some: Sequence[Case], steps: int, setting: Setting) -> NDArray[np.float64]:
    """D of every case before any threshold, 0..1, [n, rows, columns]. Without guidance, which scales D and no more."""
    parts = []
    for group in bench.batches(some):
        reference = bench.said(group, source=True) if setting.reference == "source text" else _nothing(bench, group)
        finder = Contrast(reference, setting.noises, setting.level)

        def heard(run: Any) -> None:
            bench.work.halves += len(run.x0)

        with steer(bench.pipe, finder, listener=heard) as steered:
            steered(
                image=bench.latents(group),
                num_inference_steps=steps,
                guidance_scale=1.0,
                generator=[torch.Generator("cpu").manual_seed(case.seed) for case in group],
                output_type="latent",
                **bench.said(group),
            )
        parts.append(finder.found())
    return np.concatenate(parts)


def found_maps(bench: Bench, some: Sequence[Case], steps: int) -> list[NDArray[np.uint16]]:
    """The published setting's maps as change maps, a pixel per cell."""
    return [ChangeMap.of(one).values for one in contrasts(bench, some, steps, Setting())]


def _nothing(bench: Bench, group: Sequence[Case]) -> dict[str, Any]:
    return bench.said([replace(case, source_prompt="") for case in group], source=True)


def _truth(case: Case, bench: Bench) -> Masks:
    cells = bench.side // bench.cell
    whole = ChangeMap.of(case.changed(bench.side, VISIBLE)).cells(cells, cells)
    return np.asarray(2 * whole >= M)


def _scored(masks: Masks, truths: Masks, local: NDArray[np.bool_]) -> dict[str, Figure]:
    both, either = ((op(masks, truths)).sum(axis=(1, 2)) for op in (np.logical_and, np.logical_or))
    iou = both / np.maximum(either, 1)
    iou[either == 0] = np.nan  # nothing to be found, and nothing was
    return {
        "things": Figure.mean(iou[local], 0, 1),
        "whole": Figure.mean(iou[~local], 0, 1),
        "area": Figure.mean(masks.mean(axis=(1, 2)), 0, 1),
    }


def _shown(cells: NDArray[Any], side: int) -> NDArray[np.uint8]:
    grey = np.rint(255 * cells.astype(np.float64)).astype(np.uint8)
    return np.repeat(np.kron(grey, np.ones((side // len(cells),) * 2, np.uint8))[..., None], 3, axis=2)
