"""The pictures of the README, one strip each: `python docs/make_pictures.py [NAME ...]`; `--docker FOLDER`: the docker.

Everything in them is made by the commands a reader would type, with the embedded model, on a scene that it was not
trained on.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from sfumato.cli import main as sfumato
from sfumato.edits.strokes import strokes
from sfumato.models.sketchbook.paint import paint
from sfumato.models.sketchbook.scene import Scene

PICTURES = Path(__file__).parent / "pictures"
SIDE, GAP = 256, 8
RAMP = np.tile(np.linspace(0, 255, SIDE), (SIDE, 1))
WHITE = np.full((SIDE, SIDE), 255.0)
SOURCE = "a summer meadow by day"
WINTER = "a snowy winter scene by day"
AUTUMN = "an autumn meadow at sunset"
WINTER_SEA = ["--prompt", "a snowy winter sea by day with a lighthouse", "--seed", "3"]
SUMMER = Scene(sky="cloudy", background="mountains", trees="none", layout=8)
HILLS = Scene(sky="clear", background="hills", trees="none", object="none", layout=8)
LIGHTHOUSE = Scene(ground="sea", sky="cloudy", trees="none", object="lighthouse", place="middle", layout=4)


class Bench:
    """A folder with the canvas and what becomes of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.save("canvas", Image.fromarray(paint(SUMMER, SIDE)))

    def save(self, name: str, picture: Image.Image) -> Image.Image:
        picture.save(self.folder / f"{name}.png")
        return picture

    def open(self, name: str) -> Image.Image:
        return Image.open(self.folder / f"{name}.png").convert("RGB")

    def grey(self, name: str, values: np.ndarray) -> Image.Image:
        return self.save(name, Image.fromarray(np.rint(values).astype(np.uint8)))

    def apply(self, canvas: str, grey: str, out: str, *options: str) -> Image.Image:
        files = [str(self.folder / f"{name}.png") for name in (canvas, grey, out)]
        _ok(sfumato(["apply", files[0], "--map", files[1], "--flat", files[2], *options]))
        return self.open(out)


def _ok(code: int) -> None:
    if code:
        sys.exit(code)


def soft_inpainting(bench: Bench) -> list[Image.Image]:
    grey = bench.grey("map", RAMP)
    result = bench.apply("canvas", "map", "out", "--edit", "soft-inpainting", "--prompt", AUTUMN, "--seed", "1")
    return [bench.open("canvas"), grey, result]


def sdedit(bench: Bench) -> list[Image.Image]:
    guide = bench.save("strokes", strokes(bench.open("canvas"), colours=8))
    bench.grey("map", WHITE)
    words = ["--edit", "sdedit", "--prompt", SOURCE]
    return [guide, *(bench.apply("strokes", "map", "out", *words, "--strength", s) for s in ("0.4", "0.6", "0.8"))]


def diffedit(bench: Bench) -> list[Image.Image]:
    out = str(bench.folder / "found.png")
    words = ["--prompt", WINTER]
    _ok(sfumato(["find-map", str(bench.folder / "canvas.png"), *words, "--reference-prompt", SOURCE, "--out", out]))
    result = bench.apply("canvas", "found", "out", "--edit", "diffedit", *words, "--set", "mask=soft")
    return [bench.open("canvas"), bench.open("found"), result]


def edit_friendly(bench: Bench) -> list[Image.Image]:
    bench.grey("map", WHITE)
    words = ["--edit", "edit-friendly", "--source-prompt", SOURCE, "--prompt", WINTER, "--strength", "0.7"]
    results = [bench.apply("canvas", "map", "out", *words, "--seed", seed) for seed in ("0", "1", "2")]
    return [bench.open("canvas"), *results]


def fan(bench: Bench) -> list[Image.Image]:
    canvas = bench.save("canvas", Image.fromarray(paint(LIGHTHOUSE, SIDE)))
    for name, more in (("together", []), ("apart", ["--apart"])):
        files = [str(bench.folder / f"{picture}.png") for picture in ("canvas", name)]
        _ok(sfumato(["fan", files[0], *WINTER_SEA, "--labels", "--out", files[1], *more]))
    return [canvas, bench.open("together"), bench.open("apart")]


def four_steps(bench: Bench) -> list[Image.Image]:
    canvas = bench.save("canvas", Image.fromarray(paint(HILLS, SIDE)))
    bench.grey("map", RAMP)
    words = ["--prompt", "a snowy winter meadow by day", "--seed", "2", "--model", "sketchbook-4", "--steps", "4"]
    ways = ("whole", "fractional")
    return [canvas, *(bench.apply("canvas", "map", "out", *words, "--set", f"release={way}") for way in ways)]


STRIPS = {
    "soft-inpainting": soft_inpainting,
    "sdedit": sdedit,
    "diffedit": diffedit,
    "edit-friendly": edit_friendly,
    "fan": fan,
    "four-steps": four_steps,
}


def strip(pictures: list[Image.Image]) -> Image.Image:
    result = Image.new("RGB", (len(pictures) * (SIDE + GAP) - GAP, SIDE), "white")
    for index, picture in enumerate(pictures):
        result.paste(picture.convert("RGB"), (index * (SIDE + GAP), 0))
    return result


def docker(folder: Path) -> Image.Image:
    """Of what `tests/krita/by_hand.py docker` left there: the map, variants, a live draft."""
    states = [Image.open(folder / f"docker_{name}.png").convert("RGB") for name in ("map", "variants", "live_again")]
    width = sum(state.width + GAP for state in states) - GAP
    result = Image.new("RGB", (width, max(state.height for state in states)), "white")
    for index, state in enumerate(states):
        result.paste(state, (sum(before.width + GAP for before in states[:index]), 0))
    return result


def main() -> None:
    if sys.argv[1:2] == ["--docker"]:
        docker(Path(sys.argv[2])).save(PICTURES / "docker.png", optimize=True)
        return
    for name in sys.argv[1:] or STRIPS:
        with tempfile.TemporaryDirectory() as folder:
            strip(STRIPS[name](Bench(Path(folder)))).save(PICTURES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
