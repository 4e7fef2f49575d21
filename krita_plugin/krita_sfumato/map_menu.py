"""The menu of the "+" button: where a new map comes from, and whether a layer is part of the picture. It knows nothing:
it shows what there is, and says what was chosen."""

from __future__ import annotations

from functools import partial
from typing import Any

from . import sentences
from .making import Sources
from .qt import QMenu, QWidget, pyqtSignal

RADII = (8, 16, 32, 64, 128, 256)  # pixels
LONGEST = 24  # letters of a layer's name


class MapMenu(QMenu):
    new_empty = pyqtSignal()
    from_selection = pyqtSignal()
    falloff = pyqtSignal(str, int, bool)  # layer, radius in pixels, inwards
    from_brightness = pyqtSignal(str, str)  # layer, one of `curves.PRESETS`
    leave_out = pyqtSignal(str, bool)  # layer, whether it is to be no part of the picture

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sfumato_map_menu")
        self._sources = Sources()
        self.setToolTipsVisible(True)
        self._empty = self._entry(self, sentences.MAP_MENU_EMPTY, sentences.TIP_NEW_MAP, self.new_empty.emit)
        self.addSeparator()
        self._selection = self._entry(self, sentences.MAP_MENU_SELECTION, "", self.from_selection.emit)
        self._around, self._inside, self._brightness = (QMenu(self) for _ in range(3))
        self._submenus = (
            (self._around, sentences.MAP_MENU_AROUND),
            (self._inside, sentences.MAP_MENU_INSIDE),
            (self._brightness, sentences.MAP_MENU_BRIGHTNESS),
        )
        for menu, _ in self._submenus:
            menu.setToolTipsVisible(True)
            self.addMenu(menu)
        for menu, about, inwards in (
            (self._around, sentences.TIP_MAP_MENU_AROUND, False),
            (self._inside, sentences.TIP_MAP_MENU_INSIDE, True),
        ):
            for radius in RADII:
                text = sentences.MAP_MENU_RADIUS.format(radius=radius)
                self._entry(menu, text, about, partial(self._choose_falloff, radius, inwards))
        for preset, text in sentences.MAP_MENU_PRESETS.items():
            about = sentences.TIP_MAP_MENU_PRESETS[preset]
            self._entry(self._brightness, text, about, partial(self._choose_brightness, preset))
        self.addSeparator()
        self._beside = self._entry(self, "", "", self._choose_beside)
        self._beside.setCheckable(True)
        self._show()

    def show_sources(self, sources: Sources) -> None:
        """What there is now. Never while it is open: an entry must not turn into another one under the hand."""
        if sources != self._sources and not self.isVisible():
            self._sources = sources
            self._show()

    def _show(self) -> None:
        said = self._sources
        name = sentences.short(said.name, LONGEST).replace("&", "&&")
        layer = sentences.MAP_MENU_LAYER.format(name=name) if said.layer else sentences.MAP_MENU_ANY_LAYER
        self._empty.setEnabled(said.has_document)
        self._empty.setToolTip(sentences.TIP_NEW_MAP if said.has_document else sentences.NO_DOCUMENT)
        self._selection.setEnabled(said.has_document and said.has_selection)
        about = sentences.TIP_MAP_MENU_SELECTION if said.has_selection else sentences.NONE_SELECTED
        self._selection.setToolTip(about if said.has_document else sentences.NO_DOCUMENT)
        for menu, text in self._submenus:
            menu.setTitle(text.format(layer=layer))
            menu.setEnabled(said.has_document and bool(said.layer))
            missing = sentences.TIP_MAP_MENU_NO_LAYER if said.has_document else sentences.NO_DOCUMENT
            menu.menuAction().setToolTip("" if menu.isEnabled() else missing)
        about = sentences.WHY_BESIDE.get(said.beside.why, sentences.TIP_MAP_MENU_BESIDE)
        beside = sentences.MAP_MENU_BESIDE.format(name=name) if said.layer else sentences.MAP_MENU_BESIDE_ANY
        self._beside.setText(beside)
        self._beside.setChecked(said.beside.is_beside)
        self._beside.setEnabled(not said.beside.why)
        self._beside.setToolTip(about if said.has_document else sentences.NO_DOCUMENT)

    def _choose_falloff(self, radius: int, inwards: bool) -> None:
        self.falloff.emit(self._sources.layer, radius, inwards)

    def _choose_brightness(self, preset: str) -> None:
        self.from_brightness.emit(self._sources.layer, preset)

    def _choose_beside(self) -> None:
        self.leave_out.emit(self._sources.layer, self._beside.isChecked())
        self._show()  # what counts is what came of it, not the tick that Qt has set

    @staticmethod
    def _entry(menu: QMenu, text: str, about: str, call: Any) -> Any:
        action = menu.addAction(text)
        action.setToolTip(about)
        action.triggered.connect(lambda *_: call())
        return action
