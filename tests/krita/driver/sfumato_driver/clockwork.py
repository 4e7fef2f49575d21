"""Where the UI thread's time goes while the plugin works: a tick each millisecond, a clock around each call into Krita
and into the plugin's own parts, and what the plugin's other threads computed meanwhile: for so long they may have kept
Python from the UI thread. Everything is wrapped from outside; the plugin knows nothing of it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections import defaultdict
from types import FunctionType

import krita

if "PyQt6.QtCore" in sys.modules:
    from PyQt6.QtCore import Qt, QTimer
else:
    from PyQt5.QtCore import Qt, QTimer

LIBKIS = ("Krita", "Document", "Node", "Selection", "View", "Window", "Canvas")
OURS = {  # what of the plugin is called on the UI thread, by module
    "controller": ("Controller",),
    "docker": ("Panel",),
    "host": ("Host", "Document"),
    "history": ("History",),
    "memory": ("Memory",),
    "results": ("Results",),
}
WORTH = 0.004  # seconds: shorter gaps are not kept


def _bound(descriptor):
    """Of sip, whose methods can only be called on something."""
    return lambda owner, *arguments, **named: descriptor.__get__(owner, type(owner))(*arguments, **named)


def _others() -> dict[str, float]:
    """Seconds of a processor that the plugin's other threads took so far."""
    threads = [t for t in threading.enumerate() if t.name.startswith("sfumato") and t.ident]
    return {t.name: time.clock_gettime(time.pthread_getcpuclockid(t.ident)) for t in threads}


class Clockwork:
    """Made once. `begin` and `end` enclose what is looked at."""

    def __init__(self) -> None:
        self._ui = threading.get_ident()
        with contextlib.suppress(AttributeError, OSError):  # for the superuser of a Linux
            # This thread never waits for a processor: what it waits for is in this process.
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        self._open: list[tuple[str, str, float, float]] = []  # calls: kind, name, when they began by both clocks
        self._spent = {"krita": 0.0, "ours": 0.0}  # seconds, without the calls inside of calls of the same kind
        self._krita_in_ours = 0.0
        self._last = self._cpu = 0.0  # of the last tick
        self._inside = 0.0  # of the processor, in either
        self._worked = 0.0  # of the processor, in the plugin's code alone
        self._calls: dict[str, float] = defaultdict(float)
        self.gaps: list[dict] = []
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(1)
        self._timer.timeout.connect(self._tick)
        for name in LIBKIS:
            kind = getattr(krita, name)
            for method in [m for m in vars(kind) if not m.startswith("_")]:
                call = vars(kind)[method]
                if type(call).__name__ == "methoddescriptor" and method not in ("instance", "krita"):
                    setattr(kind, method, self._timed(_bound(call), "krita", f"{name}.{method}"))
        for module, classes in OURS.items():
            for name in classes:
                kind = getattr(sys.modules[f"krita_sfumato.{module}"], name)
                for method, call in list(vars(kind).items()):
                    if isinstance(call, FunctionType) and not method.startswith("__"):
                        setattr(kind, method, self._timed(call, "ours", f"{module}.{method}"))

    def begin(self) -> None:
        self.gaps = []
        self._mark()
        self._timer.start()

    def end(self) -> list[dict]:
        """The gaps, the longest first."""
        self._timer.stop()
        return sorted(self.gaps, key=lambda gap: gap["gap"], reverse=True)

    # ------------------------------------------------------------------ inside

    def _mark(self) -> None:
        self._last, self._others = time.perf_counter(), _others()
        self._spent = {"krita": 0.0, "ours": 0.0}
        self._krita_in_ours = self._worked = self._inside = 0.0
        self._calls.clear()
        self._cpu = time.thread_time()

    def _tick(self) -> None:
        gap = time.perf_counter() - self._last - 0.001
        for at in range(len(self._open)):
            self._count(at)
        if gap > WORTH:
            # Outside of all that is wrapped the thread computes, which is Krita at its own work, or waits: for one of
            # the plugin's threads, for Krita's painting threads, or for a processor.
            elsewhere = max(0.0, time.thread_time() - self._cpu - self._inside)
            rest = max(0.0, gap - self._spent["ours"] - self._spent["krita"] + self._krita_in_ours - elsewhere)
            others = {name: now - self._others.get(name, now) for name, now in _others().items()}
            waits = min(rest, sum(others.values()))
            calls = sorted(self._calls.items(), key=lambda call: -call[1])[:4]
            calls += [(f"[{name}]", seconds) for name, seconds in others.items()]
            self.gaps.append(
                {
                    "gap": gap,
                    "own": self._worked + waits,
                    "work": self._worked,
                    "waits": waits,
                    "krita": self._spent["krita"],
                    "calls": {name: round(1000 * seconds, 1) for name, seconds in calls if seconds > 0.001},
                }
            )
        self._mark()

    def _timed(self, call, kind: str, name: str):
        def timed(*arguments, **named):
            if threading.get_ident() != self._ui:
                return call(*arguments, **named)
            self._open.append((kind, name, time.perf_counter(), time.thread_time()))
            try:
                return call(*arguments, **named)
            finally:
                self._count(len(self._open) - 1)
                self._open.pop()

        return timed

    def _count(self, at: int) -> None:
        """What passed since the last tick in one of the open calls. Krita lets the clock tick inside of some."""
        kind, name, began, worked = self._open[at]
        seconds = time.perf_counter() - max(began, self._last)
        worked = time.thread_time() - max(worked, self._cpu)
        self._calls[name] += seconds
        around = [other[0] for other in self._open[:at]]
        if kind in around:
            return
        self._spent[kind] += seconds
        if kind == "krita" and "ours" in around:
            self._krita_in_ours += seconds
            self._worked -= worked
        else:
            self._inside += worked
            self._worked += worked if kind == "ours" else 0.0
