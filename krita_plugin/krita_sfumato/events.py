"""What the client tells the controller. Plain data that may cross threads."""

from __future__ import annotations

from dataclasses import dataclass, field

from .vendor.sfumato_wire import Pixels, Progress, Status, Welcome


@dataclass(frozen=True)
class Linked:
    """The backend is there and said what it can do."""

    welcome: Welcome


@dataclass(frozen=True)
class Greeting:
    """The socket is open: the process `pid` took our token. The backend has not said yet what it can do."""

    pid: int = 0


@dataclass(frozen=True)
class Unlinked:
    """No backend. why: "absent" (nobody listens), "lost" (the connection broke), "refused" (it sent us away)."""

    why: str
    sentence: str = ""


@dataclass(frozen=True)
class Told:
    """The backend says how it is."""

    status: Status


@dataclass(frozen=True)
class Moved:
    """A job went on."""

    job: str
    progress: Progress


@dataclass(frozen=True)
class Queued:
    """A job is in the backend's queue; position 0 is next."""

    job: str
    position: int


@dataclass(frozen=True)
class Finished:
    """A job ended well; layer is None when nothing changed. task: as the request's. is_orphan: it was begun by a Krita
    that is gone."""

    job: str
    layer: Pixels | None
    data: bytes = field(default=b"", repr=False)
    prompt: str = ""
    is_orphan: bool = False
    task: str = "edit"


@dataclass(frozen=True)
class Ended:
    """A job ended without a layer; code "cancelled" when the painter wanted it so."""

    job: str
    code: str
    sentence: str = ""


Event = Linked | Greeting | Unlinked | Told | Moved | Queued | Finished | Ended
