"""What libraries say is quoted as a person would."""

from __future__ import annotations

import pytest
from sfumato.errors import SfumatoError, said_by

WORDS = "conv_in.weight expected shape [32, 64], but got [32, 48]. " * 9


@pytest.mark.parametrize(
    ("said", "quoted"),
    [
        ("It is broken.\n  Really\tso.", "It is broken. Really so"),
        ("", "ValueError"),
        ("...", "ValueError"),
        ("x" * 500, "x" * 199 + "…"),
    ],
)
def test_in_one_line_without_its_full_stop(said: str, quoted: str) -> None:
    assert said_by(ValueError(said)) == quoted


def test_cut_at_a_word() -> None:
    for most in range(20, 300):
        quoted = said_by(ValueError(WORDS), most)
        assert quoted.endswith(" …")
        assert len(quoted) <= most
        words = quoted.removesuffix(" …").split()
        assert words == WORDS.split()[: len(words)]
        assert len(quoted) + 1 + len(WORDS.split()[len(words)]) > most


def test_every_sentence_is_text() -> None:
    """Whatever a file that it names is called: half a letter would end the wire."""
    assert str(SfumatoError("some", "gr\udcfcn is there.")) == "gr?n is there."
