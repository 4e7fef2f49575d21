"""A server on one machine and the painter on another: over this machine's own address in the network, where it has one.

What comes in there has left the loopback as far as the server can tell.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from server.harness import PATIENCE, SCRIPTED, Client, asynchronous, client, job, server
from sfumato.errors import SfumatoError
from sfumato.server.door import called_from_elsewhere, called_here, host_names_everywhere
from sfumato.server.home import MIN_TOKEN, read_token, read_token_file
from sfumato.server.main import Settings, run
from sfumato_wire import Hello, Result, Welcome
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus


def own_address(everywhere: str) -> str:
    address = called_from_elsewhere(everywhere)
    if address in ("127.0.0.1", "::1", socket.gethostname()):
        pytest.skip("this machine is in no network")
    return address


@contextlib.asynccontextmanager
async def from_elsewhere(address: str, port: int, token: str, host: str = "") -> AsyncIterator[Client]:
    """A client at that address, welcomed. host: what it says in its Host header, if something else."""
    called = f"[{address}]" if ":" in address else address
    headers = {"Authorization": f"Bearer {token}"}
    uri = f"ws://{host or called}:{port}"
    async with connect(uri, host=address, port=port, additional_headers=headers, proxy=None, compression=None) as door:
        visitor = Client(door)
        await visitor.say(Hello("test"))
        await visitor.hear(Welcome)
        yield visitor


async def refused_with(address: str, port: int, token: str, host: str = "") -> int:
    with pytest.raises(InvalidStatus) as refused:
        async with from_elsewhere(address, port, token, host):
            pass
    return refused.value.response.status_code


@pytest.mark.parametrize("everywhere", ["0.0.0.0", "::"])
@pytest.mark.parametrize("by", ["the one address", "every address"])
@asynchronous
async def test_a_job_from_another_machine(tmp_path: Path, everywhere: str, by: str) -> None:
    address = own_address(everywhere)
    file = tmp_path / "remote token"
    host = everywhere if by == "every address" else address
    async with server(tmp_path, SCRIPTED, host, file) as port:
        token = read_token_file(file)
        async with from_elsewhere(address, port, token) as me:
            await me.submit("far", job())
            assert (await me.hear(Result, "far")).layer
            assert len(await me.layer()) == 8 * 8 * 4
        for wrong in ("", "x" * MIN_TOKEN):
            assert await refused_with(address, port, wrong) == 401
        for name in ("evil.example", "localhost.evil.example", "10.9.8.7"):
            assert await refused_with(address, port, token, name) == 403
        if by == "every address":
            async with from_elsewhere(address, port, token, socket.gethostname()):
                pass


@asynchronous
async def test_krita_on_the_same_machine_finds_a_server_that_listens_everywhere(tmp_path: Path) -> None:
    """By the record and the token of the state folder, as ever."""
    async with server(tmp_path, SCRIPTED, "0.0.0.0", tmp_path / "other") as port:
        record = json.loads((tmp_path / "server.json").read_text())
        assert (record["host"], record["port"]) == ("127.0.0.1", port)
        async with client(port, tmp_path) as me:
            await me.submit("near", job())
            await me.hear(Result, "near")


@asynchronous
async def test_through_a_tunnel_the_file_s_token_serves_too(tmp_path: Path) -> None:
    """As `ssh -L` brings it: to the loopback, with the token that was typed in on the other machine."""
    file = tmp_path / "other"
    async with server(tmp_path, SCRIPTED, "127.0.0.1", file) as port:
        assert read_token_file(file) != read_token(tmp_path)
        async with from_elsewhere("127.0.0.1", port, read_token_file(file)):
            pass


@asynchronous
async def test_the_painter_is_told_what_to_type(tmp_path: Path) -> None:
    address, file = own_address("0.0.0.0"), tmp_path / "remote"
    stop, said = asyncio.Event(), asyncio.Queue[str]()
    running = asyncio.create_task(run(Settings("0.0.0.0", 0, tmp_path, SCRIPTED, file), stop, said.put_nowait))
    port = (await asyncio.wait_for(said.get(), PATIENCE)).split(";")[0].rpartition(":")[2]
    sentence = await asyncio.wait_for(said.get(), PATIENCE)
    stop.set()
    await running
    assert f"at {address}:{port} with the token in {file}." in sentence
    assert "Nothing is encrypted" in sentence
    assert read_token_file(file) not in sentence
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_names_of_a_server_that_listens_everywhere() -> None:
    names = host_names_everywhere("192.168.1.5", 17843)
    here = socket.gethostname().lower()
    for name in ("192.168.1.5", "127.0.0.1", "localhost", here, f"{here}.local"):
        assert {name, f"{name}:17843"} <= names
    assert not {"0.0.0.0", "192.168.1.6", "evil.example"} & names
    assert called_here("0.0.0.0") == called_here("127.0.0.1") == "127.0.0.1"
    assert called_here("::") == "::1"
    assert called_here("192.168.1.5") == called_from_elsewhere("192.168.1.5") == "192.168.1.5"


def test_a_token_has_a_folder_to_lie_in(tmp_path: Path) -> None:
    with pytest.raises(SfumatoError, match=r"There is no folder .*none to keep a token in\. Make it first"):
        read_token_file(tmp_path / "none" / "token")
