"""Rows of pictures with captions on one plate: a light mount with dark letters, which can be read on any page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

MOUNT, INK = "#e9e8e5", "#232220"
GAP, LINE = 8, 18  # pixels
LETTERS = 13


@dataclass(frozen=True)
class Row:
    """Pictures of one height, side by side: uint8 [h, w, 3] or [h, w], a map uint16 [h, w], or Pillow's.

    name: written at the left. captions: below the pictures, one for each or none at all."""

    pictures: Sequence[NDArray[Any] | Image.Image]
    name: str = ""
    captions: Sequence[str] = ()


def strips(rows: Sequence[Row], columns: Sequence[str] = (), side: int = 160) -> Image.Image:
    """The rows below each other, RGB. columns: what is written above the columns. side: the height of every picture
    in pixels; the width follows.

    Raises ValueError for no pictures, other arrays, captions that are more or fewer than pictures, and letters that the
    font that comes with Pillow does not have (it has those of English).
    """
    if not any(row.pictures for row in rows):
        raise ValueError("There are no pictures to lay out.")
    laid = [[_at_height(picture, side) for picture in row.pictures] for row in rows]
    for row in rows:
        if row.captions and len(row.captions) != len(row.pictures):
            raise ValueError(f"A row has {len(row.pictures)} pictures and {len(row.captions)} captions.")
    font = ImageFont.load_default(LETTERS)
    _check_letters(font, "".join([*columns, *(word for row in rows for word in (row.name, *row.captions))]))
    count = max(map(len, laid))
    widths = [max(line[i].width for line in laid if i < len(line)) for i in range(count)]
    if len(columns) > count:
        raise ValueError(f"There are {len(columns)} columns named and {count} of pictures.")
    names = max(round(font.getlength(row.name)) for row in rows)
    left = GAP + names + (GAP if names else 0)
    heads = _height(columns, widths, font)
    feet = [_height(row.captions, widths, font) for row in rows]
    size = (left + sum(widths) + GAP * count, heads + sum(side + foot for foot in feet) + GAP * (len(rows) + 1))
    plate = Image.new("RGB", size, MOUNT)
    draw = ImageDraw.Draw(plate)
    lefts = [left + sum(widths[:i]) + GAP * i for i in range(count)]
    y = GAP
    for x, width, said in zip(lefts, widths, columns, strict=False):
        draw.multiline_text((x + width / 2, y), _wrapped(said, width, font), INK, font, "ma", align="center")
    y += heads
    for row, line, foot in zip(rows, laid, feet, strict=True):
        draw.text((GAP, y + side / 2), row.name, INK, font, "lm")
        for x, picture in zip(lefts, line, strict=False):
            plate.paste(picture, (x, y))
        for x, picture, said in zip(lefts, line, row.captions, strict=False):
            wrapped = _wrapped(said, picture.width, font)
            draw.multiline_text((x + picture.width / 2, y + side + 4), wrapped, INK, font, "ma", align="center")
        y += side + foot + GAP
    return plate


def data_uri(image: Image.Image) -> str:
    """The picture as the address of itself, for a page that needs no other file: PNG in base64."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _at_height(picture: NDArray[Any] | Image.Image, side: int) -> Image.Image:
    if isinstance(picture, np.ndarray):
        if picture.dtype == np.uint16 and picture.ndim == 2:
            picture = ((picture.astype(np.uint32) + 128) // 257).astype(np.uint8)
        if picture.dtype != np.uint8 or (picture.ndim != 2 and picture.shape[2:] != (3,)):
            raise ValueError(f"A picture is uint8 [h, w, 3], or a grey; this is {picture.dtype} {picture.shape}.")
        picture = Image.fromarray(picture)
    picture = picture.convert("RGB")
    if picture.height == side:
        return picture
    return picture.resize((max(1, round(picture.width * side / picture.height)), side), Image.Resampling.LANCZOS)


def _wrapped(said: str, width: int, font: Any) -> str:
    """Broken between words where a line would be wider than the picture."""
    lines = [""]
    for word in said.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)


def _height(captions: Sequence[str], widths: Sequence[int], font: Any) -> int:
    wrapped = [_wrapped(said, width, font) for said, width in zip(captions, widths, strict=False)]
    return max((LINE * (said.count("\n") + 1) for said in wrapped if said), default=0)


def _check_letters(font: Any, said: str) -> None:
    absent = bytes(font.getmask("\ue000"))  # the box that stands for a letter that a font does not have
    missing = sorted({letter for letter in said if not letter.isspace() and bytes(font.getmask(letter)) == absent})
    if missing:
        raise ValueError(f"The captions' font has no {' '.join(missing)}. Say it with other letters.")
