"""The docker of a Krita that speaks German, as narrow as it may be."""

import sys

from sfumato_driver.painter import Painter

if "PyQt6.QtCore" in sys.modules:
    from PyQt6.QtWidgets import QLabel
else:
    from PyQt5.QtWidgets import QLabel

SAID = {
    "differential": "wie sein Grau sagt",
    "soft-inpainting": "mischt",
    "sdedit": "Eine Stärke",
    "diffedit": "Malt neu",
    "edit-friendly": "die beiden Texte",
}


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

    # What the edits declare.
    painter.switch.click()
    yield kit.until(lambda: "Bereit" in painter.status.text(), "the backend", 120)
    for docker in kit.app.dockers():
        if docker.objectName() in ("KisLayerBox", "ColorSelectorNg", "sharedtooldocker"):
            docker.setVisible(False)
    for fold in ("map_fold", "tuner_fold", "finder_fold"):
        kit.find(f"sfumato_{fold}").click()
    kit.resize(262, 920)
    for number in range(painter.edit.count()):
        painter.edit.setCurrentIndex(number)
        painter.edit.activated.emit(number)
        yield 0.5
        id = painter.edit.currentData()
        labels = [label.text() for label in kit.find("sfumato_tuner").findChildren(QLabel)]
        kit.check(f"{id}: explained", SAID[id] in painter.edit_help.text(), painter.edit_help.text())
        kit.check(f"{id}: its labels", "Liegt darüber:" in labels, labels)
        kit.check(f"{id}: no wider", kit.docker().width() <= 262, kit.docker().width())
        area = kit.find("sfumato_controls").verticalScrollBar()
        area.setValue(area.maximum())
        yield 0.3
        kit.screenshot(f"edit {id}", kit.docker())
    shown = painter.knob("finder_normaliser").currentText(), painter.knob("finder_noises").text()
    kit.check("values", shown == ("mal das Mittel", "10 mal"), shown)
