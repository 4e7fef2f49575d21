"""The map's preview in real Krita: what is read, in documents of every kind, what it costs and that it leaves no trace;
how a stroke is noticed; the widget under mouse and keys, wide and narrow; the heat over the canvas where Krita can."""

import os
import shutil
import struct
import subprocess
import sys
import time

from krita import Selection
from krita_sfumato import looking, sentences
from krita_sfumato.heat import painted
from krita_sfumato.host import Host
from krita_sfumato.lookout import Lookout
from krita_sfumato.map_look import Preview, Reading
from krita_sfumato.map_preview import MapPreview
from krita_sfumato.noticing import Noticing, glance
from krita_sfumato.overlay import Overlay, can_overlay, canvas_of
from krita_sfumato.qt import (
    QApplication,
    QByteArray,
    QDockWidget,
    QEvent,
    QMouseEvent,
    QPoint,
    QPointF,
    Qt,
    QWheelEvent,
)
from krita_sfumato.settings import Choice, Settings
from krita_sfumato.state import View
from krita_sfumato.strengths import strengths_sentence
from krita_sfumato.tree import id_of
from krita_sfumato.vendor.sfumato_wire import Levels
from sfumato_driver.painter import GREY, LINEAR, SRGB, Painter

if "PyQt6.QtCore" in sys.modules:
    from PyQt6.QtTest import QTest
else:
    from PyQt5.QtTest import QTest

KINDS = (
    ("RGBA", "U8", SRGB),
    ("RGBA", "U16", SRGB),
    ("RGBA", "F32", LINEAR),
    ("GRAYA", "U8", GREY),
    ("GRAYA", "U16", GREY),
    ("CMYKA", "U8", "Chemical proof"),
)
BLOCK = (100, 60, 200, 120)  # x, y, width, height of what is painted


def scenario(kit):
    kit.window()
    yield 1
    painter = Painter(kit)
    yield from every_kind(kit, painter)
    yield from every_layer(kit, painter)
    yield from given_up(kit, painter)
    yield from costs(kit, painter)
    yield from noticed(kit, painter)
    yield from widget(kit, painter)


# ---------------------------------------------------------------------- reading


def taken(kit, document, node, steps=None):
    """All of a look at once; the times that its steps take this thread, in milliseconds."""
    walk, times = looking.look(kit.app, document, node), []
    while True:
        began = time.thread_time()
        try:
            next(walk)
        except StopIteration as end:
            if steps is not None:
                steps.extend(times)
            return end.value
        times.append(1000 * (time.thread_time() - began))


def native(kit, document, bgra, width, height):
    """8-bit sRGB pixels in the document's own colour space."""
    maker = kit.app.createDocument(1, 1, "maker", "RGBA", "U8", SRGB, 72.0)
    node = maker.createNode("pixels", "paintlayer")
    node.setPixelData(QByteArray(bgra), 0, 0, width, height)
    node.setColorSpace(document.colorModel(), document.colorDepth(), document.colorProfile())
    maker.waitForDone()
    raw = bytes(node.pixelData(0, 0, width, height))
    maker.setModified(False)
    maker.close()
    return raw


def at(look, data, x, y):
    """The small pixel at a place of the document."""
    place = 4 * (int(y / look.scale) * look.width + int(x / look.scale))
    return tuple(data[place : place + 4])


def every_kind(kit, painter):
    """A block that covers part of the canvas, half opaque on the right; half a layer above a picture."""
    x, y, width, height = BLOCK
    line = bytes([90, 90, 90, 255]) * (width // 2) + bytes([200, 200, 200, 128]) * (width // 2)
    for kind in KINDS:
        name = " ".join(kind[:2])
        document = painter.canvas(900, 400, *kind)
        ground = document.rootNode().childNodes()[0]
        ground.setPixelData(native(kit, document, bytes([40, 120, 200, 255]) * 360_000, 900, 400), 0, 0, 900, 400)
        node = document.createNode("map", "paintlayer")
        node.setPixelData(QByteArray(native(kit, document, line * height, width, height)), x, y, width, height)
        node.setOpacity(128)
        document.rootNode().addChildNode(node, None)
        document.waitForDone()
        document.refreshProjection()
        yield 0.5
        document.setModified(False)
        undo, documents = kit.undo_text(), len(kit.app.documents())
        look = taken(kit, document, node)
        heights = (look.width, look.height, len(look.layer), len(look.sample), len(look.picture))
        kit.check(f"{name}: size", heights == (256, 114, 256 * 114 * 4, 256 * 114 * 4, 256 * 114 * 4), heights)
        near = 6 if kind[0] == "CMYKA" else 1  # the greys are made in another gamut before they are read
        found = [at(look, look.layer, *place) for place in ((150, 120), (250, 120), (20, 20), (310, 120), (800, 390))]
        wanted = [(90, 90, 90, 255), (200, 200, 200, 128), None, None, None]
        for pixel, want in zip(found, wanted, strict=True):
            far = pixel[3] if want is None else max(abs(a - b) for a, b in zip(pixel, want, strict=True))
            kit.check(f"{name}: {want}", far <= (near + 8 if kind[0] == "CMYKA" and want else near), pixel)
        covered = sum(1 for a in look.sample[3::4] if a)
        kit.check(f"{name}: sample covers", abs(covered / (256 * 114) - 24_000 / 360_000) < 0.004, covered)
        below = at(look, look.picture, 800, 390)
        seen = (141, 141, 141, 255) if kind[0] == "GRAYA" else (40, 120, 200, 255)
        kit.check(f"{name}: picture", max(abs(a - b) for a, b in zip(below, seen, strict=True)) <= 30, below)
        # A linear document mixes in other ways, and a colour space for print too: there the map stays in the picture.
        kit.check(f"{name}: veil", look.veil == (0 if kind[0] == "CMYKA" or kind[2] == LINEAR else 128), look.veil)
        yield 0.3
        now = [document.modified(), kit.undo_text()]
        kit.check(f"{name}: no trace", now == [False, undo], now)
        document.setModified(False)
        kit.check(f"{name}: no document left", len(kit.app.documents()) == documents)
        document.close()
        yield 0.2


def every_layer(kit, painter):
    """Hidden ones, groups, masks, layers of another colour space, colours, beyond the canvas, nothing at all."""
    document = painter.canvas(640, 480)
    root = document.rootNode()
    group = document.createGroupLayer("group")
    root.addChildNode(group, None)
    inside = document.createNode("inside", "paintlayer")
    inside.setPixelData(QByteArray(bytes([0, 0, 255, 255]) * 40_000), -100, -100, 200, 200)
    group.addChildNode(inside, None)
    document.waitForDone()
    group.setVisible(False)
    look = taken(kit, document, group)
    kit.check("hidden group", at(look, look.layer, 50, 50) == (0, 0, 255, 255), at(look, look.layer, 50, 50))
    kit.check("red is not half white", abs(painted(at_bytes(look, 50, 50))[0] - 130) <= 1)
    kit.check("beyond its pixels", at(look, look.layer, 120, 50)[3] == 0, at(look, look.layer, 120, 50))
    kit.check("hidden: no veil", look.veil == 0, look.veil)

    empty = painter.layer(document, b"", 0, 0, 0, 0, "empty")
    look = taken(kit, document, empty)
    kit.check("empty", not any(look.layer) and not any(look.sample))
    look = taken(kit, document, None)
    kit.check("no map", not any(look.layer) and any(look.picture))

    selection = Selection()
    selection.setPixelData(QByteArray(bytes([70]) * 640 * 480), 0, 0, 640, 480)
    mask = document.createSelectionMask("mask")
    mask.setSelection(selection)
    root.childNodes()[0].addChildNode(mask, None)
    look = taken(kit, document, mask)
    kit.check(
        "mask", look.is_mask and at(look, look.layer, 300, 300) == (70, 70, 70, 255), at(look, look.layer, 300, 300)
    )

    # A thin line is seen: a pixel of 4 lines in 1,000 is not skipped, it is faint.
    large = painter.canvas(3000, 3000)
    thin = painter.layer(large, bytes([255] * 4) * 3000 * 4, 0, 1000, 3000, 4, "thin")
    look = taken(kit, large, thin)
    column = look.layer[4 * 100 + 3 :: 4 * look.width]
    kit.check("thin line", 60 <= sum(column) <= 110 and max(column) < 255, sum(column))

    # A layer of another colour space than its document's.
    other = painter.canvas(640, 480, "RGBA", "U16")
    alien = kit.app.createDocument(640, 480, "alien", "GRAYA", "U16", GREY, 72.0)
    node = alien.createNode("alien", "paintlayer")
    node.setPixelData(QByteArray(bytes([90, 90, 255, 255]) * 640 * 480), 0, 0, 640, 480)
    other.rootNode().addChildNode(node, None)
    documents = len(kit.app.documents())
    look = taken(kit, other, node)
    kit.note("alien is", [node.colorModel(), node.colorDepth()])
    kit.check("another space", at(look, look.layer, 300, 300) == (90, 90, 90, 255), at(look, look.layer, 300, 300))
    kit.check("another space: none left", len(kit.app.documents()) == documents)
    for each in (document, large, other, alien):
        each.setModified(False)
        each.close()
    yield 0.3


def at_bytes(look, x, y):
    return bytes(at(look, look.layer, x, y))


def given_up(kit, painter):
    """The docker is hidden in the middle of a look that opened a document of its own."""
    kit.docker().setVisible(False)
    document = painter.canvas(640, 480)
    node = painter.layer(document, bytes([255] * 4) * 640 * 480, 0, 0, 640, 480)
    node.setColorSpace("GRAYA", "U16", GREY)
    document.waitForDone()
    yield 1
    before = len(kit.app.documents())
    lookout = Lookout(Host(), lambda call, *said: Done(call(*said)), lambda call: call, lambda: None)
    settings, seen = Settings(map=Choice(id_of(node))), Host().document()
    lookout.watch(seen, settings, View())
    lookout._timer.stop()
    for _ in range(1000):
        lookout._advance()
        if len(kit.app.documents()) > before:
            break
    kit.check("a look opens a document", len(kit.app.documents()) == before + 1)
    lookout.stop()
    kit.check("and closes it when nobody looks", len(kit.app.documents()) == before, len(kit.app.documents()))
    lookout.watch(seen, settings, View())
    yield kit.until(lambda: lookout.heat is not None, "a look when somebody does again", 10)
    kit.check("then, too", len(kit.app.documents()) == before, len(kit.app.documents()))
    lookout.stop()
    yield 0.5
    lookout.deleteLater()
    kit.docker().setVisible(True)
    yield 0.5


class Done:
    """Computed at once."""

    def __init__(self, value):
        self.value = value

    def done(self):
        return True

    def result(self):
        return self.value


def costs(kit, painter):
    """Milliseconds of the UI thread. No assertions: machines differ."""
    for side, kind in ((1024, KINDS[0]), (4096, KINDS[0]), (4096, KINDS[1]), (2048, KINDS[2]), (4096, KINDS[5])):
        document = painter.canvas(side, side, *kind)
        ground = document.rootNode().childNodes()[0]
        size = len(bytes(ground.pixelData(0, 0, 1, 1)))
        strip = os.urandom(side * 64 * size) if kind[1] != "F32" else struct.pack("<4f", 0.2, 0.2, 0.2, 1) * (side * 64)
        node = document.createNode("map", "paintlayer")
        for top in range(0, side, 64):
            node.setPixelData(QByteArray(strip), 0, top, side, 64)
        document.rootNode().addChildNode(node, None)
        document.waitForDone()
        yield 1
        steps = []
        taken(kit, document, node)  # the first time Krita finds out how to convert
        look = taken(kit, document, node, steps)
        kit.note(
            f"cost {side} {kind[0]} {kind[1]}: steps, median, longest, all in ms",
            [len(steps), *(round(v, 2) for v in (sorted(steps)[len(steps) // 2], max(steps), sum(steps)))],
        )
        glances = []
        for _ in range(2):
            began = time.thread_time()
            glance(document, node)
            glances.append(round(1000 * (time.thread_time() - began), 2))
        kit.note(f"glance {side} {kind[0]} {kind[1]}: the first, the second in ms", glances)
        kit.check(f"cost {side}: looked", any(look.layer))
        document.setModified(False)
        document.close()
        yield 0.3


# ---------------------------------------------------------------------- noticing


def noticed(kit, painter):
    document = painter.canvas(1200, 800)
    yield 1
    window, heard = kit.app.activeWindow().qwindow(), []
    noticing = Noticing()
    noticing.painted.connect(lambda: heard.append(1))
    kit.check("history found", noticing.watch(window) and noticing.watch(window))

    def happened(what, seconds=0.6):
        yield seconds
        kit.check(f"noticed: {what}", heard)
        heard.clear()

    node = painter.layer(document, bytes([255] * 4) * 100, 0, 0, 10, 10)
    yield from happened("a new layer")
    kit.app.action("edit_undo").trigger()
    yield from happened("undo")
    kit.app.action("edit_redo").trigger()
    yield from happened("redo")
    if shutil.which("xdotool"):
        kit.app.action("KritaShape/KisToolBrush").trigger()
        yield 0.5
        canvas = canvas_of(window)
        middle = canvas.mapToGlobal(canvas.rect().center())
        for number in (1, 2):
            subprocess.run(["xdotool", "mousemove", str(middle.x() + 40 * number), str(middle.y()), "mousedown", "1"])
            yield 0.2
            for _ in range(4):
                subprocess.run(["xdotool", "mousemove_relative", "10", "8"])
                yield 0.05
            subprocess.run(["xdotool", "mouseup", "1"])
            yield from happened(f"stroke {number}", 0.8)
    yield 0.6
    heard.clear()
    was = glance(document, node)
    yield 0.6
    kit.check("nothing happens: nothing is heard", not heard and glance(document, node) == was)
    node.setPixelData(QByteArray(bytes([9, 9, 9, 255]) * 100), 300, 300, 10, 10)
    kit.check("a glance sees what leaves no trace", glance(document, node) != was)
    document.setModified(False)
    document.close()
    yield 0.3


# ---------------------------------------------------------------------- the widget


def map_pixels(width, height):
    """A soft round spot, and a band with a gradient: both transparent around."""
    rows = []
    for y in range(height):
        row = bytearray()
        for x in range(width):
            far = (((x - 0.68 * width) / (0.3 * width)) ** 2 + ((y - 0.4 * height) / (0.42 * height)) ** 2) ** 0.5
            spot = max(0.0, min(1.0, 1.35 - 1.35 * far))
            band = max(0.0, 1 - abs(y / height - 0.82) / 0.12) * (1 - x / width)
            value = round(255 * max(spot, band))
            row += bytes([value] * 3 + [255 if value else 0])
        rows.append(bytes(row))
    return b"".join(rows)


def widget(kit, painter):
    window = kit.app.activeWindow().qwindow()
    view = MapPreview()
    dock = QDockWidget("Map")
    dock.setObjectName("map_preview_dock")
    dock.setWidget(view)
    window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
    dock.setFloating(True)
    dock.move(40, 80)
    dock.show()
    dock.resize(300, 200)
    yield 0.5
    kit.screenshot("nothing", dock)

    document = kit.app.openDocument(os.environ["SFUMATO_PICTURE"])
    kit.app.activeWindow().addView(document)
    yield 1
    width, height = document.width(), document.height()
    node = document.createNode("Change map", "paintlayer")
    node.setOpacity(128)
    node.setPixelData(QByteArray(map_pixels(width, height)), 0, 0, width, height)
    document.rootNode().addChildNode(node, None)
    yield 0.5

    from concurrent.futures import ThreadPoolExecutor

    pool, shown = ThreadPoolExecutor(1), []
    preview = Preview(pool.submit, shown.append)
    overlay = Overlay()

    def settle():
        preview.advance()
        return not preview.is_working

    def show(steps=20, release="whole"):
        heat = shown[-1]
        view.show_heat(heat)
        count = len({steps * change // 255 for n, change in zip(heat.counts, heat.changes, strict=True) if n} - {0})
        painted = len({change for many, change in zip(heat.counts, heat.changes, strict=True) if many and change})
        count = count if release == "whole" else painted
        view.show_sentence(*strengths_sentence(count, steps, release, painted))

    preview.see(looking.look(kit.app, document, node))
    yield kit.until(settle, "the heat")
    show()
    # Exact within rounding, but where the map has a hard edge between two pixels of a small one.
    pairs = zip(*without_map(kit, shown[-1], document, node), strict=True)
    off = sorted(abs(a - b) for a, b in pairs)
    most = [off[len(off) * n // 1000] for n in (500, 980, 995)]
    kit.check("picture under the map", most[1] <= 3, most)
    view.allow_canvas(can_overlay(kit.app.activeWindow().activeView()))
    for name, across in (("wide", 400), ("middle", 310), ("narrow", 262)):
        dock.setFixedWidth(across)  # and not only resized: there is no window manager to ask
        yield 0.4
        dock.resize(across, dock.sizeHint().height())
        yield 0.4
        kit.check(f"{name}: fits", dock.width() == across and view.minimumSizeHint().width() <= across, dock.width())
        kit.screenshot(name, dock)

    # Few steps: bands, and a sentence of more than one line.
    show(4)
    yield 0.3
    dock.resize(262, dock.sizeHint().height())
    yield 0.3
    kit.screenshot("narrow_bands", dock)
    kit.check("warning", view.map_trouble.isVisible() and "Only 4" in view.sentence.text(), view.sentence.text())

    # Marks by mouse and keys.
    said = []
    view.levels_changed.connect(lambda *levels: said.append(levels))
    marks = view.histogram
    for each in (view.black, view.gamma, view.white, view.soften, marks):
        turn_wheel(each)
    kit.check("the wheel changes nothing", not said and view.soften.value() == 0, said)
    drag(marks, marks._x(0), marks._x(60))
    black = view.black.value()
    kit.check("black by mouse", abs(black - 60) <= 1 and said[-1][0] == black, said[-1:])
    drag(marks, marks._x(255), marks._x(200))
    kit.check("white by mouse", abs(view.white.value() - 200) <= 1, said[-1:])
    white = view.white.value()
    middle = marks._place(1)
    drag(marks, marks._x(middle), marks._x(middle - 20))
    kit.check("gamma by mouse", view.gamma.value() > 1, said[-1:])
    dock.activateWindow()
    yield 0.5
    view.soften.setFocus()
    marks.setFocus(Qt.FocusReason.TabFocusReason)
    kit.note("has the keys", marks.hasFocus())
    QTest.keyClick(marks, Qt.Key.Key_Right)
    kit.check("black by key", view.black.value() == black + 1, view.black.value())
    QTest.keyClick(marks, Qt.Key.Key_Tab)
    QTest.keyClick(marks, Qt.Key.Key_Tab)
    QTest.keyClick(marks, Qt.Key.Key_Left)
    kit.check("white by key", view.white.value() == white - 1, view.white.value())
    before = len(said)
    view.black.setValue(230)
    kit.check("black stays below white", view.white.value() == 231 and said[-1][:2] == (230, 231), said[-1])
    view.black.setValue(40)
    view.white.setValue(200)
    view.gamma.setValue(1.4)
    view.soften.setValue(12)
    kit.check("each change is said once", len(said) == before + 4, said[before:])
    kit.check("reset is there", view.reset.isVisible())
    preview.read(Reading(Levels(257 * 40, 257 * 200, 1.4), soften=12))
    yield kit.until(settle, "the levels")
    show(20)
    dock.setFixedWidth(310)
    yield 0.3
    dock.resize(310, dock.sizeHint().height())
    yield 0.4
    kit.screenshot("levels", dock)
    view.reset.click()
    kit.check("reset", said[-1] == (0, 255, 1.0) and view.soften.value() == 0 and not view.reset.isVisible(), said[-1])
    preview.read(Reading(Levels(invert=True)))
    yield kit.until(settle, "inverted")
    show(20)
    yield 0.3
    kit.screenshot("inverted", dock)
    preview.read(Reading())
    yield kit.until(settle, "as painted")
    show()

    # Over the canvas.
    here = kit.app.activeWindow().activeView()
    if can_overlay(here):
        undo = kit.undo_text()
        document.setModified(False)
        overlay.show_heat(window, here, shown[-1], width, height)
        yield 0.6
        kit.check("sheet", kit.has("sfumato_heat_on_canvas"))
        kit.screenshot("canvas")
        here.canvas().setRotation(25)
        here.canvas().setZoomLevel(2.0)
        here.canvas().setMirror(True)
        yield 0.8
        kit.screenshot("canvas_turned")
        kit.check("sheet: no trace", kit.undo_text() == undo and not document.modified())
        overlay.hide()
        yield 0.3
        kit.check("sheet gone", not kit.has("sfumato_heat_on_canvas"))
        other = painter.canvas(200, 200)
        yield 0.5
        overlay.show_heat(window, kit.app.activeWindow().activeView(), shown[-1], 200, 200)
        yield 0.3
        other.setModified(False)
        other.close()
        yield 0.8
        kit.check("a closed canvas takes it along", overlay._sheet is None and not overlay._timer.isActive())
    else:
        kit.check("canvas: not here", not view.on_canvas.isEnabled())
        kit.check("canvas: why", view.on_canvas.toolTip() == sentences.NOT_ON_CANVAS)

    # As part of the window.
    dock.setMinimumWidth(0)
    dock.setMaximumWidth(2000)
    dock.setFloating(False)
    yield 1
    kit.screenshot("window")
    document.setModified(False)


def drag(widget, start, end):
    button, nothing, kinds = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton, QEvent.Type
    for kind, x, pressed, held in (
        (kinds.MouseButtonPress, start, button, button),
        (kinds.MouseMove, (start + end) / 2, nothing, button),
        (kinds.MouseMove, end, nothing, button),
        (kinds.MouseButtonRelease, end, button, nothing),
    ):
        place = QPointF(x, widget.height() - 4)
        there = QPointF(widget.mapToGlobal(place.toPoint()))
        event = QMouseEvent(kind, place, there, pressed, held, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(widget, event)


def turn_wheel(widget):
    place = QPointF(widget.rect().center())
    event = QWheelEvent(
        place,
        QPointF(widget.mapToGlobal(widget.rect().center())),
        QPoint(0, 0),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def without_map(kit, heat, document, node):
    """The picture as the preview has it, and as the canvas is when the map is hidden."""
    node.setVisible(False)
    document.refreshProjection()
    document.waitForDone()
    hidden = taken(kit, document, None)
    node.setVisible(True)
    document.refreshProjection()
    return heat.picture, hidden.picture
