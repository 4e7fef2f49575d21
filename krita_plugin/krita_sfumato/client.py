"""The socket to the backend, on a thread of its own: hashing, sending, receiving and reconnecting happen here.

One thread owns the protocol's state; a second one only reads the socket into the first one's inbox. Jobs outlive
connections: whatever is open is named in the next Hello, and what a restarted backend does not know is sent again.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .dial import dial
from .draft import Draft
from .events import Ended, Event, Linked, Moved, Queued, Told, Unlinked
from .job import Job
from .journal import Journal
from .outbox import Outbox
from .vendor.sfumato_wire import (
    Accepted,
    Ack,
    BlobReceived,
    Cancel,
    Cancelled,
    Connection,
    Failed,
    Hello,
    NeedBlobs,
    Progress,
    ProtocolError,
    Refused,
    Result,
    Role,
    Status,
    Submit,
    Welcome,
)
from .vendor.sfumato_wire.limits import MAX_JOBS
from .vendor.websockets.exceptions import WebSocketException
from .vendor.websockets.sync.client import ClientConnection

GIVE_WAY = 0.001  # seconds for which these threads may keep Python from Krita's, at most; usually it is 0.005
RETRY = (0.25, 0.5, 1.0, 2.0)  # seconds between attempts, the last one again and again: a look at a small file
AHEAD = 64  # frames the reader may be ahead of the protocol
MOST_RESUMED = MAX_JOBS // 2  # of those a connection begins with, so that there is room for new ones
TRIES = 3  # how often a job is sent to backends that do not know it


class Client:
    """All methods may be called from any thread and never wait. `wake` is called when there are new events."""

    def __init__(self, home: Path, wake: Callable[[], None], software: str) -> None:
        self._home, self._software = home, software
        self._journal = Journal(home, os.getpid())
        self._inbox: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._room = threading.Semaphore(AHEAD)
        self._outbox = Outbox(wake)
        self._jobs: dict[str, Job] = {}
        self._given_up: set[str] = set()
        self._closing = False
        self._session = 0
        self._named: set[str] = set()  # the jobs that this connection knows
        self._welcomed = False
        self._thread = threading.Thread(target=self._run, name="sfumato-client", daemon=True)

    def start(self) -> None:
        sys.setswitchinterval(min(GIVE_WAY, sys.getswitchinterval()))
        self._thread.start()

    def submit(self, job: str, draft: Draft) -> None:
        self._inbox.put(("submit", (job, draft)))

    def cancel(self, job: str) -> None:
        """The plugin wants nothing more of the job and hears nothing more of it."""
        self._given_up.add(job)
        self._inbox.put(("cancel", job))

    def acknowledge(self, job: str) -> None:
        """The plugin has what the job gave."""
        self._inbox.put(("ack", job))

    def hurry(self) -> None:
        """Try to connect now; anew when the backend has not said yet what it can do: that makes it try once more."""
        self._inbox.put(("hurry", None))

    def redial(self) -> None:
        """Another backend counts now, or none: hang up and dial anew. What is open goes on there."""
        self._inbox.put(("redial", None))

    def close(self) -> None:
        self._closing = True
        self._inbox.put(("close", None))

    def is_awaiting(self) -> bool:
        """Whether a backend has something to paint for us."""
        open_ones = [job for job in list(self._jobs.values()) if job.told and not (job.done or job.delivered)]
        return any(job.key not in self._given_up for job in open_ones)

    def events(self) -> list[Event]:
        """What happened since the last call."""
        return self._outbox.take()

    # ------------------------------------------------------------------ on the client's thread

    def _run(self) -> None:
        for wire, entry in self._journal.take_over().items():
            self._jobs[wire] = Job.left_over(wire, entry)
        attempt = 0
        while not self._closing:
            socket, news = dial(self._home)
            self._outbox.put(news)
            if socket is None:
                attempt = 0 if self._idle(RETRY[min(attempt, len(RETRY) - 1)]) else attempt + 1
                continue
            attempt = 0
            try:
                with socket:
                    why = self._converse(socket)
            except (OSError, WebSocketException, ProtocolError) as error:
                why = Unlinked("lost", str(error) if isinstance(error, ProtocolError) else "")
            if not self._closing:
                self._outbox.put(why)
                if why.why == "refused" or why.sentence:  # another try would not end otherwise at once
                    self._idle(RETRY[-1])

    def _idle(self, seconds: float) -> bool:
        """Without a connection: only keep what the plugin wants. True when it wants to connect at once."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._closing:
            try:
                kind, what = self._inbox.get(timeout=left)
            except queue.Empty:
                return False
            if kind in ("hurry", "redial"):
                return True
            self._obey(kind, what, None, None)
        return False

    def _converse(self, socket: ClientConnection) -> Unlinked:
        """Until the connection ends."""
        wire = Connection(Role.CLIENT)
        self._session += 1
        self._welcomed = False
        # Those that the plugin has already come last: on the shelf there may be any number of them.
        told = sorted((job for job in self._jobs.values() if job.told), key=lambda job: job.delivered and not job.done)
        resumed = [job.wire for job in told[:MOST_RESUMED]]
        self._named = set(resumed)
        socket.send(wire.send(Hello(self._software, jobs=tuple(resumed))))
        reader = threading.Thread(target=self._read, args=(socket, self._session), name="sfumato-reader", daemon=True)
        reader.start()
        while not self._closing:
            kind, what = self._inbox.get()
            if kind == "data":
                session, data = what
                self._room.release()
                if session != self._session:
                    continue
                for event in wire.receive_data(data):
                    if isinstance(event, Refused):
                        return Unlinked("refused", event.sentence)
                    self._hear(event, wire, socket)
            elif kind == "gone":
                if what == self._session:
                    return Unlinked("lost")
            elif kind == "redial" or (kind == "hurry" and not self._welcomed):
                return Unlinked("lost")
            else:
                self._obey(kind, what, wire, socket)
        return Unlinked("absent")

    def _read(self, socket: ClientConnection, session: int) -> None:
        try:
            for data in socket:
                self._room.acquire()
                self._inbox.put(("data", (session, data if isinstance(data, bytes) else b"")))
        except Exception:  # whatever ended it, the connection is gone; nothing may escape from a thread inside Krita
            pass
        self._inbox.put(("gone", session))

    def _obey(self, kind: str, what: Any, wire: Connection | None, socket: ClientConnection | None) -> None:
        """What the plugin wants. Without a connection (None) it is kept for the next one."""
        if kind == "submit":
            key, draft = what
            try:
                request, blobs = draft.request()
            except ValueError as error:
                self._outbox.put(Ended(key, "bad_request", str(error)))
                return
            self._jobs[key] = job = Job.begun(key, request, blobs)
            if wire and socket and self._welcomed:
                self._submit(job, wire, socket)
        elif kind in ("cancel", "ack") and what in self._jobs:
            job = self._jobs[what]
            job.done, job.blobs = True, {}
            if not job.told:
                del self._jobs[what]
            elif kind == "cancel" and wire and socket and self._welcomed and job.wire in self._named:
                socket.send(wire.send(Cancel(job.wire)))
            self._settle(wire, socket)

    def _hear(self, event: Any, wire: Connection, socket: ClientConnection) -> None:
        """What the backend says."""
        if isinstance(event, Welcome):
            self._outbox.put(Linked(event))
            if not self._welcomed:
                self._welcomed = True
                for job in self._jobs.values():
                    if not job.told:
                        self._submit(job, wire, socket)
                    elif job.done and job.wire in self._named:  # one that has ended does not mind
                        socket.send(wire.send(Cancel(job.wire)))
        elif isinstance(event, Status):
            self._outbox.put(Told(event))
        elif isinstance(event, BlobReceived):
            for job in self._jobs.values():
                if job.result and job.result.layer and job.result.layer.digest == event.digest:
                    self._deliver(job, event.data)
        elif (found := next((j for j in self._jobs.values() if j.wire == event.job), None)) is not None:
            self._hear_of(found, event, wire, socket)

    def _hear_of(self, job: Job, event: Any, wire: Connection, socket: ClientConnection) -> None:
        """What the backend says of a job."""
        if job.done or job.delivered:
            pass  # the plugin has its end
        elif isinstance(event, NeedBlobs):
            for digest in event.digests:
                for frame in wire.send_blob(job.blobs[digest], digest):
                    socket.send(frame)
        elif isinstance(event, Accepted):
            self._outbox.put(Queued(job.key, event.position))
        elif isinstance(event, Progress):
            self._outbox.put(Moved(job.key, event))
        elif isinstance(event, Result):
            job.result = event
            if event.layer is None:
                self._deliver(job, b"")
        elif isinstance(event, Failed) and event.code == "unknown_job" and job.request and job.tries < TRIES:
            # The backend was restarted: the same request again, under a new name.
            socket.send(wire.send(Ack(job.wire)))
            job.tries, job.told = job.tries + 1, False
            job.wire = f"{job.key}.{job.tries}"
            self._submit(job, wire, socket)
        elif isinstance(event, Failed):
            self._outbox.put(Ended(job.key, event.code, event.sentence))
            job.done = True
        elif isinstance(event, Cancelled):
            self._outbox.put(Ended(job.key, "cancelled"))
            job.done = True
        self._settle(wire, socket)

    def _deliver(self, job: Job, data: bytes) -> None:
        """Once: a result that was not acknowledged comes again with the next connection."""
        if not job.done and not job.delivered and job.result:
            job.delivered = True
            self._outbox.put(job.finished(data))

    def _submit(self, job: Job, wire: Connection, socket: ClientConnection) -> None:
        assert job.request is not None
        if len(wire.open_jobs) >= MAX_JOBS:
            return  # until there is room
        job.told = True
        self._named.add(job.wire)
        self._note()
        socket.send(wire.send(Submit(job.wire, job.request)))

    def _settle(self, wire: Connection | None, socket: ClientConnection | None) -> None:
        """Acknowledge what has come to its end; without a connection that waits for the next one."""
        if wire is None or socket is None or not self._welcomed:
            return
        ended = self._named.difference(wire.open_jobs)
        for job in [job for job in self._jobs.values() if job.done and job.wire in ended]:
            socket.send(wire.send(Ack(job.wire)))
            del self._jobs[job.key]
        for job in self._jobs.values():
            if not job.told:
                self._submit(job, wire, socket)
        self._note()

    def _note(self) -> None:
        self._journal.write({job.wire: job.entry for job in self._jobs.values() if job.told})
