"""The demo's files and figures. Runs in the environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from sfumato.composite import flatten

Pixels = NDArray[np.uint8]

BINS = 16
PAPER, INK, EDGE = (250, 249, 246), (38, 36, 33), (205, 201, 193)


@dataclass(frozen=True)
class Measured:
    """untouched: the largest difference between canvas and result where the map is 0, of `black` such pixels.
    change_by_grey: the mean difference in 8-bit steps for each of BINS ranges of grey, NaN where none was painted."""

    untouched: int
    black: int
    change_by_grey: tuple[float, ...]


def on_canvas(layer: Pixels, at: tuple[int, int], canvas: Pixels) -> Pixels:
    """The layer alone, as large as the canvas."""
    full = np.zeros_like(canvas)
    full[at[1] : at[1] + layer.shape[0], at[0] : at[0] + layer.shape[1]] = layer
    return full


def measure(canvas: Pixels, result: Pixels, change_map: NDArray[np.uint16]) -> Measured:
    difference = np.abs(canvas.astype(int) - result.astype(int)).max(axis=2)
    black = change_map == 0
    bins = change_map.astype(int) * BINS // 65536
    means = tuple(float(difference[bins == i].mean()) if (bins == i).any() else float("nan") for i in range(BINS))
    return Measured(int(difference[black].max(initial=0)), int(black.sum()), means)


def save(folder: Path, canvas: Pixels, change_map: NDArray[np.uint16], layer: Pixels, prompt: str) -> Pixels:
    """Writes canvas.png, map.png, layer.png, result.png and contact.png; gives the result."""
    folder.mkdir(parents=True, exist_ok=True)
    result = flatten(canvas, layer)
    grey = Image.fromarray((change_map // 257).astype(np.uint8))
    Image.fromarray(canvas).save(folder / "canvas.png")
    grey.save(folder / "map.png")
    Image.fromarray(layer).save(folder / "layer.png")
    Image.fromarray(result).save(folder / "result.png")
    greys = np.asarray(grey.convert("RGBA"))
    sheet = [("the canvas", canvas), ("the map: how much may change", greys), (f"“{prompt}”", result)]
    contact(sheet).save(folder / "contact.png")
    return result


def contact(pictures: list[tuple[str, Pixels]], side: int = 384, gap: int = 16) -> Image.Image:
    """The pictures side by side, each with a word under it."""
    text = 40
    sheet = Image.new("RGB", (gap + len(pictures) * (side + gap), gap + side + text), PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(17)
    for i, (name, pixels) in enumerate(pictures):
        x = gap + i * (side + gap)
        picture = Image.fromarray(pixels).convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
        draw.rectangle((x - 1, gap - 1, x + side, gap + side), outline=EDGE)
        sheet.paste(picture, (x, gap))
        draw.text((x + side // 2, gap + side + text // 2), name, fill=INK, font=font, anchor="mm")
    return sheet
