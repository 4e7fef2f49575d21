"""How change answers to grey: flat maps, each a grey, and how many greys can be told apart.

Change is the mean CIELAB distance of a picture to its round trip, a share of what white changes. A level is a grey that
changes more than the one before by more than two standard errors of the paired difference.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sfumato.evaluation.bench import Bench, Pictures, grey
from sfumato.evaluation.cases import cases
from sfumato.evaluation.levels import levels, response, response_intervals, singly
from sfumato.evaluation.results import Column, Figure, Line, Plot, Result, Table, mean_line
from sfumato.evaluation.sizes import Curve, Size

from .contenders import DISTANCES, Alike, contenders

Change = dict[str, list[float]]  # by distance, of every picture


def answer(bench: Bench, size: Size, seed: int) -> Result:
    """Table `answer`: for every contender and number of steps, R2, slope, the largest fall and the levels."""
    columns = (
        Column("steps", "steps", digits=0),
        Column("rule", "rule"),
        Column("pictures", "pictures", digits=0),
        Column("greys", "greys offered", digits=0),
        Column("r2", "R2", "up", 3),
        Column("slope", "slope", digits=3),
        Column("fall", "largest fall", "down", 3),
        Column("spearman", "rank correlation", "up", 3),
        Column("r2_perceptual", "R2, perceptual", "up", 3),
        Column("single", "R2 of single pictures: median", "up", 3),
        Column("tenth", "a tenth is below", "up", 3),
        Column("single_fall", "largest fall in single pictures: median", "down", 3),
        Column("levels", "levels", "up", 0),
        Column("halved", "levels, chosen on one half and counted on the other", "up", 0),
    )
    note = (
        "R2 and slope are of 'grey c makes c of the change that white makes', for the mean of all pictures and the "
        "greys between black and white, which lie on that line by construction; beside them what single pictures do. "
        "Levels: the longest chain of greys whose mean change rises by more than two paired standard errors each, by "
        "CIELAB distance; black is one. More pictures and more greys on offer make longer chains: only rows that agree "
        "in both are rivals."
    )
    result = Result(
        "How does change answer to grey, and how many greys can be told apart?",
        f"Pictures of {bench.side} pixels edited by maps of one grey, {bench.scheduler}, change measured by CIELAB "
        "distance and by the perceptual one. None of the pictures and prompts was used for calibrating.",
        [Table("answer", "Response to grey, and distinguishable levels", columns, note=note)],
    )
    for curve in size.curves:
        result.plots.append(_curve(bench, curve, seed, result.tables[0]))
    return result


def _curve(bench: Bench, curve: Curve, seed: int, table: Table) -> Plot:
    some = cases(seed, curve.pictures)
    greys = np.linspace(0, 1, curve.greys + 1)
    before = bench.roundtrips(some)

    def look(pictures: Pictures) -> Change:
        return {name: far(pictures, before).mean(axis=(1, 2), dtype=float).tolist() for name, far in DISTANCES.items()}

    looked = Alike(bench, some, curve.steps, bench.scheduler, look, bench.known)
    plot = Plot(f"Response to grey at {curve.steps} steps", "grey", "change, as a share of white's")
    plot.lines.append(Line("right", [0.0, 1.0], [0.0, 1.0]))
    for one in contenders(bench, curve.contenders):
        bench.say(f"{curve.steps} steps: {one.key}, {len(greys)} greys")
        found = [looked(one, grey(float(c))) for c in greys]
        change = {name: np.stack([each[name] for each in found], axis=1) for name in DISTANCES}
        mean, intervals = response(change["lab"], greys), response_intervals(change["lab"], greys)
        by_eye, around = response(change["perceptual"], greys), response_intervals(change["perceptual"], greys)
        single = singly(change["lab"], greys)
        chain, half = levels(change["lab"]), len(some) // 2
        counted = levels(change["lab"][half:][:, levels(change["lab"][:half])])
        table.rows.append(
            {
                "steps": curve.steps,
                "rule": one.key,
                "pictures": len(some),
                "greys": len(greys),
                "r2": Figure.of(mean.r2, intervals["r2"]),
                "slope": Figure.of(mean.slope, intervals["slope"]),
                "fall": mean.largest_fall,
                "spearman": mean.spearman,
                "r2_perceptual": Figure.of(by_eye.r2, around["r2"]),
                "single": single.r2,
                "tenth": single.tenth,
                "single_fall": single.fall,
                "levels": len(chain),
                "halved": len(counted),
            }
        )
        plot.lines.append(_line(one.key, change["lab"], greys))
    return plot


def _line(name: str, change: NDArray[np.float64], greys: NDArray[np.float64]) -> Line:
    return mean_line(name, list(greys), change / change[:, -1].mean())
