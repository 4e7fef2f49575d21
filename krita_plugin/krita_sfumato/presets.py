"""Styles: words and settings that the painter saved under a name. Each is a small JSON file, to be passed on freely;
one from elsewhere is read as far as it makes sense. A file is there as a whole or not at all, and none is replaced.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import unicodedata
import uuid
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from . import sentences
from .settings import MOST_VARIANTS
from .vendor.sfumato_wire.limits import MAX_NAME, MAX_STEPS, MAX_TEXT

FOLDER = "presets"  # in the state folder
SUFFIX = ".json"
KIND = "sfumato-style"  # what such a file says it is
VERSION = 1  # later ones are read as far as this one knows them
MAX_FILE = 256 * 1024  # bytes
MAX_NAME_LENGTH = 60  # characters
MAX_PRESETS = 500
MAX_SLOTS = 64  # edits whose fine tuning is kept, and values of each ...
MAX_TUNING = 64 * 1024  # ... and characters of all of it
_NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*]')
_TAKEN_BY_WINDOWS = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


class PresetError(Exception):
    """It could not be done; the text is for the painter."""


def chosen(said: Mapping[str, Any]) -> dict[str, Any]:
    """Of any settings those that make up a style, as far as they make sense. Map and seed belong to a picture. Words
    that are not there are no part of a style: choosing it would take away what is written."""
    good = {key: said[key] for key, is_good in _FIELDS.items() if key in said and is_good(said[key])}
    return {key: value for key, value in good.items() if value != "" or key not in WORDS}


class Presets:
    """The files of one folder, which need not be there yet."""

    def __init__(self, home: Path) -> None:
        """home: the state folder."""
        self._folder = home / FOLDER

    def names(self) -> list[str]:
        """In the order of the alphabet."""
        return sorted(self._files(), key=str.casefold)

    def read(self, name: str) -> dict[str, Any]:
        """The settings to take over; what is not named is to stay as it is."""
        file = self._files().get(_normal(name))
        values = _values(_read(file)) if file else None
        if values is None:
            raise PresetError(sentences.PRESET_GONE.format(name=name))
        return values

    def save(self, name: str, settings: Mapping[str, Any]) -> str:
        """Under that name, or where it is taken with a number behind it; the name it got."""
        name = check_name(name)
        data = _to_bytes(settings)
        files = self._files()
        if len(files) >= MAX_PRESETS:
            raise PresetError(sentences.PRESET_TOO_MANY.format(most=MAX_PRESETS))
        taken = {other.casefold() for other in files}
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for number in range(1, MAX_PRESETS + 2):
                free = name if number == 1 else f"{name[: MAX_NAME_LENGTH - 4].strip()} {number}"
                if free.casefold() not in taken and _write_new(self._folder / f"{free}{SUFFIX}", data):
                    return free
        except OSError as error:
            raise PresetError(_unwritable(self._folder, error)) from None
        raise PresetError(sentences.PRESET_TOO_MANY.format(most=MAX_PRESETS))

    def remove(self, name: str) -> None:
        """One that is gone already is no trouble."""
        if file := self._files().get(_normal(name)):
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                raise PresetError(_unwritable(file, error)) from None

    def import_from(self, file: Path) -> str:
        """A copy of a file that came from elsewhere, under its own name; the name it got."""
        values = _values(_read(file))
        if values is None:
            raise PresetError(sentences.PRESET_STRANGE.format(file=file.name))
        return self.save(_nearest_name(file.stem), values)

    def export(self, name: str, file: Path) -> None:
        """Where the painter said; who asked has also asked whether to replace a file that is there."""
        data = _to_bytes(self.read(name))
        try:
            _replace(file, data)
        except OSError as error:
            raise PresetError(_unwritable(file, error)) from None

    def _files(self) -> dict[str, Path]:
        try:
            found = [file for file in self._folder.iterdir() if file.suffix == SUFFIX and _is_name(_normal(file.stem))]
        except OSError:
            return {}
        return {_normal(file.stem): file for file in islice(sorted(found), MAX_PRESETS)}


def check_name(name: str) -> str:
    """The name as it will be shown. Such that it can be a file's name on every system."""
    name = _normal(" ".join(name.split()))
    if not name:
        raise PresetError(sentences.PRESET_NO_NAME)
    if not _is_name(name):
        raise PresetError(sentences.PRESET_BAD_NAME.format(name=name[:MAX_NAME_LENGTH], most=MAX_NAME_LENGTH))
    return name


# ---------------------------------------------------------------------- names and values


def _normal(name: str) -> str:
    """Some systems take the accents off the letters in file names."""
    return unicodedata.normalize("NFC", name)


def _is_name(name: str) -> bool:
    return (
        0 < len(name) <= MAX_NAME_LENGTH
        and name.isprintable()  # no lone surrogates either
        and name.strip(" .") == name
        and not _NOT_IN_NAMES.search(name)
        and not _TAKEN_BY_WINDOWS.fullmatch(name)
    )


def _nearest_name(stem: str) -> str:
    """For a file called otherwise than a style may be."""
    kept = "".join(c if c.isprintable() else " " for c in _NOT_IN_NAMES.sub(" ", _normal(stem)))
    name = " ".join(kept.split())[:MAX_NAME_LENGTH].strip(" .")
    return name if _is_name(name) else sentences.PRESET_NAMELESS


def _is_text(most: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and len(value) <= most and _is_encodable(value)


def _is_number(low: float, high: float, *kinds: type) -> Callable[[Any], bool]:
    return lambda value: type(value) in kinds and low <= value <= high


def _is_tuning(value: Any) -> bool:
    def is_table(table: Any, is_good: Callable[[Any], bool]) -> bool:
        if not isinstance(table, dict) or len(table) > MAX_SLOTS:
            return False
        return all(_is_text(MAX_NAME)(key) and is_good(inner) for key, inner in table.items())

    return is_table(value, lambda values: is_table(values, _is_value)) and len(json.dumps(value)) <= MAX_TUNING


def _is_value(value: Any) -> bool:
    if isinstance(value, int | float):
        return -(2**63) < value < 2**63
    return _is_text(MAX_NAME)(value)


def _is_encodable(text: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" for c in text)


WORDS = ("prompt", "negative_prompt")
_FIELDS: dict[str, Callable[[Any], bool]] = {
    "prompt": _is_text(MAX_TEXT),
    "negative_prompt": _is_text(MAX_TEXT),
    "edit": _is_text(MAX_NAME),
    "model": _is_text(MAX_NAME),
    "vae": _is_text(MAX_NAME),
    "steps": _is_number(0, MAX_STEPS, int),
    "guidance": lambda value: value is None or _is_number(0, 100, int, float)(value),
    "scheduler": _is_text(MAX_NAME),
    "strength": _is_number(0, 100, int, float),
    "tuning": _is_tuning,
    "variants": _is_number(1, MOST_VARIANTS, int),
}


# ---------------------------------------------------------------------- files


def _to_bytes(settings: Mapping[str, Any]) -> bytes:
    said = {"kind": KIND, "version": VERSION, "settings": chosen(settings)}
    return (json.dumps(said, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")


def _values(data: bytes) -> dict[str, Any] | None:
    """None when it is no style."""
    try:
        said = json.loads(data.decode("utf-8-sig"))  # an editor on Windows may have put its mark in front
        return chosen(said["settings"]) if said["kind"] == KIND else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _read(file: Path) -> bytes:
    """Nothing of a file that is too long to be a style."""
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_FILE + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise PresetError(sentences.PRESET_UNREADABLE.format(file=file.name, reason=reason)) from None
    return data if len(data) <= MAX_FILE else b""


def _write_new(file: Path, data: bytes) -> bool:
    """False when there is such a file: another Krita may have been quicker."""
    try:
        file.open("xb").close()
    except FileExistsError:
        return False
    try:
        _replace(file, data)
    except OSError:
        with contextlib.suppress(OSError):
            file.unlink()
        raise
    return True


def _replace(file: Path, data: bytes) -> None:
    """As a whole or not at all."""
    fresh = file.with_name(f".{uuid.uuid4().hex}.new")
    try:
        fresh.write_bytes(data)
        os.replace(fresh, file)
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink()


def _unwritable(file: Path, error: OSError) -> str:
    return sentences.PRESET_UNWRITABLE.format(file=file.name, reason=error.strerror or str(error))
