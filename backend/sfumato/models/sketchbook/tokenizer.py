"""Builds Sketchbook's CLIP tokenizer: every caption word is one token, anything else falls back to bytes.

Byte-pair merges are learnt from the word list until each word is a single token. Learning them in this order is what
guarantees that encoding, which replays the merges, reproduces the words. All 256 byte symbols and their end-of-word
forms are in the vocabulary: without them an unknown character would become the end token and cut the prompt.
"""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from .caption import words

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

LENGTH = 40
START, END = "<|startoftext|>", "<|endoftext|>"
PUNCTUATION = (",", ".")


def byte_symbols() -> list[str]:
    """The printable character that stands for each byte in GPT-2's and CLIP's byte-level vocabularies."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(spare)) for byte in range(256)]


def learn_merges(vocabulary: list[str]) -> list[tuple[str, str]]:
    """Merges that turn every word of ``vocabulary`` into one symbol: the most frequent pair first, ties by name."""
    split = [[*word[:-1], word[-1] + "</w>"] for word in vocabulary]
    merges: list[tuple[str, str]] = []
    while True:
        pairs = Counter(pair for symbols in split for pair in pairwise(symbols))
        if not pairs:
            return merges
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        split = [_merge(symbols, best) for symbols in split]


def _merge(symbols: list[str], pair: tuple[str, str]) -> list[str]:
    out: list[str] = []
    for symbol in symbols:
        if out and (out[-1], symbol) == pair:
            out[-1] += symbol
        else:
            out.append(symbol)
    return out


def build() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """The vocabulary (token to id) and the merges."""
    symbols = byte_symbols()
    merges = learn_merges([word for word in words() if len(word) > 1])
    tokens = [*symbols, *(symbol + "</w>" for symbol in symbols), *(first + second for first, second in merges)]
    tokens = [*dict.fromkeys(tokens), START, END]
    return {token: index for index, token in enumerate(tokens)}, merges


def make_tokenizer() -> CLIPTokenizer:
    """The tokenizer, ready to use."""
    from transformers import CLIPTokenizer

    vocabulary, merges = build()
    return CLIPTokenizer(
        vocab=vocabulary,
        merges=merges,
        unk_token=END,
        bos_token=START,
        eos_token=END,
        pad_token=END,
        model_max_length=LENGTH,
    )


def save_tokenizer(folder: Path) -> None:
    """Write the tokenizer folder. Transformers 5 writes tokenizer.json only; older readers want the other two."""
    make_tokenizer().save_pretrained(folder)
    vocabulary, merges = build()
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(f"{first} {second}" for first, second in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
