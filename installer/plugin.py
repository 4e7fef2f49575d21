"""The Krita plugin: into a Krita's folders, or into a zip for Krita's own importer. Standard library only."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

NAME = "krita_sfumato"
REPOSITORY = Path(__file__).resolve().parent.parent
SOURCE = REPOSITORY / "krita_plugin"
WIRE = REPOSITORY / "shared" / "sfumato_wire"
_LEAVE_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "sfumato_wire")
_ENABLED = f"enable_{NAME}"


def krita_folders() -> tuple[Path, Path]:
    """This user's folder of Krita's resources, and the one that holds kritarc."""
    home = Path.home()
    if sys.platform == "win32":
        roaming = Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming")
        local = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
        return roaming / "krita", local
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "krita", home / "Library" / "Preferences"
    flatpak = home / ".var" / "app" / "org.kde.krita"
    if flatpak.is_dir() and shutil.which("krita") is None:
        return flatpak / "data" / "krita", flatpak / "config"
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return data / "krita", Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")


def install_plugin(resource_folder: Path, config_folder: Path) -> Path:
    """Copies the plugin and the wire into Krita's resources and enables it. An older version is replaced as a whole."""
    pykrita = resource_folder / "pykrita"
    pykrita.mkdir(parents=True, exist_ok=True)
    target = pykrita / NAME
    with tempfile.TemporaryDirectory(prefix=f".{NAME}-", dir=pykrita) as temporary:
        fresh, old = Path(temporary) / "fresh", Path(temporary) / "old"
        _assemble(fresh)
        if target.exists():
            target.rename(old)
        try:
            fresh.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
    shutil.copyfile(SOURCE / f"{NAME}.desktop", pykrita / f"{NAME}.desktop")
    _write_setting(config_folder / "kritarc", "true")
    return target


def remove_plugin(resource_folder: Path, config_folder: Path) -> None:
    """Undoes `install_plugin`; what is not there is no error."""
    for path in plugin_files(resource_folder):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    if (config_folder / "kritarc").exists():
        _write_setting(config_folder / "kritarc", None)


def plugin_files(resource_folder: Path) -> list[Path]:
    """What of the plugin lies in Krita's resources."""
    pykrita = resource_folder / "pykrita"
    return [path for path in (pykrita / NAME, pykrita / f"{NAME}.desktop") if path.exists()]


def package_zip(path: Path) -> Path:
    """A zip for Tools > Scripts > Import Python Plugin. The same sources give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        tree = Path(temporary)
        _assemble(tree / NAME)
        shutil.copyfile(SOURCE / f"{NAME}.desktop", tree / f"{NAME}.desktop")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for entry in sorted(tree.rglob("*")):
                # Krita's importer looks for folders by their own entries: a zip of files alone has "no plugins".
                name = entry.relative_to(tree).as_posix() + ("/" if entry.is_dir() else "")
                info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
                info.external_attr = (0o40755 << 16 | 0x10) if entry.is_dir() else 0o100644 << 16
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, b"" if entry.is_dir() else entry.read_bytes())
    return path


def _assemble(target: Path) -> None:
    """The plugin with the wire that it shares with the backend."""
    shutil.copytree(SOURCE / NAME, target, ignore=_LEAVE_OUT)
    shutil.copytree(WIRE, target / "vendor" / "sfumato_wire", ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    license_file = REPOSITORY / "LICENSE"
    if license_file.exists():
        shutil.copyfile(license_file, target / "LICENSE")


def _write_setting(kritarc: Path, value: str | None) -> None:
    """Sets or removes our line in [python]; everything else in kritarc stays as it is."""
    kritarc = kritarc.resolve()  # where it is a link, the file behind it is meant
    # Byte for byte: other programs' lines may hold anything, and only \n ends a line.
    old = ""
    if kritarc.exists():
        with kritarc.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            old = file.read()
    lines = [line for line in old.removesuffix("\n").split("\n") if line.partition("=")[0].strip() != _ENABLED]
    lines = [] if lines == [""] else lines
    if value is not None:
        setting = f"{_ENABLED}={value}"
        if "[python]" in lines:
            lines.insert(lines.index("[python]") + 1, setting)
        else:
            lines += ["", "[python]", setting] if lines else ["[python]", setting]
    kritarc.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=".kritarc-", dir=kritarc.parent)
    try:
        with open(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write("\n".join(lines) + "\n")
        if kritarc.exists():
            shutil.copymode(kritarc, temporary)
        Path(temporary).replace(kritarc)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
