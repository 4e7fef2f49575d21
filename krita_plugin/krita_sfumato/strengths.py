"""One sentence about how many strengths come of a map, and whether that is too few for its soft edges."""

from __future__ import annotations

from . import sentences

SMOOTH = 16  # so many strengths, and nobody sees where one ends


def strengths_sentence(count: int, steps: int, release: str, painted: int = 256) -> tuple[str, bool]:
    """What to say, and whether it is a warning. count: strengths above 0 that the backend tells apart; release: the
    edit's setting of that name, "" where it has none; painted: how many changes above 0 the map asks for: a map of
    three greys needs but three."""
    if painted == 0 or count == 0:
        return sentences.ALL_KEEPS, True
    if painted == 1:
        return sentences.ONE_STRENGTH, False
    if count < min(painted, SMOOTH):
        advice = sentences.MORE_OR_FRACTIONAL if release == "whole" else sentences.MORE_STEPS
        strengths = sentences.count_of_strengths(count)
        said = sentences.FEW_STRENGTHS.format(strengths=strengths, steps=sentences.in_steps(steps), advice=advice)
        return said, True
    if count == 1:
        return sentences.ONE_STRENGTH, False
    return sentences.STRENGTHS.format(count=count, steps=sentences.in_steps(steps)), False
