"""Krita dies in the middle of an edit; `after_crash` goes on from here."""

from sfumato_driver.painter import Painter


def scenario(kit):
    kit.window()
    yield 1
    painter = Painter(kit)
    document = painter.canvas(160, 128)
    yield 0.5
    painter.layer(document, bytes([255] * 4) * 6400, 10, 10, 80, 80)
    yield from painter.choose("map")
    painter.prompt.setPlainText("survives")
    painter.press_apply()
    yield from painter.until_painting()
    kit.crash()
