"""The painting process: `python -m sfumato.worker`. Its stdin and stdout are the wire; it paints one job at a time.

A thread listens, so that a cancel acts while a job runs. A job that fails does not end the process; a broken GPU does.
"""

from __future__ import annotations

import faulthandler
import io
import json
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NoReturn

import sfumato_wire as wire
from sfumato_wire.limits import CHUNK, MAX_HEADER, MAX_ITEMS

from sfumato.errors import Cancelled, SfumatoError, said_by

if TYPE_CHECKING:
    from .studio import Progressed, Studio

BESIDE = 128 * 1024  # bytes of a welcome's JSON that are no lists of the painter's own
LONGEST = 1000  # characters of a sentence
POISONED = 3  # exit code: the device serves nothing but errors until this process is gone
# After these every further call fails too, as long as the process lives.
_STICKY = (
    "illegal memory access",
    "device-side assert",
    "unspecified launch failure",
    "misaligned address",
    "illegal instruction",
    "uncorrectable ECC",
    "hardware stack error",
    "CUDA-capable device(s) is/are busy or unavailable",
    "device has been lost",
)


@dataclass(eq=False)
class _Job:
    id: str
    request: wire.Request
    blobs: dict[str, bytes] = field(default_factory=dict, repr=False)
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(p.digest for p in self.request.pictures if p.digest not in self.blobs))


class Worker:
    """make_studio: what builds the studio. read: up to n bytes of the wire, b"" at its end; write: all of the bytes."""

    def __init__(
        self, make_studio: Callable[[], Studio], read: Callable[[int], bytes], write: Callable[[bytes], None]
    ) -> None:
        self._make_studio = make_studio
        self._read = read
        self._write = write
        self._connection = wire.Connection(wire.Role.SERVER)
        self._lock = threading.Lock()  # over the connection and what it writes
        self._greeted = threading.Event()
        self._jobs: dict[str, _Job] = {}  # that have not ended
        self._ready: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._blobs = wire.BlobCache()
        self._poisoned = False

    def run(self) -> int:
        """Until the wire ends. Returns the exit code."""
        threading.Thread(target=self._listen, name="sfumato-wire", daemon=True).start()
        try:
            studio = self._make_studio()
        except Exception as error:  # whatever it is, a painter must learn why nothing can be painted
            _log(error)
            self._greeted.wait()
            self._say(wire.Refused("studio", f"it cannot start: {type(error).__name__}: {said_by(error, 400)}"))
            return 1
        self._greeted.wait()
        there = {"models": studio.models, "LoRAs": studio.loras, "ControlNets": studio.controlnets, "VAEs": studio.vaes}
        offered = _offered(*there.values())
        self._say(
            wire.Welcome(
                "Sfumato worker",
                wire.PROTOCOL_VERSION,
                studio.device,
                offered[0],
                studio.edits,
                studio.schedulers,
                *offered[1:],
            )
        )
        try:
            studio.warm_up()
        except Exception as error:  # the job that needs this model will say it in a sentence
            _log(error)
        self._say(wire.Status("ready", f"Ready on {studio.device}.{_left_out(there, offered)}"))
        while (job := self._ready.get()) is not None:
            self._paint(studio, job)
            if self._poisoned:
                return POISONED
        return 0

    def _paint(self, studio: Studio, job: _Job) -> None:
        """One job, from its pictures to its last message."""
        request = job.request
        try:
            if job.cancelled.is_set():
                raise Cancelled
            finished = studio.run(
                request,
                job.blobs[request.canvas.digest],
                job.blobs[request.change_map.digest] if request.change_map else b"",
                job.blobs[request.control.picture.digest] if request.control else b"",
                on_progress=lambda progressed: self._tell(job, progressed),
                cancelled=job.cancelled.is_set,
            )
            self._end(job, wire.Result(job.id, finished.layer, finished.report), finished.data)
        except Cancelled:
            self._end(job, wire.Cancelled(job.id))
        except SfumatoError as error:
            failed = wire.Failed(job.id, error.code, _short(str(error)))
            if isinstance(cause := error.__cause__, Exception):
                _log(cause, request)
                self._poisoned = _is_sticky(cause)
                failed = _failure(job.id, cause, True) if self._poisoned else failed
            self._end(job, failed)
        except Exception as error:  # a job that fails must not take the next one with it
            _log(error, request)
            self._poisoned = _is_sticky(error)
            self._end(job, _failure(job.id, error, self._poisoned))

    def _tell(self, job: _Job, progressed: Progressed) -> None:
        preview, pixels = None, b""
        if progressed.preview is not None:
            width, height, pixels = progressed.preview
            preview = wire.Preview(width, height)
        self._say(wire.Progress(job.id, progressed.stage, progressed.step, progressed.steps, preview, pixels))

    def _end(self, job: _Job, ending: wire.Result | wire.Failed | wire.Cancelled, layer: bytes = b"") -> None:
        frames: Iterable[bytes] = ()
        if isinstance(ending, wire.Result) and ending.layer is not None:
            frames = self._connection.send_blob(layer, ending.layer.digest)
        self._say(ending, frames)
        self._jobs.pop(job.id, None)

    def _say(self, message: wire.Message, blob: Iterable[bytes] = ()) -> None:
        with self._lock:
            self._write(self._connection.send(message))
            for frame in blob:
                self._write(frame)

    def _listen(self) -> None:
        try:
            while data := self._read(CHUNK):
                with self._lock:
                    events = self._connection.receive_data(data)
                for event in events:
                    self._hear(event)
        except wire.RemoteProtocolError as error:
            print(f"The server broke the protocol: {error}", file=sys.stderr)
        for job in list(self._jobs.values()):
            job.cancelled.set()
        self._greeted.set()
        self._ready.put(None)

    def _hear(self, event: wire.Event) -> None:
        if isinstance(event, wire.Hello):
            self._greeted.set()
        elif isinstance(event, wire.Submit):
            job = self._jobs[event.job] = _Job(event.job, event.request)
            for digest in job.missing:
                if (data := self._blobs.get(digest)) is not None:
                    job.blobs[digest] = data
            if job.missing:
                self._say(wire.NeedBlobs(job.id, job.missing))
            else:
                self._accept(job)
        elif isinstance(event, wire.BlobReceived):
            self._blobs.put(event.digest, event.data)
            for job in [job for job in self._jobs.values() if event.digest in job.missing]:
                job.blobs[event.digest] = event.data
                if not job.missing:
                    self._accept(job)
        elif isinstance(event, wire.Cancel) and (known := self._jobs.get(event.job)) is not None:
            known.cancelled.set()
            if known.missing:
                self._end(known, wire.Cancelled(known.id))

    def _accept(self, job: _Job) -> None:
        if not self._poisoned:  # what is not accepted goes to the next worker
            self._say(wire.Accepted(job.id, 0))
            self._ready.put(job)


def _offered(*lists: Sequence[Any]) -> list[tuple[Any, ...]]:
    """As many of each as one message holds, in their order: all have the same room, and what one does not need is for
    those that are longer."""
    room, offered = MAX_HEADER - BESIDE, [tuple(items[:MAX_ITEMS]) for items in lists]
    sizes = [[len(json.dumps(asdict(item))) + 1 for item in items] for items in offered]
    for done, index in enumerate(sorted(range(len(lists)), key=lambda index: sum(sizes[index]))):
        share = room // (len(lists) - done)
        count = sum(total <= share for total in accumulate(sizes[index]))
        offered[index] = offered[index][:count]
        room -= sum(sizes[index][:count])
    return offered


def _left_out(there: Mapping[str, Sequence[Any]], offered: Sequence[Sequence[Any]]) -> str:
    """What a painter should know of lists that did not fit."""
    cut = [
        f"{len(part)} of {len(every)} {name}"
        for (name, every), part in zip(there.items(), offered, strict=True)
        if len(part) < len(every)
    ]
    return f" {', '.join(cut)} are listed here, the others by `sfumato models`." if cut else ""


def _short(sentence: str) -> str:
    """Names in it may be of any length."""
    return sentence if len(sentence) <= LONGEST else f"{sentence[: LONGEST // 2]} … {sentence[-LONGEST // 2 :]}"


def _is_sticky(error: Exception) -> bool:
    return any(words in str(error) for words in _STICKY)


def _failure(job: str, error: Exception, poisoned: bool) -> wire.Failed:
    if poisoned:
        sentence = "The graphics device failed; the painting process starts again: press Apply again."
        return wire.Failed(job, "device_lost", sentence)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        sentence = "The memory of the device was not enough: paint a smaller area, or close what else uses it."
        return wire.Failed(job, "out_of_memory", sentence)
    sentence = "Something went wrong that should not have; the log of the worker has the details: press Apply again."
    return wire.Failed(job, "internal", sentence)


def _log(error: Exception, request: wire.Request | None = None) -> None:
    """The traceback, without what the painter wrote."""
    text = "".join(traceback.format_exception(error))
    for secret in (request.prompt, request.negative_prompt, request.source_prompt) if request else ():
        if secret:
            text = text.replace(secret, "[prompt]").replace(repr(secret)[1:-1], "[prompt]")
    print(text, file=sys.stderr, flush=True)


def _studio() -> Studio:
    from .studio import Studio

    return Studio()


def main(make_studio: Callable[[], Studio] = _studio) -> NoReturn:
    """stdout becomes the wire before anything else can print into it."""
    incoming, outgoing = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # nor may a child of a library read from the wire
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # this process ends without a farewell: what is said is written
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(incoming, os.O_BINARY)
        msvcrt.setmode(outgoing, os.O_BINARY)
    faulthandler.enable()  # where a crash happened, for the log
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then ends this process
    # These libraries' warnings quote prompts.
    os.environ.update(TRANSFORMERS_VERBOSITY="error", DIFFUSERS_VERBOSITY="error")

    def read(size: int) -> bytes:
        data = os.read(incoming, size)
        if not data:
            os._exit(0)  # the server is gone: not a step more, and nothing is left to tidy up
        return data

    def write(data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(outgoing, view) :]
        except OSError:
            os._exit(0)  # the same, noticed by writing

    code = Worker(make_studio, read, write).run()
    sys.stderr.flush()
    os._exit(code)  # a broken device can hang an orderly end


if __name__ == "__main__":
    main()
