"""LoRAs on a loaded pipeline, for one job at a time.

diffusers reads the files, its own format and kohya's; that for Stable Diffusion 3 is translated first. What a pipeline
wore last stays loaded but switched off, so that the next job with the same ones reads nothing; switched off, the
pipeline computes what it did before, bit for bit.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from sfumato.errors import InputError, said_by
from sfumato.models.beside import Beside
from sfumato.models.header import read
from sfumato.models.kohya_sd3 import translated
from sfumato.models.ladder import is_out_of_memory
from sfumato.models.listing import Row


@contextmanager
def worn(pipe: Any, weights: Mapping[Beside, float]) -> Iterator[None]:
    """The pipeline wears these LoRAs, one at least, meanwhile. Raises InputError where a file cannot be read or does
    not fit."""
    try:
        _put_on(pipe, weights)
        yield
    finally:
        pipe.disable_lora()


def adapter_of(file: Beside) -> str:
    """What a pipeline calls it. All are of one length, since diffusers looks for one in another."""
    return f"lora_{file.mark}"


def _put_on(pipe: Any, weights: Mapping[Beside, float]) -> None:
    loaded = {name for names in pipe.get_list_adapters().values() for name in names}
    named = {adapter_of(file): weight for file, weight in sorted(weights.items(), key=lambda item: item[0].row.id)}
    try:
        for file in weights:
            if adapter_of(file) not in loaded:
                _load(pipe, file)
        pipe.enable_lora()
        pipe.set_adapters(list(named), list(named.values()))
        pipe.delete_adapters(sorted(loaded - named.keys()))
    except BaseException:
        pipe.unload_lora_weights()  # whatever was half done
        raise


def _load(pipe: Any, file: Beside) -> None:
    from sfumato.models.loading import SAFE  # here, since it takes as long to import as a model does

    row = file.row
    tensors = read(Path(row.path)).tensors
    folder, name = os.path.split(row.path)
    try:
        if row.family == "flux":
            _check_sizes(pipe.transformer, pipe.lora_state_dict(folder, weight_name=name, **SAFE))
        with warnings.catch_warnings(action="ignore"), _silent("diffusers"):  # hints for programmers
            if (row.family, row.layout) == ("sd3", "kohya"):
                weights = translated(load_file(row.path), pipe.transformer.config.num_layers)
                pipe.load_lora_weights(weights, adapter_name=adapter_of(file))
            else:
                pipe.load_lora_weights(folder, weight_name=name, adapter_name=adapter_of(file), **SAFE)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        if is_out_of_memory(error):
            raise
        # diffusers tidies up after what went wrong, and may fail in that.
        cause = error.__context__ if isinstance(error, KeyError) and error.__context__ else error
        said = said_by(cause)
        raise _unfitting(row, "its layers are of other sizes" if "size mismatch" in said else said) from error
    brought = _weights_of(pipe, adapter_of(file))
    if not brought:
        raise _unfitting(row, f"none of its {len(tensors)} tensors belongs to a layer of it")
    if any(weight.is_meta for weight in brought):  # nothing was read into it
        raise InputError("incomplete", f"{row.name} lacks some of its weights. Get it again, or another version of it.")


@contextmanager
def _silent(library: str) -> Iterator[None]:
    """Its log says at length what becomes a sentence here."""
    logger = logging.getLogger(library)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def _check_sizes(transformer: Any, state: Mapping[str, Any]) -> None:
    """Of Flux, diffusers makes layers larger where a LoRA is wider, and writes norms over: that would not come off."""
    layers = {name.replace(".base_layer", ""): module for name, module in transformer.named_modules()}
    for key, tensor in state.items():
        name, lower, _ = key.removeprefix("transformer.").partition(".lora_A.")
        weight = getattr(layers.get(name), "weight", None)
        if not lower:
            if "lora" not in key and key.startswith("transformer."):
                raise ValueError(f"it also replaces {name}")
        elif weight is not None:
            upper = state.get(key.replace(".lora_A.", ".lora_B."))
            if upper is None or (upper.shape[0], tensor.shape[1]) != tuple(weight.shape):
                raise ValueError(f"{name} is of another size")


def _weights_of(pipe: Any, adapter: str) -> list[Any]:
    """Those that a LoRA brought into a pipeline."""
    parts = [getattr(pipe, component, None) for component in pipe._lora_loadable_modules]
    every = [named for part in parts if part is not None for named in part.named_parameters()]
    return [weight for name, weight in every if f".{adapter}." in name]


def _unfitting(row: Row, why: str) -> InputError:
    sentence = f"{row.name} does not fit this model: {why}. Look up which one it was made for."
    return InputError("unfitting_lora", sentence)
