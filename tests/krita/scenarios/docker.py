"""The whole docker through a painter's hands, with the real backend: variants, fan, results, live, levels, styles."""

import os

from krita_sfumato.client import Client
from sfumato_driver.painter import Painter

if "PyQt6.QtCore" in __import__("sys").modules:
    from PyQt6.QtCore import Qt
    from PyQt6.QtTest import QTest
    from PyQt6.QtWidgets import QWidget
else:
    from PyQt5.QtCore import Qt
    from PyQt5.QtTest import QTest
    from PyQt5.QtWidgets import QWidget


def map_pixels(width, height):
    """White on the right half, black on the left, and a soft way between; BGRA."""
    row = b"".join(bytes([min(255, max(0, 8 * (x - width // 2 + 16)))] * 3 + [255]) for x in range(width))
    return row * height


def click(widget):
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


def click_tile(strip, number):
    view = strip.view
    place = view.visualRect(view.model().index(number)).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)


def tall(kit, width=400):
    """The docker alone on the right, with room for all of it."""
    for docker in kit.app.dockers():
        if docker.objectName() in ("KisLayerBox", "ColorSelectorNg", "sharedtooldocker"):
            docker.setVisible(False)
    kit.resize(width, 920)


def scenario(kit):
    app = kit.app
    kit.window()
    yield 1
    painter = Painter(kit)
    document = app.openDocument(os.environ["SFUMATO_PICTURE"])
    app.activeWindow().addView(document)
    yield 1
    width, height = document.width(), document.height()
    tall(kit)
    yield 0.5
    kit.screenshot("docker_new", kit.docker())
    painter.new.click()
    yield 0.3
    node = document.activeNode()
    node.setPixelData(map_pixels(width, height), 0, 0, width, height)
    document.refreshProjection()
    yield from painter.choose(node.name())
    if painter.switch.text() == "Start":
        painter.switch.click()
    yield kit.until(lambda: "Ready" in painter.status.text(), "the backend", 120)
    yield kit.until(lambda: kit.find("sfumato_sentence").text(), "how many strengths", 10)
    yield 1
    kit.check("strengths", "strengths at" in kit.find("sfumato_sentence").text(), kit.find("sfumato_sentence").text())
    document.setModified(False)
    undo = kit.undo_text()
    kit.screenshot("docker_map", kit.docker())

    # Variants: tiles to choose from, no layer until one is.
    painter.steps.setValue(4)
    kit.find("sfumato_variants").setValue(3)
    before = painter.names(document)
    QTest.keyClick(painter.prompt, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    kit.check("Ctrl+Return applies", painter.busy)
    yield kit.until(lambda: "step" in painter.progress.text(), "the first step", 60)
    kit.screenshot("docker_variants_painting", kit.docker())
    yield from painter.until_done("three variants")
    yield 0.7
    tiles = kit.find("sfumato_strip").view.tiles
    kit.check("three tiles", len(tiles) == 3 and all(tile.is_done for tile in tiles), tiles)
    kit.check("no layer yet", painter.names(document) == before, painter.names(document))
    strip = kit.find("sfumato_strip")
    click_tile(strip, 1)
    yield 1.5
    kit.screenshot("docker_variants", kit.docker())
    click(strip.preview.add_button)
    yield kit.until(lambda: len(painter.names(document)) == len(before) + 1, "the layer", 10)
    yield 0.7
    kit.check("marked", kit.find("sfumato_strip").view.tiles[1].placed)
    click_tile(strip, 0)
    click(strip.preview.replace_button)
    yield 1
    names = painter.names(document)
    kit.check("replaced", len(names) == len(before) + 1, names)
    app.action("edit_undo").trigger()
    yield 0.7
    kit.check("one step takes it back", painter.names(document) == before, painter.names(document))
    kit.check("and it is the step before", kit.undo_text() == undo, f"{undo} {kit.undo_text()}")

    # The settings come back.
    painter.prompt.setPlainText("something else")
    click_tile(strip, 2)
    click(strip.preview.copy_button)
    yield 0.7
    kit.check("copied", painter.prompt.toPlainText() == "a winter day, snow on the hills", painter.prompt.toPlainText())

    # A fan.
    kit.find("sfumato_row").fan_action.trigger()
    yield from painter.until_done("the fan")
    yield 0.7
    labels = [tile.label for tile in kit.find("sfumato_strip").view.tiles[:5]]
    kit.check("five strengths", labels == ["20 %", "40 %", "60 %", "80 %", "100 %"], labels)
    click_tile(strip, 2)
    yield 1.5
    kit.screenshot("docker_fan", kit.docker())

    # Live: a draft after a stroke, nothing in the document until it is kept.
    click(strip.preview.close_button)
    kit.check("the large one is closed", not strip.preview.isVisible())
    document.setModified(False)
    layers = painter.names(document)
    live, keep = kit.find("sfumato_live_button"), kit.find("sfumato_keep_button")
    drafts = Drafts()
    live.click()
    yield kit.until(keep.isVisible, "the first draft", 30)
    shown = kit.find("sfumato_thumbnail")
    yield kit.until(lambda: len(shown._bytes) > 3 * 64 * 64, "the first draft as it is", 20)
    kit.check("live leaves no trace", painter.names(document) == layers and not document.modified())
    kit.screenshot("docker_live", kit.docker())
    node.setPixelData(bytes([255] * 4) * (width * height), 0, 0, width, height)
    document.refreshProjection()
    first = shown._bytes
    yield kit.until(lambda: shown._bytes not in (first, b""), "the next one", 20)
    yield kit.until(lambda: len(shown._bytes) > 3 * 64 * 64, "the next one as it is", 20)
    kit.screenshot("docker_live_again", kit.docker())
    yield kit.until(lambda: len(drafts.sent) > 1 and drafts.ended[-1] == drafts.sent[-1], "all of it", 30)
    drafts.sent.clear()
    keep.click()
    yield kit.until(lambda: len(painter.names(document)) == len(layers) + 1, "the kept draft", 20)
    yield 4
    kit.check("the kept layer is no reason for another draft", not drafts.sent, drafts.sent)
    kit.check("it can be kept once", not keep.isVisible())
    node.setPixelData(bytes([200] * 3 + [255]) * (width * (height // 2)), 0, 0, width, height // 2)
    document.refreshProjection()
    yield kit.until(lambda: drafts.sent and keep.isVisible(), "a draft of what was painted then", 30)
    kit.check("one draft", len(drafts.sent) == 1, drafts.sent)
    keep.click()
    node.setPixelData(bytes([90] * 3 + [255]) * (width * (height // 4)), 0, 0, width, height // 4)
    document.refreshProjection()
    yield kit.until(lambda: len(drafts.sent) == 2, "a stroke right after Keep is seen", 30)
    live.click()
    drafts.close()

    names = [part.objectName() for part in kit.docker().findChildren(QWidget)]
    twice = {name for name in names if name.startswith("sfumato_") and names.count(name) > 1}
    kit.check("every part has a name of its own", not twice, twice)

    # Levels and a narrow docker.
    kit.find("sfumato_black").setValue(60)
    kit.find("sfumato_gamma").setValue(1.6)
    yield 1.5
    kit.resize(262, 920)
    yield 0.7
    kit.screenshot("docker_narrow", kit.docker())
    kit.check("262 pixels are enough", kit.docker().width() <= 270, kit.docker().width())
    kit.screenshot("window_docker")
    log = kit.state() / "logs" / "krita-plugin.log"
    kit.check("no mishap", not log.exists(), log.read_text() if log.exists() else "")


class Drafts:
    """What is sent to the backend, and what has come back."""

    def __init__(self):
        self.sent, self.ended = [], []
        self._was = Client.submit, Client.acknowledge

        def submit(client, job, draft):
            self.sent.append(job)
            self._was[0](client, job, draft)

        def acknowledge(client, job):
            self.ended.append(job)
            self._was[1](client, job)

        Client.submit, Client.acknowledge = submit, acknowledge

    def close(self):
        Client.submit, Client.acknowledge = self._was
