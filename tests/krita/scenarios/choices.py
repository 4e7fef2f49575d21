"""What is chosen stays chosen, and is what counts: maps, how they are read, edits, words. The backend is scripted."""

import os
from pathlib import Path

from krita_sfumato import host
from sfumato_driver.exact import history
from sfumato_driver.painter import SRGB, Painter

if "PyQt6.QtCore" in __import__("sys").modules:
    from PyQt6.QtCore import QByteArray
else:
    from PyQt5.QtCore import QByteArray

SIZE = (120, 80)
NOTE = '{{"maps": [], "choices": [], "settings": {{"edit": "{}", "tuning": {{"map:diffedit": {{"samples": {}}}}}}}}}'


def scenario(kit):
    kit.window()
    yield 1
    painter = Painter(kit)
    yield kit.until(lambda: "Ready" in painter.status.text(), "the backend", 20)
    first = painter.canvas(*SIZE)
    yield 0.7

    # Tab goes down through the docker, with the knobs between their heading and what comes next.
    painter.choose_edit("Differential Diffusion")
    painter.tuner_fold.click()
    painter.finder_fold.click()
    yield 0.2
    wanted = ("tuner_fold", "tuner_release", "tuner_hinting", "tuner_transition_contrast", "finder_fold")
    wanted = [f"sfumato_{name}" for name in (*wanted, "finder_samples", "finder_mask_power", "apply_button")]
    order = [name for name in tab_order(painter.prompt) if name in wanted]
    kit.check("Tab", order == wanted, order)
    kit.check("as does the way back", tab_order(painter.prompt, back=True)[::-1] == tab_order(painter.prompt))

    # A map made by hand, read by its opacity and inverted; the one that is found is read by its greys, and undoing it
    # brings the first one back, with how it is read.
    painter.layer(first, bytes([255] * 4) * 400, 10, 10, 20, 20, "by hand")
    yield from painter.choose("by hand")
    painter.channel.setCurrentIndex(1)
    painter.inverted.setChecked(True)
    painter.source.setPlainText("a summer day")
    yield 0.7
    kit.check("stays", (painter.channel.currentIndex(), painter.inverted.isChecked()) == (1, True))
    kit.check("asks what is there, for Find", painter.source.isVisible())
    painter.prompt.setPlainText("a winter day")
    painter.find.click()
    yield from painter.until_done("the map")
    found = first.rootNode().childNodes()[-1]
    kit.check("found: chosen", painter.map.currentText() == found.name(), painter.map.currentText())
    kit.check("found: by greys", (painter.channel.currentIndex(), painter.inverted.isChecked()) == (0, False))
    kit.app.action("edit_undo").trigger()
    yield 0.7
    kit.check("undone: the one before", painter.map.currentText() == "by hand", painter.map.currentText())
    kit.check("undone: read as before", (painter.channel.currentIndex(), painter.inverted.isChecked()) == (1, True))
    kit.app.action("edit_redo").trigger()
    yield 0.7
    kit.check("redone", painter.map.currentText() == found.name() and painter.channel.currentIndex() == 0)
    found = first.rootNode().childNodes()[-1]
    found.setPixelData(bytes([0, 0, 0, 255]) * (60 * SIZE[1]), 60, 0, 60, SIZE[1])

    # What the picture shows belongs to the picture.
    second = painter.canvas(*SIZE)
    yield 0.7
    kit.check("another picture shows something else", painter.source.toPlainText() == "", painter.source.toPlainText())
    close(second)
    yield 0.7
    kit.check("and this one still the same", painter.source.toPlainText() == "a summer day")

    # By the found map; then by the one made by hand, which the found one is no part of, and the other way round.
    painter.press_apply()
    yield from painter.until_done("by the found map")
    kit.check("by the found map", "Done" in painter.says, painter.says)
    yield from painter.choose("by hand")
    painter.press_apply()
    yield from painter.until_done("by hand")
    yield from painter.choose(found.name())
    painter.press_apply()
    yield from painter.until_done("by the found map again")

    # So it is while the docker looks at the picture: what is chosen meanwhile stays.
    asked = host.Document.active

    def choosing(document):
        host.Document.active = asked
        painter.choose_edit("SDEdit")
        return asked(document)

    painter.choose_edit("Differential Diffusion")
    host.Document.active = choosing
    yield kit.until(lambda: host.Document.active is asked, "a look at the picture", 5)
    kit.check("chosen in between", painter.edit.currentText() == "SDEdit", painter.edit.currentText())
    painter.choose_edit("Differential Diffusion")
    yield 0.7

    # Results without a star go together and come back together; their layers stay.
    strip, names = kit.find("sfumato_strip"), painter.names(first)
    yield kit.until(lambda: len(strip.view.tiles) == 3, "the results", 5)
    strip.favour.emit(strip.view.tiles[1].id)
    tiles = strip.view.tiles
    strip.discard.emit(tuple(tile.id for tile in tiles if not tile.favourite))
    kit.check("a star stays", strip.view.tiles == tiles[1:2], strip.view.tiles)
    kit.check("how many", (strip.undo_row.isVisible(), strip.undo_text.text()) == (True, "2 results discarded."))
    strip.undo_button.click()
    kit.check("all are back", strip.view.tiles == tiles and not strip.undo_row.isVisible(), strip.view.tiles)
    kit.check("layers stay", painter.names(first) == names, painter.names(first))

    # Krita handles what is pressed inside of some of its calls: every press counts all the same.
    before = len(painter.names(first))
    for n in range(6):
        painter.press_apply()
        if n % 2:
            yield 0.05
    yield from painter.until_done("six more")
    yield 1
    kit.check("every press is an edit", len(painter.names(first)) == before + 6, painter.names(first))
    yield from history(kit, first, "undo", 6)
    kit.check("and one step of Undo", len(painter.names(first)) == before, painter.names(first))

    # A value that the declaration does not take is seen to go back.
    painter.choose_edit("Soft inpainting")
    yield 0.2
    painter.knob("tuner_feather").setValue(0.25)
    painter.knob("tuner_feather").setValue(0.0)
    kit.check("goes back", painter.knob("tuner_feather").value() == 0.25, painter.knob("tuner_feather").value())

    # Trouble is seen to be trouble.
    painter.prompt.setPlainText("")
    painter.find.click()
    kit.check("trouble", "Write what" in painter.says and kit.find("sfumato_trouble").isVisible())
    kit.resize(300, 640)
    yield 0.5
    kit.screenshot("docker_trouble", kit.docker())

    # While a map is looked for, a picture from elsewhere is opened: its number is too long, its edit not to be had.
    painter.prompt.setPlainText("wait")
    painter.find.click()
    yield kit.until(lambda: "Looking" in painter.progress.text(), "the first step", 10)
    kit.check("no trouble", not kit.find("sfumato_trouble").isVisible())
    strange = kit.app.createDocument(*SIZE, "strange", "RGBA", "U8", SRGB, 72.0)
    said = NOTE.format("of another backend", "1" + "0" * 400)
    strange.setAnnotation("sfumato/maps", "Sfumato", QByteArray(said.encode()))
    kit.app.activeWindow().addView(strange)
    yield kit.until(lambda: painter.edit.currentText() == "Choose an edit …", "the question", 5)
    yield 0.7
    kit.check("the search goes on", painter.busy)
    painter.cancel_button.click()
    painter.layer(strange, bytes([255] * 4) * 400, 10, 10, 20, 20)
    yield from painter.choose("map")
    painter.press_apply()
    yield from painter.until_done("an edit that is not to be had")
    kit.check("never replaced", "“of another backend”" in painter.says, painter.says)
    painter.choose_edit("SDEdit")
    yield 0.7
    kit.check("chosen", painter.edit.findText("Choose an edit …") < 0 and painter.edit.currentText() == "SDEdit")
    log = Path(os.environ["SFUMATO_HOME"]) / "logs" / "krita-plugin.log"
    kit.check("no mishap", not log.exists(), log.read_text() if log.exists() else "")


def tab_order(first, back=False):
    """The names of the widgets, from the first one on as Tab goes (or Shift+Tab)."""
    names, widget = [], first
    while True:
        widget = widget.previousInFocusChain() if back else widget.nextInFocusChain()
        if widget is first:
            return [name for name in names if name.startswith("sfumato_")]
        names.append(widget.objectName())


def close(document):
    document.setModified(False)
    document.close()
