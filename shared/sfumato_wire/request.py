"""The one request that fully defines a job: the same request gives the same bytes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from .geometry import Box
from .levels import Levels
from .limits import (
    MAX_BLOB,
    MAX_CONTROL_WEIGHT,
    MAX_LORA_WEIGHT,
    MAX_LORAS,
    MAX_SEED,
    MAX_SIDE,
    MAX_STEPS,
    MAX_TEXT,
)

BYTES_PER_PIXEL = {
    "rgba8": 4,  # straight alpha
    "bgra8": 4,  # straight alpha, as Krita and Qt hold it
    "rgba16": 8,  # the same two with little-endian channels; results only
    "bgra16": 8,
    "gray8": 1,
    "gray16": 2,  # little-endian
    "graya16": 4,  # little-endian grey, then alpha
}

LAYER_FORMATS = ("rgba8", "bgra8", "rgba16", "bgra16")

_DIGEST = re.compile(r"[0-9a-f]{64}")


def digest_of(data: bytes | bytearray | memoryview) -> str:
    """The name of a blob: SHA-256 of its bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Pixels:
    """Raw rows without padding, somewhere in the document; the bytes travel as a blob named `digest`."""

    x: int
    y: int
    width: int
    height: int
    format: str
    digest: str

    def __post_init__(self) -> None:
        if self.format not in BYTES_PER_PIXEL:
            raise ValueError(f"Unknown pixel format '{self.format}'; known are {', '.join(BYTES_PER_PIXEL)}.")
        if not (0 < self.width <= MAX_SIDE and 0 < self.height <= MAX_SIDE):
            raise ValueError(f"A picture of {self.width} x {self.height} pixels is outside 1..{MAX_SIDE} a side.")
        if not (-MAX_SIDE <= self.x <= MAX_SIDE and -MAX_SIDE <= self.y <= MAX_SIDE):
            raise ValueError(f"A picture at ({self.x}, {self.y}) lies too far outside the document.")
        if self.size > MAX_BLOB:
            raise ValueError(f"A picture of {self.size} bytes is larger than the limit of {MAX_BLOB}.")
        if not _DIGEST.fullmatch(self.digest):
            raise ValueError("A picture must be named by the SHA-256 of its bytes in lower-case hex.")

    @property
    def box(self) -> Box:
        return Box(self.x, self.y, self.width, self.height)

    @property
    def size(self) -> int:
        """Bytes of the blob."""
        return self.width * self.height * BYTES_PER_PIXEL[self.format]


@dataclass(frozen=True)
class Lora:
    """A small change of the model. id: its id or name among the backend's; weight: how much of it, 1 as it was made."""

    id: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        _check_text("name of a LoRA", self.id)
        if not self.id:
            raise ValueError("A LoRA has no name. Name one, or leave it out.")
        if not -MAX_LORA_WEIGHT <= self.weight <= MAX_LORA_WEIGHT:
            limit = f"{MAX_LORA_WEIGHT:g}"
            raise ValueError(
                f"A LoRA's weight must lie between -{limit} and {limit}; that of {self.id} is {self.weight}."
            )


@dataclass(frozen=True)
class Control:
    """A ControlNet and the picture that guides it. id: its id or name among the backend's; picture: lines, depths or
    whatever it was taught on; where it is transparent or does not reach, black. weight: how much it guides, 1 as it was
    made. begin, end: shares of the whole schedule, of which 0 is its noisiest level; it guides the steps between them.
    """

    id: str
    picture: Pixels
    weight: float = 1.0
    begin: float = 0.0
    end: float = 1.0

    def __post_init__(self) -> None:
        _check_text("name of a ControlNet", self.id)
        if not self.id:
            raise ValueError("A ControlNet has no name. Name one, or leave it out.")
        if self.picture.format not in ("rgba8", "bgra8"):
            raise ValueError(f"The picture for a ControlNet must be rgba8 or bgra8, not {self.picture.format}.")
        if not 0.0 <= self.weight <= MAX_CONTROL_WEIGHT:
            limit = f"{MAX_CONTROL_WEIGHT:g}"
            raise ValueError(f"A ControlNet's weight must lie between 0 and {limit}; this is {self.weight}.")
        if not 0.0 <= self.begin < self.end <= 1.0:
            raise ValueError(
                "A ControlNet's range must begin before it ends, both between 0 and 1; this is "
                f"{self.begin} to {self.end}."
            )


@dataclass(frozen=True)
class Request:
    """Everything relevant to a result.

    task: "edit" gives the layer that an edit makes of the canvas; "map" gives the map that the edit finds for the
    prompt, as an opaque grey layer over the canvas.
    canvas: the picture without the map layer: the whole document or the part around the painted area.
    change_map: the painted greys; outside of it nothing changes. Grey times alpha, or alpha alone (`map_channel`).
    None exactly for the task "map".
    source_prompt: what the canvas shows, for edits that ask (`EditInfo.source_prompt`).
    strength: global strength in thousandths, multiplies the map.
    soften: radius in pixels of a blur of the map; 0 leaves it as painted.
    settings: the edit's declared parameters; what is missing takes its declared default.
    layer_format: one of LAYER_FORMATS, how the result is wanted. With 16 bits it is the same picture before it is
    rounded to 8.
    loras: what changes the model for this job, beside those that the prompt names (`<lora:name:0.8>`); the weights of
    one that is named twice add up.
    scheduler: one that the model's family is offered (`Welcome.schedulers`); "" is the model's own.
    control: what guides the model beside the texts, if anything does.
    vae: the id or name of a VAE among the backend's, in place of the model's own; "" is that.
    """

    model: str
    edit: str
    prompt: str
    width: int
    height: int
    canvas: Pixels
    change_map: Pixels | None
    task: str = "edit"
    negative_prompt: str = ""
    source_prompt: str = ""
    seed: int = 0
    steps: int = 20
    guidance_scale: float = 5.0
    strength: int = 1000
    levels: Levels = field(default_factory=Levels)
    map_channel: str = "luminance"
    soften: int = 0
    settings: dict[str, bool | int | float | str] = field(default_factory=dict)
    layer_format: str = "rgba8"
    loras: tuple[Lora, ...] = ()
    scheduler: str = ""
    control: Control | None = None
    vae: str = ""

    def __post_init__(self) -> None:
        if not (0 < self.width <= MAX_SIDE and 0 < self.height <= MAX_SIDE):
            raise ValueError(f"A document of {self.width} x {self.height} pixels is outside 1..{MAX_SIDE} a side.")
        if not Box(0, 0, self.width, self.height).contains(self.canvas.box):
            raise ValueError("The canvas reaches outside the document.")
        if self.canvas.format not in ("rgba8", "bgra8"):
            raise ValueError(f"The canvas must be rgba8 or bgra8, not {self.canvas.format}.")
        if self.task not in ("edit", "map"):
            raise ValueError(f"The task must be edit or map, not {self.task}.")
        if (self.change_map is None) != (self.task == "map"):
            raise ValueError("An edit needs a map to go by; a map is found without one.")
        if self.change_map and self.change_map.format not in ("gray8", "gray16", "graya16"):
            raise ValueError(f"The map must be gray8, gray16 or graya16, not {self.change_map.format}.")
        for name in ("prompt", "negative_prompt", "source_prompt", "model", "edit", "scheduler", "vae"):
            _check_text(name.replace("_", " "), getattr(self, name))
        if not 1 <= self.steps <= MAX_STEPS:
            raise ValueError(f"Steps must lie between 1 and {MAX_STEPS}; this is {self.steps}.")
        if not 0 <= self.seed <= MAX_SEED:
            raise ValueError(f"The seed must lie between 0 and {MAX_SEED}; this is {self.seed}.")
        if not 0.0 <= self.guidance_scale <= 100.0:
            raise ValueError(f"Guidance must lie between 0 and 100; this is {self.guidance_scale}.")
        if not 0 <= self.strength <= 1000:
            raise ValueError(f"Strength must lie between 0 and 1000 thousandths; this is {self.strength}.")
        if self.map_channel not in ("luminance", "alpha"):
            raise ValueError(f"The map's channel must be luminance or alpha, not {self.map_channel}.")
        if not 0 <= self.soften <= 1000:
            raise ValueError(f"Soften must lie between 0 and 1000 pixels; this is {self.soften}.")
        if self.layer_format not in LAYER_FORMATS:
            raise ValueError(f"The layer can be one of {', '.join(LAYER_FORMATS)}, not {self.layer_format}.")
        if len(self.loras) > MAX_LORAS:
            raise ValueError(f"At most {MAX_LORAS} LoRAs can be used at once; these are {len(self.loras)}.")
        if self.control and not Box(0, 0, self.width, self.height).contains(self.control.picture.box):
            raise ValueError("The picture for a ControlNet reaches outside the document.")

    @property
    def pictures(self) -> tuple[Pixels, ...]:
        """What travels as blobs."""
        control = self.control.picture if self.control else None
        return tuple(pixels for pixels in (self.canvas, self.change_map, control) if pixels is not None)


def _check_text(name: str, text: str) -> None:
    if len(text) > MAX_TEXT:
        raise ValueError(f"The {name} has {len(text)} characters; at most {MAX_TEXT} fit.")
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise ValueError(f"The {name} holds characters that are no text. Write it again.")
