"""A scripted backend for real Krita: it offers five edits with every kind of parameter and keeps what it was asked."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from plugin.scripted_server import ScriptedServer, Talk
from sfumato_wire import (
    Accepted,
    Ack,
    BlobReceived,
    Box,
    Cancel,
    Cancelled,
    EditInfo,
    ModelInfo,
    NeedBlobs,
    Parameter,
    Pixels,
    Progress,
    Request,
    Result,
    Submit,
    Welcome,
    digest_of,
)

RELEASE = Parameter(
    "release",
    "choice",
    "fractional",
    "How greys between two steps count: 'fractional' lets every grey count, 'whole' rounds to whole steps.",
    choices=("fractional", "whole"),
)
HINTING = Parameter("hinting", "bool", True, "Show the model what surrounds a pixel before the pixel may change.")
REPEATS = Parameter("repeats", "int", 1, "How often the whole is done again.", 1, 9, unit="times")
POWER = Parameter("mask_power", "float", 1.0, "How quickly faint greys let go.", 0.1, 4.0)
FEATHER = Parameter("feather", "float", 0.5, "How softly it ends.", 1e-7, 1.0)
BAND = Parameter("transition_contrast", "float", 0.0625, "Change at which the new picture covers fully.", 0.0, 1.0)
SAMPLES = Parameter("samples", "int", 8, "How many noises are compared; more take longer.", 1, 64, unit="noises")
UNKNOWN = Parameter("colour", "colour", "red", "A kind of parameter that this plugin does not know.")

EDITS = (
    EditInfo(
        "differential",
        "Differential Diffusion",
        "Every pixel changes as much as its grey says: white fully, black not at all.",
        (RELEASE, HINTING, BAND),
    ),
    EditInfo("soft-inpainting", "Soft inpainting", "Greys blend old and new.", (POWER, BAND, FEATHER, UNKNOWN)),
    EditInfo("sdedit", "SDEdit", "Everything painted <i>changes</i> alike. <b>Text</b>, not markup.", (REPEATS,)),
    EditInfo(
        "diffedit",
        "DiffEdit",
        "Only what differs between the two texts changes.",
        (HINTING,),
        source_prompt=True,
        finds_map=True,
        map_parameters=(SAMPLES, POWER),
    ),
    EditInfo("edit-friendly", "Edit-friendly inversion", "Keeps the structure.", (REPEATS, POWER), source_prompt=True),
)
WELCOME = Welcome("scripted", 3, "cpu", (ModelInfo("m", "Model", "sd", 64, 6, 4.0),), EDITS)


class Scripted:
    """The prompt decides: "wait" is answered with nothing but progress, "later …" after a while, all else at once;
    "… by the map" with a layer that is as opaque as the map is light, all else with an opaque one."""

    def __init__(self, home: Path) -> None:
        self.asked: list[tuple[Request, dict[str, bytes]]] = []
        self.server = ScriptedServer(home, self._answer, patience=120)

    def stop(self) -> None:
        self.server.stop()
        assert not self.server.errors, self.server.errors

    def _answer(self, talk: Talk, _: int) -> None:
        talk.say(WELCOME)
        while True:
            event = talk.hear()
            if isinstance(event, Cancel):
                talk.say(Cancelled(event.job))
            elif isinstance(event, Submit):
                self._paint(talk, event)
            else:
                assert isinstance(event, Ack), event

    def _paint(self, talk: Talk, submit: Submit) -> None:
        request = submit.request
        wanted = {picture.digest for picture in request.pictures}
        talk.say(NeedBlobs(submit.job, tuple(wanted)))
        blobs = {}
        for _ in wanted:
            blob = talk.hear_of(BlobReceived)
            blobs[blob.digest] = blob.data
        self.asked.append((request, blobs))
        talk.say(Accepted(submit.job, 0))
        talk.say(Progress(submit.job, "painting", 1, 4))
        if request.prompt == "wait":
            return
        if request.prompt.startswith("later"):
            time.sleep(3 if request.prompt == "later" else 0.3)  # a busy Krita must have time to close a picture
        box = request.canvas.box if request.change_map is None else request.change_map.box
        if request.change_map is None:
            data = ramp(box)
        elif request.prompt.endswith("by the map"):
            data = veil(request.change_map, blobs[request.change_map.digest])
        else:
            data = bytes([30, 60, 200, 255]) * box.area
        if request.layer_format.endswith("16"):
            data = doubled(data)
        layer = Pixels(box.x, box.y, box.width, box.height, request.layer_format, digest_of(data))
        talk.say(Result(submit.job, layer))
        talk.send_blob(data, layer.digest)


def doubled(data: bytes) -> bytes:
    """8 bits as the same in 16: 257 v is the byte v twice."""
    deep = bytearray(2 * len(data))
    deep[::2] = deep[1::2] = data
    return bytes(deep)


def ramp(box: Box) -> bytes:
    """Opaque greys, a darker one to the left."""
    return b"".join(bytes([255 * x // max(1, box.width - 1)] * 3 + [255]) for x in range(box.width)) * box.height


def veil(change_map: Pixels, data: bytes) -> bytes:
    """One colour, as opaque as the map is light; nothing at all where it is black."""
    if change_map.format == "gray8":
        alpha = np.frombuffer(data, np.uint8).astype(int)
    else:
        grey = np.frombuffer(data, "<u2").reshape(-1, 2).astype(int)
        alpha = -(-grey[:, 0] * grey[:, 1] // (257 * 65535))
    out = np.zeros((len(alpha), 4), np.uint8)
    out[alpha > 0] = 30, 60, 200, 0
    out[:, 3] = alpha
    return out.tobytes()
