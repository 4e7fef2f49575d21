"""How the backend is, as the docker's bottom line shows it. Pure: from what is known to words."""

from __future__ import annotations

from dataclasses import dataclass

from . import sentences

TROUBLED = ("refused", "down")
START, STOP, CONNECT, DISCONNECT = "start", "stop", "connect", "disconnect"


@dataclass(frozen=True)
class Standing:
    """text: the line; more: what is said when the pointer rests on it; switch: what the button does; address: of a
    remote backend, "" for the one on this computer; has_token: and its token is kept."""

    text: str
    more: str = ""
    is_trouble: bool = False
    switch: str = START
    address: str = ""
    has_token: bool = False


def standing(
    link: str,
    said: str = "",
    device: str = "",
    stage: str = "",
    model: str = "",
    models: int = 1,
    busy: bool = False,
    address: str = "",
    has_token: bool = False,
) -> Standing:
    """link: as in View, "away" when nobody answers at a remote address; said: the backend's own sentence; stage: of
    the job that is at work ("loading", "painting", …), busy: whether there is one; model: the one it wants; models: how
    many the backend has."""
    text = _text(link, said, device, stage, model, models, busy, address)
    more = said if said and said != text else sentences.TIP_STATUS
    if link == "away":
        more = sentences.TIP_REACHING.format(address=address)
    is_trouble = link in TROUBLED or (link == "ready" and models == 0)
    return Standing(text, more, is_trouble, _switch(link, address), address, has_token)


def _switch(link: str, address: str) -> str:
    if address:
        return CONNECT if link == "absent" else DISCONNECT
    return START if link == "absent" else STOP


def _text(link: str, said: str, device: str, stage: str, model: str, models: int, busy: bool, address: str) -> str:
    if link == "ready":
        if models == 0:
            return sentences.BACKEND_WITHOUT_MODEL
        if busy and stage == "loading":
            return sentences.LOADING.format(name=model) if model else sentences.LOADING_ONE
        if busy:
            return sentences.BUSY_ON.format(device=sentences.device_name(device))
        return sentences.ready_at(device, address) if address else sentences.ready(device)
    if address and link in ("absent", "away"):
        known = sentences.NOT_CONNECTED if link == "absent" else sentences.REACHING
        return known.format(address=address)
    if link == "starting":  # what the backend says of it is a detail
        return sentences.LINK["starting"]
    return said or sentences.LINK.get(link, link)
