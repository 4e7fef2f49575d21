"""The strip of results and the menu of styles in a docker of their own, with made-up tiles; and results in a .kra."""

import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

from krita_sfumato import sentences, thumbs
from krita_sfumato.draft import Picture
from krita_sfumato.history import History, pack
from krita_sfumato.preset_menu import PresetMenu
from krita_sfumato.strip import ResultStrip
from krita_sfumato.tile_painter import mark_place
from krita_sfumato.tiles import Tile
from krita_sfumato.vendor.sfumato_wire import Box
from sfumato_driver.painter import SRGB

if "PyQt6.QtCore" in sys.modules:
    from PyQt6.QtCore import QByteArray, QEvent, QPoint, QPointF, QSize, Qt
    from PyQt6.QtGui import QColor, QImage, QLinearGradient, QMouseEvent, QPainter, QPixmap, QPolygonF
    from PyQt6.QtTest import QTest
    from PyQt6.QtWidgets import QApplication, QDialog, QDockWidget, QLineEdit, QMenu, QPushButton, QVBoxLayout, QWidget
else:
    from PyQt5.QtCore import QByteArray, QEvent, QPoint, QPointF, QSize, Qt
    from PyQt5.QtGui import QColor, QImage, QLinearGradient, QMouseEvent, QPainter, QPixmap, QPolygonF
    from PyQt5.QtTest import QTest
    from PyQt5.QtWidgets import QApplication, QDialog, QDockWidget, QLineEdit, QMenu, QPushButton, QVBoxLayout, QWidget

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NONE = Qt.KeyboardModifier.NoModifier
SIGNALS = ("chosen", "picture_wanted", "add", "replace", "copy_settings", "favour", "discard", "restore", "cancel")


def scenario(kit):
    kit.window()
    sys.excepthook = lambda kind, error, trace: kit.check("no error in what Qt calls", False, told(error))
    yield 1
    yield from check_thumbs(kit)
    yield from check_history(kit)
    menu = yield from check_strip(kit)
    yield from check_menu(kit, menu)


def told(error):
    return "".join(traceback.format_exception(error))


# ---------------------------------------------------------------------- small pictures


def check_thumbs(kit):
    grey = Picture(Box(100, 50, 1024, 512), "bgra8", bytes([40, 40, 40, 255]) * (1024 * 512))
    red = Box(100 + 512, 50, 512, 512)
    for kind, pixel in (("bgra8", bytes([0, 0, 200, 255])), ("bgra16", bytes([0, 0, 0, 0, 200, 200, 255, 255]))):
        thumb = thumbs.thumbnail(Picture(red, kind, pixel * red.area), grey)
        kit.check(f"{kind}: its size", (thumb.width, thumb.height) == (128, 64), (thumb.width, thumb.height))
        pixels = [thumb.bgra[4 * i : 4 * i + 4] for i in range(128 * 64)]
        kit.check(f"{kind}: beside it the picture", {p for i, p in enumerate(pixels) if i % 128 < 63} == {b"(((\xff"})
        kit.check(f"{kind}: it", {p for i, p in enumerate(pixels) if i % 128 > 64} == {b"\0\0\xc8\xff"})
    # What is transparent has no say, whatever its colour; half of it is half of it.
    clear = Picture(grey.box, "bgra8", bytes([255, 255, 255, 0, 0, 0, 255, 255]) * (512 * 512))
    thumb = thumbs.large(clear, None)
    kit.check("large", (thumb.width, thumb.height) == (512, 256))
    middle = thumb.bgra[4 * (512 * 100 + 100) :][:4]
    kit.check("no colour of what is transparent", middle[:2] == b"\0\0" and middle[2] > 250, list(middle))
    kit.check("half of it", abs(middle[3] - 128) < 3, list(middle))
    small = thumbs.thumbnail(Picture(Box(0, 0, 3, 2), "bgra8", bytes(range(20, 44))), None)
    kit.check("never larger than it is", (small.width, small.height) == (3, 2))
    for side in (1000, 1023, 1024, 3001):  # in bands or not: a ramp stays a ramp
        ramp = bytes(v for x in range(side) for v in (255 * x // (side - 1), 0, 0, 255)) * side
        thumb = thumbs.thumbnail(Picture(Box(0, 0, side, side), "bgra8", ramp), None)
        worst = max(abs(thumb.bgra[4 * i] - 255 * (i % 128 + 0.5) / 128) for i in range(128 * 128))
        kit.check(f"ramp of {side}", worst < 3, worst)
    big = Picture(Box(0, 0, 3000, 3000), "bgra8", bytes([10, 90, 200, 255]) * 9_000_000)
    began = time.perf_counter()
    thumbs.large(Picture(Box(100, 100, 2800, 2800), "bgra16", bytes(8) * 2800 * 2800), big)
    kit.note("a large one of 9 megapixels, ms", round(1000 * (time.perf_counter() - began)))
    # Beside the UI thread it holds nobody up for long.
    wide = Picture(Box(100, 100, 2800, 2800), "bgra16", bytes(8) * 2800 * 2800)
    with ThreadPoolExecutor(1) as pool:
        yield 0.3
        ticker, job = kit.ticker(), pool.submit(thumbs.large, wide, big)
        yield kit.until(job.done, "the large picture")
        kit.note("longest gap, ms", round(1000 * ticker.stop()))


# ---------------------------------------------------------------------- in the .kra


class Annotations:
    PREFIX = "sfumato/"

    def __init__(self, document):
        self.document = document

    def read(self, key):
        return bytes(self.document.annotation(self.PREFIX + key))

    def write(self, key, data):
        self.document.setAnnotation(self.PREFIX + key, "Sfumato", QByteArray(data))

    def remove(self, key):
        self.document.removeAnnotation(self.PREFIX + key)

    def keys(self):
        return [k.removeprefix(self.PREFIX) for k in self.document.annotationTypes() if k.startswith(self.PREFIX)]


def check_history(kit):
    document = kit.app.createDocument(320, 200, "kept", "RGBA", "U8", SRGB, 72.0)
    kit.app.activeWindow().addView(document)
    yield 0.5
    rows = {name: bytes((i * (7 + n) + i // 97) % 256 for i in range(64 * 48 * 8)) for n, name in enumerate("abc")}
    history = History(Annotations(document))
    for name, data in rows.items():
        box = Box(5, 6, 64, 48)
        thumb = thumbs.thumbnail(Picture(box, "bgra16", data), None)
        history.add(pack(name, "edit", {"seed": 7, "prompt": "снег\n“\0”"}, box, "bgra16", data, thumb, time.time()))
    history.favour("a")
    history.remove("b")
    file = str(kit.out / "kept.kra")
    document.setBatchmode(True)
    kit.check("saved", document.saveAs(file))
    document.waitForDone()
    yield 1
    before = history.entries
    document.setModified(False)
    document.close()
    yield 0.5
    document = kit.app.openDocument(file)
    document.setBatchmode(True)
    kit.app.activeWindow().addView(document)
    yield 1
    again = History(Annotations(document))
    kit.check("results come back with the picture", again.entries == before, [e.id for e in again.entries])
    kit.check("to the bit", all(again.load(name).pixels() == rows[name] for name in "ac"))
    kit.check("reading is no change", not document.modified())
    kit.note("annotations", list(document.annotationTypes()))


# ---------------------------------------------------------------------- the strip


def scene(width, height, hue, mark):
    """Something that looks like a picture: sky, sun, hills."""
    image = QImage(width, height, QImage.Format.Format_ARGB32)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    sky = QLinearGradient(0, 0, 0, height)
    sky.setColorAt(0, QColor.fromHsv(hue, 150, 150))
    sky.setColorAt(1, QColor.fromHsv(hue, 60, 245))
    painter.fillRect(0, 0, width, height, sky)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(255, 240, 200))
    painter.drawEllipse(QPointF(width * mark, height * 0.3), height * 0.1, height * 0.1)
    for depth in (0.0, 0.2):
        painter.setBrush(QColor.fromHsv((hue + 90) % 360, 120, int(150 - 300 * depth)))
        hills = [
            (0, 1),
            (0, 0.7 + depth),
            (0.3, 0.5 + depth),
            (0.55, 0.7 + depth),
            (0.8, 0.45 + depth),
            (1, 0.6),
            (1, 1),
        ]
        painter.drawPolygon(QPolygonF([QPointF(x * width, y * height) for x, y in hills]))
    painter.end()
    return Picture(Box(0, 0, width, height), "bgra8", bytes(image.constBits().asstring(width * height * 4)))


def results(count):
    words = "snow on the hills, a quiet morning in winter"
    return [
        Tile(
            f"r{i}",
            str(2147483647 - i * 1234567) if i % 3 else f"{20 + 10 * i} %",
            thumbs.thumbnail(scene(640, (400, 640, 900)[i % 3], 37 * i % 360, 0.2 + 0.07 * i), None),
            favourite=i in (1, 4),
            placed=i in (0, 1),
            words=words,
            about=f"Sketchbook · 20 steps · seed {42 + i} · {2 + i} min ago",
        )
        for i in range(count)
    ]


class Docker:
    """What the lead would be: it remembers, and shows again."""

    def __init__(self, kit):
        self.window = kit.app.activeWindow().qwindow()
        self.dock = QDockWidget("Results", self.window)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(4, 4, 4, 4)
        column.addStretch(1)
        self.strip = ResultStrip()
        self.button = QPushButton(sentences.PRESETS)
        self.menu = PresetMenu(self.button)
        self.button.setMenu(self.menu)
        column.addWidget(self.button)
        column.addWidget(self.strip)
        self.dock.setWidget(inner)
        self.window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.dock)
        self.heard = []
        for name in SIGNALS:
            getattr(self.strip, name).connect(lambda *said, name=name: self.hear(name, *said))
        self.tiles, self.selected, self.gone, self.before = [], "", [], []

    def hear(self, name, id=""):
        self.heard.append((name, id))
        if name == "chosen":
            self.selected = id
        elif name == "picture_wanted":
            index = int(id[1:])
            picture = scene(640, (400, 640, 900)[index % 3], 37 * index % 360, 0.2 + 0.07 * index)
            self.strip.show_picture(id, thumbs.large(picture, None))
            return
        elif name == "favour":
            self.change(id, lambda t: {"favourite": not t.favourite})
        elif name in ("discard", "cancel"):
            self.before = list(self.tiles)
            self.gone = id if name == "discard" else ()
            self.tiles = [tile for tile in self.tiles if tile.id not in (id if name == "discard" else (id,))]
        elif name == "restore":
            self.tiles, self.gone = self.before, ()
        self.show()

    def change(self, id, changes):
        self.tiles = [Tile(**{**vars(t), **changes(t)}) if t.id == id else t for t in self.tiles]

    def show(self):
        self.strip.show_tiles(tuple(self.tiles), self.selected, can_replace=True, discarded=len(self.gone))

    def said(self):
        """All but what is asked for by itself."""
        heard, self.heard = [one for one in self.heard if one[0] != "picture_wanted"], []
        return heard

    def at(self, id):
        view = self.strip.view
        return view.visualRect(view.model().index(view.model().row(id)))

    def click(self, id, button=LEFT):
        QTest.mouseClick(self.strip.view.viewport(), button, NONE, self.at(id).center())

    def key(self, key, on=None):
        QTest.keyClick(on or self.strip.view, key)


def hover(widget, place):
    """The event of a pointer that moves over a widget with no button held."""
    none = Qt.MouseButton.NoButton
    move = QMouseEvent(QEvent.Type.MouseMove, QPointF(place), none, none, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(widget, move)


def check_strip(kit):
    docker = Docker(kit)
    strip = docker.strip
    docker.show()
    yield 0.3
    kit.check("no room for nothing", not strip.isVisible())
    docker.tiles = results(9)
    docker.show()
    yield 0.5
    kit.check("no preview at first", strip.view.isVisible() and not strip.preview.isVisible())
    kit.check("showing says nothing", docker.said() == [])
    kit.screenshot("closed", docker.dock)

    docker.click("r1")
    yield 0.3
    kit.check("a click", docker.said() == [("chosen", "r1")] and strip.preview.isVisible())
    view, picture = strip.view, strip.preview.picture
    docker.window.activateWindow()
    yield 0.3
    kit.check("focus", QApplication.focusWidget() is view, QApplication.focusWidget())
    place, height = view.mapTo(docker.dock, QPoint(0, 0)), picture.height()
    # Xvfb has one pointer, and other windows may lie over this one: the event itself is sent.
    hover(view.viewport(), docker.at("r2").center())
    yield 0.3
    kit.check("the pointer shows another", "44" in strip.preview.made_with.text(), strip.preview.made_with.text())
    kit.check("nothing moves", (view.mapTo(docker.dock, QPoint(0, 0)), picture.height()) == (place, height))
    QApplication.sendEvent(view.viewport(), QEvent(QEvent.Type.Leave))
    yield 0.3
    kit.check("and away", "43" in strip.preview.made_with.text(), strip.preview.made_with.text())
    kit.check("without a word", docker.said() == [])

    # Keys, which mean something else to Krita.
    kit.app.action("KritaShape/KisToolBrush").trigger()
    document = kit.app.activeDocument()
    layer = document.activeNode()
    layer.setPixelData(bytes([9, 9, 9, 255]) * (320 * 200), 0, 0, 320, 200)
    view.setFocus()
    for key, wanted in (
        (Qt.Key.Key_Right, [("chosen", "r2")]),
        (Qt.Key.Key_Left, [("chosen", "r1")]),
        (Qt.Key.Key_End, [("chosen", "r8")]),
        (Qt.Key.Key_Right, []),
        (Qt.Key.Key_Home, [("chosen", "r0")]),
        (Qt.Key.Key_Down, [("chosen", "r1")]),
        (Qt.Key.Key_Return, [("add", "r1")]),
        (Qt.Key.Key_F, [("favour", "r1")]),
        (Qt.Key.Key_X, []),
        (Qt.Key.Key_Delete, [("discard", ("r1",)), ("chosen", "r2")]),
    ):
        docker.key(key)
        heard = docker.said()
        kit.check(f"key {int(key):x}", heard == wanted, heard)
    yield 0.5
    kit.check("Krita heard none of it", bytes(layer.pixelData(0, 0, 1, 1)) == bytes([9, 9, 9, 255]))
    kit.check("discarded: it can be undone", strip.undo_row.isVisible())
    kit.screenshot("discarded", docker.dock)
    QTest.mouseClick(strip.undo_button, LEFT)
    kit.check("undone", docker.said() == [("restore", "")] and not strip.undo_row.isVisible())

    # The preview's buttons.
    preview = strip.preview
    for button, wanted in (
        (preview.add_button, ("add", "r2")),
        (preview.replace_button, ("replace", "r2")),
        (preview.copy_button, ("copy_settings", "r2")),
        (preview.star_button, ("favour", "r2")),
    ):
        QTest.mouseClick(button, LEFT)
        heard = docker.said()
        kit.check(wanted[0], heard == [wanted], heard)
    kit.check("a favourite", preview.star_button.isChecked())
    preview.copy_button.setFocus()
    docker.key(Qt.Key.Key_Return, preview.copy_button)
    kit.check("Enter is the button's that has the focus", docker.said() == [("copy_settings", "r2")])
    docker.key(Qt.Key.Key_Escape, preview.copy_button)
    kit.check("Escape closes", docker.said() == [("chosen", "")] and not preview.isVisible())
    docker.key(Qt.Key.Key_Escape)
    kit.check("and is Krita's when nothing is open", docker.said() == [])
    docker.click("r0")
    kit.check("opens again", docker.said() == [("chosen", "r0")] and preview.isVisible())
    QTest.mouseDClick(view.viewport(), LEFT, NONE, docker.at("r0").center())
    kit.check("a double click adds", docker.said() == [("add", "r0")])

    # The context menu, by the right button and by its key.
    docker.click("r2", RIGHT)
    view.customContextMenuRequested.emit(docker.at("r2").center())
    yield 0.3
    menu = strip.findChild(QMenu)
    texts = [action.text() for action in menu.actions()]
    kit.check("menu", texts[:2] == [sentences.ADD_RESULT, sentences.REPLACE_RESULT] and len(texts) == 7, texts)
    kit.screenshot("menu", menu)
    docker.said()
    menu.actions()[0].trigger()
    menu.close()
    kit.check("menu: add", docker.said() == [("add", "r2")])
    yield from check_discard_all(kit, docker)

    # Jobs on their way; what is seen stays where it is when they come.
    docker.key(Qt.Key.Key_End)
    yield 0.3
    docker.said()
    bar = view.horizontalScrollBar()
    kit.check("there is more than is seen", bar.value() > 0)
    seen = docker.at("r8")
    preview_rgb = thumbs.thumbnail(scene(64, 64, 200, 0.5), None)
    docker.tiles[:0] = [
        Tile("j3", "7", state="queued", words="a red boat"),
        Tile("j2", "7", state="painting", fraction=0.0, words="a red boat"),
        Tile("j1", "7", preview_rgb, state="painting", fraction=0.45, words="a red boat", about="Sketchbook · seed 7"),
    ]
    docker.show()
    yield 0.3
    kit.check("it stays where it was", docker.at("r8") == seen, (docker.at("r8"), seen))
    docker.key(Qt.Key.Key_Home)
    docker.key(Qt.Key.Key_Right)
    docker.key(Qt.Key.Key_Right)
    yield 0.3
    kit.check("a job is chosen", docker.said()[-1] == ("chosen", "j1"))
    kit.check("it cannot be added", not preview.add_button.isVisible() and preview.cancel_one.isVisible())
    docker.key(Qt.Key.Key_Return)
    docker.key(Qt.Key.Key_F)
    kit.check("by no key either", docker.said() == [])
    kit.screenshot("jobs", docker.dock)
    QTest.mouseClick(view.viewport(), LEFT, NONE, mark_place(docker.at("j3")).center())
    kit.check("the cross cancels that one", docker.said() == [("cancel", "j3")])
    docker.key(Qt.Key.Key_Delete)
    kit.check("so does Delete", docker.said() == [("cancel", "j1"), ("chosen", "r0")])
    docker.change("j2", lambda t: {"fraction": 0.8})
    docker.show()
    kit.check("what it says aloud", view.model().data(view.model().index(0), Qt.ItemDataRole.AccessibleTextRole)
              == "a red boat, seed 7, 80 %")  # fmt: skip

    # As a painter sees it.
    docker.dock.setFloating(True)
    menu = kit.app.action("theme_menu").menu()
    menu.aboutToShow.emit()
    themes = {action.text().replace("&", ""): action for action in menu.actions()}
    kit.note("themes", list(themes))
    for theme in ("dark", "bright"):
        themes[f"Krita {theme}"].trigger()
        yield 0.8
        for width in (262, 400):
            docker.dock.resize(width, 560)
            yield 0.5
            kit.screenshot(f"{theme}_{width}", docker.dock)
            inner = docker.dock.widget()
            kit.check(f"{theme} {width}: nothing is cut off", inner.minimumSizeHint().width() <= width,
                      inner.minimumSizeHint().width())  # fmt: skip
            twice(kit, docker.dock, f"{theme}_{width}_200")
    docker.dock.resize(262, 560)
    docker.click("r0")
    docker.key(Qt.Key.Key_Down)
    docker.key(Qt.Key.Key_Down)
    yield 0.5
    kit.screenshot("high", docker.dock)
    return docker.menu


def check_discard_all(kit, docker):
    """What is seen when the menu is opened goes, but for what has a star; one row brings all of it back."""
    strip, view = docker.strip, docker.strip.view
    docker.click("r3")
    yield 0.3
    before = list(docker.tiles)
    plain = tuple(tile.id for tile in before if not tile.favourite)
    kit.check("some have stars", 0 < len(plain) < len(before), plain)
    action = yield from open_discard_all(docker, "r3")
    kit.check("all can go", action.isEnabled() and action.text() == sentences.DISCARD_PLAIN, action.text())
    kit.screenshot("menu_discard_all", action.parent())
    stars = [tile.id for tile in before if tile.favourite]
    docker.tiles.insert(0, Tile("r99", "7", words="one that came meanwhile"))
    docker.show()
    docker.said()
    action.trigger()
    action.parent().close()
    yield 0.3
    heard = docker.said()
    kit.check("those go that were seen", heard == [("discard", plain), ("chosen", stars[-1])], heard)
    left = [tile.id for tile in view.tiles]
    kit.check("stars stay", left == ["r99", *stars], left)
    kit.check("how many", strip.undo_text.text() == f"{len(plain)} results discarded.", strip.undo_text.text())
    kit.screenshot("discarded_all", docker.dock)
    QTest.mouseClick(strip.undo_button, LEFT)
    kit.check("all are back", [t.id for t in view.tiles] == ["r99", *(t.id for t in before)], view.tiles)
    kit.check("by one press", docker.said() == [("restore", "")] and not strip.undo_row.isVisible())
    docker.tiles = [tile for tile in docker.tiles if tile.favourite]
    docker.show()
    action = yield from open_discard_all(docker, docker.tiles[0].id)
    kit.check("nothing without a star", not action.isEnabled())
    action.parent().close()
    docker.tiles = before
    docker.show()


def open_discard_all(docker, id):
    """The entry in the menu of that tile; all before is closed."""
    docker.strip.view.customContextMenuRequested.emit(docker.at(id).center())
    yield 0.3
    return docker.strip.findChildren(QMenu)[-1].actions()[-1]


def twice(kit, widget, name):
    """As on a screen with twice as many pixels."""
    pixmap = QPixmap(QSize(widget.width() * 2, widget.height() * 2))
    pixmap.setDevicePixelRatio(2)
    widget.render(pixmap)
    pixmap.save(str(kit.out / f"{name}.png"))


# ---------------------------------------------------------------------- styles


def check_menu(kit, menu):
    heard = []
    for name in ("chosen", "save", "import_from", "export", "remove"):
        getattr(menu, name).connect(lambda *said, name=name: heard.append((name, *said)))
    menu.popup(QPoint(50, 50))
    yield 0.3
    kit.screenshot("no_styles", menu)
    menu.close()
    menu.show_presets(("Ink & wash", "Oil", "Watercolour"))
    menu.popup(QPoint(50, 50))
    yield 0.3
    kit.screenshot("styles", menu)
    menu.close()
    menu.actions()[0].trigger()
    kit.check("chosen", heard == [("chosen", "Ink & wash")], heard)
    heard.clear()

    menu.ask_name()
    yield 0.5
    dialog = asked("name")
    QTest.keyClicks(dialog.findChild(QLineEdit), "Gouache")
    kit.screenshot("style_name", dialog)
    QTest.keyClick(dialog.findChild(QLineEdit), Qt.Key.Key_Return)
    yield 0.3
    kit.check("save", heard == [("save", "Gouache")], heard)
    heard.clear()
    menu.ask_remove("Oil")
    yield 0.5
    dialog = asked("remove")
    kit.screenshot("style_remove", dialog)
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    yield 0.3
    kit.check("kept", heard == [])
    menu.ask_remove("Oil")
    yield 0.5
    next(b for b in asked("remove").buttons() if b.text().replace("&", "") == sentences.REMOVE_PRESET).click()
    yield 0.3
    kit.check("remove", heard == [("remove", "Oil")], heard)
    heard.clear()
    for ask, wanted in ((menu.ask_import, "import_from"), (lambda: menu.ask_export("Oil"), "export")):
        ask()
        yield 0.7
        dialog = asked(wanted.partition("_")[0])
        kit.screenshot(f"style_{wanted}", dialog)
        file = str(kit.out / "kept.kra") if wanted == "import_from" else str(kit.out / "shared.json")
        dialog.fileSelected.emit(file)
        dialog.reject()
        yield 0.3
        kit.check(wanted, heard == [(wanted, *(("Oil",) if wanted == "export" else ()), file)], heard)
        heard.clear()


def asked(name):
    """The question that is open."""
    dialogs = [d for d in QApplication.topLevelWidgets() if isinstance(d, QDialog) and d.isVisible()]
    return next(dialog for dialog in dialogs if dialog.objectName() == f"sfumato_preset_{name}")
