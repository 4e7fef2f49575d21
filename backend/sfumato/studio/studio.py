"""One request -> one layer: plan, encode, steer, decode, composite."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from sfumato_wire.geometry import Box
from sfumato_wire.messages import EditInfo, ModelInfo
from sfumato_wire.request import Pixels, Request, digest_of
from torch import Tensor

from sfumato import models
from sfumato.change_map import ChangeMap
from sfumato.composite import faintest, layer
from sfumato.edits import EDITS, Words
from sfumato.errors import Cancelled, InputError, SfumatoError
from sfumato.steering import Run, steer
from sfumato.studio.cache import TensorCache
from sfumato.studio.declared import DECLARED
from sfumato.studio.picture import Previewer, decode, encode, from_working, over_white, to_working
from sfumato.studio.plan import Plan, plan
from sfumato.studio.request import canvas_array, map_array, settings_of

LATENT_CACHE = 256 * 2**20  # bytes of canvases: working picture, latents and round trip
TEXT_CACHE = 64 * 2**20


@dataclass(frozen=True)
class Progressed:
    """stage: "loading", "preparing", "painting", "finishing". preview: width, height, RGB bytes."""

    stage: str
    step: int
    steps: int
    preview: tuple[int, int, bytes] | None = None


@dataclass(frozen=True)
class Finished:
    """layer: None when the map changes nothing. data: the layer's bytes. report: plan, steps and seconds by stage."""

    layer: Pixels | None
    data: bytes
    report: dict[str, Any]


class Studio:
    """Models stay loaded, text embeddings and latents stay cached (bounded), jobs run one at a time.

    device: "cuda", "mps" or "cpu"; None takes the best there is. Deterministic: the same request on the same device
    gives the same bytes; noise is drawn on the CPU from the request's seed.
    """

    def __init__(self, device: str | None = None) -> None:
        self._device = device or _best_device()
        self.device = torch.cuda.get_device_name() if self._device == "cuda" else self._device
        self.models: tuple[ModelInfo, ...] = tuple(model.info for model in models.CATALOGUE.values())
        self.edits: tuple[EditInfo, ...] = tuple(DECLARED.values())
        self._pipes: dict[str, Any] = {}
        self._canvases: TensorCache[tuple[Tensor, Tensor, Tensor]] = TensorCache(LATENT_CACHE)
        self._texts: TensorCache[tuple[Tensor, Tensor]] = TensorCache(TEXT_CACHE)
        torch.set_flush_denormal(True)

    def warm_up(self) -> None:
        """Load the default model."""
        self._pipe(models.find(models.DEFAULT))

    @torch.inference_mode()
    def run(
        self,
        request: Request,
        canvas: bytes,
        change_map: bytes,
        *,
        on_progress: Callable[[Progressed], None] = lambda _: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Finished:
        """Carry the request out. canvas, change_map: the bytes of its pictures.

        Raises InputError (a sentence), Cancelled within a step after `cancelled` says so, SfumatoError when the
        model's answer is no picture or memory does not suffice.
        """
        clock = Clock()
        model, edit_module = models.find(request.model), _find_edit(request.edit)
        settings = settings_of(request, DECLARED[request.edit])
        with clock("plan"):
            values, at = map_array(request, change_map)
            strong = (values.astype(np.uint32) * request.strength // 1000).astype(np.uint16)
            document = (request.width, request.height)
            info = model.info
            smooth = settings["composite"] == "smooth"
            band = settings["band"] if smooth else 0.0
            sizes = (info.native, model.multiple, model.pixels)
            planned = plan(strong, at, document, request.canvas.box, *sizes, faintest(band))
        report: dict[str, Any] = {"model": model.info.id, "edit": request.edit, "seed": request.seed}
        report |= {"steps": request.steps, "settings": settings, "device": self.device}
        if planned is None:
            return _unchanged(report, clock)
        values, strong = (_at(v, at, planned.crop) for v in (values, strong))
        cells = ChangeMap(values, request.strength, covered=planned.covered, resample=settings["resample"])
        if model.info.id not in self._pipes:
            on_progress(Progressed("loading", 0, 0))
        with clock("load"):
            pipe = self._pipe(model)
        words = Words(lambda prompt: self._text(pipe, info.id, prompt, request.negative_prompt), request.source_prompt)
        edit = edit_module.create(cells, words, **{p.name: settings[p.name] for p in edit_module.INFO.parameters})
        report["plan"] = asdict(planned)
        on_progress(Progressed("preparing", 0, 0))
        _stop_if(cancelled)
        with clock("encode"):
            original = over_white(_part(canvas_array(request, canvas), request.canvas.box, planned.crop))
            key = (info.id, request.canvas, planned)
            image, latents, roundtrip = self._canvases.get(key, lambda: _encoded(pipe, original, planned))
        with clock("text"):
            text = words.say(request.prompt)
        _stop_if(cancelled)
        previewer = Previewer(image, latents, planned)

        def heard(run: Run) -> None:
            _stop_if(cancelled)
            order = run.grid.order
            done, steps = -(-run.done // order), -(-len(run.calls) // order)
            if steered.preparing:
                on_progress(Progressed("preparing", done, steps))
            else:
                on_progress(Progressed("painting", done, steps, previewer(run.denoised())))

        with clock("paint"), _sentences(), steer(pipe, edit, listener=heard) as steered:
            result = steered(
                image=latents,
                num_inference_steps=request.steps,
                guidance_scale=request.guidance_scale,
                generator=torch.Generator("cpu").manual_seed(request.seed),
                output_type="latent",
                **text,
            ).images
        if steered.run is None:
            return _unchanged(report, clock)
        report["steps_run"] = steps = -(-len(steered.run.calls) // steered.run.grid.order)
        on_progress(Progressed("finishing", steps, steps))
        with clock("decode"), _sentences():
            decoded = decode(pipe, result)
            if not bool(torch.isfinite(decoded).all()):
                raise SfumatoError(
                    "no_picture", "The model's answer is not a picture. Lower the guidance or try another seed."
                )
        with clock("composite"):
            painted = layer(
                original,
                from_working(decoded, planned),
                from_working(roundtrip, planned) if smooth else None,
                strong,
                band,
                settings["detail"],
            )
            if request.layer_format == "bgra8":
                painted = painted[..., [2, 1, 0, 3]]
            data = painted.tobytes()
            crop = planned.crop
            pixels = Pixels(crop.x, crop.y, crop.width, crop.height, request.layer_format, digest_of(data))
        return Finished(pixels, data, report | {"seconds": clock.seconds})

    def _pipe(self, model: models.Model) -> Any:
        if model.info.id not in self._pipes:
            self._pipes[model.info.id] = models.load(model, self._device)
        return self._pipes[model.info.id]

    def _text(self, pipe: Any, model: str, prompt: str, negative_prompt: str) -> dict[str, Any]:
        """Pipeline arguments that say these texts."""

        def encode() -> tuple[Tensor, Tensor]:
            positive, negative = pipe.encode_prompt(prompt, pipe.device, 1, True, negative_prompt=negative_prompt)
            return positive, negative

        positive, negative = self._texts.get((model, prompt, negative_prompt), encode)
        return {"prompt_embeds": positive, "negative_prompt_embeds": negative}


class Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = round(time.perf_counter() - start, 4)


def _encoded(pipe: Any, original: Any, planned: Plan) -> tuple[Tensor, Tensor, Tensor]:
    image = to_working(original, planned)
    with _sentences():
        latents = encode(pipe, image)
        return image, latents, decode(pipe, latents).cpu()


def _unchanged(report: dict[str, Any], clock: Clock) -> Finished:
    return Finished(None, b"", {"steps_run": 0, **report, "seconds": clock.seconds})


def _part(pixels: Any, at: Box, wanted: Box) -> Any:
    """The part `wanted` of an array that lies at box `at`."""
    top, left = wanted.y - at.y, wanted.x - at.x
    return pixels[top : top + wanted.height, left : left + wanted.width]


def _at(values: Any, at: Box, wanted: Box) -> Any:
    """The map on the box `wanted`; 0 where it was not painted."""
    common = at.intersection(wanted)
    result = np.zeros((wanted.height, wanted.width), np.uint16)
    _part(result, wanted, common)[:] = _part(values, at, common)
    return result


def _find_edit(name: str) -> Any:
    if (edit := EDITS.get(name)) is None:
        raise InputError("unknown_edit", f"There is no edit '{name}'. There is: {', '.join(EDITS)}.")
    return edit


def _stop_if(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Cancelled


@contextmanager
def _sentences() -> Iterator[None]:
    """Out of memory, in words."""
    try:
        yield
    except torch.OutOfMemoryError:
        sentence = "The graphics card's memory does not suffice. Paint a smaller area, or close other programs."
    else:
        return
    # Outside the except block: its traceback would keep the tensors alive.
    torch.cuda.empty_cache()
    raise SfumatoError("out_of_memory", sentence)


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
