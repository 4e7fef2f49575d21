"""A map that was found on latent cells, as grey pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.studio.plan import Plan


def as_grey(found: NDArray[np.float64], planned: Plan, edges: str, deep: bool = False) -> NDArray[Any]:
    """uint8 [crop height, crop width] from 0..1 on latent cells; uint16 where it is to be `deep`.

    edges: "cells" gives every pixel its cell's value, so that the mean over a cell gives that value back;
    "smooth" runs in straight lines from the middle of a cell to the middle of the next.
    """
    (rows, columns), crop = planned.covered, planned.crop
    down = _places(crop.height, float(rows), found.shape[0])
    across = _places(crop.width, float(columns), found.shape[1])
    if edges == "cells":
        grey = found[np.ix_(np.floor(down).astype(int), np.floor(across).astype(int))]
    else:
        grey = _between(_between(found, down, float(rows)).T, across, float(columns)).T
    return np.rint(grey * 65535).astype(np.uint16) if deep else np.rint(grey * 255).astype(np.uint8)


def _places(pixels: int, covered: float, cells: int) -> NDArray[np.float64]:
    """Where the middles of the pixels lie, in cells."""
    return np.minimum((np.arange(pixels) + 0.5) * covered / pixels, cells - 1e-9)


def _between(values: NDArray[np.float64], places: NDArray[np.float64], covered: float) -> NDArray[np.float64]:
    """Rows at fractional places, between the middles of rows; nothing beyond the last covered one."""
    last = int(np.ceil(covered)) - 1
    below = np.clip(places - 0.5, 0, last)
    first = np.floor(below).astype(int)
    share = (below - first)[:, None]
    return values[first] * (1 - share) + values[np.minimum(first + 1, last)] * share
