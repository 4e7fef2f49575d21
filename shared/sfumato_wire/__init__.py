"""What the Krita plugin, the server and the worker say to each other: sans-I/O, standard library only.

No sockets, clocks or threads live here: bytes go in, messages come out, and the other way round.
"""

from .blobs import BlobCache
from .connection import BlobReceived, Connection, Event, Role
from .declared import EditInfo, GreysWhen, Parameter
from .errors import LocalProtocolError, ProtocolError, RemoteProtocolError
from .geometry import Box, crop_box, softened_reach
from .levels import FULL, Levels
from .messages import (
    PROTOCOL_VERSION,
    Accepted,
    Ack,
    Blob,
    Cancel,
    Cancelled,
    Extra,
    Failed,
    Hello,
    Message,
    ModelInfo,
    NeedBlobs,
    Preview,
    Progress,
    Refused,
    Result,
    Status,
    Submit,
    Welcome,
)
from .request import BYTES_PER_PIXEL, LAYER_FORMATS, Control, Lora, Pixels, Request, digest_of
from .strengths import strengths

__all__ = [
    "BYTES_PER_PIXEL",
    "FULL",
    "LAYER_FORMATS",
    "PROTOCOL_VERSION",
    "Accepted",
    "Ack",
    "Blob",
    "BlobCache",
    "BlobReceived",
    "Box",
    "Cancel",
    "Cancelled",
    "Connection",
    "Control",
    "EditInfo",
    "Event",
    "Extra",
    "Failed",
    "GreysWhen",
    "Hello",
    "Levels",
    "LocalProtocolError",
    "Lora",
    "Message",
    "ModelInfo",
    "NeedBlobs",
    "Parameter",
    "Pixels",
    "Preview",
    "Progress",
    "ProtocolError",
    "Refused",
    "RemoteProtocolError",
    "Request",
    "Result",
    "Role",
    "Status",
    "Submit",
    "Welcome",
    "crop_box",
    "digest_of",
    "softened_reach",
    "strengths",
]
