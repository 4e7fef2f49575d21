"""The report: enough to help, and nothing that is the painter's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from krita_sfumato.diagnostics import LONGEST_LINE, Facts, report
from plugin.fakes import WELCOME

TOKEN = "sWYqk3lGq6zN0aKc7pXv1234567890ab"


@dataclass(frozen=True)
class Chosen:
    prompt: str = "a secret castle"
    negative_prompt: str = "moat"
    map_id: str = "{11112222-3333-4444-5555-666677778888}"
    strength: float = 60.0
    seed: int | None = None
    inverted: bool = True
    model: str = "sketchbook"
    edit: str = "differential"
    strengths: tuple[float, ...] = (20.0, 50.0)
    tuning: dict = field(default_factory=lambda: {"edit:differential": {"release": "whole", "steps": 4, "x": "my cat"}})


def facts(**changes: object) -> Facts:
    known: dict = {
        "plugin": "0.1.0",
        "krita": "5.1.5",
        "qt": "5.15.9",
        "system": "Debian 12",
        "link": "ready",
        "standing": "Ready to paint on the processor.",
        "welcome": WELCOME,
        "settings": Chosen(),
    }
    return Facts(**{**known, **changes})


def test_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "server.log").write_text("one\ntwo\n")
    said = report(facts(said=["Cancelled. Nothing was changed."]), tmp_path, "/home/me")
    for part in (
        "Sfumato 0.1.0 in Krita 5.1.5",
        "Qt 5.15.9, Debian 12",
        "on this computer: ready: Ready to paint on the processor.",
        "test, protocol 1, on cpu: 1 models, 2 edits",
        "  prompt: 15 characters",
        "  negative_prompt: 4 characters",
        "  strength: 60.0",
        "  seed: None",
        "  inverted: True",
        "  model: sketchbook",
        "  edit: differential",
        "  strengths: 2 of them",
        "  tuning: {edit:differential={release=whole, steps=4, x=6 characters}}",
        "  Cancelled. Nothing was changed.",
        "server.log:\n  one\n  two\n",
        "worker.log:\n  (none)",
    ):
        assert part in said, part
    assert "another computer" in report(facts(is_remote=True, welcome=None, settings=None), tmp_path, "/home/me")


def test_what_is_the_painters_own_is_not_in_it(tmp_path: Path) -> None:
    (tmp_path / "krita-plugin.log").write_text(
        f"Traceback /home/me/.local/x.py\nValueError: a secret castle\nAuthorization: Bearer {TOKEN[:10]}zzz\n"
        f'"token": "{TOKEN[::-1]}"\nsaid {TOKEN}\n/home/meadow/other\n'
    )
    last = [
        "“My diary.kra” was closed meanwhile. What was made is kept.",
        "„Mein Tagebuch“ hat inzwischen eine andere Größe.",
        "Its log is in “/home/me/.local/state/sfumato/logs”.",
    ]
    said = report(facts(said=last, standing="Log in /home/me/logs"), tmp_path, "/home/me/", [TOKEN, ""])
    for own in (
        "castle",
        "moat",
        "11112222",
        "my cat",
        "diary",
        "Tagebuch",
        TOKEN,
        TOKEN[:10],
        TOKEN[::-1],
        "home/me/",
    ):
        assert own not in said, own
    assert "~/.local/x.py" in said
    assert "/home/meadow/other" in said, "another folder"
    assert "“…” was closed meanwhile." in said
    assert "„" not in said


@pytest.mark.parametrize("written", ["C:\\Users\\me\\a", "C:/Users/me/a", "C:\\\\Users\\\\me\\\\a"])
def test_the_home_folder_in_every_way_of_writing(tmp_path: Path, written: str) -> None:
    (tmp_path / "server.log").write_text(f"File {written}\n")
    said = report(facts(), tmp_path, "C:\\Users\\me")
    assert "Users" not in said
    assert "File ~" in said


def test_logs_are_cut_and_may_hold_anything(tmp_path: Path) -> None:
    (tmp_path / "server.log").write_bytes(b"early\n" + b"x" * 99 + b"\n" + b"late \xff\n" * 100_000)
    (tmp_path / "worker.log").write_bytes(b"y" * 100_000)
    (tmp_path / "backend-start.log").write_bytes(b"z" * 2 * LONGEST_LINE + b"\nend\n")
    (tmp_path / "krita-plugin.log").mkdir()
    said = report(facts(said=["s"] * 1000), tmp_path, "/home/me")
    assert len(said) < 60_000, "as much as an issue takes"
    assert "early" not in said
    assert "late \ufffd" in said
    assert "end" in said
    assert max(map(len, said.splitlines())) <= LONGEST_LINE + 10
