"""Whether a layer is as it was placed, against stand-ins for Krita's layers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from krita_sfumato import placed
from krita_sfumato.placed import Placed, Sums
from krita_sfumato.vendor.sfumato_wire import Box

from .fakes import FakeNotes

BOX = Box(2, 3, 4, 2)
COLOURS, MASK = bytes(range(32)), bytes(range(8))


def sums(box: Box, *parts: bytes | None) -> str:
    """As they are of a layer that is filled at once."""
    there = [part for part in parts if part is not None]
    made = Sums(box, len(there))
    made.add(*there)
    return made.said


@dataclass
class Id:
    id: str

    def toString(self) -> str:
        return self.id


@dataclass
class Bounds:
    box: Box

    def x(self) -> int:
        return self.box.x

    def y(self) -> int:
        return self.box.y

    def width(self) -> int:
        return self.box.width

    def height(self) -> int:
        return self.box.height

    def isEmpty(self) -> bool:
        return not self.box.area


@dataclass
class Node:
    """A layer with pixels in BOX and nowhere else."""

    id: str
    data: bytes = COLOURS
    kind: str = "paintlayer"
    box: Box = BOX
    children: list[Node] = field(default_factory=list)
    frames: bool = False
    named: str = "snow"
    is_locked: bool = False
    is_alpha_locked: bool = False
    style: str = ""

    def uniqueId(self) -> Id:
        return Id(self.id)

    def type(self) -> str:
        return self.kind

    def childNodes(self) -> list[Node]:
        return self.children

    def name(self) -> str:
        return self.named

    def locked(self) -> bool:
        return self.is_locked

    def alphaLocked(self) -> bool:
        return self.is_alpha_locked

    def layerStyleToAsl(self) -> str:
        return self.style

    def bounds(self) -> Bounds:
        return Bounds(self.box)

    def animated(self) -> bool:
        return self.frames

    def pixelData(self, x: int, y: int, width: int, height: int) -> bytes:
        assert Box(x, y, width, height) == BOX, "read where nothing was placed"
        return self.data


@dataclass
class Paper:
    root: Node

    def rootNode(self) -> Node:
        return self.root

    def width(self) -> int:
        return 100

    def height(self) -> int:
        return 50


def mask(data: bytes = MASK, kind: str = "transparencymask") -> Node:
    return Node("mask", data, kind)


def placing(masked: bool = False) -> tuple[Placed, Paper, FakeNotes, Node]:
    node = Node("a", children=[mask()] if masked else [])
    paper, notes, known = Paper(Node("root", children=[Node("background"), node])), FakeNotes(), Placed()
    known.remember(paper, notes, "a", sums(BOX, COLOURS, MASK if masked else None))
    return known, paper, notes, node


@pytest.mark.parametrize("masked", [False, True])
def test_as_it_was_placed_also_in_another_session(masked: bool) -> None:
    known, paper, notes, node = placing(masked)
    assert known.is_untouched(paper, notes, node)
    assert Placed().is_untouched(paper, notes, node)
    assert not known.is_untouched(paper, notes, Node("b"))


@pytest.mark.parametrize(
    "change",
    [
        {"data": COLOURS[:-1] + b"\0"},
        {"data": COLOURS[:-1]},
        {"box": Box(2, 3, 5, 2)},
        {"children": [mask()]},
        {"children": [mask(kind="filtermask")]},
        {"frames": True},
    ],
)
def test_whatever_the_painter_does_is_seen(change: dict[str, object]) -> None:
    known, paper, notes, node = placing()
    for name, value in change.items():
        setattr(node, name, value)
    assert not known.is_untouched(paper, notes, node)


def test_a_mask_that_was_painted_on_or_is_gone() -> None:
    known, paper, notes, node = placing(masked=True)
    node.children = [mask(MASK[::-1])]
    assert not known.is_untouched(paper, notes, node)
    node.children = []
    assert not known.is_untouched(paper, notes, node)


def test_a_layer_may_have_lost_its_transparent_margin() -> None:
    known, paper, notes, node = placing()
    node.box = Box(3, 3, 1, 1)
    assert known.is_untouched(paper, notes, node)


def test_the_last_step_is_ours_only_while_all_is_as_it_was() -> None:
    known, paper, _, _ = placing()
    assert not known.is_last_step(paper, "a", ""), "nothing was heard yet"
    assert not known.is_last_step(paper, "a", "Undo Add Layer")
    known.heard("a", "Undo Add Layer")
    known.heard("a", "Undo Freehand Brush")
    assert known.is_last_step(paper, "a", "Undo Add Layer")
    assert not known.is_last_step(paper, "a", "Undo Freehand Brush")
    assert not known.is_last_step(paper, "background", "Undo Add Layer")
    paper.root.children.append(Node("theirs"))
    assert not known.is_last_step(paper, "a", "Undo Add Layer")


def test_only_the_newest_are_remembered() -> None:
    known, paper, notes, _ = placing()
    for i in range(placed.REMEMBERED):
        known.remember(paper, notes, f"layer {i}", sums(BOX, COLOURS, None))
    assert len(json.loads(notes.read(placed.KEY))) == placed.REMEMBERED
    assert not known.is_untouched(paper, notes, Node("a"))
    assert known.is_untouched(paper, notes, Node("layer 0"))


@given(st.one_of(st.binary(), st.text().map(str.encode), st.from_regex(r'\{"a": "[-0-9a-f,]*"\}').map(str.encode)))
def test_a_note_from_anywhere_counts_as_nothing(said: bytes) -> None:
    _, paper, notes, node = placing()
    notes.write(placed.KEY, said)
    assert not Placed().is_untouched(paper, notes, node)
    Placed().remember(paper, notes, "a", sums(BOX, COLOURS, None))
    assert Placed().is_untouched(paper, notes, node)


@pytest.mark.parametrize("box", ["0,0,1000000000,1000000000", "-5,0,10,10", "0,0,101,1", "0,0,-1,-1", "1,1,x,1", "1,2"])
def test_a_note_cannot_have_more_read_than_the_picture(box: str) -> None:
    _, paper, notes, node = placing()
    notes.write(placed.KEY, json.dumps({"a": f"{box},00000000"}).encode())
    node.box = Box(0, 0, 0, 0)
    assert not Placed().is_untouched(paper, notes, node)


@pytest.mark.parametrize("what", [{"named": "mine"}, {"is_locked": True}, {"is_alpha_locked": True}, {"style": "a"}])
def test_what_was_renamed_locked_or_given_a_style_is_the_painters_own(what: dict[str, object]) -> None:
    known, paper, notes, node = placing()
    for name, value in what.items():
        setattr(node, name, value)
    assert not known.is_untouched(paper, notes, node)
