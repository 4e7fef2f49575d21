"""Documents of every kind, exactly: where the map is 0 every byte stays, one undo step brings all back. The backend is
scripted: its layer is as opaque as the map is light.
"""

from sfumato_driver.colours import SPACES, grey, noise
from sfumato_driver.exact import Sent, apply, close
from sfumato_driver.painter import Painter

W, H = 40, 30


def scenario(kit):
    kit.window()
    yield 1
    painter = Painter(kit)
    yield kit.until(lambda: "Ready" in painter.status.text(), "the backend", 20)
    painter.steps.setValue(4)
    sent = Sent(kit)
    for space in SPACES:
        yield from one_space(kit, painter, sent, *space)
    for size in ((1, 1), (7, 13), (4097, 3)):
        yield from one_size(kit, painter, sent, *size)
    sent.write()


def one_space(kit, painter, sent, model, depth, profile):
    name = f"{model} {depth} {profile.partition('-')[0]}{' linear' if 'g10' in profile else ''}"
    document = painter.canvas(W, H, model, depth, profile, noise(W * H, model, depth))
    yield 0.5
    row = [greys(x) for x in range(W)]
    pixels = b"".join(grey(v, model, depth, profile, alpha=a > 0) for v, a in row) * H
    node = painter.layer(document, pixels, 0, 0, W, H)
    yield from painter.choose("map")
    yield 0.2
    node.setVisible(False)
    document.refreshProjection()
    document.waitForDone()
    before, after = yield from apply(kit, painter, document, name)
    zero = [x for x in range(W) if not row[x][1] or (row[x][0] == 0 and model != "CMYKA")]
    keeps = all(before[y * W + x] == after[y * W + x] for y in range(H) for x in zero)
    kit.check(f"{name}: map 0 keeps every byte", keeps)
    kit.check(f"{name}: the rest changes", before != after)
    sent.expect(name, W, H, row * H, space=[model, depth, profile])
    close(document)
    yield 0.2


def greys(x):
    """Transparent, black, then greys up to white."""
    return (0, 0) if x < 10 else (0, 255) if x < 20 else (min(255, (x - 20) * 14), 255)


def one_size(kit, painter, sent, width, height):
    name = f"{width} x {height}"
    document = painter.canvas(width, height, pixels=noise(width * height, "RGBA", "U8"))
    yield 0.5
    pairs = [((x + y) % 255 + 1, 255) for y in range(height) for x in range(width)]
    painter.layer(document, b"".join(bytes([v, v, v, a]) for v, a in pairs), 0, 0, width, height)
    yield from painter.choose("map")
    yield from apply(kit, painter, document, name)
    sent.expect(name, width, height, pairs)
    close(document)
    yield 0.2
