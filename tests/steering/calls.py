"""How the tests call a family: steered, with a picture, with the family's own words."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image
from sfumato.change_map import ChangeMap, M
from sfumato.steering import steer
from steering import tiny

STEPS = 5  # divides M, so that floor and ceil agree on the levels below
LEVELS = ChangeMap((np.arange(256) % 6 * (M // 5)).astype(np.uint16).reshape(16, 16))
WHITE = ChangeMap.constant(1.0)
WITH_IMAGE = [family for family in tiny.FAMILIES if family not in tiny.FROM_LATENTS]


def run(pipe: Any, edit: Any, arguments: dict[str, Any], **options: Any) -> Any:
    with steer(pipe, edit, **options) as steered:
        return steered(**arguments).images


def source(family: str) -> dict[str, Any]:
    """The family's own words, as an edit says them."""
    return {name: value for name, value in tiny.arguments(family, STEPS).items() if "prompt" in name}


def picture(width: int = 32, height: int = 32, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def right_half(width: int = 32, height: int = 32) -> ChangeMap:
    values = np.zeros((height, width), np.uint16)
    values[:, width // 2 :] = M
    return ChangeMap(values)
