"""The whole way with the real worker: socket, server, pipes, Studio, Sketchbook, and back."""

import dataclasses
from pathlib import Path

from server.harness import asynchronous, client, job, server
from sfumato.server.main import WORKER
from sfumato_wire import Cancel, Cancelled, Failed, Pixels, Progress, Result, Welcome, digest_of

SIDE = 64


@asynchronous
async def test_a_layer_from_sketchbook(tmp_path: Path) -> None:
    request, pictures = job("a house by the sea", side=SIDE, steps=2)
    black = bytes(SIDE * SIDE)
    nothing = dataclasses.replace(request, change_map=Pixels(0, 0, SIDE, SIDE, "gray8", digest_of(black)))
    async with server(tmp_path, WORKER) as port, client(port, tmp_path) as me:
        (welcome,) = (event for event in me.heard if isinstance(event, Welcome))
        assert "sketchbook" in {model.id for model in welcome.models}
        assert "differential" in {edit.id for edit in welcome.edits}

        layers = []
        for name in ("once", "again"):
            await me.submit(name, (request, pictures))
            result = await me.hear(Result, name)
            assert result.layer is not None
            assert (result.layer.width, result.layer.height) == (SIDE, SIDE)
            layers.append(await me.layer())
        assert layers[0] == layers[1], "the same request gives the same bytes"
        assert any(isinstance(event, Progress) and event.preview for event in me.heard)

        await me.submit("nothing", (nothing, {digest_of(black): black}))
        assert (await me.hear(Result, "nothing")).layer is None

        await me.submit("wrong", (dataclasses.replace(request, edit="none such"), pictures))
        assert "none such" in (await me.hear(Failed, "wrong")).sentence

        await me.submit("long", (dataclasses.replace(request, steps=1000, seed=1), pictures))
        await me.hear(Progress, "long")
        await me.say(Cancel("long"))
        await me.hear(Cancelled, "long")
