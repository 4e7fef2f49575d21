"""The way a painter goes: open a picture, a new change map, paint it, say what, Apply, undo, go on; with mistakes."""

import os
import time


def map_pixels(width, height):
    """A gradient from black to white over the upper three quarters, hard black below; BGRA."""
    row = b"".join(bytes([255 * x // (width - 1)] * 3 + [255]) for x in range(width))
    black = bytes([0, 0, 0, 255]) * width
    return row * (height * 3 // 4) + black * (height - height * 3 // 4)


def scenario(kit):
    app = kit.app
    kit.window()
    yield 1
    prompt, apply = kit.find("sfumato_prompt"), kit.find("sfumato_apply_button")
    message, chooser = kit.find("sfumato_message"), kit.find("sfumato_map")
    steps, dice, seed = kit.find("sfumato_steps"), kit.find("sfumato_dice"), kit.find("sfumato_seed")
    status, cancel = kit.find("sfumato_status"), kit.find("sfumato_cancel_button")

    def busy():
        return cancel.isEnabled()

    # No picture.
    apply.click()
    yield 0.1
    kit.check("no_document", "Open or create a picture" in message.text(), message.text())

    document = app.openDocument(os.environ["SFUMATO_PICTURE"])
    app.activeWindow().addView(document)
    yield 1
    width, height = document.width(), document.height()
    kit.note("size", [width, height])
    before = kit.bytes_of(document, "before")

    # No map chosen, then an empty one.
    yield 0.7
    apply.click()
    yield 0.1
    kit.check("no_map", "Choose the layer" in message.text(), message.text())
    kit.find("sfumato_new").click()
    yield 0.3
    map_node = document.activeNode()
    kit.check("new_map", map_node.name() == "Change map" and map_node.opacity() == 128, map_node.name())
    kit.check("new_map_is_chosen", chooser.currentText() == "Change map", chooser.currentText())

    prompt.setPlainText("a winter day, snow on the hills")
    dice.setChecked(False)
    seed.setValue(7)

    kit.screenshot("docker_idle", kit.docker())
    apply.click()
    yield 0.1
    kit.check("empty_map", "Nothing is painted" in message.text() and not busy(), message.text())

    # All black: that is only seen by reading it. The first Apply finds no backend and starts one.
    map_node.setPixelData(bytes([0, 0, 0, 255]) * (width * height), 0, 0, width, height)
    apply.click()
    yield 2
    kit.screenshot("docker_starting", kit.docker())
    yield kit.until(lambda: not busy(), "the black map to be told", 120)
    yield kit.until(lambda: "Ready" in status.text(), "the status", 10)
    kit.check("black_map", "is black everywhere" in message.text(), message.text())
    kit.note("status", status.text())
    kit.screenshot("docker_ready", kit.docker())

    map_node.setPixelData(map_pixels(width, height), 0, 0, width, height)
    document.refreshProjection()
    yield 0.5
    document.setModified(False)
    undo_before = kit.undo_text()
    layers_before = [n.name() for n in document.rootNode().childNodes()]
    active_before = document.activeNode().name()
    steps.setValue(8)

    began = time.perf_counter()
    ticker = kit.ticker()
    apply.click()
    kit.check("busy", busy() and apply.isEnabled())
    yield 0.05
    kit.check("reading_leaves_no_trace", kit.undo_text() == undo_before and not document.modified(), kit.undo_text())
    shot = [False]

    def done():
        if not shot[0] and kit.find("sfumato_progress").value() > 300:
            shot[0] = True
            kit.screenshot("docker_painting", kit.docker())
        return not busy()

    yield kit.until(done, "the first layer", 120)
    kit.note("longest_gap_s", round(ticker.stop(), 3))
    kit.note("apply_to_layer_s", round(time.perf_counter() - began, 2))
    kit.check("done", "Done" in message.text(), message.text())
    layers = [n.name() for n in document.rootNode().childNodes()]
    kit.check("one_layer_more", len(layers) == len(layers_before) + 1, layers)
    kit.check("below_the_map", layers[-1] == "Change map" and "winter" in layers[-2], layers)
    kit.check("active_layer_stays", document.activeNode().name() == active_before, document.activeNode().name())
    kit.screenshot("window_done")
    map_node.setVisible(False)
    after = kit.bytes_of(document, "after")
    kit.check("something_changed", after != before)
    yield 0.2
    kit.screenshot("window_result")

    # One undo removes it, redo brings it back.
    app.action("edit_undo").trigger()
    yield 0.5
    names = [n.name() for n in document.rootNode().childNodes()]
    kit.check("undo", names == layers_before and kit.bytes_of(document, "undone") == before, names)
    app.action("edit_redo").trigger()
    yield 0.5
    names = [n.name() for n in document.rootNode().childNodes()]
    kit.check("redo", names == layers and kit.bytes_of(document, "redone") == after, names)

    # Cancel.
    apply.click()
    yield kit.until(lambda: "step" in kit.find("sfumato_progress").text(), "the first step", 60)
    cancel.click()
    yield kit.until(lambda: not busy(), "the cancel", 30)
    kit.check("cancelled", "Cancelled" in message.text(), message.text())
