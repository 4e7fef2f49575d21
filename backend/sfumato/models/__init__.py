"""The catalogue: which models there are, where they lie, what they were made for. No torch until one is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfumato_wire.messages import ModelInfo

from sfumato.errors import InputError, SfumatoError
from sfumato.models.sketchbook import FEW_STEPS, FLOW, WEIGHTS

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Model:
    """folder: its own weights. multiple: sides of the working picture are multiples of this. pixels: at most so many
    are worked on at once; longest: of its longer side, where that is bounded. base: the folder of the model that it
    shares parts with."""

    info: ModelInfo
    folder: Path
    multiple: int
    pixels: int
    longest: int | None = None
    base: Path | None = None

    @property
    def is_there(self) -> bool:
        """Whether its weights are."""
        return any(self.folder.glob("*/*.safetensors"))


def _info(id: str, name: str, family: str, steps: int, guidance_scale: float) -> ModelInfo:
    return ModelInfo(id=id, name=name, family=family, native=256, steps=steps, guidance_scale=guidance_scale)


def catalogue(weights: Path, few_steps: Path, flow: Path) -> dict[str, Model]:
    """Sketchbook, and those of its siblings whose weights are there."""
    sketchbook = Model(_info("sketchbook", "Sketchbook", "sd", 20, 4.0), weights, 32, 640 * 640)
    siblings = (
        Model(_info("sketchbook-4", "Sketchbook, four steps", "sd", 4, 1.0), few_steps, 32, 640 * 640, base=weights),
        Model(
            _info("sketchbook-flow", "Sketchbook, flow matching", "sd3", 20, 4.0),
            flow,
            multiple=32,
            pixels=640 * 640,
            longest=1024,
            base=weights,
        ),
    )
    return {model.info.id: model for model in (sketchbook, *(sibling for sibling in siblings if sibling.is_there))}


CATALOGUE = catalogue(WEIGHTS, FEW_STEPS, FLOW)
DEFAULT = "sketchbook"


def find(name: str) -> Model:
    """The model of that id. Raises InputError that names the ones there are."""
    if (model := CATALOGUE.get(name)) is None:
        raise InputError("unknown_model", f"There is no model '{name}'. There is: {', '.join(CATALOGUE)}.")
    return model


def load(model: Model, device: str) -> Any:
    """A diffusers image-to-image pipeline on `device`, from safetensors only, with nothing fetched."""
    base = model.base or model.folder
    if not model.is_there or not (base / "model_index.json").is_file():
        raise SfumatoError("no_weights", f"The weights of {model.info.name} are missing. Install Sfumato again.")
    import diffusers
    import transformers

    # Bars and hints for programmers; what a painter should know comes as a sentence from us.
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
    from sfumato.models import loading  # here, since hints come when it is imported, too

    if model.base is None:
        pipe = loading.whole(model.folder)
    elif model.info.family == "sd3":
        pipe = loading.flow(model.base, model.folder)
    else:
        pipe = loading.changed(model.base, model.folder)
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(device)


def embeddings(pipe: Any, prompt: str, negative_prompt: str) -> tuple[Tensor, ...]:
    """What a pipeline's text encoders make of a prompt and of what it should not show, in the order of `EMBEDDINGS`."""
    words: dict[str, Any] = {"prompt": prompt, "negative_prompt": negative_prompt, "device": pipe.device}
    words |= {"num_images_per_prompt": 1, "do_classifier_free_guidance": True}
    if hasattr(pipe, "text_encoder_3"):
        words |= {"prompt_2": None, "prompt_3": None}
        if pipe.text_encoder_3 is None:
            words |= {"max_sequence_length": 0}  # no room for words that nothing reads
    return tuple(pipe.encode_prompt(**words))


EMBEDDINGS = ("prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds")
