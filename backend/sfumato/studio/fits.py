"""Which rung of the memory ladder a model needed at a size; kept from one start to the next."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from sfumato.models.places import cache_folder

FILE = "memory.json"
MOST = 200  # fits that are kept, the latest
ROOMIER = 1.1  # with so many times the memory that there was then, it is worth finding out again


@dataclass(frozen=True)
class Fit:
    """A job that ended on a rung below the first, after those above it had failed. pixels: of its working picture.
    available: bytes that there were for it when one failed. peak: bytes that it took at most; 0 where that is not
    counted."""

    device: str
    model: str
    pixels: int
    rung: str
    available: int
    peak: int

    @property
    def is_right(self) -> bool:
        """Whether it is what it says: files can be damaged."""
        texts, numbers = (self.device, self.model, self.rung), (self.pixels, self.available, self.peak)
        return all(isinstance(one, str) for one in texts) and all(type(one) is int for one in numbers)


class Fits:
    """file: where they are kept; None takes the user's cache. What cannot be read or written is found out again."""

    def __init__(self, file: Path | None = None, environ: Mapping[str, str] = os.environ) -> None:
        self._file = file or cache_folder(environ) / FILE
        self._fits: list[Fit] = []
        with suppress(OSError, ValueError, TypeError, RecursionError):
            self._fits = [fit for fit in (Fit(**fit) for fit in json.loads(self._file.read_bytes())) if fit.is_right]

    def needed(self, device: str, model: str, pixels: int, available: int) -> set[str]:
        """The rungs that a picture of that size, or a smaller one, came down to."""
        return {
            fit.rung
            for fit in self._fits
            if (fit.device, fit.model) == (device, model)
            and fit.pixels <= pixels
            and available <= fit.available * ROOMIER
        }

    def keep(self, fit: Fit) -> None:
        """In place of what was known of the same model at that size."""
        same = (fit.device, fit.model, fit.pixels)
        others = [known for known in self._fits if (known.device, known.model, known.pixels) != same]
        self._fits = [*others, fit][-MOST:]
        fresh = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps([asdict(fit) for fit in self._fits], indent=1), encoding="utf-8")
            fresh.replace(self._file)
