"""Who may come in: real handshakes, on a raw socket where a client library would not say such things."""

import asyncio
import contextlib
import os
import stat
from pathlib import Path

import pytest
from server.harness import Client, asynchronous, client, door, job, server
from sfumato.errors import SfumatoError
from sfumato.server.door import check_exposure, host_names, refusal
from sfumato.server.home import MIN_TOKEN, open_home, read_token
from sfumato.server.main import MAX_CONNECTIONS, Settings, run
from sfumato_wire import Hello, Refused, Result, Submit, Welcome
from sfumato_wire.limits import MAX_MESSAGE
from sfumato_wire.messages import PROTOCOL_VERSION
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidStatus

TOKEN = "t" * MIN_TOKEN
HOSTS = host_names("127.0.0.1", 17843)

ORIGINS = [
    [("Origin", "http://evil.example")],
    [("Origin", "null")],
    [("oRiGiN", "null")],
    [("Origin", "")],
    [("Origin", "http://127.0.0.1:17843")],
    [("Origin", "http://localhost"), ("Origin", "http://localhost")],
    [("Origin", "file://")],
]
GOOD_HOSTS = ["127.0.0.1:17843", "127.0.0.1", "localhost", "localhost:17843", "LOCALHOST:17843", "[::1]:17843", "[::1]"]
BAD_HOSTS = [
    "",
    ":17843",
    "evil.example",
    "evil.example:17843",
    "localhost.evil.example",
    "localhost.",
    "127.0.0.1.",
    "127.0.0.1:1",
    "127.0.0.1:17843:17843",
    "[::ffff:127.0.0.1]",
    "::1",
    "0.0.0.0:17843",
    "127.0.0.1@evil.example",
    "127.1",
    "2130706433",
    " 127.0.0.1",
]
BAD_TOKENS = [None, "", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN, f"Basic {TOKEN}"]


def knock(host: str | None = "127.0.0.1", given: str | None = f"Bearer {TOKEN}", path: str = "/") -> int | None:
    headers = Headers()
    if host is not None:
        headers["Host"] = host
    if given is not None:
        headers["Authorization"] = given
    status = refusal(path, headers, HOSTS, [TOKEN])
    return None if status is None else int(status)


def test_the_table() -> None:
    for host in GOOD_HOSTS:
        assert knock(host) is None, host
    for host in BAD_HOSTS:
        assert knock(host) == 403, host
    assert knock(host=None) == 403
    for given in BAD_TOKENS:
        assert knock(given=given) == 401, given
    assert knock(path=f"/?token={TOKEN}") == 404
    for extra in ORIGINS:
        headers = Headers([("Host", "127.0.0.1"), ("Authorization", f"Bearer {TOKEN}"), *extra])
        assert refusal("/", headers, HOSTS, [TOKEN]) == 403, extra
    for name, value in (("Host", "localhost"), ("Authorization", f"Bearer {TOKEN}")):
        twice = Headers([("Host", "127.0.0.1"), ("Authorization", f"Bearer {TOKEN}"), (name, value)])
        assert refusal("/", twice, HOSTS, [TOKEN]) is not None, f"two {name} headers"


def test_hosts_are_listed_on_other_addresses_too() -> None:
    names = host_names("192.168.1.5", 17843)
    assert "192.168.1.5:17843" in names
    assert "evil.example:17843" not in names


async def status_of(port: int, *headers: str) -> int:
    """What a raw handshake with exactly these headers is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    fixed = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    lines = ["GET / HTTP/1.1", *fixed, key, "Sec-WebSocket-Extensions: permessage-deflate", *headers, "", ""]
    writer.write("\r\n".join(lines).encode())
    answer = (await reader.readuntil(b"\r\n\r\n")).decode()
    writer.close()
    await writer.wait_closed()
    assert "permessage-deflate" not in answer
    return int(answer.split()[1])


@asynchronous
async def test_real_handshakes(tmp_path: Path) -> None:
    async with server(tmp_path) as port:
        host, given = f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {read_token(tmp_path)}"
        assert await status_of(port, host, given) == 101
        for extra in ORIGINS:
            assert await status_of(port, host, given, *(f"{name}: {value}" for name, value in extra)) == 403
        for bad in ("evil.example", "localhost.evil.example", f"evil.example:{port}"):
            assert await status_of(port, f"Host: {bad}", given) == 403
        assert await status_of(port, host) == 401
        assert await status_of(port, host, "Authorization: Bearer " + "x" * 43) == 401
        assert await status_of(port, host, "Authorization: Bearer \u00ff" + "x" * 43) in (400, 401)
        assert await status_of(port, host, host, given) == 403


@asynchronous
async def test_only_so_many_may_be_inside(tmp_path: Path) -> None:
    async with server(tmp_path) as port, asyncio.TaskGroup() as group:
        leave = asyncio.Event()
        inside = asyncio.Semaphore(0)

        async def stay() -> None:
            async with door(port, tmp_path):
                inside.release()
                await leave.wait()

        for _ in range(MAX_CONNECTIONS):
            group.create_task(stay())
        for _ in range(MAX_CONNECTIONS):
            await inside.acquire()
        with pytest.raises(InvalidStatus) as refused:
            async with door(port, tmp_path):
                pass
        assert refused.value.response.status_code == 503
        leave.set()


async def close_code(me: Client) -> int | None:
    with contextlib.suppress(ConnectionClosed):
        while True:
            await me.socket.recv()
    return me.socket.close_code


@asynchronous
async def test_whoever_breaks_the_rules_is_sent_away_with_a_sentence_and_keeps_its_jobs(tmp_path: Path) -> None:
    nonsense = [b"\xff" * 8, b"\x00\x00\x00\x02\x00\x00\x00\x00[]", b"\x00\x00\x00\x00\x7f\xff\xff\xff", "a text"]
    async with server(tmp_path) as port:
        for words in nonsense:
            async with client(port, tmp_path) as me:
                await me.submit("kept", job("slow"))
                await me.socket.send(words)
                refused = await me.hear(Refused)
                assert refused.code == "protocol"
                assert "Traceback" not in refused.sentence
                assert await close_code(me) == 1002
        async with client(port, tmp_path) as me:
            await me.submit("kept", job("slow"))
            await me.hear(Result)
            await me.socket.send(bytes(MAX_MESSAGE + 1))
            assert await close_code(me) == 1009
        async with client(port, tmp_path) as me:
            await me.submit("b", job("slow"))
            await me.say(Submit("b", job("another prompt")[0]))
            assert "id" in (await me.hear(Refused)).sentence


@pytest.mark.parametrize(
    ("low", "high", "who"),
    [(0, PROTOCOL_VERSION - 1, "plugin"), (PROTOCOL_VERSION + 1, PROTOCOL_VERSION + 2, "backend")],
)
@asynchronous
async def test_version_skew_says_what_to_update(tmp_path: Path, low: int, high: int, who: str) -> None:
    async with server(tmp_path) as port, door(port, tmp_path) as socket:
        me = Client(socket)
        await me.say(Hello("test", low, high))
        refused = await me.hear(Refused)
        assert refused.code == "version"
        assert who in refused.sentence.partition("update")[2]
        assert not any(isinstance(event, Welcome) for event in me.heard)


def test_the_token_is_made_once_and_for_this_user_alone(tmp_path: Path) -> None:
    home = open_home({"SFUMATO_HOME": str(tmp_path / "deep" / "home")})
    token = read_token(home)
    assert len(token) >= MIN_TOKEN
    assert read_token(home) == token
    assert [path.name for path in home.iterdir()] == ["token"]
    if os.name == "posix":
        assert stat.S_IMODE((home / "token").stat().st_mode) == 0o600
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        (home / "token").chmod(0o640)
        with pytest.raises(SfumatoError, match="Others can read"):
            read_token(home)
        home.chmod(0o775)
        assert stat.S_IMODE(open_home({"SFUMATO_HOME": str(home)}).stat().st_mode) == 0o755
        home.chmod(0o777)
        with pytest.raises(SfumatoError, match="chmod"):
            open_home({"SFUMATO_HOME": str(home)})


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 40])
def test_a_token_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    (tmp_path / "token").chmod(0o600)
    with pytest.raises(SfumatoError, match="delete it"):
        read_token(tmp_path)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "studio.example"])
def test_other_machines_need_a_token_of_their_own(host: str) -> None:
    for token in ("", "short"):
        with pytest.raises(SfumatoError, match="other machines"):
            check_exposure(host, token)


def test_this_machine_needs_no_other_token() -> None:
    for host in ("127.0.0.1", "::1", "localhost", "127.9.9.9"):
        check_exposure(host, "")
    for host in ("192.168.1.5", "0.0.0.0", "::", "studio.example"):
        check_exposure(host, TOKEN)
    with pytest.raises(SfumatoError, match="Name the address"):
        check_exposure("", TOKEN)


@asynchronous
async def test_an_exposed_server_does_not_start_without_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SFUMATO_TOKEN", raising=False)
    with pytest.raises(SfumatoError):
        await run(Settings("0.0.0.0", 0, tmp_path), asyncio.Event(), print)
