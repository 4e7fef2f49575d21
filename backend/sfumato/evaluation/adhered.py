"""CAM and DAM with what chance does to them: the paper's measures of a mean, and the jackknife over its pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import measures
from .results import Figure


def adhered(changes: NDArray[Any], full: NDArray[Any], change_map: NDArray[np.uint16]) -> tuple[Figure, Figure]:
    """CAM, and DAM per pixel in levels of 255, of change pictures [n, h, w] against the same pictures' full edit.

    The intervals are of the jackknife: a bootstrap draws pictures twice, which is noisier than n pictures are, and CAM,
    a mean's correlation, falls with noise: its interval would lie below the figure itself.
    """
    edited = measures.edit_map(changes, full)
    cam, dam = measures.cam(change_map, edited), measures.dam(change_map, edited)
    if len(changes) < 3 or not np.isfinite(cam):
        return Figure(cam), Figure(dam.rms)
    without = _left_out(changes, full, change_map)
    spread = float((change_map / 257.0).std())
    distance = spread * np.sqrt(np.clip(1 - without**2, 0, None))
    return Figure.around(cam, _error(without)), Figure.around(dam.rms, _error(distance))


def _left_out(changes: NDArray[Any], full: NDArray[Any], change_map: NDArray[np.uint16]) -> NDArray[np.float64]:
    """CAM without each one of the pictures, float64 [n], from sums: with d_i a picture's change minus its full edit's
    (mean over pixels 0), u_i = <d_i, map> and G_ij = <d_i, d_j>, leaving i out of the sum takes u_i off the one and
    2 sum_j G_ij - G_ii off the square of its length."""
    each = (changes.astype(np.float64) - full).reshape(len(changes), -1)
    each -= each.mean(axis=1, keepdims=True)
    grey = change_map.astype(np.float64).ravel()
    grey -= grey.mean()
    u, G = each @ grey, each @ each.T
    square = G.sum() - 2 * G.sum(axis=1) + np.diagonal(G)
    result: NDArray[np.float64] = (u.sum() - u) / (np.sqrt(square) * np.linalg.norm(grey))
    return result


def _error(without: NDArray[np.float64]) -> float:
    n = len(without)
    return float(np.sqrt((n - 1) / n * np.square(without - without.mean()).sum()))
