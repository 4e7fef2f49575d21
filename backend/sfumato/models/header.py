"""The header of a safetensors file: which tensors it holds, and that the file holds all of them. Nothing is loaded.

The format, by safetensors' own description: 8 bytes, little-endian, the length N of the header; N bytes of JSON in
UTF-8 that begin with `{`: {"name": {"dtype", "shape", "data_offsets"}, ..., "__metadata__": {str: str}}; then the
tensors' bytes, in any order, with no hole between them and nothing after. What this refuses is never given to a loader.
"""

from __future__ import annotations

import errno
import gc
import json
import os
import stat
from dataclasses import dataclass
from itertools import chain
from math import prod
from operator import eq, sub
from pathlib import Path
from typing import Any, NoReturn

from sfumato.errors import InputError

MAX_HEADER = 100_000_000  # bytes, the format's own limit
BITS = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E5M2FNUZ", "F8_E4M3FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}
AGAIN = "download it again"
# What people have instead of safetensors, by how it begins.
OTHERS = (
    (b"PK\x03\x04", "is an archive of PyTorch's with a pickle in it, which could run code. Get it as .safetensors"),
    (b"\x80", "is a pickle, not safetensors, and could run code. Get it as .safetensors"),
    (b"GGUF", "is a GGUF file, not safetensors. Get it as .safetensors"),
    (b"version https://git-lfs", "only says where Git LFS keeps the file. Fetch the file itself"),
    (b"<", "is a web page, not a model. Download the file itself"),
)

Tensors = dict[str, tuple[str, tuple[int, ...]]]


@dataclass(frozen=True)
class Header:
    """tensors: name -> (dtype as the format writes it, shape). size: of the whole file, in bytes."""

    tensors: Tensors
    metadata: dict[str, str]
    size: int


class _Broken(ValueError):
    """What is wrong, as the second half of a sentence."""


def read(file: Path) -> Header:
    """The header of a file. Raises InputError: `unreadable` where it cannot be opened, `not_safetensors` where it is
    something else, `damaged` where it is not whole."""
    try:
        if not stat.S_ISREG(os.stat(file).st_mode):  # a pipe would wait for somebody who writes
            raise OSError(errno.EINVAL, "it is no file")
        with open(file, "rb", buffering=0) as opened:
            size = os.fstat(opened.fileno()).st_size
            start = opened.read(64)
            length = int.from_bytes(start[:8], "little")
            if not 2 <= length <= min(size - 8, MAX_HEADER) or start[8:9] != b"{":
                _refuse(file.name, start, size, length)
            opened.seek(8)
            raw = opened.read(length)
    except OSError as error:
        reason = error.strerror or str(error)
        sentence = f"{shown(file.name)} cannot be opened ({reason}). Check that it is there and that you may read it."
        raise InputError("unreadable", sentence) from None
    # Parsing makes thousands of containers and no cycle: looking for cycles meanwhile would take a fifth of the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        infos, metadata = _parsed(raw)
        tensors, described = _checked(infos)
    except _Broken as error:
        raise InputError("damaged", f"{shown(file.name)} is damaged: {error}; {AGAIN}.") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError("damaged", f"{shown(file.name)} is damaged: its header cannot be read; {AGAIN}.") from None
    finally:
        if collecting:
            gc.enable()
    wanted = 8 + length + described
    if size < wanted:
        raise InputError("damaged", f"{shown(file.name)} ends after {size:,} of {wanted:,} bytes; {AGAIN}.")
    if size > wanted:
        more = f"has {size - wanted:,} bytes more than its header describes"
        raise InputError("damaged", f"{shown(file.name)} is damaged: it {more}; {AGAIN}.")
    return Header(tensors, metadata, size)


def shown(name: str) -> str:
    """A file's name as it can be printed, whatever bytes it is made of."""
    plain = os.fsencode(name).decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in plain)


def _refuse(name: str, start: bytes, size: int, length: int) -> NoReturn:
    name = shown(name)
    if size == 0:
        raise InputError("damaged", f"{name} is empty; {AGAIN}.")
    for magic, what in OTHERS:
        if start.startswith(magic):
            raise InputError("not_safetensors", f"{name} {what}.")
    if size >= 9 and start[8:9] == b"{" and length <= MAX_HEADER:
        raise InputError("damaged", f"{name} ends after {size:,} of more than {length + 8:,} bytes; {AGAIN}.")
    raise InputError("not_safetensors", f"{name} is not safetensors, or damaged from its first bytes on; {AGAIN}.")


def _parsed(raw: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    """Raises ValueError for what is no JSON, _Broken for what is no header."""
    hooks: dict[str, Any] = {"parse_float": _fraction, "parse_constant": _fraction}
    if b"-" in raw and b"-0" in raw:  # JSON has no integer -0, and safetensors does not read it as 0
        hooks["parse_int"] = _whole
    tensors = json.loads(raw.decode("utf-8"), **hooks)
    # Of a name that comes twice, Python keeps one. Then there are more colons than pairs and names account for. Looking
    # at every pair takes half as long again, and is only done where this does not tell.
    pairs = len(tensors) + sum(map(len, tensors.values()))
    metadata = tensors.pop("__metadata__", None)
    if metadata is None:
        metadata = {}
    if type(metadata) is not dict or any(type(value) is not str for value in metadata.values()):
        raise _Broken("its metadata is not text")
    names = "".join(chain(tensors, metadata, metadata.values()))
    names.encode("utf-8")  # half a surrogate pair is text to Python's JSON, and to nobody else
    if raw.count(b":") != pairs + names.count(":") or (b"\\" in raw and b"\\u003" in raw):
        json.loads(raw.decode("utf-8"), object_pairs_hook=_once)
    return tensors, metadata


def _whole(digits: str) -> int:
    _demand(digits != "-0", "its header has the number -0")
    return int(digits)


def _fraction(digits: str) -> NoReturn:
    raise _Broken(f"its header has the number {digits[:20]}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Broken("its header has a name twice")
    return found


def _checked(described: dict[str, Any]) -> tuple[Tensors, int]:
    """The tensors, and how many bytes they take, if all is as it should be.

    Thousands of files have thousands of tensors each: whole columns are checked at once, as far as that goes.
    """
    if not described:
        return {}, 0
    infos = list(described.values())
    _demand(set(map(type, infos)) == {dict}, "a tensor is not described as it should be")
    _demand(set(map(len, infos)) == {3}, "a tensor is described by more or less than its type, shape and place")
    listed, places = [info["shape"] for info in infos], [info["data_offsets"] for info in infos]
    _demand(set(map(type, listed)) == {list} == set(map(type, places)), "a tensor's shape or place is not a list")
    _demand(set(map(len, places)) == {2}, "a tensor's place is not two offsets")
    numbers = {*map(type, chain.from_iterable(listed)), *map(type, chain.from_iterable(places))}
    _demand(numbers == {int}, "a size or place is not a number")  # and True is none
    kinds = list(zip([info["dtype"] for info in infos], map(tuple, listed), strict=True))
    sizes = {kind: _size(*kind) for kind in set(kinds)}
    starts, ends = [place[0] for place in places], [place[1] for place in places]
    right = all(map(eq, map(sub, ends, starts), map(sizes.__getitem__, kinds)))
    _demand(right, "a tensor's place is not as large as its shape")
    if starts[0] != 0 or starts[1:] != ends[:-1]:
        places.sort()
        starts, ends = [place[0] for place in places], [place[1] for place in places]
    _demand(starts[0] == 0 and starts[1:] == ends[:-1], "its tensors overlap, or there are holes between them")
    return dict(zip(described, kinds, strict=True)), int(ends[-1])


def _size(dtype: str, shape: tuple[int, ...]) -> float:
    """In bytes; those of 4 and 6 bits may end within one, and then no place is as large."""
    _demand(dtype in BITS, "a tensor is of a type that is not known")
    _demand(min(shape, default=0) >= 0, "a tensor's shape is not made of sizes")
    _demand(prod(filter(None, shape)) < 1 << 60, "a tensor's shape is too large")
    bits = prod(shape) * BITS[dtype]
    return bits // 8 if bits % 8 == 0 else 0.5


def _demand(condition: bool, otherwise: str) -> None:
    if not condition:
        raise _Broken(otherwise)
