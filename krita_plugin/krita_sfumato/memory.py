"""What a picture remembers of its edits: which layers are maps, and what the painter chose; kept inside the .kra."""

from __future__ import annotations

import json
from collections.abc import Container
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .interfaces import Document
from .tuning import Tuning

CHOICES = 8  # how many are remembered


@dataclass(frozen=True)
class Choice:
    """A layer that was chosen as the map, and how it is read. layer "": none was chosen yet."""

    layer: str = ""
    alpha_only: bool = False
    inverted: bool = False


@dataclass(frozen=True)
class Note:
    """maps: the layers that are no part of the picture; choices: the maps chosen, the newest first; edit: its id, ""
    for none yet; tuning: values that the painter changed; source: what the picture shows, in words."""

    maps: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    edit: str = ""
    tuning: Tuning = field(default_factory=dict)
    source: str = ""

    def choice(self, layers: Container[str]) -> Choice:
        """The newest whose layer is there: an undo may have taken later ones away, and a redo brings them back."""
        return next((choice for choice in self.choices if not choice.layer or choice.layer in layers), Choice())

    def choosing(self, choice: Choice) -> tuple[Choice, ...]:
        """The choices after one more."""
        return (choice, *(other for other in self.choices if other.layer != choice.layer))[:CHOICES]

    def choosing_layer(self, layer: str, now: Choice) -> tuple[Choice, ...]:
        """The same when a layer is picked: it is read as it was then, or as the controls stand (`now`)."""
        known = next((choice for choice in self.choices if choice.layer == layer), replace(now, layer=layer))
        return self.choosing(known)

    def to_bytes(self) -> bytes:
        """`chosen` is for version 0.1.0, which knew only one."""
        kept = [choice for choice in self.choices if choice.layer]
        said = asdict(self) | {"chosen": kept[0].layer if kept else "", "choices": [asdict(choice) for choice in kept]}
        return json.dumps(said).encode("utf-8")

    @staticmethod
    def from_bytes(data: bytes) -> Note:
        """What cannot be read counts as nothing: a picture may come from anywhere."""
        try:
            note = json.loads(data.decode("utf-8"))
            tuning = {str(slot): dict(values) for slot, values in dict(note.get("tuning", {})).items()}
            said = note.get("choices", [{"layer": note["chosen"]}] if note["chosen"] else [])
            choices = tuple(
                Choice(str(c["layer"]), bool(c.get("alpha_only")), bool(c.get("inverted"))) for c in said[:CHOICES]
            )
            edit, source = str(note.get("edit", "")), str(note.get("source", ""))
            return Note(tuple(map(str, note["maps"])), choices, edit, tuning, source)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return Note()


class Memory:
    """The notes of this session's documents. They come before what is in the .kra, which is written only beside
    another change, because writing there marks a picture as modified."""

    def __init__(self) -> None:
        self._notes: dict[str, Note] = {}
        self._last = Note()  # a picture without an edit of its own begins with the one chosen last
        self._begun: set[str] = set()  # such pictures, until the painter chooses an edit there

    def of(self, document: Document | None) -> Note:
        if document is None:
            return replace(self._notes.get("", Note()), edit=self._last.edit, tuning=self._last.tuning)
        if document.id not in self._notes:
            note = Note.from_bytes(document.read_note())
            if not note.edit:
                note = replace(note, edit=self._last.edit, tuning=self._last.tuning)
                self._begun.add(document.id)
            self._notes[document.id] = note
        return self._notes[document.id]

    def change(self, document: Document | None, **changes: Any) -> Note:
        """For this session."""
        note = replace(self.of(document), **changes)
        key = document.id if document is not None else ""
        self._notes[key] = note
        if "edit" in changes:
            self._last = note
            self._begun.discard(key)
        return note

    def keep(self, document: Document, **changes: Any) -> None:
        """In the picture: only beside another change."""
        note = self.change(document, **changes)
        data = (replace(note, edit="", tuning={}) if document.id in self._begun else note).to_bytes()
        if data != document.read_note():
            document.write_note(data)

    def keep_map(self, document: Document, layer: str) -> None:
        """A new map, white where the picture may change: the chosen one from now on, and read as it says."""
        note = self.of(document)
        self.keep(document, maps=(*note.maps, layer), choices=note.choosing(Choice(layer)))
