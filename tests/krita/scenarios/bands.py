"""A picture that is read in more than one piece, and painted on meanwhile. The backend is scripted."""

import random

from krita_sfumato import reading
from sfumato_driver.painter import Painter

SIZE = W, H = 1100, 1000


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


def noise():
    rows = random.Random(7).randbytes(4 * W * H)
    out = bytearray(rows)
    out[3::4] = b"\xff" * (W * H)
    return bytes(out)
