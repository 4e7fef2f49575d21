"""What an edit that was made from a request may ask of the studio: to say a text, and to remember a recording."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from torch import Tensor

T = TypeVar("T", bound=tuple[Tensor, ...])


class Say(Protocol):
    def __call__(self, prompt: str) -> dict[str, Any]:
        """Pipeline arguments that say `prompt` in place of the request's own."""


class Tokens(Protocol):
    def __call__(self, prompt: str, length: int) -> Sequence[int]:
        """What stands at each place of the embedding of `prompt` when it is so long, as `Say` says it."""


class Remember(Protocol):
    def __call__(self, key: Hashable, make: Callable[[], T]) -> T:
        """The recording (a tuple of tensors, perhaps a named one) of that key; made now if it is not known. The key
        holds what is the edit's own: model, picture, steps, guidance, seed and negative prompt are known already."""


def made_now(key: Hashable, make: Callable[[], T]) -> T:
    """Nothing is remembered."""
    return make()


def by_its_name(scale: float) -> dict[str, Any]:
    """As most pipelines call it."""
    return {"guidance_scale": scale}


@dataclass(frozen=True)
class Words:
    """say: turns a text into pipeline arguments. source: what the picture shows, as the painter wrote it.
    remember: keeps recordings between requests, within bounds. prompt: the request's own text, which the pipeline says.
    tokens: of a text as it is said; None where the pipeline's tokenizer knows them. guidance: the pipeline's argument
    for how much a text counts.
    """

    say: Say
    source: str = ""
    remember: Remember = made_now
    prompt: str = ""
    tokens: Tokens | None = None
    guidance: Callable[[float], dict[str, Any]] = by_its_name
