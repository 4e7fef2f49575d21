"""What a picture remembers of its edits: which layers are maps, and what the painter chose; kept inside the .kra."""

from __future__ import annotations

import json
from collections.abc import Container
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .interfaces import Document
from .settings import Choice, Settings, choice_from, settings_from, to_json

NOTE = "maps"  # its name among the document's notes
CHOICES = 8  # how many are remembered
MAPS = 1024


@dataclass(frozen=True)
class Note:
    """maps: the layers that are no part of the picture; choices: the maps chosen, the newest first; settings: all else
    that the controls say. The map of the settings does not count: which one is chosen depends on what layers there are.
    """

    maps: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    settings: Settings = field(default_factory=Settings)

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
        choices = [asdict(choice) for choice in self.choices if choice.layer]
        said = {"maps": self.maps, "choices": choices, "settings": to_json(replace(self.settings, map=Choice()))}
        return json.dumps(said).encode("utf-8")

    @staticmethod
    def from_bytes(data: bytes) -> Note:
        """What cannot be read counts as nothing: a picture may come from anywhere."""
        try:
            said = json.loads(data.decode("utf-8"))
            maps = tuple(layer for layer in said["maps"][:MAPS] if isinstance(layer, str))
            choices = tuple(filter(None, map(choice_from, said["choices"][:CHOICES])))
            return Note(maps, tuple(one for one in choices if one.layer), settings_from(said["settings"]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return Note()


class Memory:
    """The notes of this session's documents. They come before what is in the .kra, which is written only beside
    another change, because writing there marks a picture as modified."""

    def __init__(self) -> None:
        self._notes: dict[str, Note] = {}
        self._last = Settings()  # a picture without settings of its own begins with the last ones
        self._borrowed: set[str] = set()  # such pictures, until the painter changes something there

    def of(self, document: Document | None) -> Note:
        if document is None:
            return replace(self._notes.get("", Note()), settings=self._last)
        if document.id not in self._notes:
            data = document.notes.read(NOTE)
            note = Note.from_bytes(data)
            if note.settings == Settings():
                note = replace(note, settings=replace(self._last, source_prompt=""))  # what that one shows
                self._borrowed.add(document.id)
            self._notes[document.id] = note
        return self._notes[document.id]

    def change(self, document: Document | None, **changes: Any) -> Note:
        """For this session."""
        note = replace(self.of(document), **changes)
        key = document.id if document is not None else ""
        self._notes[key] = note
        if "settings" in changes:
            self._last = note.settings
            self._borrowed.discard(key)
        return note

    def bring_back(self, document: Document, settings: Settings) -> bool:
        """What an edit was made with, its map too: the same layer, read in the same way. False when that is gone: then
        the map stays as it is chosen."""
        note, choice = self.change(document, settings=settings), settings.map
        if not document.has(choice.layer):
            return False
        self.change(document, choices=note.choosing(choice))
        return True

    def keep(self, document: Document, **changes: Any) -> None:
        """In the picture: only beside another change."""
        note = self.change(document, **changes)
        data = (replace(note, settings=Settings()) if document.id in self._borrowed else note).to_bytes()
        if data != document.notes.read(NOTE):
            document.notes.write(NOTE, data)

    def keep_map(self, document: Document, layer: str) -> None:
        """A new map, white where the picture may change: the chosen one from now on, and read as it says."""
        note = self.of(document)
        self.keep(document, maps=(*note.maps, layer), choices=note.choosing(Choice(layer)))
