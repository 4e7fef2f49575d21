"""What is said below and beside a result."""

from __future__ import annotations

from typing import Any

import pytest
from krita_sfumato import sentences
from krita_sfumato.entry import Entry, Thumb
from krita_sfumato.tiles import Tile, about, label_of, tile_of
from krita_sfumato.vendor.sfumato_wire import Box

NOW = 1_000_000.0
MODELS = {"sketchbook": "Sketchbook", "owner/clear": "Clear"}


def entry(seconds: float = 130, **said: Any) -> Entry:
    return Entry("a", "edit", said, Box(0, 0, 1, 1), "bgra8", Thumb(1, 1, bytes(4)), NOW - seconds, placed="{layer}")


def test_one_line_says_how_it_was_made() -> None:
    made = entry(model="sketchbook", steps=20, seed=42, prompt="snow on the hills")
    assert about(made, NOW, MODELS) == "Sketchbook · 20 steps · seed 42 · 2 min ago"
    with_another = entry(model="sketchbook", vae="owner/clear", steps=20, seed=42)
    assert about(with_another, NOW, MODELS).startswith("Sketchbook · Clear · 20 steps")
    assert about(with_another, NOW, {}).startswith("sketchbook · owner/clear · 20 steps")
    tile = tile_of(made, NOW, MODELS)
    assert (tile.label, tile.words, tile.placed, tile.favourite) == ("42", "snow on the hills", True, False)
    assert tile.spoken == "snow on the hills, seed 42, Is a layer"


def test_in_a_fan_it_is_the_strength_that_differs() -> None:
    assert label_of({"seed": 42, "strength": 40.0}, in_fan=True) == "40 %"
    assert label_of({"seed": 42}, in_fan=True) == "42"
    assert tile_of(entry(seed=42, strength=40.0), NOW, MODELS, in_fan=True).spoken == "Sfumato, 40 %, Is a layer"


@pytest.mark.parametrize("strange", [None, "x", [1], {}, True, 10**400, float("nan"), float("inf")])
def test_strange_settings_are_left_out(strange: Any) -> None:
    made = entry(model=strange, steps=strange, seed=strange, prompt=strange, strength=strange, vae="")
    tile = tile_of(made, NOW, MODELS, in_fan=True)
    assert tile.label == ""
    assert tile.about in ("2 min ago", "x · 2 min ago")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "just now"),
        (59, "just now"),
        (60, "1 min ago"),
        (3600, "1 h ago"),
        (86400, "1 d ago"),
        (10 * 86400, "10 d ago"),
    ],
)
def test_how_long_ago(seconds: float, said: str) -> None:
    assert sentences.ago(seconds) == said


def test_a_job_on_its_way_says_how_far_it_is() -> None:
    assert Tile("a", state="painting", fraction=0.456).news == "45 %"
    assert Tile("a", state="painting").news == "painting"
    assert Tile("a", state="queued").spoken == "waiting"
    assert Tile("a").news == ""
