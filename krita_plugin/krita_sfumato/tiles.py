"""What the strip of results shows: one tile for each result and for each job on its way. Plain data and its words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import sentences
from .entry import Entry, Thumb


@dataclass(frozen=True)
class Tile:
    """label: below the small picture, its seed or its strength; words and about: beside the large one. state: "done",
    "queued" or "painting", then `fraction` of it is done, None: nobody knows."""

    id: str
    label: str = ""
    thumb: Thumb | None = None
    favourite: bool = False
    placed: bool = False
    state: str = "done"
    fraction: float | None = None
    words: str = ""
    about: str = ""

    @property
    def is_done(self) -> bool:
        return self.state == "done"

    @property
    def news(self) -> str:
        """How far a job is."""
        if self.state == "painting" and self.fraction is not None:
            return sentences.TILE_PERCENT.format(percent=int(100 * self.fraction))
        return sentences.TILE_STATE.get(self.state, "")

    @property
    def spoken(self) -> str:
        """All that its picture and marks say, for who does not see them."""
        marks = [sentences.FAVOURITE] if self.favourite else []
        marks += [sentences.IS_LAYER] if self.placed else []
        # The number below a small picture has no room for its name, so that is said here.
        label = sentences.ABOUT_SEED.format(seed=self.label) if self.label.isdecimal() else self.label
        return ", ".join(filter(None, [self.words, label, self.news, *marks]))


def tile_of(entry: Entry, now: float, names: Mapping[str, str], in_fan: bool = False) -> Tile:
    """now: seconds since 1970; names: of models and VAEs by id; in_fan: it differs from its neighbours in strength
    alone."""
    return Tile(
        entry.id,
        label_of(entry.said, in_fan),
        entry.thumb,
        entry.favourite,
        bool(entry.placed),
        words=sentences.layer_name(_text(entry.said.get("prompt")), entry.task),
        about=about(entry, now, names),
    )


def label_of(said: Mapping[str, Any], in_fan: bool = False) -> str:
    """Of the settings a result was made with: they may come from anywhere, so what is strange is left out."""
    strength, seed = said.get("strength"), said.get("seed")
    if in_fan and _is_number(strength):
        return sentences.TILE_PERCENT.format(percent=round(strength))
    return str(seed) if _is_number(seed) else ""


def about(entry: Entry, now: float, names: Mapping[str, str]) -> str:
    """One line: with what it was made, and when."""
    said = entry.said
    parts = [names.get(id, id) for id in (_text(said.get("model")), _text(said.get("vae")))]
    if _is_number(said.get("steps")) and said["steps"] > 0:
        parts.append(sentences.ABOUT_STEPS.format(steps=said["steps"]))
    if _is_number(said.get("seed")):
        parts.append(sentences.ABOUT_SEED.format(seed=said["seed"]))
    return sentences.ABOUT_JOINT.join(filter(None, [*parts, sentences.ago(now - entry.made)]))


def _is_number(value: Any) -> bool:
    """Of an amount that a control can show."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**63


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
