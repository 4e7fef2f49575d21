"""Weights in a prompt, as painters write them for A1111's web interface: `(word:1.2)`, `((word))`, `[word]`.

A pair of round brackets stands for 1.1 where it names no number, a pair of square ones for 1 / 1.1, and those inside
others are multiplied. `\\(` is a bracket of the text. Nothing is wrong: what is no weight is text, as it was typed.
"""

from __future__ import annotations

import re

ROUND = 1.1
MARK = re.compile(r"\\[()\[\]\\]|:\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*\)|[()\[\]]")

Part = tuple[str, float]


def read(prompt: str) -> list[Part]:
    """The text in parts, each with its weight; one part at least. Spaces have the weight of what is before them."""
    parts: list[tuple[str, float]] = []
    opened: dict[str, list[int]] = {"(": [], "[": []}
    end = 0
    for mark in MARK.finditer(prompt):
        parts.append((prompt[end : mark.start()], 1.0))
        end = mark.end()
        said, number = mark[0], mark[1]
        waiting = opened["(" if said[-1] in "()" else "["]
        if said[0] == "\\":
            parts.append((said[1:], 1.0))
        elif said in opened:
            waiting.append(len(parts))
            parts.append((said, 1.0))  # it is text, should nothing close it
        elif not waiting:
            parts.append((said, 1.0))
        else:
            factor = float(number) if number else ROUND if said == ")" else 1 / ROUND
            first = waiting.pop()
            parts[first:] = [("", 1.0), *((text, weight * factor) for text, weight in parts[first + 1 :])]
    return _joined([*parts, (prompt[end:], 1.0)])


def text_of(parts: list[Part]) -> str:
    """What is said, without the weights."""
    return "".join(text for text, _ in parts)


def is_weighted(parts: list[Part]) -> bool:
    return any(weight != 1.0 for _, weight in parts)


def _joined(parts: list[Part]) -> list[Part]:
    """With neighbours of one weight in one, so that no word is cut for nothing."""
    result = [("", 1.0)]
    for text, weight in parts:
        before, same = result[-1]
        if weight == same or not text.strip():
            result[-1] = (before + text, same)
        elif not before.strip():
            result[-1] = (before + text, weight)
        else:
            result.append((text, weight))
    return result
