"""What was found in files and folders before, so that it is not read again while they stay as they are."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path

from sfumato.models.recognise import Found, Missing

FILE = "models.sqlite"
BATCH = 200  # rows that are kept back until they are written together
PATIENCE = 2.0  # seconds to wait for another process that writes
# What decides what is found: other rules, other findings.
RULES = ("header", "families", "denoisers", "companions", "habits", "recognise", "folders")


class Memory:
    """By path and mark. A mark says which state of the file was looked at: its size and time of change."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database, self._rules = database, _rules()
        self._fresh: list[tuple[bytes, str, str]] = []
        self.is_damaged = False
        with database:
            database.execute("CREATE TABLE IF NOT EXISTS found (path BLOB PRIMARY KEY, mark TEXT, found TEXT)")

    def recall(self, path: str, mark: str) -> Found | None:
        """None also where what was kept is damaged: it is looked at again, and kept anew."""
        query = "SELECT found FROM found WHERE path = ? AND mark = ?"
        try:
            row = self._database.execute(query, (os.fsencode(path), f"{self._rules} {mark}")).fetchone()
            if row is None:
                return None
            data = json.loads(row[0])
            return Found(**data | {"missing": tuple(Missing(**part) for part in data["missing"])})
        except sqlite3.DatabaseError:
            self.is_damaged = True
        except (ValueError, TypeError, KeyError, RecursionError):
            pass
        return None

    def keep(self, path: str, mark: str, found: Found) -> None:
        self._fresh.append((os.fsencode(path), f"{self._rules} {mark}", json.dumps(asdict(found))))
        if len(self._fresh) >= BATCH:
            self.write()

    def write(self) -> None:
        """Nothing is lost if it cannot: the next listing looks again."""
        with suppress(sqlite3.Error), self._database:
            self._database.executemany("INSERT OR REPLACE INTO found VALUES (?, ?, ?)", self._fresh)
        self._fresh.clear()


@contextmanager
def open_memory(folder: Path, say: Callable[[str], None]) -> Iterator[Memory]:
    """The memory in a folder. One that is damaged is begun anew. Where none can be kept, `say` is told so, and it lasts
    as long as this."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        database, memory = _opened(folder / FILE)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        say(f"{folder} cannot be used ({reason}): every listing reads all files anew.")
        database = sqlite3.connect(":memory:", check_same_thread=False)
        memory = Memory(database)
    try:
        yield memory
    finally:
        memory.write()
        database.close()
        if memory.is_damaged:
            with suppress(OSError):
                (folder / FILE).unlink()


def _opened(file: Path) -> tuple[sqlite3.Connection, Memory]:
    try:
        return _connected(file)
    except sqlite3.OperationalError:
        raise  # it is locked, or may not be written
    except sqlite3.DatabaseError:
        file.unlink()
        return _connected(file)


def _connected(file: Path) -> tuple[sqlite3.Connection, Memory]:
    # The listing may be run in one thread and ended in another, never in both at once.
    database = sqlite3.connect(file, timeout=PATIENCE, check_same_thread=False)
    try:
        return database, Memory(database)
    except sqlite3.Error:
        database.close()
        raise


@cache
def _rules() -> str:
    digest = hashlib.sha256()
    for name in RULES:
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()[:16]
