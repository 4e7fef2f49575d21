"""The documents say what is true: commands exist, links lead somewhere."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import tomllib

import pytest
from house.source import REPOSITORY, text, tracked

from installer import cli

DOCUMENTS = tuple(name for name in tracked() if name.endswith(".md"))
LINK = re.compile(r"\]\(([^)#\s]+)")
SOURCE = re.compile(r'(?:src|href|srcset)="([^"#]+)"')
INSTALLER = re.compile(r"python3 -m installer( [^`\n|#]*)?")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_to_files(name: str) -> None:
    for target in LINK.findall(text(name)) + SOURCE.findall(text(name)):
        if not re.match(r"[a-z]+:", target):
            assert (REPOSITORY / name).parent.joinpath(target).exists(), f"{name} links to {target}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_installer_commands_exist(name: str) -> None:
    for found in INSTALLER.findall(text(name)):
        words = shlex.split(found.split("  ")[0])
        commands = [word for word in words if word in ("demo", "install", "test", "doctor", "uninstall", "package")]
        for command in commands:
            with contextlib.redirect_stdout(io.StringIO()), pytest.raises(SystemExit) as ended:
                cli.main([command, "--help"])
            assert ended.value.code == 0
        assert not words or commands, f"{name}: python3 -m installer {found}"


def test_readme_names_both_commands() -> None:
    assert "python3 -m installer demo" in text("README.md")
    assert "python3 -m installer test" in text("README.md")


def test_changelog_knows_this_version() -> None:
    version = tomllib.loads(text("pyproject.toml"))["project"]["version"]
    assert f"## [{version}]" in text("CHANGELOG.md")


def test_ci_runs_what_a_contributor_runs() -> None:
    assert "python3 -m installer test" in text(".ci/run")
