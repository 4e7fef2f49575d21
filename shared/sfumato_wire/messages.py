"""The vocabulary: one frozen dataclass a message. `payload` fields travel as raw bytes behind the JSON header.

client -> server   Hello  Submit  Blob  Cancel  Ack
server -> client   Status  Welcome  NeedBlobs  Accepted  Progress  Result  Blob  Failed  Cancelled  Refused

The server speaks the same language to its worker, in the client's role.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from .declared import EditInfo
from .limits import MAX_BLOB, MAX_PREVIEW, MAX_STEPS
from .request import Pixels, Request

PROTOCOL_VERSION = 4


@dataclass(frozen=True)
class ModelInfo:
    """native: the side in pixels the model was trained for; steps and guidance_scale: its own defaults. rounding:
    "floor" or "ceil", how its pipeline turns a strength into steps. takes: what of its family can be used beside it:
    "lora" (`Welcome.loras`), "controlnet" (`Welcome.controlnets`), "vae" in place of its own (`Welcome.vaes`)."""

    id: str
    name: str
    family: str
    native: int
    steps: int
    guidance_scale: float
    rounding: str = "floor"
    takes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Extra:
    """A LoRA, ControlNet or VAE by the id that a request names; for models of its family that take one."""

    id: str
    name: str
    family: str


@dataclass(frozen=True)
class Preview:
    """A small picture of the work in progress, in document coordinates scaled down; RGB, 3 bytes per pixel."""

    width: int
    height: int

    def __post_init__(self) -> None:
        if not (0 < self.width and 0 < self.height and self.width * self.height * 3 <= MAX_PREVIEW):
            raise ValueError(f"A preview of {self.width} x {self.height} pixels is not allowed.")


@dataclass(frozen=True)
class Hello:
    """First words of a client. jobs: those it still waits for from an earlier connection; the server resumes them."""

    kind: ClassVar[str] = "hello"
    software: str
    protocol_min: int = PROTOCOL_VERSION
    protocol_max: int = PROTOCOL_VERSION
    jobs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Welcome:
    """The server's answer: what it can do. Comes once its worker is ready; `Status` may come before.

    schedulers: what can be chosen beside a model's own, by family: there may be a thousand models. A VAE that fits
    several families is there once for each of them that `models` are of. Of models, loras, controlnets and vaes there
    are only as many as fit into a message; a status says so, and others can be asked for by name.
    """

    kind: ClassVar[str] = "welcome"
    software: str
    protocol: int
    device: str
    models: tuple[ModelInfo, ...]
    edits: tuple[EditInfo, ...]
    schedulers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    loras: tuple[Extra, ...] = ()
    controlnets: tuple[Extra, ...] = ()
    vaes: tuple[Extra, ...] = ()


@dataclass(frozen=True)
class Status:
    """state: "starting", "ready", "busy" or "down"; sentence: for the painter."""

    kind: ClassVar[str] = "status"
    state: str
    sentence: str


@dataclass(frozen=True)
class Submit:
    """Ask for a job. The id is the client's; the same id again asks for the same job, never for a second one."""

    kind: ClassVar[str] = "submit"
    job: str
    request: Request


@dataclass(frozen=True)
class NeedBlobs:
    """These pictures of a submitted job are not here yet: send them."""

    kind: ClassVar[str] = "need"
    job: str
    digests: tuple[str, ...]


@dataclass(frozen=True)
class Blob:
    """A part of a blob, in order of offset: `limits.CHUNK` bytes, or what is left."""

    kind: ClassVar[str] = "blob"
    digest: str
    offset: int
    size: int
    payload: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.size <= MAX_BLOB:
            raise ValueError(f"A blob of {self.size} bytes is outside 1..{MAX_BLOB}.")
        if not (0 <= self.offset and 0 < len(self.payload) and self.offset + len(self.payload) <= self.size):
            raise ValueError("A part of a blob lies outside the blob.")


@dataclass(frozen=True)
class Accepted:
    """The job is in the queue; position 0 is next."""

    kind: ClassVar[str] = "accepted"
    job: str
    position: int

    def __post_init__(self) -> None:
        if self.position < 0:
            raise ValueError(f"{self.position} is not a position in a queue.")


@dataclass(frozen=True)
class Progress:
    """stage: "loading", "preparing", "painting" or "finishing"; "fitting" when the job begins again for want of memory.
    step of steps within painting."""

    kind: ClassVar[str] = "progress"
    job: str
    stage: str
    step: int
    steps: int
    preview: Preview | None = None
    payload: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if not (0 <= self.step <= self.steps <= MAX_STEPS):
            raise ValueError(f"Step {self.step} of {self.steps} is not a progress.")
        expected = self.preview.width * self.preview.height * 3 if self.preview else 0
        if len(self.payload) != expected:
            raise ValueError(f"A preview must have {expected} bytes; this has {len(self.payload)}.")


@dataclass(frozen=True)
class Result:
    """The job ended well. layer: transparent where nothing changed, None where nothing changed anywhere;
    its bytes follow as a blob. report: figures about the run (plan, seconds, steps), for people."""

    kind: ClassVar[str] = "result"
    job: str
    layer: Pixels | None
    report: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """The job ended badly. code: for programs; sentence: for the painter, names the thing and the next action."""

    kind: ClassVar[str] = "failed"
    job: str
    code: str
    sentence: str


@dataclass(frozen=True)
class Cancel:
    kind: ClassVar[str] = "cancel"
    job: str


@dataclass(frozen=True)
class Cancelled:
    kind: ClassVar[str] = "cancelled"
    job: str


@dataclass(frozen=True)
class Ack:
    """The client has what the job gave: the server may forget it."""

    kind: ClassVar[str] = "ack"
    job: str


@dataclass(frozen=True)
class Refused:
    """Last words before the server closes the connection."""

    kind: ClassVar[str] = "refused"
    code: str
    sentence: str


Message = (
    Hello
    | Welcome
    | Status
    | Submit
    | NeedBlobs
    | Blob
    | Accepted
    | Progress
    | Result
    | Failed
    | Cancel
    | Cancelled
    | Ack
    | Refused
)
