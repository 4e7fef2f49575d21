"""The latent layout of a pipeline: [B, C, H, W], with a frame axis, or packed 2x2 into tokens; the map follows it."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor

from sfumato.errors import InputError


def packs_itself(pipe: Any) -> bool:
    """Whether latents are handed to the pipeline unpacked: it has no packer, or one that needs nothing else. Raises
    InputError for a packer that needs more than the latents' shape."""
    pack = getattr(pipe, "_pack_latents", None)
    needs = 1 if pack is None else len(inspect.signature(pack).parameters)
    if needs not in (1, 5):
        sentence = f"How {type(pipe).__name__} packs its latents is not known: use another pipeline of the model."
        raise InputError("unknown_layout", sentence)
    return needs == 1


class Layout:
    """Brings tensors from the latent grid into the form in which a pipeline's denoiser holds its latents, and back.

    clean: the latents that the pipeline noises, [B, ..., rows, columns] with the channels and perhaps a frame axis
    between. A pipeline that packs is asked once, by packing the numbers of the cells, so any order of cells will do.
    """

    def __init__(self, pipe: Any, clean: Tensor) -> None:
        self.shape = clean.shape[1:]
        self.rows, self.columns = self.shape[-2:]
        pack = getattr(pipe, "_pack_latents", None)
        if pack is None:
            self.form = self.shape
            self._order: Tensor | None = None
            return
        numbers = torch.arange(self.shape.numel()).view(1, *self.shape)
        if packs_itself(pipe):
            packed = pack(numbers)
        else:
            packed = pack(numbers, 1, self.shape[:-2].numel(), self.rows, self.columns)
        self.form = packed.shape[1:]
        self._order = packed.flatten().to(clean.device)

    def like(self, grid: Tensor) -> Tensor:
        """`grid`, [B, ..., rows, columns] on the latent grid, in the denoiser's form."""
        if self._order is None:
            return grid
        spread = grid.expand(-1, *self.shape)
        return spread.reshape(len(grid), -1)[:, self._order].view(len(grid), *self.form)

    def unlike(self, sample: Tensor) -> Tensor:
        """A sample in the denoiser's form, back on the latent grid [B, ..., rows, columns]."""
        if self._order is None:
            return sample
        grid = torch.empty_like(sample).flatten(1)
        grid[:, self._order] = sample.flatten(1)
        return grid.view(len(sample), *self.shape)

    def picture(self, sample: Tensor) -> Tensor:
        """The same as [B, C, rows, columns]: a picture is one frame, wherever a pipeline has the axis of frames."""
        return self.unlike(sample).flatten(1, -3)

    def map(self, cells: Any, like: Tensor) -> Tensor:
        """A map [rows, columns] (numpy) in the denoiser's form, on the device of `like`; broadcasts over the batch."""
        ones = (1,) * (len(self.shape) - 2)
        return self.like(torch.as_tensor(cells, device=like.device).view(1, *ones, self.rows, self.columns))
