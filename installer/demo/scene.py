"""What the demo paints: a boat at noon, and how much of it the evening may have. Runs in the environment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sfumato.models.sketchbook.paint import paint
from sfumato.models.sketchbook.scene import Scene

NOON = Scene(
    time="day",
    ground="lake",
    season="summer",
    sky="cloudy",
    background="mountains",
    trees="none",
    object="boat",
    colour="white",
    place="left",
    style="oil",
    layout=3,
)
PROMPT = "a summer lake at sunset"
SEED = 0

KEPT = 0.42  # the left part that stays as it is: the boat
FULL = 0.78  # from here on everything may change


def canvas(size: int) -> NDArray[np.uint8]:
    """The picture, RGBA."""
    colour = paint(NOON, size)
    return np.dstack([colour, np.full(colour.shape[:2], 255, np.uint8)])


def change_map(size: int) -> NDArray[np.uint16]:
    """Hard black over the boat, then a ramp to white: 16-bit grey."""
    along = np.linspace(0.0, 1.0, size)
    ramp = np.clip((along - KEPT) / (FULL - KEPT), 0.0, 1.0)
    return np.tile(np.rint(ramp * 65535).astype(np.uint16), (size, 1))
