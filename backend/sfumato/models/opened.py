"""A network that is used beside a model, from its own file or folder: all of it, or a sentence."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import torch

from sfumato.errors import InputError, SfumatoError, said_by
from sfumato.models.claims import check_claims
from sfumato.models.folders import CONFIG, weights_of
from sfumato.models.header import read
from sfumato.models.ladder import is_out_of_memory
from sfumato.models.listing import Row

ASKING = ("_attn_implementation", "attn_implementation", "quantization_config")
FOLDER = "as a folder of diffusers"


def opened(row: Row, what: str, make: Callable[[], Any], instead: str = FOLDER) -> Any:
    """The network of a row that `make` gives. what: it is loaded as, instead: what else may be got, both in words.
    Raises InputError where it cannot be read, is damaged or is of another build; what an allocation raises passes."""
    stored = stored_in(row)
    try:
        if row.layout == "folder":
            check_config(row, Path(row.path) / CONFIG)
            check_claims(row.name, Path(row.path) / CONFIG, list(stored.values()))
        with warnings.catch_warnings(action="ignore"):  # hints for programmers
            network = make()
        # Text encoders say themselves what they lack, and some lack what they do not need.
        few = row.kind != "text-encoder" and len(stored) < sum(1 for _ in network.parameters())
        if few or any(weight.is_meta for weight in network.parameters()):
            raise ValueError("it lacks some of its weights")
    except Exception as error:  # files may say anything, and libraries fail at it in any way
        if isinstance(error, SfumatoError) or is_out_of_memory(error):
            raise
        # torch's words for weights that nothing was read into
        said = "it lacks some of its weights" if "meta tensor" in str(error) else said_by(error)
        sentence = f"{row.name} could not be loaded as {what}: {said}. Get it again, or {instead}."
        raise InputError(f"unfitting_{row.kind.replace('-', '_')}", sentence) from error
    return network


def size_of(row: Row, dtype: torch.dtype) -> int:
    """About how many bytes its weights take. Raises InputError where its files cannot be read."""
    return sum(map(prod, stored_in(row).values())) * dtype.itemsize


def stored_in(row: Row) -> dict[str, tuple[int, ...]]:
    """The shapes of what is stored, by name. Raises InputError where a file cannot be read or is not whole."""
    files = weights_of(Path(row.path))[0] if row.layout == "folder" else [Path(row.path)]
    return {name: shape for file in files for name, (_, shape) in read(file).tensors.items()}


def check_config(row: Row, file: Path) -> None:
    """Raises SfumatoError where a configuration asks for more than weights: transformers would fetch code for some
    kinds of attention, and other packages would unpack weights."""
    try:
        config = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return  # which whoever loads it will say
    asked = {key: value for key in ASKING if isinstance(config, dict) and (value := config.get(key)) is not None}
    if bad := [key for key, value in asked.items() if value not in ("eager", "sdpa")]:
        said = f"{row.name} asks for something of its own ({bad[0]} in its {file.parent.name}/{file.name})"
        raise SfumatoError("unsafe_config", f"{said}, which Sfumato does not do. Get another version of it.")
