"""What a picture remembers."""

from __future__ import annotations

import json

import pytest
from krita_sfumato.memory import Choice, Memory, Note
from plugin.fakes import FakeDocument

NOTE = Note(
    ("a", "b"), (Choice("b", inverted=True), Choice("a")), "diffedit", {"map:diffedit": {"noises": 3}}, "summer"
)


def document(name: str, note: bytes = b"") -> FakeDocument:
    made = FakeDocument()
    made.id, made.note = name, note
    return made


def test_a_note_comes_back_from_the_file() -> None:
    assert Note.from_bytes(NOTE.to_bytes()) == NOTE


def test_a_note_of_version_0_1_0_still_counts() -> None:
    assert Note.from_bytes(b'{"maps": ["a"], "chosen": "a"}') == Note(("a",), (Choice("a"),))


def test_a_note_from_before_the_choices_still_counts() -> None:
    data = b'{"maps": ["a", "b"], "chosen": "b", "edit": "sdedit", "tuning": {"edit:sdedit": {"repeats": 2}}}'
    assert Note.from_bytes(data) == Note(("a", "b"), (Choice("b"),), "sdedit", {"edit:sdedit": {"repeats": 2}})
    assert Note.from_bytes(b'{"maps": [], "chosen": ""}') == Note()


def test_version_0_1_0_finds_the_chosen_map_where_it_looks() -> None:
    assert json.loads(NOTE.to_bytes())["chosen"] == "b"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"3",
        b"{}",
        b'{"maps": 3, "chosen": ""}',
        b'{"maps": [], "chosen": "", "choices": 3}',
        b'{"maps": [], "chosen": "", "choices": ["a"]}',
        b'{"maps": [], "chosen": "", "choices": [{"alpha_only": true}]}',
        b'{"maps": [], "chosen": "", "tuning": [1]}',
        b'{"maps": [], "chosen": "", "tuning": {"edit:x": 3}}',
        b"[" * 100_000,
    ],
)
def test_rubbish_in_a_file_counts_as_nothing(data: bytes) -> None:
    assert Note.from_bytes(data) == Note()


def test_choosing_does_not_touch_the_picture_until_something_else_does() -> None:
    memory, picture = Memory(), document("one")
    memory.change(picture, edit="sdedit")
    assert picture.note == b""
    memory.keep_map(picture, "map")
    assert Note.from_bytes(picture.note) == Note(("map",), (Choice("map"),), "sdedit")


def test_each_picture_has_its_own_and_a_new_one_begins_with_the_last() -> None:
    memory = Memory()
    one, two, saved = document("one"), document("two"), document("saved", NOTE.to_bytes())
    memory.change(one, edit="sdedit", tuning={"edit:sdedit": {"repeats": 2}})
    assert memory.of(two) == Note(edit="sdedit", tuning={"edit:sdedit": {"repeats": 2}})
    assert memory.of(saved) == NOTE
    memory.change(two, edit="differential")
    assert memory.of(one).edit == "sdedit"
    assert memory.of(saved) == NOTE


def test_an_edit_can_be_chosen_before_there_is_a_picture() -> None:
    memory = Memory()
    memory.change(None, edit="sdedit")
    assert memory.of(None).edit == "sdedit"
    assert memory.of(document("one")).edit == "sdedit"


def test_with_no_picture_open_the_edit_is_the_one_chosen_last() -> None:
    memory, picture = Memory(), document("one")
    memory.change(None, edit="sdedit")
    memory.change(picture, edit="diffedit", tuning={"edit:diffedit": {"repeats": 2}})
    assert (memory.of(None).edit, memory.of(None).tuning) == ("diffedit", {"edit:diffedit": {"repeats": 2}})


def test_an_edit_that_was_chosen_for_another_picture_is_not_saved_with_this_one() -> None:
    memory, picture = Memory(), document("new")
    memory.change(document("one"), edit="sdedit", tuning={"edit:sdedit": {"repeats": 2}})
    memory.keep_map(picture, "map")
    assert memory.of(picture).edit == "sdedit"
    assert Note.from_bytes(picture.note) == Note(("map",), (Choice("map"),))
    memory.change(picture, edit="sdedit")
    memory.keep(picture)
    assert Note.from_bytes(picture.note).edit == "sdedit"


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
