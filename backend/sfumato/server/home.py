"""The state folder: the token and the record by which clients on this machine find the server."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from sfumato_wire.rendezvous import SERVER_RECORD, TOKEN, state_folder

from sfumato.errors import SfumatoError

MIN_TOKEN = 32  # characters; of hex digits that is 128 bits


@dataclass(frozen=True)
class Record:
    """What server.json says of a running server."""

    host: str
    port: int
    pid: int
    version: str


def open_home(environ: Mapping[str, str]) -> Path:
    """The state folder, made for this user alone when it is not there yet."""
    home = Path(state_folder(environ, sys.platform, os.path.expanduser("~")))
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = home.stat()
        if os.name == "posix" and status.st_uid == os.geteuid() and not status.st_mode & stat.S_IWOTH:
            # Installer or plugin may have made it first, and some systems give a user's group the right to write.
            home.chmod(stat.S_IMODE(status.st_mode) & ~stat.S_IWGRP)
        mode = home.stat().st_mode
    except OSError as error:
        raise SfumatoError("home", f"The folder {home} cannot be used: {error.strerror}.") from None
    if os.name == "posix" and mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SfumatoError("home", f"Others may write into {home}: make it yours alone with 'chmod 700 {home}'.")
    return home


def read_token(home: Path) -> str:
    """The bearer token; made on the first start."""
    return read_token_file(home / TOKEN)


def read_token_file(path: Path) -> str:
    """The token in a file that this user alone can read; both are made where there is none. Raises SfumatoError."""
    if not path.parent.is_dir():
        raise SfumatoError("token", f"There is no folder {path.parent} to keep a token in. Make it first.")
    try:
        if not path.exists():
            _create(path, secrets.token_urlsafe(32).encode())
        flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # a pipe would never come to an end
        descriptor = os.open(path, os.O_RDONLY | flags)
        with open(descriptor, encoding="ascii") as file:
            status = os.fstat(descriptor)
            token = file.read(4096).strip()
    except (OSError, ValueError):
        raise SfumatoError("token", f"The token in {path} cannot be read: delete it and start again.") from None
    if os.name == "posix" and (status.st_mode & 0o077 or status.st_uid != os.geteuid()):
        raise SfumatoError("token", f"Others can read the token in {path}: delete it, a new one is made at the start.")
    if len(token.split()) > 1 or not token.isprintable():
        raise SfumatoError("token", f"{path} holds more than a token: name a file with one line of letters and digits.")
    if len(token) < MIN_TOKEN:
        raise SfumatoError("token", f"The token in {path} is too short: delete it, a new one is made at the start.")
    return token


def write_record(home: Path, record: Record) -> None:
    write_atomically(home / SERVER_RECORD, json.dumps(asdict(record)).encode())


def read_record(home: Path) -> Record | None:
    """The record of the last server, if one is there and its process is alive."""
    try:
        record = Record(**json.loads((home / SERVER_RECORD).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    return record if type(record.pid) is int and _is_alive(record.pid) else None


def remove_record(home: Path) -> None:
    """Ours only: another server may have started with the same folder since."""
    record = read_record(home)
    if record is not None and record.pid == os.getpid():
        (home / SERVER_RECORD).unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes) -> None:
    """The whole file or the old one, readable by this user alone."""
    part = _write_part(path, data)
    try:
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _create(path: Path, data: bytes) -> None:
    """Like `write_atomically`, but a file that is already there wins: two servers may start at once."""
    part = _write_part(path, data)
    try:
        os.link(part, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        os.replace(part, path)
    part.unlink(missing_ok=True)


def _write_part(path: Path, data: bytes) -> Path:
    part = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
        with open(os.open(part, flags, 0o600), "wb") as file:
            file.write(data)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    return part


def _is_alive(pid: int) -> bool:
    if sys.platform == "win32":  # os.kill(pid, 0) would send it Ctrl-C there
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return pid > 0
