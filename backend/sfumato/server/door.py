"""Who may come in: decided from the handshake alone, before anything is upgraded or read.

A browser always sends Origin, so any Origin is refused. A rebound name shows in Host, so Host must be one this server
was given. Everyone else must know the token. Any one of the three keeps a web page out.
"""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Collection
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


def host_names_everywhere(address: str, port: int) -> frozenset[str]:
    """The same where the server listens on every address: the one that the visitor came in by, and this machine's name.
    No name that somebody else can give to this machine is among them."""
    name = socket.gethostname()
    return frozenset().union(*(host_names(host, port) for host in (address, name, f"{name}.local")))


def bracketed(host: str) -> str:
    """As in an address: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def is_secret(token: str) -> bool:
    """Whether it is long enough that nobody guesses it."""
    return len(token) >= MIN_TOKEN and token.isascii()


def check_exposure(host: str, token: str) -> None:
    """token: for visitors from other machines. Raises SfumatoError when `host` shows the server to the network without
    a secret one: pixels and token travel unencrypted there, so that is never an accident."""
    if not host:
        raise SfumatoError("exposed", "Name the address to listen on; 0.0.0.0 stands for all that this machine has.")
    if not is_loopback(host) and not is_secret(token):
        raise SfumatoError(
            "exposed",
            f"{host} can be reached from other machines: stay on 127.0.0.1, or add --token-file FILE, where the secret "
            f"that clients must present is kept (made for you where there is none). {TOKEN_VARIABLE} can hold one of "
            f"at least {MIN_TOKEN} ASCII characters, too. Pixels travel unencrypted.",
        )


def called_here(host: str) -> str:
    """The address by which this machine itself calls a server that listens on `host`."""
    if not is_wildcard(host):
        return host
    return "::1" if ":" in host else "127.0.0.1"


def called_from_elsewhere(host: str) -> str:
    """The address that other machines call: for a server that listens on all, the one of the usual way out."""
    if not is_wildcard(host):
        return host
    family, far = (socket.AF_INET6, "2001:db8::1") if ":" in host else (socket.AF_INET, "192.0.2.1")
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect((far, 9))  # of a datagram socket: nothing is sent
        except OSError:
            return socket.gethostname()
        address: str = asking.getsockname()[0]
        return address


def is_loopback(host: str) -> bool:
    """Whether only this machine can call it."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_wildcard(host: str) -> bool:
    """Whether it stands for every address."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
