"""How a pipeline is given its start: as an image-to-image pipeline, or from noise with latents in hand."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any, Protocol

import torch
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import Tensor

from sfumato.change_map import Rounding
from sfumato.steering.grid import noised
from sfumato.steering.scheduler import SteeredScheduler


class Route(Protocol):
    rounding: Rounding

    def cells(self, pipe: Any, image: Any, kwargs: dict[str, Any]) -> tuple[int, int]:
        """Rows and columns of the latents that `image` becomes."""

    def call(
        self, pipe: Any, scheduler: SteeredScheduler, args: tuple[Any, ...], image: Any, kwargs: dict[str, Any]
    ) -> Any:
        """Run the pipeline over the scheduler's planned calls; its output."""


def route_of(pipe: Any) -> Route:
    """Raises ValueError for a pipeline that takes neither an image nor latents."""
    takes = inspect.signature(type(pipe).__call__).parameters
    if hasattr(pipe, "get_timesteps") and {"image", "strength"} <= set(takes):
        return ImageRoute(rounding_of(pipe))
    if "latents" in takes and "num_inference_steps" in takes and "mask_image" not in takes:
        return LatentsRoute()
    raise ValueError(
        f"{type(pipe).__name__} takes neither an image with a strength nor latents to start from. Use an "
        "image-to-image pipeline (AutoPipelineForImage2Image.from_pipe helps) or one that takes latents."
    )


class ImageRoute:
    """An image-to-image pipeline: it encodes, noises and runs the last steps itself. Which steps, we say."""

    def __init__(self, rounding: Rounding) -> None:
        self.rounding = rounding

    def cells(self, pipe: Any, image: Any, kwargs: dict[str, Any]) -> tuple[int, int]:
        first = image[0] if isinstance(image, list) else image
        if isinstance(first, Tensor) and first.shape[0 if first.ndim == 3 else 1] == _latent_channels(pipe):
            return int(first.shape[-2]), int(first.shape[-1])
        scale = getattr(pipe, "vae_scale_factor", None) or pipe.movq_scale_factor
        if "height" in inspect.signature(type(pipe).__call__).parameters:
            default = getattr(pipe, "default_sample_size", 64) * scale
            height, width = kwargs.get("height") or default, kwargs.get("width") or default
        elif isinstance(first, Image.Image):
            width, height = first.size
        else:
            height, width = first.shape[-2:] if isinstance(first, Tensor) else first.shape[-3:-1]
        token = 2 if hasattr(pipe, "_pack_latents") else 1
        return token * (height // (scale * token)), token * (width // (scale * token))

    def call(
        self, pipe: Any, scheduler: SteeredScheduler, args: tuple[Any, ...], image: Any, kwargs: dict[str, Any]
    ) -> Any:
        if kwargs.get("denoising_start") is not None:
            raise ValueError("Leave out denoising_start: the map says where each pixel starts.")

        def get_timesteps(*_: Any, **__: Any) -> tuple[Tensor, int]:
            timesteps = scheduler.timesteps
            return timesteps, -(-len(timesteps) // scheduler.order)

        # The strength is only what the pipeline's checks want to see. Which steps run is what get_timesteps says; the
        # obvious strength of n / N would be a step off for hundreds of pairs.
        object.__setattr__(pipe, "get_timesteps", get_timesteps)
        try:
            return pipe(*args, image=image, strength=1.0, **kwargs)
        finally:
            object.__delattr__(pipe, "get_timesteps")


class LatentsRoute:
    """A text-to-image pipeline that takes latents: we encode and noise, and it runs the last steps.

    At which level it begins only the pipeline knows (shifts come from its own arithmetic), so it is asked: a first call
    goes as far as its schedule. The picture is `image`; a pipeline's own `image` argument for references is not used.
    """

    rounding: Rounding = "ceil"

    def cells(self, pipe: Any, image: Any, kwargs: dict[str, Any]) -> tuple[int, int]:
        if _is_latents(image):
            return int(image.shape[-2]), int(image.shape[-1])
        width, height = image.size
        cell = _cell(pipe)
        return height // cell, width // cell

    def call(
        self, pipe: Any, scheduler: SteeredScheduler, args: tuple[Any, ...], image: Any, kwargs: dict[str, Any]
    ) -> Any:
        generator = kwargs.get("generator")
        rows, columns = self.cells(pipe, image, kwargs)
        cell = _cell(pipe)
        kwargs = {"height": rows * cell, "width": columns * cell} | kwargs
        x0 = image if _is_latents(image) else _encoded(pipe, image, rows * cell, columns * cell, generator)
        count = batch_of(args, kwargs, x0)
        x0 = x0.repeat(count // len(x0), *[1] * (x0.ndim - 1))
        noise = randn_tensor(x0.shape, generator, x0.device, x0.dtype)
        scheduler.asking = True
        try:
            pipe(*args, latents=x0, **kwargs)
        except SteeredScheduler.Asked:
            pass
        finally:
            scheduler.asking = False
        start = noised(scheduler, x0, noise, scheduler.timesteps[:1])
        scheduler.given_start = True
        return pipe(*args, latents=start, **kwargs)


def batch_of(args: tuple[Any, ...], kwargs: dict[str, Any], images: Any = None) -> int:
    """How many pictures a call makes."""
    prompt = kwargs.get("prompt", args[0] if args else None)
    embeds = kwargs.get("prompt_embeds")
    texts = len(prompt) if isinstance(prompt, list) else len(embeds) if embeds is not None else 1
    pictures = len(images) if isinstance(images, (list, Tensor)) else 1
    return max(texts, pictures) * int(kwargs.get("num_images_per_prompt", 1) or 1)


def rounding_of(pipe: Any) -> Rounding:
    """The rule by which the pipeline turns strength into steps, by asking its class's get_timesteps what half of 3
    steps are: 1 (floor) or 2 (ceil)."""
    scheduler = SimpleNamespace(timesteps=torch.arange(3), order=1)
    timesteps, _ = type(pipe).get_timesteps(SimpleNamespace(scheduler=scheduler), 3, 0.5, "cpu")
    return "ceil" if len(timesteps) == 2 else "floor"


def _latent_channels(pipe: Any) -> int:
    config = (getattr(pipe, "vae", None) or pipe.movq).config
    return int(config.get("latent_channels") or config.get("z_dim") or 4)


def _is_latents(image: Any) -> bool:
    return isinstance(image, Tensor) and image.ndim >= 4 and image.shape[1] > 4


def _cell(pipe: Any) -> int:
    """Pixels of a side of a cell of the latents that the pipeline takes."""
    patches = 2 if hasattr(pipe, "_patchify_latents") or hasattr(pipe, "_pack_latents") else 1
    return int(pipe.vae_scale_factor) * patches


def _encoded(pipe: Any, image: Any, height: int, width: int, generator: Any) -> Tensor:
    """The picture as clean latents, in the form that the pipeline's `latents` argument takes."""
    if not isinstance(image, Image.Image):
        raise ValueError(f"{type(pipe).__name__} is steered with one picture (PIL) or with clean latents as `image`.")
    pixels = pipe.image_processor.preprocess(image, height=height, width=width)
    pixels = pixels.to(pipe.vae.device, pipe.vae.dtype)
    if hasattr(pipe, "_encode_vae_image"):
        latents: Tensor = pipe._encode_vae_image(pixels, generator)
        return latents
    if pipe.vae.config.get("scaling_factor") is None or hasattr(pipe, "_pack_latents"):
        raise ValueError(f"How {type(pipe).__name__} encodes pictures is not known: give clean latents as `image`.")
    clean: Tensor = pipe.vae.encode(pixels).latent_dist.mode()
    shift = pipe.vae.config.get("shift_factor") or 0.0
    scaled: Tensor = (clean - shift) * pipe.vae.config.scaling_factor
    return scaled
