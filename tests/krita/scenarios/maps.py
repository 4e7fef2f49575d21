"""Maps of every kind, read as they are seen, and pictures with frames. The backend is scripted."""

from pathlib import Path

from krita_sfumato import sentences
from sfumato_driver.colours import noise
from sfumato_driver.exact import Sent, apply, close, history, pixels_of
from sfumato_driver.painter import Painter

if "PyQt6.QtCore" in __import__("sys").modules:
    from PyQt6.QtCore import QPoint
    from PyQt6.QtGui import QColor, QImage
else:
    from PyQt5.QtCore import QPoint
    from PyQt5.QtGui import QColor, QImage

from krita import InfoObject, Selection

CANVAS = (64, 48)


def scenario(kit):
    kit.window()
    yield 1
    painter = Painter(kit)
    yield kit.until(lambda: "Ready" in painter.status.text(), "the backend", 20)
    painter.steps.setValue(4)
    sent = Sent(kit)
    yield from kinds(kit, painter, sent)
    yield from reopened(kit, painter, sent)
    yield from frames(kit, painter, sent)
    yield from way_back(kit, painter, sent)
    sent.write()


def kinds(kit, painter, sent):
    """Maps of every kind, in one document."""
    width, height = CANVAS
    document = painter.canvas(width, height, pixels=noise(width * height, "RGBA", "U8"))
    root = document.rootNode()
    yield 0.5

    def rect(value, x, y, w, h, alpha=255, base=None):
        """A rectangle over others, as (grey, alpha) of the canvas."""
        pairs = list(base or [(0, 0)] * (width * height))
        for j in range(max(0, y), min(height, y + h)):
            for i in range(max(0, x), min(width, x + w)):
                pairs[j * width + i] = (value, alpha)
        return pairs

    def filled(name, value, x, y, w, h, alpha=255):
        node = document.createNode(name, "paintlayer")
        node.setPixelData(bytes([value, value, value, alpha]) * (w * h), x, y, w, h)
        return node

    def check(shown, name, pairs, kind=""):
        document.waitForDone()
        yield from painter.choose(shown)
        yield from apply(kit, painter, document, name)
        sent.expect(name, width, height, pairs, kind)

    wide = filled("beyond", 200, -10, -20, 30, 40)
    wide.setPixelData(bytes([90, 90, 90, 128]) * 1600, 50, 40, 40, 40)
    root.addChildNode(wide, None)
    corner = rect(90, 50, 40, 40, 40, 128, rect(200, -10, -20, 30, 40))
    yield from check("beyond", "a layer beyond the canvas", corner)
    wide.setOpacity(10)
    wide.setLocked(True)
    wide.setVisible(False)
    yield from check("beyond", "hidden, locked and faint", corner)

    outer, inner = document.createGroupLayer("outer"), document.createGroupLayer("inner")
    root.addChildNode(outer, None)
    outer.addChildNode(inner, None)
    inner.addChildNode(filled("deep", 17, 3, 4, 20, 10), None)
    inner.addChildNode(filled("over", 255, 10, 8, 20, 10), None)
    both = rect(255, 10, 8, 20, 10, base=rect(17, 3, 4, 20, 10))
    yield 0.3
    yield from check("        deep", "in nested groups", rect(17, 3, 4, 20, 10))
    yield from check("    inner", "a group in a group", both)
    outer.setVisible(False)
    yield from check("outer", "a hidden group", both)
    over = inner.childNodes()[1]
    over.setPixelData(bytes([80, 80, 80, 255]) * 200, 10, 8, 20, 10)
    document.refreshProjection()
    yield from check("outer", "a group painted on while hidden", rect(80, 10, 8, 20, 10, base=both))

    root.addChildNode(document.createGroupLayer("empty"), None)
    yield 0.3
    yield from choose_inverted(painter, "empty")
    yield from apply(kit, painter, document, "an empty group, inverted")
    sent.expect("an empty group, inverted", width, height, rect(0, 0, 0, 0, 0))
    painter.inverted.setChecked(False)

    copy = document.createCloneLayer("clone", wide)
    root.addChildNode(copy, None)
    yield 0.3
    yield from check("clone", "a clone of a hidden layer", corner)
    copy.remove()

    info = InfoObject()
    info.setProperty("color", QColor(140, 140, 140))
    part = Selection()
    part.select(5, 6, 20, 10, 255)
    fill = document.createFillLayer("fill", "color", info, part)
    root.addChildNode(fill, None)
    yield 0.5
    yield from check("fill", "a fill layer", rect(140, 5, 6, 20, 10))
    fill.remove()

    file = kit.out / "file.png"
    image = QImage(12, 9, QImage.Format.Format_ARGB32)
    image.fill(QColor(33, 33, 33))
    image.save(str(file))
    layer = document.createFileLayer("file", str(file), "None")
    root.addChildNode(layer, None)
    yield kit.until(lambda: not layer.bounds().isEmpty(), "the file", 10)
    yield 0.5
    yield from check("file", "a file layer", rect(33, 0, 0, 12, 9))
    layer.remove()

    vector = document.createVectorLayer("vector")
    root.addChildNode(vector, None)
    yield 0.3
    vector.addShapesFromSvg(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}pt" height="{height}pt" viewBox="0 0 {width} {height}">'
        '<rect x="8" y="8" width="16" height="16" fill="#ffffff"/></svg>'
    )
    document.refreshProjection()
    yield 0.7
    yield from check("vector", "a vector layer", rect(255, 8, 8, 16, 16))
    vector.remove()

    masked = filled("masked", 220, 0, 0, 40, 40)
    root.addChildNode(masked, None)
    document.setActiveNode(masked)
    yield 0.3
    ramp = bytes(range(20, 60)) * 40
    if hasattr(document, "createTransparencyMask"):
        masked.addChildNode(document.createTransparencyMask("mask"), None)
    else:
        kit.app.action("add_new_transparency_mask").trigger()
    yield 0.5
    mask = masked.childNodes()[0]
    mask.setName("mask")
    mask.setPixelData(bytes(4096), 0, 0, 64, 64)
    mask.setPixelData(ramp, 0, 0, 40, 40)
    document.refreshProjection()
    document.waitForDone()
    see = [(220, 20 + x) if x < 40 and y < 40 else (0, 0) for y in range(height) for x in range(width)]
    yield from check("masked", "a layer with a mask", see)
    yield from check("    mask", "a transparency mask", [(0, a) for _, a in see], "mask")
    mask.remove()

    part = Selection()
    part.setPixelData(ramp, 0, 0, 40, 40)
    mask = document.createSelectionMask("local")
    mask.setSelection(part)
    masked.addChildNode(mask, None)
    yield 0.5
    yield from check("    local", "a selection mask", [(0, a) for _, a in see], "mask")
    close(document)
    yield 0.3


def choose_inverted(painter, name):
    yield from painter.choose(name)
    painter.inverted.setChecked(True)


def reopened(kit, painter, sent):
    """A hidden group and a hidden layer with a mask, from a file: nothing of them was shown yet."""
    width, height = CANVAS
    document = painter.canvas(width, height, pixels=noise(width * height, "RGBA", "U8"))
    yield 0.5
    group = document.createGroupLayer("group")
    document.rootNode().addChildNode(group, None)
    node = document.createNode("inside", "paintlayer")
    node.setPixelData(bytes([99, 99, 99, 255]) * 400, 10, 10, 20, 20)
    group.addChildNode(node, None)
    group.setVisible(False)
    yield 0.3
    file = Path(kit.out) / "hidden.kra"
    document.setBatchmode(True)
    document.saveAs(str(file))
    close(document)
    yield 0.5
    document = kit.app.openDocument(str(file))
    kit.app.activeWindow().addView(document)
    yield 0.7
    yield from painter.choose("group")
    yield from apply(kit, painter, document, "a hidden group from a file")
    pairs = [(99, 255) if 10 <= x < 30 and 10 <= y < 30 else (0, 0) for y in range(height) for x in range(width)]
    sent.expect("a hidden group from a file", width, height, pairs)
    close(document)
    yield 0.3


def frames(kit, painter, sent):
    """The current frame is what counts, of the picture and of the map; the result shows there."""
    width, height = CANVAS
    count = width * height
    document = painter.canvas(width, height)
    yield 0.5
    document.setFullClipRangeEndTime(20)
    background = document.rootNode().childNodes()[0]
    node = painter.layer(document, bytes([255] * 4) * count, 0, 0, width, height)
    yield from painter.choose("map")
    for part in (background, node):
        part.enableAnimation()
    for time in (0, 5, 10):
        document.setCurrentTime(time)
        document.waitForDone()
        yield 0.3
        for part, value in ((background, 20 + time), (node, 100 + time)):
            document.setActiveNode(part)
            yield 0.2
            if time:
                kit.app.action("add_blank_frame").trigger()
                yield 0.3
            part.setPixelData(bytes([value] * 3 + [255]) * count, 0, 0, width, height)
    for time in (5, 7, 10, 0):
        document.setCurrentTime(time)
        document.waitForDone()
        yield 0.5
        frame = {5: 5, 7: 5, 10: 10, 0: 0}[time]
        name = f"time {time}"
        before = pixels_of(kit, document)
        yield from apply(kit, painter, document, name)
        kit.check(f"{name}: still there", document.currentTime() == time)
        sent.expect(name, width, height, [(100 + frame, 255)] * count, canvas=20 + frame)
        yield from history(kit, document, "redo")
        result = document.rootNode().childNodes()[1]
        node.setVisible(False)
        kit.check(f"{name}: the result shows", pixels_of(kit, document) != before, result.name())
        if time == 7:
            yield 1
            kit.screenshot("window_frames")
        node.setVisible(True)
        document.refreshProjection()
        yield from history(kit, document, "undo")
    close(document)
    yield 0.3


def way_back(kit, painter, sent):
    """A layer that was once the map is sent with the picture again when the painter unticks it, and not before."""
    width, height = CANVAS
    count = width * height
    document = painter.canvas(width, height, pixels=bytes([50, 50, 50, 255]) * count)
    yield 0.5
    once = painter.layer(document, bytes([90, 90, 90, 255]) * count, 0, 0, width, height, "once the map")
    now = painter.layer(document, bytes([255] * 4) * count, 0, 0, width, height, "the map now")
    group = document.createGroupLayer("group")
    document.rootNode().addChildNode(group, None)
    inside = document.createNode("inside", "paintlayer")
    group.addChildNode(inside, None)
    menu = painter.new.menu()
    entry = menu.actions()[-1]

    def check(node, what, is_beside, why=""):
        """The entry for a layer, as it is when its menu opens."""
        document.setActiveNode(node)
        text = sentences.MAP_MENU_BESIDE.format(name=node.name())
        yield kit.until(lambda: entry.text() == text, f"the entry for {node.name()}", 5)
        yield 0.6
        about = sentences.WHY_BESIDE[why] if why else sentences.TIP_MAP_MENU_BESIDE
        said = (entry.isChecked(), entry.isEnabled(), entry.toolTip())
        kit.check(f"way back, {what}", said == (is_beside, not why, about), said)
        menu.popup(painter.new.mapToGlobal(QPoint(-200, painter.new.height())))
        yield 0.3
        kit.screenshot(f"menu {what}", menu)
        menu.close()

    def once_more(what, canvas):
        """Edits by the map now; the picture is of one grey."""
        yield from apply(kit, painter, document, what)
        sent.expect(what, width, height, [(255, 255)] * count, canvas=canvas)

    yield from painter.choose("once the map")
    yield from check(once, "chosen", True, "map")
    yield from apply(kit, painter, document, "by the one")
    sent.expect("by the one", width, height, [(90, 255)] * count)
    yield from history(kit, document, "redo")
    next(node for node in document.rootNode().childNodes() if node.name() == "later, by the map").remove()
    yield from painter.choose("the map now")
    yield from check(now, "chosen now", True, "map")
    yield from check(once, "no part", True)
    yield from once_more("once the map, and no part", 50)
    document.setModified(False)
    entry.trigger()
    yield 0.7
    said = sentences.TAKEN_IN.format(name="once the map")
    kit.check("way back: it is said", painter.says == said, painter.says)
    kit.check("way back: it is kept with the picture", document.modified())
    kit.resize(300, 700)
    yield 0.5
    kit.screenshot("docker way back", kit.docker())
    yield from check(once, "part again", False)
    yield from once_more("part of the picture again", 90)
    yield from once_more("and the edit did not take it out again", 90)
    entry.trigger()
    yield 0.7
    said = sentences.LEFT_OUT.format(name="once the map")
    kit.check("way back: and out", painter.says == said, painter.says)
    yield from once_more("taken out by hand", 50)

    yield from check(inside, "in a group", False)
    yield from check(group, "a group", False)
    entry.trigger()
    yield 0.7
    yield from check(inside, "in a group that is out", True, "group")
    close(document)
    yield 0.3
