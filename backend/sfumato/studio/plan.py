"""What a request will cost before it costs anything: the part of the picture to work on, and at which size.

Pure: integers and arrays in, a plan out; no model, no torch. Cost follows the painted area, not the canvas.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from sfumato_wire.geometry import Box, crop_box

from sfumato.change_map import support
from sfumato.errors import InputError

CELL = 8  # pixels of a latent cell's side, but in few families
MIN_SIDE = 64  # pixels; below this a convolutional autoencoder sees mostly its own padding


@dataclass(frozen=True)
class Plan:
    """support: where the map asks for visible change, in document pixels. crop: what the model is shown of it.
    width, height: the crop scaled to the working size; padded_*: filled up to what the model can take. cell: pixels of
    a side of what the map counts for: a cell of the latents that the model's pipeline takes."""

    support: Box
    crop: Box
    width: int
    height: int
    padded_width: int
    padded_height: int
    cell: int = CELL

    @property
    def picture(self) -> tuple[Box, int, int]:
        """What the model is shown: where, and how large. The rest follows from it."""
        return self.crop, self.width, self.height

    @property
    def cells(self) -> tuple[int, int]:
        """Latent rows and columns."""
        return self.padded_height // self.cell, self.padded_width // self.cell

    @property
    def covered(self) -> tuple[Fraction, Fraction]:
        """Latent rows and columns that the crop covers; the rest is padding."""
        return Fraction(self.height, self.cell), Fraction(self.width, self.cell)


def plan(
    values: NDArray[np.uint16],
    at: Box,
    document: tuple[int, int],
    canvas: Box,
    native: int,
    multiple: int,
    pixels: int,
    visible: int,
    longest: int | None = None,
    cell: int = CELL,
) -> Plan | None:
    """The plan for a map `values` (strength included) that lies at box `at` of a document of (width, height), of
    which the part `canvas` is at hand; None when no value reaches `visible`, so that nothing would be seen to change.

    The crop is the support with its surroundings. A crop smaller than the model's native size on its longer side is
    enlarged to it, one of more than `pixels` is reduced, and so is one longer than `longest`, a multiple of `multiple`.
    """
    found = support(values, visible)
    if found is None:
        return None
    found = Box(found.x + at.x, found.y + at.y, found.width, found.height).intersection(Box(0, 0, *document))
    if found.area == 0:
        return None
    crop = crop_box(found, *document, native).intersection(canvas)
    if not crop.contains(found):
        raise InputError("canvas_missing", "The map asks for change where no picture was sent. Send a larger part.")
    scale = _scale(crop.width, crop.height, native, pixels)
    if longest is not None:
        scale = min(scale, longest / max(crop.width, crop.height))
    width, height = (max(1, round(side * scale)) for side in (crop.width, crop.height))
    padded_width, padded_height = (_padded(side, multiple) for side in (width, height))
    return Plan(found, crop, width, height, padded_width, padded_height, cell)


def _scale(width: int, height: int, native: int, pixels: int) -> float:
    long, short = max(width, height), min(width, height)
    if long < native:
        return native / long
    scale = min(1.0, math.sqrt(pixels / (long * short)))
    if short * scale < MIN_SIDE:  # the padding up to MIN_SIDE is worked on too
        scale = min(1.0, pixels / (MIN_SIDE * long))
    return scale


def _padded(side: int, multiple: int) -> int:
    return -(-max(side, MIN_SIDE) // multiple) * multiple
