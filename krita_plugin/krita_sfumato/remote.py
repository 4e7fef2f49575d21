"""A backend on another computer: its address and token, kept in the state folder, and whether it is wanted now.

    remote.json     {"address": "192.168.1.5:17843", "connect": true}
    remote.token    the token alone, readable by this user only

As long as remote.json is there, the backend on this computer is neither called nor started nor stopped. Both the UI
thread and the client's read the files anew each time: they are small, and another Krita may have changed them.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import sentences

RECORD = "remote.json"
TOKEN = "remote.token"
EXAMPLE_PORT = 17843
LONGEST_HOST = 253
LONGEST_TOKEN = 4096
_NAME = re.compile(r"[\w-]+(\.[\w-]+)*\.?", re.ASCII)  # of a computer, or a number like 192.168.1.5


class Wrong(ValueError):
    """What was typed in cannot be used; the text is for the painter."""


@dataclass(frozen=True)
class Remote:
    """address: host and port as they are shown and called, without ws://; connect: whether it is wanted now."""

    address: str
    token: str = field(repr=False)
    connect: bool = True


def parse(text: str) -> str:
    """The address of what was typed in: host:port, perhaps with ws:// before it. Raises Wrong."""
    said = text.strip()
    scheme, found, rest = said.partition("://")
    if found and scheme.lower() != "ws":
        raise Wrong(sentences.ADDRESS_NOT_WS.format(scheme=scheme))
    said = (rest if found else said).removesuffix("/")
    if not said:
        raise Wrong(sentences.ADDRESS_EMPTY)
    if said.count(":") > 1 and not said.startswith("["):  # IPv6, where nobody can tell address and port apart
        if _is_ip(said):
            raise Wrong(sentences.ADDRESS_WITHOUT_PORT.format(example=f"[{said}]:{EXAMPLE_PORT}"))
        raise Wrong(sentences.ADDRESS_WRONG.format(address=said))
    host, colon, port = said.partition("]:") if said.startswith("[") else said.partition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not _is_host(host, is_bracketed=said.startswith("[")):
        raise Wrong(sentences.ADDRESS_WRONG.format(address=said))
    shown = f"[{host}]" if ":" in host else host
    if not (colon and port):
        raise Wrong(sentences.ADDRESS_WITHOUT_PORT.format(example=f"{shown}:{EXAMPLE_PORT}"))
    if not (port.isascii() and port.isdigit() and 0 < int(port[:9]) < 2**16):
        raise Wrong(sentences.ADDRESS_WRONG_PORT.format(port=port))
    if _is_ip(host) and ipaddress.ip_address(host).is_unspecified:
        raise Wrong(sentences.ADDRESS_EVERYWHERE.format(host=shown))
    return f"{shown.lower()}:{int(port)}"


def check_token(text: str) -> str:
    """What goes into a header, so neither a space nor a line's end. Raises Wrong."""
    token = text.strip()
    if not token:
        raise Wrong(sentences.TOKEN_EMPTY)
    if len(token) > LONGEST_TOKEN or not re.fullmatch(r"[!-~]+", token):
        raise Wrong(sentences.TOKEN_WRONG)
    return token


def read(home: Path) -> Remote | None:
    """None when this computer's own backend counts. Raises Wrong when what was kept cannot be read: the painter chose
    another computer, so this one is not taken instead."""
    try:
        record = _record(home)
        if record is None:
            return None
        return Remote(parse(record["address"]), check_token(_read_token(home)), record.get("connect") is not False)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise Wrong(sentences.REMOTE_UNREADABLE) from None


def is_set(home: Path) -> bool:
    """Whether another computer's backend counts; what cannot be read counts as one, too."""
    return (home / RECORD).exists()


class RemoteBackend:
    """What the docker does with it. Whoever calls this tells the client to `redial` afterwards."""

    def __init__(self, home: Path) -> None:
        self._home = home

    @property
    def address(self) -> str:
        """Empty when this computer's own backend counts, or when it cannot be read."""
        try:
            record = _record(self._home)
            return parse(record["address"]) if record else ""
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return ""

    @property
    def is_set(self) -> bool:
        return is_set(self._home)

    @property
    def has_token(self) -> bool:
        """Whether it may be left out the next time."""
        return (self._home / TOKEN).exists()

    def choose(self, address: str, token: str = "") -> None:
        """From now on that one counts. No token: the one that was given before. Raises Wrong; then all is as it was."""
        address = parse(address)
        if token.strip() or not self.has_token or address != self.address:  # one backend's secret is no other's
            token = check_token(token)
        try:
            self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
            if token.strip():
                _write(self._home / TOKEN, token)
            self._write_record(address, connect=True)
        except OSError as error:
            raise Wrong(sentences.REMOTE_NOT_KEPT.format(reason=error.strerror or type(error).__name__)) from None

    def forget(self) -> None:
        """This computer's own backend counts again; nothing of the other one is kept. Raises Wrong."""
        try:
            (self._home / RECORD).unlink(missing_ok=True)
            (self._home / TOKEN).unlink(missing_ok=True)
        except OSError as error:
            raise Wrong(sentences.REMOTE_NOT_KEPT.format(reason=error.strerror or type(error).__name__)) from None

    def connect(self) -> None:
        self._want(True)

    def disconnect(self) -> None:
        """It goes on running; only this computer's Kritas do not call it any more."""
        self._want(False)

    def _want(self, connect: bool) -> None:
        if address := self.address:
            with contextlib.suppress(OSError):
                self._write_record(address, connect)

    def _write_record(self, address: str, connect: bool) -> None:
        _write(self._home / RECORD, json.dumps({"address": address, "connect": connect}))


def _record(home: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads((home / RECORD).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def _read_token(home: Path) -> str:
    with (home / TOKEN).open(encoding="ascii") as file:
        return file.read(LONGEST_TOKEN + 1)


def _write(path: Path, text: str) -> None:
    """For this user alone from its first byte on, and never half of it."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(text)
        os.replace(fresh, path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def _is_host(host: str, is_bracketed: bool) -> bool:
    if is_bracketed:
        return _is_ip(host) and ":" in host
    if host.replace(".", "").isdigit():
        return _is_ip(host)
    return len(host) <= LONGEST_HOST and _NAME.fullmatch(host) is not None


def _is_ip(host: str) -> bool:
    """Without a zone (%eth0): the other side could not know it."""
    try:
        ipaddress.ip_address(host if "%" not in host else "")
    except ValueError:
        return False
    return True
