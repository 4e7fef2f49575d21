"""Bytes <-> messages: everything comes back equal, and nothing malformed comes through as anything but an error."""

import json
import struct
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from sfumato_wire import (
    Failed,
    Hello,
    LocalProtocolError,
    Message,
    Progress,
    RemoteProtocolError,
    Result,
    Submit,
)
from sfumato_wire.frames import _KINDS, Decoder, encode
from sfumato_wire.limits import MAX_HEADER, MAX_ITEMS, MAX_MESSAGE, MAX_TEXT
from wire.samples import EVERY, REQUEST


def frame(header: bytes | str | dict[str, Any] | list[Any], payload: bytes = b"") -> bytes:
    if not isinstance(header, bytes):
        header = (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("!II", len(header), len(payload)) + header + payload


def decoded(data: bytes) -> Message:
    decoder = Decoder()
    decoder.feed(data)
    message = decoder.next_message()
    assert message is not None
    assert decoder.is_empty
    return message


def tree_of(message: Message) -> dict[str, Any]:
    data = encode(message)
    tree: dict[str, Any] = json.loads(data[8 : 8 + struct.unpack_from("!I", data)[0]])
    return tree


def test_there_is_a_sample_of_every_kind() -> None:
    assert {type(message) for message in EVERY} == set(_KINDS.values())


@pytest.mark.parametrize("message", EVERY, ids=lambda message: message.kind)
def test_round_trip_whole_and_byte_by_byte(message: Message) -> None:
    data = encode(message)
    assert decoded(data) == message
    decoder = Decoder()
    for index in range(len(data)):
        assert decoder.next_message() is None
        decoder.feed(data[index : index + 1])
    assert decoder.next_message() == message
    assert decoder.next_message() is None


def test_many_in_one_piece() -> None:
    decoder = Decoder()
    decoder.feed(b"".join(map(encode, EVERY)))
    assert list(iter(decoder.next_message, None)) == list(EVERY)
    assert decoder.is_empty


def test_the_bytes_of_version_4() -> None:
    """A change here is a change of the protocol."""
    header = b'{"kind":"hello","software":"s","protocol_min":4,"protocol_max":4,"jobs":["j"]}'
    assert encode(Hello("s", jobs=("j",))) == b"\x00\x00\x00\x4e\x00\x00\x00\x00" + header
    header = b'{"kind":"progress","job":"j","stage":"painting","step":1,"steps":2,"preview":{"width":1,"height":1}}'
    (preview,) = {m.preview for m in EVERY if isinstance(m, Progress) and m.preview}
    small = replace(preview, width=1, height=1)
    assert (
        encode(Progress("j", "painting", 1, 2, small, b"rgb")) == b"\x00\x00\x00\x64\x00\x00\x00\x03" + header + b"rgb"
    )


def test_what_this_version_does_not_know_is_left_alone_and_defaults_are_taken() -> None:
    tree = tree_of(Submit("j", REQUEST))
    tree["later"] = tree["request"]["later"] = {"more": [1]}
    assert decoded(frame(tree)) == Submit("j", REQUEST)
    assert decoded(frame({"kind": "hello", "software": "s"})) == Hello("s")


@pytest.mark.parametrize(
    ("header", "payload"),
    [(0, 2**31), (0, 2**32 - 1), (2**32 - 1, 0), (2**31, 2**31), (MAX_HEADER + 1, 0), (0, MAX_MESSAGE - 7)],
)
def test_lying_lengths_are_refused_from_the_lengths_alone(header: int, payload: int) -> None:
    decoder = Decoder()
    decoder.feed(struct.pack("!II", header, payload))
    with pytest.raises(RemoteProtocolError, match="announces"):
        decoder.next_message()


def test_the_largest_message_is_taken() -> None:
    header = json.dumps({"kind": "cancel", "job": "j"}).ljust(MAX_HEADER)
    assert decoded(frame(header)).kind == "cancel"
    with pytest.raises(RemoteProtocolError, match="announces"):
        decoded(frame(header + " "))


MALFORMED = {
    "nothing": "",
    "not JSON": "{",
    "not UTF-8": b'{"kind":"\xff"}',
    "UTF-16": '{"kind":"cancel","job":"j"}'.encode("utf-16"),
    "a list": "[]",
    "a number": "1",
    "null": "null",
    "trailing": '{"kind":"cancel","job":"j"} x',
    "no kind": '{"job":"j"}',
    "unknown kind": '{"kind":"exec","job":"j"}',
    "kind is a list": '{"kind":[],"job":"j"}',
    "kind is an object": '{"kind":{"a":1},"job":"j"}',
    "kind is null": '{"kind":null}',
    "a field missing": '{"kind":"cancel"}',
    "a list for a text": '{"kind":"cancel","job":["j"]}',
    "a number for a text": '{"kind":"cancel","job":1}',
    "null for a text": '{"kind":"cancel","job":null}',
    "a text for a number": '{"kind":"accepted","job":"j","position":"0"}',
    "a bool for a number": '{"kind":"accepted","job":"j","position":true}',
    "a float for an int": '{"kind":"accepted","job":"j","position":1.0}',
    "a negative position": '{"kind":"accepted","job":"j","position":-1}',
    "NaN": '{"kind":"accepted","job":"j","position":NaN}',
    "Infinity": '{"kind":"result","job":"j","layer":null,"report":{"x":-Infinity}}',
    "1e400": '{"kind":"result","job":"j","layer":null,"report":{"x":1e400}}',
    "a huge int": '{"kind":"accepted","job":"j","position":' + "9" * 5000 + "}",
    "2**63": '{"kind":"accepted","job":"j","position":9223372036854775808}',
    "duplicate keys": '{"kind":"cancel","job":"j","job":"k"}',
    "duplicate keys within": '{"kind":"result","job":"j","layer":null,"report":{"a":1,"a":2}}',
    "a lone surrogate": '{"kind":"cancel","job":"\\ud800"}',
    "a lone surrogate as key": '{"kind":"result","job":"j","layer":null,"report":{"\\udfff":1}}',
    "deep nesting": "[" * 60_000,
    "deep nesting within": '{"kind":"result","job":"j","layer":null,"report":{"a":' + "[" * 60 + "]" * 60 + "}}",
    "deeper nesting within": '{"kind":"result","job":"j","layer":null,"report":'
    + '{"a":' * 9000
    + "1"
    + "}" * 9000
    + "}",
    "too long a text": '{"kind":"cancel","job":"' + "j" * (MAX_TEXT + 1) + '"}',
    "too many items": json.dumps({"kind": "hello", "software": "s", "jobs": ["j"] * (MAX_ITEMS + 1)}),
    "a payload as field": '{"kind":"progress","job":"j","stage":"","step":0,"steps":0,"payload":"x"}',
    "a preview of nothing": (
        '{"kind":"progress","job":"j","stage":"","step":0,"steps":0,"preview":{"width":0,"height":1}}'
    ),
    "a preview without pixels": (
        '{"kind":"progress","job":"j","stage":"","step":0,"steps":0,"preview":{"width":1,"height":1}}'
    ),
    "a huge preview": (
        '{"kind":"progress","job":"j","stage":"","step":0,"steps":0,"preview":{"width":4294967296,"height":4294967296}}'
    ),
    "more steps than all": '{"kind":"progress","job":"j","stage":"","step":2,"steps":1}',
    "an empty blob": '{"kind":"blob","digest":"d","offset":0,"size":0}',
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_headers(name: str) -> None:
    with pytest.raises(RemoteProtocolError) as error:
        decoded(frame(MALFORMED[name]))
    str(error.value).encode()  # fit to be told


def test_a_payload_only_where_one_belongs() -> None:
    with pytest.raises(RemoteProtocolError, match="payload"):
        decoded(frame({"kind": "cancel", "job": "j"}, b"x"))


@pytest.mark.parametrize("message", EVERY, ids=lambda message: message.kind)
def test_every_field_with_every_wrong_type(message: Message) -> None:
    """Each field of each message, replaced by one value of each JSON type: a message of right types, or the error."""
    wrong = (None, True, 0, -1, 2**62, 1.5, "", "x", [], [0], {}, {"a": {}})
    tree = tree_of(message)
    payload = getattr(message, "payload", b"")
    for name in tree:
        for value in wrong:
            try:
                well_typed(decoded(frame({**tree, name: value}, payload)))
            except RemoteProtocolError:
                pass


def well_typed(value: object) -> None:
    """A dataclass's numbers are numbers and its texts texts, all the way down."""
    assert is_dataclass(value)
    for field in fields(value):
        inner = getattr(value, field.name)
        if field.type == "str":
            assert type(inner) is str
        elif field.type == "int":
            assert type(inner) is int
        elif field.type == "float":
            assert type(inner) is float
        elif is_dataclass(inner):
            well_typed(inner)


UNWRITABLE: dict[str, Message] = {
    "too long a text": Failed("j", "code", "x" * (MAX_TEXT + 1)),
    "a lone surrogate": Failed("j", "code", "\ud800"),
    "NaN": Result("j", None, {"x": float("nan")}),
    "no JSON": Result("j", None, {"x": object()}),
    "too deep": Result("j", None, {"x": [[[[[[[[[[[1]]]]]]]]]]]}),
    "too large": Result("j", None, {str(i): "x" * 1000 for i in range(MAX_HEADER // 1000)}),
    "too many": Hello("s", jobs=("j",) * (MAX_ITEMS + 1)),
    "a number for a text": Failed("j", "code", 1),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", UNWRITABLE)
def test_what_the_other_end_would_refuse_is_not_written(name: str) -> None:
    with pytest.raises(LocalProtocolError):
        encode(UNWRITABLE[name])
