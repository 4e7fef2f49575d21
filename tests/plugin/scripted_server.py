"""A backend that follows a script: for the faults a real one does not have."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from socket import SHUT_RDWR
from typing import Any

from sfumato_wire import Connection, Hello, Role
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

TOKEN = "t" * 40


class Gone(Exception):
    """The client is."""


class Talk:
    """One connection: what the client said, and a way to answer."""

    def __init__(self, socket: ServerConnection, patience: float) -> None:
        self.socket, self.wire, self.patience = socket, Connection(Role.SERVER), patience
        self.events: list[Any] = []

    def hear(self) -> Any:
        """The next thing the client says. Raises Gone."""
        while not self.events:
            try:
                data = self.socket.recv(timeout=self.patience)
            except (ConnectionClosed, OSError, TimeoutError):
                raise Gone from None
            self.events += self.wire.receive_data(data)
        return self.events.pop(0)

    def hear_of(self, kind: type) -> Any:
        while not isinstance(event := self.hear(), kind):
            pass
        return event

    def say(self, message: Any) -> None:
        self._send(self.wire.send(message))

    def send_blob(self, data: bytes, digest: str) -> None:
        for frame in self.wire.send_blob(data, digest):
            self._send(frame)

    def _send(self, frame: bytes) -> None:
        try:
            self.socket.send(frame)
        except (ConnectionClosed, OSError):
            raise Gone from None

    def hang_up(self) -> None:
        """Without a word. Closed it would be by whoever reads from it: its number may be another's at once."""
        self.socket.socket.shutdown(SHUT_RDWR)


class ScriptedServer:
    """Calls `script(talk, n)` for the n-th connection, after its Hello. patience: seconds until a client that says
    nothing counts as gone."""

    def __init__(self, home: Path, script: Callable[[Talk, int], None], patience: float = 5) -> None:
        self.home, self.script, self.patience = home, script, patience
        self.hellos: list[Hello] = []
        self.errors: list[BaseException] = []
        home.mkdir(exist_ok=True)
        (home / "token").write_text(TOKEN)
        self.server = serve(self._serve, "127.0.0.1", 0, compression=None, process_request=self._check)
        self.port = self.server.socket.getsockname()[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.record()

    def record(self) -> None:
        record = {"host": "127.0.0.1", "port": self.port, "pid": 1, "version": "0"}
        (self.home / "server.json").write_text(json.dumps(record))

    def stop(self) -> None:
        (self.home / "server.json").unlink(missing_ok=True)
        self.server.shutdown()

    def _check(self, connection: ServerConnection, request: Any) -> Any:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}" or "Origin" in request.headers:
            return connection.respond(403, "no")
        return None

    def _serve(self, socket: ServerConnection) -> None:
        talk = Talk(socket, self.patience)
        try:
            self.hellos.append(talk.hear_of(Hello))
            self.script(talk, len(self.hellos))
        except Gone:
            pass
        except BaseException as error:
            self.errors.append(error)
        with contextlib.suppress(Exception):
            socket.close()
