"""Pixels <-> latents: the crop at its working size, there and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sfumato.steering.vae import decoded, encoded
from sfumato.studio.plan import Plan


def over_white(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What a model is shown of a canvas with holes: RGB uint8, laid on white paper."""
    if (rgba[..., 3] == 255).all():
        return np.ascontiguousarray(rgba[..., :3])
    alpha = rgba[..., 3:].astype(np.uint32)
    return ((rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def to_working(rgb: NDArray[np.uint8], plan: Plan) -> Tensor:
    """float32 [1, 3, H, W] in -1..1: the crop at its working size, its border repeated into the padding."""
    if rgb.shape[:2] != (plan.height, plan.width):
        rgb = np.asarray(Image.fromarray(rgb).resize((plan.width, plan.height), Image.Resampling.LANCZOS))
    down, right = plan.padded_height - plan.height, plan.padded_width - plan.width
    padded = np.pad(rgb, ((0, down), (0, right), (0, 0)), mode="edge")
    return torch.from_numpy(padded).permute(2, 0, 1)[None].float() / 127.5 - 1


def from_working(tensor: Tensor, plan: Plan) -> NDArray[np.float32]:
    """RGB in 0..255, float32 [h, w, 3] at the crop's size in the document; the padding is gone."""
    shown = tensor[0, :, : plan.height, : plan.width]
    pixels = ((shown + 1) * 127.5).clamp(0, 255).permute(1, 2, 0).float().cpu().numpy()
    size = (plan.crop.width, plan.crop.height)
    if (plan.width, plan.height) == size:
        return pixels
    bands = [Image.fromarray(band).resize(size, Image.Resampling.BICUBIC) for band in np.moveaxis(pixels, 2, 0)]
    return np.clip(np.stack([np.asarray(band) for band in bands], axis=2), 0, 255)


def packed(rgba: NDArray[Any], form: str) -> bytes:
    """The bytes of a layer, RGBA uint8 or uint16 [h, w, 4], in one of the wire's LAYER_FORMATS of its depth."""
    ordered = rgba[..., [2, 1, 0, 3]] if form.startswith("bgra") else rgba
    return ordered.astype(ordered.dtype.newbyteorder("<"), copy=False).tobytes()


def encode(pipe: Any, image: Tensor) -> Tensor:
    """Clean latents by the posterior's mode: it draws nothing, so the same picture gives the same latents."""
    latents = encoded(pipe, image)
    pipe.maybe_free_model_hooks()  # where parts take turns, its turn is over
    return latents


def decode(pipe: Any, latents: Tensor) -> Tensor:
    """float [B, 3, H, W] in about -1..1."""
    pixels = decoded(pipe, latents)
    pipe.maybe_free_model_hooks()
    return pixels


class Previewer:
    """Small pictures of latents for the price of a matrix product: the colours of the canvas, fitted to its own
    latents by least squares, so that no second decoder is needed for any model."""

    def __init__(self, image: Tensor, latents: Tensor, plan: Plan) -> None:
        colours = torch.nn.functional.avg_pool2d(image, plan.cell)[0].flatten(1).T
        self._rows, self._columns = -(-plan.height // plan.cell), -(-plan.width // plan.cell)
        cells = self._with_one(latents)
        # A little of the identity keeps flat canvases, whose colours say little, from wild answers.
        gram = cells.T @ cells + 1e-2 * len(cells) * torch.eye(cells.shape[1])
        self._weights = torch.linalg.solve(gram, cells.T @ colours)

    def __call__(self, latents: Tensor) -> tuple[int, int, bytes]:
        """Width, height and RGB bytes, a pixel per latent cell."""
        rows, columns = latents.shape[-2:]
        colours = (self._with_one(latents) @ self._weights).reshape(rows, columns, 3)
        shown = ((colours + 1) * 127.5).clamp(0, 255).to(torch.uint8)[: self._rows, : self._columns]
        return shown.shape[1], shown.shape[0], shown.contiguous().numpy().tobytes()

    @staticmethod
    def _with_one(latents: Tensor) -> Tensor:
        cells = latents[0].float().cpu().flatten(1).T
        return torch.cat([cells, torch.ones(len(cells), 1)], dim=1)
