"""Training pictures: scenes painted once, by all processes, into an array file that is used again when it exists."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .paint import paint
from .scene import Scene, random_scene

HELD_OUT = 10**6  # training data never uses seeds from here on


def scenes(seed: int, count: int) -> list[Scene]:
    """The same random scenes for the same seed, whatever their number."""
    rng = np.random.default_rng((7, seed))
    return [random_scene(rng) for _ in range(count)]


def held_out(count: int) -> list[Scene]:
    """Scenes no training run has seen."""
    return scenes(HELD_OUT, count)


def _paint_one(scene: Scene, size: tuple[int, int]) -> NDArray[np.uint8]:
    return paint(scene, size)


def _paint_mixed(scene: Scene, size: tuple[int, int]) -> NDArray[np.uint8]:
    """At 256 pixels most of the time, else a part of a larger painting or four small ones: detail at every scale."""
    rng = np.random.default_rng((scene.layout, 99))
    draw = rng.random()
    if draw < 0.65:
        return paint(scene, size)
    if draw < 0.85:
        larger = int(size[0] * rng.choice([1.25, 1.5, 2.0]))
        top, left = rng.integers(larger - size[0] + 1), rng.integers(larger - size[1] + 1)
        return paint(scene, larger)[top : top + size[0], left : left + size[1]]
    half = (size[0] // 2, size[1] // 2)
    small = [paint(part, half) for part in (scene, *(random_scene(rng) for _ in range(3)))]
    return np.concatenate([np.concatenate(small[:2], 1), np.concatenate(small[2:], 1)])


def painted(file: Path, what: list[Scene], size: tuple[int, int], mixed: bool = False) -> NDArray[np.uint8]:
    """All scenes as one memory-mapped uint8 array [n, height, width, 3], cached in ``file``."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        partial_file = file.with_suffix(".part.npy")
        out = np.lib.format.open_memmap(partial_file, mode="w+", dtype=np.uint8, shape=(len(what), *size, 3))
        work = partial(_paint_mixed if mixed else _paint_one, size=size)
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            for index, picture in enumerate(pool.map(work, what, chunksize=16)):
                out[index] = picture
        out.flush()
        partial_file.rename(file)
    return np.load(file, mmap_mode="r")
