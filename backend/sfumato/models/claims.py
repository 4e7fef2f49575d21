"""Whether a folder's configuration claims more than its files of weights hold.

Whoever loads it builds what the configuration says before looking at the weights: of a hundred thousand layers, for
minutes. Every layer has a tensor, and every width is a side of one, so that both are bounded by what is stored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from math import prod
from pathlib import Path
from typing import Any

from sfumato.errors import SfumatoError

# What is in the names of numbers that count layers; of those that are widths; and of those that tables are made for.
COUNTS = ("layers", "blocks", "depth")
WIDTHS = ("channels", "dim", "heads", "kernel", "patch_size", "hidden_size", "intermediate_size", "vocab_size")
WIDTHS += ("d_model", "d_ff", "d_kv", "buckets")  # of T5
REACHES = ("size", "position", "lens")  # of pictures and texts; no table of them is larger than all that is stored,
SMALL = 1_000_000  # or it is no matter
BLOCKS, EACH = "block_out_channels", ("layers_per_block", "transformer_layers_per_block")  # these are multiplied


def check_claims(name: str, file: Path, shapes: Sequence[tuple[int, ...]]) -> None:
    """Raises SfumatoError where the configuration in a file claims more than tensors of these shapes can be. name: of
    the model, for the sentence."""
    try:
        config = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return  # which whoever loads it will say
    if not isinstance(config, dict):
        return
    tensors, side, numbers = len(shapes), max(chain.from_iterable(shapes), default=0), sum(map(prod, shapes))
    for key, claim in _claims(config):
        count = len(claim) if isinstance(claim, list) else claim
        if isinstance(claim, list) or (_has(key, COUNTS) and not key.startswith("max")):  # a bound builds nothing
            _demand(count <= tensors, name, file, f"{count} for {key}", f"{tensors} tensors")
        elif _has(key, WIDTHS):
            _demand(count <= side, name, file, f"{count} for {key}", f"nothing wider than {side}")
        elif _has(key, REACHES):
            _demand(count <= max(numbers, SMALL), name, file, f"{count} for {key}", f"{numbers} numbers")
    blocks = config.get(BLOCKS)
    layers = prod(_largest(config.get(key)) for key in EACH) * (len(blocks) if isinstance(blocks, list) else 1)
    _demand(layers <= tensors, name, file, f"{layers} layers in all blocks", f"{tensors} tensors")


def _claims(config: Any) -> Iterator[tuple[str, Any]]:
    """Every whole number and every list, however deep, with the name that it has or lies under."""
    waiting = [("", config)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(str(inner), one) for inner, one in value.items()]
        elif isinstance(value, list):
            yield key, value
            waiting += [(key, one) for one in value]
        elif type(value) is int:
            yield key, value


def _has(key: str, words: tuple[str, ...]) -> bool:
    return any(word in key for word in words)


def _largest(value: Any) -> int:
    return max((claim for _, claim in _claims(value) if isinstance(claim, int)), default=1)


def _demand(condition: bool, name: str, file: Path, claim: str, held: str) -> None:
    if condition:
        return
    part = file.parent.name.replace("_", " ")
    said = f"{name} cannot be loaded: the configuration of its {part} says {claim:.80}, and its files hold {held}"
    raise SfumatoError("false_config", f"{said}. Get it again, or another version of it.")
