"""What the demo paints: a house in summer, and how much of it winter may have. Runs in the environment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sfumato.models.sketchbook.paint import paint
from sfumato.models.sketchbook.scene import Scene

SUMMER = Scene(
    time="day",
    ground="meadow",
    season="summer",
    sky="cloudy",
    background="mountains",
    trees="none",
    object="house",
    colour="red",
    place="left",
    style="oil",
    layout=8,
)
PROMPT = "a winter meadow, snow on the ground"
SEED = 1

KEPT = 0.36  # the left part that stays as it is: the house
FULL = 1.0  # from here on everything may change


def canvas(size: int) -> NDArray[np.uint8]:
    """The picture, RGBA."""
    colour = paint(SUMMER, size)
    return np.dstack([colour, np.full(colour.shape[:2], 255, np.uint8)])


def change_map(size: int) -> NDArray[np.uint16]:
    """Hard black over the house, then a ramp to white: 16-bit grey."""
    along = np.linspace(0.0, 1.0, size)
    ramp = np.clip((along - KEPT) / (FULL - KEPT), 0.0, 1.0)
    return np.tile(np.rint(ramp * 65535).astype(np.uint16), (size, 1))
