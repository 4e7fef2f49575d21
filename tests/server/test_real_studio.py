"""The whole way with the real worker: socket, server, pipes, Studio, Sketchbook, and back."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from server.harness import asynchronous, client, job, server
from sfumato.composite import flatten
from sfumato.server.main import WORKER
from sfumato.studio import Studio
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


@pytest.mark.parametrize("depth", ["gray8", "graya16"])
@asynchronous
async def test_t43_what_travels_arrives_and_what_is_black_comes_back_as_it_was(tmp_path: Path, depth: str) -> None:
    """The layer through the socket is byte for byte the Studio's own of the same pictures; noise as the canvas, with
    every alpha, shows that nothing is recoded on the way."""
    draws = np.random.default_rng(43)
    canvas = draws.integers(0, 256, (SIDE, SIDE, 4), np.uint8)
    grey = np.tile(np.clip(np.arange(SIDE) * 8 - 100, 0, 255).astype(np.uint8), (SIDE, 1))
    sent = grey.tobytes()
    if depth == "graya16":
        sent = np.dstack([draws.integers(1, 65536, grey.shape), grey.astype(int) * 257]).astype("<u2").tobytes()
    request, _ = job("a house by the sea", side=SIDE, steps=2)
    request = dataclasses.replace(
        request,
        canvas=Pixels(0, 0, SIDE, SIDE, "rgba8", digest_of(canvas.tobytes())),
        change_map=Pixels(0, 0, SIDE, SIDE, depth, digest_of(sent)),
    )
    pictures = {digest_of(data): data for data in (canvas.tobytes(), sent)}
    async with server(tmp_path, WORKER) as port, client(port, tmp_path) as me:
        await me.submit("noise", (request, pictures))
        result = await me.hear(Result, "noise")
        data = await me.layer()
    assert result.layer is not None
    direct = Studio("cpu").run(request, canvas.tobytes(), sent)
    assert direct.layer is not None
    assert data == direct.data
    box = direct.layer.box
    layer = np.frombuffer(data, np.uint8).reshape(box.height, box.width, 4)
    flat = flatten(canvas, layer, box.x, box.y)
    assert np.array_equal(flat[grey == 0], canvas[grey == 0])
    assert not np.array_equal(flat[grey == 255], canvas[grey == 255])


@asynchronous
async def test_a_layer_of_16_bits_comes_over_the_wire_as_the_studio_made_it(tmp_path: Path) -> None:
    request, pictures = job("a house by the sea", side=SIDE, steps=2)
    grey = np.tile((np.arange(SIDE) * 4).astype(np.uint8), (SIDE, 1)).tobytes()
    request = dataclasses.replace(
        request, change_map=Pixels(0, 0, SIDE, SIDE, "gray8", digest_of(grey)), layer_format="bgra16"
    )
    async with server(tmp_path, WORKER) as port, client(port, tmp_path) as me:
        await me.submit("deep", (request, pictures | {digest_of(grey): grey}))
        result = await me.hear(Result, "deep")
        data = await me.layer()
    assert result.layer is not None
    assert (result.layer.format, result.layer.size) == ("bgra16", len(data))
    assert len(data) == 8 * SIDE * SIDE
    # Another process sums in another order: 16 bits may show its last float bits.
    layer, own = (
        np.frombuffer(rows, "<u2").reshape(SIDE, SIDE, 4)
        for rows in (data, Studio("cpu").run(request, pictures[request.canvas.digest], grey).data)
    )
    assert np.array_equal(layer[..., 3], own[..., 3])
    assert np.abs(layer.astype(int) - own).max() <= 16
    assert not layer[:, 0].any()
    assert (layer[..., :3] % 257 != 0).any()
