"""Change pictures: how far two pictures differ, pixel by pixel.

Every distance takes two stacks of pictures, uint8 [n, h, w, 3] in sRGB, and gives float32 [n, h, w], 0 where they
agree.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError

Pictures = NDArray[np.uint8]
Change = NDArray[np.float32]
STAGES, BATCH = 3, 64  # of the classifier; pictures at a time


def lab(first: Pictures, second: Pictures) -> Change:
    """The CIE 1976 colour difference: the length of the step between two colours in CIELAB. 0..259; 100 from black to
    white; about 2.3 is just seen side by side."""
    check_pairs(first, second)
    change = np.empty(first.shape[:3], np.float32)
    for at, (one, other) in enumerate(zip(first, second, strict=True)):  # one by one: many pictures are much memory
        change[at] = np.sqrt(np.square(to_lab(one) - to_lab(other)).sum(axis=-1))
    return change


def perceptual(first: Pictures, second: Pictures) -> Change:
    """How differently Sketchbook's attribute classifier sees two pictures. 0 for equal ones, 1 on average for two
    unrelated scenes.

    As LPIPS (Zhang et al. 2018, equation 1): features at length 1 over the channels, squared differences, a weighted
    sum over layers. The layers are the classifier's first three stages, with cells of 2, 4 and 8 pixels of a picture of
    128 (larger ones are averaged down to that first); each weighs a third of its inverse mean over unrelated painted
    scenes, so that all count alike. The fourth stage sees half of the picture at once: too wide for a change picture.
    """
    check_pairs(first, second)
    import torch
    from torch.nn import functional as F

    from sfumato.models.sketchbook.classifier import load_classifier

    network, parts = load_classifier(), []
    for start in range(0, len(first), BATCH):
        stages = network.differences(first[start : start + BATCH], second[start : start + BATCH])[:STAGES]
        whole = [F.interpolate(stage[:, None], first.shape[1:3], mode="bilinear")[:, 0] for stage in stages]
        parts.append(torch.stack(whole).mean(0))
    return torch.cat(parts).numpy()


def to_lab(pictures: Pictures) -> NDArray[np.float32]:
    """sRGB uint8 [..., 3] -> CIELAB under D65 (L 0..100, a, b), float32 [..., 3]. IEC 61966-2-1 and CIE 15.

    White is the matrix's own, so that a grey has no colour at all: a = b = 0 but for rounding."""
    xyz = _LINEAR[pictures] @ (_XYZ / _XYZ.sum(axis=1, keepdims=True)).T.astype(np.float32)
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * np.float32((29 / 6) ** 2 / 3) + np.float32(4 / 29))
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def check_pairs(first: Pictures, second: Pictures) -> None:
    """Raises InputError unless both are stacks of 8-bit RGB pictures of one shape, at least one of them."""
    for pictures in (first, second):
        if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[-1] != 3 or pictures.size == 0:
            raise InputError(
                "bad_pictures",
                f"Pictures to compare are uint8 [n, height, width, 3]; these are {pictures.dtype} {pictures.shape}.",
            )
    if first.shape != second.shape:
        raise InputError(
            "sizes_differ",
            f"Pictures are compared pair by pair and pixel by pixel; {first.shape} and {second.shape} do not match. "
            "Give as many of each, of one size.",
        )


_GREY = np.arange(256) / 255
_LINEAR = np.where(_GREY <= 0.04045, _GREY / 12.92, ((_GREY + 0.055) / 1.055) ** 2.4).astype(np.float32)
_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
