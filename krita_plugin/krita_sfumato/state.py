"""What passes between docker and controller: the controls' values one way, everything to show the other way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .sentences import LINK, PAINTING, STAGES
from .tuning import Tuning
from .vendor.sfumato_wire import EditInfo, ModelInfo, Progress


@dataclass(frozen=True)
class Settings:
    """What the docker's controls say. strength in percent; steps 0: the model's own; seed None: a new one; edit and
    model "": the first there is."""

    prompt: str = ""
    source_prompt: str = ""
    negative_prompt: str = ""
    map_id: str = ""
    alpha_only: bool = False
    inverted: bool = False
    strength: float = 100.0
    steps: int = 0
    seed: int | None = None
    model: str = ""
    edit: str = ""
    tuning: Tuning = field(default_factory=dict)


@dataclass(frozen=True)
class View:
    """Everything the docker shows beside its controls."""

    link: str = "absent"
    link_sentence: str = ""
    models: tuple[ModelInfo, ...] = ()
    edits: tuple[EditInfo, ...] = ()
    sentence: str = ""
    is_trouble: bool = False
    busy: bool = False
    stalled: bool = False  # an edit waits for a backend that is gone; a new Apply takes its place
    stage: str = ""
    fraction: float | None = None  # None: busy, nobody knows how long
    preview: tuple[int, int, bytes] | None = None  # width, height, RGB
    seed: int | None = None  # of the last edit
    kept: str = ""  # name of a finished edit that waits to be placed

    @property
    def can_start(self) -> bool:
        return self.link == "absent"

    @property
    def link_text(self) -> str:
        """The status line."""
        return self.link_sentence or LINK.get(self.link, self.link)


def progressed(task: str, progress: Progress) -> dict[str, Any]:
    """What of a View follows from how far a job is."""
    stage = STAGES.get(progress.stage, progress.stage)
    if progress.stage == "painting":
        stage = f"{PAINTING[task]}: step {progress.step} of {progress.steps}"
    changes: dict[str, Any] = {"stage": stage, "fraction": progress.step / progress.steps if progress.steps else None}
    if progress.preview is not None:
        changes["preview"] = (progress.preview.width, progress.preview.height, progress.payload)
    return changes
