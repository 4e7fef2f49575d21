"""The docker offers what the backend does: edits, their parameters, and finding a map. The backend is scripted."""

import os
from pathlib import Path

from sfumato_driver.exact import history
from sfumato_driver.painter import GREY, LINEAR, SRGB, Painter

if "PyQt6.QtCore" in __import__("sys").modules:
    from PyQt6.QtCore import QPoint, QPointF, Qt
    from PyQt6.QtGui import QWheelEvent
    from PyQt6.QtTest import QTest
    from PyQt6.QtWidgets import QApplication
else:
    from PyQt5.QtCore import QPoint, QPointF, Qt
    from PyQt5.QtGui import QWheelEvent
    from PyQt5.QtTest import QTest
    from PyQt5.QtWidgets import QApplication

SIZE = (120, 80)
NAMES = ["Differential Diffusion", "Soft inpainting", "SDEdit", "DiffEdit", "Edit-friendly inversion"]


def scenario(kit):
    kit.window()
    yield 1
    painter = Painter(kit)
    yield kit.until(lambda: "Ready" in painter.status.text(), "the backend", 20)
    first = painter.canvas(*SIZE, pixels=picture())
    painter.layer(first, bytes([255] * 4) * 400, 10, 10, 20, 20)
    yield from painter.choose("map")

    offered = [painter.edit.itemText(i) for i in range(painter.edit.count())]
    kit.check("every edit is offered", offered == NAMES and painter.edit.isEnabled(), offered)
    kit.check("folded at first", painter.tuner_fold.isVisible() and not seen(kit, "tuner_release"))
    kit.check("nothing to reset", not painter.tuner_reset.isVisible())

    # Each edit, as proposed: no parameter is sent.
    painter.source.setPlainText("a summer day")
    for name in NAMES:
        painter.choose_edit(name)
        yield 0.1
        kit.check(f"{name}: asks what is there, for Find if not for itself", painter.source.isVisible())
        kit.check(f"{name}: is explained", painter.edit_help.isVisible() and painter.edit_help.text())
        painter.press_apply()
        yield from painter.until_done(name)
        kit.check(f"{name}: done", "Done" in painter.says, painter.says)
    kit.check("five layers", len(painter.names(first)) == 7, painter.names(first))
    painter.choose_edit("SDEdit")
    kit.check("one sentence", painter.edit_help.text() == "Everything painted <i>changes</i> alike.")
    kit.check(
        "the rest on hovering", "alike. &lt;b&gt;Text" in painter.edit_help.toolTip(), painter.edit_help.toolTip()
    )

    # Parameters: what was changed is kept with the edit, sent, shown, and can be put back.
    painter.choose_edit("Differential Diffusion")
    painter.tuner_fold.click()
    painter.finder_fold.click()
    yield 0.2
    painter.knob("tuner_release").setCurrentIndex(1)
    painter.knob("tuner_hinting").setChecked(False)
    painter.knob("tuner_transition_contrast").setValue(0.5)
    painter.knob("finder_samples").setValue(3)
    kit.check("counted", folds(painter) == ["Fine tuning (3 changed)", "Finding a map (1 changed)"], folds(painter))
    kit.check("units", painter.knob("finder_samples").text() == "3 noises")
    kit.resize(300, 640)
    yield 0.5
    kit.screenshot("docker_tuner", kit.docker())
    kit.resize(262, 440)
    painter.press_apply()
    yield from painter.until_done("with parameters")
    painter.choose_edit("Soft inpainting")
    yield 0.7
    kit.check("an unknown kind is left out", not kit.has("sfumato_tuner_colour"))
    painter.knob("tuner_mask_power").setValue(2.5)
    painter.press_apply()
    yield from painter.until_done("another edit's parameters")
    painter.choose_edit("Differential Diffusion")
    yield 0.7
    kit.check("kept with the edit", painter.knob("tuner_release").currentText() == "whole")

    # The wheel scrolls the docker, whatever is under it.
    for name in ("tuner_release", "tuner_transition_contrast", "finder_samples"):
        before = shown(painter.knob(name))
        wheel(painter.knob(name))
        kit.check(f"wheel: {name}", shown(painter.knob(name)) == before, shown(painter.knob(name)))
    QApplication.setActiveWindow(kit.docker().window())
    yield 0.3
    for name in ("tuner_transition_contrast", "finder_samples"):
        knob = painter.knob(name)
        knob.setFocus()
        before = knob.value()
        wheel(knob)
        kit.check(f"wheel over a focused {name}", knob.hasFocus() and knob.value() == before, knob.value())
        knob.stepUp()
        kit.check(f"its arrows: {name}", knob.value() > before)
        QTest.keyClick(knob, Qt.Key.Key_Down)
        kit.check(f"its keys: {name}", knob.value() == before, knob.value())
    before = painter.edit.currentText()
    wheel(painter.edit)
    kit.check("wheel: edit", painter.edit.currentText() == before)

    # Each picture has an edit of its own; a new one begins with the last. What was chosen last
    # is saved with the picture.
    file = Path(os.environ["SFUMATO_SCENARIO_OUT"]) / "remembered.kra"
    first.setBatchmode(True)
    first.saveAs(str(file))
    second = painter.canvas(*SIZE, pixels=picture())
    yield 0.7
    kit.check("a new picture begins with the last edit", painter.edit.currentText() == "Differential Diffusion")
    painter.choose_edit("DiffEdit")
    painter.finder_reset.click()
    yield 0.7
    kit.check("reset", folds(painter) == ["Fine tuning", "Finding a map"], folds(painter))
    close(first)
    first = kit.app.openDocument(str(file))
    kit.app.activeWindow().addView(first)
    yield kit.until(lambda: painter.edit.currentText() == "Differential Diffusion", "the saved edit", 5)
    yield 0.2
    changed = ["Fine tuning (3 changed)", "Finding a map (1 changed)"]
    kit.check("saved with the picture", folds(painter) == changed, folds(painter))
    kit.check("and the map", painter.map.currentText() == "map", painter.map.currentText())
    close(first)
    yield 0.7
    kit.check("the other one keeps its own", painter.edit.currentText() == "DiffEdit", painter.edit.currentText())
    close(second)

    # Finding a map, in documents of every depth: a new layer, chosen, to be painted on, one undo step.
    painter.steps.setValue(4)
    for model, depth, profile in (
        ("RGBA", "U8", SRGB),
        ("RGBA", "U16", SRGB),
        ("RGBA", "F16", LINEAR),
        ("RGBA", "F32", LINEAR),
        ("GRAYA", "U8", GREY),
    ):
        name = f"{model} {depth}"
        document = painter.canvas(*SIZE, model, depth, profile)
        yield 0.7
        painter.prompt.setPlainText("")
        painter.find.click()
        kit.check(f"{name}: no words", "Write what should appear" in painter.says, painter.says)
        painter.prompt.setPlainText("a winter day")
        painter.source.setPlainText("a summer day")
        yield kit.until(lambda: "Add" not in kit.undo_text(), "the new picture's history", 10)
        undo = kit.undo_text()
        painter.find.click()
        kit.check(f"{name}: busy", painter.busy and painter.find.isEnabled(), [painter.busy, painter.says])
        yield from painter.until_done(f"{name}: the map")
        kit.check(f"{name}: found", "Found in" in painter.says, painter.says)
        names = painter.names(document)
        kit.check(f"{name}: on top", names == ["Background", "Map: a winter day"], names)
        kit.check(f"{name}: chosen", painter.map.currentText() == names[-1], painter.map.currentText())
        node = document.rootNode().childNodes()[-1]
        kit.check(f"{name}: active", document.activeNode() == node, document.activeNode().name())
        kit.check(f"{name}: a paint layer", node.type() == "paintlayer" and node.opacity() == 128)
        if depth == "U8" and model == "RGBA":
            kit.screenshot("window_found_map")
            kit.screenshot("docker_found_map", kit.docker())
        found = bytes(node.pixelData(0, 0, *SIZE))
        yield from history(kit, document, "undo")
        names = painter.names(document)
        kit.check(f"{name}: one undo step", names == ["Background"], names)
        kit.check(f"{name}: and no other", kit.undo_text() == undo, f"{undo} -> {kit.undo_text()}")
        kit.app.action("edit_redo").trigger()
        yield 0.7
        node = document.rootNode().childNodes()[-1]
        kit.check(f"{name}: redo", bytes(node.pixelData(0, 0, *SIZE)) == found and painter.map.currentText() != "")
        kit.check(f"{name}: still the map", painter.map.currentText() == node.name(), painter.map.currentText())
        # A part is painted black, in the layer's own colours.
        node.setPixelData(bytes([0, 0, 0, 255]) * (60 * SIZE[1]), 60, 0, 60, SIZE[1])
        painter.press_apply()
        yield from painter.until_done(f"{name}: by the found map")
        names = painter.names(document)
        kit.check(f"{name}: applied below it", len(names) == 3 and names[1] == "a winter day", names)
        close(document)
        yield 0.2

    # The same as for an edit: cancel, a picture that is closed meanwhile.
    document = painter.canvas(*SIZE)
    yield 0.7
    painter.prompt.setPlainText("wait")
    painter.find.click()
    yield kit.until(lambda: "Looking: step 1 of 4" in painter.progress.text(), "the first step", 10)
    painter.cancel_button.click()
    kit.check("cancelled", "Cancelled" in painter.says and painter.names(document) == ["Background"], painter.says)
    painter.prompt.setPlainText("later")
    painter.find.click()
    yield kit.until(lambda: "Looking" in painter.progress.text(), "the first step", 10)
    other = painter.canvas(*SIZE)
    close(document)
    yield from painter.until_done("a map whose picture was closed")
    kit.check("closed: kept", painter.place_button.text() == "Place “Map: later”", painter.place_button.text())
    painter.place_button.click()
    yield 0.7
    kit.check("closed: placed as a map", painter.names(other)[-1] == "Map: later", painter.names(other))
    kit.check("closed: chosen where it is placed", painter.map.currentText() == "Map: later")

    # Narrow.
    painter.choose_edit("Edit-friendly inversion")
    kit.resize(300, 640)
    yield 0.5
    kit.screenshot("docker_300", kit.docker())
    painter.choose_edit("SDEdit")
    painter.tuner_fold.click()
    painter.finder_fold.click()
    painter.more.click()
    yield 0.5
    kit.screenshot("docker_sdedit", kit.docker())
    kit.check("300 pixels are enough", kit.docker().width() <= 300, kit.docker().width())
    log = Path(os.environ["SFUMATO_HOME"]) / "logs" / "krita-plugin.log"
    kit.check("no mishap", not log.exists(), log.read_text() if log.exists() else "")


def picture():
    """Some opaque colours; BGRA."""
    return b"".join(bytes([x, 2 * y, 255 - x, 255]) for y in range(SIZE[1]) for x in range(SIZE[0]))


def seen(kit, name):
    return kit.find(f"sfumato_{name}").isVisible()


def folds(painter):
    return [painter.tuner_fold.text(), painter.finder_fold.text()]


def shown(knob):
    return knob.currentText() if hasattr(knob, "currentText") else knob.value()


def wheel(widget):
    middle = QPointF(widget.rect().center())
    event = QWheelEvent(
        middle,
        QPointF(widget.mapToGlobal(widget.rect().center())),
        QPoint(0, 0),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def close(document):
    document.setModified(False)
    document.close()
