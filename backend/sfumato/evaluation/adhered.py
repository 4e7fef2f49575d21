"""CAM and DAM with what chance does to them: the paper's measures of a mean, and the jackknife over its pictures."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import measures
from .results import Figure

Floats = NDArray[np.float64]


class Adhered(NamedTuple):
    """cam, dam: the paper's, dam per pixel in levels of 255. share: CAM of the mean change as a share of the full
    edit's, pixel by pixel, in place of the difference: where scenes change more easily in one place than in another
    (ground more than sky), a difference keeps that, times 1 - c, and a share does not."""

    cam: Figure
    dam: Figure
    share: Figure


def adhered(changes: NDArray[Any], full: NDArray[Any], change_map: NDArray[np.uint16]) -> Adhered:
    """Of change pictures [n, h, w] against the same pictures' full edit.

    The intervals are of the jackknife, for correlations on Fisher's scale (artanh), so that they end below 1. A
    bootstrap draws pictures twice, which is noisier than n pictures are, and CAM, a mean's correlation, falls with
    noise: its interval would lie below the figure itself.
    """
    sums = changes.sum(axis=0, dtype=np.float64), full.sum(axis=0, dtype=np.float64)
    found, n = _figures(*sums, len(changes), change_map), len(changes)
    if n < 3:
        return Adhered(*(Figure(value) for value in found))
    pairs = zip(changes, full, strict=True)
    without = np.array([_figures(sums[0] - one, sums[1] - whole, n - 1, change_map) for one, whole in pairs])
    cam, dam, share = zip(found, without.T, strict=True)
    return Adhered(_correlation(*cam), Figure.of(dam[0], measures.jackknife(dam[0], dam[1])), _correlation(*share))


def _correlation(value: float, without: Floats) -> Figure:
    """With the interval that leaving one picture out after the other implies."""
    if not max(abs(value), np.abs(without).max()) < 1:
        return Figure(value)
    return Figure.of(value, measures.Interval(*np.tanh(measures.jackknife(np.arctanh(value), np.arctanh(without)))))


def _figures(changes: Floats, full: Floats, n: int, change_map: NDArray[np.uint16]) -> tuple[float, float, float]:
    """Of sums over n pictures."""
    edited = (changes - full) / n
    share = np.divide(changes, full, out=np.zeros_like(full), where=full > 0)
    return measures.cam(change_map, edited), measures.dam(change_map, edited).rms, measures.cam(change_map, share)
