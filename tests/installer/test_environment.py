from __future__ import annotations

import json
from pathlib import Path

import pytest

from installer import environment as module
from installer import lock, machine, places
from installer.environment import MARKER, Environment
from installer.errors import Stop
from installer.run import Failed


class Pip:
    """Stands for venv and pip: says what it was asked, and makes the Python."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self.fail: str | None = None

    def __call__(self, command: list[object], **_: object) -> str:
        words = [str(word) for word in command]
        said = " ".join(words)
        self.asked.append(said)
        if "venv" in words:
            places.python_in(self.folder).parent.mkdir(parents=True)
            places.python_in(self.folder).touch()
        if self.fail and self.fail in said:
            raise KeyboardInterrupt
        return ""

    def count(self, word: str) -> int:
        return sum(word in said for said in self.asked)


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pip:
    fake = Pip(tmp_path / "env")
    monkeypatch.setattr(module, "run", fake)
    monkeypatch.setattr(machine, "wants_cpu_torch", lambda: True)
    monkeypatch.setattr(machine, "free_space", lambda _: 100 * machine.GIB)
    return fake


@pytest.fixture
def env(pip: Pip, tmp_path: Path) -> Environment:
    return Environment(pip.folder, tmp_path / "log")


def test_second_time_nothing_is_done(env: Environment, pip: Pip) -> None:
    env.make(tests=True)
    assert env.is_ready
    assert pip.count("-m venv") == pip.count("lock-test.txt") == pip.count("-e ") == 1
    asked = len(pip.asked)
    env.make(tests=True)
    assert len(pip.asked) == asked


def test_tests_are_added_to_what_is_there(env: Environment, pip: Pip) -> None:
    env.make()
    assert pip.count("lock-test.txt") == 0
    env.make(tests=True)
    assert pip.count("-m venv") == pip.count("lock-test.txt") == 1


@pytest.mark.parametrize("killed_at", ["-m venv", "lock.txt", "torch==", "-e ", "lock-test.txt"])
def test_killed_installation_is_made_anew(env: Environment, pip: Pip, killed_at: str) -> None:
    pip.fail = killed_at
    with pytest.raises(KeyboardInterrupt):
        env.make(tests=True)
    assert not env.is_ready
    half = pip.folder / "half a package"
    half.touch()
    pip.fail = None
    env.make(tests=True)
    assert env.is_ready
    assert not half.exists()
    assert pip.count("-m venv") == 2


def test_new_lock_makes_it_anew(env: Environment, pip: Pip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env.make()
    changed = tmp_path / "lock.txt"
    changed.write_text(places.LOCK.read_text() + "\n")
    monkeypatch.setattr(module, "LOCK", changed)
    env.make()
    assert pip.count("-m venv") == 2


def test_moved_folder_makes_it_anew(env: Environment, pip: Pip, tmp_path: Path) -> None:
    env.make()
    moved = tmp_path / "moved"
    pip.folder.rename(moved)
    pip.folder = moved
    Environment(moved, tmp_path / "log").make()
    assert pip.count("-m venv") == 2


def test_marker_that_cannot_be_read_is_no_marker(env: Environment, pip: Pip) -> None:
    env.make()
    (pip.folder / MARKER).write_text("{")
    assert not env.is_ready
    env.make()
    assert env.is_ready
    assert pip.count("-m venv") == 2


def test_removing_takes_the_marker_first(env: Environment, pip: Pip, monkeypatch: pytest.MonkeyPatch) -> None:
    env.make()

    def power_cut(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module.shutil, "rmtree", power_cut)
    with pytest.raises(KeyboardInterrupt):
        module.remove(pip.folder)
    assert not env.is_ready


def test_copied_code_names_itself(pip: Pip, tmp_path: Path) -> None:
    Environment(pip.folder, tmp_path / "log", source="abc").make()
    assert pip.count("-e ") == 0
    assert pip.asked[-2].endswith(str(places.CHECKOUT))
    Environment(pip.folder, tmp_path / "log", source="abc").make()
    assert pip.count(f"isolation {places.CHECKOUT}") == 1


def test_too_little_disk_says_both_numbers(env: Environment, pip: Pip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "free_space", lambda _: machine.GIB // 2)
    with pytest.raises(Stop, match=r"needs 2\.0 GiB of disk, and 0\.5 GiB are free"):
        env.make()
    assert pip.asked == []


def test_packages_are_installed_with_their_digests(env: Environment, pip: Pip) -> None:
    env.make()
    chosen = (pip.folder / "lock.txt").read_text()
    assert chosen == lock.without_torch(places.LOCK)
    assert sum("--require-hashes" in said for said in pip.asked) == 1
    assert pip.asked[2].endswith(f"torch=={lock.torch_version(places.LOCK)}+cpu")


def test_without_a_cpu_build_the_default_comes_with_a_sentence(env, pip, monkeypatch, capsys) -> None:
    def no_cpu(command: list[object], **kind: object) -> str:
        if str(command[-1]).endswith("+cpu"):
            raise Failed("pip failed.", "ERROR: No matching distribution found for torch")
        return Pip.__call__(pip, command, **kind)

    monkeypatch.setattr(module, "run", no_cpu)
    env.make()
    assert "SFUMATO_TORCH_INDEX" in capsys.readouterr().out
    assert pip.count(f"--require-hashes -r {places.LOCK}") == 1


@pytest.mark.parametrize("said", ["timed out", "No matching distribution found (from versions: none)"])
def test_torch_that_fails_otherwise_is_told(env: Environment, pip: Pip, said: str, monkeypatch) -> None:
    def broken(command: list[object], **kind: object) -> str:
        if str(command[-1]).endswith("+cpu"):
            raise Failed("pip failed: the network is down.", said)
        return Pip.__call__(pip, command, **kind)

    monkeypatch.setattr(module, "run", broken)
    with pytest.raises(Failed, match="the network is down"):
        env.make()
    assert not env.is_ready


def test_graphics_card_takes_the_default_build(env: Environment, pip: Pip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "wants_cpu_torch", lambda: False)
    env.make()
    assert pip.count("+cpu") == 0
    assert pip.count(f"--require-hashes -r {places.LOCK}") == 1


def test_named_index_is_asked_for_torch(env: Environment, pip: Pip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFUMATO_TORCH_INDEX", "https://torch.example/cpu")
    env.make()
    version = lock.torch_version(places.LOCK)
    assert pip.count(f"--extra-index-url https://torch.example/cpu torch=={version}") == 1


def test_venv_is_fetched_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[list[str]] = []
    monkeypatch.setattr(module, "venv_works", lambda: bool(fetched))
    monkeypatch.setattr(module.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(module.debian, "install", lambda packages, _: fetched.append(packages))
    module.require_venv(tmp_path / "log")
    assert fetched == [["python3-venv"]]


def test_venv_that_stays_missing_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "venv_works", lambda: False)
    monkeypatch.setattr(module.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(module.debian, "install", lambda *_: None)
    with pytest.raises(Stop, match=r"sudo apt-get install python3\.\d+-venv"):
        module.require_venv(tmp_path / "log")
    monkeypatch.setattr(module.shutil, "which", lambda _: None)
    with pytest.raises(Stop, match="Install a complete Python"):
        module.require_venv(tmp_path / "log")


def test_a_write_is_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record.json"
    module.write_whole(path, json.dumps(1))

    def power_cut(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module.os, "fsync", power_cut)
    with pytest.raises(KeyboardInterrupt):
        module.write_whole(path, json.dumps(2))
    assert path.read_text() == "1"
