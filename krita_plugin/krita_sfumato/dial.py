"""Finding and calling the backend: its address and the token lie in the state folder."""

from __future__ import annotations

import json
from pathlib import Path

from .events import Greeting, Unlinked
from .vendor.sfumato_wire.limits import MAX_MESSAGE
from .vendor.sfumato_wire.rendezvous import SERVER_RECORD, TOKEN
from .vendor.websockets.exceptions import InvalidStatus, WebSocketException
from .vendor.websockets.sync.client import ClientConnection, connect

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # a server that listens everywhere is called here
PATIENCE = 5.0  # seconds until a handshake counts as failed


def dial(home: Path) -> tuple[ClientConnection | None, Greeting | Unlinked]:
    """An open socket and whose it is, or None and why there is none."""
    try:
        record = json.loads((home / SERVER_RECORD).read_text(encoding="utf-8"))
        token = (home / TOKEN).read_text(encoding="ascii").strip()
        host, port, pid = str(record["host"]), int(record["port"]), int(record["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None, Unlinked("absent")
    host = ANYWHERE.get(host, host)
    try:
        socket = connect(
            f"ws://[{host}]:{port}" if ":" in host else f"ws://{host}:{port}",
            additional_headers={"Authorization": f"Bearer {token}"},
            compression=None,
            max_size=MAX_MESSAGE,
            proxy=None,
            open_timeout=PATIENCE,
        )
    except InvalidStatus:
        return None, Unlinked("refused")
    except (OSError, WebSocketException, ValueError):
        # Also a process that is just dying: it took the call and hung up.
        return None, Unlinked("absent")
    return socket, Greeting(pid)
