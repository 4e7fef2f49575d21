"""One job over the websocket: the smallest client there can be. Runs in the environment."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sfumato_wire import (
    Accepted,
    Ack,
    BlobReceived,
    Cancelled,
    Connection,
    Event,
    Failed,
    Hello,
    NeedBlobs,
    Pixels,
    Progress,
    Refused,
    Request,
    Result,
    Role,
    Status,
    Submit,
    Welcome,
    digest_of,
)
from websockets.sync.client import connect

from installer.errors import Stop

Note = Callable[[str], None]


class Client:
    """A connection to the backend whose state folder is `state`: `with Client(state) as client: ...`."""

    def __init__(self, state: Path) -> None:
        record = json.loads((state / "server.json").read_text(encoding="utf-8"))
        token = (state / "token").read_text(encoding="utf-8").strip()
        self._wire = Connection(Role.CLIENT)
        self._socket = connect(
            f"ws://{record['host']}:{record['port']}",
            additional_headers={"Authorization": f"Bearer {token}"},
            compression=None,  # pixels on one machine: packing them costs more than sending them
            proxy=None,
        )
        self._events: list[Event] = []

    def __enter__(self) -> Client:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self._socket.close()

    def welcome(self, note: Note) -> Welcome:
        """What the backend can do, once its model is ready. Raises Stop."""
        self._socket.send(self._wire.send(Hello("sfumato demo")))
        while not isinstance(event := self._next(), Welcome):
            if isinstance(event, Status):
                if event.state == "down":
                    raise Stop(event.sentence)
                note(event.sentence)
        return event

    def apply(
        self, canvas: NDArray[np.uint8], change_map: NDArray[np.uint16], note: Note, **wishes: Any
    ) -> tuple[NDArray[np.uint8], tuple[int, int], dict[str, Any]]:
        """The layer (RGBA), where it lies, and the backend's figures. Raises Stop."""
        height, width = change_map.shape
        blobs = {digest_of(data): data for data in (canvas.tobytes(), change_map.astype("<u2").tobytes())}
        picture, greys = (
            Pixels(0, 0, width, height, kind, digest) for kind, digest in zip(("rgba8", "gray16"), blobs, strict=True)
        )
        job = uuid.uuid4().hex
        request = Request(canvas=picture, change_map=greys, width=width, height=height, **wishes)
        self._socket.send(self._wire.send(Submit(job, request)))
        result = self._result(blobs, note)
        if result.layer is None:
            raise Stop(
                "The backend changed nothing at all. The demo's map is not empty, so this is a fault in Sfumato."
            )
        while not isinstance(blob := self._next(), BlobReceived):
            pass
        self._socket.send(self._wire.send(Ack(job)))
        layer = np.frombuffer(blob.data, np.uint8).reshape(result.layer.height, result.layer.width, 4)
        return layer, (result.layer.x, result.layer.y), result.report

    def _result(self, blobs: dict[str, bytes], note: Note) -> Result:
        while True:
            match self._next():
                case NeedBlobs(digests=digests):
                    for digest in digests:
                        for frame in self._wire.send_blob(blobs[digest], digest):
                            self._socket.send(frame)
                case Accepted(position=position) if position:
                    note(f"number {position + 1} in the queue")
                case Progress(stage=stage, step=step, steps=steps):
                    note(f"{stage}, step {step} of {steps}" if steps else stage)
                case Result() as result:
                    return result
                case Failed(sentence=sentence):
                    raise Stop(sentence)
                case Cancelled():
                    raise Stop("The job was cancelled.")
                case _:
                    pass

    def _next(self) -> Event:
        while not self._events:
            data = self._socket.recv()
            assert isinstance(data, bytes)
            self._events = self._wire.receive_data(data)
        event = self._events.pop(0)
        if isinstance(event, Refused):
            raise Stop(event.sentence)
        return event
