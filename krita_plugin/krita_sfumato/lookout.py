"""Keeps the docker's picture of the map true: looks when something was painted or chosen, and shows what comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import tuning
from .host import Document, Host
from .interfaces import Compute
from .map_look import Heat, Preview, Reading
from .noticing import Noticing
from .overlay import Overlay, can_overlay
from .qt import QObject, QTimer
from .settings import Settings
from .state import View
from .strengths import strengths_sentence
from .vendor.sfumato_wire import strengths

STEP = 5  # ms between the steps of a look
Said = tuple[str, bool]  # a sentence, and whether it is a warning


class Lookout(QObject):
    def __init__(self, host: Host, compute: Compute, guard: Any, changed: Callable[[], None]) -> None:
        """guard: of what timers call; changed: called when there is something else to show."""
        super().__init__()
        self.heat: Heat | None = None
        self.said: Said = ("", False)
        self.can_overlay = False
        self._host, self._changed = host, changed
        self._look = Preview(compute, self._made)
        self._overlay = Overlay()
        self._is_on_canvas = False
        self._document: Document | None = None
        self._at: tuple[str, str, int, int] | None = None  # document, layer, size
        self._glanced: int | None = None
        self._changes = 0  # that were noticed
        self._noticing = Noticing(self)
        self._noticing.painted.connect(guard(self._forget_glance))
        self._timer = QTimer(self)
        self._timer.setInterval(STEP)
        self._timer.timeout.connect(guard(self._advance))

    def watch(self, document: Document | None, settings: Settings, view: View) -> None:
        """Twice a second, while the picture is seen."""
        window = self._host.window()
        if window is not None:
            self._noticing.watch(window)
            self.can_overlay = can_overlay(self._host.view())
        if document is None:
            self._look.forget()
            self._at = self._glanced = self.heat = None
            self._overlay.hide()
            return
        choice = settings.map
        self._look.read(Reading(choice.levels, round(settings.strength * 10), choice.soften, choice.alpha_only))
        at = (document.id, choice.layer, *document.size())
        if at != self._at or self._glanced is None:
            self._see(document, at)
        elif not self._look.is_working and document.is_idle() and document.glance(choice.layer) != self._glanced:
            self._see(document, at)
        self.said = self._sentence(settings, view)
        if self._look.is_working:
            self._timer.start()

    def show_on_canvas(self, is_on: bool) -> None:
        self._is_on_canvas = is_on
        self._lay_over()

    def stop(self) -> None:
        """Nobody looks. A look under way is taken anew when somebody does."""
        self._timer.stop()
        if self._look.give_up():
            self._glanced = None
        self._overlay.hide()

    # ------------------------------------------------------------------ inside

    def _see(self, document: Document, at: tuple[str, str, int, int]) -> None:
        if not document.is_open() or not document.is_idle():
            return
        self._document = document
        if self._at is None or at[:2] != self._at[:2]:
            self.heat = None
        self._at, self._glanced = at, document.glance(at[1])
        self._look.see(document.look(at[1]))

    def stamp(self, document: Document | None, layer: str) -> tuple[int, int]:
        """What changes with what is seen of the picture and of that map."""
        return self._changes, document.glance(layer) if document is not None and document.is_idle() else 0

    def _forget_glance(self) -> None:
        self._glanced = None
        self._changes += 1

    def _advance(self) -> None:
        if self._document is not None and not self._document.is_open():
            self._look.forget()  # libkis answers for it still, but with nothing
        self._look.advance()
        if not self._look.is_working:
            self._timer.stop()

    def _made(self, heat: Heat) -> None:
        self.heat = heat
        self._lay_over()
        self._changed()

    def _lay_over(self) -> None:
        window, view = self._host.window(), self._host.view()
        if self._is_on_canvas and self.heat is not None and self._at is not None and window is not None:
            self._overlay.show_heat(window, view, self.heat, *self._at[2:])
        else:
            self._overlay.hide()

    def _sentence(self, settings: Settings, view: View) -> Said:
        """How many strengths come of it, once the backend has said how it counts."""
        info = next((info for info in view.edits if info.id == settings.edit), next(iter(view.edits), None))
        model = next((one for one in view.models if one.id == settings.model), next(iter(view.models), None))
        if self.heat is None or not settings.map.layer or info is None or model is None:
            return "", False
        values = tuning.values_for(settings.tuning, info, "edit")
        steps, strength = settings.steps or model.steps, round(settings.strength * 10)
        painted, kind = len({change for change in self.heat.asked if change}), info.greys_with(values)
        count = strengths(kind, steps, strength, self.heat.asked, model.rounding)
        return strengths_sentence(
            count, steps, str(values.get("release", "")), min(painted, 1) if kind == "one" else painted
        )
