"""What was measured is there again: after a stop in the middle of a line, too, and never under another key."""

from __future__ import annotations

from pathlib import Path

import pytest
from sfumato.errors import SfumatoError
from sfumato.evaluation.measured import Measured

KEY = {"weights": "a", "side": 64}


def test_is_there_again(tmp_path: Path) -> None:
    first = Measured(tmp_path / "m", KEY, "--out")
    first["grey 1"] = [0.1, 0.2]
    first["grey 2"] = {"lab": [1 / 3]}
    again = Measured(tmp_path / "m", dict(reversed(KEY.items())), "--out")
    assert dict(again) == {"grey 1": [0.1, 0.2], "grey 2": {"lab": [1 / 3]}}
    again.remove()
    assert not Measured(tmp_path / "m", KEY, "--out")


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_line_cut_short_costs_itself_alone(tmp_path: Path, cut: int) -> None:
    first = Measured(tmp_path / "m", KEY, "--out")
    first["whole"] = [1.0]
    first["cut"] = [2.0, 3.0]
    content = (tmp_path / "m").read_bytes()
    (tmp_path / "m").write_bytes(content[:-cut])
    again = Measured(tmp_path / "m", KEY, "--out")
    assert again["whole"] == [1.0]
    assert again.get("cut") in (None, [2.0, 3.0])
    again["after"] = [4.0]
    last = Measured(tmp_path / "m", KEY, "--out")
    assert (last["whole"], last["after"]) == ([1.0], [4.0])


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]\n", b'{"key": 1}\n["grey", [1]]\n'])
def test_what_is_not_its_own_is_not_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m").write_bytes(content)
    fresh = Measured(tmp_path / "m", KEY, "--out")
    assert not fresh
    fresh["grey"] = [1.0]
    assert dict(Measured(tmp_path / "m", KEY, "--out")) == {"grey": [1.0]}


def test_another_key_begins_anew(tmp_path: Path) -> None:
    Measured(tmp_path / "m", KEY, "--out")["grey"] = [1.0]
    assert not Measured(tmp_path / "m", KEY | {"side": 128}, "--out")


def test_two_at_once_lose_nothing(tmp_path: Path) -> None:
    one = Measured(tmp_path / "m", KEY, "--out")
    one["a"] = 1
    two = Measured(tmp_path / "m", KEY, "--out")
    one["b"] = 2
    two["c"] = 3
    assert dict(Measured(tmp_path / "m", KEY, "--out")) == {"a": 1, "b": 2, "c": 3}


def test_where_it_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(SfumatoError, match="Give another --report"):
        Measured(tmp_path / "no such folder" / "m", KEY, "--report")["grey"] = 1
    Measured(None, KEY, "--out")["grey"] = 1
