"""Who is compared: ours on every axis, and the published rules, all as edits of one map."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from sfumato.change_map import ChangeMap
from sfumato.edits import Differential
from sfumato.evaluation.bench import Bench, Pictures
from sfumato.evaluation.cases import Case
from sfumato.evaluation.distances import lab, perceptual
from sfumato.evaluation.results import Column, Table
from sfumato.evaluation.rules import RULES
from sfumato.steering import Edit

DISTANCES: dict[str, Callable[[Pictures, Pictures], NDArray[np.float32]]] = {"lab": lab, "perceptual": perceptual}
T = TypeVar("T")
PROBE = 2  # cases by which two rules are seen to read a map alike


@dataclass(frozen=True)
class Contender:
    """key: as in the tables. name: a line for people."""

    key: str
    name: str
    make: Callable[[ChangeMap], Edit]


def _ours(key: str, name: str, **settings: Any) -> Contender:
    return Contender(key, name, lambda change_map: Differential(change_map, **settings))


OURS = (
    _ours("ours, whole", "Differential, whole steps: the paper's rule"),
    _ours("ours", "Differential, fractional release, axis steps", release="fractional"),
    _ours("ours, noise", "Differential, fractional release, axis noise", release="fractional", axis="noise"),
    _ours("ours, perceived", "Differential, fractional release, calibrated", release="fractional", axis="perceived"),
    _ours("ours, spend", "Differential, fractional release, all steps spent", release="fractional", spend=True),
)


def contenders(bench: Bench, keys: Sequence[str] = ()) -> list[Contender]:
    """All, or those of these keys; `ours, perceived` only where the model is calibrated (`bench.uncalibrated`)."""
    every = [*OURS, *(Contender(key, rule.name, rule) for key, rule in RULES.items())]
    held = [one for one in every if one.key in keys or not keys]
    return [one for one in held if one.key != "ours, perceived" or bench.curve is not None]


def checked_table(who: Sequence[Contender]) -> Table:
    """What each is, and which published code it was compared with."""
    columns = (
        Column("rule", "rule"),
        Column("name", "what it is"),
        Column("checked", "checked against, and the largest difference of final latents"),
    )
    rows = []
    for one in who:
        checks = RULES[one.key].checked if one.key in RULES else ()
        said = "; ".join(f"{check.extent}, {check.code}, on {check.on}: {check.difference:g}" for check in checks)
        rows.append({"rule": one.key, "name": one.name, "checked": said or ("ours" if one.key not in RULES else "no")})
    return Table("rules", "Who is compared", columns, rows)


class Alike(Generic[T]):
    """Runs edits and looks at their pictures; those that give the same latents for the first cases only once, for most
    rules read most maps alike.

    For one list of cases and one schedule. A rule does not look at pictures: what is alike for some is for all.
    look: what is kept of the pictures of all cases, uint8 [n, side, side, 3]. known: what is not looked at again; what
    is looked at is added, under a name that says cases, steps and latents.
    """

    def __init__(
        self,
        bench: Bench,
        cases: Sequence[Case],
        steps: int,
        scheduler: str,
        look: Callable[[Pictures], T],
        known: MutableMapping[str, T] | None = None,
    ) -> None:
        self.bench, self.cases, self.steps, self.scheduler, self.look = bench, cases, steps, scheduler, look
        self.known: MutableMapping[str, T] = {} if known is None else known
        self._who = hashlib.sha256(repr(list(cases)).encode()).hexdigest()

    def __call__(self, contender: Contender, values: NDArray[np.uint16]) -> T:
        bench, how = self.bench, (self.steps, self.scheduler)
        first = bench.edit(contender.make, values, self.cases[:PROBE], *how)
        alike = hashlib.sha256(first.cpu().numpy().tobytes()).hexdigest()
        name = f"{self.steps} steps, {self.scheduler}, cases {self._who}, latents {alike}"
        if name not in self.known:
            rest = self.cases[PROBE:]
            parts = [first, bench.edit(contender.make, values, rest, *how)] if rest else [first]
            self.known[name] = self.look(bench.decode(torch.cat(parts)))
        return self.known[name]
