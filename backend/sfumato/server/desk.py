"""The desk: which jobs there are, in which order they are painted, and who is to be told.

It knows neither sockets nor processes: clients are `Listener`s, the worker is a `Painter`. A job goes

    RECEIVING -> QUEUED -> RUNNING -> ENDING -> (the spool)

and every job gets exactly one last message, also when its client is away.
"""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from sfumato_wire import (
    Accepted,
    BlobCache,
    Cancelled,
    Failed,
    Message,
    NeedBlobs,
    Progress,
    RemoteProtocolError,
    Request,
    Result,
    Status,
    Submit,
    Welcome,
)
from sfumato_wire.limits import MIB

from .spool import Ending, Spool

MAX_QUEUE = 256  # jobs of all clients that have not ended
MAX_HELD = 2048 * MIB  # bytes of the pictures of those jobs


class Listener(Protocol):
    """A client that is told things; `tell` never waits."""

    def tell(self, message: Message) -> None: ...


class Painter(Protocol):
    """The worker; none of these waits."""

    def paint(self, job: Job) -> None: ...
    def cancel(self, job: str) -> None: ...
    def wake(self) -> None: ...


class State(enum.Enum):
    RECEIVING = "receiving"  # pictures are missing
    QUEUED = "queued"
    RUNNING = "running"
    ENDING = "ending"  # its last message is on the way into the spool


@dataclass(eq=False)
class Job:
    id: str
    request: Request
    listener: Listener | None  # the client that named it last
    state: State = State.RECEIVING
    cancelled: bool = False
    begun: bool = False  # the worker has all of it
    blobs: dict[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def sizes(self) -> dict[str, int]:
        return {p.digest: p.size for p in self.request.pictures}

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(digest for digest in self.sizes if digest not in self.blobs)


class Desk:
    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._blobs = BlobCache()
        self._jobs: dict[str, Job] = {}
        self._queue: deque[Job] = deque()
        self._running: Job | None = None
        self._painter: Painter | None = None
        self._idle = False  # the worker is there and has nothing to do
        self._listeners: dict[Listener, tuple[str, ...]] = {}  # with the jobs to resume once there is a welcome
        self._welcome: Welcome | None = None
        self._status = Status("starting", "The painting process is starting.")

    def hire(self, painter: Painter) -> None:
        self._painter = painter

    # What clients say.

    def greet(self, listener: Listener, jobs: tuple[str, ...]) -> None:
        self._listeners[listener] = jobs
        self._wake_painter()
        if self._welcome is None:
            listener.tell(self._status)
        else:
            self._let_in(listener)

    def submit(self, listener: Listener, message: Submit) -> None:
        """The same id again asks for the same job. Raises RemoteProtocolError when it names another request."""
        if (job := self._jobs.get(message.job)) is None:
            if (ending := self._spool.ending(message.job)) is not None:
                listener.tell(Accepted(message.job, 0))  # this connection has not heard that yet
                listener.tell(ending)
                return
            if sentence := self._no_room(message.request):
                listener.tell(Failed(message.job, "busy", sentence))
                return
            job = self._jobs[message.job] = Job(message.job, message.request, listener)
            for digest in job.missing:
                if (data := self._blobs.get(digest)) is not None:
                    job.blobs[digest] = data
            if any(len(job.blobs[d]) != size for d, size in job.sizes.items() if d in job.blobs):
                del self._jobs[job.id]
                listener.tell(Failed(job.id, "bad_picture", "A picture's size and digest contradict each other."))
                return
        elif job.request != message.request:
            raise RemoteProtocolError("The id of a job was used again for another request.")
        job.listener = listener
        if job.state is not State.RECEIVING:
            listener.tell(Accepted(job.id, self._position(job)))
        elif job.missing:
            listener.tell(NeedBlobs(job.id, job.missing))
        else:
            self._enqueue(job)

    def receive(self, digest: str, data: bytes) -> None:
        self._blobs.put(digest, data)
        for job in list(self._jobs.values()):
            if job.state is State.RECEIVING and job.sizes.get(digest) == len(data):
                job.blobs[digest] = data
                if not job.missing:
                    self._enqueue(job)

    async def cancel(self, job_id: str) -> None:
        """What is not running ends at once; the worker ends what runs within a step."""
        job = self._jobs.get(job_id)
        if job is None or job.state is State.ENDING:
            return  # it ended while the cancel was on its way
        job.cancelled = True
        if job is not self._running:
            await self._end(job, Cancelled(job.id), b"")
        elif self._painter:
            self._painter.cancel(job.id)

    def acknowledge(self, job: str) -> None:
        if job not in self._jobs:
            self._spool.forget(job)

    def leave(self, listener: Listener) -> None:
        """A disconnect cancels nothing; only what has not come whole is given up."""
        self._listeners.pop(listener, None)
        for job in [job for job in self._jobs.values() if job.listener is listener]:
            job.listener = None
            if job.state is State.RECEIVING:
                del self._jobs[job.id]

    async def layer(self, result: Result) -> bytes:
        """Raises LookupError when the spool has lost it."""
        return await asyncio.to_thread(self._spool.layer, result)

    # What the worker says.

    def worker_welcomed(self, welcome: Welcome) -> None:
        self._welcome = welcome
        for listener in list(self._listeners):
            self._let_in(listener)
        self._idle = True
        self._pump()

    def worker_status(self, status: Status) -> None:
        self._status = status
        for listener in self._listeners:
            listener.tell(status)

    def worker_progressed(self, progress: Progress) -> None:
        if self._running and self._running.id == progress.job and self._running.listener:
            self._running.listener.tell(progress)

    async def worker_ended(self, ending: Ending, layer: bytes) -> None:
        if (job := self._running) is not None and job.id == ending.job:
            self._running, self._idle = None, True
            job.state = State.ENDING  # before the next one starts, so that nothing can end it twice
            self._pump()
            await self._end(job, ending, layer)

    async def worker_lost(self, sentence: str) -> None:
        self._idle = False
        if (job := self._running) is None:
            return
        self._running = None
        if job.begun or job.cancelled:
            lost = Failed(job.id, "worker_lost", sentence)
            await self._end(job, Cancelled(job.id) if job.cancelled else lost, b"")
        else:  # the worker was dying already when the job was on its way to it
            job.state = State.QUEUED
            self._queue.appendleft(job)
            self._tell_positions()

    async def worker_given_up(self, sentence: str) -> None:
        """Nobody will paint what waits, so whoever waits is told."""
        self.worker_status(Status("down", sentence))
        for job in list(self._queue):
            if job in self._queue:  # not cancelled meanwhile
                await self._end(job, Failed(job.id, "worker_down", sentence), b"")

    # The desk's own.

    def _wake_painter(self) -> None:
        if self._status.state == "down" and self._painter:
            self._painter.wake()

    def _let_in(self, listener: Listener) -> None:
        assert self._welcome is not None
        listener.tell(self._welcome)
        listener.tell(self._status)
        jobs, self._listeners[listener] = self._listeners[listener], ()
        for job_id in jobs:
            self._resume(listener, job_id)

    def _resume(self, listener: Listener, job_id: str) -> None:
        job = self._jobs.get(job_id)
        if job is not None and job.state is not State.RECEIVING:
            job.listener = listener
            listener.tell(Accepted(job.id, self._position(job)))
        elif (ending := self._spool.ending(job_id)) is not None:
            listener.tell(ending)
        else:
            self._jobs.pop(job_id, None)
            sentence = "The backend does not know this job any more (it was restarted): press Apply again."
            listener.tell(Failed(job_id, "unknown_job", sentence))

    def _enqueue(self, job: Job) -> None:
        job.state = State.QUEUED
        self._queue.append(job)
        if job.listener:
            job.listener.tell(Accepted(job.id, len(self._queue) - 1))
        self._wake_painter()
        self._pump()

    def _pump(self) -> None:
        """The next job goes to the worker when it is free."""
        if not (self._idle and self._queue and self._painter):
            return
        self._idle = False
        self._running = self._queue.popleft()
        self._running.state = State.RUNNING
        self._painter.paint(self._running)
        self._tell_positions()

    def _tell_positions(self) -> None:
        for position, job in enumerate(self._queue):
            if job.listener:
                job.listener.tell(Accepted(job.id, position))

    def _position(self, job: Job) -> int:
        return self._queue.index(job) if job in self._queue else 0

    async def _end(self, job: Job, ending: Ending, layer: bytes) -> None:
        """Into the spool first: from then on the client may vanish."""
        job.state = State.ENDING
        if job in self._queue:
            self._queue.remove(job)
            self._tell_positions()
        await asyncio.to_thread(self._spool.keep, ending, layer)
        del self._jobs[job.id]
        if job.listener:
            job.listener.tell(ending)

    def _no_room(self, request: Request) -> str | None:
        held = sum(sum(job.sizes.values()) for job in self._jobs.values())
        if len(self._jobs) < MAX_QUEUE and held + sum(p.size for p in request.pictures) <= MAX_HELD:
            return None
        return f"{len(self._jobs)} jobs wait already: let some of them end, or cancel them."
