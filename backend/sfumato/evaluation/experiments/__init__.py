"""The experiments of `sfumato evaluate`, one a file: functions of a bench, a size and a seed to a `Result`."""

from __future__ import annotations

from collections.abc import Callable

from sfumato.evaluation.bench import Bench
from sfumato.evaluation.experiments.adherence import adherence
from sfumato.evaluation.experiments.answer import answer
from sfumato.evaluation.experiments.found import found
from sfumato.evaluation.experiments.hinting import hinting
from sfumato.evaluation.experiments.inversion import inversion
from sfumato.evaluation.experiments.kept import kept
from sfumato.evaluation.experiments.seams import seams
from sfumato.evaluation.experiments.success import success
from sfumato.evaluation.experiments.tradeoff import tradeoff
from sfumato.evaluation.results import Result
from sfumato.evaluation.sizes import Size

Experiment = Callable[[Bench, Size, int], Result]

# In the order of the report: the map first, then what keeps, then what edits do.
EXPERIMENTS: dict[str, Experiment] = {
    "adherence": adherence,
    "answer": answer,
    "kept": kept,
    "seams": seams,
    "hinting": hinting,
    "success": success,
    "tradeoff": tradeoff,
    "found": found,
    "inversion": inversion,
}
