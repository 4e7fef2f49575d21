"""The painter's language: every text of `sentences` can be replaced by one from words/<language>.json.

A text's key is its name there, or "NAME.entry" for those in a dict. What a file does not say, or says with other
{places} than the English one, stays English, so a file may lag behind and a slip in it breaks nothing.

`sentences` may be one file or, once it is too long, a folder of files whose `__init__` gathers their names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Formatter
from types import ModuleType

from . import sentences

WORDS = Path(__file__).parent / "words"
VARIABLE = "SFUMATO_LANGUAGE"
ENGLISH = "en"
now = ENGLISH  # what everything is said in


def _files() -> list[ModuleType]:
    """`sentences`, and the files that it was gathered from: a text is replaced wherever it has its name."""
    inside = f"{sentences.__name__}."
    parts = [part for part in vars(sentences).values() if isinstance(part, ModuleType)]
    return [sentences, *(part for part in parts if part.__name__.startswith(inside))]


def texts() -> dict[str, str]:
    """Every text by its key, as it is said now."""
    found: dict[str, str] = {}
    for name, value in vars(sentences).items():
        if not name.isupper():
            continue
        if isinstance(value, str):
            found[name] = value
        elif isinstance(value, dict):
            found |= {f"{name}.{entry}": text for entry, text in value.items()}
    return found


_ORIGINAL = texts()


def choose(environ: Mapping[str, str], wanted: Iterable[str]) -> str:
    """The first language that there are words for; wanted: as in "de-AT", what Krita's user likes best first."""
    said = environ.get(VARIABLE, "")
    for name in [said] if said else wanted:
        language = name.replace("_", "-").partition("-")[0].partition(".")[0].lower()
        if language == ENGLISH or (language.isalpha() and (WORDS / f"{language}.json").is_file()):
            return language
    return ENGLISH


def use(language: str) -> None:
    """From now on everything is said in that language. Before the docker is made: what it shows already stays."""
    global now
    now = language
    for key, text in {**_ORIGINAL, **_usable(read(language))}.items():
        name, dot, entry = key.partition(".")
        for file in _files():
            if dot and hasattr(file, name):
                getattr(file, name)[entry] = text  # in place: others hold on to the dict
            elif hasattr(file, name):
                setattr(file, name, text)


def read(language: str) -> dict[str, str]:
    """The words of a language; English has none beside `sentences`."""
    if language == ENGLISH:
        return {}
    try:
        words = json.loads((WORDS / f"{language}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return words if isinstance(words, dict) else {}


def missing(language: str) -> list[str]:
    """The keys that the language has no words for, with the English text."""
    words = read(language)
    return [f"{key}: {text}" for key, text in _ORIGINAL.items() if key not in words]


def places(text: str) -> list[str]:
    """The {places} of a text, with how each is written. Raises ValueError for a lone brace."""
    return sorted(f"{name}:{spec}!{way}" for _, name, spec, way in Formatter().parse(text) if name is not None)


def _usable(words: Mapping[str, str]) -> dict[str, str]:
    return {key: text for key, text in words.items() if key in _ORIGINAL and _fits(text, _ORIGINAL[key])}


def _fits(text: object, original: str) -> bool:
    try:
        return isinstance(text, str) and places(text) == places(original)
    except ValueError:
        return False
