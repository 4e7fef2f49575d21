"""One model on the bench: edits in batches of cases, all with the same weights, pictures, texts and noise.

Picture and text are encoded once. What an edit changed is measured against the picture's round trip through the
autoencoder, so that the autoencoder's own error is no change. Noise is drawn on the CPU, for every case from its own
seed: who shares a batch with whom does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import diffusers
import numpy as np
import torch
from numpy.typing import NDArray
from sfumato_wire.levels import FULL as M
from torch import Tensor

from sfumato import models
from sfumato.change_map import ChangeMap
from sfumato.errors import InputError
from sfumato.models.curve import Curve, curve_of
from sfumato.steering import Edit, Run, steer
from sfumato.studio import Studio
from sfumato.studio.picture import decode, encode

from .cases import Case

Pictures = NDArray[np.uint8]
Values = NDArray[np.uint16]
MakeEdit = Callable[[ChangeMap], Edit]
T = TypeVar("T")

OWN = "own"  # the scheduler that the model came with
# By the names that people know them by; a flow model has its own only.
SCHEDULERS = {
    "DDIM": "DDIMScheduler",
    "DPM++ 2M": "DPMSolverMultistepScheduler",
    "Euler": "EulerDiscreteScheduler",
}
FLOW = {"flow Euler": "FlowMatchEulerDiscreteScheduler"}
# Whose latents and texts go in batches as they are; those of the others are packed, or as long as each text is.
FAMILIES = ("sd", "sd15", "sd2", "sdxl", "sd3")


class Subject(Protocol):
    """A picture to edit, its prompts and the seed of its noise: a `Case`, or one whose truth nobody knows. Hashable."""

    @property
    def prompt(self) -> str: ...
    @property
    def source_prompt(self) -> str: ...
    @property
    def seed(self) -> int: ...
    def picture(self, side: int) -> Pictures: ...


@dataclass
class Work:
    """halves: pictures that the denoiser saw, two for each guided step. decoded: latents that became pictures."""

    halves: int = 0
    decoded: int = 0


class Bench:
    """side: of the square pictures, in pixels. batch: cases at a time. say: told what is done, a line at a time.

    work: what it cost so far. known: where an experiment keeps, as JSON, what it need not measure again. Raises
    InputError for a model that is none, SfumatoError for one without its weights.
    """

    def __init__(
        self,
        model: str = models.DEFAULT,
        side: int = 128,
        batch: int = 16,
        device: str | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.model = models.find(model)
        if (family := self.model.info.family) not in FAMILIES:
            said = f"{self.model.info.name} is of the family {family}, which cannot be measured yet"
            raise InputError("unmeasured_family", f"{said}. Take a model of one of: {', '.join(FAMILIES)}.")
        if side % self.model.multiple:
            raise InputError(
                "bad_side", f"{self.model.info.name} works on multiples of {self.model.multiple} pixels, not {side}."
            )
        self.side, self.batch, self.say, self.work = side, batch, say, Work()
        self.known: MutableMapping[str, Any] = {}
        self.studio = Studio(device)
        self.pipe = self.studio.pipe(self.model)
        self.guidance = self.model.info.guidance_scale
        self._own = self.pipe.scheduler
        self._encoded: dict[Subject, tuple[Tensor, Pictures]] = {}
        self.curve: Curve | None = None  # for the axis `perceived`
        self.uncalibrated = ""  # why there is none
        try:
            self.curve = curve_of(self.model)
        except InputError as error:
            if error.code not in ("no_curve", "bad_curve", "stale_curve"):
                raise
            self.uncalibrated = str(error)

    @property
    def scheduler(self) -> str:
        """The model's own, by its name."""
        own = type(self._own).__name__
        return {of: name for name, of in (SCHEDULERS | FLOW).items()}.get(own, own)

    @property
    def schedulers(self) -> tuple[str, ...]:
        """All that the model can be run with, its own first."""
        others = tuple(SCHEDULERS) if self.scheduler in SCHEDULERS else ()
        return (self.scheduler, *(name for name in others if name != self.scheduler))

    @property
    def cell(self) -> int:
        """Pixels of a latent cell's side."""
        return int(self.pipe.vae_scale_factor)

    def change_map(self, values: Values) -> ChangeMap:
        """The map with the model's curve."""
        return ChangeMap(values, curve=self.curve)

    def batches(self, cases: Sequence[T]) -> Iterator[Sequence[T]]:
        """As many at a time as one call takes."""
        for start in range(0, len(cases), self.batch):
            yield cases[start : start + self.batch]

    def originals(self, cases: Sequence[Subject]) -> Pictures:
        """The pictures to edit, uint8 [n, side, side, 3]."""
        return np.stack([case.picture(self.side) for case in cases])

    def truths(self, cases: Sequence[Case]) -> Pictures:
        """The pictures that they should become."""
        return np.stack([case.truth(self.side) for case in cases])

    def latents(self, cases: Sequence[Subject]) -> Tensor:
        """Clean latents of the originals, [n, channels, rows, columns]."""
        self._encode(cases)
        return torch.cat([self._encoded[case][0] for case in cases])

    def roundtrips(self, cases: Sequence[Subject]) -> Pictures:
        """The originals after the autoencoder alone: what change is measured against."""
        self._encode(cases)
        return np.stack([self._encoded[case][1] for case in cases])

    @torch.inference_mode()
    def through(self, pictures: Pictures) -> Pictures:
        """Any pictures of the bench's side after the autoencoder alone."""
        return self.decode(torch.cat([self._latents(picture) for picture in pictures]))

    def said(self, cases: Sequence[Subject], source: bool = False) -> dict[str, Any]:
        """The pipeline's arguments that say the cases' prompts, or what their pictures show."""
        each = [
            self.studio.text(self.pipe, self.model.info.id, case.source_prompt if source else case.prompt, "")
            for case in cases
        ]
        return {name: torch.cat([one[name] for one in each]) for name in each[0]}

    @torch.inference_mode()
    def edit(
        self,
        make_edit: MakeEdit,
        values: Values | Sequence[Values],
        cases: Sequence[Subject],
        steps: int,
        scheduler: str = OWN,
        guidance: float | None = None,
        source: bool = False,
    ) -> Tensor:
        """Latents of the cases edited by one map for all, or by one for each: uint16 [side, side], or [1, 1] for one
        grey everywhere.

        make_edit: an edit of a map, anew for each batch. guidance: of the prompt; None for the model's own.
        source: say what the pictures show instead of the prompts.
        """
        groups: Iterable[tuple[Values, Sequence[Subject]]]
        if isinstance(values, np.ndarray):
            groups = ((values, some) for some in self.batches(cases))
        else:
            groups = ((one, [case]) for one, case in zip(values, cases, strict=True))

        def heard(run: Run) -> None:
            self.work.halves += len(run.x0) * (2 if self.pipe.do_classifier_free_guidance else 1)

        done = []
        with self.scheduled(scheduler):
            for one, some in groups:
                with steer(self.pipe, make_edit(self.change_map(one)), listener=heard) as steered:
                    result = steered(
                        image=self.latents(some),
                        num_inference_steps=steps,
                        guidance_scale=self.guidance if guidance is None else guidance,
                        generator=[torch.Generator("cpu").manual_seed(case.seed) for case in some],
                        output_type="latent",
                        **self.said(some, source),
                    ).images
                done.append(torch.as_tensor(result))
        return torch.cat(done)

    def run(
        self, make_edit: MakeEdit, values: Values | Sequence[Values], cases: Sequence[Subject], steps: int
    ) -> Pictures:
        """The same as pictures, uint8 [n, side, side, 3], as the autoencoder gives them: nothing is composited."""
        return self.decode(self.edit(make_edit, values, cases, steps))

    @torch.inference_mode()
    def decode(self, latents: Tensor) -> Pictures:
        """Pictures of latents, uint8 [n, h, w, 3]."""
        self.work.decoded += len(latents)
        # One at a time is as fast, and the same latents are the same picture whatever lies beside them.
        shown = torch.cat([decode(self.pipe, one[None]).float().cpu() for one in latents])
        return np.asarray(((shown + 1) * 127.5).clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1))

    @contextmanager
    def scheduled(self, name: str) -> Iterator[None]:
        """The pipeline with another scheduler, made from the config of its own."""
        if name != OWN and name not in self.schedulers:
            able = ", ".join(self.schedulers)
            raise InputError("bad_scheduler", f"{self.model.info.name} does not run with '{name}' but with: {able}.")
        if name not in (OWN, self.scheduler):
            self.pipe.scheduler = getattr(diffusers, SCHEDULERS[name]).from_config(self._own.config)
        try:
            yield
        finally:
            self.pipe.scheduler = self._own

    @torch.inference_mode()
    def _encode(self, cases: Sequence[Subject]) -> None:
        for case in cases:
            if case not in self._encoded:
                latents = self._latents(case.picture(self.side))
                self._encoded[case] = latents, self.decode(latents)[0]

    def _latents(self, picture: Pictures) -> Tensor:
        pixels = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        return encode(self.pipe, pixels)


def grey(change: float) -> Values:
    """A map of one grey, for any picture."""
    return np.full((1, 1), round(change * M), np.uint16)
