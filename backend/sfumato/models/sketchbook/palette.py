"""Sketchbook's colours: what each season, time of day and sky does to the same things."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .scene import Scene

RGB = np.ndarray


def rgb(hexadecimal: str) -> RGB:
    """A colour from its six hexadecimal digits."""
    return np.array([int(hexadecimal[i : i + 2], 16) for i in (0, 2, 4)], np.float32) / 255


def mix(first: RGB, second: RGB, amount: float) -> RGB:
    return first + amount * (second - first)


# Sky from the top to the horizon.
SKY = {
    "day": ("3f8fd6", "8ec4ea", "d6ecf4"),
    "dawn": ("8fa3d6", "e9b9c4", "fde3c0"),
    "sunset": ("4d4f94", "dd7f6d", "ffc46b"),
    "night": ("0d1436", "1e2c5c", "40578c"),
}
# The light that falls on everything below the sky.
LIGHT = {"day": (1.0, 1.0, 0.98), "dawn": (1.0, 0.9, 0.9), "sunset": (1.0, 0.78, 0.66), "night": (0.4, 0.47, 0.72)}
CLOUD = {"day": "fbfcfd", "dawn": "fff0ec", "sunset": "ffb38f", "night": "55658f"}
SUN = {"day": "fff4b8", "dawn": "fff0d0", "sunset": "ffe08a", "night": "f4f3dc"}
GREY = {"day": "b3bcc4", "dawn": "c3b4ba", "sunset": "a98a8c", "night": "2c3550"}

# Grass near and far, by season.
GRASS = {
    "spring": ("8fce4e", "b4dd7e"),
    "summer": ("3c9a32", "6cb548"),
    "autumn": ("a88a34", "cbb25a"),
    "winter": ("f2f7fc", "dbe7f3"),
}
SAND = {
    "spring": ("e6c88a", "f0dcaa"),
    "summer": ("e8b765", "f2cf8a"),
    "autumn": ("cf9a58", "e0b67c"),
    "winter": ("f1f1f0", "e6e2d8"),
}
WATER = {"spring": "5fb0cf", "summer": "2f8fc4", "autumn": "5a8fa0", "winter": "a9cbdd"}
HILL = {"spring": "8cc072", "summer": "4f9a58", "autumn": "b9713a", "winter": "d5e2ee"}
ROCK = {"spring": "7d8ba8", "summer": "6f7fa3", "autumn": "83798f", "winter": "8d9cb8"}
LEAVES = {
    "oak": {"spring": "f0a8c4", "summer": "2b7a2a", "autumn": "e0701c", "winter": "e9f1f8"},
    "pine": {"spring": "3f8a4c", "summer": "1d5c38", "autumn": "3a6438", "winter": "2f5a52"},
    "birch": {"spring": "b9e06a", "summer": "57a53a", "autumn": "f2c22e", "winter": "e9f1f8"},
}
TRUNK = {"oak": "5a3d28", "pine": "5a4030", "birch": "ece8df"}
PAINT = {"red": "cf2f2a", "white": "f3efe4", "blue": "2f62c0", "yellow": "f2c230"}
SNOW = rgb("f6fafe")


@dataclass(frozen=True)
class Palette:
    """The colours of one scene; everything below the sky passes through ``lit``."""

    light: RGB
    sky: tuple[RGB, RGB, RGB]
    cloud: RGB
    sun: RGB
    grass: tuple[RGB, RGB]
    water: RGB
    hill: RGB
    rock: RGB
    haze: RGB

    def lit(self, hexadecimal: str | RGB) -> RGB:
        colour = rgb(hexadecimal) if isinstance(hexadecimal, str) else hexadecimal
        return np.minimum(colour * self.light, 1).astype(np.float32)


def make_palette(scene: Scene) -> Palette:
    top, middle, low = (rgb(colour) for colour in SKY[scene.time])
    light = np.array(LIGHT[scene.time], np.float32)
    cloud = rgb(CLOUD[scene.time])
    if scene.season == "winter":  # a paler, cooler sky
        pale = rgb("c9d6e4") if scene.time != "night" else rgb("2a3658")
        top, middle, low = mix(top, pale, 0.35), mix(middle, pale, 0.3), mix(low, pale, 0.2)
        if scene.time in ("dawn", "sunset"):  # snow must stay cooler than sand in a warm light
            light = mix(light, np.array([0.84, 0.84, 0.96], np.float32), 0.55)
        light = light * np.array([0.96, 0.99, 1.03], np.float32)
    elif scene.season == "autumn":
        warm = rgb("d9c3a0") if scene.time != "night" else rgb("241f3c")
        top, middle, low = mix(top, warm, 0.15), mix(middle, warm, 0.2), mix(low, warm, 0.25)
        light = light * np.array([1.02, 0.98, 0.93], np.float32)
    elif scene.season == "summer":
        light = light * np.array([1.03, 1.02, 0.95], np.float32)
    if scene.sky == "overcast":
        grey = rgb(GREY[scene.time])
        top, middle, low = mix(top, grey * 0.92, 0.8), mix(middle, grey, 0.8), mix(low, grey * 1.08, 0.7)
        light = light * 0.86
        cloud = mix(cloud, grey * 0.85, 0.75)
    near, far = (SAND if scene.ground == "desert" else GRASS)[scene.season]
    partial = Palette(light, (top, middle, low), cloud, rgb(SUN[scene.time]), (light, light), light, light, light, low)
    lit = partial.lit
    return Palette(
        light=light,
        sky=(top, middle, low),
        cloud=cloud,
        sun=rgb(SUN[scene.time]),
        grass=(lit(near), lit(far)),
        water=mix(lit(WATER[scene.season]), middle, 0.25),
        hill=lit(HILL[scene.season]),
        rock=lit(ROCK[scene.season]),
        haze=mix(low, middle, 0.3),
    )
