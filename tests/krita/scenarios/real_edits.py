"""Every edit that the real backend offers, by the real painter; and DiffEdit's map, painted on and used."""

import os

from sfumato_driver.painter import Painter


def scenario(kit):
    kit.window()
    yield 1
    painter = Painter(kit)
    document = kit.app.openDocument(os.environ["SFUMATO_PICTURE"])
    kit.app.activeWindow().addView(document)
    yield 1
    if "not running" in painter.status.text():
        kit.check("no backend, no edits", not painter.edit.isEnabled(), painter.edit.currentText())
    width, height = document.width(), document.height()
    kit.note("size", [width, height])
    kit.bytes_of(document, "before")

    # Find: it starts the backend by itself.
    painter.prompt.setPlainText("a winter day, snow on the hills")
    painter.steps.setValue(4)
    painter.find.click()
    yield from painter.until_done("the map")
    kit.check("found", "Found in" in painter.says, painter.says)
    kit.check("one new layer, chosen", painter.names(document)[1:] == [painter.map.currentText()])
    map_node = document.rootNode().childNodes()[-1]
    (kit.out / "map.raw").write_bytes(bytes(map_node.pixelData(0, 0, width, height)))
    yield 0.5
    kit.screenshot("window_found_map")

    # The lower half is painted black, a spot white; every edit goes by that.
    half = height // 2
    map_node.setPixelData(bytes([0, 0, 0, 255]) * (width * (height - half)), 0, half, width, height - half)
    map_node.setPixelData(bytes([255] * 4) * 2500, 20, 20, 50, 50)
    document.refreshProjection()
    names = [painter.edit.itemText(index) for index in range(painter.edit.count())]
    kit.note("edits", names)
    for name in names:
        painter.choose_edit(name)
        if painter.source.isVisible():
            painter.source.setPlainText("a summer day")
        painter.prompt.setPlainText(f"a winter day, snow on the hills ({len(painter.names(document))})")
        before = painter.names(document)
        painter.press_apply()
        yield from painter.until_done(name)
        kit.check(f"{name}: done", "Done" in painter.says, painter.says)
        kit.check(f"{name}: a layer", len(painter.names(document)) == len(before) + 1, painter.names(document))
        map_node.setVisible(False)
        kit.bytes_of(document, f"after {painter.edit.currentData()}")
        yield 0.2
        kit.screenshot(f"window {painter.edit.currentData()}")
        kit.app.action("edit_undo").trigger()
        yield 0.3
        kit.check(f"{name}: one undo step", painter.names(document) == before, painter.names(document))
        map_node.setVisible(True)

    # How each of them looks with all that can be set.
    painter.choose_edit(names[0])
    painter.tuner_fold.click()
    painter.finder_fold.click()
    kit.resize(300, 800)
    yield 0.5
    kit.screenshot("docker_tuner", kit.docker())
    for name in names:
        painter.choose_edit(name)
        yield 0.3
        kit.screenshot(f"docker {painter.edit.currentData()}", kit.docker())
