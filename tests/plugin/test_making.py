"""Maps of what is there already: what they are made of, and what is said when there is nothing to make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from krita_sfumato import making, sentences
from krita_sfumato.interfaces import SELECTION
from krita_sfumato.vendor.sfumato_wire import Box

from .fakes import FakeDocument, Later


class Selected(FakeDocument):
    """With a selection of one value beside its map."""

    def __init__(self, value: int | None = 7, grey: int = 255) -> None:
        super().__init__(grey=grey)
        self.value = value

    def has(self, layer: str) -> bool:
        return self.value is not None if layer == SELECTION else super().has(layer)

    def read_map(self, layer: str, box: Box) -> Iterator[bytes]:
        if layer != SELECTION:
            yield from super().read_map(layer, box)
            return
        for _ in range(box.height):
            if self.value is None:
                raise LookupError
            yield bytes([self.value]) * box.width


def run(steps: making.Making, document: Any = None, at: int = 0, change: Any = None) -> tuple[making.Made, list[str]]:
    """What comes of it and the stages on the way; `change` is called after `at` steps."""
    stages: list[str] = []
    while True:
        if change is not None and len(stages) == at:
            change()
        try:
            stages.append(next(steps))
        except StopIteration as end:
            return end.value, stages


def test_of_the_selection() -> None:
    document = Selected()
    made, stages = run(making.from_selection(document, Later))
    assert made == making.Made(sentences.MADE_FROM_SELECTION, bytes([7, 7, 7, 255]) * document.box.area, document.box)
    assert set(stages) == {"making"}
    assert all(stage in sentences.STAGES for stage in stages)
    assert not document.maps_made, "adding it is the caller's"


def test_of_a_layers_brightness() -> None:
    document = FakeDocument(grey=200)
    made, _ = run(making.from_brightness(document, "map", "inverted", Later))
    assert made.name == "Map: inverted brightness of Change map"
    assert made.bgra == bytes([55, 55, 55, 255]) * document.box.area
    assert made.box == document.box


@pytest.mark.parametrize("stage", [1, 4])
def test_a_selection_that_goes_away(stage: int) -> None:
    document = Selected()
    with pytest.raises(making.NothingToMake, match="Nothing is selected"):
        run(making.from_selection(document, Later), at=stage, change=lambda: setattr(document, "value", None))


@pytest.mark.parametrize("value", [None, 0])
def test_no_selection(value: int | None) -> None:
    with pytest.raises(making.NothingToMake, match="Nothing is selected"):
        run(making.from_selection(Selected(value), Later))


def test_a_layer_that_is_gone_empty_or_too_dark() -> None:
    document = FakeDocument(grey=40)
    with pytest.raises(making.NothingToMake, match="not there any more"):
        run(making.from_brightness(document, "other", "straight", Later))
    with pytest.raises(making.NothingToMake, match="not there any more"):
        run(making.from_brightness(document, "map", "straight", Later), at=1, change=document.list.clear)
    document = FakeDocument(grey=40)
    with pytest.raises(making.NothingToMake, match="the lights of “Change map” would be black"):
        run(making.from_brightness(document, "map", "lights", Later))
    document.box = Box(0, 0, 0, 0)
    with pytest.raises(making.NothingToMake, match="nothing on “Change map”"):
        run(making.from_brightness(document, "map", "straight", Later))


def test_waits_for_the_brush_and_ends_with_the_document() -> None:
    document = Selected()
    document.idle = False
    made, stages = run(making.from_selection(document, Later), at=5, change=lambda: setattr(document, "idle", True))
    assert stages[:5] == ["making"] + ["pause_to_read"] * 4
    assert made.bgra
    document.idle = False
    with pytest.raises(making.NothingToMake, match="Open or create"):
        run(making.from_selection(document, Later), at=3, change=lambda: setattr(document, "open", False))


def test_names_are_short_and_in_one_line() -> None:
    name = sentences.brightness_of("lights", "a very long name\nof a layer that somebody gave it " * 3)
    assert len(name) < 60
    assert "\n" not in name
    assert name.endswith("…")
