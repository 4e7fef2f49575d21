"""The server as a process of its own: what it prints and imports, how it ends, and what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from server.harness import PATIENCE, SCRIPTED, asynchronous, client, job
from sfumato.server.home import Record, read_record, read_token, write_record
from sfumato_wire import Progress, Result

# `serve` with the scripted worker, and a look at what was imported once it has been in use.
SERVE = """
import sys
from sfumato.server import main
main.Settings.__init__.__defaults__ = ({worker!r}, None)
code = main.serve("127.0.0.1", {port})
heavy = {{"torch", "numpy", "PIL", "diffusers"}} & set(sys.modules)
print("imported", sorted(heavy), flush=True)
sys.exit(code)
"""


@contextmanager
def process(home: Path, port: int = 0, worker: tuple[str, ...] = SCRIPTED) -> Iterator[subprocess.Popen[str]]:
    """`serve` in a process of its own."""
    environment = {**os.environ, "SFUMATO_HOME": str(home)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-c", SERVE.format(worker=worker, port=port)]
    with subprocess.Popen(command, env=environment, text=True, **pipes) as running:  # type: ignore[call-overload]
        try:
            yield running
        finally:
            running.kill()


def listening(running: subprocess.Popen[str]) -> int:
    assert running.stdout is not None
    line = running.stdout.readline()
    assert line.startswith("Sfumato listens on 127.0.0.1:"), line
    return int(line.split(":")[1].split(";")[0])


def gone(pid: int) -> bool:
    """Whether a process ends within our patience; a zombie has ended."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


async def paint(port: int, home: Path) -> int:
    """One job; gives the worker's process id."""
    async with client(port, home) as me:
        await me.submit("a", job())
        pid: int = (await me.hear(Result)).report["pid"]
        return pid


linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")


@linux
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
@asynchronous
async def test_a_life(tmp_path: Path, end: signal.Signals) -> None:
    with process(tmp_path) as running:
        port = listening(running)
        assert running.stdout is not None
        record = json.loads((tmp_path / "server.json").read_text())
        assert {"host": "127.0.0.1", "port": port, "pid": running.pid}.items() <= record.items()
        worker = await paint(port, tmp_path)
        assert read_token(tmp_path) not in Path(f"/proc/{running.pid}/cmdline").read_text()
        running.send_signal(end)
        out, err = running.communicate(timeout=PATIENCE)
        assert running.returncode == 0
        ready, imported = out.splitlines()
        assert ready.startswith("The painting process is ready after ")
        assert imported == "imported []"
        assert err == ""
    assert gone(worker)
    assert not (tmp_path / "server.json").exists()
    logs = "".join(path.read_text() for path in (tmp_path / "logs").iterdir())
    assert read_token(tmp_path) not in logs


@linux
@asynchronous
async def test_no_orphan_after_the_server_was_killed_in_the_middle_of_a_job(tmp_path: Path) -> None:
    with process(tmp_path) as running:
        port = listening(running)
        worker = await paint(port, tmp_path)
        async with client(port, tmp_path) as me:
            await me.submit("b", job("slow", steps=900))
            await me.hear(Progress)
            running.kill()
            running.wait()
            assert gone(worker)
    assert read_record(tmp_path) is None, "the record is there, its process is not"


def test_a_second_server_says_where_the_first_one_is(tmp_path: Path) -> None:
    """On the same port or another one: with one state folder, the first would become undiscoverable."""
    with process(tmp_path) as first:
        port = listening(first)
        cases = (
            (tmp_path, port, "already running"),
            (tmp_path, 0, "already running"),
            (tmp_path / "b", port, "another"),
        )
        for home, asked, words in cases:
            with process(home, asked) as second:
                out, err = second.communicate(timeout=PATIENCE)
                assert second.returncode == 1
                assert out == "imported []\n"
                assert words in err
                assert str(port) in err
                assert err.count("\n") == 1
        record = read_record(tmp_path)
        assert record is not None
        assert record.pid == first.pid
    assert read_record(tmp_path) is None


def test_records(tmp_path: Path) -> None:
    assert read_record(tmp_path) is None
    for text in ("", "{}", "[]", "null", '{"host": "h", "port": 1, "pid": "x", "version": ""}', "\x00"):
        (tmp_path / "server.json").write_text(text)
        assert read_record(tmp_path) is None, text
    for pid, alive in ((os.getpid(), True), (2**31 - 1, False), (2**99, False), (0, False), (-1, False)):
        record = Record("127.0.0.1", 1, pid, "0")
        write_record(tmp_path, record)
        assert (read_record(tmp_path) == record) is alive, pid
