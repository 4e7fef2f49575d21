"""How jobs ended, on disk until their client has said that it knows: a job outlives its socket and this process.

One file a job: the frame of its last message, then the layer's bytes. Bounded by bytes and by age, oldest first.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from collections import OrderedDict
from pathlib import Path

from sfumato_wire import Cancelled, Failed, RemoteProtocolError, Result, digest_of
from sfumato_wire.frames import Decoder, encode
from sfumato_wire.limits import MAX_MESSAGE, MIB

from .home import write_atomically

SPOOL_BYTES = 2048 * MIB
SPOOL_AGE = 7 * 24 * 3600.0  # seconds
MEMORY_BYTES = 512 * MIB  # of results for which the disk had no room

Ending = Result | Failed | Cancelled
_log = logging.getLogger("sfumato.server")


class Spool:
    """`keep` and `layer` touch whole layers and belong into a thread; the rest is quick."""

    def __init__(self, folder: Path, limit: int = SPOOL_BYTES, age: float = SPOOL_AGE) -> None:
        self._folder = folder
        self._limit = limit
        self._age = age
        self._memory: OrderedDict[Path, tuple[Ending, bytes]] = OrderedDict()
        folder.mkdir(mode=0o700, exist_ok=True)
        self._sweep(keep=None)

    def keep(self, ending: Ending, layer: bytes) -> None:
        """Never fails: what the disk does not take stays in memory."""
        path = self._path(ending.job)
        try:
            write_atomically(path, encode(ending) + layer)
            self._sweep(keep=path)
        except OSError as error:
            _log.warning("A result stays in memory, the disk refused it: %s", error.strerror)
            self._memory[path] = ending, layer
            while len(self._memory) > 1 and sum(len(data) for _, data in self._memory.values()) > MEMORY_BYTES:
                self._memory.popitem(last=False)

    def ending(self, job: str) -> Ending | None:
        """How a job ended, if that is still known."""
        path = self._path(job)
        if path in self._memory:
            return self._memory[path][0]
        decoder = Decoder()
        try:
            with open(path, "rb") as file:
                decoder.feed(file.read(MAX_MESSAGE))
            message = decoder.next_message()
        except (OSError, RemoteProtocolError):
            return None
        return message if isinstance(message, (Result, Failed, Cancelled)) and message.job == job else None

    def layer(self, result: Result) -> bytes:
        """The layer's bytes. Raises LookupError when they are gone or damaged."""
        if result.layer is None:
            return b""
        path = self._path(result.job)
        if path in self._memory:
            return self._memory[path][1]
        try:
            with open(path, "rb") as file:
                file.seek(-result.layer.size, 2)
                data = file.read()
        except OSError:
            raise LookupError(result.job) from None
        if digest_of(data) != result.layer.digest:
            raise LookupError(result.job)
        return data

    def forget(self, job: str) -> None:
        path = self._path(job)
        self._memory.pop(path, None)
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)

    def _path(self, job: str) -> Path:
        # A job's id is the client's text; its digest is a file name that cannot lead anywhere else.
        return self._folder / f"{hashlib.sha256(job.encode()).hexdigest()}.ended"

    def _sweep(self, keep: Path | None) -> None:
        """Parts of files that a crash left, what is too old, and the oldest beyond the limit."""
        now = time.time()  # the clock that files carry
        found = []
        for path in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
        total = 0
        for changed, size, path in sorted(found, reverse=True):
            total += size
            torn = path.suffix != ".ended" and keep is None
            if path != keep and (torn or total > self._limit or now - changed > self._age):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
