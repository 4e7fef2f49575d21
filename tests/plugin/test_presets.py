"""Styles as files: what is kept, what is refused, and that none is lost."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from krita_sfumato.presets import FOLDER, KIND, MAX_FILE, PresetError, Presets, check_name, chosen

INK = {
    "prompt": "ink drawing, “fine” lines",
    "negative_prompt": "colour",
    "edit": "differential",
    "model": "sketchbook",
    "vae": "owner/clear",
    "steps": 12,
    "guidance": 4.5,
    "scheduler": "DPM++ 2M Karras",
    "strength": 80.0,
    "tuning": {"edit:differential": {"hinting": True, "release": "whole", "feather": 0.5}},
    "variants": 4,
}


@pytest.fixture
def presets(tmp_path: Path) -> Presets:
    return Presets(tmp_path)


def test_a_style_comes_back_and_what_belongs_to_the_picture_is_no_part_of_it(presets: Presets) -> None:
    assert presets.names() == []
    assert presets.save("Ink", INK | {"seed": 7, "map_id": "{layer}", "source_prompt": "a cat"}) == "Ink"
    assert presets.read("Ink") == INK


def test_nothing_is_ever_replaced(presets: Presets, tmp_path: Path) -> None:
    names = [presets.save(name, INK | {"steps": i + 1}) for i, name in enumerate(["Ink", "Ink", "ink", " Ink  2 "])]
    assert len({name.casefold() for name in names}) == 4, "on systems that do not tell capitals apart, too"
    assert names[:3] == ["Ink", "Ink 2", "ink 3"]
    assert [presets.read(name)["steps"] for name in names] == [1, 2, 3, 4]
    long = "x" * 60
    assert len({presets.save(long, INK) for _ in range(3)}) == 3
    assert len(presets.names()) == 7


def test_one_that_another_krita_wrote_meanwhile_is_not_replaced(presets: Presets, monkeypatch) -> None:
    presets.save("Ink", INK)
    monkeypatch.setattr(Presets, "_files", lambda self: {})
    assert presets.save("Ink", INK | {"steps": 2}) == "Ink 2"


def test_the_alphabet_orders_them(presets: Presets) -> None:
    for name in ("water", "Ink", "éclat", "ash"):
        presets.save(name, INK)
    assert presets.names() == ["ash", "Ink", "water", "éclat"]


@pytest.mark.parametrize(
    "name",
    ["", "  ", ".", "..", ".hidden", "a/b", "a\\b", "c:", "x" * 61, "con", "LPT1", "nul.txt", "a\0b", "\ud800", "end."],
)
def test_names_that_a_file_cannot_have_are_refused_in_words(presets: Presets, name: str, tmp_path: Path) -> None:
    with pytest.raises(PresetError, match="name"):
        presets.save(name, INK)
    assert presets.names() == []


def test_accents_that_a_system_takes_apart_are_the_same_name(presets: Presets, tmp_path: Path) -> None:
    presets.save("e\u0301clat", INK)
    assert presets.names() == ["\u00e9clat"]
    assert presets.read("e\u0301clat") == INK
    assert check_name("  two   words ") == "two words"


def test_sharing(presets: Presets, tmp_path: Path) -> None:
    presets.save("Ink", INK)
    file = tmp_path / "out" / "my: ink?.json"
    file.parent.mkdir()
    presets.export("Ink", file)
    other = Presets(tmp_path / "other")
    assert other.import_from(file) == "my ink"
    assert other.import_from(file) == "my ink 2"
    assert other.read("my ink") == INK
    for stem in ("...", "con", "\u200b"):
        odd = file.with_name(f"{stem}.json")
        odd.write_bytes(file.read_bytes())
        assert other.read(other.import_from(odd)) == INK
    assert [f.name for f in file.parent.iterdir() if f.name.endswith(".new")] == []


def test_an_editor_may_have_put_its_mark_in_front(presets: Presets, tmp_path: Path) -> None:
    presets.save("Ink", INK)
    presets.export("Ink", tmp_path / "x.json")
    (tmp_path / "x.json").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "x.json").read_bytes())
    assert presets.read(presets.import_from(tmp_path / "x.json")) == INK


def test_removing(presets: Presets) -> None:
    presets.save("Ink", INK)
    presets.remove("Ink")
    presets.remove("Ink")
    presets.remove("../token")
    assert presets.names() == []
    with pytest.raises(PresetError, match="not there any more"):
        presets.read("Ink")


def test_nothing_outside_of_its_folder_is_read(presets: Presets, tmp_path: Path) -> None:
    presets.save("Ink", INK)
    (tmp_path / "secret.json").write_text(json.dumps({"kind": KIND, "version": 1, "settings": INK}))
    with pytest.raises(PresetError):
        presets.read("../secret")


def written(home: Path, said: Any) -> Presets:
    (home / FOLDER).mkdir(exist_ok=True)
    data = said if isinstance(said, bytes) else json.dumps(said).encode()
    (home / FOLDER / "x.json").write_bytes(data)
    return Presets(home)


def test_a_later_version_is_read_as_far_as_it_makes_sense(tmp_path: Path) -> None:
    said = {"kind": KIND, "version": 9, "settings": INK | {"wings": 2, "steps": "many"}, "more": 1}
    assert written(tmp_path, said).read("x") == {key: value for key, value in INK.items() if key != "steps"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"kind": "sfumato-style"}',
        b'{"kind": "sfumato-style", "settings": 3}',
        b'{"kind": "other", "settings": {}}',
        b"[" * 100_000,
        b"1" * 5000,
        b" " * (MAX_FILE + 1),
    ],
)
def test_what_is_no_style_is_said_to_be_none(data: bytes, tmp_path: Path) -> None:
    presets = written(tmp_path, data)
    with pytest.raises(PresetError, match="damaged"):
        presets.read("x")
    with pytest.raises(PresetError, match=r"“x.json” is no style"):
        presets.import_from(tmp_path / FOLDER / "x.json")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("prompt", 3),
        ("prompt", "x" * 9000),
        ("prompt", "\ud800"),
        ("steps", True),
        ("steps", -1),
        ("steps", 2.5),
        ("steps", 10**30),
        ("guidance", float("nan")),
        ("guidance", "5"),
        ("strength", 101),
        ("variants", 0),
        ("tuning", []),
        ("tuning", {"a": 3}),
        ("tuning", {"a": {"b": [1]}}),
        ("tuning", {"a": {"b": float("inf")}}),
        ("tuning", {"a": {"b": 10**400}}),
        ("tuning", {"\ud800": {}}),
        ("tuning", {str(i): {} for i in range(100)}),
        ("tuning", {str(i): {str(j): "x" * 200 for j in range(60)} for i in range(60)}),
    ],
)
def test_a_value_that_makes_no_sense_is_left_out(key: str, value: Any) -> None:
    assert chosen({**INK, key: value}) == {k: v for k, v in INK.items() if k != key}


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers())


@given(st.dictionaries(st.sampled_from(list(INK)) | st.text(), VALUES | st.dictionaries(st.text(), VALUES)))
def test_whatever_is_chosen_is_written_and_read_alike(tmp_path_factory, said: dict[str, Any]) -> None:
    presets = Presets(tmp_path_factory.mktemp("home"))
    assert presets.read(presets.save("x", said)) == chosen(said)
    assert chosen(chosen(said)) == chosen(said)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file is in its place")
    with pytest.raises(PresetError, match="could not be written"):
        Presets(tmp_path).save("Ink", INK)
    with pytest.raises(PresetError, match="could not be read"):
        Presets(tmp_path / "other").import_from(tmp_path / "nowhere.json")


def test_a_write_that_breaks_off_leaves_what_was_there(presets: Presets, tmp_path: Path, monkeypatch) -> None:
    presets.save("Ink", INK)
    file = tmp_path / "shared.json"
    presets.export("Ink", file)
    before = file.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(PresetError, match="No space left"):
        presets.export("Ink", file)
    with pytest.raises(PresetError, match="No space left"):
        presets.save("Other", INK)
    assert file.read_bytes() == before
    assert presets.names() == ["Ink"]
    assert sorted(f.name for f in (tmp_path / FOLDER).iterdir()) == ["Ink.json"]
