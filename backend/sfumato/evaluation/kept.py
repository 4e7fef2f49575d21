"""Is what the map keeps left alone? Measures on the pixels that are kept, bool [h, w] or for each picture [n, h, w]:
`change_map == 0`, or all that an edit's exact ground truth does not change."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError

from .distances import Pictures, check_pairs, lab


class Preservation(NamedTuple):
    """psnr: dB of 255, from the mean square over all kept samples of all pictures; inf where none differs.
    colour: mean CIELAB distance over the same pixels, 0 at best."""

    psnr: float
    colour: float


def changed_bytes(
    edited: NDArray[np.uint8] | NDArray[np.uint16],
    original: NDArray[np.uint8] | NDArray[np.uint16],
    kept: NDArray[np.bool_],
) -> int:
    """How many bytes of kept pixels differ; the promise is none. Pictures of 8 or 16 bits, [n, h, w, channels]."""
    if edited.dtype not in (np.uint8, np.uint16) or edited.dtype != original.dtype or edited.shape != original.shape:
        raise InputError(
            "bad_pictures",
            "Bytes are compared in two stacks of pictures of one shape, both uint8 or both uint16; these are "
            f"{edited.dtype} {edited.shape} and {original.dtype} {original.shape}.",
        )
    where = _where(kept, edited.shape)
    return int(np.count_nonzero(edited[where].view(np.uint8) != original[where].view(np.uint8)))


def preservation(edited: Pictures, original: Pictures, kept: NDArray[np.bool_]) -> Preservation:
    """How near kept pixels stay, uint8 [n, h, w, 3]. Raises InputError where none is kept."""
    check_pairs(edited, original)
    where = _where(kept, edited.shape)
    if not where.any():
        raise InputError("none_kept", "This map keeps no pixel, so nothing can be preserved. Use one with black in it.")
    square = float(np.square(edited[where].astype(np.float64) - original[where]).mean())
    psnr = 10 * float(np.log10(255**2 / square)) if square else np.inf
    return Preservation(psnr, float(lab(edited, original)[where].mean(dtype=np.float64)))


def _where(kept: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """bool [n, h, w]"""
    if kept.dtype != np.bool_ or len(shape) != 4 or kept.shape not in (shape[1:3], shape[:3]):
        raise InputError(
            "sizes_differ",
            f"Kept pixels are a bool array [h, w] or [n, h, w] of the pictures {shape}; this one is {kept.dtype} "
            f"{kept.shape}.",
        )
    return np.broadcast_to(kept, shape[:3])
