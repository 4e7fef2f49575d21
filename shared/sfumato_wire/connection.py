"""The state of one connection, for both roles: what may be said when, and blobs put together from their parts.

Every rule about the order of messages is in this file, as tables; nothing here knows about sockets.
"""

from __future__ import annotations

import enum
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from . import frames
from .errors import LocalProtocolError, ProtocolError, RemoteProtocolError
from .limits import CHUNK, MAX_INCOMING, MAX_JOBS, MAX_NAME, MAX_OWED
from .messages import (
    Accepted,
    Ack,
    Blob,
    Cancel,
    Cancelled,
    Failed,
    Hello,
    Message,
    NeedBlobs,
    Progress,
    Refused,
    Result,
    Status,
    Submit,
    Welcome,
)
from .request import digest_of


class Role(enum.Enum):
    CLIENT = "client"
    SERVER = "server"


class State(enum.Enum):
    """Of the connection."""

    NEW = "new"  # nobody has spoken
    GREETED = "greeted"  # the client said Hello
    OPEN = "open"  # the server said Welcome
    CLOSED = "closed"


class Job(enum.Enum):
    """State of a job on this connection."""

    SUBMITTED = "submitted"
    NEEDING = "needing"  # the server asked for blobs
    ACCEPTED = "accepted"
    ENDED = "ended"  # Result, Failed or Cancelled was said; Ack ends the tale


_FROM_CLIENT = (Hello, Submit, Blob, Cancel, Ack)
_FROM_SERVER = (Status, Welcome, NeedBlobs, Blob, Accepted, Progress, Result, Failed, Cancelled, Refused)

# message -> connection state -> the state after it; what is not here must not be said.
_CONNECTION: dict[type, dict[State, State]] = {
    Hello: {State.NEW: State.GREETED},
    Status: {State.GREETED: State.GREETED, State.OPEN: State.OPEN},
    Welcome: {State.GREETED: State.OPEN, State.OPEN: State.OPEN},  # again, when the worker came back with more
    # Also when the other end's mistake has just closed the connection: these are the words that say so.
    Refused: dict.fromkeys(State, State.CLOSED),
}
# message -> job state -> the state after it; None stands for a job nobody has named.
_JOB: dict[type, dict[Job | None, Job]] = {
    # A second submit may cross the end of its job: then the client is about to hear that end, and nothing else.
    Submit: {None: Job.SUBMITTED, **{state: state for state in Job}},
    NeedBlobs: {Job.SUBMITTED: Job.NEEDING, Job.NEEDING: Job.NEEDING},
    Accepted: dict.fromkeys((Job.SUBMITTED, Job.NEEDING, Job.ACCEPTED), Job.ACCEPTED),
    Progress: {Job.ACCEPTED: Job.ACCEPTED},
    Result: {Job.ACCEPTED: Job.ENDED},
    Failed: dict.fromkeys((Job.SUBMITTED, Job.NEEDING, Job.ACCEPTED), Job.ENDED),
    Cancelled: dict.fromkeys((Job.SUBMITTED, Job.NEEDING, Job.ACCEPTED), Job.ENDED),
    # A cancel may cross the end of its job, so it is never wrong.
    Cancel: {state: state for state in Job},
    Ack: {Job.ENDED: Job.ENDED},
}


@dataclass(frozen=True)
class BlobReceived:
    """All parts of a blob came and its digest is right."""

    digest: str
    data: bytes = field(repr=False)


Event = Message | BlobReceived


class _Incoming:
    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0  # of the parts
        self.sha = hashlib.sha256()


class Connection:
    """One end of the wire.

    `send` turns a message into bytes for the transport, `receive_data` turns the transport's bytes into events.
    LocalProtocolError: this end must not say that now. RemoteProtocolError: the other end must not have said that;
    afterwards the connection is closed.
    """

    def __init__(self, role: Role) -> None:
        self.role = role
        self.state = State.NEW
        self._jobs: dict[str, Job] = {}
        self._sizes: dict[str, dict[str, int]] = {}  # job -> digest -> bytes, of the pictures a job may carry
        # (digest, bytes) -> how many times such a blob may come, or may be sent: two jobs may ask for the same one
        self._expected: Counter[tuple[str, int]] = Counter()
        self._allowed: Counter[tuple[str, int]] = Counter()
        self._incoming: dict[str, _Incoming] = {}
        self._decoder = frames.Decoder()

    @property
    def open_jobs(self) -> tuple[str, ...]:
        """Jobs that have not ended."""
        return tuple(job for job, state in self._jobs.items() if state is not Job.ENDED)

    def send(self, message: Message) -> bytes:
        """The frame of a message. Blobs go through `send_blob`."""
        if isinstance(message, Blob):
            raise LocalProtocolError("Parts of a blob are sent with send_blob.")
        frame = frames.encode(message)  # first, so that a message too large leaves the state as it was
        self._advance(message, self.role, LocalProtocolError)
        return frame

    def send_blob(self, data: bytes | memoryview, digest: str | None = None) -> Iterator[bytes]:
        """The frames of a blob the other end asked for (client) or was promised (server), lazily, a chunk each."""
        name = digest or digest_of(data)
        if self.state is not State.OPEN or not _take(self._allowed, (name, len(data))):
            raise LocalProtocolError("Nobody asked for this blob.")
        view = memoryview(data)
        for offset in range(0, len(view), CHUNK):
            yield frames.encode(Blob(name, offset, len(view), bytes(view[offset : offset + CHUNK])))

    def receive_data(self, data: bytes | bytearray | memoryview) -> list[Event]:
        """What the other end said, as far as it is complete. Raises RemoteProtocolError."""
        if self.state is State.CLOSED:
            raise RemoteProtocolError("The connection is closed.")
        self._decoder.feed(data)
        events: list[Event] = []
        try:
            while (message := self._decoder.next_message()) is not None:
                if isinstance(message, Blob):
                    if (blob := self._blob(message)) is not None:
                        events.append(blob)
                else:
                    self._advance(message, self._other, RemoteProtocolError)
                    events.append(message)
        except RemoteProtocolError:
            self.state = State.CLOSED
            raise
        return events

    def receive_eof(self) -> None:
        """The transport ended. Raises RemoteProtocolError when that was in the middle of a message."""
        torn = not self._decoder.is_empty
        self.state = State.CLOSED
        if torn:
            raise RemoteProtocolError("The connection broke in the middle of a message.")

    @property
    def _other(self) -> Role:
        return Role.SERVER if self.role is Role.CLIENT else Role.CLIENT

    def _advance(self, message: Message, sender: Role, error: type[ProtocolError]) -> None:
        kinds: tuple[type, ...] = _FROM_CLIENT if sender is Role.CLIENT else _FROM_SERVER
        if not isinstance(message, kinds):
            raise error(f"A {sender.value} must not say '{message.kind}'.")
        if (moves := _CONNECTION.get(type(message))) is not None:
            if self.state not in moves:
                raise error(f"'{message.kind}' must not be said when the connection is {self.state.value}.")
            self.state = moves[self.state]
        elif self.state is not State.OPEN:
            raise error(f"'{message.kind}' must not be said when the connection is {self.state.value}.")
        if isinstance(message, Hello):
            if len(set(message.jobs)) > MAX_JOBS:
                raise error(f"At most {MAX_JOBS} jobs may be open at a time.")
            for job in message.jobs:  # resumed: whatever they were, the server may go on telling about them
                self._jobs[_name(job, error)] = Job.ACCEPTED
        elif isinstance(message, (Submit, NeedBlobs, Accepted, Progress, Result, Failed, Cancelled, Cancel, Ack)):
            self._advance_job(message, error)

    def _advance_job(
        self,
        message: Submit | NeedBlobs | Accepted | Progress | Result | Failed | Cancelled | Cancel | Ack,
        error: type[ProtocolError],
    ) -> None:
        job = _name(message.job, error)
        before = self._jobs.get(job)
        moves = _JOB[type(message)]
        if before not in moves:
            where = "an unknown job" if before is None else f"a job that is {before.value}"
            raise error(f"'{message.kind}' must not be said of {where}.")
        if isinstance(message, Submit):
            if before is None and len(self.open_jobs) >= MAX_JOBS:
                raise error(f"At most {MAX_JOBS} jobs may be open at a time.")
            if max(len(self._expected), len(self._allowed)) > MAX_OWED:
                raise error("Too many pictures were asked for and never sent.")
            sizes = {p.digest: p.size for p in message.request.pictures}
            if any(sizes[p.digest] != p.size for p in message.request.pictures):
                raise error("Two pictures of different sizes cannot have the same digest.")
            if before is not Job.ENDED:
                self._sizes[job] = sizes
        elif isinstance(message, NeedBlobs):
            sizes = self._sizes.get(job, {})
            if not set(message.digests) <= set(sizes):
                raise error("A picture was asked for that is not part of the job.")
            asked = self._allowed if self.role is Role.CLIENT else self._expected
            asked.update((digest, sizes[digest]) for digest in set(message.digests))
        elif isinstance(message, Result) and message.layer is not None:
            promised = self._allowed if self.role is Role.SERVER else self._expected
            promised[message.layer.digest, message.layer.size] += 1
        self._jobs[job] = moves[before]
        if self._jobs[job] is Job.ENDED:
            self._sizes.pop(job, None)
        if isinstance(message, Ack):
            del self._jobs[job]

    def _blob(self, part: Blob) -> BlobReceived | None:
        if self.state is not State.OPEN or not self._expected[part.digest, part.size]:
            raise RemoteProtocolError("A part of a blob came that nobody asked for.")
        if len(part.payload) != min(
            CHUNK, part.size - part.offset
        ):  # or a flood of crumbs would cost many times its bytes
            raise RemoteProtocolError("The parts of a blob are of a wrong size.")
        if part.offset == 0:  # an earlier one of this name may have been given up when its job was cancelled
            self._incoming[part.digest] = _Incoming()
        incoming = self._incoming.get(part.digest)
        if incoming is None or part.offset != incoming.size:
            raise RemoteProtocolError("The parts of a blob came out of order.")
        if sum(blob.size for blob in self._incoming.values()) + len(part.payload) > MAX_INCOMING:
            raise RemoteProtocolError("Too many blobs were begun and not finished.")
        incoming.parts.append(part.payload)
        incoming.size += len(part.payload)
        incoming.sha.update(part.payload)
        if incoming.size < part.size:
            return None
        del self._incoming[part.digest]
        _take(self._expected, (part.digest, part.size))
        if incoming.sha.hexdigest() != part.digest:
            raise RemoteProtocolError("A blob does not match its digest.")
        return BlobReceived(part.digest, b"".join(incoming.parts))


def _name(job: str, error: type[ProtocolError]) -> str:
    if not 0 < len(job) <= MAX_NAME:
        raise error(f"A job's id must have 1 to {MAX_NAME} characters.")
    return job


def _take(counts: Counter[tuple[str, int]], blob: tuple[str, int]) -> bool:
    """Counts one down, without leaving zeros behind; False when there was none."""
    if counts[blob] <= 0:
        return False
    counts[blob] -= 1
    if not counts[blob]:
        del counts[blob]
    return True
