"""One message of every kind, and connections led into every state by the messages that lead there."""

import dataclasses

from sfumato_wire import (
    Accepted,
    Ack,
    Blob,
    Cancel,
    Cancelled,
    Connection,
    Control,
    EditInfo,
    Extra,
    Failed,
    GreysWhen,
    Hello,
    Levels,
    Lora,
    Message,
    ModelInfo,
    NeedBlobs,
    Parameter,
    Pixels,
    Preview,
    Progress,
    Refused,
    Request,
    Result,
    Role,
    Status,
    Submit,
    Welcome,
    digest_of,
)

CANVAS, MAP, LAYER = b"\x10\x20\x30\xff" * 6, b"\x00\xff" * 3, b"\x01\x02\x03\x04"
LINES = b"\xff\xff\xff\xff" * 4
REQUEST = Request(
    model="sketchbook",
    edit="differential",
    prompt="ein Haus am Meer, 海, \U0001f3a8",
    width=5,
    height=4,
    canvas=Pixels(1, 1, 3, 2, "bgra8", digest_of(CANVAS)),
    change_map=Pixels(-1, 2, 3, 2, "gray8", digest_of(MAP)),
    negative_prompt="",
    seed=2**63 - 1,
    steps=4,
    guidance_scale=7.5,
    strength=999,
    levels=Levels(257, 65000, 1.5, True),
    map_channel="alpha",
    soften=3,
    settings={"axis": "steps", "fractional": True, "radius": 3, "power": 0.5},
    layer_format="bgra8",
    loras=(Lora("owner/soft", 0.8), Lora("Aquarell, 水彩", -1.5)),
    scheduler="DPM++ 2M Karras",
    vae="owner/clear, 澄",
)
# The map that an edit finds is asked for without one, and is where a source prompt counts most.
MAP_REQUEST = Request(
    model="sketchbook",
    edit="diffedit",
    prompt="a dog",
    width=5,
    height=4,
    canvas=Pixels(1, 1, 3, 2, "bgra8", digest_of(CANVAS)),
    change_map=None,
    task="map",
    source_prompt="ein Hund, 犬, \U0001f415",
    settings={"noises": 10},
)
CONTROL = Control("owner/lines, 線", Pixels(3, 2, 2, 2, "rgba8", digest_of(LINES)), 0.75, 0.1, 0.9)
CONTROLLED = dataclasses.replace(REQUEST, control=CONTROL)
PARAMETERS = (
    Parameter("axis", "choice", "steps", "What grey means.", choices=("steps", "noise")),
    Parameter("power", "float", 0.5, "", 0.0, 1.0),
    Parameter("count", "int", 3, "", 1, 9, unit="steps"),
    Parameter("fractional", "bool", True, ""),
)
WELCOME = Welcome(
    "Sfumato 1.0",
    1,
    "cpu",
    (
        ModelInfo("sketchbook", "Sketchbook", "sd", 256, 20, 5.0),
        ModelInfo("owner/flux", "Flux", "flux", 1024, 28, 3.5, "ceil", ("lora", "controlnet", "vae")),
    ),
    (
        EditInfo("differential", "Differential diffusion", "How much, per pixel.", PARAMETERS),
        EditInfo("diffedit", "DiffEdit", "Where, from two texts.", PARAMETERS[:1], True, True, PARAMETERS[1:], "one"),
        EditInfo(
            "all", "All", "", PARAMETERS, greys_when=tuple(GreysWhen(p.name, p.default, "steps") for p in PARAMETERS)
        ),
    ),
    {"sd": ("DDIM", "DPM++ 2M Karras"), "flux": ()},
    (Extra("owner/soft", "Soft, 水彩", "flux"), Extra("Aquarell-1a2b3c", "Aquarell", "sdxl")),
    (Extra("owner/lines", "Lines", "sd15"),),
    (Extra("owner/clear", "Clear, 澄", "sd15"), Extra("owner/clear", "Clear, 澄", "sdxl")),
)

FROM_CLIENT: tuple[Message, ...] = (
    Hello("Krita 5.2", 1, 1, ("j", "k")),
    Submit("j", REQUEST),
    Submit("k", MAP_REQUEST),
    Submit("l", CONTROLLED),
    Blob(digest_of(CANVAS), 8, len(CANVAS), CANVAS[8:]),
    Cancel("j"),
    Ack("j"),
)
FROM_SERVER: tuple[Message, ...] = (
    Status("starting", "Wait a moment."),
    WELCOME,
    NeedBlobs("j", (digest_of(CANVAS), digest_of(MAP))),
    Blob(digest_of(LAYER), 0, 4, LAYER),
    Accepted("j", 0),
    Progress("j", "painting", 3, 4, Preview(2, 1), b"\x00\x01\x02\x03\x04\x05"),
    Progress("j", "loading", 0, 0),
    Result("j", Pixels(0, 0, 1, 1, "rgba8", digest_of(LAYER)), {"plan": {"steps": [1, 2.5, None, True, "x"]}}),
    Result("j", Pixels(0, 0, 1, 1, "bgra16", digest_of(LAYER * 2)), {}),
    Result("j", None),
    Failed("j", "worker_lost", "The painting process stopped: press Apply again."),
    Cancelled("j"),
    Refused("version", "Update the plugin."),
)
EVERY = FROM_CLIENT + FROM_SERVER

# What is said until a connection, or job "j" on an open connection, is in the state.
TO_OPEN: tuple[Message, ...] = (Hello("test"), WELCOME)
CONNECTION_PATHS: dict[str, tuple[Message, ...]] = {
    "new": (),
    "greeted": (Hello("test"),),
    "open": TO_OPEN,
    "closed": (Refused("x", "y"),),
}
_SUBMITTED = (*TO_OPEN, Submit("j", REQUEST))
JOB_PATHS: dict[str, tuple[Message, ...]] = {
    "none": TO_OPEN,
    "submitted": _SUBMITTED,
    "needing": (*_SUBMITTED, NeedBlobs("j", (digest_of(CANVAS),))),
    "accepted": (*_SUBMITTED, Accepted("j", 0)),
    "ended": (*_SUBMITTED, Accepted("j", 0), Result("j", None)),
    "acknowledged": (*_SUBMITTED, Failed("j", "x", "y"), Ack("j")),
    "resumed": (Hello("test", jobs=("j",)), WELCOME),
}


def sender_of(message: Message) -> Role:
    """Of every kind but Blob, which both send."""
    return Role.CLIENT if type(message) in {type(m) for m in FROM_CLIENT} else Role.SERVER


def led(path: tuple[Message, ...]) -> dict[Role, Connection]:
    """Both ends, after these were said."""
    ends = {role: Connection(role) for role in Role}
    for message in path:
        sender = sender_of(message)
        data = ends[sender].send(message)
        (other,) = set(Role) - {sender}
        assert ends[other].receive_data(data) == [message]
    return ends


def changed(request: Request = REQUEST, **fields: object) -> Request:
    return dataclasses.replace(request, **fields)  # type: ignore[arg-type]
