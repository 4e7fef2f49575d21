"""The next Krita gets the edit that the dead one had begun."""

from sfumato_driver.painter import Painter


def scenario(kit):
    kit.window()
    yield 1
    painter = Painter(kit)
    document = painter.canvas(160, 128)
    yield kit.until(lambda: "survives" in painter.says, "the edit of before", 60)
    kit.check("not placed by itself", painter.names(document) == ["Background"], painter.names(document))
    # What an earlier Krita had kept and nobody placed waits here too.
    while painter.place_button.isVisible():
        painter.place_button.click()
        yield 0.3
    nodes = {node.name(): node for node in document.rootNode().childNodes()}
    kit.check("placed", "survives" in nodes, list(nodes))
    box = nodes["survives"].bounds()
    kit.check("at its place", (box.x(), box.y(), box.width(), box.height()) == (10, 10, 80, 80), box)
