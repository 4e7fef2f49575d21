"""What a picture remembers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from krita_sfumato.memory import NOTE, Memory, Note
from krita_sfumato.settings import Choice, Settings
from plugin.fakes import FakeDocument

FULL = Settings(edit="diffedit", tuning={"map:diffedit": {"noises": 3}}, source_prompt="summer", seed=4, variants=3)
NOTED = Note(("a", "b"), (Choice("b", inverted=True, black=20, gamma=2.0), Choice("a")), FULL)
SDEDIT = Settings(edit="sdedit", tuning={"edit:sdedit": {"repeats": 2}})


def document(name: str, note: bytes = b"") -> FakeDocument:
    made = FakeDocument()
    made.id = name
    if note:
        made.notes[NOTE] = note
    return made


def kept(picture: FakeDocument) -> Note:
    return Note.from_bytes(picture.notes.read(NOTE))


def test_a_note_comes_back_from_the_file() -> None:
    assert Note.from_bytes(NOTED.to_bytes()) == NOTED


def test_the_map_is_remembered_by_the_choices_alone() -> None:
    note = replace(NOTED, settings=replace(FULL, map=Choice("elsewhere")))
    assert Note.from_bytes(note.to_bytes()) == NOTED


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"3",
        b"{}",
        b'{"maps": 3, "choices": [], "settings": {}}',
        b'{"maps": [], "choices": 3, "settings": {}}',
        b'{"maps": [], "choices": ["a"], "settings": {}}',
        b'{"maps": [4], "choices": [{"alpha_only": true}], "settings": []}',
        b'{"maps": [], "choices": [], "settings": {"tuning": [1], "steps": -4, "seed": "x", "strength": 1e999}}',
        b'{"maps": [], "choices": [], "settings": {"tuning": {"edit:x": 3}, "variants": 99, "prompt": 3}}',
        b"[" * 100_000,
    ],
)
def test_rubbish_in_a_file_counts_as_nothing(data: bytes) -> None:
    assert Note.from_bytes(data) == Note()


def test_what_can_be_read_counts_beside_what_cannot() -> None:
    data = b'{"maps": ["a"], "choices": [{"layer": "a", "black": 300, "soften": 4}], "settings": {"edit": "sdedit"}}'
    assert Note.from_bytes(data) == Note(("a",), (Choice("a", soften=4),), Settings(edit="sdedit"))
    crossed = b'{"maps": [], "choices": [{"layer": "a", "black": 200, "white": 100}], "settings": {}}'
    assert Note.from_bytes(crossed).choices == (Choice("a"),)


def test_choosing_does_not_touch_the_picture_until_something_else_does() -> None:
    memory, picture = Memory(), document("one")
    memory.change(picture, settings=SDEDIT)
    assert not picture.notes
    memory.keep_map(picture, "map")
    assert kept(picture) == Note(("map",), (Choice("map"),), SDEDIT)


def test_each_picture_has_its_own_and_a_new_one_begins_with_the_last() -> None:
    memory = Memory()
    one, two, saved = document("one"), document("two"), document("saved", NOTED.to_bytes())
    memory.change(one, settings=SDEDIT)
    assert memory.of(two) == Note(settings=SDEDIT)
    assert memory.of(saved) == NOTED
    memory.change(two, settings=Settings(edit="differential"))
    assert memory.of(one).settings == SDEDIT
    assert memory.of(saved) == NOTED


def test_settings_can_be_chosen_before_there_is_a_picture() -> None:
    memory = Memory()
    memory.change(None, settings=SDEDIT)
    assert memory.of(None).settings == SDEDIT
    assert memory.of(document("one")).settings == SDEDIT


def test_with_no_picture_open_the_settings_are_the_last_ones() -> None:
    memory, picture = Memory(), document("one")
    memory.change(None, settings=SDEDIT)
    memory.change(picture, settings=FULL)
    assert memory.of(None).settings == FULL


def test_settings_that_were_chosen_for_another_picture_are_not_saved_with_this_one() -> None:
    memory, picture = Memory(), document("new")
    memory.change(document("one"), settings=SDEDIT)
    memory.keep_map(picture, "map")
    assert memory.of(picture).settings == SDEDIT
    assert kept(picture) == Note(("map",), (Choice("map"),))
    memory.change(picture, settings=SDEDIT)
    memory.keep(picture)
    assert kept(picture).settings == SDEDIT


def test_the_newest_map_that_exists_is_the_chosen_one() -> None:
    memory, picture = Memory(), document("one")
    memory.change(picture, choices=memory.of(picture).choosing(Choice("hand-made", alpha_only=True)))
    memory.keep_map(picture, "found")
    note = memory.of(picture)
    assert note.choice(["found", "hand-made"]) == Choice("found")
    assert note.choice(["hand-made"]) == Choice("hand-made", alpha_only=True), "after an undo"
    assert note.choice(["found", "hand-made"]) == Choice("found"), "after a redo"
    assert note.choice([]) == Choice()


def test_a_map_that_is_picked_is_read_as_it_was_and_a_fresh_one_as_the_controls_stand() -> None:
    note = Note(choices=(Choice("found"), Choice("hand-made", alpha_only=True)))
    assert note.choosing_layer("hand-made", Choice("found"))[0] == Choice("hand-made", alpha_only=True)
    assert note.choosing_layer("fresh", Choice("found", inverted=True))[0] == Choice("fresh", inverted=True)
    assert len(note.choosing_layer("hand-made", Choice())) == 2, "each layer once"
