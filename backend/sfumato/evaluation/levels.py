"""How change answers to grey: the response curve, and how many greys can be told apart.

Both work on change [pictures, greys]: one number per picture (a scene and a seed, the same for all greys) and flat map,
and on the greys' change c = V / 65535, ascending, ending in white.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sfumato.errors import InputError

from .measures import Interval, jackknife, pearson

Floats = NDArray[np.float64]


class Response(NamedTuple):
    """change: float64 [greys], the pictures' mean as a share of white's (a ratio of means: a picture that hardly
    changes has no weight, instead of all). The others but `largest_fall` and `spearman` are of the greys between black
    and white: these two lie on the line by construction. The goal: r2 >= 0.99 and slope 1 +- 0.05."""

    change: Floats
    r2: float  # share of the variance that "grey c gives c of white's change" explains, <= 1; never above r2_fitted
    slope: float  # of the straight line fitted by least squares; 1 is right
    offset: float  # of that line at black; 0 is right
    r2_fitted: float  # that line's own share: what a curve that is straight, but not the right one, still reaches
    largest_fall: float  # furthest that the curve comes down from what it had reached, as a share of white's; 0 is best
    spearman: float  # rank correlation with grey: 1 where more grey is always more change; NaN for a constant curve


def response(change: NDArray[Any], greys: ArrayLike) -> Response:
    """The mean response of a model and rule. At least three greys between black and white. Raises InputError."""
    values, c = _checked(change, greys)
    return _response(values.mean(axis=0), c)


def _response(mean: Floats, c: Floats) -> Response:
    if not mean[-1] > 0:
        raise InputError("no_change", "White changes nothing here, so there is no change to compare other greys with.")
    share = mean / mean[-1]
    between = (c > 0) & (c < 1)
    inner, at = share[between], c[between]
    across = at - at.mean()
    slope = float((across * inner).sum() / np.square(across).sum())
    offset = float(inner.mean() - slope * at.mean())
    fall = float((np.maximum.accumulate(share) - share).max())
    rank = float(pearson(_ranks(share), _ranks(c)))
    return Response(share, _r2(inner, at), slope, offset, _r2(inner, offset + slope * at), fall, rank)


def response_intervals(change: NDArray[Any], greys: ArrayLike) -> dict[str, Interval]:
    """95 % intervals of r2 and slope: of the jackknife over pictures, r2's on the scale of log(1 - r2), so that it ends
    below 1. (A bootstrap draws pictures twice; what is left unexplained grows with noise, so its interval would lie
    below r2 itself.)"""
    values, c = _checked(change, greys)
    found, n = _response(values.mean(axis=0), c), len(values)
    if n < 2:
        return {name: Interval(np.nan, np.nan) for name in ("r2", "slope")}
    total = values.sum(axis=0)
    without = [_response((total - one) / (n - 1), c) for one in values]
    slope = jackknife(found.slope, np.array([one.slope for one in without]))
    if not found.r2 < 1:
        return {"r2": Interval(found.r2, found.r2), "slope": slope}
    unexplained = np.log([max(1 - one.r2, 1e-300) for one in without])
    low, high = jackknife(np.log(1 - found.r2), unexplained)
    return {"r2": Interval(float(1 - np.exp(high)), float(1 - np.exp(low))), "slope": slope}


class Singly(NamedTuple):
    """How single pictures answer, each as a share of what white changes in it: what a painter meets, where `Response`
    is of a mean. r2: the median; tenth: a tenth of the pictures are below. fall: the median of largest falls."""

    r2: float
    tenth: float
    fall: float


def singly(change: NDArray[Any], greys: ArrayLike) -> Singly:
    """As `response`, picture by picture; those that white leaves alone are left out. Raises InputError."""
    values, c = _checked(change, greys)
    each = [_response(one, c) for one in values if one[-1] > 0]
    if not each:
        raise InputError("no_change", "White changes nothing here, so there is no change to compare other greys with.")
    r2, falls = [one.r2 for one in each], [one.largest_fall for one in each]
    return Singly(float(np.median(r2)), float(np.quantile(r2, 0.1)), float(np.median(falls)))


def levels(change: NDArray[Any], errors: float = 2.0) -> list[int]:
    """The longest chain of greys (their columns, ascending) such that from each to the next the mean change rises by
    more than so many standard errors of the paired difference. How many levels can be told apart is its length.

    Exact: the longest path through the graph of all such rises, grey by grey. (Taking the next grey as soon as it can
    be told is not: a noisy grey taken early can close the way.) Of several longest chains, the one whose greys come
    first, read from its end. float [pictures, greys]; two pictures at least, and 200 for a figure that is quoted.

    The longest of very many chains is lucky: every plateau whose greys differ by chance alone counts twice (plateaus
    of the very same pictures do not). Where a rule may have such, choose the greys on half of the pictures and count
    among these on the other half: levels(other[:, levels(half)]). It needs twice the pictures and never flatters."""
    values = _pictures(change)
    if len(values) < 2:
        raise InputError("bad_measure", "Telling greys apart needs at least two pictures. Measure on more.")
    greys = values.shape[1]
    length, before = np.ones(greys, np.int64), np.full(greys, -1, np.int64)
    for grey in range(1, greys):
        rise = values[:, grey : grey + 1] - values[:, :grey]
        told = rise.mean(axis=0) > errors * rise.std(axis=0, ddof=1) / len(values) ** 0.5
        reached = np.where(told, length[:grey], 0)
        if reached.max() > 0:
            before[grey] = reached.argmax()
            length[grey] = reached.max() + 1
    chain = [int(length.argmax())]
    while before[chain[-1]] >= 0:
        chain.append(int(before[chain[-1]]))
    return chain[::-1]


def _pictures(change: NDArray[Any]) -> Floats:
    if change.ndim != 2 or change.size == 0 or not np.isfinite(change).all():
        raise InputError(
            "bad_measure", f"Change by grey is a finite array [pictures, greys]; this one's shape is {change.shape}."
        )
    return change.astype(np.float64)


def _checked(change: NDArray[Any], greys: ArrayLike) -> tuple[Floats, Floats]:
    values, c = _pictures(change), np.asarray(greys, np.float64)
    ascends = c.shape == values.shape[1:] and len(c) > 3 and (np.diff(c) > 0).all() and c[0] >= 0 and c[-1] == 1
    if not ascends or ((c > 0) & (c < 1)).sum() < 3:
        raise InputError(
            "bad_measure",
            f"A response needs at least three greys between black and white, ascending to 1 (white), one for each of "
            f"the {values.shape[1]} columns of change. Measure white too.",
        )
    return values, c


def _r2(values: Floats, explained: Floats) -> float:
    """1 - residual / variance; NaN where nothing varies."""
    around = np.square(values - values.mean()).sum()
    return 1 - float(np.square(values - explained).sum() / around) if np.ptp(values) else np.nan


def _ranks(values: Floats) -> Floats:
    """Ranks from 0; equal values share the mean of theirs."""
    _, which, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count + 1) / 2)[which]
