from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from installer import daily, doctor, krita, places, uninstall
from installer.environment import MARKER, Environment
from installer.errors import Stop


@pytest.fixture(autouse=True)
def quick_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment is a folder with a Python and a marker, and no gigabytes."""

    def make(self: Environment, *, tests: bool = False) -> None:
        self.python.parent.mkdir(parents=True, exist_ok=True)
        self.python.touch()
        (self.folder / MARKER).write_text(json.dumps({"project": "it"}))

    monkeypatch.setattr(Environment, "make", make)


def new_code(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(daily, "source_digest", lambda: name)
    monkeypatch.setattr(doctor, "source_digest", lambda: name)


def everything_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_install_tells_the_plugin_how_to_start_the_backend(home: Path) -> None:
    assert daily.install() == 0
    record = json.loads(krita.backend_record().read_text())
    assert record["command"] == [str(krita.known_backend()), "-m", "sfumato", "serve"]
    assert krita.known_backend() is not None
    assert (home / ".local/share/krita/pykrita/krita_sfumato/host.py").exists()
    assert "enable_krita_sfumato=true" in (home / ".config/kritarc").read_text()


def test_only_this_user_can_read_the_state(home: Path) -> None:
    daily.install()
    assert krita.backend_record().parent.stat().st_mode & 0o777 == 0o700


def test_update_replaces_the_version_before(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_code(monkeypatch, "one")
    daily.install()
    first = krita.known_backend()
    new_code(monkeypatch, "two")
    daily.install()
    assert krita.known_backend() != first
    assert [folder.name for folder in daily.environments(places.data_folder())] == ["environment-two"]


def test_update_that_fails_leaves_the_version_before(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_code(monkeypatch, "one")
    daily.install()
    first = krita.known_backend()

    def full_disk(_: Environment, *, tests: bool = False) -> None:
        raise Stop("The disk is full.")

    new_code(monkeypatch, "two")
    monkeypatch.setattr(Environment, "make", full_disk)
    with pytest.raises(Stop):
        daily.install()
    assert krita.known_backend() == first
    assert first is not None


def test_uninstall_leaves_nothing_but_what_is_not_ours(home: Path) -> None:
    kritarc = home / ".config/kritarc"
    kritarc.parent.mkdir()
    kritarc.write_text("[python]\nenable_other=true\n")
    before = everything_below(home)
    daily.install()
    state = places.state_folder()
    for name in ("token", "server.json"):
        (state / name).write_text("{}")
    (state / "spool").mkdir()
    (state / "spool" / "layer").touch()
    (state / "sketch.kra").touch()
    assert uninstall.uninstall(sure=True) == 0
    (state / "sketch.kra").unlink()
    assert everything_below(home) == before
    assert kritarc.read_text() == "[python]\nenable_other=true\n"
    assert uninstall.uninstall(sure=True) == 0


def test_uninstall_asks(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    daily.install()
    monkeypatch.setattr("builtins.input", lambda _: "n")
    assert uninstall.uninstall(sure=False) == 1
    assert krita.known_backend() is not None

    def nobody(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    with pytest.raises(Stop, match="--yes"):
        uninstall.uninstall(sure=False)


def test_uninstall_waits_for_a_running_backend(home: Path) -> None:
    daily.install()
    with socket.create_server(("127.0.0.1", 0)) as server:
        record = {"host": "127.0.0.1", "port": server.getsockname()[1], "pid": os.getpid(), "version": "0"}
        (places.state_folder() / "server.json").write_text(json.dumps(record))
        with pytest.raises(Stop, match="still running"):
            uninstall.uninstall(sure=True)
    assert krita.known_backend() is not None


@pytest.mark.parametrize("record", ["", "[]", "{}", '{"command": []}', '{"command": [1]}', '{"command": ["/gone"]}'])
def test_broken_record_is_no_backend(home: Path, record: str) -> None:
    krita.backend_record().parent.mkdir(parents=True)
    krita.backend_record().write_text(record)
    assert krita.known_backend() is None


def test_doctor_says_the_next_action(home: Path, monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(krita, "is_here", lambda: True)
    monkeypatch.setattr(doctor, "venv_works", lambda: True)
    new_code(monkeypatch, "one")
    assert doctor.doctor() == 1
    assert "Run: python3 -m installer install" in capsys.readouterr().out
    daily.install()
    capsys.readouterr()
    assert doctor.doctor() == 0
    assert "All is well." in capsys.readouterr().out
    new_code(monkeypatch, "two")
    assert doctor.doctor() == 1
    assert "(an update)" in capsys.readouterr().out
