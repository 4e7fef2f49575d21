"""A picture, and layers of all kinds, that are read in more than one piece, and painted on meanwhile. The backend is
scripted."""

import random
import time

from krita import InfoObject, Selection
from krita_sfumato import reading
from krita_sfumato.host import Document
from krita_sfumato.tree import id_of
from krita_sfumato.vendor.sfumato_wire import Box
from sfumato_driver.painter import Painter

SIZE = W, H = 1100, 1000
FILL = (
    "<!DOCTYPE color><color channeldepth='U8'><sRGB r='{0}' g='{0}' b='{0}' space='sRGB-elle-V2-srgbtrc.icc'/></color>"
)
DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="1000pt" height="1000pt" viewBox="0 0 1000 1000">'
    '<rect x="0" y="0" width="500" height="1000" fill="#808080"/></svg>'
)


def scenario(kit):
    kit.window()
    yield 1
    painter = Painter(kit)
    yield kit.until(lambda: "Ready" in painter.status.text(), "the backend", 20)
    painter.steps.setValue(4)
    document = painter.canvas(*SIZE, pixels=noise())
    yield 0.5
    node = painter.layer(document, bytes([255] * 4) * (W * H), 0, 0, *SIZE)
    yield from painter.choose("map")
    background = document.rootNode().childNodes()[0]
    read, boxes = reading.read_bgra, []

    def meddle(source, box):
        """Between two pieces a stroke falls on the painter's picture."""
        if len(boxes) % 2 == 1:
            background.setPixelData(bytes([0, 0, 0, 255]) * (W * 500), 0, 500, W, 500)
            document.refreshProjection()
        boxes.append(box)
        return read(source, box)

    reading.read_bgra = meddle
    for name, is_seen in (("a map that is seen", True), ("a hidden one", False)):
        node.setVisible(is_seen)
        background.setPixelData(noise(), 0, 0, *SIZE)
        document.refreshProjection()
        document.waitForDone()
        del boxes[:]
        (kit.out / f"{name}.raw").write_bytes(bytes(background.pixelData(0, 0, *SIZE)))
        before = painter.names(document)
        undo = kit.undo_text()
        documents = len(kit.app.documents())
        painter.press_apply()
        yield from painter.until_done(name)
        kit.check(f"{name}: done", "Done" in painter.says, painter.says)
        kit.check(f"{name}: in pieces", len(boxes) > 1 and sum(box.area for box in boxes) == W * H, boxes)
        kit.check(f"{name}: no document more", len(kit.app.documents()) == documents)
        kit.app.action("edit_undo").trigger()
        yield 0.3
        kit.check(f"{name}: one undo step", painter.names(document) == before and kit.undo_text() == undo)
    reading.read_bgra = read
    yield from layers(kit, document)


def layers(kit, document):
    """One after another, with a stroke on it after its first band."""
    root, whole = document.rootNode(), Box(0, 0, *SIZE)

    def paint(node, grey):
        node.setPixelData(bytes([grey] * 3 + [255]) * (W * H), 0, 0, W, H)

    def add(node, parent=root):
        parent.addChildNode(node, None)
        return node

    plain, masked, under = (add(document.createNode(name, "paintlayer")) for name in ("plain", "masked", "under"))
    group, copied = add(document.createGroupLayer("group")), add(document.createCloneLayer("copy", plain))
    deep = add(document.createNode("deep", "paintlayer"), group)
    everything = Selection()
    everything.select(0, 0, W, H, 255)
    mask = add(document.createFilterMask("inverted", kit.app.filter("invert"), everything), masked)
    info = InfoObject()
    info.setProperty("color", FILL.format(0.8))
    filled, drawn = add(document.createFillLayer("filled", "color", info, everything)), add_drawing(document)

    def refill():
        info.setProperty("color", FILL.format(0.1))
        filled.setGenerator("color", info)

    kinds = {
        "a paint layer": (plain, lambda: paint(plain, 30)),
        "a hidden layer": (under, lambda: paint(under, 30)),
        "one with a mask": (masked, lambda: paint(masked, 30)),
        "a mask": (mask, lambda: mask.setPixelData(bytes(W * H), 0, 0, W, H)),
        "a group": (group, lambda: paint(deep, 30)),
        "a clone layer": (copied, lambda: paint(plain, 30)),
        "a fill layer": (filled, refill),
        "a vector layer": (drawn, lambda: drawn.addShapesFromSvg(DRAWING.replace('x="0"', 'x="500"'))),
    }
    under.setVisible(False)
    for name, (node, stroke) in kinds.items():
        for painted in (plain, masked, under, deep):
            paint(painted, 200)
        document.refreshProjection()
        document.waitForDone()
        yield 0.5
        document.waitForDone()
        document.setModified(False)
        documents, undo, at = len(kit.app.documents()), kit.undo_text(), Document(kit.app, document)
        for read in (at.read_map, at.read_layer):
            before = list(filter(None, read(id_of(node), whole)))
            kit.check(f"{name}: in pieces", len(before) > 1 and any(before[-1]), len(before))
        kit.check(f"{name}: no trace", not document.modified() and kit.undo_text() == undo)
        before, bands = list(filter(None, at.read_map(id_of(node), whole))), []
        began = time.perf_counter()
        for band in at.read_map(id_of(node), whole):
            bands += [band] if band else []
            if len(bands) == 1 and band:
                kit.note(f"{name}: ms to the first band", round(1000 * (time.perf_counter() - began), 1))
                stroke()
                document.refreshProjection()
                document.waitForDone()
                yield 0.3
        kit.check(f"{name}: as it was at the first step", bands == before, [len(bands), len(before)])
        now = list(filter(None, at.read_map(id_of(node), whole)))
        kit.check(f"{name}: the stroke is there", now != before)
        kit.check(f"{name}: no document more", len(kit.app.documents()) == documents)


def add_drawing(document):
    """A vector layer with a rectangle from top to bottom."""
    node = document.createVectorLayer("drawn")
    document.rootNode().addChildNode(node, None)
    node.addShapesFromSvg(DRAWING)
    return node


def noise():
    rows = random.Random(7).randbytes(4 * W * H)
    out = bytearray(rows)
    out[3::4] = b"\xff" * (W * H)
    return bytes(out)
