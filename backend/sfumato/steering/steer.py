"""`with steer(pipe, edit) as steered:` runs a diffusers pipeline under an edit."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.pipeline_utils import ImagePipelineOutput
from numpy.typing import NDArray
from PIL import Image

from sfumato.change_map import M
from sfumato.composite import flatten, layer, over_pixels
from sfumato.errors import InputError
from sfumato.steering.grid import Grid
from sfumato.steering.inpainting import shown
from sfumato.steering.routes import Route, batch_of, route_of
from sfumato.steering.run import Edit, Policy, Run
from sfumato.steering.scheduler import Listener, SteeredScheduler
from sfumato.steering.support import check_scheduler


class Steered:
    """The pipeline as a callable: its own arguments without `strength`, its own output.

    image: pictures or clean latents. The caller owns `generator`; its draws are the pipeline's own, in their order
    (VAE draw, then noise), then the edit's. Pictures come back composited: where the map is 0 they are the original's
    pixels. A map that changes nothing gives the images back as they came, with no model call and nothing drawn.
    picture: of clean latents, the pixels in -1..1 that they are of, [B, 3, height, width]. Inpainting checkpoints alone
    look at it; where it is left out, they see what the latents decode to.

    run: the last pass. listener: called after every denoiser call of every pass, an edit's preparing ones too; what it
    raises ends the work.
    """

    def __init__(self, pipe: Any, edit: Edit, route: Route, skip: bool, listener: Listener) -> None:
        self._pipe, self._edit, self._route, self._skip = pipe, edit, route, skip
        self._scheduler, self._listener, self.closed = pipe.scheduler, listener, False
        self.run: Run | None = None
        self._first: Run | None = None  # of several repeats
        self._original: tuple[Any, torch.Tensor | None] = None, None
        self.preparing = False

    def __call__(self, *args: Any, image: Any, picture: torch.Tensor | None = None, **kwargs: Any) -> Any:
        if self.closed:
            raise InputError("closed", "This steering is over: call it inside its `with steer(...)` block.")
        if "strength" in kwargs:
            raise InputError(
                "strength_given",
                "Leave out strength: the map says how much each pixel may change, and its own strength scales it "
                "(ChangeMap(values, strength=...)).",
            )
        if kwargs.get("latents") is not None:
            raise InputError(
                "latents_given", "Leave out latents: what is noised is `image`, pictures or clean latents."
            )
        if kwargs.get("num_inference_steps", 1) < 1:
            raise InputError("bad_steps", f"Take 1 step or more; this is {kwargs['num_inference_steps']}.")
        self._scheduler = self._pipe.scheduler  # perhaps another one than at the block's beginning
        check_scheduler(self._scheduler)
        originals = image if isinstance(image, list) else [image]
        if not originals:
            raise InputError("no_image", "`image` is an empty list. Give one picture, or as many as texts.")
        batch_of(args, kwargs, image)  # raises when the pictures do not go into the results
        pictures = all(isinstance(i, Image.Image) for i in originals)
        if pictures and kwargs.get("output_type", "pil") not in ("pil", "latent"):
            raise InputError(
                "bad_output", "Pictures are composited as pictures: ask for output_type 'pil' or 'latent'."
            )
        for original in originals:
            self._edit.change_map.check_fits(*_size(original))
        if not self._edit.change_map.changes:
            return self._unchanged(args, image, kwargs)
        self._original = _as_rgb(image), picture
        try:
            with self._edit.attached(self._pipe) if hasattr(self._edit, "attached") else nullcontext():
                return self._composited(image, self._all_passes(args, self._original[0], kwargs))
        except _NothingChanges:
            return self._unchanged(args, image, kwargs)

    def _all_passes(self, args: tuple[Any, ...], image: Any, kwargs: dict[str, Any]) -> Any:
        if hasattr(self._edit, "prepare"):
            # Every pass must see the same picture and noise, so a generator of the pipeline's choice will not do.
            if kwargs.get("generator") is None:
                seed = int(torch.randint(2**63 - 1, ()))  # of torch's own generator, as a pipeline's noise would be
                kwargs = kwargs | {"generator": torch.Generator().manual_seed(seed)}
            self.preparing = True
            try:
                self._edit.prepare(lambda policy, **overrides: self._recorded(policy, args, image, kwargs, overrides))
            finally:
                self.preparing = False
        if own := getattr(self._edit, "arguments", {}):
            if any("negative" in name for name in own):  # one negative text, said in one way
                kwargs = {name: value for name, value in kwargs.items() if "negative" not in name}
            kwargs = kwargs | {name: _times(value, _texts(args, kwargs, image)) for name, value in own.items()}
        repeats, self._first = getattr(self._edit, "repeats", 1), None
        for _ in range(repeats - 1):
            self._pass(self._edit, args, image, kwargs | {"output_type": "latent", "return_dict": True})
            image, self._first = self._result, self._first or self.run
        return self._pass(self._edit, args, image, kwargs)

    def _recorded(
        self, policy: Policy, args: tuple[Any, ...], image: Any, kwargs: dict[str, Any], overrides: dict[str, Any]
    ) -> Run:
        kwargs = {name: value for name, value in kwargs.items() if name != "callback_on_step_end"}
        if overrides.pop("unguided", False):
            overrides |= _unguided(self._pipe)
        if any(name.startswith("prompt") for name in overrides):
            # Another text: nothing of the caller's may speak along.
            count = _texts(args, kwargs, image)
            kwargs = {name: value for name, value in kwargs.items() if "prompt" not in name or "num_" in name}
            args, overrides = (), {name: _times(value, count) for name, value in overrides.items()}
        kwargs |= {"generator": _copied(kwargs["generator"]), "output_type": "latent"} | overrides
        self._pass(policy, args, image, kwargs)
        assert self.run is not None
        return self.run

    def _pass(self, policy: Policy, args: tuple[Any, ...], image: Any, kwargs: dict[str, Any]) -> Any:
        cells = self._route.cells(self._pipe, image, kwargs)
        kwargs = self._scheduled(kwargs, cells)

        def begun(grid: Grid) -> tuple[Sequence[int], int]:
            first = self._edit.plan(grid.noise_levels, self._route.rounding, *cells)
            if first >= grid.steps:
                raise _NothingChanges
            return policy.calls(grid.calls, grid.order, first if self._skip else 0), first

        def heard(run: Run) -> None:
            self.run = run
            self._listener(run)

        generator = kwargs.get("generator")
        scheduler = SteeredScheduler(self._scheduler, self._pipe, policy, begun, cells, generator, heard)
        self._pipe.scheduler = scheduler
        try:
            with shown(self._pipe, scheduler, policy, *self._original):
                output = self._route.call(self._pipe, scheduler, args, image, kwargs)
        finally:
            self._pipe.scheduler = self._scheduler
        return output

    def _scheduled(self, kwargs: dict[str, Any], cells: tuple[int, int]) -> dict[str, Any]:
        """The arguments with as many steps as the edit wants for the ones that were asked for."""
        schedule = getattr(self._edit, "schedule", None)
        if schedule is None:
            return kwargs
        default = inspect.signature(type(self._pipe).__call__).parameters["num_inference_steps"].default
        asked = kwargs.get("num_inference_steps", default)
        wanted = schedule(asked, *cells)
        if wanted == asked:
            return kwargs
        if kwargs.get("sigmas") is not None or kwargs.get("timesteps") is not None:
            sentence = "The edit chooses its own schedule: leave out sigmas and timesteps, or its 'spend'."
            raise InputError("schedule_given", sentence)
        config = self._scheduler.config
        most = min(config.get("num_train_timesteps", wanted), config.get("original_inference_steps", wanted))
        return kwargs | {"num_inference_steps": max(asked, min(wanted, most))}

    @property
    def _result(self) -> torch.Tensor:
        """The clean latents that the last pass ended with, on the latent grid."""
        assert self.run is not None
        latents = self.run.layout.unlike(self.run.state)
        # Qwen-Image takes [B, C, 1, rows, columns] and noises [B, 1, C, rows, columns].
        return latents.transpose(1, 2) if latents.ndim == 5 and latents.shape[1] == 1 else latents

    def _unchanged(self, args: tuple[Any, ...], image: Any, kwargs: dict[str, Any]) -> Any:
        images = image
        if not isinstance(image, (torch.Tensor, np.ndarray)):
            images = image if isinstance(image, list) else [image]
            count = batch_of(args, kwargs, images)
            images = [images[index % len(images)] for index in range(count)]
        elif (count := batch_of(args, kwargs, images)) > len(images):
            images = images[[index % len(images) for index in range(count)]]
        if kwargs.get("return_dict", True):
            return ImagePipelineOutput(images=images)
        return (images, None) if hasattr(self._pipe, "safety_checker") else (images,)

    def _composited(self, image: Any, output: Any) -> Any:
        """Pictures in, pictures out: the original's pixels where the map is 0."""
        originals = image if isinstance(image, list) else [image]
        images = output[0] if isinstance(output, tuple) else output.images
        if not all(isinstance(i, Image.Image) for i in (*originals, *images)):
            return output
        shown = self._changed()
        for index, picture in enumerate(images):
            original = originals[index % len(originals)]
            images[index] = self._over(original, picture, None if shown is None else shown[index])
        return output

    def _changed(self) -> NDArray[np.float64] | None:
        """How much of each picture shows in every latent cell, where the edit lets what changed decide that."""
        if (difference := getattr(self._edit, "difference", None)) is None:
            return None
        assert self.run is not None
        layout, original = self.run.layout, (self._first or self.run).x0
        before, after = (layout.unlike(x).float().cpu().numpy() for x in (original, self.run.state))
        change = self._edit.change_map.cells(layout.rows, layout.columns) / M
        shown: NDArray[np.float64] = difference.alpha(before, after, change)
        return shown

    def _over(self, original: Image.Image, edited: Image.Image, shown: NDArray[np.float64] | None) -> Image.Image:
        canvas = np.asarray(original.convert("RGBA"))
        size = original.size
        decoded = np.asarray(edited.convert("RGB").resize(size, Image.Resampling.LANCZOS), np.float32)
        change_map = self._edit.change_map
        values = change_map.cells(size[1], size[0]) * change_map.strength // 1000
        by_change = None if shown is None else over_pixels(shown, size[1], size[0])
        flat = flatten(canvas, layer(canvas[..., :3], decoded, None, values.astype(np.uint16), shown=by_change))
        return Image.fromarray(flat).convert(original.mode if original.mode in ("RGB", "RGBA") else "RGB")


@contextmanager
def steer(pipe: Any, edit: Edit, *, skip: bool = True, listener: Listener = lambda run: None) -> Iterator[Steered]:
    """Steer `pipe`, a diffusers pipeline, by `edit` until the block ends, whatever happens in it.

    skip: start at the first step that changes anything (the paper's Table 4), which costs less and is the same
    picture; off only to show that. Raises InputError when the pipeline is steered already, takes neither an image nor
    latents, or has a scheduler that cannot be steered.
    """
    if getattr(pipe, "_sfumato_steered", False):
        sentence = "This pipeline is being steered already; leave the other `with steer(...)` block first."
        raise InputError("nested", sentence)
    route = route_of(pipe)
    check_scheduler(pipe.scheduler)
    object.__setattr__(pipe, "_sfumato_steered", True)
    steered = Steered(pipe, edit, route, skip, listener)
    try:
        yield steered
    finally:
        steered.closed = True
        object.__delattr__(pipe, "_sfumato_steered")


def _size(picture: Any) -> tuple[int, int]:
    """Width and height of a picture, or columns and rows of latents."""
    if isinstance(picture, Image.Image):
        return picture.size
    if isinstance(picture, torch.Tensor) and picture.ndim >= 3:
        return picture.shape[-1], picture.shape[-2]
    if isinstance(picture, np.ndarray) and picture.ndim >= 3:
        return picture.shape[-2], picture.shape[-3]
    raise InputError("bad_image", f"`image` is pictures, arrays of pixels or clean latents; this is {type(picture)}.")


def _as_rgb(image: Any) -> Any:
    """Pictures of any mode as pipelines take them: RGB, what is transparent over white."""
    if isinstance(image, list):
        return [_as_rgb(picture) for picture in image]
    if not isinstance(image, Image.Image) or image.mode == "RGB":
        return image
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        raise InputError("bad_mode", f"A picture of mode {image.mode} is not of 8 bits. Convert it to RGB first.")
    if not image.has_transparency_data:
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")


def _texts(args: tuple[Any, ...], kwargs: dict[str, Any], image: Any = None) -> int:
    """How many texts a call says, or should say: one a picture."""
    return batch_of(args, kwargs, image) // int(kwargs.get("num_images_per_prompt", 1) or 1)


class _NothingChanges(Exception):
    """The plan has no step in which any cell is free."""


def _unguided(pipe: Any) -> dict[str, float]:
    """The arguments with which a pipeline takes the model's own answer to a text, without classifier-free guidance.
    For most that is a scale of 1, for those that count from the answer itself (Z-Image) 0: their own rule is asked."""
    takes = inspect.signature(type(pipe).__call__).parameters
    asked = copy.copy(pipe)
    object.__setattr__(asked, "_guidance_scale", 1.0)
    scale = 0.0 if "true_cfg_scale" not in takes and getattr(asked, "do_classifier_free_guidance", False) else 1.0
    scales = {"guidance_scale": scale, "true_cfg_scale": 1.0}
    return {name: value for name, value in scales.items() if name in takes}


def _copied(generator: Any) -> Any:
    """A generator (or a list of them) that will draw what this one would."""
    if isinstance(generator, (list, tuple)):
        return [g.clone_state() for g in generator]
    return generator.clone_state()


def _times(value: Any, count: int) -> Any:
    """One text, or the embeddings of one, for `count` pictures."""
    if isinstance(value, str):
        return [value] * count if count > 1 else value
    if isinstance(value, torch.Tensor) and len(value) == 1 != count:
        return value.repeat(count, *[1] * (value.ndim - 1))
    if isinstance(value, list) and len(value) == 1:
        return value * count
    return value
