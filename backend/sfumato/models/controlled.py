"""A ControlNet beside a loaded pipeline: diffusers' own pipeline for both, of the plain one's very parts.

`from_pipe` would do that, too, but it also turns every part into one kind of numbers, a VAE in float32 among them.
"""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

import torch
from diffusers import (
    ControlNetModel,
    FluxControlNetImg2ImgPipeline,
    FluxControlNetModel,
    FluxImg2ImgPipeline,
    StableDiffusionControlNetImg2ImgPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionXLControlNetImg2ImgPipeline,
    StableDiffusionXLImg2ImgPipeline,
)
from diffusers.loaders.single_file_utils import DIFFUSERS_TO_LDM_MAPPING, convert_controlnet_checkpoint
from safetensors.torch import load_file

from sfumato.errors import InputError
from sfumato.models.beside import kin
from sfumato.models.checkpoints import CONFIGS
from sfumato.models.listing import Row
from sfumato.models.loading import SAFE
from sfumato.models.opened import opened, stored_in

PIPELINES: dict[type, Any] = {
    StableDiffusionImg2ImgPipeline: StableDiffusionControlNetImg2ImgPipeline,
    StableDiffusionXLImg2ImgPipeline: StableDiffusionXLControlNetImg2ImgPipeline,
    FluxImg2ImgPipeline: FluxControlNetImg2ImgPipeline,
}
# By what only they have: several ControlNets in one, which would have to be told which of them is meant.
UNIONS = ("task_embedding", "controlnet_mode_embedder.weight")


def load_controlnet(row: Row, dtype: torch.dtype) -> Any:
    """The ControlNet of a row that `controlnets.check_fits` lets pass, on the CPU, in `dtype`. Raises as `opened`
    does, and InputError for several in one."""
    if union := [name for name in stored_in(row) if name.endswith(UNIONS)]:
        sentence = f"{row.name} is several ControlNets in one ({union[0]}), which Sfumato cannot choose from."
        raise InputError("union_controlnet", f"{sentence} Take one for a single kind of picture.")
    make = partial(_of_folder if row.layout == "folder" else _of_file, row, dtype)
    return opened(row, f"a ControlNet for {kin(row.family)}", make)


def controlled(pipe: Any, controlnet: Any) -> Any:
    """The pipeline with that ControlNet. Its other parts are those of `pipe`, which goes on as it was."""
    cls = PIPELINES[type(pipe)]
    takes = inspect.signature(cls.__init__).parameters
    parts = {name: part for name, part in (dict(pipe.config) | pipe.components).items() if name in takes}
    made = cls(**parts, controlnet=controlnet)
    made.set_progress_bar_config(disable=True)
    return made


def _of_folder(row: Row, dtype: torch.dtype) -> Any:
    cls = FluxControlNetModel if row.family == "flux" else ControlNetModel
    return cls.from_pretrained(row.path, torch_dtype=dtype, variant=row.saved_as or None, **SAFE)


def _of_file(row: Row, dtype: torch.dtype) -> Any:
    """It is built as the first half of its family's denoiser is."""
    config = {"config": str(CONFIGS / row.family), "subfolder": "unet"}
    weights = _of_authors(row.path, config) if (row.family, row.layout) == ("sdxl", "original") else row.path
    return ControlNetModel.from_single_file(weights, **config, torch_dtype=dtype, local_files_only=True)


def _of_authors(path: str, config: dict[str, str]) -> dict[str, torch.Tensor]:
    """Renamed as diffusers does, and what reads the picture's sizes, which it has the names for and leaves out."""
    stored = {name.removeprefix("control_model."): value for name, value in load_file(path).items()}
    built = ControlNetModel.load_config(config["config"], subfolder=config["subfolder"])
    sizes = DIFFUSERS_TO_LDM_MAPPING["controlnet"]["addition_embed_type"]
    renamed = convert_controlnet_checkpoint(stored, config=built)
    return renamed | {ours: stored[theirs] for ours, theirs in sizes.items() if theirs in stored}
