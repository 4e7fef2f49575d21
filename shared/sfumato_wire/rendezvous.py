"""Where plugin, backend and installer find each other's files on one machine. Paths only, nothing is opened.

The state folder is 0700 and holds
    token          the bearer token, 0600; the server writes it, clients read it
    server.json    {"host", "port", "pid", "version"} of the running server; removed when it stops
    backend.json   {"command": [...]}: how to start the backend; the installer writes it
    krita-*.json   what a Krita wants to know of after it died: its open edits, the backend it started
    spool/         finished results that no client has acknowledged yet
    logs/          what the server and its worker had to say
"""

from __future__ import annotations

import ntpath
import posixpath
from collections.abc import Mapping

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 17843
TOKEN = "token"
SERVER_RECORD = "server.json"
BACKEND_RECORD = "backend.json"
SPOOL = "spool"
LOGS = "logs"


def state_folder(environ: Mapping[str, str], platform: str, home: str) -> str:
    """The state folder for this user; `SFUMATO_HOME` overrides it. platform: `sys.platform`; home: the home folder."""
    if override := environ.get("SFUMATO_HOME"):
        return override
    if platform == "win32":
        return ntpath.join(environ.get("LOCALAPPDATA") or ntpath.join(home, "AppData", "Local"), "Sfumato")
    if platform == "darwin":
        return posixpath.join(home, "Library", "Application Support", "Sfumato")
    state = environ.get("XDG_STATE_HOME") or posixpath.join(home, ".local", "state")
    return posixpath.join(state, "sfumato")
