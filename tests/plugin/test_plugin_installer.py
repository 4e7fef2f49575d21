"""The plugin into Krita's folders and into a zip; and what is in it."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from krita.harness import REPOSITORY, installer

PLUGIN = installer()


def test_install_enable_replace_and_remove(tmp_path: Path) -> None:
    resources, config = tmp_path / "data" / "krita", tmp_path / "config"
    config.mkdir()
    rc = config / "kritarc"
    rc.write_text("[General]\ncolour=grey\n\n[python]\nenable_other=true\nenable_krita_sfumato=false\n\n[x]\ny=1\n")
    target = PLUGIN.install_plugin(resources, config)
    assert (target / "vendor" / "sfumato_wire" / "connection.py").exists()
    assert (target / "vendor" / "websockets" / "LICENSE").exists()
    assert (resources / "pykrita" / "krita_sfumato.desktop").exists()
    text = rc.read_text()
    assert text.count("enable_krita_sfumato") == 1
    assert "[python]\nenable_krita_sfumato=true\nenable_other=true\n" in text
    assert text.startswith("[General]\ncolour=grey\n")
    assert "[x]\ny=1" in text
    (target / "left_over.py").write_text("")
    PLUGIN.install_plugin(resources, config)
    assert not (target / "left_over.py").exists()
    assert [path.name for path in (resources / "pykrita").iterdir() if path.name.startswith(".")] == []
    assert rc.read_text() == text
    PLUGIN.remove_plugin(resources, config)
    assert PLUGIN.plugin_files(resources) == []
    assert "krita_sfumato" not in rc.read_text()
    assert "enable_other=true" in rc.read_text()


def test_install_into_a_krita_that_never_ran(tmp_path: Path) -> None:
    PLUGIN.install_plugin(tmp_path / "a" / "krita", tmp_path / "b")
    assert (tmp_path / "b" / "kritarc").read_text() == "[python]\nenable_krita_sfumato=true\n"


def test_the_zip_is_what_kritas_importer_wants(tmp_path: Path) -> None:
    first = PLUGIN.package_zip(tmp_path / "one.zip")
    second = PLUGIN.package_zip(tmp_path / "two.zip")
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        names = archive.namelist()
    assert "krita_sfumato.desktop" in names
    assert "krita_sfumato/" in names  # Krita's importer looks for the folder's own entry
    assert "krita_sfumato/__init__.py" in names
    assert "krita_sfumato/vendor/sfumato_wire/__init__.py" in names
    assert not [name for name in names if "__pycache__" in name or name.endswith((".so", ".pyd", ".c"))]


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, (".local/share/krita", ".config")),
        ("win32", {"APPDATA": "R", "LOCALAPPDATA": "L"}, ("R/krita", "L")),
        ("darwin", {}, ("Library/Application Support/krita", "Library/Preferences")),
    ],
)
def test_kritas_folders(
    platform: str,
    environment: dict[str, str],
    expected: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    assert PLUGIN.krita_folders() == tuple(tmp_path / part for part in expected)


def test_the_plugin_does_nothing_outside_of_krita_and_needs_nothing(tmp_path: Path) -> None:
    """A bare Python imports it, and the client with its vendored parts from inside the package."""
    target = PLUGIN.install_plugin(tmp_path, tmp_path)
    code = (
        "import sys; import krita_sfumato, krita_sfumato.client, krita_sfumato.controller, krita_sfumato.backend;"
        "assert 'websockets' not in sys.modules and 'sfumato_wire' not in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(target.parent)!r}); {code}"], check=True
    )


def test_python_3_10_can_read_it() -> None:
    files = [*(REPOSITORY / "krita_plugin").rglob("*.py"), *(REPOSITORY / "shared" / "sfumato_wire").rglob("*.py")]
    assert len(files) > 30
    for file in files:
        ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 10))


def test_kritarc_keeps_every_byte_of_the_others(tmp_path: Path) -> None:
    """Also what is no UTF-8, what looks like a line's end to Python only, and where it really lies."""
    config = tmp_path / "config"
    config.mkdir()
    old = b"[theme]\nname=caf\xe9\nquote=one\xe2\x80\xa8line\r\n\n[python]\nenable_other=true\n"
    (tmp_path / "real").write_bytes(old)
    (config / "kritarc").symlink_to(tmp_path / "real")
    PLUGIN.install_plugin(tmp_path / "resources", config)
    assert (config / "kritarc").is_symlink()
    new = (tmp_path / "real").read_bytes()
    assert new == old.replace(b"[python]\n", b"[python]\nenable_krita_sfumato=true\n")
