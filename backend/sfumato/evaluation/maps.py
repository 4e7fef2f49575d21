"""Maps that rules are measured on, drawn from formulas at any size: uint16 [side, side], V 0..65535, white changes.

The paper (Levin & Fried, arXiv 2306.00950, Table 1) measures on a gradient, a "complex shape" and a triangle, and does
not say how they are drawn. Its CAM and DAM say how far their greys spread, though: DAM = std(M) sqrt(1 - CAM^2) for
least squares, so std(M) is about 76, 89 and 96 of 255. Ours have 74, 89 and 95: the same difficulty, not the same maps.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sfumato.change_map import M
from sfumato.errors import InputError

Map = NDArray[np.uint16]
Floats = NDArray[np.float64]

SMALLEST = 8  # pixels of a side: a latent cell


def gradient(side: int) -> Map:
    """From black in the first column to white in the last, in equal steps."""
    x, _ = _points(side)
    return _map((x * side - 0.5) / (side - 1))


def triangle(side: int) -> Map:
    """A triangle on black: its base is the bottom, its apex the middle of the top. Strength rises evenly from 0 at the
    apex to 1 at the base, so its slanted edges fade from a hard to no edge at all."""
    x, y = _points(side)
    return _map(y * _inside(np.abs(x - 0.5) - y / 2, side))


def complex(side: int) -> Map:
    """Six shapes of six greys, some over others, on a background of slow waves: hard edges in every direction, soft
    slopes, and black and white areas."""
    x, y = _points(side)
    change = 0.23 + 0.16 * np.sin(2 * np.pi * (x + 0.35 * y)) * np.cos(np.pi * (y - 0.2 * x))
    for grey, distance in (
        (1.0, np.hypot(x - 0.29, y - 0.30) - 0.225),  # disc
        (0.0, np.abs(np.hypot(x - 0.74, y - 0.27) - 0.155) - 0.05),  # ring
        (0.85, np.hypot(x - 0.74, y - 0.27) - 0.07),  # its middle
        (0.9, _box(x - 0.70, y - 0.71, 0.18, 0.15, 0.5)),  # turned box
        (0.45, _box(x - 0.76, y - 0.74, 0.08, 0.08, np.pi / 4)),  # diamond on it
        (0.0, np.hypot((x - 0.23) / 1.8, y - 0.76) - 0.095),  # ellipse, nearly: only its edge's width is inexact
    ):
        change += _inside(distance, side) * (grey - change)
    return _map(change)


def hard_edge(side: int) -> Map:
    """White within a disc, black without: every direction of edge, at every offset to the latent cells."""
    x, y = _points(side)
    return _map((np.hypot(x - 0.5, y - 0.5) < 0.3).astype(np.float64))


def soft_edge(side: int) -> Map:
    """The same disc, its edge a straight slope as wide as a quarter of the side."""
    x, y = _points(side)
    return _map((0.3 + 0.125 - np.hypot(x - 0.5, y - 0.5)) / 0.25)


# The paper's three, in its order.
MAPS: dict[str, Callable[[int], Map]] = {"gradient": gradient, "complex": complex, "triangle": triangle}


def _points(side: int) -> tuple[Floats, Floats]:
    """x and y of the pixels' centres, 0..1, both [side, side]."""
    if side < SMALLEST:
        raise InputError("bad_map", f"A map to measure on has a side of at least {SMALLEST} pixels; this is {side}.")
    at = (np.arange(side) + 0.5) / side
    x, y = np.meshgrid(at, at)
    return x, y


def _box(x: Floats, y: Floats, half_width: float, half_height: float, turn: float) -> Floats:
    """How far outside a box turned by so many radians, in the norm whose circles are that box."""
    across, down = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    distance: Floats = np.maximum(np.abs(across) - half_width, np.abs(down) - half_height)
    return distance


def _inside(distance: Floats, side: int) -> Floats:
    """1 inside a shape (distance below 0), 0 outside, a slope of one pixel between."""
    share: Floats = np.clip(0.5 - distance * side, 0, 1)
    return share


def _map(change: Floats) -> Map:
    return np.rint(np.clip(change, 0, 1) * M).astype(np.uint16)
