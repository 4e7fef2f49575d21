"""One request as it is carried out: plan, encode, steer, decode, composite; or a map that an edit finds."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from sfumato_wire.geometry import Box
from sfumato_wire.limits import MAX_BLOB
from sfumato_wire.request import BYTES_PER_PIXEL, Pixels, Request, digest_of
from sfumato_wire.strengths import strengths
from torch import Tensor

from sfumato.change_map import ChangeMap, scaled
from sfumato.change_map import M as FULL
from sfumato.composite import Difference, faintest, layer, over_pixels
from sfumato.edits import EDITS, Words
from sfumato.errors import Cancelled, InputError, SfumatoError
from sfumato.models import controlnets, texts, vaes
from sfumato.models.curve import Curve, curve_of
from sfumato.models.ladder import QUANTISE
from sfumato.models.schedulers import check_scheduler_name, scheduled
from sfumato.models.wearing import worn
from sfumato.steering import Edit, Run, Steered, steer
from sfumato.steering.support import check_scheduler
from sfumato.studio import control
from sfumato.studio.declared import DECLARED
from sfumato.studio.found import as_grey
from sfumato.studio.loras import taken_out, weighed
from sfumato.studio.picture import Previewer, decode, encode, from_working, over_white, packed, to_working
from sfumato.studio.plan import Plan, plan
from sfumato.studio.request import canvas_array, laid_on, map_array, part, rgba_array, settings_of

if TYPE_CHECKING:
    from sfumato.models.beside import Beside
    from sfumato.studio.studio import Studio

T = TypeVar("T", bound=tuple[Tensor, ...])


@dataclass(frozen=True)
class Progressed:
    """stage: "loading", "preparing", "painting", "finishing"; "fitting" when it begins again for want of memory.
    preview: width, height, RGB bytes."""

    stage: str
    step: int
    steps: int
    preview: tuple[int, int, bytes] | None = None


@dataclass(frozen=True)
class Finished:
    """layer: None when the map changes nothing. data: the layer's bytes. report: plan, steps, model calls in all and
    seconds by stage."""

    layer: Pixels | None
    data: bytes
    report: dict[str, Any]


@dataclass
class Job:
    """A request on its way. paint() and find() raise what `Studio.run` says. lent: what the pipeline is given for this
    job only; it gives it back when this is left."""

    studio: Studio
    request: Request
    canvas: bytes
    control: bytes
    on_progress: Callable[[Progressed], None]
    cancelled: Callable[[], bool]
    seconds: dict[str, float] = field(default_factory=dict)
    calls: int = 0  # of the denoiser, in all passes
    planned: Plan | None = None
    lent: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.request, asked = taken_out(self.request)
        request = self.request
        self.model, self.module = self.studio.find(request.model), _find_edit(request.edit)
        self.info = DECLARED[request.edit]
        check_scheduler_name(request.scheduler, self.model)
        self.loras = weighed(asked, self.studio.find_beside, self.model)
        self.named = (self.model.info.id, *self.model.files)
        self.reader = (self.named, *sorted((file.mark, weight) for file, weight in self.loras.items()))
        self.guide = self._found_guide()
        self.vae = self._found_vae()
        self.report: dict[str, Any] = {"model": request.model, "edit": request.edit, "seed": request.seed}
        self.report |= {"steps": request.steps, "device": self.studio.device}
        if self.loras:
            self.report["loras"] = [{"id": file.row.id, "weight": weight} for file, weight in self.loras.items()]
        if self.vae:
            self.report["vae"] = self.vae.row.id
        if self.model.lent:
            self.report["lent"] = [file.row.id for file in self.model.lent]
        if self.guide and (said := request.control):
            self.report["control"] = {"id": self.guide.row.id, "weight": said.weight, "range": [said.begin, said.end]}

    def paint(self, change_map: bytes) -> Finished:
        """The task "edit": a layer where the map asks for change."""
        request = self.request
        settings = self.report["settings"] = settings_of(request, self.info.parameters, self.info.name)
        composite = settings["composite"]
        band = {"plain": 0.0, "map": None}.get(composite, settings["band"])
        with self._clock("plan"):
            values, at = map_array(request, change_map)
            # What 8 bits can show decides for either depth, so that both are of one picture.
            planned = self._plan(_strong(ChangeMap(values, request.strength)), at, faintest(band))
        if planned is None:
            return self._finished(None)
        values = laid_on(values, at, planned.crop)
        seen = np.zeros(FULL + 1, bool)
        seen[values.ravel()] = True
        changes = np.flatnonzero(seen).tolist()
        count = self.info.greys_with(settings), request.steps, request.strength, changes, self.model.info.rounding
        self.report["strengths"] = strengths(*count)
        curve, resample = self._curve(settings.get("axis")), settings["resample"]
        cells = ChangeMap(values, request.strength, covered=planned.covered, resample=resample, curve=curve)
        pipe = self._pipe()
        words = self._words(pipe, planned)
        edit = self.module.create(cells, words, **{p.name: settings[p.name] for p in self.module.INFO.parameters})
        if "axis" in settings:
            settings["axis"] = edit.axis  # so that the report can be asked for again, whatever the model's own is then
            if edit.axis == "perceived" and curve is not None:  # it is exact where it was measured, near it elsewhere
                self.report["calibrated_at"] = {"guidance_scale": curve.guidance, "side": curve.side}
        original, (image, latents, roundtrip) = self._encoded(pipe, planned)
        previewer = Previewer(image, latents, planned)

        def heard(steered: Steered, run: Run) -> None:
            done, steps = _outer(run, run.done), _outer(run, len(run.calls))
            if steered.preparing:
                self.on_progress(Progressed("preparing", done, steps))
            else:
                self.on_progress(Progressed("painting", done, steps, previewer(run.layout.picture(run.denoised()))))

        result, run = self._steer(pipe, edit, image, latents, words, heard)
        if run is None:
            return self._finished(None)
        self.report["steps_run"] = steps = _outer(run, len(run.calls))
        self.on_progress(Progressed("finishing", steps, steps))
        with self._clock("decode"):
            decoded = decode(pipe, result)
            if not bool(torch.isfinite(decoded).all()):
                raise SfumatoError(
                    "no_picture",
                    "The model's answer is not a picture. Lower the guidance, try another seed, or take another model.",
                )
        with self._clock("composite"):
            shown = self._by_change(edit, latents, result, planned) if composite == "difference" else None
            change = _strong(edit.change_map)
            if composite == "map":  # as it was painted, but for what the edit leaves out
                change = np.where(change > 0, _strong(cells), 0).astype(np.uint16)
            painted = layer(
                original,
                from_working(decoded, planned),
                from_working(roundtrip, planned) if composite == "smooth" else None,
                change,
                band,
                settings["detail"],
                shown,
                self._deep,
            )
            return self._finished(painted, planned.crop)

    def find(self) -> Finished:
        """The task "map": the map that the edit finds for the prompt, over the whole canvas."""
        request, info = self.request, self.info
        if not info.finds_map:
            able = ", ".join(name for name, other in DECLARED.items() if other.finds_map)
            raise InputError("finds_no_map", f"{info.name} finds no map. An edit that does: {able}.")
        if request.prompt.split() == request.source_prompt.split():
            raise InputError(
                "same_texts",
                "What should appear and what the picture shows are the same text, so there is nothing to find. Change "
                "one of them, or leave the second empty.",
            )
        settings = self.report["settings"] = settings_of(request, info.map_parameters, info.name)
        box = request.canvas.box
        white = np.full((box.height, box.width), FULL, np.uint16)
        with self._clock("plan"):
            planned = self._plan(white, box, 1)
        assert planned is not None
        pipe = self._pipe()
        words = self._words(pipe, planned)
        looked_at = ChangeMap(white, covered=planned.covered)
        own = {p.name: settings[p.name] for p in self.module.INFO.map_parameters}
        finder = self.module.finder(looked_at, words, **own)
        _, (image, latents, _) = self._encoded(pipe, planned)

        def heard(steered: Steered, run: Run) -> None:
            # A pass for each text, as long as one another.
            self.on_progress(Progressed("painting", self.calls, 2 * len(run.calls)))

        self._steer(pipe, finder, image, latents, words, heard)
        self.on_progress(Progressed("finishing", self.calls, self.calls))
        with self._clock("composite"):
            found = finder.found()[0]
            rows, columns = (math.ceil(cells) for cells in planned.covered)
            self.report["white"] = round(float((found[:rows, :columns] > 0.5).mean()), 4)  # a hard mask's share
            grey = as_grey(found, planned, settings["edges"], self._deep)
            opaque = np.dstack([grey, grey, grey, np.full_like(grey, np.iinfo(grey.dtype).max)])
            return self._finished(opaque, box)

    def _curve(self, axis: str | None) -> Curve | None:
        """The model's curve where the axis needs it, or has use for it."""
        if axis == "perceived":
            return curve_of(self.model)
        if axis == "own":
            try:
                return curve_of(self.model)
            except InputError as error:
                if error.code != "no_curve":  # one that cannot be used is told of, and edits go on without it
                    self.report["uncalibrated"] = str(error)
        return None

    def _by_change(self, edit: Edit, before: Tensor, after: Tensor, planned: Plan) -> NDArray[np.float32]:
        """How much of the new picture shows in every pixel of the crop, by how much has changed."""
        difference: Difference = getattr(edit, "difference", Difference())
        change = edit.change_map.cells(*planned.cells) / FULL
        shown = difference.alpha(before.float().cpu().numpy(), after.float().cpu().numpy(), change)[0]
        return over_pixels(shown, planned.crop.height, planned.crop.width, planned.covered)

    def _plan(self, values: NDArray[np.uint16], at: Box, visible: int) -> Plan | None:
        request, model = self.request, self.model
        document, sizes = (request.width, request.height), (model.info.native, model.multiple, model.pixels)
        more = model.longest, model.cell
        self.planned = planned = plan(values, at, document, request.canvas.box, *sizes, visible, *more)
        if planned is not None:
            self.report["plan"] = asdict(planned)
            if planned.crop.area * BYTES_PER_PIXEL[request.layer_format] > MAX_BLOB:
                raise InputError(
                    "too_deep",
                    f"{planned.crop.width} x {planned.crop.height} pixels are too many for a result of 16 bits. "
                    "Paint a smaller area, or ask for 8 bits.",
                )
        return planned

    @property
    def _deep(self) -> bool:
        return self.request.layer_format.endswith("16")

    @property
    def pixels(self) -> int:
        """Of the working picture, once it is planned."""
        return self.planned.padded_width * self.planned.padded_height if self.planned else 0

    def _found_guide(self) -> Beside | None:
        """The ControlNet that the request asks for; one of weight 0 is none, once it is known to fit."""
        if (asked := self.request.control) is None:
            return None
        file = self.studio.find_beside("controlnet", asked.id)
        controlnets.check_fits(file.row, self.model)
        if not self.request.settings.get("spend"):  # with it there are more steps, as many as the map makes them
            control.check_range(asked, self.request.steps)
        return file if asked.weight else None

    def _found_vae(self) -> Beside | None:
        """The VAE that the request asks for in place of the model's own."""
        if not self.request.vae:
            return None
        file = self.studio.find_beside("vae", self.request.vae)
        vaes.check_fits(file.row, self.model)
        return file

    def _pipe(self) -> Any:
        if not self.studio.pipe.has(self.model, self.guide, self.vae):
            self.on_progress(Progressed("loading", 0, 0))
        with self._clock("load"):
            pipe = self.studio.pipe(self.model, self.pixels, self.guide, self.vae)
            self.lent.enter_context(scheduled(pipe, self.request.scheduler))
            if self.loras:
                if self.studio.pipe.rung_of(self.model).quantised:
                    sentence = f"LoRAs and weights rounded to 8 bits ({QUANTISE}) do not go together. Leave the one out"
                    raise InputError("rounded_lora", f"{sentence}, or start the backend without the other.")
                with self.studio.pipe.in_hand(self.model):
                    self.lent.enter_context(worn(pipe, self.loras))
        self.report["scheduler"] = check_scheduler(pipe.scheduler).name
        return pipe

    def _words(self, pipe: Any, planned: Plan) -> Words:
        request, studio = self.request, self.studio
        known = (self.reader, *self._seen, request.edit, planned.picture, request.negative_prompt)
        known += (request.scheduler, request.steps, request.guidance_scale, request.seed)
        known += (self.guide, request.control) if self.guide else ()

        def say(prompt: str) -> dict[str, Any]:
            return studio.text(pipe, self.reader, prompt, request.negative_prompt)

        def tokens(prompt: str, length: int) -> list[int]:
            return texts.tokens(pipe, prompt, length)

        def remember(key: Hashable, make: Callable[[], T]) -> T:
            remembered: T = studio.recordings.get((known, key), make)
            return remembered

        def guidance(scale: float) -> dict[str, Any]:
            return texts.guidance(pipe, scale)

        return Words(say, request.source_prompt, remember, request.prompt, tokens, guidance)

    def _encoded(self, pipe: Any, planned: Plan) -> tuple[NDArray[np.uint8], tuple[Tensor, Tensor, Tensor]]:
        """The crop as RGB; at its working size, its latents, and what the VAE makes of them."""
        self.on_progress(Progressed("preparing", 0, 0))
        self._stop_if_cancelled()
        request = self.request

        def make() -> tuple[Tensor, Tensor, Tensor]:
            image = to_working(original, planned)
            latents = encode(pipe, image)
            return image, latents, decode(pipe, latents).cpu()

        with self._clock("encode"):
            original = over_white(part(canvas_array(request, self.canvas), request.canvas.box, planned.crop))
            return original, self.studio.canvases.get((*self._seen, planned.picture), make)

    @property
    def _seen(self) -> tuple[Hashable, ...]:
        """Which picture, and by which autoencoder: tiles leave a trace."""
        return self.request.canvas, self.named, self.vae, self.studio.pipe.rung_of(self.model)

    def _steer(
        self, pipe: Any, edit: Edit, image: Tensor, latents: Tensor, words: Words, heard: Callable[[Steered, Run], None]
    ) -> tuple[Tensor, Run | None]:
        """The result's latents and the last pass; None for the pass when nothing is to change."""
        request = self.request
        with self._clock("text"):
            text = words.say(request.prompt)
        guide = self._guidance(pipe)
        self._stop_if_cancelled()

        def listener(run: Run) -> None:
            self.calls += 1
            self._stop_if_cancelled()
            heard(steered, run)

        with self._clock("paint"), steer(pipe, edit, listener=listener) as steered:
            steered(
                image=latents,
                picture=image,
                num_inference_steps=request.steps,
                generator=torch.Generator("cpu").manual_seed(request.seed),
                output_type="latent",
                **texts.guidance(pipe, request.guidance_scale),
                **text,
                **guide,
            )
        run = steered.run
        # Not the pipeline's output, which in some families is not in the form of what they take any more.
        return run.layout.picture(run.state) if run else latents, run

    def _guidance(self, pipe: Any) -> dict[str, Any]:
        """The pipeline's arguments for the control, whose range it keeps to for the rest of this job."""
        said, planned = self.request.control, self.planned
        if self.guide is None or said is None or planned is None:
            return {}
        rgba = rgba_array(said.picture, self.control)
        self.lent.enter_context(control.guided(pipe, said))
        return control.arguments(pipe, said, control.over_black(rgba, said.picture.box, planned.crop), planned)

    def _finished(self, rgba: NDArray[Any] | None, box: Box | None = None) -> Finished:
        report = {"steps_run": 0, **self.report, "model_calls": self.calls, "seconds": self.seconds}
        if rgba is None or box is None:
            return Finished(None, b"", report)
        data = packed(rgba, form := self.request.layer_format)
        return Finished(Pixels(box.x, box.y, box.width, box.height, form, digest_of(data)), data, report)

    def _stop_if_cancelled(self) -> None:
        if self.cancelled():
            raise Cancelled

    @contextmanager
    def _clock(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = round(time.perf_counter() - start, 4)


def _strong(change_map: ChangeMap) -> NDArray[np.uint16]:
    """The map with its global strength."""
    return scaled(change_map.values.astype(np.int64), change_map.strength).astype(np.uint16)


def _outer(run: Run, calls: int) -> int:
    """How many steps of the schedule so many calls are."""
    return -(-calls // run.grid.order)


def _find_edit(name: str) -> Any:
    if (edit := EDITS.get(name)) is None:
        raise InputError("unknown_edit", f"There is no edit '{name}'. There is: {', '.join(EDITS)}.")
    return edit
