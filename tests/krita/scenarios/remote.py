"""A real backend that listens at another address of this computer, with a state folder of its own: reached by address
and token, painted with, left, and come back from. Nothing is started here."""

import gc
import json
import os
import secrets
import socket
import subprocess
from pathlib import Path

from krita_sfumato.application import Application
from krita_sfumato.diagnostics import Facts, report
from krita_sfumato.remote import RemoteBackend, Wrong
from krita_sfumato.vendor.sfumato_wire.rendezvous import LOGS
from sfumato_driver.painter import Painter

HOME = Path(os.environ["SFUMATO_HOME"])


def scenario(kit):
    kit.window()
    yield 1
    painter = Painter(kit)
    document = kit.app.openDocument(os.environ["SFUMATO_PICTURE"])
    kit.app.activeWindow().addView(document)
    token, there = secrets.token_urlsafe(32), kit.out / "there"
    server = start(there, token)
    try:
        yield from paint(kit, painter, document, there, token)
    finally:
        server.terminate()
        server.wait(20)


def start(there, token):
    """As somebody would on the other computer."""
    command = json.loads((HOME / "backend.json").read_text())["command"]
    there.mkdir(mode=0o700, exist_ok=True)
    (there / "server.json").unlink(missing_ok=True)
    environment = {**os.environ, "SFUMATO_HOME": str(there), "SFUMATO_TOKEN": token}
    command = [*command, "--host", address()]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def address():
    """One that other computers could call; where there is none, one that the plugin would not find by itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as finder:
        try:
            finder.connect(("192.0.2.1", 9))  # says nothing to anybody; only chooses the way
            found = finder.getsockname()[0]
        except OSError:
            found = ""
    return found if found and not found.startswith("127.") else "127.0.0.2"


def paint(kit, painter, document, there, token):
    choice, application = RemoteBackend(HOME), next(o for o in gc.get_objects() if isinstance(o, Application))
    yield kit.until(lambda: (there / "server.json").exists(), "the backend", 60)
    record = json.loads((there / "server.json").read_text())
    at = f"{record['host']}:{record['port']}"
    kit.note("address", at)

    try:
        choice.choose(record["host"], token)
        kit.check("needs a port", False)
    except Wrong as wrong:
        kit.check("needs a port", str(wrong) == f"The address needs a port, for example {record['host']}:17843.", wrong)

    # The wrong token is told; the right one lets in, and what the backend can do is there.
    choice.choose(at, "wrong" * 8)
    application.client.redial()
    yield kit.until(lambda: "check the token" in painter.says, "the refusal", 10)
    kit.check("where", at in painter.says, painter.says)
    kit.screenshot("wrong_token", kit.docker())
    choice.choose(at, token)
    application.client.redial()
    yield kit.until(lambda: "Ready" in painter.status.text(), "the backend there", 60)
    kit.check("edits", painter.edit.isEnabled() and painter.edit.count() > 3, painter.edit.count())

    # An edit: the pixels go there and the result comes back.
    width, height = document.width(), document.height()
    kit.note("size", [width, height])
    before = kit.bytes_of(document, "before")
    painter.layer(document, bytes([255] * 4) * 10000, 50, 50, 100, 100)
    yield from painter.choose("map")
    painter.steps.setValue(4)
    names = painter.names(document)
    painter.press_apply()
    yield from painter.until_done("the edit")
    kit.check("done", "Done" in painter.says, painter.says)
    kit.check("a layer", len(painter.names(document)) == len(names) + 1, painter.names(document))
    document.rootNode().childNodes()[-1].setVisible(False)
    after = kit.bytes_of(document, "after")
    kit.check("painted", before != after and len(after) == 4 * width * height)
    kit.screenshot("window_painted")

    # The switch leaves it and comes back; it goes on running, and nothing is started here.
    painter.switch.click()
    application.client.redial()
    yield kit.until(
        lambda: "not running" in painter.status.text() or "Not connected" in painter.status.text(), "left", 10
    )
    kit.check("it goes on there", (there / "server.json").exists())
    kit.check("can be pressed", painter.switch.text() in ("Start", "Connect"), painter.switch.text())
    painter.switch.click()
    yield kit.until(lambda: "Ready" in painter.status.text(), "connected again", 20)
    kit.check("nothing here", not (HOME / "server.json").exists() and not (HOME / "krita-backend.json").exists())

    # No token anywhere but where it belongs.
    facts = Facts("0.1.0", kit.app.version(), "5", "test", "ready", painter.status.text(), is_remote=True)
    text = report(facts, HOME / LOGS, str(HOME.parent), [token])
    (kit.out / "diagnostics.txt").write_text(text)
    kit.check("not in the report", token not in text and "another computer" in text)
    holding = [str(f) for f in HOME.rglob("*") if f.is_file() and token.encode() in f.read_bytes()]
    kit.check("only in its file", holding == [str(HOME / "remote.token")], holding)

    # Back to this computer: nobody is here.
    choice.forget()
    application.client.redial()
    yield kit.until(lambda: "not running" in painter.status.text(), "this computer", 10)
    log = HOME / LOGS / "krita-plugin.log"
    kit.check("no mishap", not log.exists(), log.read_text() if log.exists() else "")
