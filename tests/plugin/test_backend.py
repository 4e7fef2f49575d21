"""Whose process it is that the docker stops."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from krita_sfumato.backend import STARTED, Backend

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(SLEEP)
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def gone() -> int:
    """The number of a process that is not there any more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def record(home: Path, pid: int) -> None:
    (home / "server.json").write_text(json.dumps({"host": "127.0.0.1", "port": 9, "pid": pid, "version": "0"}))


def test_a_process_that_only_a_stale_record_names_is_left_alone(
    tmp_path: Path, process: subprocess.Popen[bytes]
) -> None:
    record(tmp_path, process.pid)
    backend = Backend(tmp_path, os.environ)
    assert not backend.stop()
    backend.met(process.pid)
    record(tmp_path, process.pid + 1)
    assert not backend.stop()
    time.sleep(0.1)
    assert process.poll() is None


def test_a_backend_that_let_us_in_is_stopped(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    record(tmp_path, process.pid)
    backend = Backend(tmp_path, os.environ)
    backend.met(process.pid)
    backend.stop_ours()
    time.sleep(0.1)
    assert process.poll() is None, "somebody started it by hand: it outlives Krita"
    assert backend.stop()
    process.wait(5)


@pytest.mark.parametrize("which", ["gone", "its number came again", "there"])
def test_a_backend_left_behind_belongs_to_the_next_krita(
    tmp_path: Path, process: subprocess.Popen[bytes], gone: int, which: str
) -> None:
    record(tmp_path, process.pid)
    krita = {"gone": gone, "its number came again": os.getpid(), "there": os.getppid()}[which]
    (tmp_path / STARTED).write_text(json.dumps({"backend": process.pid, "krita": krita}))
    backend = Backend(tmp_path, os.environ)
    backend.met(process.pid)
    backend.stop_ours()
    if which != "there":
        process.wait(5)
    else:
        time.sleep(0.1)
        assert process.poll() is None


def test_what_was_started_is_written_down_and_stopped(tmp_path: Path) -> None:
    (tmp_path / "backend.json").write_text(json.dumps({"command": SLEEP}))
    backend = Backend(tmp_path, os.environ)
    backend.start()
    deadline = time.monotonic() + 5
    while not (tmp_path / STARTED).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    backend._starting.join()
    assert json.loads((tmp_path / STARTED).read_text()) == {"backend": backend._process.pid, "krita": os.getpid()}
    backend.stop_ours()
    backend._process.wait(5)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"backend": "x", "krita": "y"}'])
def test_rubbish_in_the_records(tmp_path: Path, text: str) -> None:
    (tmp_path / STARTED).write_text(text)
    (tmp_path / "server.json").write_text(text)
    backend = Backend(tmp_path, os.environ)
    backend.stop_ours()
    assert not backend.stop()
