"""The bottom line's words."""

from __future__ import annotations

import pytest
from krita_sfumato import sentences
from krita_sfumato.standing import CONNECT, DISCONNECT, START, STOP, standing

AT = "studio:17843"


@pytest.mark.parametrize(
    ("given", "text", "switch", "is_trouble"),
    [
        ({"link": "absent"}, "The backend is not running.", START, False),
        ({"link": "starting", "said": "worker process 7"}, "The backend is starting …", STOP, False),
        ({"link": "lost"}, "Reaching the backend again …", STOP, False),
        ({"link": "refused"}, "The backend refuses this plugin.", STOP, True),
        ({"link": "down", "said": "Out of memory."}, "Out of memory.", STOP, True),
        ({"link": "down"}, "The backend has stopped painting.", STOP, True),
        ({"link": "ready", "device": "cuda:1"}, "Ready to paint on the graphics card.", STOP, False),
        (
            {"link": "ready", "device": "cpu", "busy": True, "stage": "painting"},
            "At work on the processor.",
            STOP,
            False,
        ),
        (
            {"link": "ready", "device": "cpu", "busy": True, "stage": "loading", "model": "My XL"},
            "Loading the model “My XL” …",
            STOP,
            False,
        ),
        ({"link": "ready", "busy": True, "stage": "loading"}, "Loading the model …", STOP, False),
        ({"link": "ready", "device": "cpu", "models": 0}, sentences.BACKEND_WITHOUT_MODEL, STOP, True),
        ({"link": "absent", "address": AT}, "Not connected to the backend at studio:17843.", CONNECT, False),
        ({"link": "away", "address": AT}, "Reaching the backend at studio:17843 …", DISCONNECT, False),
        ({"link": "lost", "address": AT}, "Reaching the backend again …", DISCONNECT, False),
        (
            {"link": "refused", "said": "No: check the token.", "address": AT},
            "No: check the token.",
            DISCONNECT,
            True,
        ),
        (
            {"link": "ready", "device": "mps", "address": AT},
            "Ready to paint on the graphics chip at studio:17843.",
            DISCONNECT,
            False,
        ),
        ({"link": "of a later version"}, "of a later version", STOP, False),
    ],
)
def test_how_it_stands(given: dict, text: str, switch: str, is_trouble: bool) -> None:
    found = standing(**given)
    assert (found.text, found.switch, found.is_trouble) == (text, switch, is_trouble)
    assert found.more
    assert found.address == given.get("address", "")


def test_what_the_backend_says_of_its_start_is_a_detail() -> None:
    assert standing("starting", "The painting process is starting.").more == "The painting process is starting."
    assert AT in standing("away", address=AT).more
