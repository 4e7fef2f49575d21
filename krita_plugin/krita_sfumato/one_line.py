"""Any text as one line of a name."""

from __future__ import annotations

import unicodedata

JOINERS = "\u200c\u200d"  # between two signs they belong to the script, or make one emoji of two
UNSEEN = ("Cc", "Cf", "Cs")  # controls, formats such as a turn of the direction, and halves of a sign


def one_line(text: str) -> str:
    """Without what is not seen and changes how all around it looks."""
    seen = "".join(sign for sign in text if sign.isspace() or sign in JOINERS or not _is_unseen(sign))
    joined = "".join(sign for at, sign in enumerate(seen) if sign not in JOINERS or _joins(seen, at))
    return " ".join(joined.split())


def _is_unseen(sign: str) -> bool:
    return unicodedata.category(sign) in UNSEEN


def _joins(text: str, at: int) -> bool:
    """Whether there is something on both sides."""
    beside = text[max(0, at - 1) : at], text[at + 1 : at + 2]
    return all(sign and sign not in JOINERS and not sign.isspace() for sign in beside)
