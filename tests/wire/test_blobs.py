"""The cache of blobs: within its bound, the least recently used ones go first."""

from sfumato_wire import BlobCache


def test_least_recently_used_first() -> None:
    cache = BlobCache(limit=30)
    for name in "abc":
        cache.put(name, bytes(10))
    assert cache.get("a") is not None  # used now
    cache.put("d", bytes(10))
    assert [name for name in "abcd" if cache.get(name) is not None] == ["a", "c", "d"]
    cache.put("d", bytes(10))
    assert cache.size == 30


def test_what_is_larger_than_everything_is_not_kept() -> None:
    cache = BlobCache(limit=30)
    cache.put("a", bytes(31))
    assert cache.get("a") is None
    assert cache.size == 0
