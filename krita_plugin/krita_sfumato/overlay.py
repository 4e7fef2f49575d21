"""The heat over the canvas itself: a transparent widget that lies on Krita's own and lets every click through. It is no
layer: nothing of it comes into the document, its history or a file.

Only where Krita says how the canvas is turned and zoomed: 5.2 and newer.
"""

from __future__ import annotations

from typing import Any

from .map_look import Heat
from .qt import (
    QAbstractScrollArea,
    QEvent,
    QImage,
    QMdiArea,
    QObject,
    QPainter,
    QRectF,
    Qt,
    QTimer,
    QTransform,
    QWidget,
    sip,
)

FOLLOW = 250  # ms between looks at how the canvas is turned, when nothing else tells
SETTLE = 30  # ms after something did, so that Krita has moved first
OVER = 0.65  # how much of the heat is seen here: the brush's outline lies below it


def can_overlay(view: Any) -> bool:
    """view: libkis' View."""
    return hasattr(view, "flakeToCanvasTransform") and hasattr(view, "flakeToImageTransform")


class Overlay(QObject):
    """One in a window; follows the active view."""

    def __init__(self) -> None:
        super().__init__()
        self._sheet: Any = None
        self._view: Any = None
        self._timer = QTimer(self)
        self._timer.setInterval(FOLLOW)
        self._timer.timeout.connect(self._follow)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SETTLE)
        self._soon.timeout.connect(self._follow)

    def show_heat(self, window: Any, view: Any, heat: Heat, width: int, height: int) -> None:
        """window: Qt's main window; view: libkis' active one; width, height: the document's size."""
        canvas = canvas_of(window)
        if canvas is None or not can_overlay(view):
            self.hide()
            return
        if self._gone() or self._sheet.parent() is not canvas:
            self.hide()
            self._sheet = Sheet(canvas)
            canvas.installEventFilter(self)
        self._view = view
        self._sheet.show_heat(heat, width, height)
        self._follow()
        self._timer.start()

    def hide(self) -> None:
        self._timer.stop()
        self._soon.stop()
        if not self._gone():
            self._sheet.parent().removeEventFilter(self)
            self._sheet.hide()
            self._sheet.deleteLater()
        self._sheet = self._view = None

    def eventFilter(self, watched: QObject, event: Any) -> bool:
        """Looks only; every event goes on to Krita."""
        kinds = QEvent.Type
        if event.type() in (kinds.Resize, kinds.Wheel, kinds.MouseMove, kinds.TabletMove, kinds.KeyPress):
            if not self._soon.isActive():
                self._soon.start()
        return False

    def _gone(self) -> bool:
        """A canvas that is closed takes its sheet along."""
        return self._sheet is None or bool(sip.isdeleted(self._sheet))

    def _follow(self) -> None:
        if self._gone():
            self.hide()
            return
        canvas = self._sheet.parent()
        to_image = self._view.flakeToImageTransform().inverted()[0]
        self._sheet.follow(to_image * self._view.flakeToCanvasTransform(), canvas.rect())


class Sheet(QWidget):
    """The heat as it lies on the canvas."""

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self.setObjectName("sfumato_heat_on_canvas")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._image: QImage | None = None
        self._bytes = b""
        self._target = QRectF()
        self._transform = QTransform()
        self.setGeometry(canvas.rect())
        self.show()

    def show_heat(self, heat: Heat, width: int, height: int) -> None:
        self._bytes = heat.heat
        self._target = QRectF(0, 0, width, height)
        kind = QImage.Format.Format_ARGB32_Premultiplied
        self._image = QImage(heat.heat, heat.width, heat.height, 4 * heat.width, kind)
        self.update()

    def follow(self, transform: QTransform, room: Any) -> None:
        """transform: pixels of the document -> pixels of the canvas widget."""
        if self.geometry() != room:
            self.setGeometry(room)
        if transform != self._transform:
            self._transform = transform
            self.update()

    def paintEvent(self, _: Any) -> None:
        if self._image is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setOpacity(OVER)
        painter.setTransform(self._transform, True)
        painter.drawImage(self._target, self._image)


def canvas_of(window: Any) -> QWidget | None:
    """The widget on which Krita draws the active view."""
    area = window.findChild(QMdiArea)
    sub = area.activeSubWindow() if area is not None else None
    if sub is None:
        return None
    for scroller in sub.findChildren(QAbstractScrollArea):
        if scroller.metaObject().className() == "KisCanvasController":
            children = [child for child in scroller.viewport().children() if isinstance(child, QWidget)]
            drawn = [child for child in children if "Canvas" in child.metaObject().className()]
            return drawn[0] if drawn else None
    return None
