"""Maps made of a selection, of shapes and of brightness, in three kinds of documents: pixels, undo, nothing else."""

import time
from array import array
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from math import cos, pi, sin

from krita import Selection
from krita_sfumato import curves, falloff, host, making, map_menu
from krita_sfumato.alpha import read_alpha
from krita_sfumato.beside import Beside
from krita_sfumato.draft import Picture
from krita_sfumato.interfaces import SELECTION
from krita_sfumato.selection import read_selection, selection_box
from krita_sfumato.vendor.sfumato_wire import Box
from sfumato_driver.painter import GREY, SRGB, Painter

if "PyQt6.QtCore" in __import__("sys").modules:
    from PyQt6.QtCore import QByteArray, QPoint, Qt
    from PyQt6.QtTest import QTest
    from PyQt6.QtWidgets import QMenu
else:
    from PyQt5.QtCore import QByteArray, QPoint, Qt
    from PyQt5.QtTest import QTest
    from PyQt5.QtWidgets import QMenu

POOL = ThreadPoolExecutor(1)
WIDTH, HEIGHT = 330, 260
CANVAS = Box(0, 0, WIDTH, HEIGHT)
KINDS = (("RGBA", "U8", SRGB), ("RGBA", "U16", SRGB), ("GRAYA", "U8", GREY))
LETTER = """<svg xmlns="http://www.w3.org/2000/svg" width="330pt" height="260pt">
<path d="M 120 60 L 210 60 L 210 190 L 120 190 Z" fill="#204080"/></svg>"""


class Document(host.Document):
    """With the selection among its maps."""

    def has(self, layer):
        return self.map_box(SELECTION).area > 0 if layer == SELECTION else super().has(layer)

    def map_box(self, layer):
        return selection_box(self._document) if layer == SELECTION else super().map_box(layer)

    def read_map(self, layer, box):
        return read_selection(self._document, box) if layer == SELECTION else super().read_map(layer, box)

    def read_alpha(self, layer, box):
        return read_alpha(self._app, self._need(layer), box)


def scenario(kit):
    kit.window()
    yield 1
    painter = Painter(kit)
    same = {}
    for model, depth, profile in KINDS:
        yield from one_kind(kit, painter, model, depth, profile, same)
    yield from shapes_of_every_kind(kit, painter)
    yield from edges_and_nothing(kit, painter)
    yield from large(kit, painter)
    yield from menu(kit, painter)


def one_kind(kit, painter, model, depth, profile, same):
    """same: what the first kind made, which the others make, too."""
    name = f"{model} {depth}"
    picture = painter.canvas(WIDTH, HEIGHT, model, depth, profile, native(model, depth, ramp()))
    yield 0.3
    disc = picture.createNode("disc", "paintlayer")
    disc.setPixelData(QByteArray(native(model, depth, [200] * (WIDTH * HEIGHT), disc_alpha())), 0, 0, WIDTH, HEIGHT)
    picture.rootNode().addChildNode(disc, None)
    background = picture.rootNode().childNodes()[0]
    # A selection of every value, partly beside the canvas.
    values = bytes(range(256)) * 40
    chosen = Selection()
    chosen.setPixelData(QByteArray(values), -20, 30, 256, 40)
    picture.setSelection(chosen)
    picture.setActiveNode(disc)
    yield 0.5
    picture.setModified(False)
    document = Document(kit.app, picture)

    made = yield from make(kit, picture, f"{name} selection", lambda: making.from_selection(document, POOL.submit))
    node = yield from add(kit, picture, document, made, f"{name} selection")
    row = b"".join(bytes([v, v, v, 255]) for v in range(20, 256)) + bytes(4 * (WIDTH - 236))
    seen = node_bytes(node, CANVAS)
    beside = seen[: 4 * WIDTH * 30] + seen[4 * WIDTH * 70 :]
    kit.check(f"{name} selection: exact", seen[4 * WIDTH * 30 : 4 * WIDTH * 70] == row * 40)
    kit.check(f"{name} selection: nothing beside", not any(beside.strip(b"\0")))
    yield from shot(kit, picture, node, f"selection {name}")
    yield from undone(kit, picture, node, f"{name} selection")

    for preset in curves.PRESETS:
        of = host_id(background)
        made = yield from make(
            kit,
            picture,
            f"{name} {preset}",
            lambda of=of, p=preset: making.from_brightness(document, of, p, POOL.submit),
        )
        greys = curves.table(preset)
        wanted = bytes(greys[257 * v] for v in ramp())
        off = max(abs(a - b) for a, b in zip(made.bgra[0::4], wanted, strict=True))
        kit.check(f"{name} {preset}: exact", off <= (depth == "U16"), off)
        kit.check(f"{name} {preset}: opaque greys, all over", is_opaque_grey(made) and made.box == CANVAS, made.box)
    ways = ((64, False), (20, True))
    more = () if same else ((1, False), (3, False), (8, False), (100, False))
    for radius, inwards in (*ways, *more):
        what = f"{name} falloff {radius}{' inwards' if inwards else ''}"
        of = host_id(disc)
        made = yield from make(
            kit,
            picture,
            what,
            lambda of=of, r=radius, i=inwards: falloff.around(document, of, r, i, POOL.submit, Selection),
        )
        if (radius, inwards) not in same:
            check_falloff(kit, made, disc_alpha(), radius, inwards, what)
        kit.check(f"{what}: alike in all", same.setdefault((radius, inwards), made.bgra) == made.bgra)
        if (radius, inwards) in ways:
            node = yield from add(kit, picture, document, made, what)
            kit.check(f"{what}: as made", node_bytes(node, made.box) == made.bgra)
            yield from shot(kit, picture, node, f"falloff {name}{' inwards' if inwards else ''}")
            yield from undone(kit, picture, node, what)
    selected = picture.selection()
    still = bytes(selected.pixelData(-20, 30, 256, 40)) == values if selected is not None else False
    kit.check(f"{name}: the selection is as it was", still)
    close(picture)
    yield 0.2


def shapes_of_every_kind(kit, painter):
    """Group, vector layer, mask, a hidden one: the same shape, the same falloff."""
    picture = painter.canvas(WIDTH, HEIGHT)
    yield 0.3
    root = picture.rootNode()
    box = Box(120, 60, 90, 130)
    colour = bytes([40, 90, 200, 255]) * box.area
    group = picture.createGroupLayer("group")
    root.addChildNode(group, None)
    inside = picture.createNode("inside", "paintlayer")
    inside.setPixelData(QByteArray(colour), box.x, box.y, box.width, box.height)
    group.addChildNode(inside, None)
    group.setVisible(False)
    vector = picture.createVectorLayer("vector")
    root.addChildNode(vector, None)
    vector.addShapesFromSvg(LETTER)
    masked = picture.createNode("masked", "paintlayer")
    masked.setPixelData(QByteArray(colour), box.x, box.y, box.width, box.height)
    root.addChildNode(masked, None)
    mask = picture.createSelectionMask("mask")
    chosen = Selection()
    chosen.select(box.x, box.y, box.width, box.height, 255)
    mask.setSelection(chosen)
    masked.addChildNode(mask, None)
    picture.waitForDone()
    picture.refreshProjection()
    yield 0.5
    picture.setModified(False)
    document = Document(kit.app, picture)
    found = {}
    for node in (group, inside, vector, masked, mask):
        what = f"shape of a {node.type()} “{node.name()}”"
        of = host_id(node)
        found[what] = yield from make(
            kit, picture, what, lambda of=of: falloff.around(document, of, 40, False, POOL.submit, Selection)
        )
        line = bytes(box.x) + b"\xff" * box.width + bytes(WIDTH - box.right)
        alpha = bytes(WIDTH * box.y) + line * box.height + bytes(WIDTH * (HEIGHT - box.bottom))
        if node is inside:
            check_falloff(kit, found[what], alpha, 40, False, what, rays=False)
    first = next(iter(found.values()))
    for what, made in found.items():
        kit.check(f"{what}: as of the others", (made.box, made.bgra) == (first.box, first.bgra), made.box)
    close(picture)
    yield 0.2


def edges_and_nothing(kit, painter):
    """A shape that is cut by the picture's edge goes on there; where there is nothing to make, a sentence says so."""
    picture = painter.canvas(WIDTH, HEIGHT)
    yield 0.3
    sky = painter.layer(picture, bytes([255] * 4) * (WIDTH * 50), 0, 0, WIDTH, 50, "sky")
    hair = painter.layer(picture, bytes([255] * 4) * 200, 165, 30, 1, 200, "hair")
    empty = painter.layer(picture, b"", 0, 0, 0, 0, "empty")
    yield 0.3
    document = Document(kit.app, picture)
    for radius in (12, 64, 150):
        made = yield from make(
            kit,
            picture,
            f"sky {radius}",
            lambda r=radius: falloff.around(document, host_id(sky), r, False, POOL.submit, Selection),
        )
        lines = [made.bgra[y * made.box.width * 4 : (y + 1) * made.box.width * 4 : 4] for y in range(made.box.height)]
        spread = max(max(line) - min(line) for line in lines)
        kit.check(f"sky {radius}: no darker at the edges", spread <= 1, spread)
    made = yield from make(
        kit, picture, "hair", lambda: falloff.around(document, host_id(hair), 64, False, POOL.submit, Selection)
    )
    kit.check("a hair reaches as far as a wall", value(made, 165 + 20, 130) > 150, value(made, 165 + 20, 130))

    background = picture.rootNode().childNodes()[0]
    background.setPixelData(QByteArray(bytes([255] * 4) * (WIDTH * HEIGHT)), 0, 0, WIDTH, HEIGHT)
    for what, start, words in (
        ("hair inwards", lambda: falloff.around(document, host_id(hair), 64, True, POOL.submit, Selection), "narrow"),
        ("all", lambda: falloff.around(document, host_id(background), 8, False, POOL.submit, Selection), "no edge"),
        (
            "all inwards",
            lambda: falloff.around(document, host_id(background), 8, True, POOL.submit, Selection),
            "no edge",
        ),
        ("empty", lambda: falloff.around(document, host_id(empty), 8, False, POOL.submit, Selection), "nothing on"),
        ("no selection", lambda: making.from_selection(document, POOL.submit), "Nothing is selected"),
        (
            "darks of white",
            lambda: making.from_brightness(document, host_id(background), "darks", POOL.submit),
            "darks",
        ),
        ("no layer", lambda: making.from_brightness(document, "gone", "darks", POOL.submit), "not there"),
    ):
        said = ""
        steps = start()
        try:
            while True:
                next(steps)
                yield None
        except making.NothingToMake as nothing:
            said = str(nothing)
        except StopIteration:
            pass
        kit.check(f"{what}: a sentence", words in said, said)
    close(picture)
    yield 0.2


def large(kit, painter):
    """How long the UI is held at 2048 x 2048: for the eye, not for a verdict."""
    side = 2048
    picture = painter.canvas(side, side)
    yield 0.5
    colours = bytes(range(256)) * (side * side * 4 // 256)
    noisy = painter.layer(picture, colours, 0, 0, side, side, "noisy")
    half = painter.layer(picture, bytes([30, 60, 90, 255]) * (side * side // 4), 512, 512, side // 2, side // 2, "half")
    chosen = Selection()
    chosen.setPixelData(QByteArray(bytes(range(256)) * (side * side // 256)), 0, 0, side, side)
    picture.setSelection(chosen)
    yield 0.5
    document = Document(kit.app, picture)
    starts = {"2048 selection": lambda: making.from_selection(document, POOL.submit)}
    starts["2048 darks of colours"] = lambda: making.from_brightness(document, host_id(noisy), "darks", POOL.submit)
    for radius in (8, 64):
        starts[f"2048 falloff {radius} around half"] = lambda r=radius: falloff.around(
            document, host_id(half), r, False, POOL.submit, Selection
        )
    for what, start in starts.items():
        ticker, began, held, longest = kit.ticker(), time.perf_counter(), 0.0, 0.0
        steps = start()
        while True:
            at = time.thread_time()  # of the processor: other programs do not count
            try:
                next(steps)
            except StopIteration:
                break
            finally:
                taken = time.thread_time() - at
                held, longest = held + taken, max(longest, taken)
            yield None
        numbers = [time.perf_counter() - began, ticker.stop(), held, longest]
        kit.note(f"{what}: seconds, longest gap; of the UI's own, longest step", [round(n, 3) for n in numbers])
    close(picture)
    yield 0.2


def menu(kit, painter):
    """By keyboard alone; it says what was chosen, and nothing that is not there can be chosen."""
    window = kit.app.activeWindow().qwindow()
    heard = []
    shown = map_menu.MapMenu(window)
    shown.new_empty.connect(lambda: heard.append(("empty",)))
    shown.from_selection.connect(lambda: heard.append(("selection",)))
    shown.falloff.connect(lambda *what: heard.append(("falloff", *what)))
    shown.from_brightness.connect(lambda *what: heard.append(("brightness", *what)))
    shown.leave_out.connect(lambda *what: heard.append(("leave out", *what)))
    kit.check("menu: nothing without a picture", not any(a.isEnabled() for a in shown.actions() if a.text()))
    shown.show_sources(making.Sources(True, False, "", ""))
    kit.check(
        "menu: no selection, no layer", [a.isEnabled() for a in shown.actions() if a.text()] == [True] + [False] * 5
    )
    shown.popup(window.mapToGlobal(QPoint(900, 300)))
    yield 0.3
    kit.screenshot("menu nothing", shown)
    shown.close()
    shown.show_sources(
        making.Sources(True, True, "id", "Tree & its shadow, in front of the old house", Beside(False, ""))
    )
    key = Qt.Key
    for keys, wanted in (
        ([key.Key_N], ("empty",)),
        ([key.Key_S], ("selection",)),
        ([key.Key_A, key.Key_Down, key.Key_Return], ("falloff", "id", 16, False)),
        ([key.Key_Down] * 4 + [key.Key_Right, key.Key_Up, key.Key_Return], ("falloff", "id", 256, True)),
        ([key.Key_B, key.Key_M], ("brightness", "id", "midtones")),
        ([key.Key_B, key.Key_I], ("brightness", "id", "inverted")),
        ([key.Key_P], ("leave out", "id", True)),
    ):
        heard.clear()
        shown.popup(window.mapToGlobal(QPoint(900, 300)))
        yield 0.2
        for pressed in keys:
            open_one = next((m for m in shown.findChildren(QMenu) if m.isVisible()), shown)
            QTest.keyClick(open_one, pressed)
            yield 0.2
            if pressed in (key.Key_A, key.Key_B, key.Key_Right):
                window.screen().grabWindow(0).save(str(kit.out / f"menu {wanted[0]} {wanted[-1]}.png"))
        kit.check(f"menu: {wanted}", heard == [wanted], heard)
        shown.close()
    shown.popup(window.mapToGlobal(QPoint(900, 300)))
    shown.show_sources(making.Sources())
    kit.check("menu: nothing changes while it is open", all(a.isEnabled() for a in shown.actions() if a.text()))
    shown.close()


# ---------------------------------------------------------------------- what is checked again and again


def make(kit, picture, what, start):
    """Runs a making to its end; while it is made, nothing of the painter's is touched."""
    names, undo, active, open_ones = (
        [node.name() for node in picture.rootNode().childNodes()],
        kit.undo_text(),
        picture.activeNode(),
        len(kit.app.documents()),
    )
    before = bytes(picture.pixelData(0, 0, picture.width(), picture.height()))
    modified = picture.modified()
    steps = start()
    while True:
        try:
            next(steps)
        except StopIteration as end:
            made = end.value
            break
        yield None
    after = (
        [node.name() for node in picture.rootNode().childNodes()],
        kit.undo_text(),
        picture.activeNode(),
        len(kit.app.documents()),
    )
    still = bytes(picture.pixelData(0, 0, picture.width(), picture.height())) == before
    if (names, undo, active, open_ones) != after or picture.modified() != modified or not still:
        kit.check(f"{what}: nothing is touched while it is made", False, (after, picture.modified(), still))
    kit.check(f"{what}: fits", len(made.bgra) == made.box.area * 4, made.box)
    return made


def add(kit, picture, document, made, what):
    picture.setModified(False)
    with document.new_layer(made.name, Picture(made.box, "bgra8", made.bgra)) as new:
        list(new.fill())
        layer = document.add_map(new)
    yield 0.3
    node = document._need(layer)
    kit.check(f"{what}: a layer", node.name() == made.name and picture.modified(), node.name())
    return node


def undone(kit, picture, node, what):
    names = [n.name() for n in picture.rootNode().childNodes()]
    kit.app.action("edit_undo").trigger()
    yield 0.4
    left = [n.name() for n in picture.rootNode().childNodes()]
    kit.check(f"{what}: one undo step", left == [n for n in names if n != node.name()], left)
    kit.app.action("edit_redo").trigger()
    yield 0.4
    kit.check(f"{what}: redo", [n.name() for n in picture.rootNode().childNodes()] == names)
    kit.app.action("edit_undo").trigger()
    yield 0.4


def shot(kit, picture, node, name):
    """The map alone, in full, as it is seen."""
    node.setOpacity(255)
    picture.refreshProjection()
    yield 0.3
    picture.projection(0, 0, WIDTH, HEIGHT).save(str(kit.out / f"map {name}.png"))
    node.setOpacity(128)
    picture.refreshProjection()
    yield 0.3
    picture.projection(0, 0, WIDTH, HEIGHT).save(str(kit.out / f"seen {name}.png"))


def check_falloff(kit, made, alpha, radius, inwards, what, rays=True):
    """Alpha is the shape over the whole canvas; rays go out from the middle of the disc, whose radius is 50."""
    box = made.box
    greys = made.bgra[0::4]
    kit.check(f"{what}: opaque greys", is_opaque_grey(made))
    part = b"".join(alpha[y * WIDTH + box.x : y * WIDTH + box.right] for y in range(box.y, box.bottom))
    bad = (
        sum(g > a for g, a in zip(greys, part, strict=True))
        if inwards
        else sum(g < a for g, a in zip(greys, part, strict=True))
    )
    kit.check(f"{what}: {'never more' if inwards else 'never less'} than the shape", bad == 0, bad)
    if not rays:
        return
    beyond = max((value(made, x, y) for x, y in pixels_of(box) if away(x, y) > 51 + radius), default=0)
    kit.check(f"{what}: black beyond the radius", beyond == 0, beyond)
    worst = 0
    furthest = 0
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1), (2, 1), (1, 2), (-3, 1)):
        length = (dx * dx + dy * dy) ** 0.5
        last = 255
        for t in range(int(min(WIDTH, HEIGHT))):
            x, y = 165 + round(dx * t / length), 130 + round(dy * t / length)
            if not (box.x <= x < box.right and box.y <= y < box.bottom):
                break
            now = value(made, x, y)
            worst = max(worst, now - last)
            last = now
            if now:
                furthest = max(furthest, t)
    kit.check(f"{what}: monotone along rays", worst <= 1, worst)
    kit.note(f"{what}: reaches to, levels", [furthest, len(set(greys))])
    if radius >= 64 and not inwards:
        kit.check(f"{what}: no steps", len(set(greys)) > 64, len(set(greys)))
        jump = max(abs(a - b) for a, b in pairwise(greys) if a and b)
        kit.check(f"{what}: no jump", jump <= 4 * 255 / radius, jump)
        half = 50 + radius / 2
        ring = [a * pi / 36 for a in range(72)]
        ring = [value(made, round(165 + half * cos(a)), round(130 + half * sin(a))) for a in ring]
        kit.check(f"{what}: as round as the disc", max(ring) - min(ring) <= 4 * 255 / radius, (min(ring), max(ring)))
        kit.check(f"{what}: far enough", furthest >= 50 + 0.7 * radius, furthest)


def is_opaque_grey(made):
    blue, green, red, alpha = (made.bgra[i::4] for i in range(4))
    return blue == green == red and alpha == b"\xff" * made.box.area


def value(made, x, y):
    return made.bgra[((y - made.box.y) * made.box.width + x - made.box.x) * 4]


def pixels_of(box):
    return ((x, y) for y in range(box.y, box.bottom) for x in range(box.x, box.right))


def away(x, y):
    """From the middle of the disc."""
    return ((x - 165) ** 2 + (y - 130) ** 2) ** 0.5


def node_bytes(node, box):
    return bytes(node.pixelData(box.x, box.y, box.width, box.height))


def host_id(node):
    return str(node.uniqueId().toString())


def ramp():
    """Every grey, in rows."""
    return [(x + 3 * y) % 256 for y in range(HEIGHT) for x in range(WIDTH)]


def disc_alpha():
    """A disc with a soft edge of 6 pixels."""
    out = bytearray()
    for y in range(HEIGHT):
        for x in range(WIDTH):
            out.append(max(0, min(255, round((50 - away(x, y)) * 255 / 6))))
    return bytes(out)


def native(model, depth, greys, alpha=None):
    alpha = alpha or bytes([255]) * len(greys)
    if model == "GRAYA":
        return bytes(c for pair in zip(greys, alpha, strict=True) for c in pair)
    if depth == "U16":
        return array(
            "H", [c for g, a in zip(greys, alpha, strict=True) for c in (257 * g, 257 * g, 257 * g, 257 * a)]
        ).tobytes()
    return bytes(c for g, a in zip(greys, alpha, strict=True) for c in (g, g, g, a))


def close(picture):
    picture.setModified(False)
    picture.close()
