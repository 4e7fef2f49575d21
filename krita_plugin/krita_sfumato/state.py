"""What the controller has to show, beside the docker's own controls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from . import sentences
from .vendor.sfumato_wire import EditInfo, ModelInfo, Progress

Rgb = tuple[int, int, bytes]  # width, height, three bytes per pixel


@dataclass(frozen=True)
class View:
    """stage, fraction and preview are of the edit in front; `behind` are those that wait."""

    link: str = "absent"
    link_sentence: str = ""
    models: tuple[ModelInfo, ...] = ()
    edits: tuple[EditInfo, ...] = ()
    schedulers: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by family
    sentence: str = ""
    is_trouble: bool = False
    busy: bool = False
    stalled: bool = False  # edits wait for a backend that is gone; a new Apply takes their place
    stage: str = ""
    fraction: float | None = None  # None: busy, nobody knows how long
    preview: Rgb | None = None
    behind: int = 0
    seed: int | None = None  # of the last edit
    kept: str = ""  # name of a finished edit that waits to be placed

    @property
    def can_start(self) -> bool:
        return self.link == "absent"

    @property
    def link_text(self) -> str:
        """The status line."""
        return self.link_sentence or sentences.LINK.get(self.link, self.link)


@dataclass
class Way:
    """How far an edit is."""

    stage: str = ""
    fraction: float | None = None
    preview: Rgb | None = None

    def heard(self, task: str, progress: Progress) -> None:
        self.stage = sentences.STAGES.get(progress.stage, progress.stage)
        if progress.stage == "painting":
            self.stage = f"{sentences.PAINTING[task]}: step {progress.step} of {progress.steps}"
        self.fraction = progress.step / progress.steps if progress.steps else None
        if progress.preview is not None:
            self.preview = (progress.preview.width, progress.preview.height, progress.payload)

    def shown(self) -> dict[str, Any]:
        """What of a View follows from it."""
        return {"stage": self.stage, "fraction": self.fraction, "preview": self.preview}
