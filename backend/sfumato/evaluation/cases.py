"""What edits are judged on: scenes that no training run has seen, each with one thing changed, and the exact truth.

A scene repainted with one attribute changed is the same picture but for that attribute (`sfumato.models.sketchbook.
paint`), so where the two differ is exactly what an edit had to change, and nothing else.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError
from sfumato.models.sketchbook.caption import full_caption
from sfumato.models.sketchbook.paint import paint
from sfumato.models.sketchbook.scene import COLOURS, SEASONS, SKIES, TIMES, Scene, random_scene

Kind = Literal["season", "time", "sky", "object", "colour", "removal", "everything"]
KINDS: tuple[Kind, ...] = ("season", "time", "sky", "object", "colour", "removal")
Half = Literal["fit", "measure"]
HALVES: tuple[Half, ...] = ("fit", "measure")
WORDS = 37  # of a prompt at most, commas counted: what the text encoder reads whole
DOMAIN = 1997  # keeps these draws apart from those of training
SEEDS = 2**31


@dataclass(frozen=True)
class Case:
    """One picture and what to make of it.

    kind: what differs between `scene` and `target`; "everything" is another scene altogether. prompt, source_prompt:
    what target and scene show, every visible attribute named in the same words where both have it. seed: of the noise.
    """

    scene: Scene
    target: Scene
    kind: Kind
    prompt: str
    source_prompt: str
    seed: int

    def picture(self, side: int) -> NDArray[np.uint8]:
        """The scene, uint8 [side, side, 3]; to be read only."""
        return _painted(self.scene, side)

    def truth(self, side: int) -> NDArray[np.uint8]:
        """The target, uint8 [side, side, 3]; to be read only."""
        return _painted(self.target, side)

    def changed(self, side: int, least: int = 1) -> NDArray[np.bool_]:
        """Where picture and truth differ by at least so many of 255 levels in some channel, bool [side, side]."""
        off = np.abs(self.picture(side).astype(np.int16) - self.truth(side))
        return np.asarray(off.max(axis=2) >= least)


def cases(seed: int, count: int, kinds: Sequence[Kind] = KINDS, half: Half = "measure") -> list[Case]:
    """The same list for the same arguments, kinds in turn; a shorter list is the beginning of a longer one.

    half: what is fitted on "fit" may be measured on "measure": no layout of a scene and no prompt is in both.
    Raises InputError for kinds that are none.
    """
    if unknown := set(kinds) - {*KINDS, "everything"} or not kinds:
        raise InputError("bad_case", f"A case is of a kind of {', '.join(KINDS)} or everything, not {unknown}.")
    return [_case(seed, index, kinds[index % len(kinds)], half) for index in range(count)]


def _case(seed: int, index: int, kind: Kind, half: Half) -> Case:
    number = HALVES.index(half)
    rng = np.random.default_rng((DOMAIN, seed, index, number))
    scene, target = _pair(rng, kind, number)
    while True:
        way = int(rng.integers(SEEDS))
        prompt, source = (full_caption(shown, _chooser(way)) for shown in (target, scene))
        if all(zlib.crc32(text.encode()) % 2 == number and _length(text) <= WORDS for text in (prompt, source)):
            return Case(scene, target, kind, prompt, source, int(rng.integers(SEEDS)))


def _pair(rng: np.random.Generator, kind: Kind, number: int) -> tuple[Scene, Scene]:
    """A scene of this half, and the scene that differs from it in what the kind names, by something that shows."""

    def drawn() -> Scene:
        scene = random_scene(rng)
        return replace(scene, layout=scene.layout // 2 * 2 + number)

    def other(options: Sequence[str], than: str) -> str:
        left = [option for option in options if option != than]
        return left[int(rng.integers(len(left)))]

    scene = drawn()
    while kind in ("object", "colour", "removal") and scene.object == "none":
        scene = drawn()
    if kind == "everything":
        return scene, drawn()
    if kind == "season":
        return scene, replace(scene, season=other(SEASONS, scene.season))
    if kind == "time":
        return scene, replace(scene, time=other(TIMES, scene.time))
    if kind == "sky":
        return scene, replace(scene, sky=other(SKIES, scene.sky))
    if kind == "colour":
        return scene, replace(scene, colour=other(COLOURS, scene.colour))
    if kind == "removal":
        return scene, replace(scene, object="none")
    # What the painter puts there often enough for a model to have learnt it.
    fitting = (
        ("house", "boat", "lighthouse") if scene.ground in ("sea", "lake") else ("house", "windmill", "lighthouse")
    )
    return scene, replace(scene, object=other(fitting, scene.object))


def _chooser(way: int) -> Callable[[tuple[str, ...]], str]:
    """The same choice for the same options, so that two captions differ in words only where scenes differ."""

    def choose(options: tuple[str, ...]) -> str:
        return options[zlib.crc32(f"{way}|{options}".encode()) % len(options)]

    return choose


def _length(text: str) -> int:
    return len(text.replace(",", " ,").split())


@functools.lru_cache(maxsize=1024)
def _painted(scene: Scene, side: int) -> NDArray[np.uint8]:
    picture = paint(scene, side)
    picture.flags.writeable = False
    return picture
