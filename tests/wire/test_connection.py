"""Who may say what when, as written tables."""

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
from sfumato_wire.limits import MAX_JOBS, MAX_NAME
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
