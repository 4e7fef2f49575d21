"""Does a line show where the map has an edge? Rules as the autoencoder gives them, and ours as they are composited.

What is decoded is measured against the picture's round trip; what is composited against the canvas itself, as a painter
sees it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sfumato.change_map import M
from sfumato.composite import BAND, Difference, layer, over_pixels
from sfumato.edits import Differential
from sfumato.evaluation.bench import Bench, Pictures, Values, grey
from sfumato.evaluation.cases import Case, cases
from sfumato.evaluation.distances import lab
from sfumato.evaluation.experiments.contenders import contenders
from sfumato.evaluation.maps import hard_edge, soft_edge
from sfumato.evaluation.measures import bootstrap
from sfumato.evaluation.results import Column, Figure, Result, Strip, Table
from sfumato.evaluation.seams import Seam, crossfade, seam, seam_energy
from sfumato.evaluation.sizes import Size

EDGES = {"soft": soft_edge, "hard": hard_edge}
FAINT = M // 4  # darker than this is a faint change
SHOWN = 6


def seam_figures(edited: Pictures, unedited: Pictures, full: Pictures, change_map: Values) -> dict[str, Figure]:
    """The ratios of `Seam` with their intervals, of pictures that belong together."""
    every = (edited, unedited, crossfade(unedited, full, change_map))
    energies = [seam_energy(pictures, change_map) for pictures in every]

    def ratios(drawn: NDArray[np.intp]) -> NDArray[np.float64]:
        return np.array(seam(*(each[drawn] for each in energies)))

    count = len(edited)
    low, high = bootstrap(ratios, count)
    bounds = zip(Seam._fields, ratios(np.arange(count)), low, high, strict=True)
    return {name: Figure(float(value), float(least), float(most)) for name, value, least, most in bounds}


def seams(bench: Bench, size: Size, seed: int) -> Result:
    """Table `seams`."""
    some, steps = cases(seed, size.seam_cases), size.success_steps
    columns = (
        Column("edge", "edge"),
        Column("rule", "rule"),
        Column("composite", "composite"),
        Column("crossfade", "lines along the edge over lines across it, of a cross-fade's", "down", 3),
        Column("unedited", "energy along the edge, of the unedited picture's", "down", 3),
        Column("outside", "where the map is black: CIELAB", "down", 2),
        Column("faint", "where it is dark: CIELAB", "down", 2),
    )
    note = (
        "A cross-fade of the unedited picture and the full edit has no seam: 1. A ring of 10 levels of 255, three "
        "pixels wide, adds .09 at the soft edge and .17 at the hard one. The second ratio also falls where a result is "
        "softer than the unedited picture, as what an autoencoder paints is beside a canvas. Dark: a quarter of white "
        "or less. Composite 'none' is what the autoencoder gives, against its own round trip; the others are measured "
        "against the canvas."
    )
    table = Table("seams", "Seam energy at soft and hard edges", columns, note=note)
    strip = Strip("Soft edge", [], [], [case.kind for case in some[:SHOWN]])
    white = bench.run(Differential, grey(1.0), some, steps)
    for edge, draw in EDGES.items():
        values = draw(bench.side)
        for rule, composite, before, edited in _pictures(bench, some, steps, values, size):
            ratios = seam_figures(edited, before, white, values)
            off = lab(edited, before)
            row: dict[str, Any] = {"edge": edge, "rule": rule, "composite": composite}
            for key, where in (("outside", values == 0), ("faint", (values > 0) & (values <= FAINT))):
                row[key] = Figure.mean(off[:, where].mean(axis=1, dtype=float)) if where.any() else Figure(np.nan)
            table.rows.append(row | ratios)
            if edge == "soft":
                strip.rows.append(list(edited[:SHOWN]))
                strip.names.append(f"{rule}, {composite}")
    says = f"{len(some)} pictures of {bench.side} pixels, {steps} steps of {bench.scheduler}; a disc, white inside."
    return Result("Does a line show where the map has an edge?", says, [table], strips=[strip])


def _pictures(
    bench: Bench, some: Sequence[Case], steps: int, values: NDArray[np.uint16], size: Size
) -> Iterator[tuple[str, str, Pictures, Pictures]]:
    """rule, composite, the pictures before, and edited."""
    alone, canvas = bench.roundtrips(some), bench.originals(some)
    for one in contenders(bench, size.seam_contenders):
        bench.say(f"seams: {one.key}")
        latents = bench.edit(one.make, values, some, steps)
        decoded = bench.decode(latents)
        yield one.key, "none", alone, decoded
        if one.key == size.composited:
            shown = _by_change(bench, some, latents, values)
            for name, detail in COMPOSITES.items():
                yield one.key, name, canvas, composited(canvas, decoded, alone, values, name, detail, shown)


# Name and how much of the autoencoder's own error is given back; as the studio's settings call them.
COMPOSITES = {"plain": 0.0, "smooth": 1.0, "smooth, no detail": 0.0, "difference": 0.0}


def composited(
    canvas: Pictures,
    decoded: Pictures,
    alone: Pictures,
    values: NDArray[np.uint16],
    name: str,
    detail: float,
    shown: NDArray[np.float32],
) -> Pictures:
    """As the studio lays the result over the canvas, uint8 [n, h, w, 3]."""
    result = []
    for index, (original, new, roundtrip) in enumerate(zip(canvas, decoded, alone, strict=True)):
        over = layer(
            original,
            new.astype(np.float32),
            roundtrip.astype(np.float32) if name.startswith("smooth") else None,
            values,
            0.0 if name == "plain" else BAND,
            detail,
            shown[index] if name == "difference" else None,
        )
        alpha = over[..., 3:] / 255
        result.append(np.rint(original + alpha * (over[..., :3].astype(np.float64) - original)).astype(np.uint8))
    return np.stack(result)


def _by_change(
    bench: Bench, some: Sequence[Case], latents: torch.Tensor, values: NDArray[np.uint16]
) -> NDArray[np.float32]:
    """How much of each new picture shows in every pixel, by how much changed, float32 [n, side, side]."""
    before, after = (x.float().cpu().numpy() for x in (bench.latents(some), latents))
    change = bench.change_map(values).cells(*after.shape[-2:]) / M
    return np.stack([over_pixels(one, *values.shape) for one in Difference().alpha(before, after, change)])
