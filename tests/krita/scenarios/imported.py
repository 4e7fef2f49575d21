"""The start after the import: the docker is there and works; and the same zip is imported once more, over it."""

import json
import os
from pathlib import Path

from plugin_importer.plugin_importer_extension import PluginImporterExtension
from sfumato_driver.painter import Painter

STATE = Path(os.environ["SFUMATO_HOME"])


def scenario(kit):
    kit.window()
    yield 1
    kit.check("the docker is there", kit.has("sfumato") and kit.docker().isVisible())
    kit.screenshot("window")
    painter = Painter(kit)
    document = painter.canvas(160, 128)
    yield 0.7

    # What the painter has is not in the plugin's folder.
    styles = kit.find("sfumato_styles_button").menu()
    kit.note("styles at first", [action.text() for action in styles.actions()])
    if not (STATE / "presets").exists():
        painter.prompt.setPlainText("late evening")
        yield 0.3
        styles.save.emit("evening")
        yield 0.3
    kit.check("styles", "evening" in [action.text() for action in styles.actions()])

    # Start, a map, Apply.
    kit.check("can be started", painter.switch.text() == "Start", painter.switch.text())
    painter.switch.click()
    yield kit.until(lambda: "Ready" in painter.status.text(), "the backend", 120)
    painter.layer(document, bytes([255] * 4) * 6400, 10, 10, 80, 80)
    yield from painter.choose("map")
    painter.steps.setValue(4)
    painter.press_apply()
    yield from painter.until_done("an edit")
    kit.check("done", "Done" in painter.says and len(painter.names(document)) == 3, painter.says)
    kit.screenshot("window_done")
    painter.switch.click()
    yield kit.until(lambda: painter.switch.text() == "Start", "its end", 20)

    # An older version leaves nothing behind, and the one that runs does not mind.
    plugin = Path(kit.app.getAppDataLocation()) / "pykrita" / "krita_sfumato"
    (plugin / "left_over.py").write_text("")
    held = kept()
    asked = kit.answer()
    PluginImporterExtension(kit.app).do_import(os.environ["SFUMATO_ZIP"])
    kit.check("asked twice: replace? enable?", len(asked) == 2 and "already exists" in asked[0], asked)
    kit.check("replaced", (plugin / "__init__.py").exists() and not (plugin / "left_over.py").exists())
    kit.check("the painter's own stays", kept() == held and any("evening" in name for name in held), list(held))
    yield 1
    kit.check("still works", painter.switch.text() == "Start", painter.status.text())
    log = STATE / "logs" / "krita-plugin.log"
    kit.check("no mishap", not log.exists(), log.read_text() if log.exists() else "")
    kit.note("in the plugin's folder", json.dumps(sorted(files(plugin))))
    document.setModified(False)
    kit.quit()
    yield 60


def kept():
    """Every file of the state folder."""
    return {name: (STATE / name).read_bytes() for name in files(STATE)}


def files(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc"}
