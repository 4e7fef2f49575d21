"""What the painter wants: the docker's controls as one value, to be sent, remembered with a picture, and shared."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from .tuning import Tuning
from .vendor.sfumato_wire import Levels

MOST_VARIANTS = 16
MOST_TEXT = 1_000_000  # characters; what is too long for the wire is said when it is sent, and stays written here
GREY = 257  # an 8-bit grey in the wire's 16 bits


@dataclass(frozen=True)
class Choice:
    """A layer that was chosen as the map, and how it is read. layer "": none was chosen yet. black, white: greys in
    0..255 that mean no change and full change; gamma above 1 lifts the greys between; soften: pixels."""

    layer: str = ""
    alpha_only: bool = False
    inverted: bool = False
    black: int = 0
    white: int = 255
    gamma: float = 1.0
    soften: int = 0

    @property
    def levels(self) -> Levels:
        return Levels(GREY * self.black, GREY * self.white, self.gamma, self.inverted)


@dataclass(frozen=True)
class Guide:
    """A ControlNet, "" for none, and the layer whose picture it is shown; begin, end: shares of the schedule."""

    id: str = ""
    layer: str = ""
    weight: float = 1.0
    begin: float = 0.0
    end: float = 1.0


@dataclass(frozen=True)
class Settings:
    """strength in percent; steps 0, guidance None, scheduler and vae "": the model's own; seed None: a new one; edit
    and model "": the first there is; variants: how many, each with a seed of its own; as_mask: the result as a layer
    with a transparency mask."""

    map: Choice = field(default_factory=Choice)
    prompt: str = ""
    source_prompt: str = ""
    negative_prompt: str = ""
    strength: float = 100.0
    steps: int = 0
    guidance: float | None = None
    scheduler: str = ""
    vae: str = ""
    seed: int | None = None
    variants: int = 1
    model: str = ""
    edit: str = ""
    tuning: Tuning = field(default_factory=dict)
    as_mask: bool = False
    guide: Guide = field(default_factory=Guide)


def to_json(settings: Settings) -> dict[str, Any]:
    return asdict(settings)


def choice_from(said: Any) -> Choice:
    """What of it can be read; the rest is as proposed. It may come from anywhere."""
    choice = Choice(**_read(said, Choice(), _CHOICE))
    return choice if choice.black < choice.white else Choice(choice.layer, choice.alpha_only, choice.inverted)


def settings_from(said: Any) -> Settings:
    """The same for all of the settings."""
    known = said if isinstance(said, Mapping) else {}
    guide = Guide(**_read(known.get("guide"), Guide(), _GUIDE))
    guide = guide if guide.begin < guide.end else replace(guide, begin=0.0, end=1.0)
    return Settings(map=choice_from(known.get("map")), guide=guide, **_read(known, Settings(), _SETTINGS))


def _read(said: Any, proposed: Any, takes: Mapping[str, Callable[[Any], bool]]) -> dict[str, Any]:
    known = said if isinstance(said, Mapping) else {}
    names = [part.name for part in fields(proposed) if part.name in takes and part.name in known]
    return {name: known[name] for name in names if takes[name](known[name])}


def _text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MOST_TEXT


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _number(low: float, high: float) -> Callable[[Any], bool]:
    def takes(value: Any) -> bool:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high

    return takes


def _or_none(takes: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or takes(value)


def _tuning(value: Any) -> bool:
    def plain(one: Any) -> bool:
        return isinstance(one, (bool, str, int)) or (isinstance(one, float) and math.isfinite(one))

    return isinstance(value, dict) and all(
        isinstance(values, dict) and all(plain(one) for one in values.values()) for values in value.values()
    )


_CHOICE: dict[str, Callable[[Any], bool]] = {
    "layer": _text,
    "alpha_only": _flag,
    "inverted": _flag,
    "black": _whole(0, 254),
    "white": _whole(1, 255),
    "gamma": _number(0.1, 10.0),
    "soften": _whole(0, 1000),
}
_GUIDE: dict[str, Callable[[Any], bool]] = {
    "id": _text,
    "layer": _text,
    "weight": _number(0.0, 2.0),
    "begin": _number(0.0, 1.0),
    "end": _number(0.0, 1.0),
}
_SETTINGS: dict[str, Callable[[Any], bool]] = {
    "prompt": _text,
    "source_prompt": _text,
    "negative_prompt": _text,
    "strength": _number(0.0, 100.0),
    "steps": _whole(0, 1000),
    "guidance": _or_none(_number(0.0, 100.0)),
    "scheduler": _text,
    "vae": _text,
    "seed": _or_none(_whole(0, 2**31 - 1)),
    "variants": _whole(1, MOST_VARIANTS),
    "model": _text,
    "edit": _text,
    "tuning": _tuning,
    "as_mask": _flag,
}
