"""SDEdit: guided image synthesis and editing (Meng et al., arXiv 2108.01073, Algorithms 1 to 5).

The guide, a picture or coarse strokes, is noised to the level t0 and denoised from there. Masked, only Omega is
edited: after every step the rest is the original again, noised to the level that the step led to; the released code
pastes it one level too noisy and leaves noise in it at the end. K repeats run the whole on its own result. More noise
is more realistic and less faithful: t0 of 0.3 to 0.6 is where the paper works.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sfumato_wire.declared import EditInfo, Parameter

from sfumato.change_map import ChangeMap, Rounding
from sfumato.composite import Difference
from sfumato.edits.checks import check
from sfumato.edits.words import Words
from sfumato.steering import FreshPath, NoisedPath, Path, PathSampler, Release, Run

COMPOSITE = "difference"  # what is kept stays the original in its pixels too, and a guide's own edges leave no ghosts
Noise = Literal["shared", "fresh"]

INFO = EditInfo(
    id="sdedit",
    name="SDEdit",
    help="One strength for all that may change: the map's lightest grey. Turns coarse strokes into a picture.",
    parameters=(
        Parameter(
            "threshold",
            "float",
            0.5,
            "What may change: every grey from this share of the map's lightest one on. The rest is kept.",
            0.01,
            1.0,
            label="Changes from",
        ),
        Parameter(
            "noise",
            "choice",
            "shared",
            "What hides the kept parts while the others are worked on: always the same noise (the released code) "
            "or new noise in every step (the paper).",
            choices=("shared", "fresh"),
            label="Cover the rest",
            choice_labels=("always alike", "new each step"),
        ),
        Parameter(
            "repeats",
            "int",
            1,
            "How often the edit is done, each time on the result of the one before: further from the original, "
            "nearer to what the model knows.",
            1,
            10,
            unit="times",
            label="Repeat",
        ),
    ),
    greys="one",
)


class SDEdit(PathSampler):
    """The reference-path sampler with a map of two values: the strongest grey on Omega, where V >= threshold max V,
    and 0 elsewhere. The strongest grey is t0, in steps, by the pipeline's own rounding: a constant map is that
    pipeline's img2img. repeats is K. Raises InputError for settings out of the ranges of `INFO`."""

    difference = Difference()

    def __init__(
        self, change_map: ChangeMap, noise: Noise = "shared", repeats: int = 1, threshold: float = 0.5
    ) -> None:
        check(INFO, noise=noise, repeats=repeats, threshold=threshold)
        super().__init__(change_map)
        self.noise, self.repeats, self.threshold = noise, repeats, threshold

    def plan(self, noise_levels: NDArray[np.float64], rounding: Rounding, rows: int, columns: int) -> int:
        v = self.change_map.cells(rows, columns)
        omega = v >= self.threshold * v.max()
        two_valued = ChangeMap(np.where(omega, v.max(), 0).astype(np.uint16), self.change_map.strength)
        self.release = Release(two_valued, (rows, columns), noise_levels, rounding)
        self.keeps = not omega.all()
        return self.release.first

    def path(self, run: Run) -> Path:
        # Where nothing is kept no noise is needed for it, and a solver's own draws stay those of img2img.
        return FreshPath(run) if self.noise == "fresh" and self.keeps else NoisedPath(run)


def create(change_map: ChangeMap, words: Words, threshold: float, noise: Noise, repeats: int) -> SDEdit:
    """The edit as a request's settings describe it; `INFO` declares them."""
    return SDEdit(change_map, noise, repeats, threshold)
