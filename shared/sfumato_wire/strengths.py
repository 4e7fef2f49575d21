"""How many strengths an edit tells apart: so that a docker can say so before bands show, and a report afterwards."""

from __future__ import annotations

from collections.abc import Iterable

from .levels import FULL

GREYS = ("all", "steps", "one")  # what `EditInfo.greys` may say


def strengths(greys: str, steps: int, strength: int, changes: Iterable[int], rounding: str = "floor") -> int:
    """The number of different strengths, beside none at all, with which what is painted will change.

    greys: what counts with the edit (`EditInfo.greys_with`): "all" that differ, the whole "steps" that they come to, or
    "one" for all that is painted. steps, strength: as in the request. changes: the values V in 0..65535 that occur in
    the map, after its levels. rounding: of the model (`ModelInfo.rounding`).

    On other axes than the steps the numbers of steps are others, but as many; with Differential Diffusion's `spend`
    there are more. A kind that this version does not know counts as "all".
    """
    painted = [change for change in set(changes) if change]
    if greys not in ("steps", "one"):
        return len({change * strength // 1000 for change in painted} - {0})
    up = 1000 * FULL - 1 if rounding == "ceil" else 0
    taken = {(steps * change * strength + up) // (1000 * FULL) for change in painted} - {0}
    return len(taken) if greys == "steps" else min(len(taken), 1)
