"""Which layers are no part of the picture, and the way back into it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from krita_sfumato import sentences
from krita_sfumato.beside import Beside, beside
from krita_sfumato.memory import NOTE, Note
from krita_sfumato.settings import Choice, Guide, Settings
from plugin.desk import SETTINGS, Desk
from plugin.fakes import FakeLayer

LAYERS = [
    FakeLayer("group", "Group", kind="grouplayer"),
    FakeLayer("inner", "Inner group", 1, kind="grouplayer"),
    FakeLayer("deep", "Deep", 2),
    FakeLayer("mask", "Mask", 3, kind="transparencymask"),
    FakeLayer("after", "After it", 1),
    FakeLayer("map", "Change map"),
    FakeLayer("background", "Background"),
]
FREE = Beside(False, "")


@pytest.mark.parametrize("layer", ["group", "inner", "deep", "after", "background"])
def test_a_layer_is_part_of_the_picture_until_it_is_noted(layer: str) -> None:
    assert beside(LAYERS, layer, Note(), "map") == FREE
    assert beside(LAYERS, layer, Note(maps=(layer,)), "map") == Beside(True, "")


@pytest.mark.parametrize("maps", [(), ("map",)])
def test_the_chosen_map_and_that_of_an_edit_under_way_stay_out(maps: tuple[str, ...]) -> None:
    note = Note(maps=maps)
    assert beside(LAYERS, "map", note, "map", {"map"}) == Beside(True, "map")
    assert beside(LAYERS, "map", note, "after", {"map"}) == Beside(True, "edit")
    assert beside(LAYERS, "map", note, "after") == Beside(bool(maps), "")


def test_what_a_controlnet_is_shown_stays_out_as_long_as_there_is_one() -> None:
    note = Note(settings=Settings(guide=Guide("canny", "after")))
    assert beside(LAYERS, "after", note, "map") == Beside(True, "guide")
    assert beside(LAYERS, "after", Note(settings=Settings(guide=Guide("", "after"))), "map") == FREE


def test_what_is_in_a_group_goes_with_it() -> None:
    assert beside(LAYERS, "deep", Note(maps=("group",)), "map") == Beside(True, "group")
    assert beside(LAYERS, "deep", Note(), "inner") == Beside(True, "group")
    assert beside(LAYERS, "after", Note(maps=("inner", "deep")), "map") == FREE
    assert beside(LAYERS, "map", Note(maps=("group",)), "") == FREE


def test_masks_and_what_is_no_layer_cannot_be_chosen() -> None:
    assert beside(LAYERS, "mask", Note(), "mask") == Beside(True, "mask")
    assert beside(LAYERS, "", Note(), "map") == beside(LAYERS, "a transform mask", Note(), "map") == Beside()
    assert {"layer", "mask", "map", "guide", "edit", "group"} == set(sentences.WHY_BESIDE)


def test_a_layer_that_was_the_map_is_sent_with_the_picture_again() -> None:
    desk = Desk().ready()
    desk.finish(desk.apply())
    desk.document.list.append(FakeLayer("other", "Another map"))
    other = replace(SETTINGS, map=Choice("other"))
    desk.finish(desk.apply(other))
    assert desk.document.read[-1][1] == ("other", "map")
    desk.controller.leave_out("map", False)
    assert desk.view.sentence == sentences.TAKEN_IN.format(name="Change map")
    assert Note.from_bytes(desk.document.notes.read(NOTE)).maps == ("other",), "saved with the picture"
    desk.finish(desk.apply(other))
    assert desk.document.read[-1][1] == ("other",), "and the edit by another map does not take it out again"
    assert Note.from_bytes(desk.document.notes.read(NOTE)).maps == ("other",)
    assert desk.document.below[-1] == ("other",)
    desk.finish(desk.apply())
    assert desk.document.read[-1][1] == ("map", "other"), "who chooses it as the map again has a map again"


def test_any_layer_can_be_taken_out_of_the_picture() -> None:
    desk = Desk().ready()
    desk.document.list.append(FakeLayer("sketch", "Sketch"))
    for _ in range(2):
        desk.controller.leave_out("sketch", True)
        assert desk.view.sentence == sentences.LEFT_OUT.format(name="Sketch")
    assert desk.controller.memory.of(desk.document).maps == ("sketch",)
    desk.apply()
    assert desk.document.read[-1][1] == ("map", "sketch")
    assert not desk.document.added


def test_a_layer_that_is_gone_and_a_picture_that_is_closed() -> None:
    desk = Desk().ready()
    desk.controller.leave_out("gone", True)
    assert desk.controller.memory.of(desk.document).maps == ()
    desk.document = None
    desk.controller.leave_out("map", True)
    assert desk.view.sentence == ""


def test_the_maps_of_edits_under_way_are_those_of_their_picture() -> None:
    desk = Desk().ready()
    job = desk.apply()
    assert desk.controller.maps_at_work(desk.document) == {"map"}
    assert desk.controller.maps_at_work(None) == set()
    desk.finish(job)
    assert desk.controller.maps_at_work(desk.document) == set()
