"""Paints a scene: numpy only, deterministic, at any size.

Every element draws its layout from its own generator, seeded with the scene's layout and the element's number. Changing
one attribute therefore never moves another element: repainting gives exact ground truth for an edit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .canvas import Array, Canvas
from .palette import SNOW, Palette, make_palette, mix, rgb
from .scene import Scene
from .things import draw_object, draw_tree

SKY, SUN, CLOUDS, MOUNTAINS, HILLS, GROUND, TREES, OBJECT, DABS, WATER, STYLE = range(11)


def paint(scene: Scene, size: int | tuple[int, int] = 256) -> NDArray[np.uint8]:
    """The scene as uint8 [height, width, 3]; ``size`` is the side of a square or (height, width)."""
    height, width = (size, size) if isinstance(size, int) else size
    canvas, palette = Canvas(height, width), make_palette(scene)
    horizon = _horizon(scene)
    _sky(canvas, palette, scene, horizon)
    _background(canvas, palette, scene, horizon)
    {"meadow": _meadow, "desert": _desert, "sea": _sea, "lake": _lake}[scene.ground](canvas, palette, scene, horizon)
    _style(canvas, scene)
    picture = np.clip(canvas.rgb * 255 + 0.5, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(picture[:, ::-1]) if scene.mirror else picture


def _horizon(scene: Scene) -> float:
    return float(_rng(scene, GROUND).uniform(0.5, 0.58))


def _rng(scene: Scene, element: int) -> np.random.Generator:
    return np.random.default_rng((scene.layout, element))


def _smooth(value: Array, low: float, high: float) -> Array:
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _sky(canvas: Canvas, palette: Palette, scene: Scene, horizon: float) -> None:
    top, middle, low = palette.sky
    t = np.clip(canvas.y / horizon, 0, 1)
    first, second = np.clip(t / 0.6, 0, 1)[..., None], np.clip((t - 0.6) / 0.4, 0, 1)[..., None]
    canvas.rgb[:] = top + first * (middle - top) + second * (low - middle)
    if scene.time == "night" and scene.sky != "overcast":
        rng = _rng(scene, SKY)
        for _ in range(22):
            x, y, radius = rng.uniform(0, canvas.aspect), rng.uniform(0, 0.45), rng.uniform(0.004, 0.007)
            canvas.ellipse(x, y, radius, radius, rgb("e8ecff"), 0.9)
    if scene.sun:
        rng = _rng(scene, SUN)
        x, y = rng.uniform(0.12, 0.88) * canvas.aspect, rng.uniform(0.1, 0.2)
        radius = 0.06 if scene.time != "night" else 0.05
        if scene.time in ("dawn", "sunset"):
            y, radius = horizon - 0.16, 0.075
        veil = 0.35 if scene.sky == "overcast" else 1.0
        canvas.ellipse(x, y, radius, radius, palette.sun, 0.45 * veil, soft=2.2 * radius)
        canvas.ellipse(x, y, radius, radius, mix(palette.sun, rgb("ffffff"), 0.3), veil)
        if scene.time == "night":  # two faint seas on the moon
            for dx, dy, r in ((-0.3, -0.2, 0.22), (0.3, 0.25, 0.16)):
                canvas.ellipse(x + dx * radius, y + dy * radius, r * radius, r * radius, rgb("d5d4bd"), veil)
    if scene.sky != "clear":
        _clouds(canvas, palette, scene, horizon)


def _clouds(canvas: Canvas, palette: Palette, scene: Scene, horizon: float) -> None:
    """Flat-bottomed heaps for a cloudy sky, a torn grey blanket for an overcast one."""
    rng = _rng(scene, CLOUDS)
    if scene.sky == "overcast":
        field = canvas.noise(rng, 3.0, 7.0)
        fade = 1 - _smooth(canvas.y, 0.3, horizon)
        canvas.blend(0.55 * fade * _smooth(field, -0.6, 1.2), palette.cloud)
        return
    shade = mix(palette.cloud, palette.sky[0], 0.35)
    for index in range(4):
        x, y = (index + rng.uniform(0.1, 0.9)) / 4 * canvas.aspect, rng.uniform(0.08, 0.32)
        size = rng.uniform(0.09, 0.15)
        puffs = [(rng.uniform(-1.2, 1.2), rng.uniform(-0.25, 0.1), rng.uniform(0.45, 0.75)) for _ in range(5)]
        for colour, down, alpha in ((shade, 0.25, 0.8), (palette.cloud, 0.0, 0.9)):
            for dx, dy, r in puffs:
                grow = 1 - 0.35 * abs(dx)
                canvas.ellipse(
                    x + dx * size,
                    y + (dy + down) * size * 0.6,
                    r * size * grow,
                    0.55 * r * size * grow,
                    colour,
                    alpha,
                    soft=0.05 * size,
                )


def _background(canvas: Canvas, palette: Palette, scene: Scene, horizon: float) -> None:
    if scene.background == "mountains":
        rng = _rng(scene, MOUNTAINS)
        count = 4
        wobble = 0.012 * canvas.line(rng, 14)
        for index in rng.permutation(count):
            peak = (index + rng.uniform(0.2, 0.8)) / count * canvas.aspect
            tall, slope = rng.uniform(0.18, 0.32), rng.uniform(0.75, 1.1)
            ridge = horizon - tall + slope * np.abs(canvas.x - peak) + wobble * (tall / 0.25)
            inside = canvas.cover((canvas.y - ridge) / np.sqrt(1 + slope**2))
            depth = canvas.y - (horizon - tall)
            light = _smooth(peak + 0.25 * depth + 2 * wobble - canvas.x, -0.01, 0.01)
            rock = mix(palette.rock, palette.haze, 0.15)
            colour = (rock * 0.78) + light[..., None] * (rock * 0.25)
            line = {"winter": 0.8, "spring": 0.4, "autumn": 0.3, "summer": 0.22}[scene.season] * tall
            white = _smooth(line + 2.2 * wobble - depth + 0.35 * np.abs(canvas.x - peak), -0.008, 0.008)
            snow = palette.lit(SNOW) * 0.84 + light[..., None] * (palette.lit(SNOW) * 0.16)
            colour = colour + white[..., None] * (snow - colour)
            fade = np.clip((canvas.y - horizon + 0.16) / 0.2, 0, 0.7)[..., None]
            canvas.blend(inside, (colour + fade * (palette.haze - colour)).astype(np.float32))
    elif scene.background == "hills":
        rng = _rng(scene, HILLS)
        for layer, (rise, haze) in enumerate(((0.13, 0.45), (0.06, 0.15))):
            ridge = horizon - rise - 0.035 * canvas.line(rng, 2.2 + layer)
            colour = mix(palette.hill, palette.haze, haze)
            shade = 1 - 0.5 * np.clip(canvas.y - ridge, 0, 0.2)
            canvas.blend(canvas.cover(canvas.y - ridge), (colour * shade[..., None]).astype(np.float32))


def _land(canvas: Canvas, palette: Palette, scene: Scene, edge: Array | float, element: int) -> None:
    """Ground below ``edge``: lighter far away, soft patches, brighter along its crest."""
    rng = _rng(scene, element)
    near, far = palette.grass
    t = np.clip((canvas.y - edge) / 0.45, 0, 1)
    patches = canvas.noise(rng, 4.0, 11.0)
    shadow = palette.lit("9fb8d8") if scene.season == "winter" else near * 0.78
    colour = far + t[..., None] * (near - far)
    colour = colour + (0.5 * _smooth(patches, 0.1, 1.3))[..., None] * (shadow - colour)
    canvas.blend(canvas.cover(canvas.y - edge + np.zeros_like(canvas.x)), colour.astype(np.float32))


def _dabs(canvas: Canvas, palette: Palette, scene: Scene, top: float, count: int) -> None:
    """What lies in the grass: blossoms, tufts, leaves. Their places belong to the layout, their look to the season."""
    rng = _rng(scene, DABS)
    colours = {
        "spring": ("ffffff", "ffd84a", "f58fb8"),
        "summer": ("2a7a28", "e8453c", "55ad3a"),
        "autumn": ("d9541e", "f0a020", "8a4a20"),
        "winter": ("c3d6ea", "ffffff", "b3c9e2"),
    }[scene.season]
    for index in range(count):
        depth = rng.uniform(0, 1) ** 0.7
        x, y, size = rng.uniform(0, canvas.aspect), top + depth * (1 - top), 0.006 + 0.009 * depth
        wide = 2.4 if scene.season == "winter" else 1.2
        canvas.ellipse(x, y, wide * size, size, palette.lit(colours[index % 3]), 0.9)


def _trees(
    canvas: Canvas,
    palette: Palette,
    scene: Scene,
    feet: tuple[float, float],
    span: tuple[float, float],
    scale: float = 1.0,
) -> None:
    """The first one, three or seven of seven fixed places, painted from far to near."""
    if scene.trees == "none":
        return
    rng = _rng(scene, TREES)
    slots = rng.permutation(7)
    places = []
    for index, slot in enumerate(slots):
        x = span[0] + (span[1] - span[0]) * (slot + rng.uniform(0.25, 0.75)) / 7
        near = rng.uniform(0, 1)
        places.append((feet[0] + near * (feet[1] - feet[0]), x * canvas.aspect, (0.24 + 0.1 * near) * scale, index))
    for foot, x, size, index in sorted(places[: {"one": 1, "few": 3, "many": 7}[scene.amount]]):
        draw_tree(canvas, palette, scene, x, foot, size * (1.25 if scene.amount == "one" else 1), index)


def _stand(scene: Scene, horizon: float, aspect: float) -> tuple[float, float, float]:
    """Where the object stands, unmirrored: its middle, its foot and its size in picture heights."""
    place = scene.place
    if scene.mirror:
        place = {"left": "right", "middle": "middle", "right": "left"}[place]
    shift, scale = _rng(scene, OBJECT).uniform((-0.04, 0.92), (0.04, 1.08))
    x = ({"left": 0.24, "middle": 0.5, "right": 0.76}[place] + shift) * aspect
    drop = 0.115 if scene.ground == "lake" and scene.object != "boat" else 0.2
    if scene.object == "boat" or scene.ground == "desert":
        drop = 0.24
    return x, horizon + drop, SIZES[scene.object] * scale * min(1.0, aspect)


def object_box(scene: Scene, aspect: float = 1.0) -> tuple[float, float, float, float]:
    """What the object lies within, without its reflection: left, top, right, bottom as shares of width and height.

    Empty (all 0) where there is none. aspect: width / height.
    """
    if scene.object == "none":
        return 0.0, 0.0, 0.0, 0.0
    x, foot, size = _stand(scene, _horizon(scene), aspect)
    left, right = (x - 0.62 * size) / aspect, (x + 0.68 * size) / aspect
    if scene.mirror:
        left, right = 1 - right, 1 - left
    return max(left, 0.0), foot - TALL[scene.object] * size, min(right, 1.0), min(foot + 0.06, 1.0)


def _object(canvas: Canvas, palette: Palette, scene: Scene, horizon: float) -> None:
    draw_object(canvas, palette, scene, *_stand(scene, horizon, canvas.aspect))


SIZES = {"house": 0.34, "boat": 0.32, "windmill": 0.32, "lighthouse": 0.3, "none": 0.0}
TALL = {"house": 1.0, "boat": 1.0, "windmill": 1.5, "lighthouse": 2.0}  # heights in sizes, rounded up


def _meadow(canvas: Canvas, palette: Palette, scene: Scene, horizon: float) -> None:
    rng = _rng(scene, GROUND)
    _land(canvas, palette, scene, horizon + 0.012 * canvas.line(rng, 2), GROUND)
    _trees(canvas, palette, scene, (horizon + 0.03, horizon + 0.16), (0.0, 1.0))
    _object(canvas, palette, scene, horizon)
    _dabs(canvas, palette, scene, horizon + 0.23, 40)


def _desert(canvas: Canvas, palette: Palette, scene: Scene, horizon: float) -> None:
    rng = _rng(scene, GROUND)
    for drop, shade in ((0.0, 0.96), (0.14, 1.0), (0.3, 1.03)):
        ridge = horizon + drop + 0.03 * canvas.line(rng, 1.8)
        near, far = palette.grass
        t = np.clip((canvas.y - ridge) / 0.3, 0, 1)[..., None]
        colour = np.minimum((far + t * (near * 0.86 - far)) * shade, 1)
        canvas.blend(canvas.cover(canvas.y - ridge), colour.astype(np.float32))
        if drop == 0.0:
            _trees(canvas, palette, scene, (horizon + 0.03, horizon + 0.14), (0.0, 1.0))
        if drop == 0.14:
            _object(canvas, palette, scene, horizon)


def _water(canvas: Canvas, palette: Palette, scene: Scene, top: float, mirror: float) -> None:
    """Water below ``top``: its own colour over a rippled reflection of what stands above the line."""
    first = min(max(round(top * canvas.height), 1), canvas.height)
    rows = np.arange(first, canvas.height)
    if not len(rows):
        return
    rng = _rng(scene, WATER)
    y = canvas.y[rows]
    wave = canvas.noise(rng, 3.0, 22.0)[rows]
    source = np.clip(2 * first - 1 - rows, 0, None)
    columns = np.arange(canvas.width)[None, :] + np.round(wave * 0.008 * canvas.height).astype(int)
    picture = canvas.rgb[source[:, None], np.clip(columns, 0, canvas.width - 1)]
    near = (np.clip((y - top) / 0.4, 0, 1) * 0.3)[..., None]
    body = palette.water * (1 - near)
    frozen = 0.55 if scene.season == "winter" else 1.0
    colour = body + mirror * frozen * (picture - body)
    glint = mix(palette.sky[2], rgb("ffffff"), 0.2)
    colour = colour + (0.4 * _smooth(wave, 0.7, 1.5))[..., None] * (glint - colour)
    if scene.season == "winter":  # floes
        floes = _smooth(canvas.noise(rng, 5.0, 13.0)[rows], 0.25, 0.5)
        colour = colour + (0.85 * floes)[..., None] * (palette.lit(SNOW) - colour)
    canvas.rgb[rows] = colour


def _sea(canvas: Canvas, palette: Palette, scene: Scene, horizon: float) -> None:
    rng = _rng(scene, GROUND)
    rng.uniform()
    side, reach = rng.integers(2), rng.uniform(0.45, 0.6)
    _water(canvas, palette, scene, horizon, 0.35)
    # A headland on one side carries the trees.
    along = (canvas.x / canvas.aspect) if side == 0 else 1 - canvas.x / canvas.aspect
    crest = horizon - 0.05 + 0.12 * (along / reach) ** 2 + 0.006 * canvas.line(rng, 4)
    shore = horizon + 0.075 - 0.02 * along / reach
    colour = mix(palette.grass[0], palette.grass[1], 0.5)
    shade = (1 - 1.6 * np.clip(canvas.y - crest - 0.02, 0, 0.2))[..., None]
    canvas.blend(canvas.cover(np.minimum(canvas.y - crest, shore - canvas.y)), (colour * shade).astype(np.float32))
    span = (0.0, 0.8 * reach) if side == 0 else (1 - 0.8 * reach, 1.0)
    _trees(canvas, palette, scene, (horizon + 0.0, horizon + 0.05), span, 0.85)
    if scene.object not in ("none", "boat"):
        _islet(canvas, palette, scene, horizon + 0.2)
    _object(canvas, palette, scene, horizon)
    _shore(canvas, palette, scene, 0.87)


def _islet(canvas: Canvas, palette: Palette, scene: Scene, foot: float) -> None:
    place = scene.place
    if scene.mirror:
        place = {"left": "right", "middle": "middle", "right": "left"}[place]
    x = {"left": 0.24, "middle": 0.5, "right": 0.76}[place] * canvas.aspect
    wide = 0.27 * min(1.0, canvas.aspect)
    canvas.ellipse(x, foot + 0.03, wide, 0.055, palette.rock * 0.85)
    canvas.ellipse(x, foot + 0.012, 0.97 * wide, 0.045, mix(palette.grass[0], palette.grass[1], 0.4))


def _shore(canvas: Canvas, palette: Palette, scene: Scene, level: float) -> None:
    """The bank we stand on, so that the season shows beside water too."""
    rng = _rng(scene, STYLE + 1)
    edge = level + 0.022 * canvas.line(rng, 2.5)
    canvas.blend(0.6 * canvas.cover(canvas.y - edge + 0.012), mix(palette.water, rgb("ffffff"), 0.5))
    _land(canvas, palette, scene, edge, STYLE + 2)
    _dabs(canvas, palette, scene, level + 0.03, 16)


def _lake(canvas: Canvas, palette: Palette, scene: Scene, horizon: float) -> None:
    rng = _rng(scene, GROUND)
    rng.uniform()
    line = horizon + 0.12
    _land(canvas, palette, scene, horizon + 0.012 * canvas.line(rng, 2), GROUND)
    _trees(canvas, palette, scene, (horizon + 0.04, horizon + 0.1), (0.0, 1.0))
    afloat = scene.object == "boat"
    if not afloat:
        _object(canvas, palette, scene, horizon)
    _water(canvas, palette, scene, line, 0.5)
    canvas.blend(0.5 * canvas.cover(0.006 - np.abs(canvas.y - line) + 0 * canvas.x), palette.grass[0] * 0.7)
    if afloat:
        _object(canvas, palette, scene, horizon)
    _shore(canvas, palette, scene, 0.9)


def _style(canvas: Canvas, scene: Scene) -> None:
    """Weak on purpose: texture must stay below what the autoencoder can carry."""
    rng = _rng(scene, STYLE)
    if scene.style == "oil":
        strokes = 0.028 * canvas.noise(rng, 14, 34)
        canvas.rgb *= (1 + strokes)[..., None]
    elif scene.style == "watercolour":
        wash = np.clip(0.26 + 0.07 * canvas.noise(rng, 5, 5), 0, 0.5)
        canvas.blend(wash, rgb("faf6ec"))
