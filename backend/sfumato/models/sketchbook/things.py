"""Trees and the four objects. Every shape is drawn from its foot, so scenes can put it where the ground is."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas
from .palette import LEAVES, PAINT, RGB, SNOW, TRUNK, Palette, mix, rgb
from .scene import Scene


def draw_tree(canvas: Canvas, palette: Palette, scene: Scene, x: float, foot: float, size: float, seed: int) -> None:
    """One tree of the scene's kind; its season only changes colours and leaves, never its shape."""
    rng = np.random.default_rng((scene.layout, 50, seed))
    canvas.ellipse(
        x + 0.1 * size, foot, 0.3 * size, 0.05 * size, mix(palette.grass[0], rgb("20304a"), 0.5), 0.45, soft=0.03 * size
    )
    {"oak": _oak, "pine": _pine, "birch": _birch}[scene.trees](canvas, palette, scene, x, foot, size, rng)


def _pine(
    canvas: Canvas, palette: Palette, scene: Scene, x: float, foot: float, size: float, rng: np.random.Generator
) -> None:
    canvas.polygon(
        [
            (x - 0.035 * size, foot),
            (x + 0.035 * size, foot),
            (x + 0.03 * size, foot - 0.2 * size),
            (x - 0.03 * size, foot - 0.2 * size),
        ],
        palette.lit(TRUNK["pine"]),
    )
    green = palette.lit(LEAVES["pine"][scene.season])
    for tier in range(4):
        half = (0.27 - 0.055 * tier) * size * rng.uniform(0.92, 1.08)
        low, high = foot - (0.14 + 0.2 * tier) * size, foot - (0.48 + 0.175 * tier) * size
        shade = mix(green, palette.lit("ffffff"), 0.03 * tier)
        canvas.polygon([(x - half, low), (x, high), (x + half, low)], shade)
        canvas.polygon([(x, high), (x + half, low), (x + 0.15 * half, low)], shade * 0.8)
        if scene.season == "winter":  # snow lies on every tier
            cut = high + 0.6 * (low - high)
            for left, right, sag in ((-0.6, 0.1, 0.0), (-0.2, 0.35, 0.06), (0.1, 0.6, 0.0)):
                canvas.polygon(
                    [
                        (x + left * half, cut + sag * size),
                        (x, high - 0.015 * size),
                        (x + right * half, cut + sag * size),
                    ],
                    palette.lit(SNOW) * (0.88 if left > 0 else 1.0),
                )
        elif scene.season == "spring":
            canvas.polygon(
                [(x - half, low), (x - 0.55 * half, low), (x - 0.35 * half, low - 0.08 * size)],
                palette.lit("8fd06a"),
                0.8,
            )


def _branches(
    canvas: Canvas,
    colour: RGB,
    snow: RGB | None,
    x: float,
    foot: float,
    size: float,
    rng: np.random.Generator,
    spread: float,
) -> None:
    """A bare crown: boughs with two twigs each, snow along the upper side."""
    for side in (-1, 1, -1, 1, 0):
        start = foot - rng.uniform(0.3, 0.45) * size
        angle = side * rng.uniform(0.5, 0.95) * spread
        length = rng.uniform(0.36, 0.48) * size
        bx, by = x + np.sin(angle) * length, start - np.cos(angle) * length
        canvas.stroke(x, start, bx, by, 0.032 * size, colour)
        if snow is not None:
            canvas.stroke(x, start - 0.022 * size, bx, by - 0.022 * size, 0.028 * size, snow)
        for turn in (-0.6, 0.6):
            mx, my = x + 0.55 * (bx - x), start + 0.55 * (by - start)
            canvas.stroke(
                mx,
                my,
                mx + np.sin(angle + turn) * 0.5 * length,
                my - np.cos(angle + turn) * 0.5 * length,
                0.018 * size,
                colour,
            )
        if snow is not None:  # and in the fork of the bough's end
            canvas.ellipse(bx, by, 0.045 * size, 0.032 * size, snow)
            canvas.ellipse(mx, my - 0.02 * size, 0.05 * size, 0.03 * size, snow)


def _crown(
    canvas: Canvas,
    leaf: RGB,
    x: float,
    cy: float,
    rx: float,
    ry: float,
    blobs: int,
    rng: np.random.Generator,
    palette: Palette,
    speckle: list[RGB],
) -> None:
    """Leaves: dark blobs below, light ones above left, then coloured dabs."""
    angles = np.linspace(0, 2 * np.pi, blobs, endpoint=False) + rng.uniform(0, 1)
    canvas.ellipse(x, cy, 0.8 * rx, 0.8 * ry, leaf * 0.85)
    for angle in angles:
        scale = rng.uniform(0.42, 0.55)
        canvas.ellipse(
            x + 0.6 * rx * np.cos(angle),
            cy + 0.55 * ry * np.sin(angle),
            scale * rx,
            scale * ry,
            leaf * (0.82 if np.sin(angle) > 0.2 else 1.0),
        )
    canvas.ellipse(
        x - 0.2 * rx, cy - 0.25 * ry, 0.5 * rx, 0.45 * ry, np.minimum(mix(leaf, palette.lit("fff6c0"), 0.22), 1)
    )
    for index in range(9):
        angle, radius = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0, 0.8))
        colour = speckle[index % len(speckle)]
        canvas.ellipse(
            x + radius * rx * np.cos(angle), cy + radius * ry * np.sin(angle), 0.13 * rx, 0.11 * rx, colour, 0.85
        )


def _oak(
    canvas: Canvas, palette: Palette, scene: Scene, x: float, foot: float, size: float, rng: np.random.Generator
) -> None:
    trunk = palette.lit(TRUNK["oak"])
    canvas.polygon(
        [
            (x - 0.06 * size, foot),
            (x + 0.06 * size, foot),
            (x + 0.035 * size, foot - 0.5 * size),
            (x - 0.035 * size, foot - 0.5 * size),
        ],
        trunk,
    )
    if scene.season == "winter":
        _branches(canvas, trunk, palette.lit(SNOW), x, foot, size, rng, 1.0)
        return
    speckle = {
        "spring": ("ffffff", "ffd3e4", "f7bcd4"),
        "summer": ("4f9f3a", "3c8a34", "1f6426"),
        "autumn": ("f5a623", "c23a17", "ffcc4a"),
    }[scene.season]
    _crown(
        canvas,
        palette.lit(LEAVES["oak"][scene.season]),
        x,
        foot - 0.66 * size,
        0.36 * size,
        0.34 * size,
        8,
        rng,
        palette,
        [palette.lit(colour) for colour in speckle],
    )


def _birch(
    canvas: Canvas, palette: Palette, scene: Scene, x: float, foot: float, size: float, rng: np.random.Generator
) -> None:
    trunk = palette.lit(TRUNK["birch"] if scene.season != "winter" else "cfc9c0")
    if scene.season == "winter":
        _branches(canvas, palette.lit("6b5f5a"), palette.lit(SNOW), x, foot, size, rng, 0.6)
    canvas.polygon(
        [
            (x - 0.035 * size, foot),
            (x + 0.035 * size, foot),
            (x + 0.02 * size, foot - 0.75 * size),
            (x - 0.02 * size, foot - 0.75 * size),
        ],
        trunk,
    )
    for _ in range(4):
        y = foot - rng.uniform(0.06, 0.6) * size
        canvas.stroke(x - 0.03 * size, y, x + 0.005 * size, y, 0.02 * size, palette.lit("4a4540"))
    if scene.season == "winter":
        return
    speckle = {
        "spring": ("ffffff", "e6f7a8", "ffd9e8"),
        "summer": ("7cc04a", "3f8a30", "69b34a"),
        "autumn": ("ffe06a", "e08a1e", "f7b32b"),
    }[scene.season]
    _crown(
        canvas,
        palette.lit(LEAVES["birch"][scene.season]),
        x,
        foot - 0.66 * size,
        0.22 * size,
        0.34 * size,
        7,
        rng,
        palette,
        [palette.lit(colour) for colour in speckle],
    )


def draw_object(canvas: Canvas, palette: Palette, scene: Scene, x: float, foot: float, size: float) -> None:
    """The scene's object, about ``size`` picture heights wide."""
    if scene.object != "none":
        {"house": _house, "boat": _boat, "windmill": _windmill, "lighthouse": _lighthouse}[scene.object](
            canvas, palette, scene, x, foot, size
        )


def _window_colour(palette: Palette, scene: Scene) -> RGB:
    return rgb("ffd76a") if scene.time == "night" else palette.lit("4a6a8a")


def _glow(canvas: Canvas, scene: Scene, x: float, y: float, radius: float) -> None:
    if scene.time == "night":
        canvas.ellipse(x, y, radius, radius, rgb("ffcf70"), 0.5, soft=radius)


def _house(canvas: Canvas, palette: Palette, scene: Scene, x: float, foot: float, size: float) -> None:
    wall = palette.lit(PAINT[scene.colour])
    roof = palette.lit("7a4a3a" if scene.colour != "red" else "4f4a55")
    edge = roof * 0.75
    w, h, top = size / 2, 0.42 * size, 0.36 * size
    canvas.ellipse(
        x + 0.04 * size, foot, 0.6 * size, 0.05 * size, mix(palette.grass[0], rgb("20304a"), 0.5), 0.5, soft=0.03 * size
    )
    front = -0.08 * size  # the gable faces us on the left, the long side is on the right
    canvas.polygon([(x + front, foot), (x + w, foot), (x + w, foot - h), (x + front, foot - h)], wall * 0.84)
    canvas.polygon(
        [
            (x - w, foot),
            (x + front, foot),
            (x + front, foot - h),
            ((x - w + x + front) / 2, foot - h - top),
            (x - w, foot - h),
        ],
        wall,
    )
    ridge = (x - w + x + front) / 2
    canvas.polygon(
        [
            (x + 0.2 * size, foot - h - 1.2 * top),
            (x + 0.3 * size, foot - h - 1.2 * top),
            (x + 0.3 * size, foot - h - 0.4 * top),
            (x + 0.2 * size, foot - h - 0.4 * top),
        ],
        edge,
    )
    canvas.polygon(
        [
            (ridge, foot - h - top),
            (ridge + 0.62 * size, foot - h - top),
            (x + w + 0.06 * size, foot - h + 0.03 * size),
            (x + front, foot - h + 0.03 * size),
        ],
        roof,
    )
    for ax, bx in ((ridge, x - w - 0.04 * size), (ridge, x + front)):
        canvas.stroke(ax, foot - h - top, bx, foot - h + 0.03 * size, 0.055 * size, edge)
    if scene.season == "winter":
        snow = palette.lit(SNOW)
        canvas.polygon(
            [
                (ridge + 0.01 * size, foot - h - 1.06 * top),
                (ridge + 0.62 * size, foot - h - 1.06 * top),
                (x + w + 0.03 * size, foot - h - 0.04 * size),
                (x + front + 0.02 * size, foot - h - 0.04 * size),
            ],
            snow,
        )
        canvas.stroke(ridge, foot - h - 1.05 * top, x - w - 0.03 * size, foot - h + 0.0 * size, 0.05 * size, snow)
        canvas.stroke(x + 0.2 * size, foot - h - 1.24 * top, x + 0.3 * size, foot - h - 1.24 * top, 0.04 * size, snow)
    glass, frame = _window_colour(palette, scene), palette.lit("f7f3e8" if scene.colour != "white" else "8a7a6a")
    for cx, wide in ((x + 0.08 * size, 0.11), (x + 0.34 * size, 0.11)):
        _glow(canvas, scene, cx, foot - 0.24 * size, 0.14 * size)
        _pane(canvas, cx, foot - 0.24 * size, wide * size, 0.15 * size, frame, glass)
    _pane(canvas, ridge, foot - h - 0.1 * top, 0.1 * size, 0.1 * size, frame, glass)
    canvas.polygon(
        [
            (ridge - 0.06 * size, foot),
            (ridge + 0.06 * size, foot),
            (ridge + 0.06 * size, foot - 0.25 * size),
            (ridge - 0.06 * size, foot - 0.25 * size),
        ],
        palette.lit("5a3a28"),
    )


def _pane(canvas: Canvas, x: float, y: float, w: float, h: float, frame: RGB, glass: RGB) -> None:
    for grow, colour in ((0.28, frame), (0.0, glass)):
        a, b = w / 2 + grow * w / 2, h / 2 + grow * w / 2
        canvas.polygon([(x - a, y - b), (x + a, y - b), (x + a, y + b), (x - a, y + b)], colour)


def _boat(canvas: Canvas, palette: Palette, scene: Scene, x: float, foot: float, size: float) -> None:
    hull, sail = palette.lit(PAINT[scene.colour]), palette.lit("fbf7ea")
    w = size / 2
    # The reflection first: the same shapes upside down, faint and shorter.
    for flip, alpha in ((-0.55, 0.35), (1.0, 1.0)):
        if flip < 0 and scene.ground not in ("sea", "lake"):
            continue

        def at(dx: float, up: float, flip: float = flip) -> tuple[float, float]:
            return x + dx * size, foot - up * size * flip

        canvas.polygon([at(-0.02, 0.1), at(0.02, 0.1), at(0.015, 1.0), at(-0.015, 1.0)], palette.lit("5a3d28"), alpha)
        canvas.polygon([at(0.035, 0.22), at(0.4, 0.24), at(0.035, 0.98)], sail, alpha)
        canvas.polygon([at(-0.035, 0.22), at(-0.32, 0.24), at(-0.035, 0.85)], sail * 0.9, alpha)
        canvas.polygon([(x - w, at(0, 0.17)[1]), (x + w, at(0, 0.17)[1]), at(0.34, 0.0), at(-0.34, 0.0)], hull, alpha)
        canvas.polygon(
            [(x - w, at(0, 0.17)[1]), (x + w, at(0, 0.17)[1]), at(0.475, 0.13), at(-0.475, 0.13)],
            mix(hull, palette.lit("ffffff"), 0.55),
            alpha,
        )
    if scene.season == "winter":
        canvas.stroke(
            x - 0.92 * w, foot - 0.185 * size, x + 0.92 * w, foot - 0.185 * size, 0.035 * size, palette.lit(SNOW)
        )
    if scene.time == "night":
        _glow(canvas, scene, x, foot - 0.3 * size, 0.1 * size)
        canvas.ellipse(x, foot - 0.3 * size, 0.025 * size, 0.03 * size, rgb("fff0b0"))


def _windmill(canvas: Canvas, palette: Palette, scene: Scene, x: float, foot: float, size: float) -> None:
    body, cap = palette.lit(PAINT[scene.colour]), palette.lit("5a4436")
    rng = np.random.default_rng((scene.layout, 60))
    h, hub = 0.95 * size, foot - 0.92 * size
    canvas.ellipse(
        x + 0.08 * size,
        foot,
        0.36 * size,
        0.045 * size,
        mix(palette.grass[0], rgb("20304a"), 0.5),
        0.5,
        soft=0.03 * size,
    )
    canvas.polygon(
        [(x - 0.24 * size, foot), (x + 0.24 * size, foot), (x + 0.14 * size, foot - h), (x - 0.14 * size, foot - h)],
        body,
    )
    canvas.polygon(
        [(x + 0.06 * size, foot), (x + 0.24 * size, foot), (x + 0.14 * size, foot - h), (x + 0.04 * size, foot - h)],
        body * 0.82,
    )
    canvas.polygon(
        [
            (x - 0.18 * size, foot - h),
            (x + 0.18 * size, foot - h),
            (x + 0.09 * size, foot - h - 0.16 * size),
            (x - 0.09 * size, foot - h - 0.16 * size),
        ],
        cap,
    )
    if scene.season == "winter":
        canvas.polygon(
            [
                (x - 0.15 * size, foot - h - 0.05 * size),
                (x + 0.15 * size, foot - h - 0.05 * size),
                (x + 0.09 * size, foot - h - 0.18 * size),
                (x - 0.09 * size, foot - h - 0.18 * size),
            ],
            palette.lit(SNOW),
        )
    glass = _window_colour(palette, scene)
    _glow(canvas, scene, x, foot - 0.5 * size, 0.14 * size)
    _pane(canvas, x, foot - 0.5 * size, 0.1 * size, 0.12 * size, palette.lit("f7f3e8"), glass)
    canvas.polygon(
        [
            (x - 0.06 * size, foot),
            (x + 0.06 * size, foot),
            (x + 0.06 * size, foot - 0.22 * size),
            (x - 0.06 * size, foot - 0.22 * size),
        ],
        palette.lit("4a3226"),
    )
    turn = rng.uniform(0.35, 1.2)
    wood, cloth = palette.lit("4a3a30"), palette.lit("fff8e6")
    for quarter in range(4):
        angle = turn + quarter * np.pi / 2
        c, s = np.cos(angle), np.sin(angle)
        corners = [
            (x + r * size * c - o * size * s, hub + r * size * s + o * size * c)
            for r, o in ((0.14, 0.0), (0.58, 0.0), (0.58, 0.13), (0.14, 0.13))
        ]
        canvas.polygon(corners, cloth)
        canvas.stroke(x, hub, x + 0.6 * size * c, hub + 0.6 * size * s, 0.03 * size, wood)
        canvas.stroke(corners[2][0], corners[2][1], corners[3][0], corners[3][1], 0.014 * size, wood)
    canvas.ellipse(x, hub, 0.045 * size, 0.045 * size, wood)


def _lighthouse(canvas: Canvas, palette: Palette, scene: Scene, x: float, foot: float, size: float) -> None:
    colour, white = palette.lit(PAINT[scene.colour]), palette.lit("f7f4ea")
    if scene.colour == "white":
        white = palette.lit("c9ccd2")  # white on white would lose the stripes
    h = 1.35 * size
    canvas.ellipse(
        x + 0.06 * size, foot, 0.3 * size, 0.04 * size, rgb("20304a") * palette.light, 0.35, soft=0.03 * size
    )

    def half(t: float) -> float:
        return (0.2 - 0.08 * t) * size

    for band in range(5):
        a, b = band / 5, (band + 1) / 5
        tone = colour if band % 2 == 0 else white
        for shade, left in ((1.0, -1.0), (0.84, 0.25)):
            canvas.polygon(
                [
                    (x + left * half(a), foot - a * h),
                    (x + half(a), foot - a * h),
                    (x + half(b), foot - b * h),
                    (x + left * half(b), foot - b * h),
                ],
                tone * shade,
            )
    y = foot - h
    dark, lamp = palette.lit("3a3a44"), rgb("fff0a0") if scene.time in ("night", "sunset") else palette.lit("cfe6ee")
    if scene.time == "night":
        canvas.ellipse(x, y - 0.08 * size, 0.5 * size, 0.3 * size, rgb("ffe9a0"), 0.55, soft=0.3 * size)
    canvas.polygon(
        [
            (x - 0.17 * size, y),
            (x + 0.17 * size, y),
            (x + 0.17 * size, y - 0.04 * size),
            (x - 0.17 * size, y - 0.04 * size),
        ],
        dark,
    )
    canvas.polygon(
        [
            (x - 0.09 * size, y - 0.04 * size),
            (x + 0.09 * size, y - 0.04 * size),
            (x + 0.09 * size, y - 0.17 * size),
            (x - 0.09 * size, y - 0.17 * size),
        ],
        lamp,
    )
    top = palette.lit(SNOW) if scene.season == "winter" else dark
    canvas.polygon([(x - 0.13 * size, y - 0.17 * size), (x + 0.13 * size, y - 0.17 * size), (x, y - 0.32 * size)], top)
    canvas.polygon(
        [
            (x - 0.05 * size, foot),
            (x + 0.05 * size, foot),
            (x + 0.05 * size, foot - 0.18 * size),
            (x - 0.05 * size, foot - 0.18 * size),
        ],
        dark,
    )
