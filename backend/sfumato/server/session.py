"""One client's connection: what it says goes to the desk; what it is told waits in an outbox that cannot grow."""

from __future__ import annotations

import asyncio
import contextlib

from sfumato_wire import (
    PROTOCOL_VERSION,
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
    Submit,
)
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from .desk import Desk

MAX_SENTENCE = 500  # characters of a refusal: it may quote what the client said


class Outbox:
    """What a client has still to be told: at most one message of a kind about a job, the newest.

    So a socket too slow for every progress gets some of them, and memory is bounded by the number of jobs.
    """

    def __init__(self) -> None:
        self._waiting: dict[tuple[type, str], Message] = {}
        self._filled = asyncio.Event()

    def put(self, message: Message) -> None:
        job = getattr(message, "job", "")
        if isinstance(message, (Result, Failed, Cancelled)):
            for stale in (NeedBlobs, Progress):
                self._waiting.pop((stale, job), None)
        self._waiting[type(message), job] = message
        self._filled.set()

    async def next(self) -> Message:
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        return self._waiting.pop(next(iter(self._waiting)))


class Session:
    def __init__(self, socket: ServerConnection, desk: Desk) -> None:
        self._socket = socket
        self._desk = desk
        self._connection = Connection(Role.SERVER)
        self._outbox = Outbox()

    def tell(self, message: Message) -> None:
        self._outbox.put(message)

    async def run(self) -> None:
        """Until the client leaves or breaks the rules; its jobs stay in either case."""
        try:
            async with asyncio.TaskGroup() as group:
                writing = group.create_task(self._write())
                refused = await self._read()
                writing.cancel()
        finally:
            self._desk.leave(self)
        if refused:
            with contextlib.suppress(ConnectionClosed):
                await self._socket.send(self._connection.send(refused))
                await self._socket.close(CloseCode.PROTOCOL_ERROR, refused.code)

    async def _read(self) -> Refused | None:
        """Until the client leaves; or what it must be told before it is sent away."""
        try:
            async for data in self._socket:
                if isinstance(data, str):
                    raise RemoteProtocolError("Messages are binary; this was a text.")
                for event in self._connection.receive_data(data):
                    await self._hear(event)
        except ConnectionClosed:
            return None
        except Unwelcome as error:
            return Refused(error.code, str(error)[:MAX_SENTENCE])
        except RemoteProtocolError as error:
            return Refused("protocol", str(error)[:MAX_SENTENCE])
        return None

    async def _hear(self, event: Event) -> None:
        if isinstance(event, Hello):
            _check_version(event)
            self._desk.greet(self, event.jobs)
        elif isinstance(event, Submit):
            # A job that has ended on this very connection was told here: nothing more is to be said.
            if event.job in self._connection.open_jobs:
                self._desk.submit(self, event)
        elif isinstance(event, BlobReceived):
            self._desk.receive(event.digest, event.data)
        elif isinstance(event, Cancel):
            await self._desk.cancel(event.job)
        elif isinstance(event, Ack):
            self._desk.acknowledge(event.job)

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionClosed):  # the reader sees it too, and ends the session
            while True:
                message = await self._outbox.next()
                if isinstance(message, Result) and message.layer is not None:
                    await self._write_result(message)
                else:
                    await self._socket.send(self._connection.send(message))

    async def _write_result(self, result: Result) -> None:
        assert result.layer is not None
        try:
            layer = await self._desk.layer(result)
        except LookupError:
            sentence = "The finished picture could not be kept (is the disk full?): press Apply again."
            await self._socket.send(self._connection.send(Failed(result.job, "result_lost", sentence)))
            return
        await self._socket.send(self._connection.send(result))
        for frame in self._connection.send_blob(layer, result.layer.digest):
            await self._socket.send(frame)


class Unwelcome(Exception):
    """This client cannot be served; code and sentence go into its Refused."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def _check_version(hello: Hello) -> None:
    if hello.protocol_min <= PROTOCOL_VERSION <= hello.protocol_max:
        return
    older = "plugin in Krita" if hello.protocol_max < PROTOCOL_VERSION else "Sfumato backend"
    raise Unwelcome(
        "version",
        f"The plugin speaks versions {hello.protocol_min} to {hello.protocol_max} of Sfumato's protocol and the "
        f"backend speaks version {PROTOCOL_VERSION}: update the {older}.",
    )
