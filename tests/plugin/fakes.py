"""Stand-ins for Krita, the socket and the process. They remember what was asked of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from krita_sfumato.draft import Draft, Picture
from krita_sfumato.vendor.sfumato_wire import Box, EditInfo, ModelInfo, Parameter, Welcome

WELCOME = Welcome(
    "test",
    1,
    "cpu",
    (ModelInfo("sketchbook", "Sketchbook", "sd", 64, 20, 5.0),),
    (
        EditInfo("differential", "Differential", "", (Parameter("hinting", "bool", True, ""),)),
        EditInfo(
            "diffedit", "DiffEdit", "", (), True, True, (Parameter("noises", "int", 10, "", 1, 100, unit="noises"),)
        ),
    ),
)


@dataclass(frozen=True)
class FakeLayer:
    id: str
    name: str
    depth: int = 0
    visible: bool = True
    kind: str = "paintlayer"


class FakeNotes(dict[str, bytes]):
    """What is kept inside a document."""

    def read(self, key: str) -> bytes:
        return self.get(key, b"")

    def write(self, key: str, data: bytes) -> None:
        self[key] = data

    def remove(self, key: str) -> None:
        self.pop(key, None)

    def keys(self) -> list[str]:  # type: ignore[override]
        return list(iter(self))


@dataclass
class FakeNew:
    """A layer that is in no picture yet."""

    name: str
    picture: Picture
    mask: bool = False
    is_full: bool = False
    is_open: bool = False

    def __enter__(self) -> FakeNew:
        self.is_open = True
        return self

    def __exit__(self, *_: object) -> None:
        self.is_open = False

    def fill(self) -> Iterator[None]:
        for _ in range(3):
            yield
        self.is_full = True


class FakeDocument:
    """A canvas with one map: grey and alpha of one value within a box."""

    def __init__(self, width: int = 200, height: int = 100, box: Box | None = None, grey: int = 255) -> None:
        self.id, self.name = "document", "meadow.kra"
        self.width, self.height = width, height
        self.now = (width, height)
        self.box = Box(20, 30, 40, 10) if box is None else box
        self.grey, self.colour = grey, 0  # of the map, and of the picture
        self.touched: set[str] = set()  # layers that the painter did something to
        self.list = [FakeLayer("map", "Change map"), FakeLayer("background", "Background")]
        self.open, self.idle, self.modified = True, True, False
        self.added: list[tuple[str, bytes, Box]] = []
        self.maps_made: list[tuple[str, bytes, Box]] = []
        self.notes = FakeNotes()
        self.deep, self.masks = False, False
        self.formats: list[tuple[str, bool]] = []  # of the added layers
        self.replaced: list[str] = []
        self.below: list[tuple[str, ...]] = []  # what the added layers went below
        self.placed: list[str] = []
        self.redoes = ""
        self.making: FakeNew | None = None  # the last that was begun
        self.refuses = False  # Krita raises when something is added
        self.read: list[tuple[Box, tuple[str, ...]]] = []

    def is_open(self) -> bool:
        return self.open

    def is_modified(self) -> bool:
        return self.modified

    def is_idle(self) -> bool:
        return self.idle

    def size(self) -> tuple[int, int]:
        return self.now

    def layers(self) -> Sequence[FakeLayer]:
        return self.list

    def has(self, layer: str) -> bool:
        return any(other.id == layer for other in self.list)

    def wants_16_bits(self) -> bool:
        return self.deep

    def can_mask(self) -> bool:
        return self.masks

    def new_map(self, name: str) -> str:
        return self.add_map(FakeNew(name, Picture(Box(0, 0, 0, 0), "bgra8", b"")))

    def add_map(self, new: FakeNew) -> str:
        if self.refuses:
            raise RuntimeError("Krita says no")
        layer = "new" if not self.maps_made else f"new {len(self.maps_made) + 1}"
        self.list.insert(0, FakeLayer(layer, new.name))
        self.maps_made.append((new.name, new.picture.data, new.picture.box))
        return layer

    def take_white(self) -> bool:
        return False

    def map_box(self, layer: str) -> Box:
        return self.box

    def map_format(self, layer: str) -> str:
        return "graya16"

    def read_map(self, layer: str, box: Box) -> Iterator[bytes]:
        if not self.has(layer):
            raise LookupError
        for _ in range(box.height):
            yield bytes([self.grey, self.grey, 255, 255]) * box.width

    def read_picture(self, box: Box, without: Sequence[str]) -> Iterator[bytes]:
        self.read.append((box, tuple(without)))
        yield b""
        seen = sum(layer.id.startswith("result ") and layer.id not in without for layer in self.list)
        for _ in range(box.height):
            yield bytes([self.colour + seen]) * (box.width * 4)

    def read_layer(self, layer: str, box: Box) -> Iterator[bytes]:
        for _ in range(box.height):
            yield bytes([1, 2, 3, 255]) * box.width

    def new_layer(self, name: str, picture: Picture, mask: bool = False, like: str = "") -> FakeNew:
        self.making = FakeNew(name, picture, mask)
        return self.making

    def add_layer(self, new: FakeNew, maps: Sequence[str]) -> str:
        assert new.is_full
        assert new.is_open
        if self.refuses:
            raise RuntimeError("Krita says no")
        self.added.append((new.name, new.picture.data, new.picture.box))
        self.formats.append((new.picture.format, new.mask))
        self.below.append(tuple(maps))
        layer = f"result {len(self.added)}"
        on_top = next((at for at, other in enumerate(self.list) if other.id not in maps), len(self.list))
        self.list.insert(on_top, FakeLayer(layer, new.name))
        self.placed.append(layer)
        return layer

    def added_layers(self) -> Sequence[str]:
        return self.placed

    def redo(self) -> str:
        return self.redoes

    def replace_layer(self, old: str, new: FakeNew, maps: Sequence[str]) -> str:
        self.replaced.append(old)
        self.list = [layer for layer in self.list if layer.id != old]
        return self.add_layer(new, maps)

    def is_untouched(self, layer: str) -> bool:
        return layer not in self.touched

    def restore_active(self) -> bool:
        return True


@dataclass
class FakeLink:
    submitted: list[tuple[str, Draft]] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    hurried: int = 0

    def submit(self, job: str, draft: Draft) -> None:
        self.submitted.append((job, draft))

    def cancel(self, job: str) -> None:
        self.cancelled.append(job)

    def acknowledge(self, job: str) -> None:
        self.acknowledged.append(job)

    def hurry(self) -> None:
        self.hurried += 1


@dataclass
class FakeProcess:
    words: list[str] = field(default_factory=lambda: ["python", "-m", "sfumato", "serve"])
    running: bool = False
    error: str = ""
    stopped: bool = False
    address: str = ""
    pid: int = 0

    def command(self) -> list[str]:
        return self.words

    def start(self) -> None:
        self.running = True

    def met(self, pid: int) -> None:
        self.pid = pid

    def stop(self) -> bool:
        if not (self.running or self.pid):
            return False
        self.running, self.stopped = False, True
        return True

    def is_starting_or_running(self) -> bool:
        return self.running

    def failure(self) -> str:
        return self.error


class Later:
    """Computed at once, said to be done a step later."""

    def __init__(self, call: Callable[..., Any], *arguments: Any) -> None:
        self._value = call(*arguments)
        self._asked = False

    def done(self) -> bool:
        asked, self._asked = self._asked, True
        return asked

    def result(self) -> Any:
        return self._value
