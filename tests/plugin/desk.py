"""A controller with everything around it faked."""

from __future__ import annotations

from krita_sfumato.controller import Controller
from krita_sfumato.draft import Picture
from krita_sfumato.entry import Thumb
from krita_sfumato.events import Finished, Greeting, Linked
from krita_sfumato.results import Results
from krita_sfumato.settings import Choice, Settings
from krita_sfumato.vendor.sfumato_wire import Box, Pixels, Request
from plugin.fakes import WELCOME, FakeDocument, FakeLink, FakeProcess, Later

SETTINGS = Settings(prompt="snow  on the hills", map=Choice("map"), strength=80, seed=7)
BOX = Box(24, 30, 10, 5)
LAYER = Pixels(BOX.x, BOX.y, BOX.width, BOX.height, "bgra8", "0" * 64)
ROWS = bytes(range(200))  # of its pixels


def small_picture(result: Picture, canvas: Picture | None) -> Thumb:
    return Thumb(1, 1, result.data[:4])


class Desk:
    def __init__(self, document: FakeDocument | None = None) -> None:
        self.document: FakeDocument | None = document or FakeDocument()
        self.link, self.process, self.time = FakeLink(), FakeProcess(), 0.0
        results = Results(Later, small_picture, small_picture, clock=lambda: 1e9 + self.time)
        self.controller = Controller(
            lambda: self.document, self.link, self.process, Later, results, "logs", clock=lambda: self.time
        )

    @property
    def view(self):
        return self.controller.view

    def ready(self) -> Desk:
        self.controller.hear(Greeting())
        self.controller.hear(Linked(WELCOME))
        return self

    def settle(self, steps: int = 1000) -> None:
        while self.controller.is_working and steps:
            self.controller.advance()
            steps -= 1

    def apply(self, settings: Settings = SETTINGS) -> str:
        """Press Apply and go on until the job is sent; its id."""
        self.controller.apply(settings)
        self.settle()
        return self.link.submitted[-1][0] if self.link.submitted else ""

    def find(self, settings: Settings = SETTINGS) -> str:
        """Press Find and go on until the job is sent; its id."""
        self.controller.apply(settings, "map")
        self.settle()
        return self.link.submitted[-1][0] if self.link.submitted else ""

    def finish(self, job: str, layer: Pixels | None = LAYER) -> None:
        self.controller.hear(Finished(job, layer, ROWS))
        self.settle()


def request_of(desk: Desk) -> Request:
    return desk.link.submitted[-1][1].request()[0]
