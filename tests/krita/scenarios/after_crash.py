"""The next Krita gets the edit that the dead one had begun."""

from sfumato_driver.painter import Painter


def scenario(kit):
    kit.window()
    yield 1
    painter = Painter(kit)
    document = painter.canvas(160, 128)
    yield kit.until(lambda: painter.place_button.isVisible(), "the edit of before", 60)
    kit.check("found", "survives" in painter.says and painter.names(document) == ["Background"], painter.says)
    painter.place_button.click()
    yield 0.5
    kit.check("placed", painter.names(document)[-1] == "survives", painter.names(document))
    box = document.rootNode().childNodes()[-1].bounds()
    kit.check("at its place", (box.x(), box.y(), box.width(), box.height()) == (10, 10, 80, 80), box)
