"""Everything the docker says, in painter's words: what is the matter, and what to do next.

The texts are in words/en.json, by name; "NAME.entry" is one of several. Another language may take their places
(`language`), so say them as `sentences.NAME`, when they are said. Here is what depends on something.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .one_line import one_line

WORDS = Path(__file__).parent / "words"


def texts_of(language: str) -> dict[str, Any]:
    """By name, as they stand in the file. Raises OSError and ValueError where there are none, or not in JSON."""
    return dict(json.loads((WORDS / f"{language}.json").read_text(encoding="utf-8")).items())


def say(texts: dict[str, str]) -> None:
    """From now on."""
    for key, text in texts.items():
        name, is_one_of, entry = key.partition(".")
        if is_one_of:
            globals().setdefault(name, {})[entry] = text  # in place: others hold on to the dict
        else:
            globals()[name] = text


def __getattr__(name: str) -> Any:
    raise AttributeError(f"There is no text {name} in words/en.json.")


say(texts_of("en"))


def ready(device: str) -> str:
    return READY.format(device=device_name(device))


def painting_step(task: str, step: int, steps: int) -> str:
    return PAINTING_STEP.format(doing=PAINTING[task], step=step, steps=steps)


def nothing(task: str) -> str:
    """What is said when nothing came of it."""
    return MAP_NOT_FOUND if task == "map" else NOTHING_CHANGED


def placed(task: str) -> str:
    return MAP_PLACED if task == "map" else PLACED


def stopped_before(task: str) -> str:
    return STOPPED_BEFORE.format(button=FIND_MAP if task == "map" else APPLY)


def layer_name(prompt: str, task: str = "edit") -> str:
    """The result's name in the layer docker: the prompt's first words."""
    words = one_line(prompt)
    if len(words) > 48:
        words = one_line(words[:48].rsplit(" ", 1)[0]) + " …"
    if task == "map":
        return FOUND_MAP_NAME.format(words=words) if words else MAP_NAME
    return words or LAYER_NAME


def ago(seconds: float) -> str:
    """How long since something was made."""
    minutes = int(max(0.0, seconds) // 60)
    for size, text in ((24 * 60, AGO_DAYS), (60, AGO_HOURS), (1, AGO_MINUTES)):
        if minutes >= size:
            return text.format(count=minutes // size)
    return AGO_NOW


def device_name(device: str) -> str:
    return DEVICES.get(device.partition(":")[0], device)


def ready_at(device: str, address: str) -> str:
    return READY_AT.format(device=device_name(device), address=address)


def time_left(seconds: int) -> str:
    """seconds: a value that `pace` gives."""
    if seconds < 10:
        return LEFT_FEW
    if seconds < 60:
        return LEFT_SECONDS.format(count=seconds)
    return (LEFT_HALF if seconds % 60 else LEFT_MINUTES).format(count=seconds // 60)


def made_of(name: str, layer: str) -> str:
    """The name of a map made of a layer. name: with a place for the layer's."""
    return name.format(name=short(layer, 32))


def brightness_of(preset: str, layer: str) -> str:
    """The name of a map made of a layer's brightness."""
    return MADE_OF.format(what=BRIGHTNESS[preset], name=short(layer, 32))


def short(text: str, length: int) -> str:
    """In one line, and cut where it is longer."""
    text = one_line(text)
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def count_of_strengths(count: int) -> str:
    return ONE_OF_THEM if count == 1 else SOME_OF_THEM.format(count=count)


def discarded(count: int) -> str:
    return DISCARDED if count <= 1 else DISCARDED_SOME.format(count=count)


def in_steps(steps: int) -> str:
    return ONE_STEP if steps == 1 else SOME_STEPS.format(count=steps)
