"""The last word belongs to the pixels: what the map left black keeps the original's bytes.

Published methods stop at latents; every "unchanged" pixel then comes back through the VAE, slightly different.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sfumato_wire.levels import FULL as M

BAND = 1 / 16  # change at which the new picture covers fully
CHANGED = 96  # levels of 255 by which a pixel must differ for its old detail to be of no use any more


def alpha_of(change: NDArray[np.float32], band: float = BAND) -> NDArray[np.float32]:
    """How much of the new picture shows: smoothstep(0, band, c), 0 exactly where c is 0. band 0: all or nothing."""
    if band * M < 1:  # narrower than one step of the map
        return (change > 0).astype(np.float32)
    t = np.clip(change / np.float32(band), 0, 1)
    return t * t * (3 - 2 * t)


def faintest(band: float = BAND) -> int:
    """The smallest V in 0..M whose alpha is not 0 in 8 bits: fainter paint cannot be seen in the result."""
    ramp = alpha_of(np.arange(M + 1, dtype=np.float32) / M, band)
    return int(np.argmax(np.rint(ramp * 255) > 0))


def layer(
    original: NDArray[np.uint8],
    decoded: NDArray[np.float32],
    roundtrip: NDArray[np.float32] | None,
    values: NDArray[np.uint16],
    band: float = BAND,
    detail: float = 1.0,
) -> NDArray[np.uint8]:
    """The result as a layer: RGBA uint8 [h, w, 4], transparent where nothing changed.

    original: RGB uint8 [h, w, 3]. decoded, roundtrip: RGB in 0..255, float32 [h, w, 3]; roundtrip is the original
    after the VAE alone, whose error is given back in proportion to how little a pixel may change and did change:
    out = decoded + detail (1 - c) (1 - d / CHANGED) (original - roundtrip), d = max over RGB |decoded - roundtrip|.
    Without the second factor, outlines of what is gone stay in the new picture as ghosts.
    values: V, uint16 [h, w], global strength included.
    """
    change = values.astype(np.float32) / M
    colour = decoded
    if roundtrip is not None and detail:
        changed = np.abs(decoded - roundtrip).max(axis=2) / CHANGED
        weight = detail * (1 - change) * np.clip(1 - changed, 0, 1)
        colour = decoded + weight[..., None] * (original.astype(np.float32) - roundtrip)
    result = np.empty((*values.shape, 4), np.uint8)
    result[..., :3] = np.rint(np.clip(colour, 0, 255))
    result[..., 3] = np.rint(alpha_of(change, band) * 255)
    result[result[..., 3] == 0] = 0
    return result


def flatten(canvas: NDArray[np.uint8], layer: NDArray[np.uint8], x: int = 0, y: int = 0) -> NDArray[np.uint8]:
    """The layer laid over the canvas at (x, y); both RGBA with straight alpha. A new array; where the layer is
    transparent the canvas's bytes stay."""
    result = canvas.copy()
    below = result[y : y + layer.shape[0], x : x + layer.shape[1]]
    shown = layer[..., 3] > 0
    over, under = layer[shown].astype(np.float64) / 255, below[shown].astype(np.float64) / 255
    alpha = over[:, 3:] + under[:, 3:] * (1 - over[:, 3:])
    colour = (over[:, :3] * over[:, 3:] + under[:, :3] * under[:, 3:] * (1 - over[:, 3:])) / alpha
    below[shown] = np.rint(np.concatenate([colour, alpha], axis=1) * 255).astype(np.uint8)
    return result
