"""Where the state folder lies, on every system; paths only."""

import pytest
from sfumato_wire.rendezvous import state_folder


@pytest.mark.parametrize(
    ("environ", "platform", "folder"),
    [
        ({}, "linux", "/home/m/.local/state/sfumato"),
        ({"XDG_STATE_HOME": "/x"}, "linux", "/x/sfumato"),
        ({"XDG_STATE_HOME": ""}, "linux", "/home/m/.local/state/sfumato"),
        ({}, "darwin", "/home/m/Library/Application Support/Sfumato"),
        ({"LOCALAPPDATA": "C:\\L"}, "win32", "C:\\L\\Sfumato"),
        ({"SFUMATO_HOME": "/elsewhere"}, "win32", "/elsewhere"),
    ],
)
def test_the_state_folder(environ: dict[str, str], platform: str, folder: str) -> None:
    assert state_folder(environ, platform, "/home/m") == folder
