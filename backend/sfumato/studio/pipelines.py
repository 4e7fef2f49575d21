"""The loaded pipelines, within a budget of memory: the least recently used go when another one needs the room."""

from __future__ import annotations

import gc
import os
from typing import Any

import torch

from sfumato import models
from sfumato.models import Model

SHARE = 0.6  # of the device's memory, for weights; the rest is for working


class Pipelines:
    """device: as in `Studio`. budget: bytes of weights; None takes a share of the memory there is. One pipeline is kept
    in any case: whether it fits is for its loading to find out."""

    def __init__(self, device: str, budget: int | None = None) -> None:
        self._device = device
        self._budget = round(SHARE * memory_of(device)) if budget is None else budget
        self._loaded: dict[str, Any] = {}  # in the order of their last use
        self._bytes: dict[str, int] = {}

    def __contains__(self, model: Model) -> bool:
        return model.info.id in self._loaded

    def __call__(self, model: Model) -> Any:
        """The model's pipeline, loaded now if it is not. Raises SfumatoError; a model whose files cannot be read makes
        no other one go."""
        name = model.info.id
        if name not in self._loaded:
            self._make_room(models.size_of(model, self._device))
            pipe = models.load(model, self._device)
            self._loaded[name], self._bytes[name] = pipe, weights_in(pipe)
        self._loaded[name] = self._loaded.pop(name)
        return self._loaded[name]

    def _make_room(self, wanted: int) -> None:
        gone = False
        while self._loaded and sum(self._bytes.values()) + wanted > self._budget:
            oldest = next(iter(self._loaded))
            del self._loaded[oldest], self._bytes[oldest]
            gone = True
        if gone:
            gc.collect()
            if self._device == "cuda":
                torch.cuda.empty_cache()


def weights_in(pipe: Any) -> int:
    """Bytes of a pipeline's weights, those that parts share counted once."""
    modules = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
    each = {id(weight): weight for module in modules for weight in module.parameters()}
    return sum(weight.numel() * weight.element_size() for weight in each.values())


def memory_of(device: str) -> int:
    """Bytes of memory that a device has in all."""
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[1])
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return 16 * 2**30  # Windows has no such question; most of its machines that paint have that much
