"""The memory ladder: where a pipeline's weights are while it works, and what it does at once; from fast to small.

diffusers and accelerate move the weights, torchao rounds them where that is asked for. Every rung gives the same
picture, but for the seams that a VAE smooths when it works in tiles, and for rounded weights.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import psutil
import torch
from diffusers.hooks import HookRegistry

from sfumato.errors import SfumatoError

QUANTISE = "SFUMATO_QUANTISE"  # "int8" where the painter would rather have rounded weights than slow ones
# diffusers has no public way back from group offloading; these are the names of its hooks.
GROUP_HOOKS = ("group_offloading", "layer_execution_tracker", "lazy_prefetch_group_offloading")
# What an allocation that failed says where it is no OutOfMemoryError: of the processor, of libraries on the card, of
# other makers' cards.
SAID = ("out of memory", "can't allocate memory", "not enough memory", "cublas_status_alloc_failed")
SAID += ("cudnn_status_alloc_failed", "failed to allocate", "cannot allocate memory")


@dataclass(frozen=True)
class Rung:
    """words: for the painter. on_card: whether all weights stay on the device. quantised: to 8 bits, for good."""

    name: str
    words: str
    on_card: bool = True
    quantised: bool = False

    def __str__(self) -> str:
        return self.name


WHOLE = Rung("whole", "The whole model is in the memory of the device.")
TILED = Rung("tiled", "To save memory, pictures are encoded and decoded in tiles.")
QUANTISED = Rung("quantised", "To save memory, the model's weights are rounded to 8 bits.", quantised=True)
TURNS = Rung("turns", "To save memory, the parts of the model take turns on the device: this is slower.", False)
LAYERS = Rung("layers", "To save memory, the layers of the model take turns on the device: this is much slower.", False)
RUNGS = (WHOLE, TILED, TURNS, LAYERS)


def rungs_on(device: str, environ: Mapping[str, str] = os.environ) -> tuple[Rung, ...]:
    """Those that save memory there: only a graphics card's is apart from the computer's own. Rounded weights are one of
    them where the painter asks for it; those further down have them, too. Raises SfumatoError where they cannot be."""
    rungs = RUNGS if device == "cuda" else (WHOLE, TILED)
    if not (asked := environ.get(QUANTISE, "")):
        return rungs
    if asked != "int8":
        raise SfumatoError("quantise", f"{QUANTISE} is '{asked}'. It can be int8, or left out.")
    if importlib.util.find_spec("torchao") is None:
        sentence = f"{QUANTISE} needs the package torchao: install it beside Sfumato, or leave {QUANTISE} out."
        raise SfumatoError("quantise", sentence)
    return (WHOLE, TILED, QUANTISED, *(replace(rung, quantised=True) for rung in rungs[2:]))


def quantise(pipe: Any) -> None:
    """Round the weights of the linear layers of all parts but the VAE to 8 bits, a scale for every row. There is no way
    back; the pipeline has to be placed again."""
    take_off(pipe)
    pipe.to("cpu")
    for part in parts_of(pipe):
        if part is not pipe.vae:
            quantise_part(part)


def quantise_part(part: torch.nn.Module) -> None:
    """The same of one part, which is not placed yet."""
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    quantize_(part, Int8WeightOnlyConfig())


def place(pipe: Any, rung: Rung, device: str) -> None:
    """Put a pipeline on a rung, from whichever it was on or fell off. What it raises for want of memory leaves it
    somewhere in between, from where it may be placed again."""
    take_off(pipe)
    _tile(pipe.vae, rung is not WHOLE)
    if rung.name == TURNS.name:
        pipe.enable_model_cpu_offload(device=device)
    elif rung.name == LAYERS.name:
        pipe.to("cpu")
        pipe.enable_group_offload(torch.device(device), offload_type="leaf_level")
    else:
        pipe.to(device)


def take_off(pipe: Any) -> None:
    """Off its rung: no weights move any more; they lie where they are."""
    pipe.remove_all_hooks()
    for part in parts_of(pipe):
        for hook in GROUP_HOOKS:
            HookRegistry.check_if_exists_or_initialize(part).remove_hook(hook, recurse=True)


def _tile(vae: Any, tiled: bool) -> None:
    if tiled:
        vae.enable_slicing()
        vae.enable_tiling()
    else:
        vae.disable_slicing()
        vae.disable_tiling()


def first_rung(pipe: Any, rungs: tuple[Rung, ...], room: int) -> Rung:
    """The first one whose weights go into `room` bytes; the last where none does."""
    parts = parts_of(pipe)
    for rung in rungs:
        turns = _turns(pipe, parts) if rung.name == TURNS.name else [parts]
        if rung.name == LAYERS.name or max(bytes_of(those, rung.quantised) for those in turns) <= room:
            return rung
    return rungs[-1]


def _turns(pipe: Any, parts: list[torch.nn.Module]) -> list[list[torch.nn.Module]]:
    """What is on the device at once where parts take turns: a ControlNet stays there while the denoiser works."""
    guide = getattr(pipe, "controlnet", None)
    alone = [part for part in parts if part is not guide]
    denoiser = getattr(pipe, "unet", None) or getattr(pipe, "transformer", None)
    return [[part, guide] if guide is not None and part is denoiser else [part] for part in alone]


def parts_of(pipe: Any) -> list[torch.nn.Module]:
    """The networks of a pipeline, each once."""
    return list(dict.fromkeys(part for part in pipe.components.values() if isinstance(part, torch.nn.Module)))


def bytes_of(parts: list[torch.nn.Module], quantised: bool = False) -> int:
    """Bytes of weights, those that parts share counted once. quantised: about how many if they were."""
    each = {id(weight): weight for part in parts for weight in part.parameters()}
    return sum(weight.numel() * (1 if quantised else weight.element_size()) for weight in each.values())


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, is an allocation that failed."""
    while error is not None:
        if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
            return True
        if isinstance(error, RuntimeError) and any(words in str(error).lower() for words in SAID):
            return True
        error = error.__cause__ or error.__context__
    return False


def let_go(error: BaseException | None) -> None:
    """Free what the frames of an error hold, and what the device keeps for later."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def total_memory(device: str) -> int:
    """Bytes of memory that a device has in all."""
    return int(torch.cuda.mem_get_info()[1]) if device == "cuda" else int(psutil.virtual_memory().total)


def available_memory(device: str) -> int:
    """Bytes that other programs leave of a device's memory, what this process holds of it included."""
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[0]) + torch.cuda.memory_reserved()
    return int(psutil.virtual_memory().available) + int(psutil.Process().memory_info().rss)
