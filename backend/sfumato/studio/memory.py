"""Out of memory, in words."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sfumato.errors import SfumatoError


@contextmanager
def enough_memory(otherwise: str) -> Iterator[None]:
    """Raises SfumatoError where the graphics card's memory does not suffice. otherwise: a sentence, what to do then."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        traceback.clear_frames(error.__traceback__)  # their tensors would live as long as the new error
        torch.cuda.empty_cache()
        raise SfumatoError("out_of_memory", f"The graphics card's memory does not suffice. {otherwise}") from None
