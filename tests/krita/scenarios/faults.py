"""The backend dies in every way; the painter gets a sentence and goes on."""

import json
import os
import signal
import time
from pathlib import Path

from sfumato_driver.painter import Painter, children_of


def scenario(kit):
    kit.window()
    yield 1
    painter = Painter(kit)
    state = Path(os.environ["SFUMATO_HOME"])
    command = (state / "backend.json").read_text()
    document = painter.canvas(160, 128)
    yield 0.5
    painter.layer(document, bytes([255] * 4) * 6400, 0, 0, 80, 80)
    yield from painter.choose("map")

    # Nothing is installed.
    (state / "backend.json").unlink()
    painter.press_apply()
    kit.check("not installed", "installer install" in painter.says, painter.says)
    # What is installed cannot start.
    (state / "backend.json").write_text(json.dumps({"command": ["/bin/sh", "-c", "echo no room >&2; exit 3"]}))
    painter.press_apply()
    yield kit.until(lambda: "did not start" in painter.says, "a start that fails", 20)
    kit.check("cannot start", "no room" in painter.says and not painter.busy, painter.says)
    # A record of a server that is not there any more.
    (state / "server.json").write_text(json.dumps({"host": "127.0.0.1", "port": 9, "pid": 999999, "version": "0"}))
    yield 1.5
    kit.check("stale record", "not running" in painter.status.text(), painter.status.text())
    (state / "backend.json").write_text(command)

    # Killed as a whole in the middle of an edit: a sentence; Start, and the same edit comes to its end.
    painter.steps.setValue(40)
    painter.press_apply()
    yield from painter.until_painting()
    pid = painter.server()["pid"]
    for victim in [pid, *children_of(pid)]:
        os.kill(victim, signal.SIGKILL)
    yield kit.until(lambda: "stopped in the middle" in painter.says, "the sentence", 20)
    kit.check("killed: a sentence", painter.apply_button.isEnabled(), painter.says)
    kit.check("killed: picture untouched", len(painter.names(document)) == 2)
    yield 0.2
    kit.screenshot("docker_killed", kit.docker())
    painter.switch.click()
    yield from painter.until_done("the edit begun again")
    kit.check("killed: Start goes on", len(painter.names(document)) == 3, painter.says)

    # Killed again; this time the painter presses Apply at once.
    painter.press_apply()
    yield from painter.until_painting()
    pid = painter.server()["pid"]
    for victim in [pid, *children_of(pid)]:
        os.kill(victim, signal.SIGKILL)
    yield kit.until(lambda: "stopped in the middle" in painter.says, "the sentence", 20)
    painter.steps.setValue(4)
    painter.press_apply()
    yield from painter.until_done("the next Apply")
    kit.check("killed: Apply works", len(painter.names(document)) == 4, painter.says)

    # Only the painting process dies: the server says so, and paints again.
    painter.steps.setValue(40)
    painter.press_apply()
    yield from painter.until_painting()
    for victim in children_of(painter.server()["pid"]):
        os.kill(victim, signal.SIGKILL)
    yield from painter.until_done("the worker's death to be told", 30)
    kit.check("worker killed: a sentence", "press Apply again" in painter.says, painter.says)
    painter.steps.setValue(4)
    painter.press_apply()
    yield from painter.until_done("the Apply after that")
    kit.check("worker killed: Apply works", len(painter.names(document)) == 5, painter.says)

    # Stop, from the docker.
    pid = painter.server()["pid"]
    painter.switch.click()
    moment = time.monotonic()
    yield kit.until(lambda: "not running" in painter.status.text(), "the stop", 20)
    kit.note("stopped_after_s", round(time.monotonic() - moment, 2))
    log = state / "logs" / "krita-plugin.log"
    kit.check("no mishap", not log.exists(), log.read_text() if log.exists() else "")
