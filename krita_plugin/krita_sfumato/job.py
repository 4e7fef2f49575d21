"""What the client keeps of a job until both the plugin and the backend are through with it."""

from __future__ import annotations

from dataclasses import dataclass, field

from .events import Finished
from .journal import Entry
from .vendor.sfumato_wire import Request, Result


@dataclass
class Job:
    """key: the plugin's name of it; wire: the backend's, a new one each time it is sent anew."""

    key: str
    wire: str
    request: Request | None
    entry: Entry
    blobs: dict[str, bytes] = field(default_factory=dict, repr=False)
    orphan: bool = False  # of a Krita that is gone: its request is not known here
    told: bool = False  # a backend has heard of it
    tries: int = 1
    result: Result | None = None
    delivered: bool = False  # the plugin has its result
    done: bool = False  # the plugin is through with it, the backend has no Ack yet

    @classmethod
    def begun(cls, key: str, request: Request, blobs: dict[str, bytes]) -> Job:
        """One that no backend knows yet."""
        return cls(key, key, request, Entry(request.prompt, request.task), blobs)

    @classmethod
    def left_over(cls, wire: str, entry: Entry) -> Job:
        """One of a Krita that is gone."""
        return cls(wire, wire, None, entry, told=True, orphan=True)

    def finished(self, data: bytes) -> Finished:
        """The news of its result."""
        assert self.result is not None
        return Finished(self.key, self.result.layer, data, self.entry.prompt, self.orphan, self.entry.task)
