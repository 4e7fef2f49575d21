from __future__ import annotations

import sys

import pytest

from installer import __main__ as entry
from installer import cli
from installer.errors import Stop

COMMANDS = ("demo", "test", "install", "doctor", "uninstall", "package")


def test_alone_it_prints_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    said = capsys.readouterr().out
    assert all(f"\n    {command}" in said for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert len(capsys.readouterr().out) > 100


@pytest.mark.parametrize(
    ("command", "function"),
    [
        ("demo", "demo.command.demo"),
        ("test", "checks.test"),
        ("install", "daily.install"),
        ("doctor", "doctor.doctor"),
        ("uninstall", "uninstall.uninstall"),
        ("package", "package.package"),
    ],
)
def test_every_command_does_its_own(command: str, function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr(f"installer.{function}", lambda *_, **__: called.append(command) or 7)
    assert cli.main([command]) == 7
    assert called == [command]


def test_unknown_command_names_the_known(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["paint"])
    assert ended.value.code == 2
    assert "demo" in capsys.readouterr().err


def test_what_follows_the_dashes_goes_to_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[list[str]] = []
    monkeypatch.setattr("installer.checks.test", lambda arguments: given.append(arguments) or 0)
    assert cli.main(["test", "--", "tests/wire", "-k", "limits"]) == 0
    assert given == [["tests/wire", "-k", "limits"]]
    with pytest.raises(SystemExit):
        cli.main(["demo", "--", "tests"])


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [(Stop("The disk is full."), 1, "The disk is full."), (KeyboardInterrupt(), 130, cli.STOPPED)],
)
def test_every_end_is_one_sentence(error: BaseException, code: int, sentence: str, monkeypatch, capsys) -> None:
    def fail() -> int:
        raise error

    monkeypatch.setattr("installer.demo.command.demo", fail)
    assert cli.main(["demo"]) == code
    assert capsys.readouterr().err.strip() == sentence


def test_old_python_gets_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    assert entry.start() == 1
    assert capsys.readouterr().err.startswith("Sfumato needs Python 3.11 or newer; this is 3.9.2.")


def test_what_the_system_refuses_is_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> int:
        raise PermissionError(13, "Permission denied", "/checkout/.sfumato")

    monkeypatch.setattr("installer.doctor.doctor", refuse)
    assert cli.main(["doctor"]) == 1
    assert "/checkout/.sfumato: permission denied. Mend that" in capsys.readouterr().err
