"""From nothing to a listening server, and back: sockets, worker and state folder put together."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from sfumato_wire.limits import MAX_MESSAGE
from sfumato_wire.rendezvous import DEFAULT_HOST, DEFAULT_PORT, LOGS, SPOOL
from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.http11 import Request, Response

from sfumato.errors import SfumatoError

from .desk import Desk
from .door import (
    TOKEN_VARIABLE,
    bracketed,
    called_from_elsewhere,
    called_here,
    check_exposure,
    host_names,
    host_names_everywhere,
    is_loopback,
    is_secret,
    is_wildcard,
    refusal,
)
from .home import Record, open_home, read_record, read_token, read_token_file, remove_record, write_record
from .logs import server_log
from .session import Session
from .spool import Spool
from .supervisor import Supervisor

MAX_CONNECTIONS = 16
HANDSHAKE = 5.0  # seconds
KEEPALIVE = 20.0  # seconds between pings, and for their answer
# -P: a torch.py in the folder where the server was started is not PyTorch.
WORKER = (sys.executable, "-P", "-m", "sfumato.worker")

_log = logging.getLogger("sfumato.server")


@dataclass(frozen=True)
class Settings:
    """worker: the command that becomes the worker; tests give one of their own. token_file: holds the token for
    visitors from other machines."""

    host: str
    port: int
    home: Path
    worker: tuple[str, ...] = WORKER
    token_file: Path | None = None


def serve(host: str = DEFAULT_HOST, port: int = DEFAULT_PORT, token_file: Path | None = None) -> int:
    """Serves until Ctrl-C or SIGTERM. Returns the exit code."""

    async def until_told() -> None:
        stop = asyncio.Event()
        _on_signals(stop)
        settings = Settings(host, port, open_home(os.environ), token_file=token_file)
        await run(settings, stop, lambda line: print(line, flush=True))

    try:
        asyncio.run(until_told())
    except SfumatoError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:  # the state folder: full, read-only, gone
        print(f"Sfumato cannot use its folder: {error}.", file=sys.stderr)
        return 1
    return 0


async def run(settings: Settings, stop: asyncio.Event, say: Callable[[str], None]) -> None:
    """Serves until `stop`. Raises SfumatoError, with a sentence, when it cannot."""
    token = read_token_file(settings.token_file) if settings.token_file else os.environ.get(TOKEN_VARIABLE, "")
    check_exposure(settings.host, token)
    tokens = [read_token(settings.home), *([token] if is_secret(token) else [])]
    with _logging(settings.home / LOGS):
        desk = Desk(Spool(settings.home / SPOOL))
        supervisor = Supervisor(settings.worker, desk, settings.home / LOGS / "worker.log", say)
        desk.hire(supervisor)
        await _alone(settings.home)
        async with _listening(settings, desk, tokens) as port:
            record = Record(called_here(settings.host), port, os.getpid(), version("sfumato"))
            write_record(settings.home, record)
            say(f"Sfumato listens on {bracketed(settings.host)}:{port}; Ctrl-C ends it.")
            if not is_loopback(settings.host):
                address = f"{bracketed(called_from_elsewhere(settings.host))}:{port}"
                where = settings.token_file.absolute() if settings.token_file else TOKEN_VARIABLE
                say(f"Other machines reach it at {address} with the token in {where}. Nothing is encrypted on the way.")
            try:
                async with asyncio.TaskGroup() as group:
                    working = group.create_task(supervisor.run())
                    await stop.wait()
                    working.cancel()
            finally:
                supervisor.close()
                remove_record(settings.home)


async def _alone(home: Path) -> None:
    """One server a state folder: a second one would make the first one undiscoverable. Raises SfumatoError."""
    record = read_record(home)
    if record is None:
        return
    try:
        async with asyncio.timeout(1):
            _, writer = await asyncio.open_connection(record.host, record.port)
    except (OSError, TimeoutError):  # a stale record whose pid somebody else has now
        return
    writer.close()
    raise SfumatoError(
        "running",
        f"Sfumato is already running on {bracketed(record.host)}:{record.port}. Use that one, or end it first "
        f"(process {record.pid}).",
    )


@contextlib.asynccontextmanager
async def _listening(settings: Settings, desk: Desk, tokens: list[str]) -> AsyncIterator[int]:
    """The open door; gives the port."""
    hosts: frozenset[str] = frozenset()
    inside = 0

    def check(socket: ServerConnection, request: Request) -> Response | None:
        names = hosts
        if is_wildcard(settings.host):
            names |= host_names_everywhere(socket.local_address[0], port)
        if (status := refusal(request.path, request.headers, names, tokens)) is not None:
            return socket.respond(status, f"{status.phrase}.\n")
        return socket.respond(503, "Too many connections.\n") if inside >= MAX_CONNECTIONS else None

    async def visit(socket: ServerConnection) -> None:
        nonlocal inside
        inside += 1
        try:
            await Session(socket, desk).run()
        finally:
            inside -= 1

    try:
        server: Server = await listen(
            visit,
            "127.0.0.1" if settings.host == "localhost" else settings.host,
            settings.port,
            process_request=check,
            compression=None,  # raw pixels over loopback: fifteen times faster without, and no bombs
            max_size=MAX_MESSAGE,
            max_queue=4,
            open_timeout=HANDSHAKE,
            ping_interval=KEEPALIVE,
            ping_timeout=KEEPALIVE,
            server_header=None,
            logger=_log,
        )
    except OSError as error:
        raise SfumatoError("port", _why_not(settings, error)) from None
    port: int = next(iter(server.sockets)).getsockname()[1]
    hosts = host_names(settings.host, port)
    async with server:
        yield port


def _why_not(settings: Settings, error: OSError) -> str:
    where = f"{bracketed(settings.host)}:{settings.port}"
    if error.errno != errno.EADDRINUSE:
        return f"Sfumato cannot listen on {where}: {error.strerror}. Choose another --host or --port."
    return f"Port {settings.port} is used by another program: end that, or choose another with --port."


@contextlib.contextmanager
def _logging(folder: Path) -> Iterator[None]:
    folder.mkdir(mode=0o700, exist_ok=True)
    handler = server_log(folder / "server.log")
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    _log.propagate = False
    try:
        yield
    finally:
        _log.removeHandler(handler)
        handler.close()


def _on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is None or signal.getsignal(number) is signal.SIG_IGN:  # Windows; nohup
            continue
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
