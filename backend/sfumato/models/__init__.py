"""The models: those that came with Sfumato, and the painter's own. No torch until one is loaded."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfumato_wire.messages import ModelInfo

from sfumato.errors import InputError, SfumatoError
from sfumato.models.sketchbook import FEW_STEPS, FLOW, WEIGHTS

if TYPE_CHECKING:
    import torch

    from sfumato.models.beside import Beside
    from sfumato.models.listing import Row


@dataclass(frozen=True)
class Model:
    """folder: its own weights, and what Sfumato keeps beside them. multiple: sides of the working picture are multiples
    of this. pixels: at most so many are worked on at once; longest: of its longer side, where that is bounded. base:
    the folder of the model that it shares parts with. own: the file or folder, of the painter's own. cell: pixels of a
    side of a cell of its latents. lent: the files that lend it what its own does not have."""

    info: ModelInfo
    folder: Path
    multiple: int
    pixels: int
    longest: int | None = None
    base: Path | None = None
    own: Beside | None = None
    cell: int = 8
    lent: tuple[Beside, ...] = ()

    @property
    def row(self) -> Row | None:
        """How it is listed, of the painter's own."""
        return self.own.row if self.own else None

    @property
    def files(self) -> tuple[Beside, ...]:
        """Of what its weights are, of the painter's own; other ones where any was replaced."""
        return (self.own, *self.lent) if self.own else ()

    @property
    def is_there(self) -> bool:
        """Whether its weights are."""
        return any(self.folder.glob("*/*.safetensors"))


def _info(id: str, name: str, family: str, steps: int, guidance_scale: float) -> ModelInfo:
    rounding = "ceil" if family == "sd3" else "floor"
    return ModelInfo(id, name, family, 256, steps, guidance_scale, rounding)


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
    """The model of that id; of the painter's own, also by name or path. Raises InputError with what to do."""
    if (model := CATALOGUE.get(name)) is not None:
        return model
    from sfumato.models.lending import lenders, with_lent
    from sfumato.models.listing import find_row, listing
    from sfumato.models.usable import as_model

    rows = list(listing())
    return as_model(with_lent(find_row(rows, name), lenders(rows)))


def listed() -> list[Row]:
    """All that the painter has of models and what goes with them; files that lack parts with those that lend them."""
    from sfumato.models.lending import lenders, with_lent
    from sfumato.models.listing import listing

    try:
        rows = list(listing())
        able = lenders(rows)
        return [with_lent(row, able) for row in rows]
    except InputError as error:  # the list of folders cannot be read, which must keep nobody from painting
        print(f"sfumato: {error}", file=sys.stderr)
        return []


def available(rows: Iterable[Row]) -> Iterator[Model]:
    """All that can be painted with, those that came with Sfumato first. rows: as they are listed."""
    from sfumato.models.usable import as_model, why_not

    yield from CATALOGUE.values()
    yield from (as_model(row) for row in rows if not why_not(row))


def load(model: Model, device: str) -> Any:
    """A diffusers image-to-image pipeline, on the CPU, with the kind of numbers that `device` works with; from
    safetensors only, with nothing fetched. Raises SfumatoError where it cannot be."""
    base = model.base or model.folder
    if model.row is None and (not model.is_there or not (base / "model_index.json").is_file()):
        raise SfumatoError("no_weights", f"The weights of {model.info.name} are missing. Install Sfumato again.")
    import diffusers
    import transformers

    # Bars and hints for programmers; what a painter should know comes as a sentence from us.
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
    from sfumato.models import checkpoints, loading  # here, since hints come when it is imported, too

    if model.row is not None:
        pipe = checkpoints.open_checkpoint(model.row, dtype_on(device, model.info.family))
    elif model.base is None:
        pipe = loading.whole(model.folder)
    elif model.info.family == "sd3":
        pipe = loading.flow(model.base, model.folder)
    else:
        pipe = loading.changed(model.base, model.folder)
    pipe.set_progress_bar_config(disable=True)
    for part in ("unet", "vae"):
        if (network := getattr(pipe, part, None)) is not None:
            laid_out(network, device)
    return pipe


def laid_out(network: Any, device: str) -> Any:
    """The same, its weights in the order in which a graphics card reads convolutions; but those of videos."""
    import torch

    if device == "cuda" and all(weight.ndim < 5 for weight in network.parameters()):
        network.to(memory_format=torch.channels_last)
    return network


def size_of(model: Model, device: str) -> int:
    """About how many bytes a model's weights take on a device. Raises InputError where its files cannot be read."""
    if model.row is None:
        return 0  # hardly anything
    from sfumato.models import checkpoints

    numbers = sum(prod(shape) for shapes in checkpoints.read_all(model.row).values() for shape in shapes)
    return numbers * dtype_on(device, model.info.family).itemsize


def dtype_on(device: str, family: str) -> torch.dtype:
    """What weights are worked with: float32 on a processor; on graphics cards half precision, of the kind that has
    room for large values where the family was trained in it and the card has it."""
    import torch

    if device == "cpu":
        return torch.float32
    wide = family not in ("sd15", "sd2", "sdxl") and device == "cuda" and torch.cuda.is_bf16_supported()
    return torch.bfloat16 if wide else torch.float16
