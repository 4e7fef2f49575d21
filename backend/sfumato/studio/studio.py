"""The studio: loaded models, what is worth keeping between requests, and one request -> one layer."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

import torch
from sfumato_wire.declared import EditInfo
from sfumato_wire.messages import Extra, ModelInfo
from sfumato_wire.request import Request
from torch import Tensor

from sfumato import models
from sfumato.errors import InputError, SfumatoError, said_by
from sfumato.models import ladder, texts
from sfumato.models.beside import Beside, find_beside, kin
from sfumato.models.extras import extras, other_vaes
from sfumato.models.schedulers import SCHEDULERS
from sfumato.studio.cache import TensorCache
from sfumato.studio.declared import DECLARED
from sfumato.studio.job import Finished, Job, Progressed
from sfumato.studio.pipelines import Pipelines, in_words

LATENT_CACHE = 256 * 2**20  # bytes of canvases: working picture, latents and round trip
TEXT_CACHE = 64 * 2**20
RECORDING_CACHE = 512 * 2**20  # bytes of what edits record of a canvas before they paint


class Studio:
    """Models stay loaded, text embeddings, latents and recordings stay cached (bounded), jobs run one at a time.

    device: "cuda", "mps" or "cpu"; None takes the best there is. Deterministic: the same request on the same device
    gives the same bytes; noise is drawn on the CPU from the request's seed.
    """

    def __init__(self, device: str | None = None) -> None:
        self._device = device or _best_device()
        self.device = torch.cuda.get_device_name() if self._device == "cuda" else self._device
        rows = models.listed()
        available = list(models.available(rows))
        self.models: tuple[ModelInfo, ...] = tuple(model.info for model in available)
        self.loras: tuple[Extra, ...] = extras(rows, "lora")
        self.controlnets: tuple[Extra, ...] = extras(rows, "controlnet")
        self.vaes: tuple[Extra, ...] = other_vaes(rows, available)
        self._own = {model.info.id: model for model in available if model.row}
        self._beside: dict[tuple[str, str], Beside] = {}
        self.edits: tuple[EditInfo, ...] = tuple(DECLARED.values())
        self.schedulers: dict[str, tuple[str, ...]] = SCHEDULERS
        self.pipe = Pipelines(self._device)
        self.canvases: TensorCache[tuple[Tensor, Tensor, Tensor]] = TensorCache(LATENT_CACHE)
        self.recordings: TensorCache[Any] = TensorCache(RECORDING_CACHE)
        self._texts: TensorCache[tuple[Tensor, ...]] = TensorCache(TEXT_CACHE)
        torch.set_flush_denormal(True)

    def warm_up(self) -> None:
        """Load the default model."""
        self.pipe(models.find(models.DEFAULT))

    @torch.inference_mode()
    def run(
        self,
        request: Request,
        canvas: bytes,
        change_map: bytes,
        control: bytes = b"",
        *,
        on_progress: Callable[[Progressed], None] = lambda _: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Finished:
        """Carry the request out. canvas, change_map, control: the bytes of its pictures; no bytes where it has none.

        Where memory does not suffice, the job begins again in a way that needs less, as long as there is one.

        Raises InputError (a sentence), Cancelled within a model call after `cancelled` says so, SfumatoError when the
        model's answer is no picture or memory does not suffice in any way.
        """
        self.pipe.begin()
        while True:
            job = None
            try:
                job = Job(self, request, canvas, control, on_progress, cancelled)
                with job.lent:
                    finished = job.find() if request.task == "map" else job.paint(change_map)
                return self._settled(job, finished)
            except Exception as error:
                if not ladder.is_out_of_memory(error):
                    if job is None or job.model.row is None or isinstance(error, SfumatoError) or _is_of_device(error):
                        raise
                    raise _unpaintable(job.model.info.name, error) from error
                ladder.let_go(error)
            self.canvases.clear()
            self.recordings.clear()
            if job is None:
                raise SfumatoError("out_of_memory", "The computer's memory does not suffice. Close other programs.")
            if not self.pipe.climb(job.model):
                raise self._too_large(job)
            on_progress(Progressed("fitting", 0, 0))

    def _settled(self, job: Job, finished: Finished) -> Finished:
        """The report with what the job took of the memory."""
        rung = self.pipe.rung_of(job.model)
        memory: dict[str, Any] = {"rung": rung.name, "says": rung.words}
        if peak := self.pipe.settled(job.model, job.pixels):
            memory["peak"] = peak
        return replace(finished, report=finished.report | {"memory": memory})

    def _too_large(self, job: Job) -> SfumatoError:
        wanted, total = models.size_of(job.model, self._device), ladder.total_memory(self._device)
        name = job.model.info.name
        if beside := [file.row for file in (job.guide, job.vae) if file is not None]:
            from sfumato.models import opened  # here, since it takes as long to import as a model does

            dtype = models.dtype_on(self._device, job.model.info.family)
            wanted += sum(opened.size_of(row, dtype) for row in beside)
            name += f" with {' and '.join(row.name for row in beside)}"
        free = ladder.available_memory(self._device)
        weights = f"its weights alone take {in_words(wanted)}" if wanted else "its weights are small"
        size = f" at {job.planned.padded_width} x {job.planned.padded_height} pixels" if job.planned else ""
        return SfumatoError(
            "out_of_memory",
            f"The memory does not suffice for {name}{size}: {weights}, and {self.device} has "
            f"{in_words(total)}, {in_words(free)} of them free. Paint a smaller area, take a smaller model, or close "
            "other programs.",
        )

    def find(self, name: str) -> models.Model:
        """The model of that id, or as in `models.find`. The painter's own are looked for only once by id, and again
        where one of their files has changed or gone; where there is none of a name any more, one that is loaded goes
        on. Raises InputError, also where another family's has taken the place of one that was offered."""
        known = self._own.get(name)
        if known is not None and all(file.is_as_it_was for file in known.files):
            return known
        try:
            model = models.find(name)
        except InputError as error:
            gone = [known] if known else [one for one in self._own.values() if one in self.pipe]
            those = [one for one in gone if name in (one.info.name, one.info.id)]
            if error.code != "unknown_model" or len(those) != 1:
                raise
            return those[0]  # which is loaded, or loading it says that its files have gone
        if model.row:
            self._check_is_as_offered(model.info)
            self._own[model.info.id] = model
        return model

    def _check_is_as_offered(self, info: ModelInfo) -> None:
        """What a docker shows of a model, its steps for one, is of the family that it was of."""
        for offered in self.models:
            if offered.id == info.id and offered.family != info.family:
                raise InputError(
                    "another_family",
                    f"{info.name} was replaced by a model of {kin(info.family)} and is listed as one of "
                    f"{kin(offered.family)}. Stop and start the backend, which lists it anew.",
                )

    def find_beside(self, kind: str, name: str) -> Beside:
        """The LoRA, ControlNet or VAE of that name; looked for anew only where its file has changed. Raises
        InputError."""
        if (known := self._beside.get((kind, name))) is None or not known.is_as_it_was:
            known = self._beside[kind, name] = find_beside(kind, name)
        return known

    def text(self, pipe: Any, reader: Hashable, prompt: str, negative_prompt: str) -> dict[str, Any]:
        """Pipeline arguments that say these texts. reader: the model, and whatever changes how it reads."""

        def encode() -> tuple[Tensor, ...]:
            embeddings = texts.embeddings(pipe, prompt, negative_prompt)
            pipe.maybe_free_model_hooks()  # where parts take turns, theirs is over
            return embeddings

        return texts.arguments(pipe, self._texts.get((reader, prompt, negative_prompt), encode))


def _is_of_device(error: Exception) -> bool:
    """Whether it is no model's fault: the process has to end then."""
    return isinstance(error, torch.AcceleratorError) or "CUDA" in str(error)


def _unpaintable(name: str, error: Exception) -> SfumatoError:
    """Files of painters may say anything, and libraries fail at it in any way."""
    return SfumatoError(
        "unpaintable",
        f"{name} cannot be painted with as it is ({said_by(error)}). Get it again, or take another model; other "
        "settings may do as well.",
    )


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
