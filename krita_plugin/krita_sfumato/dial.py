"""Finding and calling the backend: the one on this computer by what lies in the state folder, or the remote one that
the painter named."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from . import remote, sentences
from .events import Greeting, Unlinked
from .vendor.sfumato_wire.limits import MAX_MESSAGE
from .vendor.sfumato_wire.rendezvous import SERVER_RECORD, TOKEN
from .vendor.websockets.exceptions import InvalidMessage, InvalidStatus, WebSocketException
from .vendor.websockets.sync.client import ClientConnection, connect

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # a server that listens everywhere is called here
PATIENCE = 5.0  # seconds until a handshake counts as failed
HANG_UP = 1.0  # seconds for its goodbye: a computer that is gone says none
# Whoever turns on the logs of everything in Krita's Python does not find a token in them.
_SILENT = logging.getLogger("krita_sfumato.dial")
_SILENT.setLevel(logging.CRITICAL)


def dial(home: Path) -> tuple[ClientConnection | None, Greeting | Unlinked]:
    """An open socket and whose it is, or None and why there is none."""
    try:
        elsewhere = remote.read(home)
    except remote.Wrong as wrong:
        return None, Unlinked("refused", str(wrong))
    return _dial_here(home) if elsewhere is None else _dial_there(elsewhere)


def _dial_here(home: Path) -> tuple[ClientConnection | None, Greeting | Unlinked]:
    try:
        record = json.loads((home / SERVER_RECORD).read_text(encoding="utf-8"))
        token = (home / TOKEN).read_text(encoding="ascii").strip()
        host, port, pid = str(record["host"]), int(record["port"]), int(record["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None, Unlinked("absent")
    host = ANYWHERE.get(host, host)
    try:
        socket = _call(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", token)
    except InvalidStatus:
        return None, Unlinked("refused")
    except (OSError, WebSocketException, ValueError):
        # Also a process that is just dying: it took the call and hung up.
        return None, Unlinked("absent")
    return socket, Greeting(pid)


def _dial_there(elsewhere: remote.Remote) -> tuple[ClientConnection | None, Greeting | Unlinked]:
    """Its process has no number here: nothing on this computer is ever stopped for it."""
    address = elsewhere.address
    if not elsewhere.connect:
        return None, Unlinked("absent", sentences.NOT_CONNECTED.format(address=address))
    try:
        return _call(address, elsewhere.token), Greeting()
    except InvalidStatus as error:
        sentence = {
            401: sentences.REMOTE_REFUSES,
            403: sentences.REMOTE_OTHER_NAME,
            503: sentences.REMOTE_FULL,
        }.get(error.response.status_code, sentences.REMOTE_NOT_SFUMATO)
        return None, Unlinked("refused", sentence.format(address=address))
    except InvalidMessage as error:
        # A process that is just dying hangs up; something else that listens there says what is no HTTP.
        if not isinstance(error.__cause__, EOFError):
            return None, Unlinked("refused", sentences.REMOTE_NOT_SFUMATO.format(address=address))
    except (OSError, WebSocketException, ValueError):
        pass
    return None, Unlinked("away", sentences.REACHING.format(address=address))


def _call(address: str, token: str) -> ClientConnection:
    return connect(
        f"ws://{address}",
        additional_headers={"Authorization": f"Bearer {token}"},
        compression=None,
        max_size=MAX_MESSAGE,
        proxy=None,
        open_timeout=PATIENCE,
        close_timeout=HANG_UP,
        logger=_SILENT,
    )
