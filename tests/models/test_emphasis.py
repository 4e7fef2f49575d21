"""Weights in prompts: what A1111's web interface reads out of them, and that nothing is ever wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sfumato.models.emphasis import Part, is_weighted, read, text_of


@pytest.mark.parametrize(
    ("prompt", "parts"),
    [
        ("", [("", 1.0)]),
        ("a red boat", [("a red boat", 1.0)]),
        ("a (red:1.2) boat", [("a ", 1.0), ("red", 1.2), (" boat", 1.0)]),
        ("a (red : .5 ) boat", [("a ", 1.0), ("red ", 0.5), (" boat", 1.0)]),
        ("(no:-1)(none:0)", [("no", -1.0), ("none", 0.0)]),
        ("(boat)", [("boat", 1.1)]),
        ("((boat))", [("boat", 1.21)]),
        ("[boat]", [("boat", 1 / 1.1)]),
        ("a ((dark:2) sea)", [("a ", 1.0), ("dark", 2.2), (" sea", 1.1)]),
        ("([boat])", [("boat", 1.0)]),
        ("(a red boat:1.0) at sea", [("a red boat at sea", 1.0)]),
        ("(red) (boat)", [("red boat", 1.1)]),
        ("( )[ ] a (\t)", [("   a \t", 1.0)]),
        ("([boat)]", [("boat", 1.0)]),
        (r"a boat \(1890\), \[blue\], \\", [("a boat (1890), [blue], \\", 1.0)]),
        (r"(boat \(1890\):1.3)", [("boat (1890)", 1.3)]),
    ],
)
def test_what_is_said_and_how_strongly(prompt: str, parts: list[Part]) -> None:
    found = read(prompt)
    assert [text for text, _ in found] == [text for text, _ in parts]
    assert [weight for _, weight in found] == pytest.approx([weight for _, weight in parts])


@pytest.mark.parametrize(
    "text",
    [":)", ":(", "(red", "red)", "red:1.2)", "[red", "red]", "4:3", "C:\\boats", "a\\", "1.2", "][", ")(", "(red:1.2"],
)
def test_what_is_no_weight_is_text(text: str) -> None:
    assert read(text) == [(text, 1.0)]


@pytest.mark.parametrize(
    ("prompt", "text"),
    [("(a:b)", "a:b"), ("(4:3:x)", "4:3:x"), ("(a:)", "a:"), ("(a:...)", "a:..."), ("(a:1.2.3)", "a:1.2.3")],
)
def test_brackets_around_what_is_no_number_are_plain_ones(prompt: str, text: str) -> None:
    assert read(prompt) == [(text, 1.1)]


def test_a_bracket_that_is_never_closed_leaves_the_others_alone() -> None:
    assert read("a :( and (red:1.2) boat") == [("a :( and ", 1.0), ("red", 1.2), (" boat", 1.0)]


@given(st.text("ab ()[]:\\.,-19é\n", max_size=40))
def test_nothing_is_wrong(prompt: str) -> None:
    parts = read(prompt)
    assert parts
    if len(parts) > 1:
        assert all(text.strip() for text, _ in parts[1:])
    if not set(prompt) & set("()[]") and "\\\\" not in prompt:
        assert parts == [(prompt, 1.0)]
    assert not set("ab,é") & (set(prompt) ^ set(text_of(parts)))
    assert is_weighted(parts) <= any(bracket in prompt for bracket in ")]")
