"""What a scenario may use: waiting, finding widgets, making pictures, noting results, screenshots, a ticker."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

if "PyQt6.QtCore" in sys.modules:
    from PyQt6.QtCore import Qt, QTimer
    from PyQt6.QtWidgets import QApplication, QMessageBox, QWidget
else:
    from PyQt5.QtCore import Qt, QTimer
    from PyQt5.QtWidgets import QApplication, QMessageBox, QWidget

from krita import Krita


class TooLong(Exception):
    pass


@dataclass
class Until:
    condition: Callable[[], object]
    deadline: float
    what: str


class Ticker:
    """Ticks every 50 ms on the UI thread; the longest gap tells how long a painter's brush would have been stuck."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.last = time.perf_counter()
        self.timer = QTimer()
        self.timer.setInterval(50)
        self.timer.timeout.connect(self.tick)
        self.timer.start()

    def tick(self) -> None:
        now = time.perf_counter()
        self.longest = max(self.longest, now - self.last)
        self.last = now

    def stop(self) -> float:
        self.tick()
        self.timer.stop()
        return self.longest


class Kit:
    def __init__(self) -> None:
        self.app = Krita.instance()
        self.out = Path(os.environ["SFUMATO_SCENARIO_OUT"])
        self.results: dict[str, object] = {"krita": self.app.version(), "python": sys.version.split()[0]}
        self.failures: list[str] = []
        self.waiting: Until | None = None
        self.timer = QTimer()
        self.timer.setInterval(20)
        self.timer.timeout.connect(self._step)

    # ------------------------------------------------------------------ for scenarios

    def until(self, condition: Callable[[], object], what: str, seconds: float = 30.0) -> Until:
        return Until(condition, time.monotonic() + seconds, what)

    def note(self, name: str, value: object) -> None:
        self.results[name] = value
        print(f"[scenario] {name} = {value}", file=sys.stderr, flush=True)

    def check(self, name: str, ok: object, detail: object = "") -> None:
        self.note(name, bool(ok) if detail == "" else [bool(ok), str(detail)])
        if not ok:
            self.failures.append(f"{name}: {detail}")

    def find(self, name: str, kind: type = QWidget) -> QWidget:
        for top in QApplication.topLevelWidgets():
            found = top.findChild(kind, name)
            if found is not None:
                return found
        raise LookupError(f"no widget is called {name}")

    def has(self, name: str) -> bool:
        return any(top.findChild(QWidget, name) is not None for top in QApplication.topLevelWidgets())

    def resize(self, width: int, height: int) -> None:
        """The docker; its column of dockers with it."""
        window = self.app.activeWindow().qwindow()
        window.resizeDocks([self.docker()], [width], Qt.Orientation.Horizontal)
        window.resizeDocks([self.docker()], [height], Qt.Orientation.Vertical)

    def window(self, width: int = 1600, height: int = 1000) -> None:
        """A window of a fixed size with the Sfumato docker in sight."""
        window = self.app.activeWindow().qwindow()
        window.showNormal()
        window.setGeometry(0, 0, width, height)
        for docker in self.app.dockers():
            if docker.objectName() in ("PresetDocker", "PresetHistory"):
                docker.setVisible(False)
            elif docker.objectName() == "sfumato":
                docker.setVisible(True)
                docker.raise_()
                window.resizeDocks([docker], [440], Qt.Orientation.Vertical)

    def docker(self) -> QWidget:
        return next(d for d in self.app.dockers() if d.objectName() == "sfumato")

    def state(self) -> Path:
        """The plugin's state folder."""
        return Path(os.environ["SFUMATO_HOME"])

    def undo_text(self) -> str:
        return str(self.app.action("edit_undo").text())

    def bytes_of(self, document, name: str) -> bytes:
        """The document's own pixels as seen now, in its own depth; kept for the test to look at."""
        document.waitForDone()
        document.refreshProjection()
        data = bytes(document.pixelData(0, 0, document.width(), document.height()))
        (self.out / f"{name}.raw").write_bytes(data)
        return data

    def screenshot(self, name: str, widget: QWidget | None = None) -> None:
        target = widget or self.app.activeWindow().qwindow()
        target.grab().save(str(self.out / f"{name}.png"))

    def ticker(self) -> Ticker:
        return Ticker()

    def crash(self) -> None:
        """Krita dies, without a chance to tidy up."""
        self._write(None)
        os.kill(os.getpid(), signal.SIGKILL)

    def answer(self, word: str = "Yes") -> list[str]:
        """From now on that button is pressed in every box that asks something; what they asked."""
        asked: list[str] = []

        def look() -> None:
            box = QApplication.activeModalWidget()
            if isinstance(box, QMessageBox):
                asked.append(box.text())
                box.button(getattr(QMessageBox.StandardButton, word)).click()

        self.answers = QTimer()
        self.answers.setInterval(200)
        self.answers.timeout.connect(look)
        self.answers.start()
        return asked

    def quit(self) -> None:
        """Krita ends as when its window is closed: then it keeps its settings."""
        self._write(None)
        self.app.action("file_quit").trigger()

    # ------------------------------------------------------------------ machinery

    def begin(self) -> None:
        # Krita shows a dialog for what nobody caught, and waits.
        sys.excepthook = lambda *error: self._end("".join(traceback.format_exception(*error)))
        QTimer.singleShot(500, self._when_ready)

    def _when_ready(self) -> None:
        window = self.app.activeWindow()
        if window is None or not window.qwindow().isVisible():
            QTimer.singleShot(200, self._when_ready)
            return
        self.results["started_after_s"] = round(time.monotonic() - float(os.environ["SFUMATO_SCENARIO_T0"]), 1)
        try:
            spec = importlib.util.spec_from_file_location("scenario", os.environ["SFUMATO_SCENARIO"])
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            self.generator = module.scenario(self)
        except Exception:
            self._end(traceback.format_exc())
            return
        self.timer.start()

    def _step(self) -> None:
        if self.waiting is not None:
            try:
                if not self.waiting.condition():
                    if time.monotonic() < self.waiting.deadline:
                        return
                    error, self.waiting = TooLong(self.waiting.what), None
                    self._resume(lambda: self.generator.throw(error))
                    return
            except Exception:
                self._end(traceback.format_exc())
                return
            self.waiting = None
        self._resume(lambda: next(self.generator))

    def _resume(self, step: Callable[[], object]) -> None:
        # The scenario runs while the timer stands still: dialogs and event loops inside must not enter it again.
        self.timer.stop()
        try:
            wish = step()
        except StopIteration:
            self._end(None)
            return
        except Exception:
            self._end(traceback.format_exc())
            return
        if isinstance(wish, Until):
            self.waiting = wish
        elif wish:
            moment = time.monotonic() + float(wish)
            self.waiting = Until(lambda: time.monotonic() >= moment, moment + 60, "time itself")
        self.timer.start()

    def _end(self, error: str | None) -> None:
        if error:
            print(error, file=sys.stderr, flush=True)
            try:
                self.screenshot("error")
            except Exception:
                pass
        self._write(error)
        os._exit(0)  # a test host: nothing to save, no questions to answer

    def _write(self, error: str | None) -> None:
        report = {"results": self.results, "failures": self.failures, "error": error}
        (self.out / "report.json").write_text(json.dumps(report, indent=1, default=str), encoding="utf-8")
        sys.stderr.flush()
