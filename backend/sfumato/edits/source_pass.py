"""Before edit-friendly inversion can edit: the source pass, made once and known again."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from torch import Tensor

from sfumato.edits.attention import PromptToPrompt
from sfumato.edits.checks import check
from sfumato.edits.recording import PATH, PathKind, Recorder, Recording, made_with, told
from sfumato.edits.words import Remember
from sfumato.steering import Passes, Release, Run

FewSteps = Literal["auto", "on", "off"]
FEW = 8  # steps up to which "auto" means on


class SourcePass:
    """What `EditFriendly` does of the edit before its own pass; the settings are described there."""

    own_steps = True
    release: Release

    def __init__(
        self,
        source: dict[str, Any],
        eta: float,
        path: PathKind,
        few_steps: FewSteps,
        attention: PromptToPrompt | None,
        recording: Recording | None,
        remember: Remember,
    ) -> None:
        check([PATH], path=path)
        self.source, self.eta, self.path, self.few_steps, self.attention = source, eta, path, few_steps, attention
        self.recording = self._given = recording
        self._remember = remember

    @contextmanager
    def attached(self, pipe: Any) -> Iterator[None]:
        """Prompt-to-prompt's hold on the denoiser, for all passes."""
        self._takes = frozenset(inspect.signature(type(pipe).__call__).parameters)
        if self.attention is None:
            yield
        else:
            with self.attention.attached(pipe):
                yield

    def calls(self, grid_calls: int, order: int, first: int) -> Sequence[int]:
        return range(first * order, grid_calls, order)

    def corrected(self, steps: int) -> bool:
        """Whether the corrections for few steps apply to so many."""
        return self.few_steps == "on" or (self.few_steps == "auto" and steps <= FEW)

    def prepare(self, passes: Passes) -> None:
        """The source pass, unless it is known already."""
        arguments = self.source

        def enough(first: int) -> None:
            nonlocal arguments
            steps = self.release.steps
            if self.corrected(steps) and arguments is self.source:
                arguments = self._corrected_source()
                raise _Otherwise
            known = self._given
            if known is None:
                try:
                    known = self._remember((tuple(self._made(steps).tolist()), first), _unknown)
                except _Unknown:
                    return
            if known.first <= first:
                raise _Known(known)

        recorder = Recorder(self.eta, self.path, self.corrected, enough, self._begun)
        try:
            try:
                run = passes(recorder, **arguments)
            except _Otherwise:  # the number of steps is known only once a pipeline has begun
                run = passes(recorder, **arguments)
        except _Known as known:
            self.recording = known.recording
            return
        empty = run.x0.new_empty(0)
        made = self._made(run.grid.steps)
        text, pooled = self.attention.text if self.attention else (empty, empty)
        recording = recorder.recording(run, made, text, pooled, told(self.source))
        self.recording = self._remember((tuple(made.tolist()), recorder.first), lambda: recording)

    def _negative(self) -> dict[str, Any]:
        """The source text as the pipeline's negative text."""
        texts = [name for name in self.source if "prompt" in name and "negative" not in name]
        return {f"negative_{name}": self.source[name] for name in texts if f"negative_{name}" in self._takes}

    def _corrected_source(self) -> dict[str, Any]:
        """Guided as the target is, between the source and itself: the plain prediction, in the same arithmetic."""
        scales = ("guidance_scale", "true_cfg_scale")
        return {name: value for name, value in self.source.items() if name not in scales} | self._negative()

    def _made(self, steps: int) -> Tensor:
        return made_with(self.eta, self.corrected(steps), self.path, self.attention is not None)

    @property
    def arguments(self) -> dict[str, Any]:
        """TurboEdit (arXiv 2408.00735, eq. 8): f(x, source) + w [f(x, target) - f(x, source)] is classifier-free
        guidance whose negative text is the source's."""
        return self._negative() if self.corrected(self.release.steps) else {}

    def _begun(self, run: Run) -> None:
        if self.attention:
            self.attention.begin(run)


class _Unknown(Exception):
    """The studio does not remember this recording."""


class _Otherwise(Exception):
    """The source pass needs other arguments."""


class _Known(Exception):
    """There is a recording already."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording


def _unknown() -> Recording:
    raise _Unknown
