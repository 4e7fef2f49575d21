"""Layers in 16 bits, with masks, in place of others; notes and the selection: what `krita_sfumato.host` does, called
from inside Krita as the controller calls it.
"""

from array import array
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from krita import Node, Selection
from krita_sfumato import writing
from krita_sfumato.draft import Picture
from krita_sfumato.host import Host
from krita_sfumato.interfaces import SELECTION
from krita_sfumato.vendor.sfumato_wire import Box
from sfumato_driver.colours import SPACES, noise
from sfumato_driver.exact import bytes_of_layers, close, history, pixels_of
from sfumato_driver.painter import SRGB, Painter

W, H = 40, 30
BOX = Box(5, 6, 20, 10)
STYLE = (  # a drop shadow
    '<asl><node type="Descriptor" name="" classId="null">'
    '<node type="UnitFloat" key="Scl " unit="#Prc" value="100"/><node type="Boolean" key="masterFXSwitch" value="1"/>'
    '<node type="Descriptor" name="" key="DrSh" classId="DrSh"><node type="Boolean" key="enab" value="1"/></node>'
    '</node><node type="Descriptor" name="" classId="Styl">'
    '<node type="Descriptor" name="" key="documentMode" classId="documentMode"/></node></asl>'
)
COLOUR = (60, 30, 200)  # BGR
RED = bytes([*COLOUR, 255]) * BOX.area


def scenario(kit):
    kit.window()
    yield 1
    painter = Painter(kit)
    host = Host()
    for space in SPACES:
        yield from sixteen(kit, painter, host, *space)
    yield from masks(kit, painter, host)
    for case in CASES:
        yield from replaced(kit, painter, host, case)
    yield from misled(kit, painter, host)
    yield from behind(kit, painter, host)
    yield from while_it_fills(kit, painter, host)
    yield from reopened(kit, painter, host)
    yield from selection(kit, painter, host)


def add(document, name, data, maps=(), format="bgra8", mask=False):
    with filled(document, name, data, format, mask) as new:
        return document.add_layer(new, maps)


def replace(document, old, name, data, maps=()):
    with filled(document, name, data, like=old) as new:
        return document.replace_layer(old, new, maps)


@contextmanager
def filled(document, name, data, format="bgra8", mask=False, like=""):
    with document.new_layer(name, Picture(BOX, format, data), mask, like) as new:
        list(new.fill())
        yield new


def sixteen(kit, painter, host, model, depth, profile):
    """Opaque, half, and nothing at all; with a fraction that 8 bits cannot hold."""
    name = f"{model} {depth} {profile.partition('-')[0]}{' linear' if 'g10' in profile else ''}"
    node = painter.canvas(W, H, model, depth, profile, noise(W * H, model, depth))
    yield 0.5
    document = host.document()
    kit.check(f"{name}: depth", document.wants_16_bits() == (depth != "U8"))
    before, layers = pixels_of(kit, node), bytes_of_layers(node)
    undo, names = kit.undo_text(), painter.names(node)
    colour = [257 * c + 100 for c in COLOUR]
    data = array("H", [*colour, 65535] * 100 + [*colour, 32768] * 50 + [0] * 200).tobytes()
    layer = add(document, "result", data, format="bgra16")
    yield 0.2
    document.restore_active()
    yield 0.2
    added = find(node, layer)
    held = bytes(added.pixelData(BOX.x, BOX.y, BOX.width, BOX.height)) == data
    kit.check(f"{name}: 16 bits are held", held and added.colorDepth() == "U16")
    after = pixels_of(kit, node)
    at = [BOX.y * W + BOX.x, (BOX.y + 5) * W + BOX.x, (BOX.y + 9) * W + BOX.x]
    kit.check(f"{name}: opaque and half change, nothing does not", [after[i] != before[i] for i in at] == [1, 1, 0])
    outside = [i for i in range(W * H) if not (BOX.y <= i // W < BOX.bottom and BOX.x <= i % W < BOX.right)]
    clear = [i for i in range(W * H) if BOX.y + 8 <= i // W < BOX.bottom and BOX.x <= i % W < BOX.right]
    kit.check(f"{name}: alpha 0 keeps every byte", all(after[i] == before[i] for i in outside + clear))
    shown = node.projection(BOX.x, BOX.y, 1, 1).pixel(0, 0)
    rgb = [shown >> 16 & 255, shown >> 8 & 255, shown & 255]
    wanted, most = ([105] * 3, 1) if model == "GRAYA" else ([*COLOUR[::-1]], {"CMYKA": 24}.get(model, 3))
    off = max(abs(a - b) for a, b in zip(rgb, wanted, strict=True))
    kit.check(f"{name}: the colour", off <= most, f"{rgb}, {off} off")
    if (model, depth, profile) == ("RGBA", "U16", SRGB):
        kit.check(f"{name}: all of the 16 bits", after[at[0]] == data[:8])
    yield from history(kit, node, "undo")
    kit.check(f"{name}: one undo step", painter.names(node) == names and kit.undo_text() == undo, kit.undo_text())
    kit.check(f"{name}: undone", pixels_of(kit, node) == before and bytes_of_layers(node) == layers)
    yield from history(kit, node, "redo")
    kit.check(f"{name}: redone", pixels_of(kit, node) == after and find(node, layer) is not None)
    close(node)
    yield 0.2


def masks(kit, painter, host):
    """The mask hides what the alpha did."""
    for format in ("bgra8", "bgra16"):
        node = painter.canvas(W, H, pixels=bytes([90, 90, 90, 255]) * (W * H))
        yield 0.5
        document = host.document()
        if not document.can_mask():
            kit.check("no masks in 5.1", kit.app.version().startswith("5.1"))
            close(node)
            yield 0.2
            return
        alphas = [i % 256 for i in range(BOX.area)]
        if format == "bgra8":
            data = b"".join(bytes([*COLOUR, a]) if a else bytes(4) for a in alphas)
        else:
            data = array(
                "H", [c for a in alphas for c in ([257 * x for x in (*COLOUR, a)] if a else [0] * 4)]
            ).tobytes()
        before, undo = pixels_of(kit, node), kit.undo_text()
        plain = add(document, "plain", data, format=format)
        yield 0.3
        wanted = pixels_of(kit, node)
        yield from history(kit, node, "undo")
        layer = add(document, "masked", data, format=format, mask=True)
        yield 0.2
        document.restore_active()
        yield 0.2
        kit.check(f"{format}: it looks the same", pixels_of(kit, node) == wanted and layer != plain)
        children = find(node, layer).childNodes()
        mask = bytes(children[0].pixelData(BOX.x, BOX.y, BOX.width, BOX.height))
        kit.check(f"{format}: the mask", [c.type() for c in children] == ["transparencymask"] and mask == bytes(alphas))
        kit.check(f"{format}: untouched", document.is_untouched(layer))
        if format == "bgra8":
            kit.screenshot("window_mask")
        children[0].setPixelData(bytes([255]) * BOX.area, BOX.x, BOX.y, BOX.width, BOX.height)
        shown = pixels_of(kit, node)[(BOX.y + 1) * W + BOX.x]
        kit.check(f"{format}: the mask can be painted on", shown == bytes([*COLOUR, 255]), shown.hex())
        kit.check(f"{format}: that is seen", not document.is_untouched(layer))
        yield from history(kit, node, "undo")
        kit.check(f"{format}: one undo step", pixels_of(kit, node) == before and kit.undo_text() == undo)
        layer = add(document, "masked", data, format=format, mask=True)
        yield 0.2
        document.restore_active()
        yield 0.2
        replace(document, layer, "new", RED)
        yield 0.3
        kit.check(f"{format}: replaced", painter.names(node) == ["Background", "new"], painter.names(node))
        yield from history(kit, node, "undo")
        kit.check(f"{format}: in one step", pixels_of(kit, node) == before and kit.undo_text() == undo)
        close(node)
        yield 0.2


def replaced(kit, painter, host, case):
    """Before the replacement something happens; names afterwards, undo steps, names after them is what must follow."""
    name = case.__name__
    node = painter.canvas(W, H, pixels=noise(W * H, "RGBA", "U8"))
    yield 0.5
    painter.layer(node, RED, 0, 0, BOX.width, BOX.height)
    yield 0.3
    background = node.rootNode().childNodes()[0]
    node.setActiveNode(background)
    yield 0.2
    document = host.document()
    maps = [node.rootNode().childNodes()[1].uniqueId().toString()]
    old = add(document, "old", RED, maps)
    yield from settled(document)
    kit.check(f"{name}: below the map", painter.names(node) == ["Background", "old", "map"], painter.names(node))
    kit.check(f"{name}: untouched at first", document.is_untouched(old))
    wanted, steps, at_last = yield from case(kit, node, host, old)
    node.setActiveNode(find(node, old) if case is on_it else background)
    yield 0.2
    undo, others = kit.undo_text(), {k: v for k, v in bytes_of_layers(node).items() if k != old}
    document = host.document()
    painted = bytes([9, 200, 9, 255]) * BOX.area
    new = replace(document, old, "new", painted, maps)
    yield from settled(document)
    kit.check(f"{name}: in place", tree_of(node) == wanted, tree_of(node))
    kit.check(f"{name}: filled", bytes(find(node, new).pixelData(BOX.x, BOX.y, BOX.width, BOX.height)) == painted)
    kept = bytes_of_layers(node)
    kit.check(f"{name}: nothing else", all(kept.get(k) == v for k, v in others.items()))
    active = find(node, new) if case is on_it else background
    kit.check(f"{name}: the painter goes on", node.activeNode() == active, node.activeNode().name())
    yield from history(kit, node, "undo", steps)
    kit.check(f"{name}: {steps} undo steps", tree_of(node) == at_last, tree_of(node))
    kit.note(f"{name}: undo", [undo, kit.undo_text()])
    yield from history(kit, node, "redo", steps)
    kit.check(f"{name}: and back", tree_of(node) == wanted, tree_of(node))
    close(node)
    yield 0.3


def at_once(kit, node, host, old):
    yield 0
    return ["Background", "new", "map"], 1, ["Background", "map"]


def on_it(kit, node, host, old):
    """The painter is on the layer that goes."""
    yield 0
    return ["Background", "new", "map"], 1, ["Background", "map"]


def twice_at_once(kit, node, host, old):
    """The second of two is replaced, the first stays."""
    document = host.document()
    replace(document, old, "other", RED)
    yield from settled(document)
    document = host.document()
    add(document, "old", RED)
    yield from settled(document)
    # What was `old` is gone, so the new one is added on top.
    return ["Background", "other", "map", "old", "new"], 1, ["Background", "other", "map", "old"]


def after_a_step(kit, node, host, old):
    node.rootNode().childNodes()[0].setBlendingMode("multiply")
    yield 0.3
    return ["Background multiply 255", "new", "map"], 2, ["Background multiply 255", "old", "map"]


def painted_on(kit, node, host, old):
    find(node, old).setPixelData(bytes([1, 2, 3, 255]), 7, 8, 1, 1)
    yield 0.1
    return ["Background", "old", "new", "map"], 1, ["Background", "old", "map"]


def alpha_locked(kit, node, host, old):
    find(node, old).setAlphaLocked(True)
    yield 0.3
    return ["Background", "old", "new", "map"], 1, ["Background", "old", "map"]


def styled(kit, node, host, old):
    layer, can_tell = find(node, old), hasattr(Node, "layerStyleToAsl")
    kit.note("tells layer styles", can_tell)
    if can_tell:
        kit.check("no style at first", not layer.layerStyleToAsl(), layer.layerStyleToAsl())
        layer.setLayerStyleFromAsl(STYLE)
        kit.check("a style", "DrSh" in layer.layerStyleToAsl(), layer.layerStyleToAsl())
    yield 0.3
    if can_tell:
        return ["Background", "old", "new", "map"], 1, ["Background", "old", "map"]
    return ["Background", "new", "map"], 1, ["Background", "map"]


def in_a_group(kit, node, host, old):
    """Moved there by the painter and blended in another way: the new one is, too."""
    group = node.createGroupLayer("group")
    node.rootNode().addChildNode(group, None)
    layer = find(node, old)
    layer.remove()
    group.addChildNode(layer, None)
    layer.setBlendingMode("multiply")
    layer.setOpacity(77)
    node.waitForDone()
    yield 0.3
    return ["Background", "map", "group", ["new multiply 77"]], 2, ["Background", "map", "group", ["old multiply 77"]]


def below_the_painters(kit, node, host, old):
    """The painter's last step is called as ours is."""
    node.rootNode().addChildNode(node.createNode("mine", "paintlayer"), None)
    yield 0.3
    return ["Background", "new", "map", "mine"], 2, ["Background", "old", "map", "mine"]


def deleted(kit, node, host, old):
    yield from history(kit, node, "undo")
    return ["Background", "new", "map"], 1, ["Background", "map"]


CASES = (
    at_once,
    on_it,
    twice_at_once,
    after_a_step,
    painted_on,
    alpha_locked,
    styled,
    in_a_group,
    below_the_painters,
    deleted,
)


def misled(kit, painter, host):
    """Where an undo takes back something else, that is redone."""
    node = painter.canvas(W, H, pixels=noise(W * H, "RGBA", "U8"))
    yield 0.5
    document = host.document()
    old = add(document, "old", RED)
    yield from settled(document)
    node.rootNode().childNodes()[0].setBlendingMode("multiply")
    yield 0.3
    document._placed.is_last_step = lambda *_: True
    try:
        replace(document, old, "new", RED)
    finally:
        del document._placed.is_last_step
    yield from settled(document)
    kit.check("misled: replaced all the same", tree_of(node) == ["Background multiply 255", "new"], tree_of(node))
    yield from history(kit, node, "undo", 3)
    kit.check("misled: every step is there", tree_of(node) == ["Background", "old"], tree_of(node))

    # An undo that Krita ignores: what the painter took back stays so.
    tried = writing.take_back(Deaf(kit.app), node, find(node, old))
    yield 0.3
    kit.check("ignored: nothing is brought back", not tried and tree_of(node) == ["Background", "old"], tree_of(node))
    close(node)
    yield 0.3


class Deaf:
    """Krita while something is going on: it ignores an undo."""

    def __init__(self, app):
        self.app = app

    def action(self, name):
        real = self.app.action(name)
        return SimpleNamespace(text=real.text, trigger=(lambda: None) if name == "edit_undo" else real.trigger)


def behind(kit, painter, host):
    """A document that the painter does not look at: its undo is not within reach, nor is another's touched."""
    node = painter.canvas(W, H, pixels=noise(W * H, "RGBA", "U8"))
    yield 0.5
    document = host.document()
    old = add(document, "old", RED)
    yield from settled(document)
    other = painter.canvas(W, H)
    yield 0.5
    second = host.document()
    add(second, "old", RED)
    yield from settled(second)
    replace(document, old, "new", RED)
    yield from settled(document)
    kit.check("behind: replaced", tree_of(node) == ["Background", "new"], tree_of(node))
    kit.check("behind: the other one is as it was", tree_of(other) == ["Background", "old"], tree_of(other))
    close(other)
    close(node)
    yield 0.3


def while_it_fills(kit, painter, host):
    """The painter goes on; a picture that is closed takes nothing, and nothing comes of it."""
    side = 1200  # three bands
    for depth in ("U8", "F32"):  # made by the picture itself, and by another one
        node = painter.canvas(side, side, depth=depth)
        yield 0.5
        document, undo = host.document(), kit.undo_text()
        node.setModified(False)
        data = bytes([*COLOUR, 255]) * (side * side)
        with document.new_layer("large", Picture(Box(0, 0, side, side), "bgra8", data)) as new:
            for n, _ in enumerate(new.fill()):
                yield 0.1
                still = painter.names(node) == ["Background"] and not node.modified() and kit.undo_text() == undo
                kit.check(f"fills {depth}: band {n} is nobody's", still, painter.names(node))
            node.rootNode().addChildNode(node.createNode("mine", "paintlayer"), None)
            yield 0.2
            layer = document.add_layer(new, ())
        yield from settled(document)
        kit.check(f"fills {depth}: above the painter's", painter.names(node) == ["Background", "mine", "large"])
        held = bytes(find(node, layer).pixelData(0, 0, side, side))
        kit.check(f"fills {depth}: all of it", held == data)
        yield from history(kit, node, "undo")
        kit.check(f"fills {depth}: one undo step", painter.names(node) == ["Background", "mine"], painter.names(node))
        with document.new_layer("large", Picture(Box(0, 0, side, side), "bgra8", data)) as new:
            filling = new.fill()
            next(filling)
            close(node)
            yield 0.5
            list(filling)
            kit.check(f"fills {depth}: closed", not document.is_open())
        del new, filling
        yield 0.3
        kit.check(f"fills {depth}: nothing is left open", not kit.app.documents(), kit.app.documents())


def reopened(kit, painter, host):
    """Notes are in the .kra; so is what a result looked like when it was placed."""
    node = painter.canvas(W, H, pixels=noise(W * H, "RGBA", "U8"))
    yield 0.5
    document = host.document()
    old = add(document, "old", RED)
    touched = add(document, "touched", RED)
    yield from settled(document)
    find(node, touched).setPixelData(bytes(4), 7, 8, 1, 1)
    data = bytes(range(256)) * 4096
    document.notes.write("result/1", data)
    document.notes.write("result/2", b"two")
    document.notes.remove("result/2")
    document.notes.remove("never")
    document.notes.write("maps", b"{}")
    kit.check("notes", document.notes.keys() == ["maps", "placed", "result/1"], document.notes.keys())
    file = Path(kit.out) / "notes.kra"
    node.setBatchmode(True)
    node.saveAs(str(file))
    close(node)
    yield 0.5
    node = kit.app.openDocument(str(file))
    kit.app.activeWindow().addView(node)
    yield 0.7
    document = host.document()
    kit.check("reopened: notes", document.notes.keys() == ["maps", "placed", "result/1"], document.notes.keys())
    kit.check("reopened: bytes", document.notes.read("result/1") == data and document.notes.read("maps") == b"{}")
    kit.check("reopened: nothing there", document.notes.read("result/2") == b"")
    kit.check("reopened: untouched", document.is_untouched(old) and not document.is_untouched(touched))
    replace(document, old, "new", RED)
    replace(document, touched, "above", RED)
    yield from settled(document)
    wanted = ["Background", "new", "touched", "above"]
    kit.check("reopened: replaced", tree_of(node) == wanted, tree_of(node))
    close(node)
    yield 0.3


def selection(kit, painter, host):
    """The selection as a map."""
    node = painter.canvas(W, H)
    yield 0.5
    document = host.document()
    kit.check("nothing selected", not document.has(SELECTION) and not document.map_box(SELECTION).area)
    part = Selection()
    values = bytes(range(1, 201))
    part.setPixelData(values, 5, 6, 20, 10)
    part.setPixelData(bytes([128]) * 2000, W - 3, H - 4, 20, 100)
    node.setSelection(part)
    yield 0.3
    node.setModified(False)
    box = document.map_box(SELECTION)
    kit.check("selected", document.has(SELECTION) and box == Box(5, 6, W - 5, H - 6), box)
    sent = b"".join(document.read_map(SELECTION, Box(0, 0, W, H)))
    wanted = bytearray(W * H)
    for y in range(10):
        wanted[(6 + y) * W + 5 : (6 + y) * W + 25] = values[20 * y : 20 * y + 20]
    for y in range(H - 4, H):
        wanted[y * W + W - 3 : y * W + W] = bytes([128]) * 3
    kit.check("its values", sent == bytes(wanted) and document.map_format(SELECTION) == "gray8")
    kit.check("not modified by reading", not node.modified())
    close(node)
    yield 0.2


def settled(document):
    """As the controller does it."""
    for _ in range(20):
        yield 0.02
        if document.restore_active():
            break
    yield 0.1


def find(node, layer):
    rest = node.rootNode().childNodes()
    while rest:
        other = rest.pop()
        if other.uniqueId().toString() == layer:
            return other
        rest += other.childNodes()
    return None


def tree_of(node):
    """Names from the bottom; those of a group's layers in a list after it; how they are blended if not as usual."""

    def below(parent):
        out = []
        for child in parent.childNodes():
            usual = child.blendingMode() == "normal" and (child.opacity() == 255 or child.name() == "map")
            out.append(child.name() if usual else f"{child.name()} {child.blendingMode()} {child.opacity()}")
            if child.childNodes():
                out.append(below(child))
        return out

    return below(node.rootNode())
