"""Blobs by digest, within a bound: what server and worker keep so that an unchanged canvas is not sent again."""

from __future__ import annotations

from collections import OrderedDict

from .limits import MIB

CACHE_BYTES = 512 * MIB


class BlobCache:
    """The least recently used blobs are forgotten once all together are larger than `limit` bytes."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self._limit = limit
        self._blobs: OrderedDict[str, bytes] = OrderedDict()
        self.size = 0

    def get(self, digest: str) -> bytes | None:
        """The blob, which counts as used now."""
        if digest in self._blobs:
            self._blobs.move_to_end(digest)
        return self._blobs.get(digest)

    def put(self, digest: str, data: bytes) -> None:
        if self.get(digest) is None:
            self._blobs[digest] = data
            self.size += len(data)
        while self.size > self._limit:
            self.size -= len(self._blobs.popitem(last=False)[1])
