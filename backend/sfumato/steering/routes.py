"""How a pipeline is given its start: as an image-to-image pipeline, or from noise with latents in hand."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, Protocol

import torch
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import Tensor

from sfumato.change_map import Rounding
from sfumato.errors import InputError
from sfumato.steering.grid import noised
from sfumato.steering.layout import Layout, packs_itself
from sfumato.steering.scheduler import SteeredScheduler
from sfumato.steering.vae import encoded, in_patches, is_latents, scale_of


class Route(Protocol):
    rounding: Rounding

    def cells(self, pipe: Any, image: Any, kwargs: dict[str, Any]) -> tuple[int, int]:
        """Rows and columns of the latents that `image` becomes."""

    def call(
        self, pipe: Any, scheduler: SteeredScheduler, args: tuple[Any, ...], image: Any, kwargs: dict[str, Any]
    ) -> Any:
        """Run the pipeline over the scheduler's planned calls; its output."""


def route_of(pipe: Any) -> Route:
    """Raises InputError, with what to use instead, for a pipeline that cannot be steered."""
    name, takes = type(pipe).__name__, _takes(pipe)
    maker = "FluxImg2ImgPipeline" if name == "FluxFillPipeline" else "AutoPipelineForImage2Image"
    instead = f"Use the image-to-image pipeline of the same model ({maker}.from_pipe makes one)."
    if "mask_image" in takes:
        raise _refused(f"{name} is for inpainting by a mask, whose place the change map takes. {instead}")
    if {"original_inference_steps", "strength"} <= takes:
        raise _refused(
            f"{name} draws up another schedule for every strength, so pixels of different strengths share none. "
            "Load the model as StableDiffusionImg2ImgPipeline with an LCMScheduler."
        )
    if {"num_frames", "video"} & takes:
        raise _refused(f"{name} makes videos; a change map is for one picture.")
    from_image = hasattr(pipe, "get_timesteps") and {"image", "strength"} <= takes
    from_latents = {"latents", "num_inference_steps"} <= takes
    if not hasattr(pipe, "scheduler") or not (from_image or from_latents):
        raise _refused(f"{name} takes neither an image with a strength nor latents to start from. {instead}")
    if getattr(pipe, "vae", getattr(pipe, "movq", None)) is None:
        raise _refused(f"{name} has no VAE of its own, and Sfumato steers latents. Use a latent-diffusion pipeline.")
    if from_image:
        return ImageRoute(rounding_of(pipe))
    if "controlnet_conditioning_scale" in takes and "control_image" not in takes:
        raise _refused(f"{name} takes `image` for the control picture. {instead}")
    return LatentsRoute()


class ImageRoute:
    """An image-to-image pipeline: it encodes, noises and runs the last steps itself. Which steps, we say."""

    def __init__(self, rounding: Rounding) -> None:
        self.rounding = rounding

    def cells(self, pipe: Any, image: Any, kwargs: dict[str, Any]) -> tuple[int, int]:
        first = image[0] if isinstance(image, list) else image
        if is_latents(pipe, first):
            return int(first.shape[-2]), int(first.shape[-1])
        if "height" in (takes := inspect.signature(type(pipe).__call__).parameters):
            side = getattr(pipe, "default_sample_size", 0) * scale_of(pipe)
            kwargs = {name: kwargs.get(name) or takes[name].default or side for name in ("height", "width")}
        height, width = _worked_at(pipe, first, kwargs)
        return height // scale_of(pipe), width // scale_of(pipe)

    def call(
        self, pipe: Any, scheduler: SteeredScheduler, args: tuple[Any, ...], image: Any, kwargs: dict[str, Any]
    ) -> Any:
        for name in ("denoising_start", "denoising_end"):
            if kwargs.get(name) is not None:
                raise _refused(f"Leave out {name}: the map says where each pixel starts, and all end clean.")
        if is_latents(pipe, image) and "height" in _takes(pipe):
            rows, columns = (scale_of(pipe) * cells for cells in image.shape[-2:])
            kwargs = {"height": rows, "width": columns} | kwargs

        def get_timesteps(*_: Any, **__: Any) -> tuple[Tensor, int]:
            timesteps = scheduler.timesteps
            return timesteps, -(-len(timesteps) // scheduler.order)

        # The strength is only what the pipeline's checks want to see. Which steps run is what get_timesteps says; the
        # obvious strength of n / N would be a step off for hundreds of pairs.
        object.__setattr__(pipe, "get_timesteps", get_timesteps)
        try:
            with _left_alone(pipe, image):
                return pipe(*args, image=image, strength=1.0, **kwargs)
        finally:
            object.__delattr__(pipe, "get_timesteps")


class LatentsRoute:
    """A text-to-image pipeline that takes latents: we encode and noise, and it runs the last steps.

    At which level it begins only the pipeline knows (shifts come from its own arithmetic), so it is asked: a first call
    goes as far as its schedule. The picture is `image`, pictures or clean latents in the form of the pipeline's own
    (before packing); a pipeline's own `image` argument for references is not used. Rounding is the flow families' own.
    """

    rounding: Rounding = "ceil"

    def cells(self, pipe: Any, image: Any, kwargs: dict[str, Any]) -> tuple[int, int]:
        if isinstance(image, Tensor) and image.ndim > 3 and image.shape[1] > 3:
            return int(image.shape[-2]), int(image.shape[-1])
        first = image[0] if isinstance(image, list) else image
        if not isinstance(first, Image.Image):
            raise _refused(f"{type(pipe).__name__} is steered with pictures (PIL) or clean latents as `image`.")
        height, width = _worked_at(pipe, first, kwargs)
        return height // _cell(pipe), width // _cell(pipe)

    @torch.no_grad()
    def call(
        self, pipe: Any, scheduler: SteeredScheduler, args: tuple[Any, ...], image: Any, kwargs: dict[str, Any]
    ) -> Any:
        rows, columns = (_cell(pipe) * cells for cells in self.cells(pipe, image, kwargs))
        # Pipelines that bend sizes to those they were trained at would bend away from the latents.
        own = {"height": rows, "width": columns, "use_resolution_binning": False}
        kwargs = kwargs | {name: value for name, value in own.items() if name in _takes(pipe)}
        x0 = image if isinstance(image, Tensor) else _encoded(pipe, image, rows, columns, kwargs.get("generator"))
        denoiser = getattr(pipe, "unet", None) or pipe.transformer
        x0 = x0.to(pipe._execution_device, denoiser.dtype)
        count = batch_of(args, kwargs, x0)
        x0 = x0.repeat(count // len(x0), *[1] * (x0.ndim - 1))
        noise = randn_tensor(x0.shape, kwargs.get("generator"), x0.device, x0.dtype)

        def form(latents: Tensor) -> Tensor:
            return latents if packs_itself(pipe) else Layout(pipe, latents).like(latents)

        scheduler.asking = True
        try:
            pipe(*args, latents=form(x0), **kwargs)
        except SteeredScheduler.Asked:
            pass
        finally:
            scheduler.asking = False
        start = noised(scheduler, x0, noise, scheduler.timesteps[:1])
        scheduler.given_start = True
        return pipe(*args, latents=form(start), **kwargs)


def batch_of(args: tuple[Any, ...], kwargs: dict[str, Any], images: Any = None) -> int:
    """How many pictures a call makes. Raises InputError when `images`, which it takes in turn, do not go into it."""
    prompt = kwargs.get("prompt", args[0] if args else None)
    embeds = kwargs.get("prompt_embeds", kwargs.get("image_embeds"))
    texts = len(prompt) if isinstance(prompt, list) else len(embeds) if embeds is not None else 1
    count = texts * int(kwargs.get("num_images_per_prompt", 1) or 1)
    pictures = len(images) if isinstance(images, (list, Tensor)) else 1
    if count % pictures:
        raise _refused(
            f"{pictures} pictures cannot be shared out over {count} results: give a prompt for each, or one picture."
        )
    return count


def rounding_of(pipe: Any) -> Rounding:
    """The rule by which the pipeline turns strength into steps, by asking its class's get_timesteps what half of 3
    steps are: 1 (floor) or 2 (ceil)."""
    scheduler = SimpleNamespace(timesteps=torch.arange(3), order=1)
    timesteps, _ = type(pipe).get_timesteps(SimpleNamespace(scheduler=scheduler), 3, 0.5, "cpu")
    return "ceil" if len(timesteps) == 2 else "floor"


def _refused(sentence: str) -> InputError:
    return InputError("cannot_steer", sentence)


def _takes(pipe: Any) -> set[str]:
    return set(inspect.signature(type(pipe).__call__).parameters)


def _cell(pipe: Any) -> int:
    """Pixels of a side of a cell of the latents that a pipeline's `latents` are; Flux.2's are patches of 2 x 2."""
    return scale_of(pipe) * (2 if in_patches(pipe) else 1)


def _worked_at(pipe: Any, picture: Any, kwargs: dict[str, Any]) -> tuple[int, int]:
    """Height and width, in pixels, to which the pipeline brings a picture."""
    if isinstance(picture, Image.Image):
        width, height = picture.size
    else:
        height, width = picture.shape[-2:] if isinstance(picture, Tensor) else picture.shape[-3:-1]
    height, width = kwargs.get("height") or height, kwargs.get("width") or width
    multiple = int(pipe.image_processor.config.vae_scale_factor)
    if min(height, width) < multiple:
        raise _refused(
            f"The picture has {width} x {height} pixels, and {type(pipe).__name__} works on multiples of {multiple}. "
            "Scale the picture up."
        )
    return height - height % multiple, width - width % multiple


@contextmanager
def _left_alone(pipe: Any, latents: Any) -> Iterator[None]:
    """Latents pass a pipeline's image processor as they are: some processors would take them for a picture. So they do
    where a pipeline encodes whatever it is given, as that of Flux with a ControlNet does."""
    if not isinstance(latents, Tensor) or not is_latents(pipe, latents):
        yield
        return
    processor = pipe.image_processor
    preprocess = processor.preprocess

    def passed(image: Any, *args: Any, **kwargs: Any) -> Any:
        return image if image is latents else preprocess(image, *args, **kwargs)

    encode = getattr(pipe, "_encode_vae_image", None)

    def left(image: Tensor, *args: Any, **kwargs: Any) -> Any:
        return image if encode is None or is_latents(pipe, image) else encode(image, *args, **kwargs)

    processor.preprocess = passed
    if encode is not None:
        object.__setattr__(pipe, "_encode_vae_image", left)
    try:
        yield
    finally:
        del processor.preprocess
        if encode is not None:
            object.__delattr__(pipe, "_encode_vae_image")


def _encoded(pipe: Any, image: Any, height: int, width: int, generator: Any) -> Tensor:
    """The picture as clean latents, in the form that the pipeline's `latents` argument takes before packing."""
    pixels = pipe.image_processor.preprocess(image, height=height, width=width)
    pixels = pixels.to(pipe._execution_device, pipe.vae.dtype)
    if hasattr(pipe, "_encode_vae_image"):
        latents: Tensor = pipe._encode_vae_image(pixels, generator)
        return latents
    if pipe.vae.config.get("scaling_factor") is None:
        raise _refused(f"How {type(pipe).__name__} encodes pictures is not known: give clean latents as `image`.")
    return encoded(pipe, pixels)
