"""The docker through a painter's hands: what scenarios do again and again."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

SRGB = "sRGB-elle-V2-srgbtrc.icc"
LINEAR = "sRGB-elle-V2-g10.icc"
GREY = "Gray-D50-elle-V2-srgbtrc.icc"


class Painter:
    def __init__(self, kit) -> None:
        self.kit, self.app = kit, kit.app
        for name in ("prompt", "map", "new", "channel", "inverted", "steps", "dice", "seed", "apply_button"):
            setattr(self, name, kit.find(f"sfumato_{name}"))
        for name in (
            "edit",
            "edit_help",
            "source",
            "find",
            "more",
            "tuner_fold",
            "tuner_reset",
            "finder_fold",
            "finder_reset",
        ):
            setattr(self, name, kit.find(f"sfumato_{name}"))
        for name in ("cancel_button", "progress", "message", "place_button", "status", "switch"):
            setattr(self, name, kit.find(f"sfumato_{name}"))
        self.prompt.setPlainText("a winter day, snow on the hills")
        self.dice.setChecked(False)
        self.seed.setValue(7)

    @property
    def busy(self) -> bool:
        return self.cancel_button.isEnabled()

    @property
    def says(self) -> str:
        return self.message.text()

    def canvas(self, width: int, height: int, model="RGBA", depth="U8", profile=SRGB, pixels: bytes = b""):
        """A new document in a window; grey-blue unless pixels are given."""
        document = self.app.createDocument(width, height, f"{width}x{height}", model, depth, profile, 72.0)
        self.app.activeWindow().addView(document)
        if pixels:
            document.rootNode().childNodes()[0].setPixelData(pixels, 0, 0, width, height)
            document.refreshProjection()
        return document

    def layer(self, document, pixels: bytes, x: int, y: int, width: int, height: int, name="map"):
        """A filled layer on top, chosen as the map."""
        node = document.createNode(name, "paintlayer")
        node.setPixelData(pixels, x, y, width, height)
        document.rootNode().addChildNode(node, None)
        return node

    def choose(self, name: str):
        """Wait for the chooser to know the layer, then choose it as a click would."""
        yield self.kit.until(lambda: self.map.findText(name) >= 0, f"{name} in the chooser", 5)
        index = self.map.findText(name)
        self.map.setCurrentIndex(index)
        self.map.activated.emit(index)

    def choose_edit(self, name: str) -> None:
        """As a click would."""
        index = self.edit.findText(name)
        if index < 0:
            raise LookupError(f"no edit is called {name}")
        self.edit.setCurrentIndex(index)
        self.edit.activated.emit(index)

    def knob(self, name: str):
        """A control of the fine tuning, "tuner_" or "finder_" and the parameter."""
        return self.kit.find(f"sfumato_{name}")

    def press_apply(self) -> None:
        self.apply_button.click()

    def until_done(self, what: str, seconds: float = 120):
        yield self.kit.until(lambda: not self.busy, what, seconds)

    def until_painting(self):
        yield self.kit.until(lambda: "step" in self.progress.text(), "the first step", 120)

    def names(self, document) -> list[str]:
        return [node.name() for node in document.rootNode().childNodes()]

    def server(self) -> dict:
        return json.loads((Path(os.environ["SFUMATO_HOME"]) / "server.json").read_text())

    def timed_apply(self, what: str):
        """Apply, wait for the end; notes seconds and the longest gap of the UI."""
        ticker, began = self.kit.ticker(), time.perf_counter()
        self.press_apply()
        yield from self.until_done(what)
        seconds, gap = round(time.perf_counter() - began, 2), round(ticker.stop(), 3)
        self.kit.note(f"{what}: seconds, longest gap", [seconds, gap])
        return gap


def children_of(pid: int) -> list[int]:
    """Processes started by a process, and theirs."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            child = int(stat.parent.name)
            found += [child, *children_of(child)]
    return found
