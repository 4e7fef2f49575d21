"""Future hinting, on and off: cells that wait are injected again before every step, or once, when their turn comes.

The paper (section on nested injection) shows it by eye: with it, pictures are sharper and fit their surroundings.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from sfumato.change_map import M
from sfumato.edits import Differential
from sfumato.evaluation.adhered import adhered
from sfumato.evaluation.bench import Bench, Pictures, grey
from sfumato.evaluation.cases import cases
from sfumato.evaluation.distances import lab, to_lab
from sfumato.evaluation.experiments.seams import seam_figures
from sfumato.evaluation.maps import gradient, soft_edge
from sfumato.evaluation.results import Column, Figure, Result, Strip, Table
from sfumato.evaluation.sizes import Size

SHOWN = 6


def hinting(bench: Bench, size: Size, seed: int) -> Result:
    """Table `hinting`: with and without, by a gradient and by a soft edge."""
    some, steps = cases(seed, size.seam_cases), size.success_steps
    columns = (
        Column("hinting", "future hinting"),
        Column("cam", "CAM on the gradient, lab", "up", 3),
        Column("sharpness", "sharpness between black and white", "up", 3),
        Column("seam", "lines along a soft edge over lines across it, of a cross-fade's", "down", 3),
    )
    note = (
        "Sharpness: the mean gradient of lightness where the gradient map is grey, as a share of (1 - c) of the "
        "unedited picture's and c of the full edit's."
    )
    table = Table("hinting", "Future hinting on and off", columns, note=note)
    before = bench.roundtrips(some)
    full = bench.run(Differential, grey(1.0), some, steps)
    ramp, edge = gradient(bench.side), soft_edge(bench.side)
    strip = Strip("By a gradient, with and without future hinting", [], [], [case.kind for case in some[:SHOWN]])
    for on in (True, False):
        name = "on" if on else "off"
        bench.say(f"future hinting {name}")
        make = partial(Differential, hinting=on)
        by_ramp, by_edge = (bench.run(make, values, some, steps) for values in (ramp, edge))
        table.rows.append(
            {
                "hinting": name,
                "cam": adhered(lab(by_ramp, before), lab(full, before), ramp).cam,
                "sharpness": Figure.mean(_sharpness(by_ramp, before, full, ramp)),
                "seam": seam_figures(by_edge, before, full, edge)["crossfade"],
            }
        )
        strip.rows.append(list(by_ramp[:SHOWN]))
        strip.names.append(name)
    says = f"{len(some)} pictures of {bench.side} pixels, {steps} steps of {bench.scheduler}, whole steps."
    return Result("What does future hinting do?", says, [table], strips=[strip])


def _sharpness(after: Pictures, before: Pictures, full: Pictures, ramp: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Of each picture, float64 [n]."""
    c = ramp / M
    grey = (c > 0.1) & (c < 0.9)
    steep = [_steepness(pictures) for pictures in (after, before, full)]
    wanted = (1 - c) * steep[1] + c * steep[2]
    result: NDArray[np.float64] = steep[0][:, grey].mean(axis=1) / wanted[:, grey].mean(axis=1)
    return result


def _steepness(pictures: Pictures) -> NDArray[np.float64]:
    lightness = np.stack([to_lab(picture)[..., 0] for picture in pictures]).astype(np.float64)
    down, right = np.gradient(lightness, axis=(1, 2))
    steep: NDArray[np.float64] = np.hypot(down, right)
    return steep
