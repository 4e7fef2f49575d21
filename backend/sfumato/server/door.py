"""Who may come in: decided from the handshake alone, before anything is upgraded or read.

A browser always sends Origin, so any Origin is refused. A rebound name shows in Host, so Host must be one this server
was given. Everyone else must know the token. Any one of the three keeps a web page out.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Collection, Mapping
from http import HTTPStatus

from websockets.datastructures import Headers

from sfumato.errors import SfumatoError

from .home import MIN_TOKEN

TOKEN_VARIABLE = "SFUMATO_TOKEN"
_LOOPBACK = ("127.0.0.1", "[::1]", "localhost")


def refusal(path: str, headers: Headers, hosts: Collection[str], tokens: Collection[str]) -> HTTPStatus | None:
    """Why this visitor stays outside, or None."""
    if headers.get_all("Origin"):
        return HTTPStatus.FORBIDDEN
    host = headers.get_all("Host")
    if len(host) != 1 or host[0].lower() not in hosts:
        return HTTPStatus.FORBIDDEN
    given = headers.get_all("Authorization")
    scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    # No short cut out of the comparisons: their time must not say which one failed.
    known = [hmac.compare_digest(token.encode("utf-8", "surrogateescape"), t.encode()) for t in tokens]
    if scheme.lower() != "bearer" or not any(known):
        return HTTPStatus.UNAUTHORIZED
    return None if path == "/" else HTTPStatus.NOT_FOUND


def host_names(host: str, port: int) -> frozenset[str]:
    """What a visitor's Host header may say."""
    names = {*_LOOPBACK, bracketed(host).lower()}
    return frozenset(names | {f"{name}:{port}" for name in names})


def bracketed(host: str) -> str:
    """As in an address: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def check_exposure(host: str, environ: Mapping[str, str]) -> str | None:
    """The token for visitors from other machines. Raises SfumatoError when `host` shows the server to the network
    without one: pixels and token travel unencrypted there, so that is never an accident."""
    token = environ.get(TOKEN_VARIABLE, "")
    if _is_loopback(host):
        return None
    if len(token) < MIN_TOKEN or not token.isascii():
        raise SfumatoError(
            "exposed",
            f"{host} can be reached from other machines: stay on 127.0.0.1, or set {TOKEN_VARIABLE} to a secret of at "
            f"least {MIN_TOKEN} ASCII characters that clients must present (pixels travel unencrypted).",
        )
    if _is_wildcard(host):
        raise SfumatoError("exposed", f"{host} stands for every address: name the one address that clients will use.")
    return token


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_wildcard(host: str) -> bool:
    try:
        return not host or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
