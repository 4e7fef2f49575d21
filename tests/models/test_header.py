"""The header reader: what it accepts it reads as safetensors does, and what safetensors refuses it refuses in words."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest
import safetensors
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save, save_file
from sfumato.errors import InputError
from sfumato.models.header import BITS, read, shown

TENSORS = {
    "a.weight": torch.zeros(3, 4, dtype=torch.float16),
    "b.bias": torch.zeros(5, dtype=torch.bfloat16),
    "c": torch.zeros((), dtype=torch.float32),
    "empty": torch.zeros(0, 7, dtype=torch.float32),
    "e4": torch.zeros(2, 2).to(torch.float8_e4m3fn),
}


def packed(header: dict[str, Any] | bytes, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def one(**changed: Any) -> dict[str, Any]:
    return {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changed}


def written(folder: Path, content: bytes) -> Path:
    file = folder / "model.safetensors"
    file.write_bytes(content)
    return file


def refused(file: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        read(file)
    sentence = str(caught.value)
    assert file.name in sentence
    assert sentence.endswith(".")
    assert len(sentence) < 400
    return caught.value


def test_reads_what_safetensors_wrote(tmp_path: Path) -> None:
    file = tmp_path / "Landschaft – 風景.safetensors"
    save_file(TENSORS, file, metadata={"modelspec.title": "Ü"})
    header = read(file)
    assert header.size == file.stat().st_size
    assert header.metadata == {"modelspec.title": "Ü"}
    assert {name: shape for name, (_, shape) in header.tensors.items()} == {
        name: tuple(tensor.shape) for name, tensor in TENSORS.items()
    }
    assert {name: dtype for name, (dtype, _) in header.tensors.items()} == {
        "a.weight": "F16",
        "b.bias": "BF16",
        "c": "F32",
        "empty": "F32",
        "e4": "F8_E4M3",
    }


def test_order_and_white_space_are_free(tmp_path: Path) -> None:
    second = {"data_offsets": [0, 4], "shape": [], "dtype": "I32"}
    first = {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}
    text = json.dumps({"a": first, "b": second}, indent=2).encode() + b"    "
    assert read(written(tmp_path, packed(text, bytes(12)))).tensors == {"a": ("F32", (2,)), "b": ("I32", ())}


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", "damaged", "is empty"),
        (b"\x80\x02}q\x00." + bytes(90), "not_safetensors", "pickle"),
        (b"PK\x03\x04" + bytes(90), "not_safetensors", "pickle"),
        (b"GGUF" + bytes(90), "not_safetensors", "GGUF"),
        (b"<!doctype html><html>", "not_safetensors", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "not_safetensors", "Git LFS"),
        (b"\0" * 7, "not_safetensors", "not safetensors"),
        (packed(one(), bytes(8))[:-3], "damaged", "ends after 74 of 77 bytes; download it again"),
        (packed(one(), bytes(8))[:30], "damaged", "ends after 30 of more than 69 bytes"),
        (packed(one(), bytes(9)), "damaged", "1 bytes more"),
        (struct.pack("<Q", 1 << 62) + b"{}", "not_safetensors", "first bytes"),
        (packed(one(dtype="F16"), bytes(8)), "damaged", "not as large as its shape"),
        (packed(one(dtype="Q4"), bytes(8)), "damaged", "type that is not known"),
        (packed(one(shape=[2.0]), bytes(8)), "damaged", "number 2.0"),
        (packed(one(shape=[True, 2]), bytes(8)), "damaged", "not a number"),
        (packed(one(shape=[-1, -2]), bytes(8)), "damaged", "not made of sizes"),
        (packed(one(shape="2"), bytes(8)), "damaged", "not a list"),
        (packed(one(data_offsets=[8, 16]), bytes(16)), "damaged", "holes"),
        (packed(one(data_offsets=[0, 8, 9]), bytes(8)), "damaged", "two offsets"),
        (packed(one(dtype="F4", shape=[3], data_offsets=[0, 1]), bytes(1)), "damaged", "not as large as its shape"),
        (packed(one(more=1), bytes(8)), "damaged", "more or less than its type"),
        (packed({"a": {"dtype": "F32", "shape": [2]}}, bytes(8)), "damaged", "more or less"),
        (packed(one() | {"b": one()["a"]}, bytes(8)), "damaged", "overlap"),
        (packed(one() | {"__metadata__": {"a": 1}}, bytes(8)), "damaged", "metadata"),
        (packed(one() | {"\ud800": one()["a"]}, bytes(8)), "damaged", "cannot be read"),
        (packed(json.dumps(one()).encode()[:-1] + b"," + json.dumps(one()).encode()[1:], bytes(8)), "damaged", "twice"),
        (packed(json.dumps(one()).replace("[0,", "[-0,").encode(), bytes(8)), "damaged", "-0"),
        (
            packed(one() | {"b": {"dtype": "I8", "shape": [0, 1 << 61], "data_offsets": [8, 8]}}, bytes(8)),
            "damaged",
            "",
        ),
        (packed(b'{"a":' * 5000 + b"0" + b"}" * 5000), "damaged", "cannot be read"),
        (packed(b'{"a": "\xff"}'), "damaged", "cannot be read"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value,
)
def test_what_is_wrong_is_said(tmp_path: Path, content: bytes, code: str, words: str) -> None:
    error = refused(written(tmp_path, content))
    assert error.code == code
    assert words in str(error)


def test_escaped_colons_do_not_hide_a_name_that_comes_twice(tmp_path: Path) -> None:
    """Colons are counted to find one."""
    twice = json.dumps(one()).encode()[:-1] + b"," + json.dumps(one()).encode()[1:-1]
    empty = b', "b' + b"\\u003a" * 4 + b'": {"dtype": "I8", "shape": [0], "data_offsets": [8, 8]}}'
    assert "twice" in str(refused(written(tmp_path, packed(twice + empty, bytes(8)))))


def test_a_pickle_is_one_whatever_its_name(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    torch.save({"a": torch.zeros(2)}, file)
    assert "could run code" in str(refused(file))


def test_a_short_header_may_begin_like_a_pickle(tmp_path: Path) -> None:
    """Its length is what its first bytes say."""
    text = json.dumps(one()).encode()
    file = written(tmp_path, packed(text.ljust(0x280), bytes(8)))
    assert file.read_bytes()[:2] == b"\x80\x02"
    assert list(read(file).tensors) == ["a"]


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    assert refused(tmp_path / "gone.safetensors").code == "unreadable"
    (tmp_path / "folder.safetensors").mkdir()
    assert refused(tmp_path / "folder.safetensors").code == "unreadable"


def test_names_can_always_be_printed() -> None:
    assert shown(os.fsdecode(b"a\xff\n\xc3\xbc")) == "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}ü"


def test_every_type_of_safetensors_is_known() -> None:
    """Its own refusal names them all."""
    with pytest.raises(safetensors.SafetensorError) as caught:
        safetensors.deserialize(packed(one(dtype="?"), bytes(8)))
    assert set(
        str(caught.value).partition("expected one of ")[2].partition(" at ")[0].replace("`", "").split(", ")
    ) == (set(BITS))


def test_cut_at_every_length(tmp_path: Path) -> None:
    whole = save(TENSORS)
    file = tmp_path / "model.safetensors"
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        refused(file)
    file.write_bytes(whole)
    read(file)


def agrees(folder: Path, content: bytes) -> None:
    """Whatever safetensors refuses is refused, and what both accept is the same."""
    file = written(folder, content)
    try:
        ours = read(file)
    except InputError:
        return
    theirs = dict(safetensors.deserialize(content))
    assert {name: (dtype, list(shape)) for name, (dtype, shape) in ours.tensors.items()} == {
        name: (tensor["dtype"], tensor["shape"]) for name, tensor in theirs.items()
    }


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_flipped_bytes(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = bytearray(save(TENSORS, metadata={"a": "b"}))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    agrees(tmp_path_factory.getbasetemp(), bytes(content))


NUMBER = st.one_of(st.integers(-2, 20), st.sampled_from([True, None, 1.0, "1", 1 << 63, 1 << 64, [], 1e400]))
INFO = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from([*BITS, "F", None, 1, []]),
        "shape": st.one_of(st.lists(NUMBER, max_size=3), NUMBER),
        "data_offsets": st.one_of(st.lists(NUMBER, max_size=3), NUMBER),
        "more": NUMBER,
    },
)


@given(st.dictionaries(st.sampled_from(["a", "b", "\ud800", "-0", "true"]), INFO, max_size=3), st.integers(0, 40))
@settings(max_examples=120, deadline=None)
def test_made_up_headers(tmp_path_factory: pytest.TempPathFactory, header: dict[str, Any], length: int) -> None:
    agrees(tmp_path_factory.getbasetemp(), packed(header, bytes(length)))


@given(st.lists(st.tuples(st.sampled_from(sorted(BITS)), st.lists(st.integers(0, 4), max_size=3)), max_size=4))
@settings(max_examples=60, deadline=None)
def test_right_headers_are_accepted(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[tuple[str, list[int]]]
) -> None:
    at, header = 0, {}
    for number, (dtype, shape) in enumerate(kinds):
        bits = BITS[dtype]
        for side in shape:
            bits *= side
        if bits % 8:
            continue
        header[f"t{number}"] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + bits // 8]}
        at += bits // 8
    content = packed(header, bytes(at))
    safetensors.deserialize(content)
    assert len(read(written(tmp_path_factory.getbasetemp(), content)).tensors) == len(header)


@given(st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_noise(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    agrees(tmp_path_factory.getbasetemp(), content)
    agrees(tmp_path_factory.getbasetemp(), packed(b"{" + content, content))
