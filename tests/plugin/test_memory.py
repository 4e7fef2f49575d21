"""What a picture remembers."""

from __future__ import annotations

import pytest
from krita_sfumato.memory import Memory, Note
from plugin.fakes import FakeDocument

NOTE = Note(("a", "b"), "b", "diffedit", {"map:diffedit": {"noises": 3}})


def document(name: str, note: bytes = b"") -> FakeDocument:
    made = FakeDocument()
    made.id, made.note = name, note
    return made


def test_a_note_comes_back_from_the_file() -> None:
    assert Note.from_bytes(NOTE.to_bytes()) == NOTE


def test_a_note_of_version_0_1_0_still_counts() -> None:
    assert Note.from_bytes(b'{"maps": ["a"], "chosen": "a"}') == Note(("a",), "a")


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
    memory.keep(picture, maps=("map",), chosen="map")
    assert Note.from_bytes(picture.note) == Note(("map",), "map", "sdedit")


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
