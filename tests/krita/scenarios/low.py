"""A docker with all that it may show at once, in a window as low as a small laptop's."""

import sys

from sfumato_driver.painter import Painter

if "PyQt6.QtCore" in sys.modules:
    from PyQt6.QtWidgets import QWidget
else:
    from PyQt5.QtWidgets import QWidget

LOW = 480  # pixels of height that the docker may need at most
PARTS = ("preview", "view", "undo_row", "thumbnail", "keep_button", "message")


def scenario(kit):
    app = kit.app
    kit.window(1366, 700)
    for docker in app.dockers():
        if docker.objectName() in ("KisLayerBox", "ColorSelectorNg", "sharedtooldocker"):
            docker.setVisible(False)
    yield 1
    painter = Painter(kit)
    yield kit.until(lambda: "Ready" in painter.status.text(), "the backend", 30)
    strip, live, keep = (kit.find(f"sfumato_{name}") for name in ("strip", "live_button", "keep_button"))
    document = painter.canvas(200, 200)
    yield 0.7
    painter.layer(document, bytes([255] * 4) * 14400, 10, 10, 120, 120)
    yield from painter.choose("map")
    painter.prompt.setPlainText("a quiet morning in winter, snow on all of the hills and on the old red house")
    yield 0.7
    for number in range(4):
        painter.seed.setValue(number)
        painter.press_apply()
        yield from painter.until_done(f"edit {number}", 20)
        yield 0.7
    strip.discard.emit((strip.view.tiles[2].id, strip.view.tiles[3].id))
    strip.view.came_to.emit(strip.view.tiles[0].id)
    yield 1
    live.click()
    yield kit.until(keep.isVisible, "a draft", 30)
    strip.copy_settings.emit(strip.view.tiles[0].id)  # which is said
    yield 1
    hidden = [name for name in PARTS if not kit.find(f"sfumato_{name}").isVisible()]
    kit.check("all of it is there", not hidden, hidden)
    window, docker = app.activeWindow().qwindow(), kit.docker()
    for width in (400, 262):
        kit.resize(width, 600)
        yield 0.7
        check(kit, f"{width} x 700", window, 700)
        kit.check(f"{width}: no wider", docker.width() <= width, docker.width())
        kit.screenshot(f"low_{width}", docker)
    kit.screenshot("low_window")
    window.resize(1366, 560)
    yield 0.7
    check(kit, "lower still", window, 560)
    kit.screenshot("lowest", docker)
    live.click()
    window.resize(1366, 1000)
    yield 0.7
    check(kit, "high", window, 1000)
    picture, controls = kit.find("sfumato_picture"), kit.find("sfumato_controls")
    kit.check("high: the picture is whole", picture.height() == picture.sizeHint().height(), picture.height())
    kit.check("high: the controls have room", controls.height() >= 170, controls.height())
    kit.screenshot("high", docker)


def check(kit, where, window, height):
    """The docker fits, and what must be read or pressed has its room."""
    needed = kit.docker().minimumSizeHint().height()
    kit.check(f"{where}: low enough", needed <= LOW, needed)
    kit.check(f"{where}: the window is as it was", window.height() == height, window.height())
    parts = [p for p in kit.find("sfumato_footer").findChildren(QWidget) if p.objectName().startswith("sfumato_")]
    seen = [(p.objectName(), p.height(), p.minimumSizeHint().height()) for p in parts if p.isVisible()]
    squeezed = [one for one in seen if one[1] < one[2]]
    kit.check(f"{where}: nothing is cut off", not squeezed, squeezed)
