"""A backend on another computer: what is typed in, what is kept, how it is called, and that nothing here is started."""

from __future__ import annotations

import json
import logging
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from krita_sfumato import dial as dialling
from krita_sfumato import remote, sentences
from krita_sfumato.backend import Backend
from krita_sfumato.client import Client
from krita_sfumato.dial import dial
from krita_sfumato.events import Finished, Greeting, Linked, Unlinked
from krita_sfumato.remote import RemoteBackend, Wrong
from plugin.scripted_server import TOKEN, ScriptedServer, Talk
from plugin.test_client import DRAFT, LAYER, WELCOME, Plugin, deliver
from sfumato_wire import Accepted, BlobReceived, NeedBlobs, Submit

# ---------------------------------------------------------------------- what is typed in


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("192.168.1.5:8765", "192.168.1.5:8765"),
        ("  ws://192.168.1.5:8765/ ", "192.168.1.5:8765"),
        ("WS://Studio:1", "studio:1"),
        ("[::1]:65535", "[::1]:65535"),
        ("ws://[fd00::2]:17843", "[fd00::2]:17843"),
        ("big-machine.local:17843", "big-machine.local:17843"),
    ],
)
def test_addresses(said: str, address: str) -> None:
    assert remote.parse(said) == address


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("", sentences.ADDRESS_EMPTY),
        ("ws://", sentences.ADDRESS_EMPTY),
        ("192.168.1.5", "The address needs a port, for example 192.168.1.5:17843."),
        ("studio:", "The address needs a port, for example studio:17843."),
        ("[::1]", "The address needs a port, for example [::1]:17843."),
        ("fd00::2", "The address needs a port, for example [fd00::2]:17843."),
        ("studio:0", "“0” is not a port"),
        ("studio:65536", "“65536” is not a port"),
        ("studio:99999999999999999999", "is not a port"),
        ("studio:http", "“http” is not a port"),
        ("studio:²", "is not a port"),
        ("http://studio:80", "no http://"),
        ("wss://studio:443", "no wss://"),
        ("my studio:80", "is not an address"),
        ("a@studio:80", "is not an address"),
        ("studio/path:80", "is not an address"),
        ("studio\r\nX:80", "is not an address"),
        ("[studio]:80", "is not an address"),
        ("[fe80::1%eth0\r\nX]:80", "is not an address"),
        ("1:2:3", "is not an address"),
        ("300.1.1.1:80", "is not an address"),
        ("0.0.0.0:80", "stands for every computer"),
        ("[::]:80", "stands for every computer"),
    ],
)
def test_what_is_no_address_is_told(said: str, sentence: str) -> None:
    with pytest.raises(Wrong) as wrong:
        remote.parse(said)
    assert sentence in str(wrong.value)


@pytest.mark.parametrize("token", ["", "  ", "two words", "a\nb", "ümlaut", "x" * 5000])
def test_what_is_no_token_is_told_and_nothing_is_changed(tmp_path: Path, token: str) -> None:
    with pytest.raises(Wrong):
        RemoteBackend(tmp_path).choose("studio:80", token)
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------- what is kept


def test_it_is_kept_for_this_user_alone_and_forgotten(tmp_path: Path) -> None:
    there = RemoteBackend(tmp_path / "home")
    assert (there.address, there.is_set, remote.read(tmp_path / "home")) == ("", False, None)
    there.choose("ws://studio:17843", " secret-secret ")
    kept = remote.read(tmp_path / "home")
    assert (kept.address, kept.token, kept.connect) == ("studio:17843", "secret-secret", True)
    assert "secret" not in repr(kept)
    for file in (tmp_path / "home").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
        assert "secret" not in file.read_text() or file.name == remote.TOKEN
    there.disconnect()
    assert (remote.read(tmp_path / "home").connect, there.address) == (False, "studio:17843")
    there.connect()
    assert remote.read(tmp_path / "home").connect
    there.disconnect()
    with pytest.raises(remote.Wrong):
        there.choose("studio:17844")  # one backend's secret is not told to another
    there.choose("studio:17843")
    kept = remote.read(tmp_path / "home")
    assert (kept.address, kept.token, kept.connect) == ("studio:17843", "secret-secret", True), "the token as before"
    there.forget()
    assert (there.address, there.is_set, there.has_token, list((tmp_path / "home").iterdir())) == ("", False, False, [])
    there.connect()
    assert not there.is_set, "there is none to connect to"


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_a_token_that_others_could_read_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / remote.TOKEN).write_text("old")
    (tmp_path / remote.TOKEN).chmod(0o644)
    RemoteBackend(tmp_path).choose("studio:80", "new-token")
    assert stat.S_IMODE((tmp_path / remote.TOKEN).stat().st_mode) == 0o600


def test_a_folder_that_takes_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(Wrong, match="could not be written down"):
        RemoteBackend(tmp_path / "home").choose("studio:80", "token")


@pytest.mark.parametrize(
    "record", ["", "{", "[]", "3", "null", "{}", '{"address": 3}', '{"address": "studio"}', "\xff"]
)
def test_rubbish_in_the_record_is_told_and_nobody_else_is_called(tmp_path: Path, record: str) -> None:
    (tmp_path / remote.RECORD).write_text(record, encoding="latin-1")
    (tmp_path / remote.TOKEN).write_text("token")
    (tmp_path / "server.json").write_text('{"host": "127.0.0.1", "port": 9, "pid": 1}')
    assert dial(tmp_path) == (None, Unlinked("refused", sentences.REMOTE_UNREADABLE))
    there = RemoteBackend(tmp_path)
    assert (there.is_set, there.address) == (True, "")
    there.disconnect()
    there.choose("studio:80", "token")
    assert remote.read(tmp_path).address == "studio:80"


@pytest.mark.parametrize("token", [None, "", "two words", "\xff"])
def test_rubbish_as_the_token_is_told(tmp_path: Path, token: str | None) -> None:
    (tmp_path / remote.RECORD).write_text('{"address": "studio:80"}')
    if token is not None:
        (tmp_path / remote.TOKEN).write_text(token, encoding="latin-1")
    assert dial(tmp_path) == (None, Unlinked("refused", sentences.REMOTE_UNREADABLE))


# ---------------------------------------------------------------------- how it is called


def unused_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_nobody_there(tmp_path: Path) -> None:
    address = f"127.0.0.1:{unused_port()}"
    RemoteBackend(tmp_path).choose(address, "token")
    assert dial(tmp_path) == (None, Unlinked("away", f"Reaching the backend at {address} …"))
    RemoteBackend(tmp_path).disconnect()
    assert dial(tmp_path) == (None, Unlinked("absent", f"Not connected to the backend at {address}."))


def answer(reply: bytes) -> tuple[str, Callable[[], None]]:
    """Something that listens and says the same to everyone; its address, and how to end it."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                caller, _ = listening.accept()
            except OSError:
                return
            with caller:
                if reply:
                    caller.recv(4096)
                    caller.sendall(reply)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()

    def end() -> None:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)

    return f"127.0.0.1:{listening.getsockname()[1]}", end


@pytest.mark.parametrize(
    ("reply", "why", "sentence"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "refused", sentences.REMOTE_REFUSES),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "refused", sentences.REMOTE_OTHER_NAME),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "refused", sentences.REMOTE_FULL),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "refused", sentences.REMOTE_NOT_SFUMATO),
        (
            b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
            "refused",
            sentences.REMOTE_NOT_SFUMATO,
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "refused", sentences.REMOTE_NOT_SFUMATO),
        (b"", "away", sentences.REACHING),
    ],
    ids=["token", "name", "full", "web", "sends elsewhere", "no web", "hangs up"],
)
def test_who_answers_there(tmp_path: Path, reply: bytes, why: str, sentence: str) -> None:
    address, end = answer(reply)
    RemoteBackend(tmp_path).choose(address, "token")
    try:
        assert dial(tmp_path) == (None, Unlinked(why, sentence.format(address=address)))
    finally:
        end()


def test_whoever_does_not_answer_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialling, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        RemoteBackend(tmp_path).choose(address, "token")
        assert dial(tmp_path) == (None, Unlinked("away", f"Reaching the backend at {address} …"))


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Callable[..., ScriptedServer]]:
    """Makes backends on "another computer": with state folders that the plugin does not know."""
    made: list[ScriptedServer] = []

    def make(script: Callable[[Talk, int], None]) -> ScriptedServer:
        made.append(ScriptedServer(tmp_path / f"there {len(made)}", script))
        return made[-1]

    yield make
    for server in made:
        server.stop()
        assert not server.errors


def paint(talk: Talk, _: int) -> None:
    talk.say(WELCOME)
    submit = talk.hear_of(Submit)
    needs = tuple(dict.fromkeys((submit.request.canvas.digest, submit.request.change_map.digest)))
    talk.say(NeedBlobs(submit.job, needs))
    for _ in needs:
        talk.hear_of(BlobReceived)
    talk.say(Accepted(submit.job, 0))
    deliver(talk, submit.job)
    talk.hear()
    talk.hear()


def greet(talk: Talk, _: int) -> None:
    talk.say(WELCOME)
    talk.hear()


def test_an_edit_is_painted_there_and_no_token_is_logged(
    tmp_path: Path, there: Callable[..., ScriptedServer], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = there(paint)
    RemoteBackend(tmp_path / "home").choose(f"127.0.0.1:{server.port}", TOKEN)
    plugin = Plugin(tmp_path / "home")
    assert plugin.until(Greeting).pid == 0, "no process of this computer"
    plugin.client.submit("job", DRAFT)
    assert plugin.until(Finished).data == LAYER
    plugin.client.close()
    assert TOKEN not in "".join(record.getMessage() for record in caplog.records if "client" in record.name)
    assert TOKEN not in "".join(record.getMessage() for record in caplog.records if "krita_sfumato" in record.name)


def test_from_here_to_there_and_back_and_what_was_open_goes_along(
    tmp_path: Path, there: Callable[..., ScriptedServer]
) -> None:
    def begin(talk: Talk, _: int) -> None:
        talk.say(WELCOME)
        talk.say(Accepted(talk.hear_of(Submit).job, 0))
        talk.hear()

    def know_nothing(talk: Talk, number: int) -> None:
        from sfumato_wire import Failed

        talk.say(WELCOME)
        talk.say(Failed("job", "unknown_job", "?"))
        paint(talk, number)

    home = tmp_path / "home"
    here, far = ScriptedServer(home, begin), there(know_nothing)
    plugin, choice = Plugin(home), RemoteBackend(home)
    plugin.until(Linked)
    plugin.client.submit("job", DRAFT)
    until(lambda: plugin.client.is_awaiting())
    choice.choose(f"127.0.0.1:{far.port}", TOKEN)
    plugin.client.redial()
    assert plugin.until(Finished).data == LAYER
    assert far.hellos[0].jobs == ("job",)
    choice.disconnect()
    plugin.client.redial()
    assert plugin.until(Unlinked, lambda event: event.why == "absent").sentence.startswith("Not connected")
    choice.forget()
    plugin.client.redial()
    until(lambda: len(here.hellos) == 2)
    plugin.client.close()
    here.stop()
    assert not here.errors


def test_a_wrong_token_is_told_and_the_right_one_lets_in(tmp_path: Path, there: Callable[..., ScriptedServer]) -> None:
    server = there(greet)
    choice = RemoteBackend(tmp_path / "home")
    choice.choose(f"127.0.0.1:{server.port}", "t" * 39)
    plugin = Plugin(tmp_path / "home")
    assert plugin.until(Unlinked).why == "refused"
    choice.choose(choice.address, TOKEN)
    plugin.client.redial()
    plugin.until(Linked)
    plugin.client.close()


def until(check: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 10
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# ---------------------------------------------------------------------- nothing here is started or stopped


def test_with_a_remote_backend_nothing_here_is_started_or_stopped(tmp_path: Path) -> None:
    began = tmp_path / "began"
    command = [sys.executable, "-c", f"open({str(began)!r}, 'w')"]
    (tmp_path / "backend.json").write_text(json.dumps({"command": command}))
    mine = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (tmp_path / "server.json").write_text(json.dumps({"host": "127.0.0.1", "port": 9, "pid": mine.pid}))
        choice = RemoteBackend(tmp_path)
        choice.choose("studio:80", "token")
        choice.disconnect()
        backend = Backend(tmp_path, os.environ)
        assert backend.command(), "it can be reached without an installation here"
        backend.start()
        assert remote.read(tmp_path).connect
        assert not backend.is_starting_or_running()
        assert backend.failure() == ""
        backend.met(mine.pid)
        assert backend.stop()
        assert not remote.read(tmp_path).connect
        time.sleep(0.2)
        assert mine.poll() is None
        assert not began.exists()
        choice.forget()
        assert backend.command() == command
        assert backend.stop(), "the one here again"
        mine.wait(5)
    finally:
        mine.kill()
        mine.wait()


def test_a_backend_of_ours_ends_with_krita_also_when_another_one_was_chosen_meanwhile(tmp_path: Path) -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    (tmp_path / "backend.json").write_text(json.dumps({"command": sleep}))
    backend = Backend(tmp_path, os.environ)
    backend.start()
    backend._starting.join()
    RemoteBackend(tmp_path).choose("studio:80", "token")
    assert not backend.is_starting_or_running(), "it does not count"
    backend.stop_ours()
    backend._process.wait(5)


def test_the_client_hangs_up_at_once_when_it_waits(tmp_path: Path) -> None:
    """Redial between two attempts: the new address is tried at once."""
    client = Client(tmp_path, lambda: None, "test")
    client.start()
    client.redial()
    client.close()
    client._thread.join(5)
    assert not client._thread.is_alive()
