"""Results kept in a document: what comes back, what makes room, and what damage does."""

from __future__ import annotations

import itertools
import json
import random
import zlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from krita_sfumato import entry as entries
from krita_sfumato.entry import BYTES, from_note, to_note
from krita_sfumato.history import INDEX, RESULT, Entry, History, Thumb, pack
from krita_sfumato.vendor.sfumato_wire import Box

SAID = {"prompt": "snow on the hills", "seed": 7, "tuning": {"edit:sdedit": {"repeats": 2}}}


class Annotations:
    """A document's. `reads` and `writes`: the keys."""

    def __init__(self) -> None:
        self.notes: dict[str, bytes] = {}
        self.reads: list[str] = []
        self.writes: list[str] = []

    def read(self, key: str) -> bytes:
        self.reads.append(key)
        return self.notes.get(key, b"")

    def write(self, key: str, data: bytes) -> None:
        self.writes.append(key)
        self.notes[key] = data

    def remove(self, key: str) -> None:
        self.writes.append(key)
        self.notes.pop(key, None)

    def keys(self) -> list[str]:
        return list(self.notes)


def thumb(width: int = 2, height: int = 1) -> Thumb:
    return Thumb(width, height, bytes(range(4)) * (width * height))


def made(name: str, rows: bytes = b"", width: int = 8, when: float = 1000.0) -> Entry:
    rows = rows or bytes(range(width)) * 16
    return pack(name, "edit", SAID, Box(3, 4, width, 4), "bgra8", rows, thumb(), when)


def noise(size: int) -> bytes:
    """What does not shrink."""
    return random.Random(size).randbytes(size)


def ids(history: History) -> list[str]:
    return [entry.id for entry in history.entries]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.sampled_from(["edit", "map"]),
    st.dictionaries(st.text(), JSON, max_size=4),
    st.tuples(st.integers(-65535, 65535), st.integers(-65535, 65535), st.integers(1, 9), st.integers(1, 9)),
    st.sampled_from(["bgra8", "bgra16"]),
    st.data(),
)
def test_what_is_kept_comes_back_when_the_picture_is_opened_again(task, said, box, kind, data) -> None:
    box = Box(*box)
    rows = data.draw(st.binary(min_size=box.area * BYTES[kind], max_size=box.area * BYTES[kind]))
    document = Annotations()
    entry = pack("a", task, said, box, kind, rows, thumb(), 12.5)
    assert History(document).add(entry)
    again = History(document)
    assert again.entries == (replace(entry, packed=b""),)
    assert again.load("a") == entry
    assert again.load("a").pixels() == rows
    assert again.find("a").pixels() is None, "it was not asked for"


def test_order_favourites_and_layers_come_back_and_reading_changes_nothing() -> None:
    document = Annotations()
    history = History(document)
    for name in "abc":
        history.add(made(name))
    history.favour("a")
    history.mark_placed("b", "{layer}")
    document.writes.clear()
    again = History(document)
    assert [(e.id, e.favourite, e.placed) for e in again.entries] == [
        ("c", False, ""),
        ("b", False, "{layer}"),
        ("a", True, ""),
    ]
    assert again.load("b").placed == "{layer}"
    assert document.writes == []
    again.favour("a", False)
    again.mark_placed("b", "")
    assert not any(e.favourite or e.placed for e in History(document).entries)


def test_results_are_read_one_at_a_time() -> None:
    document = Annotations()
    history = History(document)
    for name in "abc":
        history.add(made(name))
    document.reads.clear()
    again = History(document)
    assert document.reads == []
    counts = [len(document.reads)]
    while again.read():
        counts.append(len(document.reads))
    assert max(b - a for a, b in itertools.pairwise(counts)) <= 2, "the index, and one result"
    assert ids(again) == ["c", "b", "a"]


def test_the_oldest_that_are_no_favourites_make_room() -> None:
    document = Annotations()
    size = len(to_note(made("a", noise(128))))
    history = History(document, limit=3 * size + 50)
    for name in "abc":
        assert history.add(made(name, noise(128)))
    history = History(document, limit=3 * size + 50)  # in another session
    history.favour("a")
    assert history.add(made("d", noise(128)))
    assert ids(history) == ["d", "c", "a"]
    assert ids(History(document)) == ["d", "c", "a"]
    assert history.bytes_kept == sum(len(n) for key, n in document.notes.items() if key.startswith(RESULT))
    assert history.bytes_kept <= 3 * size + 50


def test_one_that_is_too_large_is_kept_in_memory_and_takes_nothing_away() -> None:
    document = Annotations()
    history = History(document, limit=2000)
    history.add(made("small"))
    big = made("big", noise(4096), width=256)
    assert not history.add(big)
    assert not history.is_kept("big")
    assert history.is_kept("small")
    assert history.load("big").pixels() == noise(4096)
    assert ids(history) == ["big", "small"]
    assert ids(History(document)) == ["small"]
    history.add(made("next"))
    assert ids(history) == ["next", "big", "small"]
    assert not history.is_all_kept


def test_what_was_made_just_now_waits_in_memory_while_it_is_chosen_from() -> None:
    document = Annotations()
    size = len(to_note(made("a", noise(128))))
    history = History(document, limit=size + 50)
    for name in "abc":
        history.add(made(name, noise(128)))
    assert ids(history) == ["c", "b", "a"]
    assert ids(History(document)) == ["c"]
    assert history.load("a").pixels() == noise(128)
    history.mark_placed("c", "layer")
    history.add(made("d", noise(128)))
    assert ids(history) == ["d", "b", "a"], "one that is a layer makes way"


def test_what_waits_in_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("krita_sfumato.history.LOOSE", 300)
    history = History(Annotations(), limit=10)
    for name in "abcd":
        history.add(made(name, noise(128)))
    assert "d" in ids(history)
    assert len(ids(history)) < 4


def test_so_many_favourites_that_there_is_no_room() -> None:
    document = Annotations()
    size = len(to_note(made("a", noise(128))))
    history = History(document, limit=2 * size + 50)
    for name in "ab":
        history.add(made(name, noise(128)))
        history.favour(name)
    assert not history.add(made("c", noise(128)))
    assert ids(history) == ["c", "b", "a"]
    assert ids(History(document)) == ["b", "a"]


def test_there_are_never_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("krita_sfumato.history.MAX_ENTRIES", 3)
    document = Annotations()
    history = History(document)
    for name in "abcde":
        history.add(made(name))
        history.mark_placed(name, name)
    assert ids(history) == ids(History(document)) == ["e", "d", "c"]


def test_what_was_removed_can_be_restored_until_the_next_is() -> None:
    document = Annotations()
    history = History(document)
    for name in "abc":
        history.add(made(name))
    history.favour("b")
    history.remove("b")
    assert history.removed == ("b",)
    assert ids(history) == ids(History(document)) == ["c", "a"]
    history.restore()
    assert ids(history) == ids(History(document)) == ["c", "b", "a"]
    assert History(document).load("b") == replace(made("b"), favourite=True)
    assert history.removed == ()
    history.remove("c")
    history.add(made("d"))
    assert history.removed == ("c",), "another result is no reason to lose it"
    history.restore()
    assert ids(history) == ["d", "c", "b", "a"], "what came since is newer"
    history.remove("c")
    history.remove("nothing")
    assert ids(history) == ["d", "b", "a"]


def test_what_was_removed_comes_back_step_by_step() -> None:
    document = Annotations()
    history = History(document)
    for name in "abcd":
        history.add(made(name))
    history.remove("b")
    history.remove("d", "a")
    assert history.removed == ("d", "a")
    history.restore()
    assert (history.removed, ids(history)) == (("b",), ["d", "c", "a"])
    history.restore()
    assert (history.removed, ids(history)) == ((), ["d", "c", "b", "a"])
    assert ids(History(document)) == ["d", "c", "b", "a"]


def test_so_much_that_was_removed_that_the_first_cannot_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("krita_sfumato.history.LOOSE", 100)
    history = History(Annotations())
    for name in "ab":
        history.add(made(name, noise(128)))
    history.remove("a")
    history.remove("b")
    history.restore()
    history.restore()
    assert ids(history) == ["b"]


def test_several_come_back_together_in_their_places() -> None:
    document = Annotations()
    history = History(document)
    for name in "abcde":
        history.add(made(name))
    history.favour("d")
    history.favour("b")
    history.mark_placed("c", "{layer}")
    before = history.entries
    history.remove("c", "a", "e", "nothing")
    assert history.removed == ("e", "c", "a")
    assert ids(history) == ids(History(document)) == ["d", "b"]
    document.writes.clear()
    history.restore()
    assert document.writes.count(INDEX) == 1
    assert history.entries == History(document).entries == before
    assert History(document).load("a") == made("a")
    history.remove(*"edcba")
    history.add(made("f"))
    history.restore()
    assert ids(history) == ids(History(document)) == ["f", "e", "d", "c", "b", "a"]
    assert history.find("b").favourite
    assert history.find("c").placed == "{layer}"
    assert history.removed == ()


def test_what_is_in_memory_alone_comes_back_with_the_others() -> None:
    document = Annotations()
    size = len(to_note(made("a", noise(128))))
    history = History(document, limit=2 * size + 50)
    for name in "abcd":
        history.add(made(name, noise(128)))
    history.mark_placed("a", "{layer}")  # one in memory may be a layer, too
    before = history.entries
    assert not history.is_kept("a")
    history.remove(*"abcd")
    assert document.notes.keys() == {INDEX}
    assert history.is_all_kept
    history.restore()
    assert history.entries == before
    assert ids(History(document)) == ["d", "c"], "the newest are saved, as before"
    assert history.load("a").pixels() == noise(128)


def test_what_comes_back_sends_away_nothing_that_came_since() -> None:
    document = Annotations()
    size = len(to_note(made("a", noise(128))))
    history = History(document, limit=2 * size + 50)
    for name in "abcd":
        if name == "c":
            history.favour("a")
            history.remove("a", "b")
        history.add(made(name, noise(128)))
        history.mark_placed(name, name)
    history.restore()
    assert ids(history) == ["d", "c", "b", "a"]
    assert ids(History(document)) == ["d", "c"], "not even for a favourite"
    assert history.load("a").pixels() == history.load("b").pixels() == noise(128)


def test_one_that_was_made_again_does_not_come_back_beside_itself() -> None:
    history = History(Annotations())
    for name in "abc":
        history.add(made(name))
    history.remove("a", "b")
    history.add(made("a"))
    history.restore()
    assert ids(history) == ["a", "c", "b"]


def test_the_same_again_takes_the_place_of_the_first() -> None:
    history = History(Annotations())
    history.add(made("a"))
    history.add(made("b"))
    history.add(made("a", bytes(128)))
    assert ids(history) == ["a", "b"]
    assert history.load("a").pixels() == bytes(128)


# ---------------------------------------------------------------------- damage


def with_header(entry: Entry, **changes: Any) -> bytes:
    head, _, rest = to_note(entry).partition(b"\n")
    return json.dumps(json.loads(head) | changes).encode() + b"\n" + rest


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"version": None},
        {"id": "other"},
        {"task": "dance"},
        {"task": ["edit"]},
        {"said": []},
        {"said": {"a": [[[[[[[[[[1]]]]]]]]]]}},
        {"box": [0, 0, 8]},
        {"box": [0, 0, -8, -4]},
        {"box": [0, 0, 65535, 65535]},
        {"box": [1e400, 0, 8, 4]},
        {"box": [0, 0, True, 4]},
        {"box": [0, 0, 10**30, 4]},
        {"box": "8888"},
        {"format": "bgra64"},
        {"format": {}},
        {"thumb": [0, 0]},
        {"thumb": [129, 1]},
        {"thumb": [2, 2]},
        {"made": "today"},
        {"made": float("nan")},
        {"made": float("inf")},
        {"made": -1},
        {"made": 10**400},
        {"packed": 1},
        {"packed": 10**12},
    ],
)
def test_a_header_that_makes_no_sense_counts_as_nothing(changes: dict[str, Any]) -> None:
    document = Annotations()
    History(document).add(made("a"))
    document.notes[RESULT + "a"] = with_header(made("a"), **changes)
    history = History(document)
    assert history.entries == ()
    assert history.load("a") is None
    assert history.add(made("b"))
    assert ids(history) == ["b"]


def test_what_swells_beyond_its_box_is_never_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A packed picture of 64 MiB that says it is 8 x 4 pixels; one that says it is as large as it may be."""
    bomb = zlib.compress(bytes(64 * 1024 * 1024), 9)
    entry = replace(made("a"), packed=bomb)
    assert from_note(to_note(entry), "a", whole=True) is None, "too long for so few pixels"
    largest: list[int] = []
    real = zlib.decompressobj

    class Watched:
        def __init__(self) -> None:
            self.inner = real()

        def decompress(self, data: bytes, most: int) -> bytes:
            out = self.inner.decompress(data, most)
            largest.append(len(out))
            return out

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

    monkeypatch.setattr(entries.zlib, "decompressobj", Watched)
    assert entry.pixels() is None
    assert largest == [8 * 4 * 4 + 1]
    huge = replace(made("a"), box=Box(0, 0, 11_000, 11_000))
    assert from_note(to_note(huge), "a") is None, "too short for so many pixels"


@pytest.mark.parametrize("packed", [b"", b"x" * 40, zlib.compress(bytes(127)), zlib.compress(bytes(128)) + b"more"])
def test_pixels_that_are_damaged_are_none(packed: bytes) -> None:
    assert replace(made("a"), packed=packed).pixels() is None
    assert replace(made("a"), packed=zlib.compress(bytes(128))[:-1]).pixels() is None


NOTE = to_note(made("a", noise(128)))


@given(st.data())
@settings(max_examples=300)
def test_any_damage_counts_as_nothing_or_changes_no_size(data: st.DataObject) -> None:
    note = bytearray(NOTE)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(note) - 1))
        kind = data.draw(st.sampled_from(["change", "cut", "insert", "end"]))
        if kind == "change":
            note[at] = data.draw(st.integers(0, 255))
        elif kind == "cut":
            del note[at : at + data.draw(st.integers(1, 9))]
        elif kind == "insert":
            note[at:at] = data.draw(st.binary(min_size=1, max_size=9))
        else:
            del note[at:]
        if not note:
            break
    document = Annotations()
    document.notes = {RESULT + "a": bytes(note), INDEX: b'{"order": ["a"], "favourites": [], "placed": {}}'}
    history = History(document)
    for entry in history.entries:
        whole = history.load(entry.id)
        rows = whole.pixels()
        assert rows is None or len(rows) == entry.size
        assert len(entry.thumb.bgra) == entry.thumb.width * entry.thumb.height * 4


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_index_is_read(index: bytes) -> None:
    document = Annotations()
    for name, when in (("a", 1.0), ("b", 3.0), ("c", 2.0)):
        document.notes[RESULT + name] = to_note(made(name, when=when))
    document.notes[INDEX] = index
    assert ids(History(document)) == ["b", "c", "a"], "in the order of time"


@pytest.mark.parametrize(
    "index",
    [
        b"[" * 100_000,
        b'{"order": 3, "favourites": [], "placed": {}}',
        b'{"order": [[]], "favourites": [{}], "placed": {"a": 3}}',
        b'{"order": ["a", "a", "../x"], "favourites": ["gone"], "placed": []}',
        b'{"order": [], "favourites": [], "placed": {"a": "' + b"x" * 300 + b'"}}',
        b'{"order": ["a"], "favourites": [], "placed": {}}' + b" " * 2_000_000,
    ],
)
def test_a_strange_index_counts_as_nothing(index: bytes) -> None:
    document = Annotations()
    document.notes = {RESULT + "a": to_note(made("a")), INDEX: index}
    (entry,) = History(document).entries
    assert (entry.id, entry.favourite, entry.placed) == ("a", False, "")


@pytest.mark.parametrize("name", ["", "a/b", "a" * 65, "..", "é"])
def test_strange_names_are_no_results(name: str) -> None:
    document = Annotations()
    document.notes[RESULT + name] = to_note(replace(made("a"), id=name))
    assert History(document).entries == ()


def test_what_cannot_be_kept_is_said_when_it_is_packed() -> None:
    box = Box(0, 0, 2, 1)
    for bad in (
        ("a", "edit", {}, box, "bgra8", bytes(7), thumb(), 1.0),
        ("a", "edit", {}, box, "gray8", bytes(2), thumb(), 1.0),
        ("a", "dance", {}, box, "bgra8", bytes(8), thumb(), 1.0),
        ("a/b", "edit", {}, box, "bgra8", bytes(8), thumb(), 1.0),
        ("a", "edit", {}, box, "bgra8", bytes(8), thumb(129, 1), 1.0),
        ("a", "edit", {"prompt": "x" * 600_000}, box, "bgra8", bytes(8), thumb(), 1.0),
    ):
        with pytest.raises(ValueError):  # noqa: PT011
            pack(*bad)


def test_the_settings_are_kept_as_they_were() -> None:
    said: dict[str, Any] = {"tuning": {"edit:x": {"a": 1}}, "maps": ("a", "b")}
    entry = pack("a", "edit", said, Box(0, 0, 1, 1), "bgra8", bytes(4), thumb(), 1.0)
    said["tuning"]["edit:x"]["a"] = 2
    assert entry.said == {"tuning": {"edit:x": {"a": 1}}, "maps": ["a", "b"]}


def test_a_thumb_of_what_a_backend_shows() -> None:
    assert Thumb.of_rgb(2, 1, bytes([1, 2, 3, 4, 5, 6])) == Thumb(2, 1, bytes([3, 2, 1, 255, 6, 5, 4, 255]))
    with pytest.raises(ValueError, match="size"):
        Thumb.of_rgb(2, 2, bytes(6))
    with pytest.raises(ValueError, match="no picture"):
        Thumb(2, 2, bytes(6))
