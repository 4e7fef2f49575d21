"""`with steer(pipe, edit) as steered:` runs any diffusers image-to-image pipeline under an edit."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.pipeline_utils import ImagePipelineOutput
from PIL import Image

from sfumato.change_map import ChangeMap, Rounding
from sfumato.composite import flatten, layer
from sfumato.steering.scheduler import Edit, SteeredScheduler


class Steered:
    """The pipeline as a callable: its own arguments without `strength`, its own output.

    image: pictures or clean latents. The caller owns `generator`; its draws are the pipeline's own, in their order.
    Pictures come back composited: where the map is 0 they are the original's pixels. A map that changes nothing gives
    the image back at once, with no model call and nothing drawn from the generator.
    """

    def __init__(self, pipe: Any, edit: Edit, change_map: ChangeMap, skip: bool) -> None:
        self._pipe, self._edit, self._map, self._skip = pipe, edit, change_map, skip
        self._scheduler = pipe.scheduler
        self.scheduler: SteeredScheduler | None = None

    def __call__(self, *args: Any, image: Any, **kwargs: Any) -> Any:
        if "strength" in kwargs:
            raise ValueError(
                "Leave out strength: the map says how much each pixel may change, and its own strength scales it "
                "(ChangeMap(values, strength=...))."
            )
        originals = image if isinstance(image, list) else [image]
        pictures = all(isinstance(i, Image.Image) for i in originals)
        if pictures and kwargs.get("output_type", "pil") not in ("pil", "latent"):
            raise ValueError("Pictures are composited as pictures: ask for output_type 'pil' or 'latent'.")
        steps = self._steps(kwargs)
        rows, columns = _latent_grid(self._pipe, image, kwargs)
        first = self._edit.plan(steps, rounding_of(self._pipe), rows, columns)
        if first >= steps:
            return self._unchanged(args, image, kwargs)
        start = first if self._skip else 0
        self.scheduler = SteeredScheduler(self._scheduler, self._pipe, self._edit, start, (rows, columns))
        self._pipe.scheduler = self.scheduler
        strength = strength_for(self._pipe, steps, steps - start)
        output = self._pipe(*args, image=image, strength=strength, **kwargs)
        return self._composited(image, output)

    def _steps(self, kwargs: dict[str, Any]) -> int:
        for name in ("timesteps", "sigmas"):
            if kwargs.get(name) is not None:
                return len(kwargs[name])
        default = inspect.signature(type(self._pipe).__call__).parameters["num_inference_steps"].default
        return int(kwargs.get("num_inference_steps", default))

    def _unchanged(self, args: tuple[Any, ...], image: Any, kwargs: dict[str, Any]) -> Any:
        images = image
        if not isinstance(image, (torch.Tensor, np.ndarray)):
            images = image if isinstance(image, list) else [image]
            prompt = kwargs.get("prompt", args[0] if args else None)
            prompts = len(prompt) if isinstance(prompt, list) else 1
            count = max(prompts, len(images)) * kwargs.get("num_images_per_prompt", 1)
            images = [images[index * len(images) // count] for index in range(count)]
        return ImagePipelineOutput(images=images) if kwargs.get("return_dict", True) else (images,)

    def _composited(self, image: Any, output: Any) -> Any:
        """Pictures in, pictures out: the original's pixels where the map is 0."""
        originals = image if isinstance(image, list) else [image]
        images = output[0] if isinstance(output, tuple) else output.images
        if not all(isinstance(i, Image.Image) for i in (*originals, *images)):
            return output
        for index, picture in enumerate(images):
            images[index] = self._over(originals[index * len(originals) // len(images)], picture)
        return output

    def _over(self, original: Image.Image, edited: Image.Image) -> Image.Image:
        canvas = np.asarray(original.convert("RGBA"))
        size = original.size
        decoded = np.asarray(edited.convert("RGB").resize(size, Image.Resampling.LANCZOS), np.float32)
        values = self._map.cells(size[1], size[0])
        values = values * self._map.strength // 1000
        flat = flatten(canvas, layer(canvas[..., :3], decoded, None, values.astype(np.uint16)))
        return Image.fromarray(flat).convert(original.mode if original.mode in ("RGB", "RGBA") else "RGB")


@contextmanager
def steer(pipe: Any, edit: Edit, *, skip: bool = True) -> Iterator[Steered]:
    """Steer `pipe`, a diffusers image-to-image pipeline, by `edit` until the block ends, whatever happens in it.

    skip: start at the first step that changes anything (the paper's Table 4), which costs less and is the same
    picture; off only to show that. Raises ValueError when the pipeline is steered already or is no image-to-image
    pipeline.
    """
    if isinstance(pipe.scheduler, SteeredScheduler):
        raise ValueError("This pipeline is being steered already; leave the other `with steer(...)` block first.")
    if not hasattr(pipe, "get_timesteps"):
        raise ValueError(
            f"{type(pipe).__name__} starts from noise. Give its image-to-image pipeline (from_pipe helps)."
        )
    scheduler = pipe.scheduler
    try:
        yield Steered(pipe, edit, edit.change_map, skip)
    finally:
        pipe.scheduler = scheduler


def _probe(pipe: Any, steps: int, strength: float) -> int:
    """How many of N steps this pipeline's class runs at a strength, by asking its own get_timesteps."""
    scheduler = SimpleNamespace(timesteps=torch.arange(steps), order=1)
    stub = SimpleNamespace(scheduler=scheduler)
    timesteps, _ = type(pipe).get_timesteps(stub, steps, strength, "cpu")
    return len(timesteps)


def rounding_of(pipe: Any) -> Rounding:
    """The rule by which the pipeline turns strength into steps: half of 3 steps are 1 (floor) or 2 (ceil)."""
    return "ceil" if _probe(pipe, 3, 0.5) == 2 else "floor"


def strength_for(pipe: Any, steps: int, run: int) -> float:
    """A strength at which the pipeline runs exactly the last `run` of `steps` steps; run / steps itself often fails."""
    for strength in (min(1.0, (run + 0.5) / steps), (run - 0.5) / steps):
        if _probe(pipe, steps, strength) == run:
            return strength
    raise ValueError(f"{type(pipe).__name__} cannot be made to run {run} of {steps} steps.")


def _latent_grid(pipe: Any, image: Any, kwargs: dict[str, Any]) -> tuple[int, int]:
    """Rows and columns of the latents that the pipeline will make of `image`."""
    first = image[0] if isinstance(image, list) else image
    if isinstance(first, torch.Tensor) and first.shape[-3] == pipe.vae.config.latent_channels:
        return int(first.shape[-2]), int(first.shape[-1])
    if "height" in inspect.signature(type(pipe).__call__).parameters:
        default = pipe.default_sample_size * pipe.vae_scale_factor
        height, width = kwargs.get("height") or default, kwargs.get("width") or default
    elif isinstance(first, Image.Image):
        width, height = first.size
    else:
        height, width = first.shape[-2:] if isinstance(first, torch.Tensor) else first.shape[-3:-1]
    token = 2 if hasattr(pipe, "_pack_latents") else 1
    cell = pipe.vae_scale_factor * token
    return token * (height // cell), token * (width // cell)
