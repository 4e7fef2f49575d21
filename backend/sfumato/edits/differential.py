"""Differential Diffusion: giving each pixel its strength (Levin and Fried, arXiv 2306.00950, Algorithm 1).

A cell with n of N steps of change stays on the reference path R (the original, noised to the level at hand) until
step k = N - n and is the sampler's from then on. Cells that are not free yet are injected again before every step,
so the model sees in advance what surrounds the free ones ("future hinting"). White changes; R_N is the original
itself, so a constant map is the pipeline's own img2img and a black one is the identity. Steps before the first release
are skipped (the paper's Table 4).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from sfumato_wire.declared import EditInfo, GreysWhen, Parameter

from sfumato.change_map import ChangeMap, M, scaled
from sfumato.edits.checks import check
from sfumato.edits.words import Words
from sfumato.errors import InputError
from sfumato.steering import Axis, Kind, PathSampler

RELEASE = Parameter(
    "release",
    "choice",
    "fractional",
    "How greys between two steps count: every grey by its own share, or rounded to whole steps.",
    choices=("fractional", "whole"),
    label="In-between greys",
    choice_labels=("each counts", "rounded"),
)
WHOLE = GreysWhen("release", "whole", "steps")
AXIS = Parameter(
    "axis",
    "choice",
    "steps",
    "What half a grey halves: the steps (as published), the noise, which treats all schedules alike, or "
    "the change that is seen, where the model was measured for it.",
    choices=("steps", "noise", "perceived"),
    label="Grey divides",
    choice_labels=("the steps", "the noise", "what is seen"),
)
OWN_AXIS = replace(
    AXIS,
    default="own",
    help=f"{AXIS.help} What suits is the change that is seen where it was measured, and the steps elsewhere.",
    choices=("own", *AXIS.choices),
    choice_labels=("what suits", *AXIS.choice_labels),
)
INFO = EditInfo(
    id="differential",
    name="Differential Diffusion",
    help="Every pixel changes as much as its grey says: white fully, black not at all.",
    parameters=(
        RELEASE,
        OWN_AXIS,
        Parameter(
            "hinting",
            "bool",
            True,
            "Show the model what surrounds a pixel before the pixel may change. Off is only good for comparisons.",
            label="See the surroundings",
        ),
        Parameter(
            "spend",
            "bool",
            False,
            "Where nothing is white: take all the steps below the lightest grey, not only its share of them. Slower, "
            "and best with few steps.",
            label="Use all steps",
        ),
    ),
    # Without hinting nothing is mixed: a part of a step is a whole one.
    greys_when=(WHOLE, GreysWhen("hinting", False, "steps")),
)


class Differential(PathSampler):
    """release: `whole` gives a cell n = floor or ceil of N c steps, by the pipeline's own rule, and is that
    pipeline's img2img for a constant map, which is why it is the default here; `fractional`, the default in requests,
    also gives it its part of the step at the edge.
    axis, hinting: as `INFO` says; `perceived` needs a map with its model's curve (ChangeMap(values, curve=...)), and
    `own` is that for such a map.
    spend: N is how many steps the cell of most change takes, rather than white; on the axis `steps` only.
    Raises InputError for settings that are no choice of theirs or do not go together."""

    def __init__(
        self,
        change_map: ChangeMap,
        release: Kind = "whole",
        axis: Axis | Literal["own"] = "steps",
        hinting: bool = True,
        spend: bool = False,
    ) -> None:
        check(INFO, release=release, axis=axis, hinting=hinting, spend=spend)
        if axis == "own":
            axis = "steps" if change_map.curve is None or spend else "perceived"
        if spend and axis != "steps":
            raise InputError("bad_setting", "How many steps to spend is known on the axis 'steps' only.")
        super().__init__(change_map, release, axis, hinting)
        self.spend = spend

    def schedule(self, steps: int, rows: int, columns: int) -> int:
        """N' such that c_max N' is the `steps` that were asked for, or a little less."""
        most = int(scaled(self.change_map.cells(rows, columns), self.change_map.strength).max())
        return steps * M // most if self.spend and most else steps


def create(
    change_map: ChangeMap, words: Words, release: Kind, axis: Axis | Literal["own"], hinting: bool, spend: bool
) -> Differential:
    """The edit as a request's settings describe it; `INFO` declares them."""
    return Differential(change_map, release, axis, hinting, spend)
