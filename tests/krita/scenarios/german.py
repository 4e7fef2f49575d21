"""The docker of a Krita that speaks German, as narrow as it may be."""

from sfumato_driver.painter import Painter


def scenario(kit):
    kit.window()
    yield 1
    painter = Painter(kit)
    kit.resize(262, 700)
    yield 1
    kit.check("a button", painter.apply_button.text() == "Anwenden", painter.apply_button.text())
    kit.check("the line", painter.status.text() == "Das Backend läuft nicht.", painter.status.text())
    painter.press_apply()
    kit.check("a sentence", painter.says == "Öffne oder erstelle zuerst ein Bild.", painter.says)
    document = painter.canvas(200, 100)
    yield 0.7
    painter.new.click()
    yield 0.7
    names = painter.names(document)
    kit.check("a layer", names[-1] == "Änderungskarte", names)
    kit.check("no wider", kit.docker().width() <= 262, kit.docker().width())
    kit.screenshot("docker", kit.docker())
