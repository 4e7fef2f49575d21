"""A painter's own checkpoints: found by the backend, in the docker's chooser, painted with; and one that went."""

import json
import os
import shutil

from sfumato_driver.painter import Painter


def scenario(kit):
    kit.window()
    yield 1
    painter = Painter(kit)
    model = kit.find("sfumato_model")
    document = kit.app.openDocument(os.environ["SFUMATO_PICTURE"])
    kit.app.activeWindow().addView(document)
    yield 1
    width, height = document.width(), document.height()
    kit.note("size", [width, height])
    kit.bytes_of(document, "before")
    grey = b"".join(bytes([255 * x // (width - 1)] * 3 + [255]) for x in range(width)) * (height // 2)
    painter.layer(document, grey, 0, 0, width, height // 2).setVisible(False)
    yield from painter.choose("map")

    # The first Apply starts the backend, and what it has comes into the chooser.
    painter.steps.setValue(2)
    painter.press_apply()
    yield from painter.until_done("Sketchbook")
    names = [model.itemText(index) for index in range(model.count())]
    own = json.loads(os.environ["SFUMATO_OWN"])
    kit.check("all are offered", names[0] == "Sketchbook" and set(own) <= set(names), names)
    kit.check(
        "what cannot be painted with is not", not any("broken" in name or "soft" in name for name in names), names
    )
    kit.app.action("edit_undo").trigger()
    yield 0.3

    for name in own:
        pick(model, name)
        yield 0.2
        painter.steps.setValue(2)
        before = painter.names(document)
        painter.prompt.setPlainText("a winter day, (snow:1.2) on the hills")
        painter.press_apply()
        yield from painter.until_done(name)
        kit.check(f"{name}: done", "Done" in painter.says, painter.says)
        kit.check(f"{name}: a layer", len(painter.names(document)) == len(before) + 1, painter.names(document))
        kit.bytes_of(document, f"after {name}")
        kit.screenshot(f"window {name}")
        kit.app.action("edit_undo").trigger()
        yield 0.3

    # Another VAE for one of them: as if it were the model's own.
    vae = kit.find("sfumato_vae")
    kit.find("sfumato_model_fold").click()
    pick(model, "Sketchbook")
    yield 0.2
    kit.check("no VAE for who takes none", not vae.isVisible())
    pick(model, own[0])
    yield 0.2
    kit.check("the model's own first", [vae.itemText(n) for n in range(vae.count())] == ["The model's own", "clear"])
    kit.check("and chosen", vae.isVisible() and vae.currentIndex() == 0)
    into_sight(vae)
    for name, chosen in ((own[0], "clear"), ("twin", "The model's own")):
        pick(model, name)
        yield 0.2
        pick(vae, chosen)
        kit.screenshot(f"docker_vae_{name}", kit.docker())
        painter.press_apply()
        yield from painter.until_done(f"{name} with {chosen}")
        kit.check(f"{name} with {chosen}: done", "Done" in painter.says, painter.says)
        kit.bytes_of(document, f"after {'clear' if chosen == 'clear' else name}")
        kit.app.action("edit_undo").trigger()
        yield 0.3
    pick(vae, "clear")
    pick(model, own[1])
    yield 0.2
    kit.check("one for another model says so", vae.currentText() == "Unused: clear", vae.currentText())
    kit.screenshot("docker_vae_unused", kit.docker())
    pick(model, "Sketchbook")
    yield 0.2
    kit.check("and waits where none is taken", not vae.isVisible())
    pick(model, own[0])
    yield 0.2
    kit.check("and is back with its own", vae.currentText() == "clear", vae.currentText())
    pick(vae, "The model's own")

    # A LoRA in the prompt; one for another family; one that there is not.
    pick(model, own[0])
    for said, answer in (
        ("<lora:soft:0.8>", "Done"),
        ("<lora:nowhere:1>", "There is no LoRA 'nowhere'"),
    ):
        painter.prompt.setPlainText(f"a winter day {said}")
        painter.press_apply()
        yield from painter.until_done(said)
        kit.check(said, answer in painter.says, painter.says)
    pick(model, own[1])
    painter.prompt.setPlainText("a winter day <lora:soft:0.8>")
    painter.press_apply()
    yield from painter.until_done("another family's")
    kit.check("another family's", "is a LoRA for Stable Diffusion 1.x" in painter.says, painter.says)
    kit.screenshot("docker_wrong_family", kit.docker())

    # One that is deleted: it goes on while it is loaded.
    painter.prompt.setPlainText("a winter day")
    shutil.rmtree(os.environ["SFUMATO_GOES"])
    painter.press_apply()
    yield from painter.until_done("deleted")
    kit.check("deleted, and loaded still", "Done" in painter.says, painter.says)


def into_sight(widget):
    """Scrolled to."""
    area = widget
    while not hasattr(area, "ensureWidgetVisible"):
        area = area.parentWidget()
    area.ensureWidgetVisible(widget)


def pick(chooser, name):
    """As a click would."""
    index = chooser.findText(name)
    chooser.setCurrentIndex(index)
    chooser.activated.emit(index)
