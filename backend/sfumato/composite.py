"""The last word belongs to the pixels: what the map left black keeps the original's bytes.

Published methods stop at latents; every "unchanged" pixel then comes back through the VAE, slightly different.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sfumato_wire.levels import FULL as M

BAND = 1 / 16  # change at which the new picture covers fully
CHANGED = 96  # levels of 255 by which a place must differ for its old detail to be of no use any more
FLAT = 16.0  # squared levels: local contrast below this is no structure
SMALL = 1024  # pixels of the longer side at which structure is looked for; models work on no more
CELL = 8  # pixels of a latent cell's side, as the models know them
BLUR = 4  # pixels, standard deviation: half a cell


def alpha_of(change: NDArray[np.floating[Any]], band: float | None = BAND) -> NDArray[np.float32]:
    """How much of the new picture shows: smoothstep(0, band, c), 0 exactly where c is 0. band 0: all or nothing.
    None: c itself."""
    if band is None:
        return change.astype(np.float32)
    if band * M < 1:  # narrower than one step of the map
        return (change > 0).astype(np.float32)
    t = np.clip(change / np.float32(band), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def faintest(band: float | None = BAND) -> int:
    """The smallest V in 0..M whose alpha is not 0 in 8 bits: fainter paint cannot be seen in the result."""
    ramp = alpha_of(np.arange(M + 1, dtype=np.float32) / M, band)
    return int(np.argmax(np.rint(ramp * 255) > 0))


def layer(
    original: NDArray[np.uint8],
    decoded: NDArray[np.float32],
    roundtrip: NDArray[np.float32] | None,
    values: NDArray[np.uint16],
    band: float | None = BAND,
    detail: float = 1.0,
    shown: NDArray[np.float32] | None = None,
    deep: bool = False,
) -> NDArray[Any]:
    """The result as a layer: RGBA uint8 [h, w, 4], or uint16 where it is to be `deep`; all zeros where nothing changed.

    original: RGB uint8 [h, w, 3]. decoded, roundtrip: RGB in 0..255, float32 [h, w, 3]; roundtrip is the original
    after the VAE alone, whose error is given back in proportion to how little a pixel may change and to how much of
    what was there still is: out = decoded + detail (1 - c) still_there (original - roundtrip).
    values: V, uint16 [h, w], global strength included. shown: a further factor of alpha, 0..1, float32 [h, w].
    """
    change = values.astype(np.float32) / M
    colour = decoded
    if roundtrip is not None and detail:
        weight = detail * (1 - change) * still_there(decoded, roundtrip)
        colour = decoded + weight[..., None] * (original.astype(np.float32) - roundtrip)
    result = np.empty((*values.shape, 4), np.uint16 if deep else np.uint8)
    most = np.float32(np.iinfo(result.dtype).max)
    result[..., :3] = np.rint(np.clip(colour, 0, 255) * (most / 255))
    result[..., 3] = np.rint(alpha_of(change, band) * (1 if shown is None else shown) * most)
    result[result[..., 3] == 0] = 0
    return result


def still_there(decoded: NDArray[np.float32], roundtrip: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much of the old picture is left around every pixel of the new one: 0..1, float32 [h, w], 1 where they agree.

    The share of the old local contrast that the new one repeats (least squares, in a window of half a cell), times how
    near the colours are. Lines of what is gone would else stay in the new picture as ghosts, however near its colour.
    decoded, roundtrip: RGB in 0..255, float32 [h, w, 3].
    """
    height, width = decoded.shape[:2]
    times = -(-max(height, width) // SMALL)
    new, old = (_reduced(picture, times) for picture in (decoded, roundtrip))
    off = _soft(np.abs(new - old).max(axis=2))
    high_new, high_old = (np.stack([band - _soft(band) for band in np.moveaxis(x, 2, 0)]) for x in (new, old))
    both, alone = (_soft((high * high_old).sum(axis=0)) for high in (high_new, high_old))
    left = np.clip((both + FLAT) / (alone + FLAT), 0, 1) * np.clip(1 - off / CHANGED, 0, 1)
    for axis, pixels in enumerate((height, width)):
        if times > 1:
            left = _linear(left, (np.arange(pixels) + 0.5) / times - 0.5, left.shape[axis], axis)
    return np.asarray(left, np.float32)


def _reduced(picture: NDArray[np.float32], times: int) -> NDArray[np.float32]:
    """Means of `times` x `times` pixels; the last row and column are repeated where it does not divide."""
    height, width = picture.shape[:2]
    padded = np.pad(picture, [(0, -height % times), (0, -width % times), (0, 0)], mode="edge")
    parts = padded.reshape(padded.shape[0] // times, times, padded.shape[1] // times, times, 3)
    return np.asarray(parts.mean(axis=(1, 3)), np.float32)


def _soft(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return _blurred(_blurred(values, 0), 1)


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


@dataclass(frozen=True)
class Difference:
    """Soft inpainting's composite: the new picture shows where much changed, whatever the map says of it; where little
    did, the original's own pixels are better (AUTOMATIC1111's soft inpainting, its published defaults).

    influence: 0 asks only what changed, 1 also the map. threshold: the distance between old and new latents at which
    half of the new picture shows. contrast: how suddenly. preservation: the edit's k, which the map is seen through.
    """

    influence: float = 0.0
    threshold: float = 0.5
    contrast: float = 2.0
    preservation: float = 0.5

    def alpha(self, before: NDArray[Any], after: NDArray[Any], change: NDArray[Any]) -> NDArray[np.float64]:
        """How much of the new picture shows in every cell: 0..1, [batch, rows, columns]; 0 where nothing changed.

        before, after: clean latents [batch, channels, ..., rows, columns]. change: c, 0..1, [rows, columns]."""
        off = (after.astype(np.float64) - before).reshape(len(after), -1, *after.shape[-2:])
        # The thresholds are meant for latents of four channels; of more channels it is the mean that counts.
        distance = np.sqrt((off * off).sum(axis=1) * (4 / off.shape[1]))
        distance = percentile_filter(percentile_filter(distance, 0.9, 1.0), 0.25, 0.75)
        u = 0.5 * (1 - self.influence) + self.influence * (1 - change ** (self.preservation / 2))
        half = self.threshold * u / (1.00001 - u)
        with np.errstate(divide="ignore", invalid="ignore"):  # half may be 0: then all that changed shows
            new = 1 - 1 / (1 + (distance / half) ** self.contrast)
        smoother = np.clip(new**3 * (new * (6 * new - 15) + 10), 0, 1)
        return np.where(distance > 0, smoother, 0.0)


def percentile_filter(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """The weighted mean of what lies between two percentiles (0..1) of the 5 x 5 cells around every cell.

    values: [..., rows, columns]; cells beyond the edge do not count. Weights fall off as a Gaussian, exp(-r^2 / 1.5^2),
    tapered to 0 at r = 3; the centre's is 1, and at least a weight of 1 is always taken, around the percentiles.
    """
    rows, columns = values.shape[-2:]
    padding = [(0, 0)] * (values.ndim - 2) + [(2, 2), (2, 2)]
    padded, inside = np.pad(values, padding), np.pad(np.ones((rows, columns)), 2)
    seen, weights = [], []
    taper = math.exp(-9 / 2.25)
    for y in range(5):
        for x in range(5):
            weight = (math.exp(-((y - 2) ** 2 + (x - 2) ** 2) / 2.25) - taper) / (1 - taper)
            seen.append(padded[..., y : y + rows, x : x + columns])
            weights.append(np.broadcast_to(weight * inside[y : y + rows, x : x + columns], values.shape))
    stack, share = np.stack(seen), np.stack(weights)
    order = np.argsort(stack, axis=0, kind="stable")
    stack, share = (np.take_along_axis(array, order, axis=0) for array in (stack, share))
    until = np.cumsum(share, axis=0)
    whole = until[-1]
    start, end = low * whole, high * whole
    middle, reach = (start + end) / 2, np.maximum(end - start, 1.0)
    start = np.clip(middle - reach / 2, 0, np.maximum(whole - reach, 0))
    taken = np.clip(np.minimum(until, start + reach) - np.maximum(until - share, start), 0, None)
    result: NDArray[np.float64] = (taken * stack).sum(axis=0) / taken.sum(axis=0)
    return result


def over_pixels(
    cells: NDArray[np.float64], height: int, width: int, covered: tuple[Any, Any] | None = None
) -> NDArray[np.float32]:
    """A value per latent cell as one per pixel, float32 [height, width], without steps between the cells.

    covered: rows and columns of cells that the picture covers; None for all of them."""
    result = cells.astype(np.float32)
    for axis, (pixels, count) in enumerate(zip((height, width), covered or cells.shape, strict=True)):
        fine = max(1, round(count * CELL))
        result = _linear(result, (np.arange(fine) + 0.5) / CELL - 0.5, math.ceil(count), axis)
        result = _blurred(result, axis)
        if fine != pixels:
            result = _linear(result, (np.arange(pixels) + 0.5) * (fine / pixels) - 0.5, fine, axis)
    return np.clip(result, 0, 1)


def _linear(values: NDArray[np.float32], at: NDArray[np.float64], count: int, axis: int) -> NDArray[np.float32]:
    """`values` at fractional indices below `count`, along an axis."""
    at = np.clip(at, 0, count - 1)
    below = np.floor(at).astype(np.int64)
    above = np.minimum(below + 1, count - 1)
    share = np.expand_dims((at - below).astype(np.float32), 1 - axis)
    first, second = np.take(values, below, axis), np.take(values, above, axis)
    return first + (second - first) * share


def _blurred(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    reach = 3 * BLUR
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / BLUR) ** 2)
    padding = [(0, 0), (0, 0)]
    padding[axis] = (reach, reach)
    padded, size = np.pad(values, padding, mode="edge"), values.shape[axis]
    result = np.zeros_like(values)
    for offset, weight in enumerate(weights / weights.sum()):
        result += np.float32(weight) * (
            padded[offset : offset + size] if axis == 0 else padded[:, offset : offset + size]
        )
    return result
