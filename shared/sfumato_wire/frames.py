"""Bytes <-> messages. A frame is two big-endian 32-bit lengths, a JSON header and a raw payload.

The header is the message's dataclass as JSON with its `kind`; every field is checked against its annotation.
"""

from __future__ import annotations

import dataclasses
import json
import math
import struct
import types
import typing
from typing import Any

from .errors import LocalProtocolError, RemoteProtocolError
from .limits import MAX_DEPTH, MAX_HEADER, MAX_ITEMS, MAX_MESSAGE, MAX_TEXT
from .messages import Message

_LENGTHS = struct.Struct("!II")
_KINDS: dict[str, type[Any]] = {cls.kind: cls for cls in typing.get_args(Message)}
_HINTS: dict[type[Any], dict[str, Any]] = {}


def encode(message: Message) -> bytes:
    """One frame. Raises LocalProtocolError for what the other end would not take: too large, a text too long, NaN."""
    payload: bytes = getattr(message, "payload", b"")
    try:
        fields = {f.name: _plain(getattr(message, f.name)) for f in dataclasses.fields(message) if f.name != "payload"}
        header = json.dumps({"kind": message.kind, **fields}, allow_nan=False, separators=(",", ":")).encode("utf-8")
    except (ValueError, TypeError, RecursionError) as error:
        raise LocalProtocolError(f"A {message.kind} message cannot be written: {error}.") from None
    if len(header) > MAX_HEADER or _LENGTHS.size + len(header) + len(payload) > MAX_MESSAGE:
        raise LocalProtocolError(f"A {message.kind} message of {len(header) + len(payload)} bytes is too large.")
    try:
        _message(header, payload)
    except RemoteProtocolError as error:
        raise LocalProtocolError(str(error)) from None
    return b"".join((_LENGTHS.pack(len(header), len(payload)), header, payload))


class Decoder:
    """Collects bytes as they come and gives whole messages. Limits are checked from the lengths alone."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        self._buffer += data

    def next_message(self) -> Message | None:
        """The next whole message, or None. Raises RemoteProtocolError for anything that is not one."""
        if len(self._buffer) < _LENGTHS.size:
            return None
        header_length, payload_length = _LENGTHS.unpack_from(self._buffer)
        total = _LENGTHS.size + header_length + payload_length
        if header_length > MAX_HEADER or total > MAX_MESSAGE:
            raise RemoteProtocolError(f"A message announces {total} bytes; at most {MAX_MESSAGE} are allowed.")
        if len(self._buffer) < total:
            return None
        start = _LENGTHS.size + header_length
        with memoryview(self._buffer) as view:  # a slice of the buffer itself would copy twice
            header, payload = bytes(view[_LENGTHS.size : start]), bytes(view[start:total])
        del self._buffer[:total]
        return _message(header, payload)

    @property
    def is_empty(self) -> bool:
        return not self._buffer


def _message(header: bytes, payload: bytes) -> Message:
    try:
        tree = json.loads(
            header.decode("utf-8"), parse_constant=_no_constant, parse_int=_int, object_pairs_hook=_unique
        )
    except (ValueError, RecursionError) as error:
        raise RemoteProtocolError(f"A message's header is not JSON: {error}.") from None
    if not isinstance(tree, dict) or not isinstance(kind := tree.pop("kind", None), str) or kind not in _KINDS:
        raise RemoteProtocolError("A message is of no known kind: update the older of plugin and backend.")
    cls = _KINDS[kind]
    if "payload" in tree or (payload and "payload" not in _hints(cls)):
        raise RemoteProtocolError(f"A {kind} message carries a payload where none belongs.")
    try:
        values = _fields(cls, tree, without="payload")
        if "payload" in _hints(cls):
            values["payload"] = payload
        return typing.cast(Message, cls(**values))
    except (ValueError, TypeError) as error:
        raise RemoteProtocolError(f"A {kind} message is wrong: {error}") from None


def _hints(cls: type[Any]) -> dict[str, Any]:
    if cls not in _HINTS:  # working them out takes longer than all the rest
        _HINTS[cls] = typing.get_type_hints(cls)
    return _HINTS[cls]


def _fields(cls: type[Any], tree: dict[str, Any], without: str = "") -> dict[str, Any]:
    hints = _hints(cls)
    values = {}
    for spec in dataclasses.fields(cls):
        if spec.name == without:
            continue
        if spec.name in tree:
            values[spec.name] = _checked(hints[spec.name], tree[spec.name], spec.name)
        elif spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING:
            raise ValueError(f"it lacks '{spec.name}'.")
    # Fields this version does not know are left alone: a newer peer may say more.
    return values


def _checked(hint: Any, value: Any, name: str) -> Any:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        for option in typing.get_args(hint):
            if option is type(None) and value is None:
                return None
            if option is type(value):
                return _checked(option, value, name)
        for option in typing.get_args(hint):
            if option is not type(None) and value is not None:
                return _checked(option, value, name)
    elif origin is tuple:
        if isinstance(value, list) and len(value) <= MAX_ITEMS:
            return tuple(_checked(typing.get_args(hint)[0], item, name) for item in value)
    elif origin is dict:
        if isinstance(value, dict) and len(value) <= MAX_ITEMS:
            return {_checked(str, key, name): _checked(typing.get_args(hint)[1], v, name) for key, v in value.items()}
    elif hint is Any:
        return _any(value, name, 0)
    elif dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if isinstance(value, dict):
            return hint(**_fields(hint, value))
    elif hint is float:
        if type(value) in (int, float) and math.isfinite(value):
            return float(value)
    elif hint is str:
        if isinstance(value, str) and len(value) <= MAX_TEXT and not _has_surrogate(value):
            return value
    elif type(value) is hint:  # int, bool: a bool is no int here
        return value
    raise ValueError(f"its '{name}' has a wrong type or size.")


def _any(value: Any, name: str, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise ValueError(f"its '{name}' is nested too deeply.")
    if isinstance(value, dict):
        return {_checked(str, key, name): _any(v, name, depth + 1) for key, v in value.items()}
    if isinstance(value, list):
        return [_any(v, name, depth + 1) for v in value]
    return value if value is None or isinstance(value, bool) else _checked(type(value), value, name)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError("a key stands twice")
    return tree


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _int(digits: str) -> int:
    if len(digits) > 20 or not -(2**63) <= (value := int(digits)) < 2**63:
        raise ValueError("a whole number is too large")
    return value


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= c <= "\udfff" for c in text)
