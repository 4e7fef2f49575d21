"""How long the UI stands still while a large picture is edited: three times, each with other pixels."""

import os
import time

from krita_sfumato import client, host
from krita_sfumato.vendor.websockets.sync.connection import Connection
from sfumato_driver.clockwork import Clockwork
from sfumato_driver.painter import Painter

SIDE = int(os.environ.get("SFUMATO_SIDE", "4096"))
DEPTH = os.environ.get("SFUMATO_DEPTH", "U8")
TIMES = int(os.environ.get("SFUMATO_TIMES", "3"))


class Socket:
    """When bytes go and come, heard at the vendored websockets."""

    def __init__(self) -> None:
        self.sent, self.received = [], []
        send, recv = Connection.send, Connection.recv

        def heard_send(connection, message, *more, **named):
            self.sent.append((time.perf_counter(), len(message)))
            return send(connection, message, *more, **named)

        def heard_recv(connection, *more, **named):
            message = recv(connection, *more, **named)
            self.received.append((time.perf_counter(), len(message)))
            return message

        Connection.send, Connection.recv = heard_send, heard_recv


def scenario(kit):
    kit.window()
    yield 1
    painter = Painter(kit)
    if painter.switch.text() == "Start":
        painter.switch.click()
    yield kit.until(lambda: "Ready" in painter.status.text(), "the backend", 120)
    document = painter.canvas(SIDE, SIDE, depth=DEPTH)
    yield 2
    painter.layer(document, strokes(SIDE), 0, 0, SIDE, SIDE)
    document.refreshProjection()
    yield from painter.choose("map")
    yield 3
    painter.steps.setValue(4)
    socket, clockwork = Socket(), Clockwork()
    delivered, there = [], []
    deliver = client.Client._deliver
    client.Client._deliver = lambda self, job, data: (delivered.append(time.perf_counter()), deliver(self, job, data))

    add = host.Document.add_layer

    def timed_add(self, *how):
        try:
            return add(self, *how)
        finally:
            there.append(time.perf_counter())

    host.Document.add_layer = timed_add

    clockwork.begin()
    yield 3
    kit.note("idle", clockwork.end()[:1])
    for n in range(TIMES):
        # Another picture each time, so that all of it is sent.
        background = document.rootNode().childNodes()[0]
        background.setPixelData(bytes([n, 99, 50, 255]) * 400 if DEPTH == "U8" else bytes([n] * 8) * 400, 0, 0, 20, 20)
        document.refreshProjection()
        document.waitForDone()
        yield 2
        del socket.sent[:], socket.received[:], delivered[:], there[:]
        clockwork.begin()
        began = time.perf_counter()
        painter.press_apply()
        yield kit.until(lambda: not painter.busy, "the edit", 600)
        added = time.perf_counter()
        document.waitForDone()
        seen = time.perf_counter()
        yield 1
        gaps = clockwork.end()
        kit.check(f"{n}: done", "Done" in painter.says, painter.says)
        pixels = [moment for moment, size in socket.sent if size > 100_000]
        large = [moment for moment, size in socket.received if size > 100_000]
        kit.note(
            f"run {n}",
            {
                "to the first byte": socket.sent[0][0] - began if socket.sent else None,
                "sending": pixels[-1] - pixels[0] if pixels else None,
                "receiving": large[-1] - large[0] if large else None,
                "last byte to news": delivered[-1] - large[-1] if delivered and large else None,
                "last byte to layer": there[-1] - large[-1] if there and large else None,
                "last byte to end": added - large[-1] if large else None,
                "last byte to seen": seen - large[-1] if large else None,
                "all": seen - began,
                "longest": gaps[:6],
                "longest own": sorted(gaps, key=lambda gap: -gap["own"])[:6],
                "longest work": sorted(gaps, key=lambda gap: -gap["work"])[:6],
            },
        )
        kit.app.action("edit_undo").trigger()
        document.waitForDone()
        yield 2
    kit.screenshot("window")
    document.setModified(False)


def strokes(side):
    """Opaque greys over most of it: rising to the right, in bands that get darker below; black at the very edge."""
    row = b"".join(bytes([255 * x // side] * 3 + [255]) for x in range(side - 64)) + bytes([0, 0, 0, 255]) * 64
    rows = [row, row[len(row) // 2 :] + row[: len(row) // 2]]
    return b"".join(rows[y // 64 % 2] for y in range(side)) if DEPTH == "U8" else bytes([255] * 8) * side * side
