"""Who broke the protocol.

ProtocolError
├── LocalProtocolError    this side tried to say something it must not say: a bug here
└── RemoteProtocolError   the other side did: close the connection, keep the jobs
"""

from __future__ import annotations


class ProtocolError(Exception):
    """The rules of the wire were broken; the text is a sentence for a log or a painter."""


class LocalProtocolError(ProtocolError):
    """This side was about to break the rules; nothing was sent."""


class RemoteProtocolError(ProtocolError):
    """The other side broke the rules; the connection cannot be used any more."""
