from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

from installer.run import Failed, run
from installer.say import Task


def python(code: str, log: Path) -> str:
    with Task("Trying") as task:
        return run([sys.executable, "-c", code], task=task, log=log, what="It")


def test_gives_and_logs_what_the_program_said(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "it.log"
    assert python("print('one'); print('two')", log) == "one\ntwo\n"
    assert "one\ntwo\n" in log.read_text()


def test_failure_is_a_sentence_with_the_reason_and_the_log(tmp_path: Path) -> None:
    log = tmp_path / "it.log"
    with pytest.raises(Failed) as failed:
        python("print('ERROR: no such package'); print('bye'); raise SystemExit(3)", log)
    assert str(failed.value) == f"It failed: ERROR: no such package. The whole output is in {log}."


def test_full_disk_has_a_sentence_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="the disk is full"):
        python("print('[Errno 28] No space left on device'); raise SystemExit(1)", tmp_path / "it.log")


def test_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="could not be started"), Task("Trying") as task:
        run([tmp_path / "nothing"], task=task, log=tmp_path / "it.log", what="It")


def test_interrupt_ends_the_program_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alive = tmp_path / "alive"
    code = f"import time; print('begun', flush=True); time.sleep(30); open({str(alive)!r}, 'w')"
    noted = threading.Event()

    def interrupt(_task: Task, text: str) -> None:
        noted.set()
        raise KeyboardInterrupt

    monkeypatch.setattr(Task, "note", interrupt)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        python(code, tmp_path / "it.log")
    assert noted.is_set()
    assert time.monotonic() - began < 10
    assert not alive.exists()


def test_task_speaks_in_plain_lines_without_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.setattr("installer.say.QUIET", 0.05)
    monkeypatch.setattr("installer.say.PLAIN_EVERY", 0.05)
    with Task("Waiting") as task:
        task.note("for tea")
        time.sleep(0.2)
    said = capsys.readouterr().out
    assert "Waiting ... 0 s  for tea\n" in said
    assert "Waiting: done, 0." in said
    assert "\r" not in said


def test_task_redraws_one_line_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.setattr("installer.say.LIVE_EVERY", 0.02)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with Task("Waiting"):
        time.sleep(0.1)
    said = capsys.readouterr().out
    assert said.count("\r") > 1
    assert said.count("\n") == 1
