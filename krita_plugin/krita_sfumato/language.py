"""The painter's language: every text of words/en.json can be replaced by one from words/<language>.json.

What a file does not say, or says with other {places} than the English one, stays English, so a file may lag behind
and a slip in it breaks nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from string import Formatter
from typing import Any

from . import declared, sentences

VARIABLE = "SFUMATO_LANGUAGE"
ENGLISH = "en"
now = ENGLISH  # what everything is said in
_ORIGINAL = sentences.texts_of(ENGLISH)


def texts() -> dict[str, str]:
    """Every text by its key, as it is said now."""
    return {key: _now(key) for key in _ORIGINAL}


def _now(key: str) -> str:
    name, is_one_of, entry = key.partition(".")
    said = getattr(sentences, name)
    return str(said[entry] if is_one_of else said)


def choose(environ: Mapping[str, str], wanted: Iterable[str]) -> str:
    """The first language that there are words for; wanted: as in "de-AT", what Krita's user likes best first."""
    said = environ.get(VARIABLE, "")
    for name in [said] if said else wanted:
        language = name.replace("_", "-").partition("-")[0].partition(".")[0].lower()
        if language == ENGLISH or (language.isalpha() and (sentences.WORDS / f"{language}.json").is_file()):
            return language
    return ENGLISH


def use(language: str) -> None:
    """From now on everything is said in that language. Before the docker is made: what it shows already stays."""
    global now
    now = language
    words = read(language)
    sentences.say({**_ORIGINAL, **_usable(words)})
    declared.say(words)


def read(language: str) -> dict[str, Any]:
    """The words of a language; English has none beside `sentences`."""
    if language == ENGLISH:
        return {}
    try:
        return sentences.texts_of(language)
    except (OSError, ValueError, AttributeError):
        return {}


def missing(language: str) -> list[str]:
    """The keys that the language has no words for, with the English text."""
    words = read(language)
    return [f"{key}: {text}" for key, text in _ORIGINAL.items() if key not in words]


def places(text: str) -> list[str]:
    """The {places} of a text, with how each is written. Raises ValueError for a lone brace."""
    return sorted(f"{name}:{spec}!{way}" for _, name, spec, way in Formatter().parse(text) if name is not None)


def _usable(words: Mapping[str, Any]) -> dict[str, str]:
    return {key: text for key, text in words.items() if key in _ORIGINAL and _fits(text, _ORIGINAL[key])}


def _fits(text: object, original: str) -> bool:
    try:
        return isinstance(text, str) and places(text) == places(original)
    except ValueError:
        return False
