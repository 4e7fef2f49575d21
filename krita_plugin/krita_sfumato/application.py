"""Puts the parts together: one controller and one client for all of Krita's windows, and the timers that drive them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from . import diagnostics, language, sentences, thumbs
from .backend import Backend
from .beside import beside
from .client import Client
from .controller import Controller
from .docker import Panel
from .drafting import waited
from .host import Document, Host
from .interfaces import SELECTION
from .lookout import Lookout
from .making import Sources
from .memory import Note
from .mishaps import Guard
from .presets import Presets
from .qt import QT_VERSION_STR, QDesktopServices, QGuiApplication, QObject, QSysInfo, Qt, QTimer, QUrl, pyqtSignal
from .queue import Steps
from .remote import RemoteBackend
from .results import Results
from .standing import Standing, standing
from .vendor.sfumato_wire.rendezvous import LOGS, state_folder
from .wiring import wire

VERSION = "0.1.0"
NEWS_DELAY = 15  # ms: news of the client are shown at most that often
STEP_DELAY = 2  # ms between the steps of an edit: room for the painter's brush
WAIT_DELAY = 250  # ms between looks at what an edit waits for
WATCH = 500  # ms between looks at layers and backend


class Application(QObject):
    woken = pyqtSignal()  # emitted on the client's thread, arrives on the UI thread

    def __init__(self) -> None:
        super().__init__()
        home = Path(state_folder(os.environ, sys.platform, os.path.expanduser("~")))
        self.home, self.logs = home, home / LOGS
        self.host = Host()
        self.presets = Presets(home)
        self._panels: list[Panel] = []
        self._stood: tuple[object, ...] = ()
        self._refreshes = 0
        self._seen = ""  # the picture that the painter looked at
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="sfumato-pixels")
        self.client = Client(home, self.woken.emit, f"krita-sfumato {VERSION} in Krita {self.host.version()}")
        self.backend, self.remote = Backend(home, os.environ), RemoteBackend(home)
        self.compute = self._pool.submit
        results = Results(self._pool.submit, thumbs.thumbnail, thumbs.large)
        self.controller = Controller(
            self.host.document, self.client, self.backend, self._pool.submit, results, str(self.logs)
        )
        self.guard = Guard(self.logs, self._mishap, self._mishap_beside)
        self.lookout = Lookout(self.host, self.compute, self.guard.beside, self._show_heat)
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
        wire(self, panel)
        panel.styles.show_presets(self.presets.names())
        self.refresh()

    # ------------------------------------------------------------------ for what is pressed

    def document_id(self) -> str:
        """Of the active picture, "" for none."""
        document = self.host.document()
        return document.id if document is not None else ""

    def note(self) -> Note:
        """What the active picture remembers."""
        return self.controller.memory.of(self.host.document())

    def remember(self, **changes: Any) -> None:
        """What the painter chose for the picture."""
        self.controller.memory.change(self.host.document(), **changes)

    def show_all(self, *_: Any) -> None:
        """Anew, once what was pressed is dealt with: the next press goes by what is shown."""
        self._show()
        self.refresh()

    def copy_diagnostics(self, say: Callable[[str], None]) -> None:
        control = self.controller
        facts = diagnostics.Facts(
            plugin=VERSION,
            krita=self.host.version(),
            qt=QT_VERSION_STR,
            system=QSysInfo.prettyProductName(),
            link=control.view.link,
            standing=self._standing().text,
            is_remote=self.remote.is_set,
            language=language.now,
            welcome=control.backend.welcome,
            said=control.said,
            settings=self.note().settings,
        )

        def report() -> str:
            return diagnostics.report(facts, self.logs, os.path.expanduser("~"), diagnostics.tokens(self.home))

        def steps() -> Steps:
            text = yield from waited(self._pool.submit(report), "showing")
            QGuiApplication.clipboard().setText(text)
            say(sentences.COPIED)

        control.do(steps())

    def open_log(self, say: Callable[[str], None]) -> None:
        if not self.logs.is_dir() or not QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.logs))):
            say(sentences.NO_LOG)

    # ------------------------------------------------------------------ inside

    def _timer(self, delay: int, call: Callable[[], None], once: bool = False) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(delay)
        timer.setSingleShot(once)
        timer.timeout.connect(self.guard(call))
        return timer

    def _refresh(self) -> None:
        """A look at the painter's document."""
        self._refreshes += 1
        this = self._refreshes
        panels = [panel for panel in self._panels if panel.isVisible()]
        if not panels:
            self.lookout.stop()
            self.controller.watch()
            self._show()
            return
        document = self.host.document()
        seen = document.id if document is not None else ""
        if seen != self._seen:
            self._seen = seen
            self.controller.turn_to_another()
        layers = document.layers() if document is not None else []
        note = self.controller.memory.of(document)
        choice = note.choice([layer.id for layer in layers] + ([SELECTION] if document is not None else []))
        stamp = self.lookout.stamp(document, choice.layer) if self.controller.live.is_on else None
        self.controller.watch(document, replace(note.settings, map=choice), stamp)
        if document is not None and document.is_modified() and document.is_idle():
            self.controller.memory.keep(document)  # it will be saved anyway, and is not marked by it
        standing, names = self._standing(), {layer.id for layer in layers}
        tiles = self.controller.tiles(document, names)
        can_replace = document is not None and tiles != () and self.controller.results.last_layer(document, names) != ""
        sources = _sources(document, layers, note, choice.layer, self.controller.maps_at_work(document))
        discarded = len(self.controller.results.of(document).removed) if document is not None else 0
        if this != self._refreshes:
            return  # Krita handled an event inside of one of its calls: what that changed is shown already
        for panel in panels:
            panel.document = document.id if document is not None else ""
            panel.show_map(layers, choice)
            panel.maps.menu.show_sources(sources)
            panel.show_settings(note.settings)
            panel.footer.row.show_abilities(document is not None and document.can_mask(), can_replace)
            panel.footer.status_line.show_standing(standing)
            panel.show_results(tiles, can_replace, discarded)
        if any(panel.map_preview.isVisible() for panel in panels):
            self.lookout.watch(document, replace(note.settings, map=choice), self.controller.view)
        else:
            self.lookout.stop()
        self._show_heat()
        self._show()

    def _show_heat(self) -> None:
        look = self.lookout
        for panel in self._panels:
            panel.show_heat(look.heat, look.said, look.can_overlay)

    def _standing(self) -> Standing:
        view, welcome = self.controller.view, self.controller.backend.welcome
        return standing(
            view.link,
            view.link_sentence,
            welcome.device if welcome else "",
            view.task_stage,
            view.model,
            len(welcome.models) if welcome else 1,
            view.busy,
            self.remote.address,
            self.remote.has_token,
        )

    def _hear(self) -> None:
        self._work.setInterval(STEP_DELAY)
        for event in self.client.events():
            self.guard(partial(self.controller.hear, event))()  # one that fails does not take others along
        self._show()

    def _step(self) -> None:
        self.controller.advance()
        delay = WAIT_DELAY if self.controller.is_waiting else STEP_DELAY
        if self._work.interval() != delay:
            self._work.setInterval(delay)
        if not self.controller.is_working:
            self._work.stop()
            self.refresh()  # what came is perhaps a map
        self._show()

    def _show_view(self) -> None:
        if self.controller.is_working and not self._work.isActive():
            self._work.start()
        view = self.controller.view
        for panel in self._panels:
            panel.show_view(view)
        stood = (view.link, view.link_sentence, view.busy, view.task_stage)
        if stood != self._stood:  # at once: what the switch does depends on it
            self._stood, standing = stood, self._standing()
            for panel in self._panels:
                panel.footer.status_line.show_standing(standing)

    def _mishap(self, log: str) -> None:
        self.controller.mishap(log)
        self._show()

    def _mishap_beside(self, log: str) -> None:
        self.controller.mishap_beside(log)
        self._show()

    def _close(self) -> None:
        self._watch.stop()
        self.lookout.stop()
        self._work.stop()
        self.controller.live.turn(False)
        self.client.close()
        if not self.client.is_awaiting():
            self.backend.stop_ours()
        self._pool.shutdown(wait=False)


def _sources(document: Document | None, layers: Sequence[Any], note: Note, chosen: str, at_work: set[str]) -> Sources:
    """What a map can be made of."""
    if document is None:
        return Sources()
    layer, name = document.active()
    return Sources(True, document.has(SELECTION), layer, name, beside(layers, layer, note, chosen, at_work))
