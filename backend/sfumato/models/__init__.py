"""The catalogue: which models there are, where they lie, what they were made for. No torch until one is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfumato_wire.messages import ModelInfo

from sfumato.errors import InputError, SfumatoError
from sfumato.models.sketchbook import WEIGHTS


@dataclass(frozen=True)
class Model:
    """multiple: sides of the working picture are multiples of this. pixels: at most so many are worked on at once."""

    info: ModelInfo
    folder: Path
    multiple: int
    pixels: int


CATALOGUE = {
    "sketchbook": Model(
        ModelInfo(id="sketchbook", name="Sketchbook", family="sd", native=256, steps=20, guidance_scale=4.0),
        folder=WEIGHTS,
        multiple=32,
        pixels=640 * 640,
    )
}
DEFAULT = "sketchbook"


def find(name: str) -> Model:
    """The model of that id. Raises InputError that names the ones there are."""
    if (model := CATALOGUE.get(name)) is None:
        raise InputError("unknown_model", f"There is no model '{name}'. There is: {', '.join(CATALOGUE)}.")
    return model


def load(model: Model, device: str) -> Any:
    """A diffusers image-to-image pipeline on `device`, from safetensors only, with nothing fetched."""
    if not (model.folder / "model_index.json").is_file():
        raise SfumatoError("no_weights", f"The weights of {model.info.name} are missing. Install Sfumato again.")
    import diffusers
    import torch
    import transformers
    from diffusers import StableDiffusionImg2ImgPipeline

    # Bars and hints for programmers; what a painter should know comes as a sentence from us.
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
    pipe = StableDiffusionImg2ImgPipeline.from_pretrained(
        model.folder, dtype=torch.float32, use_safetensors=True, local_files_only=True
    ).to(device)
    pipe.set_progress_bar_config(disable=True)
    return pipe
