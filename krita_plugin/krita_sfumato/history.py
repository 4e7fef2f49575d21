"""What one document remembers of its results. It lives in the .kra, so it is there again when the picture is opened.

Each result is a note of its own in the document, and one small note says their order, which are favourites and which
became layers. Reading changes nothing. All notes come from and go to Krita: for the UI thread, one note at a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from .entry import Entry, Thumb, from_note, is_id, is_name, pack, to_note

__all__ = ["Entry", "History", "Notes", "Thumb", "pack"]

RESULT = "result/"  # key of a result, with its id behind
INDEX = "history"
LIMIT = 64 * 1024 * 1024  # bytes of all results in a document
LOOSE = 512 * 1024 * 1024  # bytes of those that wait in memory
MAX_ENTRIES = 1000
MAX_INDEX = 1024 * 1024  # bytes


class Notes(Protocol):
    """What the document keeps beside its layers. What is not there reads as b""."""

    def read(self, key: str) -> bytes: ...
    def write(self, key: str, data: bytes) -> None: ...
    def remove(self, key: str) -> None: ...
    def keys(self) -> list[str]: ...


class History:
    """Newest first. When there is no more room, the oldest go that are no favourites; those of this session that are no
    layers yet, and one for which there is no room at all, wait in memory."""

    def __init__(self, notes: Notes, limit: int = LIMIT) -> None:
        self._notes, self._limit = notes, limit
        self._entries: list[Entry] = []  # without their pixels
        self._sizes: dict[str, int] = {}  # bytes of their notes
        self._loose: dict[str, Entry] = {}  # those that are in memory alone
        self._fresh: set[str] = set()  # those of this session
        self._removed: list[_Removed] = []  # the latest last
        self._reading: Iterator[None] | None = self._read()

    def read(self) -> bool:
        """Read one more result of the document; False when all are."""
        if self._reading is not None and next(self._reading, self) is self:
            self._reading = None
        return self._reading is not None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Without their pixels: `load` has those. Reads what was not read yet."""
        self._read_all()
        return tuple(self._entries)

    def find(self, id: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.id == id), None)

    def load(self, id: str) -> Entry | None:
        """One with its pixels, still packed; None when it is not there or damaged."""
        known = self.find(id)
        if known is None or id in self._loose:
            return known and replace(self._loose[id], favourite=known.favourite, placed=known.placed)
        whole = from_note(self._notes.read(RESULT + id), id, whole=True)
        return whole and replace(whole, favourite=known.favourite, placed=known.placed)

    def is_kept(self, id: str) -> bool:
        """Whether it is saved with the picture; False for one that was too large."""
        return id in self._sizes

    @property
    def bytes_kept(self) -> int:
        return sum(self._sizes.values())

    def add(self, entry: Entry) -> bool:
        """A new one. False when it is too large to be saved with the picture: see `is_kept`."""
        self._read_all()
        self._drop(entry.id)
        self._fresh.add(entry.id)
        for removed in self._removed:
            removed.rank.pop(entry.id, None)  # it is a new one
        fits = self._put(0, entry)
        self._write_index()
        for old in reversed([e for e in self._entries[1:] if e.id in self._loose and not e.favourite]):
            if sum(len(one.packed) for one in self._loose.values()) <= LOOSE:
                break
            self._drop(old.id)
        return fits

    @property
    def is_all_kept(self) -> bool:
        """Whether all of them are saved with the picture."""
        return not self._loose

    def favour(self, id: str, is_favourite: bool = True) -> None:
        self._change(id, favourite=is_favourite)

    def mark_placed(self, id: str, layer: str) -> None:
        """It is a layer now; "": it is none any more."""
        self._change(id, placed=layer)

    def remove(self, *ids: str) -> None:
        """`restore` brings them back, together, until `let_go` is called."""
        gone = set(ids)
        there = [entry.id for entry in self.entries if entry.id in gone]
        if there:
            rank = {entry.id: at for at, entry in enumerate(self._entries)}
            self._removed.append(_Removed(tuple(filter(None, map(self.load, there))), rank))
            while len(self._removed) > 1 and sum(removed.size for removed in self._removed) > LOOSE:
                self._removed.pop(0)
            for id in there:
                self._drop(id)
            self._write_index()

    @property
    def removed(self) -> tuple[str, ...]:
        """The ids of those that `restore` would bring back."""
        return tuple(entry.id for entry in self._removed[-1].entries) if self._removed else ()

    def let_go(self) -> None:
        """Of those that `restore` would bring back."""
        self._removed = []

    def restore(self) -> None:
        """Those that were removed last, in their places, behind what came since. They send no other away: those for
        which no room is left wait in memory."""
        if self._removed:
            removed = self._removed.pop()
            for entry in removed.entries:
                if self.find(entry.id) is None:
                    self._put(0, entry, is_back=True)
            self._entries.sort(key=lambda entry: removed.rank.get(entry.id, -1))
            self._write_index()

    # ------------------------------------------------------------------ inside

    def _read(self) -> Iterator[None]:
        index = _Index.from_bytes(self._notes.read(INDEX))
        keys = [key.removeprefix(RESULT) for key in self._notes.keys() if key.startswith(RESULT)]
        there = dict.fromkeys(id for id in keys if is_id(id))
        listed = [id for id in index.order if id in there]
        ids = list(dict.fromkeys((*listed, *there)))
        for id in ids[:MAX_ENTRIES]:
            note = self._notes.read(RESULT + id)
            entry = from_note(note, id)
            if entry is not None:
                favourite, placed = id in index.favourites, index.placed.get(id, "")
                self._entries.append(replace(entry, favourite=favourite, placed=placed))
                self._sizes[id] = len(note)
            yield
        if len(listed) < len(ids):  # their order was lost
            self._entries.sort(key=lambda entry: entry.made, reverse=True)

    def _read_all(self) -> None:
        while self.read():
            pass

    def _put(self, at: int, entry: Entry, is_back: bool = False) -> bool:
        """In the document if there is room or room can be made; one that comes back makes none. To be followed by
        `_write_index`."""
        note = to_note(entry)
        firm = [e for e in self._entries if (is_back or e.favourite) and e.id in self._sizes]
        fits = sum(self._sizes[e.id] for e in firm) + len(note) <= self._limit and len(firm) < MAX_ENTRIES
        self._entries.insert(at, replace(entry, packed=b""))
        if fits:
            for old in reversed([e for e in self._entries if not e.favourite and e.id in self._sizes]):
                if self.bytes_kept + len(note) <= self._limit and len(self._sizes) < MAX_ENTRIES:
                    break
                self._make_way(old)
            self._sizes[entry.id] = len(note)
            self._notes.write(RESULT + entry.id, note)
        else:
            self._loose[entry.id] = entry
        return fits

    def _make_way(self, old: Entry) -> None:
        """What was made just now and is no layer yet waits in memory: it is still to be chosen from."""
        whole = self.load(old.id) if old.id in self._fresh and not old.placed else None
        if whole is None:
            self._drop(old.id)
            return
        del self._sizes[old.id]
        self._notes.remove(RESULT + old.id)
        self._loose[old.id] = whole

    def _drop(self, id: str) -> None:
        self._entries = [entry for entry in self._entries if entry.id != id]
        self._loose.pop(id, None)
        if self._sizes.pop(id, None) is not None:
            self._notes.remove(RESULT + id)

    def _change(self, id: str, **changes: Any) -> None:
        if (old := self.find(id)) is not None and (new := replace(old, **changes)) != old:
            self._entries[self._entries.index(old)] = new
            self._write_index()

    def _write_index(self) -> None:
        kept = [entry for entry in self._entries if entry.id in self._sizes]
        index = _Index(
            tuple(entry.id for entry in kept),
            frozenset(entry.id for entry in kept if entry.favourite),
            {entry.id: entry.placed for entry in kept if entry.placed},
        )
        self._notes.write(INDEX, index.to_bytes())


@dataclass(frozen=True)
class _Removed:
    """entries: with their pixels; rank: where all were when those were removed."""

    entries: tuple[Entry, ...]
    rank: dict[str, int]

    @property
    def size(self) -> int:
        return sum(len(entry.packed) for entry in self.entries)


@dataclass(frozen=True)
class _Index:
    """order: ids, newest first; placed: the layers that they became."""

    order: tuple[str, ...] = ()
    favourites: frozenset[str] = frozenset()
    placed: dict[str, str] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        said = {"order": self.order, "favourites": sorted(self.favourites), "placed": self.placed}
        return json.dumps(said).encode("ascii")

    @staticmethod
    def from_bytes(data: bytes) -> _Index:
        try:
            said = json.loads(data[: MAX_INDEX + 1] if len(data) <= MAX_INDEX else b"")
            order, favourites, placed = said["order"], said["favourites"], said["placed"]
            return _Index(
                tuple(dict.fromkeys(id for id in order if is_id(id))),
                frozenset(id for id in favourites if is_id(id)),
                {id: layer for id, layer in placed.items() if is_id(id) and is_name(layer)},
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return _Index()
