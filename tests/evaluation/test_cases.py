"""Cases: one thing differs, everywhere else the truth is the picture, and what is fitted on is not measured on."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from sfumato.errors import InputError
from sfumato.evaluation.cases import KINDS, WORDS, Case, cases
from sfumato.models.sketchbook.caption import words
from sfumato.models.sketchbook.scene import Scene

SOME = cases(0, 60)
ATTRIBUTE = {**{kind: kind for kind in KINDS}, "removal": "object"}


def test_one_attribute_differs() -> None:
    for case in SOME:
        differing = [f.name for f in fields(Scene) if getattr(case.scene, f.name) != getattr(case.target, f.name)]
        assert differing == [ATTRIBUTE[case.kind]]


def test_something_shows_that_differs_and_all_else_is_exactly_the_picture() -> None:
    for case in SOME[:24]:
        changed = case.changed(64)
        assert changed.any()
        assert np.array_equal(case.picture(64)[~changed], case.truth(64)[~changed])
        assert (case.changed(64, 8) <= changed).all()
    whole = [case.changed(64).mean() for case in SOME if case.kind in ("object", "colour", "removal")]
    assert max(whole) < 0.5  # a thing, not the picture


def test_prompts_name_what_differs_and_say_the_rest_in_the_same_words() -> None:
    for case in SOME:
        if case.kind in ("season", "time", "sky"):
            ours, theirs = case.prompt.split(), case.source_prompt.split()
            assert ours != theirs
            # Whatever clause says the attribute is exchanged; all others stay.
            kept = [clause for clause in case.prompt.split(", ")[1:] if clause in case.source_prompt]
            assert len(kept) >= len(case.prompt.split(", ")) - 2
        if case.kind == "colour":
            assert case.prompt == case.source_prompt.replace(f"{case.scene.colour} ", f"{case.target.colour} ").replace(
                "a oak", "an oak"
            )


def test_prompts_are_of_words_that_the_model_has_seen_and_fit() -> None:
    known = set(words())
    for case in cases(5, 300):
        for text in (case.prompt, case.source_prompt):
            assert set(text.replace(",", "").split()) <= known
            assert len(text.replace(",", " ,").split()) <= WORDS


def test_halves_share_no_scene_and_no_prompt() -> None:
    def parts(some: list[Case]) -> set[object]:
        return {x for case in some for x in (case.scene.layout, case.target.layout, case.prompt, case.source_prompt)}

    every = (*KINDS, "everything")
    fit, measure = (cases(3, 400, every, half) for half in ("fit", "measure"))
    assert not parts(fit) & parts(measure)
    # Not by chance: no other list of the other half shares one either.
    assert not parts(fit) & parts(cases(4, 400, every, "measure"))


def test_lists_are_deterministic_and_begin_alike() -> None:
    assert cases(0, 60) == SOME
    assert cases(0, 7) == SOME[:7]
    assert cases(1, 7) != SOME[:7]
    assert len({case.seed for case in SOME}) == len(SOME)


def test_everything_is_another_scene() -> None:
    for case in cases(0, 6, ("everything",)):
        assert case.scene.layout != case.target.layout
        assert case.changed(64).mean() > 0.9


@pytest.mark.parametrize("kinds", [(), ("weather",)])
def test_unknown_kinds_are_refused(kinds: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="A case is of a kind of"):
        cases(0, 1, kinds)
