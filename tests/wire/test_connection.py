"""Who may say what when, as written tables; and blobs, whose every part is checked."""

import pytest
from sfumato_wire import (
    Accepted,
    Ack,
    Blob,
    BlobReceived,
    Cancel,
    Cancelled,
    Connection,
    Failed,
    Hello,
    LocalProtocolError,
    Message,
    NeedBlobs,
    Pixels,
    Progress,
    RemoteProtocolError,
    Result,
    Role,
    Submit,
    digest_of,
)
from sfumato_wire import connection as tables
from sfumato_wire.frames import encode
from sfumato_wire.limits import CHUNK, MAX_JOBS, MAX_NAME
from wire.samples import (
    CANVAS,
    CONNECTION_PATHS,
    EVERY,
    FROM_SERVER,
    JOB_PATHS,
    LAYER,
    MAP,
    REQUEST,
    TO_OPEN,
    WELCOME,
    changed,
    led,
    sender_of,
)

# y: may be said. Columns: new greeted open closed.
CONNECTION_TABLE = {
    "hello": "y...",
    "status": ".yy.",
    "welcome": ".yy.",
    "refused": "yyyy",
    "submit": "..y.",
    "need": "....",  # not without a job
    "accepted": "....",
    "progress": "....",
    "result": "....",
    "failed": "....",
    "cancelled": "....",
    "cancel": "....",
    "ack": "....",
}
# Columns: none submitted needing accepted ended acknowledged resumed.
JOB_TABLE = {
    "submit": "yyyyyyy",
    "need": ".yy....",
    "accepted": ".yyy..y",
    "progress": "...y..y",
    "result": "...y..y",
    "failed": ".yyy..y",
    "cancelled": ".yyy..y",
    "cancel": ".yyyy.y",
    "ack": "....y..",
}
BY_KIND: dict[str, Message] = {message.kind: message for message in EVERY if not isinstance(message, Blob)}
BY_KIND["result"] = Result("j", None)
BY_KIND["need"] = NeedBlobs("j", (digest_of(CANVAS),))
CASES = [
    (kind, state, path, allowed == "y")
    for table, paths in ((CONNECTION_TABLE, CONNECTION_PATHS), (JOB_TABLE, JOB_PATHS))
    for kind, row in table.items()
    for (state, path), allowed in zip(paths.items(), row, strict=True)
]


def test_the_tables_here_name_every_message_and_every_state_there() -> None:
    assert set(CONNECTION_TABLE) == set(BY_KIND)
    assert {message.kind for message in tables._JOB} == set(JOB_TABLE)
    assert set(CONNECTION_PATHS) == {state.value for state in tables.State}
    assert {"none", "acknowledged", "resumed", *(state.value for state in tables.Job)} == set(JOB_PATHS)


@pytest.mark.parametrize(("kind", "state", "path", "allowed"), CASES, ids=lambda v: v if isinstance(v, str) else "")
def test_every_message_in_every_state_at_both_ends(
    kind: str, state: str, path: tuple[Message, ...], allowed: bool
) -> None:
    message = BY_KIND[kind]
    sender = sender_of(message)
    (receiver,) = set(Role) - {sender}
    writing, reading = led(path)[sender], led(path)[receiver]
    before = writing.state, writing.open_jobs
    if allowed:
        assert writing.send(message) == encode(message)
    else:
        with pytest.raises(LocalProtocolError):
            writing.send(message)
        assert (writing.state, writing.open_jobs) == before, "nothing was said, so nothing happened"
    if allowed and state != "closed":
        assert reading.receive_data(encode(message)) == [message]
        assert (reading.state, reading.open_jobs) == (writing.state, writing.open_jobs)
    else:
        with pytest.raises(RemoteProtocolError):
            reading.receive_data(encode(message))
        assert reading.state is tables.State.CLOSED


@pytest.mark.parametrize("message", BY_KIND.values(), ids=lambda message: message.kind)
def test_nobody_says_the_other_role_s_words(message: Message) -> None:
    sender = sender_of(message)
    (other,) = set(Role) - {sender}
    with pytest.raises(LocalProtocolError):
        led(TO_OPEN)[other].send(message)
    with pytest.raises(RemoteProtocolError):
        led(TO_OPEN)[sender].receive_data(encode(message))


def test_last_words_after_the_other_end_s_mistake() -> None:
    server = led(TO_OPEN)[Role.SERVER]
    with pytest.raises(RemoteProtocolError):
        server.receive_data(encode(Hello("again")))
    assert server.send(FROM_SERVER[-1]) == encode(FROM_SERVER[-1])


# A whole talk, as h11 tests its own: what each end says, in order.
TALK: tuple[Message | bytes, ...] = (
    Hello("test", jobs=("old",)),
    WELCOME,
    Failed("old", "unknown_job", "Press Apply again."),
    Ack("old"),
    Submit("j", REQUEST),
    NeedBlobs("j", (digest_of(CANVAS), digest_of(MAP))),
    Submit("k", changed(prompt="another")),
    CANVAS,
    MAP,
    Accepted("j", 0),
    Progress("j", "painting", 1, 4),
    Submit("j", REQUEST),
    Accepted("k", 0),
    Cancel("k"),
    Result("j", Pixels(0, 0, 1, 1, "rgba8", digest_of(LAYER))),
    LAYER,
    Cancelled("k"),
    Ack("j"),
    Ack("k"),
    Submit("j", REQUEST),
)


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_a_talk_in_pieces_of_any_size(size: int) -> None:
    ends = {role: Connection(role) for role in Role}
    for words in TALK:
        if isinstance(words, bytes):
            sender = Role.SERVER if words == LAYER else Role.CLIENT
            data = b"".join(ends[sender].send_blob(words))
        else:
            sender = sender_of(words)
            data = ends[sender].send(words)
        (other,) = set(Role) - {sender}
        heard = []
        for start in range(0, len(data), size):
            heard += ends[other].receive_data(data[start : start + size])
        assert heard == [BlobReceived(digest_of(words), words) if isinstance(words, bytes) else words]
        assert ends[Role.CLIENT].open_jobs == ends[Role.SERVER].open_jobs
    assert [end.receive_eof() for end in ends.values()] == [None, None]


@pytest.mark.parametrize("message", EVERY, ids=lambda message: message.kind)
def test_garbage_behind_a_message_and_an_end_in_its_middle(message: Message) -> None:
    data = encode(Hello("test"))
    server = Connection(Role.SERVER)
    assert server.receive_data(data) == [Hello("test")]
    with pytest.raises(RemoteProtocolError):
        server.receive_data(b"\xff" * 8)
    with pytest.raises(RemoteProtocolError):
        server.receive_data(encode(message))
    torn = Connection(Role.SERVER)
    torn.receive_data(data[:-1])
    with pytest.raises(RemoteProtocolError, match="middle"):
        torn.receive_eof()


def test_only_so_many_jobs() -> None:
    ends = led(TO_OPEN)
    for number in range(MAX_JOBS):
        ends[Role.SERVER].receive_data(ends[Role.CLIENT].send(Submit(str(number), REQUEST)))
    with pytest.raises(LocalProtocolError, match="64"):
        ends[Role.CLIENT].send(Submit("one more", REQUEST))
    with pytest.raises(RemoteProtocolError, match="64"):
        ends[Role.SERVER].receive_data(encode(Submit("one more", REQUEST)))
    with pytest.raises(RemoteProtocolError, match="64"):
        Connection(Role.SERVER).receive_data(encode(Hello("s", jobs=tuple(map(str, range(MAX_JOBS + 1))))))
    for name in ("", "x" * (MAX_NAME + 1)):
        with pytest.raises(RemoteProtocolError, match="id"):
            led(TO_OPEN)[Role.SERVER].receive_data(encode(Submit(name, REQUEST)))


def asked(*pictures: bytes, jobs: str = "j") -> dict[Role, Connection]:
    """Both ends after the server asked for pictures, for each of the jobs."""
    ends = led(TO_OPEN)
    for job in jobs:
        ends[Role.SERVER].receive_data(ends[Role.CLIENT].send(Submit(job, REQUEST)))
        ends[Role.CLIENT].receive_data(ends[Role.SERVER].send(NeedBlobs(job, tuple(map(digest_of, pictures)))))
    return ends


def part(data: bytes, offset: int, end: int, size: int | None = None) -> bytes:
    return encode(Blob(digest_of(data), offset, len(data) if size is None else size, data[offset:end]))


BAD_PARTS = {
    "not asked for": part(MAP, 0, 6),
    "of another size": part(CANVAS, 0, 6, size=25),
    "out of order": part(CANVAS, 6, 12),
    "a digest that is not its own": encode(Blob(digest_of(CANVAS), 0, len(CANVAS), bytes(len(CANVAS)))),
    "a gap": part(CANVAS, 0, 6) + part(CANVAS, 7, 12),
    "twice the same part": part(CANVAS, 0, 6) + part(CANVAS, 6, 12) + part(CANVAS, 6, 12),
    "twice the whole": part(CANVAS, 0, 24) + part(CANVAS, 0, 24),
}


@pytest.mark.parametrize("name", BAD_PARTS)
def test_bad_parts_of_blobs(name: str) -> None:
    with pytest.raises(RemoteProtocolError):
        asked(CANVAS)[Role.SERVER].receive_data(BAD_PARTS[name])


def test_a_blob_given_up_may_be_begun_again() -> None:
    server = asked(CANVAS)[Role.SERVER]
    assert server.receive_data(part(CANVAS, 0, 6)) == []
    assert server.receive_data(part(CANVAS, 0, 24)) == [BlobReceived(digest_of(CANVAS), CANVAS)]


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
    monkeypatch.setattr(tables, "MAX_INCOMING", 20)
    server = asked(CANVAS, MAP)[Role.SERVER]
    server.receive_data(part(CANVAS, 0, 16))
    with pytest.raises(RemoteProtocolError, match="begun"):
        server.receive_data(part(MAP, 0, 5))


def test_two_sizes_under_one_digest_are_a_lie() -> None:
    lie = Pixels(0, 0, 1, 1, "gray8", digest_of(CANVAS))
    with pytest.raises(RemoteProtocolError, match="sizes"):
        led(TO_OPEN)[Role.SERVER].receive_data(encode(Submit("j", changed(change_map=lie))))
