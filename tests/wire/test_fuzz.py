"""Whatever bytes come, in whatever pieces: messages, or RemoteProtocolError, and nothing else."""

import itertools
import json
import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from sfumato_wire import BlobReceived, Connection, RemoteProtocolError, Role
from sfumato_wire.frames import _KINDS, Decoder, encode
from wire.samples import EVERY, JOB_PATHS, led

VALID = b"".join(map(encode, EVERY))
NAMES = sorted({field for cls in _KINDS.values() for field in cls.__dataclass_fields__} | {"kind"})
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([message.kind for message in EVERY] + ["j", "rgba8", "0" * 64])
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner),
    max_leaves=8,
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid stream with a few bytes changed, put in or taken out."""
    data = bytearray(encode(draw(st.sampled_from(EVERY))) + encode(draw(st.sampled_from(EVERY))))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data) - 1))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(data)


@st.composite
def framed(draw: st.DrawFn) -> bytes:
    """A frame with right lengths around some JSON that looks like a message."""
    tree = draw(st.dictionaries(st.sampled_from(NAMES), TREES))
    header = json.dumps({"kind": draw(st.sampled_from(sorted(_KINDS))), **tree}).encode("utf-8", "surrogatepass")
    payload = draw(st.binary(max_size=8))
    return struct.pack("!II", len(header), len(payload)) + header + payload


STREAMS = st.binary(max_size=64) | mutated() | framed()


@settings(max_examples=150, deadline=None)
@given(data=STREAMS)
def test_decoder(data: bytes) -> None:
    decoder = Decoder()
    decoder.feed(data)
    try:
        while (message := decoder.next_message()) is not None:
            assert type(message) in _KINDS.values()
            again = Decoder()
            again.feed(encode(message))
            assert again.next_message() == message
    except RemoteProtocolError as error:
        str(error).encode()


@settings(max_examples=300, deadline=None)
@given(
    streams=st.lists(STREAMS, min_size=1, max_size=3),
    cut=st.integers(1, 200),
    role=st.sampled_from(Role),
    state=st.sampled_from(sorted(JOB_PATHS)),
)
def test_connection(streams: list[bytes], cut: int, role: Role, state: str) -> None:
    connection: Connection = led(JOB_PATHS[state])[role]
    data = b"".join(streams)
    try:
        for start in range(0, len(data), cut):
            for event in connection.receive_data(data[start : start + cut]):
                assert type(event) in {*_KINDS.values(), BlobReceived}
        connection.receive_eof()
    except RemoteProtocolError:
        assert connection.state.value == "closed"


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(1, len(VALID) - 1), max_size=20, unique=True))
def test_pieces_make_no_difference(cuts: list[int]) -> None:
    decoder, heard = Decoder(), []
    edges = [0, *sorted(cuts), len(VALID)]
    for start, end in itertools.pairwise(edges):
        decoder.feed(VALID[start:end])
        heard += list(iter(decoder.next_message, None))
    assert heard == list(EVERY)
