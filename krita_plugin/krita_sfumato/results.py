"""What came of edits: kept in each picture, shown as tiles, and ready to become a layer."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Container, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from . import sentences
from .draft import Picture
from .drafting import waited
from .edit import Edit, Trouble
from .entry import Entry, Thumb, pack
from .history import History
from .interfaces import Compute, Document
from .placing import Homeless
from .settings import Settings, settings_from, to_json
from .shelf import Painted
from .tiles import Tile, tile_of

Render = Callable[[Picture, "Picture | None"], Thumb]  # a result laid over the picture; see `thumbs`
READING = 0.01  # seconds for which a history is read at a time
CANVASES = 4  # of the last edits, for their large pictures


class Results:
    def __init__(self, compute: Compute, small: Render, large: Render, clock: Callable[[], float] = time.time) -> None:
        """clock: seconds since 1970."""
        self.large = large
        self._compute, self._small, self._clock = compute, small, clock
        self._histories: dict[str, tuple[Document, History]] = {}
        self._canvases: OrderedDict[str, Picture] = OrderedDict()
        self._shown: tuple[Any, tuple[Tile, ...]] = (None, ())

    def of(self, document: Document) -> History:
        if document.id not in self._histories:
            # A picture that was closed does not come back as the same one, nor do its results that wait in memory.
            self._histories = {id: kept for id, kept in self._histories.items() if kept[0].is_open()}
            self._histories[document.id] = document, History(document.notes)
        return self._histories[document.id][1]

    def keep(self, edit: Edit, painted: Painted) -> Generator[str, None, bool]:
        """In its picture. False where not all of them can be saved there: some wait in memory."""
        canvas = edit.draft.canvas if edit.draft else None
        entry = yield from waited(self._compute(self._packed, edit, painted, canvas), "placing")
        if not edit.document.is_open():
            raise Homeless(sentences.DOCUMENT_CLOSED.format(name=edit.document.name), painted)
        history = self.of(edit.document)
        history.add(entry)
        history.mark_placed(entry.id, edit.layer)
        if canvas is not None:
            self._canvases[entry.id] = canvas
            while len(self._canvases) > CANVASES:
                self._canvases.popitem(last=False)
        return history.is_all_kept

    def take(self, document: Document, id: str) -> Generator[str, None, Painted]:
        """One to be placed again. Raises Trouble where it is damaged."""
        entry, rows = yield from self._unpacked(document, id)
        if entry.said.get("size", list(document.size())) != list(document.size()):
            raise Trouble(sentences.RESULT_OF_OTHER_SIZE)
        said = settings_from(entry.said)
        return Painted(id, entry.task, said.prompt, Picture(entry.box, entry.format, rows), said.as_mask)

    def picture(self, document: Document, id: str) -> Generator[str, None, Thumb]:
        """One large, over the part of the picture it was made for while that is known."""
        entry, rows = yield from self._unpacked(document, id)
        canvas = self._canvases.get(id)
        large = self._compute(self.large, Picture(entry.box, entry.format, rows), canvas)
        thumb: Thumb = yield from waited(large, "showing")
        return thumb

    def settings(self, document: Document, id: str) -> Settings | None:
        """What it was made with."""
        entry = self.of(document).find(id)
        return settings_from(entry.said) if entry else None

    def favour(self, document: Document, id: str) -> None:
        """It is a favourite, or is one no more."""
        if (entry := self.of(document).find(id)) is not None:
            self.of(document).favour(id, not entry.favourite)

    def last_layer(self, document: Document, layers: Collection[str] | None = None) -> str:
        """The result that was added last and is a layer still; "" for none. layers: the ids of those there are, where
        known."""
        there = {layer.id for layer in document.layers()} if layers is None else layers
        return next((layer for layer in reversed(document.added_layers()) if layer in there), "")

    def tiles(
        self, document: Document | None, edits: Sequence[Edit], names: Mapping[str, str], there: Container[str]
    ) -> tuple[Tile, ...]:
        """Those on their way first, the newest of all to the left. The same tuple as long as nothing changed; none
        until all that a picture brings along is read, which goes on with each call."""
        if document is None or not self._is_read(self.of(document)):
            return ()
        now = self._clock()
        here = [edit for edit in reversed(edits) if edit.document.id == document.id and not edit.layer]
        chosen_from = len(here) > 1 or any(not edit.places for edit in here)
        pending = tuple(map(_on_its_way, here)) if chosen_from else ()  # one alone is seen large already
        entries = [
            replace(entry, placed="") if entry.placed and entry.placed not in there else entry
            for entry in self.of(document).entries
        ]
        state = (document.id, pending, tuple(entries), int(now / 30), tuple(names))
        if state != self._shown[0]:
            done = tuple(tile_of(entry, now, names, entry.said.get("fan") is True) for entry in entries)
            self._shown = (state, pending + done)
        return self._shown[1]

    # ------------------------------------------------------------------ inside

    @staticmethod
    def _is_read(history: History) -> bool:
        until = time.perf_counter() + READING
        while history.read():
            if time.perf_counter() > until:
                return False
        return True

    def _packed(self, edit: Edit, painted: Painted, canvas: Picture | None) -> Entry:
        """Not for the UI thread."""
        said = to_json(edit.settings) | ({"fan": True} if edit.in_fan else {})
        if edit.draft:  # a VAE that is not for the model was not used
            said["vae"] = edit.draft.fields.get("vae", "")
        said["size"] = [edit.document.width, edit.document.height]
        rows = painted.picture
        thumb = self._small(rows, canvas)
        return pack(edit.job, edit.task, said, rows.box, rows.format, rows.data, thumb, self._clock())

    def _unpacked(self, document: Document, id: str) -> Generator[str, None, tuple[Entry, bytes]]:
        if not document.is_open():
            raise Trouble(sentences.NO_DOCUMENT)
        entry = self.of(document).load(id)
        rows = (yield from waited(self._compute(entry.pixels), "placing")) if entry else None
        if entry is None or rows is None:
            raise Trouble(sentences.RESULT_DAMAGED)
        return entry, rows


def _on_its_way(edit: Edit) -> Tile:
    rgb = edit.way.preview
    thumb = Thumb.of_rgb(*rgb) if rgb and max(rgb[:2]) <= 256 else None
    state = "painting" if edit.way.fraction is not None else "queued"
    words = sentences.layer_name(edit.settings.prompt, edit.task)
    return Tile(edit.job, edit.label, thumb, state=state, fraction=edit.way.fraction, words=words, about=edit.way.stage)
