"""What becomes of errors that nobody foresaw."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from krita_sfumato.mishaps import LOG, Guard


@pytest.fixture
def said() -> Iterator[list[str]]:
    yield []
    logger = logging.getLogger("krita_sfumato")
    for handler in list(logger.handlers):
        handler.close()
        logger.removeHandler(handler)


def broken(*_: object) -> None:
    raise RuntimeError("no layers today")


def test_only_the_work_of_an_edit_ends_the_edit(tmp_path: Path, said: list[str]) -> None:
    guard = Guard(tmp_path, lambda _: said.append("work"), lambda _: said.append("beside"))
    guard(broken)("whatever", "a signal", "brings")
    guard.beside(broken)(True)
    guard.again_and_again(broken)()
    assert said == ["work", "beside", "beside"]
    assert (tmp_path / LOG).read_text().count("\nRuntimeError: no layers today") == 3


def test_an_error_that_stays_is_said_and_logged_once(tmp_path: Path, said: list[str]) -> None:
    guard = Guard(tmp_path, said.append, said.append)
    works = []
    look = guard.again_and_again(lambda: None if works else broken())
    for _ in range(5):
        look()
    assert len(said) == 1
    works.append(True)
    look()
    works.clear()
    look()
    assert len(said) == 2, "it came back"
    assert (tmp_path / LOG).read_text().count("\nRuntimeError: no layers today") == 2
