"""The latent layout of a pipeline: [B, C, H, W], or packed 2x2 into tokens as Flux does; the map follows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class Layout:
    """Brings tensors on the latent grid into the form in which a pipeline's denoiser holds its latents.

    The clean latents of the first add_noise show the grid; the first sample of a step shows the form.
    """

    def __init__(self, pipe: Any, clean: Tensor) -> None:
        if clean.ndim != 4:
            raise ValueError(
                f"Latents of shape {tuple(clean.shape)} are not on a [batch, channels, rows, columns] grid: "
                "this pipeline's layout is not known to Sfumato yet."
            )
        self.channels, self.rows, self.columns = clean.shape[1:]
        self._pack: Callable[..., Tensor] | None = getattr(pipe, "_pack_latents", None)

    def like(self, grid: Tensor, sample: Tensor) -> Tensor:
        """`grid`, [B, C or 1, rows, columns], in the form of `sample`."""
        if sample.ndim == 4:
            return grid
        if self._pack is None:
            raise ValueError(
                f"Latents of shape {tuple(sample.shape)} are packed in a way that this pipeline does not show."
            )
        spread = grid.expand(-1, self.channels, -1, -1)
        packed = self._pack(spread, spread.shape[0], self.channels, self.rows, self.columns)
        if packed.shape[1:] != sample.shape[1:]:
            raise ValueError(f"Packed latents of shape {tuple(packed.shape)} do not fit {tuple(sample.shape)}.")
        return packed

    def map(self, cells: Any, sample: Tensor) -> Tensor:
        """An integer map [rows, columns] (numpy), in the form of `sample`, on its device; broadcasts over the batch."""
        grid = torch.as_tensor(cells, device=sample.device)[None, None]
        return self.like(grid, sample)
