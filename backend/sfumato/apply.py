"""`sfumato apply` and `sfumato find-map`: files in, files out, the same jobs as through the server, in this process."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sfumato_wire.geometry import Box, crop_box, softened_reach
from sfumato_wire.levels import Levels
from sfumato_wire.request import Control, Pixels, Request, digest_of

from sfumato import models
from sfumato.change_map import ChangeMap, support
from sfumato.composite import flatten
from sfumato.errors import InputError
from sfumato.pictures import fitted, is_deep, read_canvas, read_map, write_png

if TYPE_CHECKING:
    from sfumato.studio import Finished, Studio


def apply_files(options: argparse.Namespace, settings: dict[str, Any]) -> dict[str, Any]:
    """Carry out the options of `sfumato apply`; gives the report. Raises InputError, SfumatoError."""
    start = time.perf_counter()
    canvas, image = read_canvas(options.canvas)
    if options.flat and is_deep(options.canvas):
        raise InputError(
            "deep",
            f"{options.canvas} has more than 8 bits a channel, and --flat can only write 8. Ask for --layer alone and "
            "lay it over the picture in your painting program: what the map keeps stays as it is.",
        )
    grey = map_of(options.map, canvas)
    control = control_of(options, canvas)
    read = time.perf_counter() - start
    finished, layer = paint(options, settings, canvas, grey, control=control)
    if options.layer:
        write_png(options.layer, layer, image)
    flat = flatten(canvas, layer)
    if options.flat:
        write_flat(options.flat, flat, image)
    return _report(finished, start, read) | {"changed": not np.array_equal(flat, canvas)}


def map_of(path: Path, canvas: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """The map in a file at the canvas's size, uint16 [h, w]. Raises InputError, also when their shapes differ."""
    grey, (height, width) = read_map(path), canvas.shape[:2]
    if grey.shape != (height, width):
        ChangeMap(grey).check_fits(width, height)
        grey = fitted(grey, width, height)
    return grey


def control_of(options: argparse.Namespace, canvas: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The picture for a ControlNet at the canvas's size, RGBA uint8 [h, w, 4], if there is one. Raises InputError."""
    if (options.controlnet is None) != (options.control is None):
        lacking = "--controlnet NAME" if options.controlnet is None else "--control FILE"
        raise InputError("half_control", f"A ControlNet needs --controlnet and --control: add {lacking}.")
    if options.control is None:
        return None
    rgba, image = read_canvas(options.control, "control")
    height, width = canvas.shape[:2]
    if abs(image.width * height - image.height * width) > max(width, height, *image.size):  # more than rounding
        raise InputError(
            "shapes_differ",
            f"The control {options.control} is {image.width} x {image.height}, and the canvas {width} x {height} is "
            "of another shape. Crop one of them.",
        )
    if image.size == (width, height):
        return rgba
    return np.asarray(Image.fromarray(rgba).resize((width, height), Image.Resampling.LANCZOS))


def _guide(options: argparse.Namespace, control: NDArray[np.uint8] | None, box: Box) -> tuple[Control | None, bytes]:
    """What a request says of that picture, the part in the box, and its bytes. Raises InputError, ValueError."""
    if control is None:
        return None, b""
    data, shown = _pixels(control, box, "rgba8")
    return Control(options.controlnet, shown, options.control_weight, *_range_of(options.control_range)), data


def _range_of(said: str) -> tuple[float, float]:
    """BEGIN..END. Raises InputError."""
    begin, dots, end = said.partition("..")
    try:
        return float(begin), float(end if dots else "no end")
    except ValueError:
        raise InputError("bad_range", f"--control-range takes BEGIN..END, such as 0..0.5; this is {said}.") from None


def paint(
    options: argparse.Namespace,
    settings: dict[str, Any],
    canvas: NDArray[np.uint8],
    grey: NDArray[np.uint16],
    studio: Studio | None = None,
    control: NDArray[np.uint8] | None = None,
) -> tuple[Finished, NDArray[np.uint8]]:
    """One job with the options of `sfumato apply` and its layer on the whole canvas, RGBA uint8 [h, w, 4].

    canvas: RGBA uint8 [h, w, 4]. grey: the map as painted, uint16 [h, w]. studio: what several jobs share, such as the
    loaded model; None makes one. control: the picture for a ControlNet, at the canvas's size. Raises InputError,
    SfumatoError."""
    height, width = canvas.shape[:2]
    info = models.find(options.model).info
    painted = support(65535 - grey if options.invert_map else grey) or Box(0, 0, 1, 1)
    reach = softened_reach(options.soften)
    grown = Box(painted.x - reach, painted.y - reach, painted.width + 2 * reach, painted.height + 2 * reach)
    grown = grown.intersection(Box(0, 0, width, height))
    canvas_box = crop_box(grown, width, height, info.native)
    try:
        canvas_bytes, canvas_pixels = _pixels(canvas, canvas_box, "rgba8")
        map_bytes, map_pixels = _pixels(grey, painted, "gray16")
        guide, guide_bytes = _guide(options, control, canvas_box)
        request = Request(
            **_common(options, settings),
            negative_prompt=options.negative_prompt,
            width=width,
            height=height,
            canvas=canvas_pixels,
            change_map=map_pixels,
            guidance_scale=info.guidance_scale if options.guidance is None else options.guidance,
            strength=round(options.strength * 1000),
            levels=Levels(invert=options.invert_map),
            soften=options.soften,
            control=guide,
        )
    except ValueError as error:
        raise InputError("bad_request", str(error)) from None
    finished = _run(request, canvas_bytes, map_bytes, guide_bytes, studio)
    layer = np.zeros_like(canvas)
    if finished.layer is not None:
        box = finished.layer.box
        layer[box.y : box.bottom, box.x : box.right] = _rgba(finished)
    return finished, layer


def find_map_file(options: argparse.Namespace, settings: dict[str, Any]) -> dict[str, Any]:
    """Carry out the options of `sfumato find-map`; gives the report. Raises InputError, SfumatoError."""
    start = time.perf_counter()
    canvas, _ = read_canvas(options.canvas)
    control = control_of(options, canvas)
    height, width = canvas.shape[:2]
    whole = Box(0, 0, width, height)
    try:
        canvas_bytes, canvas_pixels = _pixels(canvas, whole, "rgba8")
        guide, guide_bytes = _guide(options, control, whole)
        request = Request(
            **_common(options, settings),
            task="map",
            width=width,
            height=height,
            canvas=canvas_pixels,
            change_map=None,
            guidance_scale=options.guidance,
            control=guide,
        )
    except ValueError as error:
        raise InputError("bad_request", str(error)) from None
    read = time.perf_counter() - start
    finished = _run(request, canvas_bytes, control=guide_bytes)
    write_png(options.out, _rgba(finished)[..., 0])
    return _report(finished, start, read)


def _common(options: argparse.Namespace, settings: dict[str, Any]) -> dict[str, Any]:
    """The fields of a request that both commands fill in alike."""
    from sfumato.studio.loras import lora_of

    info = models.find(options.model).info
    return {
        "model": options.model,
        "edit": options.edit,
        "prompt": options.prompt,
        "source_prompt": options.source_prompt,
        "seed": options.seed,
        "steps": info.steps if options.steps is None else options.steps,
        "settings": settings,
        "scheduler": options.scheduler,
        "vae": options.vae,
        "loras": tuple(lora_of(said) for said in options.lora),
    }


def _run(
    request: Request, canvas: bytes, change_map: bytes = b"", control: bytes = b"", studio: Studio | None = None
) -> Finished:
    from sfumato.studio import Progressed, Studio

    def show(progress: Progressed) -> None:
        if sys.stderr.isatty():
            step = f" {progress.step}/{progress.steps}" if progress.step < progress.steps else ""
            print(f"\r\x1b[K{progress.stage}{step}", end="", file=sys.stderr, flush=True)

    finished = (studio or Studio()).run(request, canvas, change_map, control, on_progress=show)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    return finished


def _report(finished: Finished, start: float, read: float) -> dict[str, Any]:
    seconds = {"read": round(read, 4), **finished.report["seconds"], "all": round(time.perf_counter() - start, 4)}
    return finished.report | {"seconds": seconds}


def _rgba(finished: Finished) -> np.ndarray[Any, Any]:
    assert finished.layer is not None
    return np.frombuffer(finished.data, np.uint8).reshape(finished.layer.height, finished.layer.width, 4)


def _pixels(array: np.ndarray[Any, Any], box: Box, format: str) -> tuple[bytes, Pixels]:
    part = array[box.y : box.bottom, box.x : box.right]
    data = np.ascontiguousarray(part, part.dtype.newbyteorder("<")).tobytes()
    return data, Pixels(box.x, box.y, box.width, box.height, format, digest_of(data))


def write_flat(path: Path, flat: NDArray[np.uint8], image: Image.Image) -> None:
    """A canvas that was edited, RGBA uint8 [h, w, 4], with alpha if the file that it was read from has it."""
    has_alpha = image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
    write_png(path, flat if has_alpha else flat[..., :3], image)
