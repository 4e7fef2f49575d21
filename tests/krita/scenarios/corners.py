"""Documents of every kind and size, maps of every kind, and documents that go away meanwhile."""

from array import array

from sfumato_driver.painter import GREY, LINEAR, SRGB, Painter


def scenario(kit):
    kit.window()
    yield 1
    painter = Painter(kit)
    yield 1
    if "not running" in painter.status.text():
        painter.switch.click()
    yield kit.until(lambda: "Ready" in painter.status.text(), "the backend", 120)

    # The result goes into every kind of document in one undo step, and where the map is black nothing changes.
    for model, depth, profile, size in (
        ("RGBA", "U16", SRGB, 8),
        ("RGBA", "F32", LINEAR, 16),
        ("GRAYA", "U8", GREY, 2),
        ("CMYKA", "U8", "Chemical proof", 5),
    ):
        name = f"{model} {depth}"
        document = painter.canvas(160, 128, model, depth, profile, noise(160 * 128, model, depth))
        yield 0.5
        before = kit.bytes_of(document, f"before {name}")
        kit.find("sfumato_new").click()
        yield 0.3
        node = document.activeNode()
        node.setPixelData(half_white(160, 128, model, depth), 0, 0, 160, 128)
        painter.steps.setValue(4)
        undo = kit.undo_text()
        painter.press_apply()
        yield from painter.until_done(name)
        layers = painter.names(document)
        kit.check(f"{name}: layer", len(layers) == 3 and "Done" in painter.says, painter.says)
        node.setVisible(False)
        after = kit.bytes_of(document, f"after {name}")
        row = 160 * size
        keeps = all(after[y * row : y * row + row // 2] == before[y * row : y * row + row // 2] for y in range(128))
        kit.check(f"{name}: black keeps the bytes", keeps)
        kit.check(f"{name}: white changes", after != before)
        kit.app.action("edit_undo").trigger()
        yield 0.3
        kit.check(f"{name}: one undo step", len(painter.names(document)) == 2 and kit.undo_text() == undo)
        document.setModified(False)
        document.close()
        yield 0.2

    # Sizes. The time goes with the painted part, not with the canvas.
    for width, height in ((1, 1), (8, 5000), (6000, 4000)):
        document = painter.canvas(width, height)
        yield 1
        w, h = min(width, 120), min(height, 120)
        painter.layer(document, bytes([255] * 4) * (w * h), 0, 0, w, h)
        yield from painter.choose("map")
        gap = yield from painter.timed_apply(f"{width} x {height}")
        kit.check(f"{width} x {height}", "Done" in painter.says or "Nothing changed" in painter.says, painter.says)
        kit.check(f"{width} x {height}: UI", gap < 1.0, gap)
        document.setModified(False)
        document.close()
        yield 0.5

    # Maps of every kind: a hidden group, opacity, inverted; no prompt at all.
    document = painter.canvas(160, 128)
    yield 0.5
    group = document.createGroupLayer("group")
    document.rootNode().addChildNode(group, None)
    inside = document.createNode("inside", "paintlayer")
    inside.setPixelData(bytes([0, 0, 255, 255]) * 1600, 20, 20, 40, 40)
    group.addChildNode(inside, None)
    group.setVisible(False)
    yield from painter.choose("group")
    painter.prompt.setPlainText("")
    painter.press_apply()
    yield from painter.until_done("a hidden group of red")
    kit.check("hidden group, no prompt", painter.names(document)[-2:] == ["Sfumato", "group"], painter.names(document))
    yield from painter.choose("    inside")
    painter.channel.setCurrentIndex(1)
    painter.inverted.setChecked(True)
    painter.press_apply()
    yield from painter.until_done("opacity inverted")
    kit.check("opacity, inverted", len(painter.names(document)) == 4 and "Done" in painter.says, painter.says)
    painter.channel.setCurrentIndex(0)
    painter.inverted.setChecked(False)

    # A layer deleted after it was chosen: told when Apply comes at once, and then the one before is chosen again.
    gone = painter.layer(document, bytes([255] * 4) * 100, 0, 0, 10, 10, "gone")
    yield from painter.choose("gone")
    gone.remove()
    if painter.map.currentText() == "gone":  # in 5.2.9 the docker looks before `remove` comes back
        painter.press_apply()
        kit.check("map deleted", "not there any more" in painter.says, painter.says)
    yield 0.7
    kit.check("map deleted: another", painter.map.currentText() == "    inside", painter.map.currentText())

    # Closed while it is painted: kept, and placed elsewhere only when the painter says so.
    painter.layer(document, bytes([255] * 4) * 3600, 0, 0, 60, 60)
    yield from painter.choose("map")
    painter.prompt.setPlainText("kept")
    painter.steps.setValue(12)
    painter.press_apply()
    yield from painter.until_painting()
    other = painter.canvas(160, 128)
    document.setModified(False)
    document.close()
    yield from painter.until_done("an edit whose document was closed")
    kit.check("closed: kept", "was closed" in painter.says and len(painter.names(other)) == 1, painter.says)
    yield 0.2
    kit.screenshot("docker_kept", kit.docker())
    painter.place_button.click()
    yield 0.5
    kit.check("closed: placed when asked", painter.names(other)[-1] == "kept", painter.names(other))

    # Resized while it is painted.
    painter.layer(other, bytes([255] * 4) * 3600, 0, 0, 60, 60)
    yield from painter.choose("map")
    count = len(painter.names(other))
    painter.press_apply()
    yield from painter.until_painting()
    other.resizeImage(0, 0, 80, 64)
    yield from painter.until_done("an edit whose document was resized")
    kit.check("resized: kept", "changed its size" in painter.says and len(painter.names(other)) == count, painter.says)


def noise(count, model, depth):
    """Some opaque colours in the native order of channels."""
    values = [(37 * i * i + 11 * i) % 251 for i in range(count)]
    if (model, depth) == ("RGBA", "U16"):
        return array("H", [c for v in values for c in (257 * v, 300 * (v // 2), 65535 - 257 * v, 65535)]).tobytes()
    if (model, depth) == ("RGBA", "F32"):
        return array("f", [c for v in values for c in (v / 251, v / 502, 1 - v / 251, 1.0)]).tobytes()
    if model == "GRAYA":
        return bytes(c for v in values for c in (v, 255))
    return bytes(c for v in values for c in (v, v // 2, 250 - v, 10, 255))


def half_white(width, height, model, depth):
    """Black on the left half, white on the right, in the native colours."""
    black, white = {
        ("RGBA", "U16"): (array("H", [0, 0, 0, 65535]).tobytes(), array("H", [65535] * 4).tobytes()),
        ("RGBA", "F32"): (array("f", [0, 0, 0, 1]).tobytes(), array("f", [1] * 4).tobytes()),
        ("GRAYA", "U8"): (bytes([0, 255]), bytes([255, 255])),
        ("CMYKA", "U8"): (bytes([255, 255, 255, 255, 255]), bytes([0, 0, 0, 0, 255])),
    }[model, depth]
    return (black * (width // 2) + white * (width // 2)) * height
