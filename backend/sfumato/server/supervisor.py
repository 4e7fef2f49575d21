"""The worker process: started, talked to over its pipes, and started again when it dies. Sockets never notice."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from sfumato_wire import (
    Accepted,
    Ack,
    BlobReceived,
    Cancel,
    Cancelled,
    Connection,
    Event,
    Failed,
    Hello,
    Message,
    NeedBlobs,
    Progress,
    Refused,
    RemoteProtocolError,
    Result,
    Role,
    Status,
    Submit,
    Welcome,
)
from sfumato_wire.limits import MAX_MESSAGE

from .desk import Desk, Job
from .door import TOKEN_VARIABLE
from .logs import RotatingText

MAX_DEATHS = 3  # within DEATH_WINDOW; then the worker stays down until somebody wants it
DEATH_WINDOW = 60.0  # seconds
BACK_OFF = (0.1, 2.0, 5.0)  # seconds before the next start, by deaths within the window
GOODBYE = 3.0  # seconds a worker has to end when its pipe closes

_log = logging.getLogger("sfumato.server")


class Supervisor:
    """The desk's Painter."""

    def __init__(self, command: Sequence[str], desk: Desk, log: Path, say: Callable[[str], None]) -> None:
        self._command = command
        self._desk = desk
        self._stderr = RotatingText(log)
        self._say = say
        self._wanted = asyncio.Event()
        self._job: Job | None = None
        self._finished: Result | None = None  # its layer is still coming
        self._reason = ""
        self._started = 0.0
        self._outgoing: asyncio.Queue[Message | tuple[str, bytes]] = asyncio.Queue()

    def paint(self, job: Job) -> None:
        self._job = job
        self._outgoing.put_nowait(Submit(job.id, job.request))

    def cancel(self, job: str) -> None:
        self._outgoing.put_nowait(Cancel(job))

    def wake(self) -> None:
        self._wanted.set()

    async def run(self) -> None:
        """One worker after the other, until cancelled."""
        deaths: deque[float] = deque(maxlen=MAX_DEATHS)
        while True:
            reason = await self._live()
            _log.warning("The worker ended: %s", reason)
            now = time.monotonic()
            deaths.append(now)
            recent = sum(now - death <= DEATH_WINDOW for death in deaths)
            stopped = f"The painting process stopped ({reason}) and starts again"
            self._desk.worker_status(Status("starting", f"{stopped}."))
            await self._desk.worker_lost(f"{stopped}: press Apply again.")
            if recent < MAX_DEATHS:
                await asyncio.sleep(BACK_OFF[recent - 1])
                continue
            sentence = f"The painting process does not stay up ({reason}); its log is {self._stderr.path}."
            self._say(sentence)
            self._wanted.clear()
            await self._desk.worker_given_up(sentence)
            await self._wanted.wait()
            self._desk.worker_status(Status("starting", "The painting process is tried once more."))

    def close(self) -> None:
        self._stderr.close()

    async def _live(self) -> str:
        """One worker from its start to its end. Returns why it ended."""
        self._started = time.monotonic()
        self._job = self._finished = None
        self._reason = ""
        self._outgoing = asyncio.Queue()
        connection = Connection(Role.CLIENT)
        environment = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=MAX_MESSAGE,
                env=environment,
                start_new_session=True,  # a terminal's Ctrl-C is for the server, which then ends its worker
            )
        except OSError as error:
            return f"it cannot be started: {error.strerror}"
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._outgoing.put_nowait(Hello("Sfumato server"))
        writing = asyncio.create_task(self._write(process.stdin, connection))
        log_keeping = asyncio.create_task(self._keep_log(process.stderr))
        try:
            await self._read(process.stdout, connection)
        except RemoteProtocolError as error:
            self._reason = f"it broke the protocol: {error}"
        finally:
            process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), GOODBYE)
            except TimeoutError:
                process.kill()
                await process.wait()
            writing.cancel()
            await asyncio.wait([writing, log_keeping], timeout=1.0)  # its last words are the interesting ones
            log_keeping.cancel()
        return self._reason or _why(process.returncode or 0)

    async def _write(self, stdin: asyncio.StreamWriter, connection: Connection) -> None:
        with contextlib.suppress(ConnectionError):  # the reader sees the end too
            while True:
                item = await self._outgoing.get()
                frames = connection.send_blob(item[1], item[0]) if isinstance(item, tuple) else [connection.send(item)]
                for frame in frames:
                    stdin.write(frame)
                    await stdin.drain()

    async def _keep_log(self, stderr: asyncio.StreamReader) -> None:
        while text := await stderr.read(4096):
            self._stderr.write(text)

    async def _read(self, stdout: asyncio.StreamReader, connection: Connection) -> None:
        while data := await stdout.read(MAX_MESSAGE):
            for event in connection.receive_data(data):
                await self._hear(event)

    async def _hear(self, event: Event) -> None:
        if isinstance(event, Welcome):
            self._desk.worker_welcomed(event)
        elif isinstance(event, Status):
            if event.state == "ready":
                self._say(f"The painting process is ready after {time.monotonic() - self._started:.1f} s.")
            self._desk.worker_status(event)
        elif isinstance(event, NeedBlobs):
            if self._job is not None and self._job.id == event.job:
                for digest in event.digests:
                    self._outgoing.put_nowait((digest, self._job.blobs[digest]))
        elif isinstance(event, Accepted):
            if self._job is not None and self._job.id == event.job:
                self._job.begun = True
        elif isinstance(event, Progress):
            self._desk.worker_progressed(event)
        elif isinstance(event, Result) and event.layer is not None:
            self._finished = event
        elif isinstance(event, BlobReceived):
            if self._finished is not None:
                await self._end(self._finished, event.data)
        elif isinstance(event, (Result, Failed, Cancelled)):
            await self._end(event, b"")
        elif isinstance(event, Refused):
            self._reason = event.sentence

    async def _end(self, ending: Result | Failed | Cancelled, layer: bytes) -> None:
        self._job = self._finished = None
        self._outgoing.put_nowait(Ack(ending.job))
        await self._desk.worker_ended(ending, layer)


def _why(code: int) -> str:
    if code == -9:
        return "it was killed, perhaps for lack of memory"
    return f"it was ended by signal {-code}" if code < 0 else f"it ended with code {code}"
