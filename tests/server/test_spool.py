"""Results on disk: whole or not at all, bounded by bytes and age, and never a reason for a job to fail."""

import os
import time
from pathlib import Path

import pytest
from sfumato.server import spool as spooling
from sfumato.server.spool import Spool
from sfumato_wire import Cancelled, Failed, Pixels, Result, digest_of


def result(job: str, side: int = 4) -> tuple[Result, bytes]:
    data = os.urandom(side * side * 4)
    return Result(job, Pixels(0, 0, side, side, "rgba8", digest_of(data)), {"seconds": 1.5}), data


def test_kept_until_forgotten_also_by_the_next_process(tmp_path: Path) -> None:
    ending, data = result("../../etc/passwd\n")
    nothing = Result("nothing", None)
    for kept, layer in ((ending, data), (nothing, b""), (Failed("f", "code", "Why."), b""), (Cancelled("c"), b"")):
        Spool(tmp_path).keep(kept, layer)
        assert Spool(tmp_path).ending(kept.job) == kept
    assert Spool(tmp_path).layer(ending) == data
    assert Spool(tmp_path).layer(nothing) == b""
    assert all(path.parent == tmp_path for path in tmp_path.iterdir())
    Spool(tmp_path).forget(ending.job)
    assert Spool(tmp_path).ending(ending.job) is None
    with pytest.raises(LookupError):
        Spool(tmp_path).layer(ending)
    Spool(tmp_path).forget("never heard of")


def test_a_torn_or_damaged_file_is_no_result(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    ending, data = result("a")
    spool.keep(ending, data)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        assert spool.ending("a") in (None, ending)
        with pytest.raises(LookupError):
            spool.layer(ending)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(LookupError):
        spool.layer(ending)


def test_oldest_first_beyond_the_bytes_and_the_newest_always_stays(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit=3000)
    for number, name in enumerate("abcd"):
        spool.keep(*result(name, side=16))  # a kilobyte each, and some
        for path in tmp_path.iterdir():
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 10 * (4 - number)))
    assert [name for name in "abcd" if spool.ending(name)] == ["c", "d"]
    spool.keep(*result("large", side=64))
    assert [name for name in ("c", "d", "large") if spool.ending(name)] == ["large"]


def test_old_results_and_parts_left_by_a_crash_go_at_the_start(tmp_path: Path) -> None:
    Spool(tmp_path).keep(*result("old"))
    (old,) = tmp_path.iterdir()
    os.utime(old, (0, time.time() - 100))
    Spool(tmp_path).keep(*result("new"))
    (tmp_path / ".part").write_bytes(b"half")
    spool = Spool(tmp_path, age=50)
    assert spool.ending("old") is None
    assert spool.ending("new") is not None
    assert len(list(tmp_path.iterdir())) == 1


def test_what_the_disk_refuses_stays_in_memory_within_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spooling, "write_atomically", full)
    monkeypatch.setattr(spooling, "MEMORY_BYTES", 2500)
    spool = Spool(tmp_path)
    endings = {name: result(name, side=16) for name in "abc"}
    for ending, data in endings.values():
        spool.keep(ending, data)
    assert [name for name in "abc" if spool.ending(name)] == ["b", "c"]
    assert spool.layer(endings["c"][0]) == endings["c"][1]
    spool.forget("c")
    assert spool.ending("c") is None
