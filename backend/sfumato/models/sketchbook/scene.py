"""What a Sketchbook picture shows, as plain attributes.

A `Scene` says *what* is in the picture; where exactly things stand follows from ``layout`` alone, so
``dataclasses.replace(scene, season="winter")`` is the same picture in another season: exact ground truth for edits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

TIMES = ("day", "dawn", "sunset", "night")
GROUNDS = ("meadow", "desert", "sea", "lake")
SEASONS = ("spring", "summer", "autumn", "winter")
SKIES = ("clear", "cloudy", "overcast")
BACKGROUNDS = ("mountains", "hills", "none")
TREES = ("none", "oak", "pine", "birch")
AMOUNTS = ("one", "few", "many")
OBJECTS = ("house", "boat", "windmill", "lighthouse", "none")
COLOURS = ("red", "white", "blue", "yellow")
PLACES = ("left", "middle", "right")
STYLES = ("oil", "watercolour", "plain")

CHOICES: dict[str, tuple[str, ...]] = {
    "time": TIMES,
    "ground": GROUNDS,
    "season": SEASONS,
    "sky": SKIES,
    "background": BACKGROUNDS,
    "trees": TREES,
    "amount": AMOUNTS,
    "object": OBJECTS,
    "colour": COLOURS,
    "place": PLACES,
    "style": STYLES,
}


@dataclass(frozen=True)
class Scene:
    """One picture. ``amount`` matters only with trees; ``colour`` and ``place`` only with an object."""

    time: str = "day"
    ground: str = "meadow"
    season: str = "summer"
    sky: str = "clear"
    background: str = "hills"
    trees: str = "oak"
    amount: str = "few"
    object: str = "house"
    colour: str = "red"
    place: str = "left"
    sun: bool = True  # the moon at night
    style: str = "oil"
    layout: int = 0
    mirror: bool = False  # painted flipped; ``place`` always says where the object really stands

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"Scene.{name} must be one of {', '.join(allowed)}, not {getattr(self, name)!r}")


def mirrored(scene: Scene) -> Scene:
    """The same scene seen in a mirror: its picture is exactly the flipped picture."""
    place = {"left": "right", "middle": "middle", "right": "left"}[scene.place]
    return replace(scene, mirror=not scene.mirror, place=place)


def random_scene(rng: np.random.Generator) -> Scene:
    """A scene that makes sense: boats on water, few trees in the desert, objects in most pictures."""

    def pick(options: tuple[str, ...], weights: tuple[float, ...]) -> str:
        total = sum(weights)
        return options[int(rng.choice(len(options), p=[weight / total for weight in weights]))]

    ground = pick(GROUNDS, (5, 1, 1.5, 2.5))
    wet = ground in ("sea", "lake")
    return Scene(
        time=pick(TIMES, (4, 1.5, 2.5, 2)),
        ground=ground,
        season=pick(SEASONS, (1, 1.2, 1.1, 1.5)),
        sky=pick(SKIES, (2, 2, 1)),
        background=pick(BACKGROUNDS, (2, 2, 1)),
        trees=pick(TREES, (3, 2, 2, 1.5)) if ground != "desert" else "none",
        amount=pick(AMOUNTS, (1, 1.5, 1)),
        object=pick(OBJECTS, (1.5, 3, 0.2, 1.5, 2) if wet else (4, 0, 2, 0.7, 2)),
        colour=pick(COLOURS, (1, 1, 1, 1)),
        place=pick(PLACES, (1, 1, 1)),
        sun=bool(rng.random() < 0.6),
        style=pick(STYLES, (3, 1.5, 1.5)),
        layout=int(rng.integers(2**31)),
        mirror=False,
    )
