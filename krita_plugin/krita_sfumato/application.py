"""Puts the parts together: one controller and one client for all of Krita's windows, and the timers that drive them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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
        self.guard = Guard(home / LOGS, self._mishap)
        self._news = self._timer(NEWS_DELAY, self._hear, once=True)
        self._work = self._timer(STEP_DELAY, self._step)
        self._watch = self._timer(WATCH, self.refresh)
        self.woken.connect(self._news.start, Qt.ConnectionType.QueuedConnection)
        self._watch.start()
        self.client.start()
        self.host.when_closing(self.guard(self._close))

    def attach(self, panel: Panel) -> None:
        """A docker of one of Krita's windows."""
        self._panels.append(panel)
        panel.destroyed.connect(lambda *_: self._panels.remove(panel))
        act = self._acting
        panel.footer.apply.connect(act(lambda: self.controller.apply(panel.settings())))
        panel.find_map.connect(act(lambda: self.controller.apply(panel.settings(), "map")))
        panel.footer.cancel.connect(act(self.controller.cancel))
        panel.footer.place.connect(act(self.controller.place))
        panel.footer.start.connect(act(self.controller.start))
        panel.footer.stop.connect(act(self.controller.stop))
        panel.new_map.connect(act(self._new_map))
        panel.map_chosen.connect(self.guard(lambda: self._remember(chosen=panel.map.current())))
        panel.edit_chosen.connect(self.guard(lambda: self._remember(**panel.choice())))
        self.refresh()

    def refresh(self) -> None:
        """Krita tells nobody when layers change, so look: cheap, and only while a docker is seen."""
        self.guard(self._refresh)()

    # ------------------------------------------------------------------ inside

    def _timer(self, delay: int, call: Callable[[], None], once: bool = False) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(delay)
        timer.setSingleShot(once)
        timer.timeout.connect(self.guard(call))
        return timer

    def _acting(self, call: Callable[[], object]) -> Callable[..., None]:
        def act() -> None:
            call()
            self._show()

        return self.guard(act)

    def _refresh(self) -> None:
        self.controller.watch()
        panels = [panel for panel in self._panels if panel.isVisible()]
        if panels:
            document = self.host.document()
            layers = document.layers() if document is not None else []
            note = self.controller.memory.of(document)
            for panel in panels:
                panel.show_layers(layers, note.chosen)
                panel.show_edit(note.edit, note.tuning)
        self._show()

    def _remember(self, **changes: Any) -> None:
        """What the painter chose for the picture."""
        self.controller.memory.change(self.host.document(), **changes)

    def _new_map(self) -> None:
        self.controller.new_map()
        self._refresh()

    def _hear(self) -> None:
        for event in self.client.events():
            self.controller.hear(event)
        self._show()

    def _step(self) -> None:
        self.controller.advance()
        if not self.controller.is_working:
            self._work.stop()
            self._refresh()  # what came is perhaps a map
        self._show()

    def _show(self) -> None:
        if self.controller.is_working and not self._work.isActive():
            self._work.start()
        for panel in self._panels:
            panel.show_view(self.controller.view)

    def _mishap(self, log: str) -> None:
        self.controller.mishap(log)
        self._show()

    def _close(self) -> None:
        self._watch.stop()
        self._work.stop()
        self.client.close()
        if not self.client.is_awaiting():
            self.backend.stop_ours()
        self._pool.shutdown(wait=False)
