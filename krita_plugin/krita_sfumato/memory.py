"""What a picture remembers of its edits: which layers are maps, and what the painter chose; kept inside the .kra."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .interfaces import Document
from .tuning import Tuning


@dataclass(frozen=True)
class Note:
    """maps: the layers that were made as change maps; chosen: the one chosen last; edit: its id, "" for none yet;
    tuning: values that the painter changed."""

    maps: tuple[str, ...] = ()
    chosen: str = ""
    edit: str = ""
    tuning: Tuning = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self)).encode("utf-8")

    @staticmethod
    def from_bytes(data: bytes) -> Note:
        """What cannot be read counts as nothing: a picture may come from anywhere."""
        try:
            note = json.loads(data.decode("utf-8"))
            tuning = {str(slot): dict(values) for slot, values in dict(note.get("tuning", {})).items()}
            return Note(tuple(map(str, note["maps"])), str(note["chosen"]), str(note.get("edit", "")), tuning)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return Note()


class Memory:
    """The notes of this session's documents. They come before what is in the .kra, which is written only beside
    another change, because writing there marks a picture as modified."""

    def __init__(self) -> None:
        self._notes: dict[str, Note] = {}
        self._last = Note()  # a picture without an edit of its own begins with the one chosen last

    def of(self, document: Document | None) -> Note:
        key = document.id if document is not None else ""
        if key not in self._notes:
            note = Note.from_bytes(document.read_note()) if document is not None else Note()
            self._notes[key] = note if note.edit else replace(note, edit=self._last.edit, tuning=self._last.tuning)
        return self._notes[key]

    def change(self, document: Document | None, **changes: Any) -> Note:
        """For this session."""
        note = replace(self.of(document), **changes)
        self._notes[document.id if document is not None else ""] = note
        if "edit" in changes:
            self._last = note
        return note

    def keep(self, document: Document, **changes: Any) -> None:
        """In the picture: only beside another change."""
        data = self.change(document, **changes).to_bytes()
        if data != document.read_note():
            document.write_note(data)
