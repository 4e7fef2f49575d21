"""Image files in and out, for the command line and for Python users. Errors are sentences about the file."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from sfumato_wire.limits import MAX_SIDE

from sfumato.errors import InputError

# Decoders that nobody needs are doors that nobody guards.
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")
MAX_PIXELS = 2**28
# What a file is called that holds another kind of picture than the PNG that is written.
_OTHER_SUFFIXES = frozenset(
    ".avif .bmp .exr .gif .heic .heif .jpe .jpeg .jpg .jxl .kra .ora .pdf .psd .svg .tif .tiff .webp .xcf".split()
)


def open_image(path: str | Path, what: str) -> Image.Image:
    """The file's picture, upright. what: "canvas", "map" or "control", for the sentence of an InputError."""
    try:
        with warnings.catch_warnings():
            # Pillow warns at a third of the size that we allow; our own limit is checked below, before decoding.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                if max(image.size) > MAX_SIDE or image.width * image.height > MAX_PIXELS:
                    raise InputError(
                        "too_large",
                        f"The {what} {path} has {image.width} x {image.height} pixels; at most {MAX_PIXELS} are "
                        "possible. Scale it down first.",
                    )
                if getattr(image, "n_frames", 1) > 1:
                    sentence = f"The {what} {path} holds several pictures. Save the one you mean alone."
                    raise InputError("animated", sentence)
                return ImageOps.exif_transpose(image)
    except FileNotFoundError:
        raise InputError("no_file", f"There is no {what} at {path}. Check the name.") from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        formats = ", ".join(FORMATS)
        raise InputError(
            "unreadable",
            f"The {what} {path} cannot be read as a picture ({error}). Save it again as one of {formats}.",
        ) from None


def read_canvas(path: str | Path, what: str = "canvas") -> tuple[NDArray[np.uint8], Image.Image]:
    """RGBA, uint8 [height, width, 4], and the image it came from. what: as in `open_image`."""
    image = open_image(path, what)
    return np.asarray(_deep_to_8(image).convert("RGBA")), image


def is_deep(path: str | Path) -> bool:
    """Whether the file has more than 8 bits a channel, also where Pillow would not say so once it is read."""
    with Image.open(path, formats=FORMATS) as image:
        return image.mode.startswith(("I", "F")) or any("16" in str(tile.args) for tile in image.tile)


def read_map(path: str | Path) -> NDArray[np.uint16]:
    """Grey times alpha, uint16 [height, width]; an 8-bit grey v is 257 v, 16-bit files keep their depth."""
    image = open_image(path, "map")
    if image.mode in ("I;16", "I;16B", "I;16L", "I"):
        return np.clip(np.asarray(image.convert("I")), 0, 65535).astype(np.uint16)
    if image.mode == "F":
        if not np.isfinite(np.asarray(image)).all():
            raise InputError("bad_map", f"The map {path} holds NaN or infinity. Save it again as a grey picture.")
        return np.round(np.clip(np.asarray(image), 0.0, 1.0) * 65535).astype(np.uint16)
    grey, alpha = image.convert("RGBA").convert("LA").split()
    return grey_times_alpha(np.asarray(grey, np.uint16) * 257, np.asarray(alpha, np.uint16) * 257)


def fitted(grey: NDArray[np.uint16], width: int, height: int) -> NDArray[np.uint16]:
    """The map at another size: means of pixels where it shrinks, straight lines between them where it grows."""
    shrinks = grey.shape[0] > height
    how = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    # Floats of 24 bits hold 16-bit greys and their means well enough to be rounded.
    resized = Image.fromarray(grey.astype(np.float32)).resize((width, height), how)
    return np.clip(np.rint(np.asarray(resized)), 0, 65535).astype(np.uint16)


def grey_times_alpha(grey: NDArray[np.uint16], alpha: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """The product of two 16-bit fractions, rounded half up; full alpha leaves the grey as it is."""
    product = grey.astype(np.uint32) * alpha
    return ((product + 32767) // 65535).astype(np.uint16)


def write_png(
    path: str | Path, pixels: NDArray[np.uint8] | NDArray[np.uint16], like: Image.Image | None = None
) -> None:
    """A PNG with the colour profile of `like`, whole or not at all: the file at `path` or that a link there leads to is
    replaced in one step. pixels: [h, w, 3 or 4], or [h, w] for a grey, which may be of 16 bits. Raises InputError when
    it cannot be written or is no ordinary file."""
    # A grey, CMYK or Lab picture's profile would be wrong for the RGB that is written.
    is_rgb = like is not None and like.mode in ("RGB", "RGBA", "P", "PA")
    profile = like.info.get("icc_profile") if like is not None and is_rgb else None
    target = _output_file(path)
    part = _part_of(target)
    try:
        Image.fromarray(pixels).save(part, format="PNG", icc_profile=profile, compress_level=3)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        reason = error.strerror or error
        raise InputError("unwritable", f"{path} cannot be written ({reason}). Choose another place.") from None


def check_output(path: Path) -> None:
    """Raises InputError when `write_png` could not write here: found out before the work, not after it."""
    try:
        if path.is_dir():
            raise InputError("is_folder", f"{path} is a folder. Name a file in it.")
        if path.suffix.lower() in _OTHER_SUFFIXES:
            raise InputError("not_png", f"Pictures are written as PNG. Call {path} {path.with_suffix('.png').name}.")
        target = _output_file(path)
        if not target.parent.is_dir():
            raise InputError("no_folder", f"There is no folder {path.parent} to write {path.name} into. Make it first.")
        # Whoever may write everywhere is told so by os.access, even of folders that take no files.
        with _part_of(target).open("wb"):
            pass
        _part_of(target).unlink()
        writable = not target.exists() or os.access(target, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise InputError("unwritable", f"{path} may not be written. Choose another place.")


def check_outputs(outputs: list[Path | None], inputs: list[Path | None]) -> None:
    """Raises InputError when one of the outputs cannot be written, would replace a picture that is read, or is the same
    file as another. None is no file."""
    seen: dict[str, Path] = {}
    for path in filter(None, outputs):
        check_output(path)
        read = [file for file in filter(None, inputs) if os.path.exists(file)]
        if os.path.exists(path) and any(path.samefile(file) for file in read):
            raise InputError("same_input", f"{path} is a picture that is read, and would be lost. Name another file.")
        other = seen.setdefault(os.path.realpath(path), path)
        if other is not path:
            raise InputError("same_output", f"{other} and {path} are the same file. Give each a name of its own.")


def _output_file(path: str | Path) -> Path:
    """Where a file written to `path` comes to lie: a link stays and its target is replaced. Raises InputError for
    devices, pipes and sockets, which a replacement would destroy."""
    target = Path(os.path.realpath(path))
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError("no_plain_file", f"{path} is no ordinary file and is left alone. Name a file to write.")
    if target.is_symlink():
        raise InputError("link_loop", f"{path} is a link that leads to itself. Name a file to write.")
    return target


def _part_of(target: Path) -> Path:
    """What is written before it replaces `target`."""
    return target.with_name(f".{target.name}.{os.getpid()}.part")


def _deep_to_8(image: Image.Image) -> Image.Image:
    if image.mode in ("I;16", "I;16B", "I;16L", "I"):
        deep = np.clip(np.asarray(image.convert("I")), 0, 65535)
        return Image.fromarray(((deep + 128) // 257).astype(np.uint8))
    return image
