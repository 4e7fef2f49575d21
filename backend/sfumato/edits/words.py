"""How an edit that was made from a request says a text to the pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


class Say(Protocol):
    def __call__(self, prompt: str) -> dict[str, Any]:
        """Pipeline arguments that say `prompt` in place of the request's own."""


@dataclass(frozen=True)
class Words:
    """say: turns a text into pipeline arguments. source: what the picture shows, as the painter wrote it."""

    say: Say
    source: str = ""
