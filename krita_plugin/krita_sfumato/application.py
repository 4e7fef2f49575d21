"""Puts the parts together: one controller and one client for all of Krita's windows, and the timers that drive them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from .backend import Backend
from .client import Client
from .controller import Controller
from .docker import Panel
from .host import Host
from .mishaps import Guard
from .qt import QObject, Qt, QTimer, pyqtSignal
from .vendor.sfumato_wire.rendezvous import LOGS, state_folder

VERSION = "0.1.0"
NEWS_DELAY = 15  # ms: news of the client are shown at most that often
STEP_DELAY = 5  # ms between the steps of an edit: room for the painter's brush
WATCH = 500  # ms between looks at layers and backend


class Application(QObject):
    woken = pyqtSignal()  # emitted on the client's thread, arrives on the UI thread

    def __init__(self) -> None:
        super().__init__()
        home = Path(state_folder(os.environ, sys.platform, os.path.expanduser("~")))
        self.host = Host()
        self._panels: list[Panel] = []
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="sfumato-pixels")
        self.client = Client(home, self.woken.emit, f"krita-sfumato {VERSION} in Krita {self.host.version()}")
        self.backend = Backend(home, os.environ)
        self.controller = Controller(self.host.document, self.client, self.backend, self._pool.submit, str(home / LOGS))
        self.guard = Guard(home / LOGS, self._mishap, self._mishap_beside)
        # Krita tells nobody when layers change, so look: cheap, and only while a docker is seen.
        self.refresh = self.guard.again_and_again(self._refresh)
        self._show = self.guard.again_and_again(self._show_view)
        self._news = self._timer(NEWS_DELAY, self._hear, once=True)
        self._work = self._timer(STEP_DELAY, self._step)
        self._watch = self._timer(WATCH, self.refresh)
        self.woken.connect(self._news.start, Qt.ConnectionType.QueuedConnection)
        self._watch.start()
        self.client.start()
        self.host.when_closing(self.guard.beside(self._close))

    def attach(self, panel: Panel) -> None:
        """A docker of one of Krita's windows."""
        self._panels.append(panel)
        panel.destroyed.connect(lambda *_: self._panels.remove(panel))
        work, beside = self.guard, self.guard.beside
        for signal, guard, call in (
            (panel.footer.apply, work, lambda: self.controller.apply(panel.settings())),
            (panel.maps.find_map, work, lambda: self.controller.apply(panel.settings(), "map")),
            (panel.footer.cancel, work, self.controller.cancel),
            (panel.footer.place, beside, self.controller.place),
            (panel.footer.start, beside, self.controller.start),
            (panel.footer.stop, beside, self.controller.stop),
            (panel.maps.new.clicked, beside, self.controller.new_map),
            (panel.maps.chosen, beside, lambda: self._choose_map(panel)),
            (panel.maps.read, beside, lambda: self._read_map(panel)),
            (panel.changed, beside, lambda: self._remember(settings=panel.settings())),
        ):
            for slot in (guard(call), self._show, self.refresh):
                signal.connect(slot)
        self.refresh()

    # ------------------------------------------------------------------ inside

    def _timer(self, delay: int, call: Callable[[], None], once: bool = False) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(delay)
        timer.setSingleShot(once)
        timer.timeout.connect(self.guard(call))
        return timer

    def _refresh(self) -> None:
        self.controller.watch()
        self._show()
        panels = [panel for panel in self._panels if panel.isVisible()]
        if panels:
            document = self.host.document()
            layers = document.layers() if document is not None else []
            note = self.controller.memory.of(document)
            choice = note.choice([layer.id for layer in layers])
            for panel in panels:
                panel.show_map(layers, choice)
                panel.show_settings(note.settings)

    def _remember(self, **changes: Any) -> None:
        """What the painter chose for the picture."""
        self.controller.memory.change(self.host.document(), **changes)

    def _choose_map(self, panel: Panel) -> None:
        note = self.controller.memory.of(self.host.document())
        self._remember(choices=note.choosing_layer(panel.maps.map.current(), panel.maps.choice()))

    def _read_map(self, panel: Panel) -> None:
        self._remember(choices=self.controller.memory.of(self.host.document()).choosing(panel.maps.choice()))

    def _hear(self) -> None:
        for event in self.client.events():
            self.guard(partial(self.controller.hear, event))()  # one that fails does not take others along
        self._show()

    def _step(self) -> None:
        self.controller.advance()
        if not self.controller.is_working:
            self._work.stop()
            self.refresh()  # what came is perhaps a map
        self._show()

    def _show_view(self) -> None:
        if self.controller.is_working and not self._work.isActive():
            self._work.start()
        for panel in self._panels:
            panel.show_view(self.controller.view)

    def _mishap(self, log: str) -> None:
        self.controller.mishap(log)
        self._show()

    def _mishap_beside(self, log: str) -> None:
        self.controller.mishap_beside(log)
        self._show()

    def _close(self) -> None:
        self._watch.stop()
        self._work.stop()
        self.client.close()
        if not self.client.is_awaiting():
            self.backend.stop_ours()
        self._pool.shutdown(wait=False)
