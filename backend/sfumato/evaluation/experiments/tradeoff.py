"""SDEdit's trade-off: the more noise, the more of what was asked and the less of what was there."""

from __future__ import annotations

from sfumato.edits import SDEdit
from sfumato.evaluation.bench import Bench, grey
from sfumato.evaluation.cases import cases
from sfumato.evaluation.distances import lab
from sfumato.evaluation.experiments.judged import JUDGED, NOTE, Judge
from sfumato.evaluation.results import Column, Figure, Line, Plot, Result, Strip, Table
from sfumato.evaluation.sizes import Size

SHOWN = 6


def tradeoff(bench: Bench, size: Size, seed: int) -> Result:
    """Table `tradeoff`: a row for every strength t0."""
    some, steps = cases(seed, size.success_cases), size.success_steps
    judge = Judge(bench, some)
    columns = (Column("strength", "t0", digits=2), Column("source", "CIELAB to the source", "down", 1), *JUDGED)
    table = Table("tradeoff", "SDEdit: faithfulness against success", columns, note=NOTE)
    strip = Strip("SDEdit by strength", [], [], [case.kind for case in some[:SHOWN]])
    for strength in size.strengths:
        bench.say(f"SDEdit at {strength:g}")
        pictures = bench.run(SDEdit, grey(strength), some, steps)
        far = Figure.mean(lab(pictures, judge.before).mean(axis=(1, 2), dtype=float))
        table.rows.append({"strength": strength, "source": far} | judge(pictures))
        strip.rows.append(list(pictures[:SHOWN]))
        strip.names.append(f"{strength:g}")
    curve = Line("SDEdit", *([row[key].value for row in table.rows] for key in ("source", "success")))
    plot = Plot("SDEdit's trade-off", "CIELAB distance to the source", "success, %", [curve])
    says = f"{len(some)} pictures of {bench.side} pixels, {steps} steps of {bench.scheduler}, the whole picture at t0."
    return Result("SDEdit: what does each strength cost?", says, [table], [plot], [strip])
