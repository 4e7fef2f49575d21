"""A server in this process on a free port, and a client that speaks the wire over a real socket."""

import asyncio
import contextlib
import functools
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from sfumato.server.home import read_token
from sfumato.server.main import Settings, run
from sfumato_wire import (
    BlobReceived,
    Connection,
    Event,
    Hello,
    Message,
    NeedBlobs,
    Pixels,
    Request,
    Role,
    Submit,
    Welcome,
    digest_of,
)
from websockets.asyncio.client import ClientConnection, connect

SCRIPTED = (sys.executable, str(Path(__file__).with_name("scripted_worker.py")))
PATIENCE = 20.0  # seconds; only a failing test waits that long
T = TypeVar("T")


def asynchronous(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs an async test to its end, which comes."""

    @functools.wraps(test)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        async def limited() -> None:
            await asyncio.wait_for(test(*args, **kwargs), 3 * PATIENCE)

        asyncio.run(limited())

    return wrapper


def job(prompt: str = "", side: int = 8, seed: int = 0, steps: int = 3) -> tuple[Request, dict[str, bytes]]:
    """A request with its blobs. The seed also colours the canvas."""
    canvas = bytes([seed % 256]) * (side * side * 4)
    change_map = bytes([255]) * (side * side)
    pictures = {digest_of(data): data for data in (canvas, change_map)}
    request = Request(
        model="sketchbook",
        edit="differential",
        prompt=prompt,
        width=side,
        height=side,
        canvas=Pixels(0, 0, side, side, "rgba8", digest_of(canvas)),
        change_map=Pixels(0, 0, side, side, "gray8", digest_of(change_map)),
        negative_prompt="blur",
        seed=seed,
        steps=steps,
    )
    return request, pictures


@contextlib.asynccontextmanager
async def server(
    home: Path, worker: tuple[str, ...] = SCRIPTED, host: str = "127.0.0.1", token_file: Path | None = None
) -> AsyncIterator[int]:
    """A running server; gives its port."""
    stop, said = asyncio.Event(), asyncio.Queue[str]()
    running = asyncio.create_task(run(Settings(host, 0, home, worker, token_file), stop, said.put_nowait))
    try:
        listening = asyncio.create_task(said.get())
        await asyncio.wait([listening, running], return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE)
        yield int(listening.result().split(";")[0].rpartition(":")[2])
    finally:
        stop.set()
        await running


class Client:
    """What it hears is kept in `heard`; pictures it is asked for it sends, counting their bytes."""

    def __init__(self, socket: ClientConnection, pictures: dict[str, bytes] | None = None) -> None:
        self.socket = socket
        self.connection = Connection(Role.CLIENT)
        self.pictures = pictures or {}
        self.heard: list[Event] = []
        self.sent_bytes = 0
        self._fresh: list[Event] = []

    async def say(self, message: Message) -> None:
        await self.socket.send(self.connection.send(message))

    async def submit(self, name: str, work: tuple[Request, dict[str, bytes]]) -> None:
        self.pictures |= work[1]
        await self.say(Submit(name, work[0]))

    async def hear(self, kind: type[T] | tuple[type[T], ...], name: str | None = None) -> T:
        """The next message of this kind (about this job), passing over others."""
        while True:
            while self._fresh:
                event = self._fresh.pop(0)
                if isinstance(event, kind) and name in (None, getattr(event, "job", None)):
                    return event
            await asyncio.wait_for(self._receive(), PATIENCE)

    async def _receive(self) -> None:
        data = await self.socket.recv(decode=False)
        for event in self.connection.receive_data(data):
            self.heard.append(event)
            self._fresh.append(event)
            if isinstance(event, NeedBlobs):
                for digest in event.digests:
                    if digest in self.pictures:
                        for frame in self.connection.send_blob(self.pictures[digest], digest):
                            self.sent_bytes += len(frame)
                            await self.socket.send(frame)

    async def layer(self) -> bytes:
        return (await self.hear(BlobReceived)).data


@contextlib.asynccontextmanager
async def door(port: int, home: Path, **options: Any) -> AsyncIterator[ClientConnection]:
    """A socket with the right token."""
    headers = {"Authorization": f"Bearer {read_token(home)}"}
    async with connect(f"ws://127.0.0.1:{port}", additional_headers=headers, compression=None, **options) as socket:
        yield socket


@contextlib.asynccontextmanager
async def client(port: int, home: Path, jobs: tuple[str, ...] = ()) -> AsyncIterator[Client]:
    """A client that has been welcomed."""
    async with door(port, home) as socket:
        visitor = Client(socket)
        await visitor.say(Hello("test", jobs=jobs))
        await visitor.hear(Welcome)
        yield visitor
