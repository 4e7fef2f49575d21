"""Blobs travel in parts, and every part is checked: asked for, in order, of its size, and the whole by its digest."""

import pytest
from sfumato_wire import (
    Ack,
    Blob,
    BlobReceived,
    Cancelled,
    Connection,
    LocalProtocolError,
    NeedBlobs,
    Pixels,
    RemoteProtocolError,
    Role,
    Submit,
    digest_of,
)
from sfumato_wire import connection as tables
from sfumato_wire.frames import encode
from sfumato_wire.limits import CHUNK
from wire.samples import CANVAS, LAYER, MAP, REQUEST, TO_OPEN, changed, led


def asked(*pictures: bytes, jobs: str = "j") -> dict[Role, Connection]:
    """Both ends after the server asked for pictures, for each of the jobs."""
    ends = led(TO_OPEN)
    for job in jobs:
        ends[Role.SERVER].receive_data(ends[Role.CLIENT].send(Submit(job, REQUEST)))
        ends[Role.CLIENT].receive_data(ends[Role.SERVER].send(NeedBlobs(job, tuple(map(digest_of, pictures)))))
    return ends


def part(data: bytes, offset: int, end: int, size: int | None = None) -> bytes:
    return encode(Blob(digest_of(data), offset, len(data) if size is None else size, data[offset:end]))


@pytest.fixture
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "CHUNK", 6)


BAD_PARTS = {
    "not asked for": part(MAP, 0, 6),
    "of another size": part(CANVAS, 0, 6, size=25),
    "out of order": part(CANVAS, 6, 12),
    "a digest that is not its own": b"".join(
        encode(Blob(digest_of(CANVAS), at, 24, bytes(6))) for at in (0, 6, 12, 18)
    ),
    "a gap": part(CANVAS, 0, 6) + part(CANVAS, 7, 13),
    "a crumb": part(CANVAS, 0, 5),
    "a crumb at the end": part(CANVAS, 0, 6) + part(CANVAS, 6, 12) + part(CANVAS, 12, 18) + part(CANVAS, 18, 23),
    "more than a chunk": part(CANVAS, 0, 7),
    "twice the same part": part(CANVAS, 0, 6) + part(CANVAS, 6, 12) + part(CANVAS, 6, 12),
    "one after the last": b"".join(part(CANVAS, at, at + 6) for at in (0, 6, 12, 18)) + part(CANVAS, 0, 6),
}


@pytest.mark.usefixtures("_small_chunks")
@pytest.mark.parametrize("name", BAD_PARTS)
def test_bad_parts_of_blobs(name: str) -> None:
    with pytest.raises(RemoteProtocolError, match=r"[Bb]lob"):
        asked(CANVAS)[Role.SERVER].receive_data(BAD_PARTS[name])


@pytest.mark.usefixtures("_small_chunks")
def test_a_blob_given_up_may_be_begun_again() -> None:
    ends = asked(CANVAS)
    assert ends[Role.SERVER].receive_data(part(CANVAS, 0, 6)) == []
    data = b"".join(ends[Role.CLIENT].send_blob(CANVAS))
    assert ends[Role.SERVER].receive_data(data) == [BlobReceived(digest_of(CANVAS), CANVAS)]


def test_two_jobs_may_ask_for_the_same_blob() -> None:
    ends = asked(CANVAS, jobs="jk")
    for _ in "jk":
        data = b"".join(ends[Role.CLIENT].send_blob(CANVAS))
        assert ends[Role.SERVER].receive_data(data) == [BlobReceived(digest_of(CANVAS), CANVAS)]
    with pytest.raises(LocalProtocolError, match="asked"):
        next(ends[Role.CLIENT].send_blob(CANVAS))


def test_blobs_are_only_sent_on_request_and_never_as_messages() -> None:
    client = asked(CANVAS)[Role.CLIENT]
    for data in (MAP, CANVAS[:-1]):
        with pytest.raises(LocalProtocolError, match="asked"):
            next(client.send_blob(data))
    with pytest.raises(LocalProtocolError, match="send_blob"):
        client.send(Blob(digest_of(CANVAS), 0, 24, CANVAS))
    with pytest.raises(LocalProtocolError, match="not part"):
        asked()[Role.SERVER].send(NeedBlobs("j", (digest_of(LAYER),)))


def test_a_large_blob_travels_in_chunks() -> None:
    data = bytes(2 * CHUNK + 32)
    ends = led(TO_OPEN)
    canvas = Pixels(0, 0, 8, len(data) // 32, "rgba8", digest_of(data))
    submit = Submit("j", changed(width=8, height=canvas.height, canvas=canvas))
    ends[Role.SERVER].receive_data(ends[Role.CLIENT].send(submit))
    ends[Role.CLIENT].receive_data(ends[Role.SERVER].send(NeedBlobs("j", (canvas.digest,))))
    frames = list(ends[Role.CLIENT].send_blob(memoryview(data)))
    assert len(frames) == 3
    assert [ends[Role.SERVER].receive_data(frame) for frame in frames] == [[], [], [BlobReceived(canvas.digest, data)]]


def test_pictures_asked_for_and_never_sent_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_OWED", 4)
    server = led(TO_OPEN)[Role.SERVER]
    for number in range(6):
        digest = digest_of(bytes([number]))
        submit = encode(Submit("j", changed(canvas=Pixels(0, 0, 1, 1, "rgba8", digest))))
        if number == 5:
            with pytest.raises(RemoteProtocolError, match="never sent"):
                server.receive_data(submit)
            return
        server.receive_data(submit)
        server.send(NeedBlobs("j", (digest,)))
        server.send(Cancelled("j"))
        server.receive_data(encode(Ack("j")))


def test_blobs_begun_and_not_ended_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "CHUNK", 16)
    monkeypatch.setattr(tables, "MAX_INCOMING", 20)
    server = asked(CANVAS, MAP)[Role.SERVER]
    server.receive_data(part(CANVAS, 0, 16))
    with pytest.raises(RemoteProtocolError, match="begun"):
        server.receive_data(part(MAP, 0, 6))


def test_two_sizes_under_one_digest_are_a_lie() -> None:
    lie = Pixels(0, 0, 1, 1, "gray8", digest_of(CANVAS))
    with pytest.raises(RemoteProtocolError, match="sizes"):
        led(TO_OPEN)[Role.SERVER].receive_data(encode(Submit("j", changed(change_map=lie))))
