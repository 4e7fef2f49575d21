"""What can go wrong, in the words of the person it happens to.

SfumatoError            a sentence that names the thing and the next action
├── InputError          what was asked for cannot be done: unreadable file, unknown model, steps 0
└── Cancelled           the person changed their mind; not a failure
"""

from __future__ import annotations

import textwrap


class SfumatoError(Exception):
    """code: a short word for programs; str(error): a sentence for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence.encode(errors="replace").decode())  # names of files need not be text, and may be told
        self.code = code


class InputError(SfumatoError, ValueError):
    """The request cannot be carried out as it is. A ValueError, for whoever calls from Python."""


class Cancelled(SfumatoError):
    """Cancelled between two steps."""

    def __init__(self) -> None:
        super().__init__("cancelled", "Cancelled.")


def said_by(error: BaseException, most: int = 200) -> str:
    """What another's error says, for the middle of a sentence: in one line without a full stop, of at most so many
    characters, cut at a word; the name of its kind where it says nothing."""
    text = " ".join(str(error).split())
    short = textwrap.shorten(text, most, placeholder=" …", break_on_hyphens=False)
    if short == "…":  # a single word, such as a long path
        short = f"{text[: most - 1]}…"
    return short.rstrip(".") or type(error).__name__
