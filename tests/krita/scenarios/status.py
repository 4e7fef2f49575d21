"""The bottom line as a painter sees it, in English and in German, in a docker of 262 pixels; and what it says was
pressed."""

import sys

from krita_sfumato import language, sentences
from krita_sfumato.qt import QDockWidget, QLineEdit, QLocale, QPushButton, Qt, QVBoxLayout, QWidget
from krita_sfumato.standing import standing
from krita_sfumato.status import StatusLine

WIDTH = 262
THERE = "192.168.100.205:17843"
STATES = {
    "absent": {"link": "absent"},
    "starting": {"link": "starting", "said": "The painting process is starting."},
    "loading": {"link": "ready", "busy": True, "stage": "loading", "model": "Sketchbook XL of last summer"},
    "busy": {"link": "ready", "busy": True, "stage": "painting", "device": "cuda"},
    "ready": {"link": "ready", "device": "cpu"},
    "lost": {"link": "lost"},
    "refused": {"link": "refused"},
    "away": {"link": "away", "address": THERE, "has_token": True},
    "left": {"link": "absent", "address": THERE, "has_token": True},
    "there": {"link": "ready", "device": "cuda", "address": THERE, "has_token": True},
}


def scenario(kit):
    kit.window()
    kit.note("languages of this Krita", QLocale().uiLanguages())
    yield 1
    for name in ("en", "de"):
        language.use(name)
        yield from look(kit, name)
    language.use("en")
    yield from press(kit)


def shown(kit, *lines):
    """In a docker of their own."""
    docker = QDockWidget("Sfumato", kit.app.activeWindow().qwindow())
    body = QWidget()
    column = QVBoxLayout(body)
    column.setContentsMargins(4, 4, 4, 4)
    for line in lines:
        column.addWidget(line)
    docker.setWidget(body)
    docker.setFloating(True)
    docker.setFixedWidth(WIDTH)
    docker.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    docker.show()
    docker.move(600, 10)
    return docker


def look(kit, name):
    lines = [StatusLine("0.1.0") for _ in STATES]
    for line, given in zip(lines, STATES.values(), strict=True):
        line.show_standing(standing(**given))
    docker = shown(kit, *lines)
    yield 0.5
    kit.check(f"{name}: as narrow as that", docker.width() == WIDTH, docker.width())
    kit.screenshot(f"states_{name}", docker)
    for state, line in zip(STATES, lines, strict=True):
        for part in (line.switch, line.more):
            whole = part.width() >= part.sizeHint().width() and part.geometry().right() <= part.parent().width()
            kit.check(f"{name}: {state}: {part.text()} is whole", whole, [part.width(), part.sizeHint().width()])
        words = max(line.status.fontMetrics().horizontalAdvance(word) for word in wrapped(line.status.text()))
        kit.check(f"{name}: {state}: every word has room", words <= line.status.width(), [words, line.status.width()])
    docker.close()

    line = StatusLine("0.1.0")
    line.show_standing(standing(**STATES["there"]))
    docker = shown(kit, line)
    entry(line, "remote").trigger()
    line.remote_refused(sentences.ADDRESS_WITHOUT_PORT.format(example=THERE))
    yield 0.4
    docker.adjustSize()
    yield 0.2
    kit.screenshot(f"form_{name}", docker)
    for button in line.form.findChildren(QPushButton):
        kit.check(f"{name}: {button.text()} is whole", button.width() >= button.sizeHint().width(), button.width())
    entry(line, "about").trigger()
    yield 0.4
    docker.adjustSize()
    yield 0.2
    kit.screenshot(f"about_{name}", docker)
    line.more.menu().popup(line.more.mapToGlobal(line.more.rect().bottomLeft()))
    yield 0.4
    kit.screenshot(f"menu_{name}", line.menu)
    line.menu.hide()
    docker.close()


def press(kit):
    line, heard = StatusLine("0.1.0"), []
    for name in ("start", "stop", "copy_diagnostics", "open_log", "remote_chosen", "local_chosen"):
        getattr(line, name).connect(lambda *said, name=name: heard.append((name, *said)))
    docker = shown(kit, line)
    for state in ("absent", "ready", "left", "away"):
        line.show_standing(standing(**STATES[state]))
        line.switch.click()
    entry(line, "copy").trigger()
    entry(line, "log").trigger()
    kit.check(
        "the buttons", [name for name, *_ in heard] == "start stop start stop copy_diagnostics open_log".split(), heard
    )

    # A remark stays for a moment, also when the backend has news; then the line is back.
    line.say(sentences.COPIED)
    line.show_standing(standing(**STATES["ready"]))
    kit.check("a remark", line.status.text() == sentences.COPIED)
    yield kit.until(lambda: line.status.text() == "Ready to paint on the processor.", "the line again", 9)

    # The form: what was typed in is handed on as it is; the token is neither shown nor left lying about.
    heard.clear()
    line.show_standing(standing(**STATES["there"]))
    entry(line, "remote").trigger()
    form = line.form
    yield 0.2
    kit.check("what counts now is there", form.remote_address.text() == THERE and form.remote_token.text() == "")
    kit.check("the token is kept", form.remote_token.placeholderText() == sentences.TOKEN_KEPT)
    form.remote_address.setText("studio")
    form.remote_token.setText("secret")
    kit.check("hidden", form.remote_token.echoMode() == QLineEdit.EchoMode.Password)
    form.remote_connect.click()
    line.remote_refused("No port.")
    kit.check(
        "refused", form.isVisible() and form.remote_trouble.isVisible() and form.remote_address.text() == "studio"
    )
    form.remote_token.returnPressed.emit()
    kit.check("handed on", heard == [("remote_chosen", "studio", "secret")] * 2, heard)
    line.show_standing(standing(**STATES["there"]))
    kit.check("news do not overwrite what is typed", form.remote_address.text() == "studio")
    line.remote_taken()
    kit.check("gone", form.isHidden() and form.remote_token.text() == "")
    entry(line, "remote").trigger()
    form.remote_local.click()
    kit.check("this computer", heard[-1] == ("local_chosen",), heard)
    line.show_standing(standing(**STATES["ready"]))
    kit.check("which is no choice where it counts already", form.remote_local.isHidden())
    docker.close()
    yield 0.2
    kit.check("Python", "krita_sfumato.status" in sys.modules)


def wrapped(text):
    """The parts that are not broken."""
    return text.replace("\u200b", " ").split(" ")


def entry(line, name):
    return next(action for action in line.menu.actions() if action.objectName() == f"sfumato_menu_{name}")
