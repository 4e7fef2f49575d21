"""Applying an edit with everything looked at: what was sent, what changed, what an undo leaves. For the scripted
backend, whose layer is as opaque as the map is light when the prompt ends with "by the map".
"""

import json

from .colours import seen


class Sent:
    """What each Apply must have sent: grey and alpha of the whole canvas, for the test to compare."""

    def __init__(self, kit):
        self.kit, self.list = kit, []

    def expect(self, name, width, height, pairs, kind="", **more):
        """pairs: (grey, alpha) in 8 bits of each pixel; for a mask only alpha counts."""
        file = f"{len(self.list):02} {name}.map"
        (self.kit.out / file).write_bytes(bytes(v for pair in pairs for v in pair))
        self.list.append({"name": name, "file": file, "width": width, "height": height, "kind": kind, **more})

    def write(self):
        (self.kit.out / "expected.json").write_text(json.dumps(self.list))


def apply(kit, painter, document, name):
    """Apply, looking at the document while it waits for the result, and after an undo."""
    before = pixels_of(kit, document)
    layers = bytes_of_layers(document)
    names, undo = painter.names(document), kit.undo_text()
    document.setModified(False)
    painter.prompt.setPlainText("later, by the map")
    painter.press_apply()
    trace = []

    def ended():
        """Looks at every chance until the layer comes."""
        if painter.busy and painter.names(document) == names:
            trace[:] = [document.modified(), kit.undo_text()]
        return not painter.busy

    yield kit.until(ended, f"{name}: the end", 60)
    kit.check(f"{name}: reading leaves no trace", trace == [False, undo], f"{trace} {painter.says}")
    yield from painter.until_done(name)
    kit.check(f"{name}: done", "Done" in painter.says, painter.says)
    after = pixels_of(kit, document)
    added = [n for n in painter.names(document) if n not in names]
    kit.check(f"{name}: a layer", len(added) == 1, painter.names(document))
    kept = {layer: data for layer, data in bytes_of_layers(document).items() if layer in layers}
    kit.check(f"{name}: every byte of every layer stays", kept == layers)
    yield from history(kit, document, "undo")
    kit.check(f"{name}: one undo step", painter.names(document) == names and kit.undo_text() == undo, kit.undo_text())
    kit.check(f"{name}: undo brings all back", pixels_of(kit, document) == before)
    kit.check(f"{name}: and every byte of every layer", bytes_of_layers(document) == layers)
    return before, after


def history(kit, document, way, steps=1):
    """Undo or redo. Krita ignores both while anything is going on, such as making thumbnails."""

    def idle():
        if document.tryBarrierLock():
            document.unlock()
            return True
        return False

    for _ in range(steps):
        document.waitForDone()
        yield kit.until(idle, f"{way}: idle", 10)
        kit.app.action(f"edit_{way}").trigger()
        document.waitForDone()
        yield 0.3  # clones, and the action's text, follow a little later


def pixels_of(kit, document):
    return seen(kit.bytes_of(document, "now"), document.colorModel(), document.colorDepth())


def bytes_of_layers(document):
    """By id, far beyond the canvas."""
    found, nodes = {}, document.rootNode().childNodes()
    while nodes:
        node = nodes.pop()
        nodes += node.childNodes()
        part = (-99, -99, document.width() + 198, document.height() + 198)
        found[node.uniqueId().toString()] = bytes(node.pixelData(*part))
    return found


def close(document):
    document.setModified(False)
    document.close()
