"""What the controller has to show, beside the docker's own controls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from . import sentences
from .pace import Pace
from .vendor.sfumato_wire import EditInfo, Extra, ModelInfo, Progress

Rgb = tuple[int, int, bytes]  # width, height, three bytes per pixel


@dataclass(frozen=True)
class View:
    """stage, fraction, preview and left (seconds) are of the edit in front; `behind` are those that wait."""

    link: str = "absent"
    link_sentence: str = ""
    models: tuple[ModelInfo, ...] = ()
    edits: tuple[EditInfo, ...] = ()
    schedulers: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by family
    controlnets: tuple[Extra, ...] = ()
    vaes: tuple[Extra, ...] = ()
    sentence: str = ""
    is_trouble: bool = False
    busy: bool = False
    stalled: bool = False  # edits wait for a backend that is gone; a new Apply takes their place
    task_stage: str = ""  # the backend's word for it
    model: str = ""  # with which it is made
    stage: str = ""
    fraction: float | None = None  # None: busy, nobody knows how long
    preview: Rgb | None = None
    left: int | None = None
    behind: int = 0
    seed: int | None = None  # of the last edit
    kept: str = ""  # name of a finished edit that waits to be placed
    live: bool = False
    live_picture: Rgb | None = None
    live_sentence: str = ""
    can_keep_live: bool = False

    @property
    def progress_text(self) -> str:
        said = [self.stage]
        if self.left is not None:
            said.append(sentences.time_left(self.left))
        if self.behind:
            said.append(sentences.BEHIND.format(count=self.behind))
        return sentences.JOINT.join(filter(None, said))


@dataclass
class Way:
    """How far an edit is. task_stage: the backend's word for it."""

    stage: str = ""
    task_stage: str = ""
    fraction: float | None = None
    preview: Rgb | None = None
    pace: Pace = field(default_factory=Pace)

    def heard(self, task: str, progress: Progress) -> None:
        self.task_stage = progress.stage
        self.stage = sentences.STAGES.get(progress.stage, progress.stage)
        if progress.stage == "painting":
            self.stage = sentences.painting_step(task, progress.step, progress.steps)
            self.pace.step(progress.step, progress.steps)
        self.fraction = progress.step / progress.steps if progress.steps else None
        if progress.preview is not None:
            self.preview = (progress.preview.width, progress.preview.height, progress.payload)

    def shown(self) -> dict[str, Any]:
        """What of a View follows from it."""
        return {
            "stage": self.stage,
            "task_stage": self.task_stage,
            "fraction": self.fraction,
            "preview": self.preview,
            "left": self.pace.left() if self.task_stage == "painting" else None,
        }
