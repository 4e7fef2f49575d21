"""Captions for scenes: the words a painter would use, from the scene's attributes.

Long captions name season, time, ground, object, colour and place, in shuffled clauses with synonyms; short ones are
what people really type. The words are few on purpose: each must be seen often enough to be learnt.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .scene import Scene

SEASON = {
    "spring": ("spring", "springtime", "blooming", "blossoming"),
    "summer": ("summer", "summer", "summery", "lush summer"),
    "autumn": ("autumn", "autumn", "fall", "autumnal"),
    "winter": ("winter", "winter", "snowy", "wintry"),
}
SEASON_EXTRA = {
    "spring": ("spring flowers", "fresh green grass", "blossoms", "blooming trees in spring"),
    "summer": ("lush green grass", "green trees in summer", "warm summer"),
    "autumn": ("orange leaves", "red and orange autumn leaves", "fallen leaves", "brown grass"),
    "winter": ("snow on the ground", "covered in snow", "deep snow", "bare snowy trees in winter", "cold winter"),
}
TIME = {
    "day": ("by day", "at noon", "in daylight", "during the day"),
    "dawn": ("at dawn", "at sunrise", "in the early morning"),
    "sunset": ("at sunset", "at sunset", "at dusk", "in the evening"),
    "night": ("at night", "at night", "in the dark night", "at midnight"),
}
GROUND = {
    "meadow": ("meadow", "meadow", "field", "landscape", "countryside"),
    "desert": ("desert", "desert", "sand dunes"),
    "sea": ("sea", "sea", "ocean", "coast"),
    "lake": ("lake", "lake", "lakeside", "lake shore"),
}
SKY = {
    "clear": ("a clear sky", "clear skies", "no clouds"),
    "cloudy": ("a cloudy sky", "white clouds", "clouds"),
    "overcast": ("an overcast sky", "a grey overcast sky", "a dark grey sky"),
}
BACKGROUND = {
    "mountains": ("mountains", "mountains in the background", "high mountains behind"),
    "hills": ("hills", "hills in the background", "rolling hills behind"),
}
AMOUNT = {
    "one": ("one {0} tree", "a single {0} tree", "a {0} tree"),
    "few": ("a few {0} trees", "some {0} trees", "{0} trees"),
    "many": ("many {0} trees", "a forest of {0} trees"),
}
OBJECT = {
    "house": ("house", "house", "cottage"),
    "boat": ("boat", "boat", "sailing boat", "sailboat"),
    "windmill": ("windmill", "windmill", "mill"),
    "lighthouse": ("lighthouse",),
}
PLACE = {
    "left": ("on the left", "on the left side", "at the left"),
    "middle": ("in the middle", "in the centre", "in the center"),
    "right": ("on the right", "on the right side", "at the right"),
}
STYLE = {
    "oil": ("an oil painting of", "oil painting of", "a painting of"),
    "watercolour": ("a watercolour of", "a watercolor of", "watercolour painting of"),
    "plain": ("a drawing of", "a flat drawing of", "a simple picture of"),
}
SUN = {"day": ("the sun", "a bright sun"), "dawn": ("the rising sun",), "sunset": ("the setting sun", "a low sun")}
MOON = ("the moon", "moonlight", "a full moon")
JOINERS = (", ", ", ", " with ", " and ")

# Words people type that no clause above contains; listed so that the tokenizer knows them as whole words.
EXTRA_WORDS = ("the", "it", "is", "to", "tree", "trees", "sunny", "day", "grass", "water", "scene", "boats", "houses")


def article(phrase: str) -> str:
    """The phrase with "a" or "an" in front."""
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def full_caption(scene: Scene, choose: Callable[[tuple[str, ...]], str]) -> str:
    """A caption that names everything that shows. choose: one of several ways to say the same."""
    text = f"{choose(STYLE[scene.style])} "
    text += article(f"{choose(SEASON[scene.season])} {choose(GROUND[scene.ground])}")
    clauses = [choose(TIME[scene.time])]
    if scene.object != "none":
        thing = article(f"{scene.colour} {choose(OBJECT[scene.object])}")
        clauses.append(f"{thing} {choose(PLACE[scene.place])}")
    if scene.trees != "none":
        clauses.append(choose(AMOUNT[scene.amount]).format(scene.trees).replace("a oak", "an oak"))
    if scene.background != "none":
        clauses.append(choose(BACKGROUND[scene.background]))
    clauses.append(choose(SKY[scene.sky]))
    return ", ".join([f"{text} {clauses[0]}", *clauses[1:]])


def long_caption(scene: Scene, rng: np.random.Generator) -> str:
    """Everything that shows, clauses in random order after the subject; style, sky and sun often named."""

    def one(options: tuple[str, ...]) -> str:
        return options[int(rng.integers(len(options)))]

    subject = article(f"{one(SEASON[scene.season])} {one(GROUND[scene.ground])}")
    start = f"{one(STYLE[scene.style])} {subject}" if rng.random() < 0.6 else subject
    clauses = [one(TIME[scene.time])]
    if scene.object != "none":
        clauses.append(f"{article(f'{scene.colour} {one(OBJECT[scene.object])}')} {one(PLACE[scene.place])}")
    if scene.trees != "none" and rng.random() < 0.8:
        clauses.append(one(AMOUNT[scene.amount]).format(scene.trees).replace("a oak", "an oak"))
    if scene.background != "none" and rng.random() < 0.7:
        clauses.append(one(BACKGROUND[scene.background]))
    if rng.random() < 0.6:
        clauses.append(one(SKY[scene.sky]))
    if scene.sun and rng.random() < 0.5:
        clauses.append(one(MOON if scene.time == "night" else SUN[scene.time]))
    if rng.random() < 0.25:
        clauses.append(one(SEASON_EXTRA[scene.season]))
    rng.shuffle(clauses)
    text = start
    for clause in clauses:
        text += (" " if clause.startswith(("at ", "in ", "by ", "during ")) else one(JOINERS)) + clause
    return text


def short_caption(scene: Scene, rng: np.random.Generator) -> str:
    """One sentence: "a winter meadow with a red house on the left, at sunset"."""

    def one(options: tuple[str, ...]) -> str:
        return options[int(rng.integers(len(options)))]

    text = article(f"{one(SEASON[scene.season])} {one(GROUND[scene.ground])}")
    if scene.object != "none":
        text += f" with {article(f'{scene.colour} {one(OBJECT[scene.object])}')} {one(PLACE[scene.place])}"
    return f"{text}, {one(TIME[scene.time])}"


def tiny_caption(scene: Scene, rng: np.random.Generator) -> str:
    """A few words: "winter", "snowy meadow at night", "a red house"."""

    def one(options: tuple[str, ...]) -> str:
        return options[int(rng.integers(len(options)))]

    season, ground, time = one(SEASON[scene.season]), one(GROUND[scene.ground]), one(TIME[scene.time])
    forms = [
        season,
        one(SEASON_EXTRA[scene.season]),
        f"{season} {ground}",
        article(f"{season} {ground}"),
        f"{season} {time}",
        f"{season} {ground} {time}",
        f"{ground} {time}, {one(SEASON_EXTRA[scene.season])}",
    ]
    if scene.object != "none":
        thing = f"{scene.colour} {one(OBJECT[scene.object])}"
        forms += [article(thing), f"{article(thing)} {one(PLACE[scene.place])}", f"{season}, {article(thing)}"]
    return one(tuple(forms))


def caption(scene: Scene, rng: np.random.Generator) -> str:
    """A training caption: mostly long, often short, sometimes tiny."""
    draw = rng.random()
    if draw < 0.5:
        text = long_caption(scene, rng)
        # Start, end and 40 positions: the rare caption that would not fit is said in one sentence.
        return text if len(text.replace(",", " ,").split()) <= 38 else short_caption(scene, rng)
    if draw < 0.75:
        return short_caption(scene, rng)
    return tiny_caption(scene, rng)


def words() -> list[str]:
    """Every word a caption can contain, sorted."""
    found: set[str] = set(EXTRA_WORDS)
    tables = (SEASON, SEASON_EXTRA, TIME, GROUND, SKY, BACKGROUND, AMOUNT, OBJECT, PLACE, STYLE, SUN)
    for table in tables:
        for options in table.values():
            found.update(word for option in options for word in option.replace("{0}", "").split())
    found.update(word for option in MOON for word in option.split())
    found.update(("a", "an", "with", "and", "oak", "pine", "birch", "red", "white", "blue", "yellow"))
    return sorted(word.replace("'s", "") for word in found)
