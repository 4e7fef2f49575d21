from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from installer import debian
from installer.errors import Stop


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would have been run."""
    commands: list[list[str]] = []
    monkeypatch.setattr(debian, "run", lambda command, **_: commands.append(list(command)))
    return commands


def machine(monkeypatch: pytest.MonkeyPatch, *, programs: tuple[str, ...], root: bool, sudo: bool = False) -> None:
    monkeypatch.setattr(debian.shutil, "which", lambda name: f"/usr/bin/{name}" if name in programs else None)
    monkeypatch.setattr(debian.os, "geteuid", lambda: 0 if root else 1000)
    answer = SimpleNamespace(returncode=0 if sudo else 1, stdout="")
    monkeypatch.setattr(debian.subprocess, "run", lambda *_, **__: answer)


def test_no_apt_is_a_sentence(monkeypatch: pytest.MonkeyPatch, ran: list[list[str]], tmp_path: Path) -> None:
    machine(monkeypatch, programs=(), root=True)
    with pytest.raises(Stop, match="this system has no apt-get"):
        debian.install(["krita"], tmp_path / "log")
    assert ran == []


@pytest.mark.parametrize("programs", [("apt-get",), ("apt-get", "sudo")])
def test_no_rights_is_a_sentence_with_the_one_command(monkeypatch, ran, tmp_path: Path, programs) -> None:
    machine(monkeypatch, programs=programs, root=False)
    with pytest.raises(Stop, match=r"not root.*sudo apt-get install --no-install-recommends krita xvfb"):
        debian.install(["krita", "xvfb"], tmp_path / "log")
    assert ran == []


@pytest.mark.parametrize(("root", "sudo"), [(True, False), (False, True)])
def test_with_rights_it_updates_and_installs(monkeypatch, ran, tmp_path: Path, root: bool, sudo: bool) -> None:
    machine(monkeypatch, programs=("apt-get", "sudo"), root=root, sudo=sudo)
    debian.install(["krita"], tmp_path / "log")
    update, install = ran
    assert update[-1] == "update"
    assert install[-4:] == ["install", "-y", "--no-install-recommends", "krita"]
    assert (install[0] == "sudo") is sudo


def test_missing_asks_dpkg(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "krita installed\nxvfb not-installed\n"
    monkeypatch.setattr(debian.shutil, "which", lambda _: "/usr/bin/dpkg-query")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=said, returncode=1))
    assert debian.missing(["krita", "xvfb", "xdotool"]) == ["xvfb", "xdotool"]


def test_missing_without_dpkg_is_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian.shutil, "which", lambda _: None)
    assert debian.missing(["krita"]) == ["krita"]
