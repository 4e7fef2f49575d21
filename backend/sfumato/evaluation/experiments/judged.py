"""How edits of one attribute are judged: by the classifier, against the exact truth, inside and outside of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sfumato.change_map import M, soften
from sfumato.evaluation.bench import Bench, Pictures
from sfumato.evaluation.cases import KINDS, Case
from sfumato.evaluation.distances import lab
from sfumato.evaluation.kept import preservation
from sfumato.evaluation.results import Column, Figure
from sfumato.models.sketchbook.classifier import ATTRIBUTES, load_classifier

ATTRIBUTE = {kind: kind for kind in KINDS} | {"removal": "object"}
VISIBLE = 8  # levels of 255 by which picture and truth must differ for a mask to hold a pixel
EDGE = 8  # pixels by which such a mask is softened: a latent cell

JUDGED = (
    *(Column(kind, kind, "up", 0) for kind in KINDS),
    Column("success", "all, %", "up", 0),
    Column("outside", "outside: CIELAB", "down", 2),
    Column("psnr", "outside: PSNR, dB", "up", 1),
    Column("truth", "inside: CIELAB to the truth", "down", 1),
)
NOTE = (
    "Success: percent of edits in which the classifier sees the attribute that was asked for, by what was changed. "
    "Outside and inside: where the truth is exactly as the picture, and where it is not; both against what the "
    "autoencoder alone makes of them."
)


class Judge:
    """For one list of cases; what it costs is paid once."""

    def __init__(self, bench: Bench, cases: Sequence[Case]) -> None:
        self.cases, self.before, self.truths = cases, bench.roundtrips(cases), bench.through(bench.truths(cases))
        self.inside = np.stack([case.changed(bench.side) for case in cases])
        self.kinds = np.array([case.kind for case in cases])

    def success(self, pictures: Pictures) -> NDArray[np.bool_]:
        """Whether each picture shows what was asked for, bool [n]."""
        seen = load_classifier().attributes(pictures)
        right = []
        for index, case in enumerate(self.cases):
            name = ATTRIBUTE[case.kind]
            right.append(ATTRIBUTES[name][seen[name][index].argmax()] == getattr(case.target, name))
        return np.array(right)

    def __call__(self, pictures: Pictures) -> dict[str, Figure]:
        """A row's figures, by the keys of `JUDGED`."""
        right = self.success(pictures)
        row: dict[str, Figure] = {kind: _share(right[self.kinds == kind]) for kind in KINDS}
        whole = ~self.inside.reshape(len(pictures), -1).all(axis=1)  # something is outside
        near, off = lab(pictures, self.truths), lab(pictures, self.before)
        outside = [float(off[i][~self.inside[i]].mean()) for i in np.flatnonzero(whole)]
        row["success"] = _share(right)
        row["outside"] = Figure.mean(outside)
        row["psnr"] = Figure(preservation(pictures, self.before, ~self.inside).psnr if outside else np.nan)
        row["truth"] = Figure.mean([float(near[i][self.inside[i]].mean()) for i in range(len(pictures))])
        return row


def truth_mask(case: Case, side: int) -> NDArray[np.uint16]:
    """What a painter who knew the answer would paint: white where the truth visibly differs, with a soft edge."""
    return soften(np.where(case.changed(side, VISIBLE), M, 0).astype(np.uint16), EDGE)


def _share(right: NDArray[np.bool_]) -> Figure:
    return Figure.share(int(right.sum()), len(right))
