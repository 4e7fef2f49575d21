"""Does the change follow the map? Measures on change pictures [n, h, w] (distances.py) and a map uint16 [h, w].

The paper is Levin & Fried, "Differential Diffusion: Giving Each Pixel Its Strength", arXiv 2306.00950: CAM and DAM are
of its second version, trend reconstruction and the reliability score of its first. Its maps have white = keep, ours
white = change: so its minus sign before the map is not here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sfumato_wire.levels import FULL as M

from sfumato.errors import InputError

Floats = NDArray[np.float64]
Map = NDArray[np.uint16]


def pearson(first: ArrayLike, second: ArrayLike) -> Floats:
    """Pearson's correlation over the last axis, -1..1, float64 of the other axes. NaN where either side is constant:
    what does not vary follows nothing."""
    a, b = _standard(np.asarray(first, np.float64)), _standard(np.asarray(second, np.float64))
    correlation: Floats = np.clip((a * b).sum(axis=-1), -1, 1)
    return correlation


def edit_map(changes: NDArray[Any], full: NDArray[Any] | None = None) -> Floats:
    """EM of the paper: the mean change picture, float64 [h, w]. changes: [n, h, w].

    full: change pictures [k, h, w] of the same edit with every pixel white. Their mean is taken off, as the paper does,
    so that what is likelier to change wherever the map is (borders, skies) does not count."""
    mean: Floats = _stack(changes).mean(axis=0)
    return mean if full is None else mean - _stack(full).mean(axis=0)


def cam(change_map: Map, edited: Floats) -> float:
    """Correlation adherence: Pearson of map and edit map over all pixels, -1..1, up is better (paper, CAM).

    The same for any a + b EM with b > 0. NaN when the edit map is constant. Raises InputError when the map is."""
    _check_map(change_map, edited)
    return float(pearson(change_map.ravel(), edited.ravel()))


class Dam(NamedTuple):
    """How far the map is from the straight function of the edit map nearest to it: M ~ slope EM + offset."""

    slope: float
    offset: float
    frobenius: float  # |M - slope EM - offset|_F with M in 0..255: the paper's formula; grows with the picture
    rms: float  # the same per pixel, 0..127.5 of 255: what the paper's table holds (see maps.py)
    share: float  # of the map's own spread, 0..1: comparable from map to map


def dam(change_map: Map, edited: Floats) -> Dam:
    """Distance adherence: min over a, b of |M - a EM + b|_F, down is better (paper, DAM).

    Least squares of two parameters, so rms = std(M) sqrt(1 - CAM^2): DAM adds to CAM the scale of the map, and does not
    see CAM's sign. An edit map that is constant explains nothing: slope 0, share 1. Raises InputError when the map is
    constant."""
    _check_map(change_map, edited)
    grey = change_map.astype(np.float64) * (255 / M)
    spread = edited - edited.mean()
    square = float(np.square(spread).sum()) if np.ptp(edited) else 0.0
    slope = float((spread * (grey - grey.mean())).sum()) / square if square else 0.0
    offset = float(grey.mean() - slope * edited.mean())
    left = float(np.linalg.norm(grey - grey.mean() - slope * spread))
    rms = left / grey.size**0.5
    return Dam(slope, offset, left, rms, min(1.0, rms / float(grey.std())))


def trend(changes: NDArray[Any]) -> Floats:
    """Trend reconstruction: the L2 norm of every column's change, float64 [n, w]. changes: [n, h, w]."""
    norms: Floats = np.linalg.norm(_stack(changes), axis=1)
    return norms


def normalised_trend(changes: NDArray[Any], full: NDArray[Any]) -> Floats:
    """The paper's: trend minus the trend of the full edit (same pictures, same seeds, all white), float64 [n, w].

    It takes off what columns change alike whatever the map. Where a column changes g(c) times what it would change in
    the full edit, it leaves (g(c) - 1) times that: see `trend_quotient`."""
    return trend(changes) - trend(full)


def trend_quotient(changes: NDArray[Any], full: NDArray[Any]) -> Floats:
    """Trend over the full edit's trend, float64 [n, w]: g(c) itself where columns differ in how easily they change, and
    worse than the difference where they differ in what is added. NaN in columns that the full edit leaves alone."""
    whole = trend(full)
    return np.divide(trend(changes), whole, out=np.full_like(whole, np.nan), where=whole > 0)


def reliability(trends: Floats) -> Floats:
    """Reliability score: Pearson of each trend [n, w] with its column's number, -1..1, float64 [n]. Columns that are
    NaN are left out; NaN where none or one is left. For maps.gradient; mirror pictures made with its mirror image."""
    column = np.arange(trends.shape[-1], dtype=np.float64)
    scores = np.full(len(trends), np.nan)
    for at, one in enumerate(trends):
        if (held := np.isfinite(one)).any():
            scores[at] = pearson(one[held], column[held])
    return scores


class Identification(NamedTuple):
    """confusion: int64 [maps, maps + 1]: how many edits made with a map were taken to be of each; the last column are
    those that could not be told. percent: of all edits, how many were taken to be of their own map."""

    percent: float
    confusion: NDArray[np.int64]


def identify(changes: NDArray[Any], candidates: NDArray[np.uint16]) -> NDArray[np.int64]:
    """Which map made each edit, told from its change alone: the index of the candidate with the highest Pearson, or -1
    where the best two agree to within 1e-9 or nothing changed. changes: [n, h, w]; candidates: uint16 [m, h, w]."""
    pictures = _stack(changes)
    for candidate in candidates:
        _check_map(candidate, pictures[0])
    alike = np.stack([pearson(pictures.reshape(len(pictures), -1), one.ravel()) for one in candidates], axis=1)
    ordered = np.sort(alike, axis=1)
    tied = len(candidates) > 1 and ~(ordered[:, -1] - ordered[:, -2] > 1e-9)
    return np.where(np.isnan(alike[:, 0]) | tied, -1, alike.argmax(axis=1))


def identification(changes: NDArray[Any], made_by: ArrayLike, candidates: NDArray[np.uint16]) -> Identification:
    """The paper's user study 1 (80.43 % of people's choices of one among three maps were right), with nobody asked.

    made_by: for each change picture the index of its map."""
    pictures, makers = _stack(changes), np.asarray(made_by, np.int64)
    if makers.shape != (len(pictures),) or not np.isin(makers, range(len(candidates))).all():
        raise InputError("bad_measure", "Every change picture needs the number of the one of the maps that made it.")
    confusion = np.zeros((len(candidates), len(candidates) + 1), np.int64)
    np.add.at(confusion, (makers, identify(pictures, candidates)), 1)
    return Identification(100 * float(np.trace(confusion)) / len(pictures), confusion)


class Interval(NamedTuple):
    """Bounds that hold 95 %, or what was asked for: floats, or arrays of the statistic's shape."""

    low: Any
    high: Any


def student(degrees: int) -> float:
    """How many standard errors to either side hold 95 %: Student's t of so many degrees of freedom, by the expansion of
    Cornish and Fisher (Abramowitz and Stegun, 26.7.5); to 1 % from three degrees on."""
    z, n = 1.959964, float(degrees)
    terms = (
        (z**3 + z) / (4 * n),
        (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2),
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3),
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * n**4),
    )
    return z + sum(terms)


def jackknife(value: float, without: Floats) -> Interval:
    """The 95 % interval around a statistic of n pictures (Tukey's jackknife). without: float64 [n], the statistic with
    one picture after the other left out. For what is smooth in the pictures, on a scale that has no end nearby."""
    n = len(without)
    error = float(np.sqrt((n - 1) / n * np.square(without - without.mean()).sum()))
    return Interval(value - student(n - 1) * error, value + student(n - 1) * error)


def bootstrap(
    statistic: Callable[[NDArray[np.intp]], ArrayLike],
    pictures: int,
    *,
    samples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The percentile interval of a statistic over pictures drawn again with replacement (Efron's bootstrap).

    statistic: from indices of pictures, intp [pictures], to a number or an array of numbers. Draw whole pictures (or
    scenes): their greys and pixels are not independent. NaN where the statistic was NaN for a sample."""
    if pictures < 2:
        raise InputError("bad_measure", "An interval needs at least two pictures to draw from. Measure on more.")
    rng = np.random.default_rng(seed)
    drawn = np.array([statistic(rng.integers(0, pictures, pictures)) for _ in range(samples)], np.float64)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return Interval(low, high) if drawn.ndim > 1 else Interval(float(low), float(high))


def _standard(values: Floats) -> Floats:
    """Mean 0 and length 1 over the last axis; NaN where all are equal."""
    centred = values - values.mean(axis=-1, keepdims=True)
    # Equal values may leave a rest of rounding; it must not be blown up to a correlation.
    largest = np.abs(centred).max(axis=-1, keepdims=True)
    largest[np.ptp(values, axis=-1, keepdims=True) == 0] = np.nan
    centred /= largest  # so that no square is too small for a float
    standard: Floats = centred / np.linalg.norm(centred, axis=-1, keepdims=True)
    return standard


def _stack(changes: NDArray[Any]) -> Floats:
    if changes.ndim != 3 or changes.size == 0:
        raise InputError("bad_measure", f"Change pictures are [n, height, width]; these are {changes.shape}.")
    return changes.astype(np.float64)


def _check_map(change_map: Map, edited: NDArray[Any]) -> None:
    if change_map.dtype != np.uint16 or change_map.shape != edited.shape:
        raise InputError(
            "sizes_differ",
            f"A map to measure by is uint16 and of the change's size {edited.shape}; this one is {change_map.dtype} "
            f"{change_map.shape}. Draw it at that size.",
        )
    if np.ptp(change_map) == 0:
        raise InputError("flat_map", "A map of one grey cannot be followed or missed. Measure on one with several.")
