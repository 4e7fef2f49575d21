"""The models on this machine, as they are found; what was found before is not read again."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sfumato.errors import InputError
from sfumato.models.folders import CONFIG, INDEX, files_of, is_part, name_of, recognise_folder
from sfumato.models.header import read, shown
from sfumato.models.places import Place, cache_folder, places
from sfumato.models.recall import Memory, open_memory
from sfumato.models.recognise import Found, recognise

WEIGHTS = (".safetensors", ".sft")
REFUSED = (".ckpt", ".pt", ".pth", ".gguf")  # listed as well, with why they cannot be used
SHARD = re.compile(r"-\d{5}-of-\d{5}\.")  # a piece of something else
NAMELESS = ("pytorch_lora_weights", "diffusion_pytorch_model", "model", "adapter_model")  # called after their folder
LONGEST = 200  # characters of a name in an id


@dataclass(frozen=True)
class Row(Found):
    """What was found, and where. id: names it for good, whatever else is found: the hub's own name, or a file's name
    with six digits of where it really lies. name: for people. owner: as in Place. lent: by component, the files that
    have what it lacks (`lending`)."""

    id: str = ""
    name: str = ""
    path: str = ""
    owner: str = ""
    lent: dict[str, Row] = field(default_factory=dict)


@dataclass(frozen=True)
class _Met:
    """A file or folder that may be a model. real: its path without links. problem: why it cannot even be looked at."""

    path: str
    real: str
    folder: bool = False
    problem: str = ""


def listing(
    environ: Mapping[str, str] = os.environ,
    where: Iterable[Place] | None = None,
    say: Callable[[str], None] = lambda sentence: None,
) -> Generator[Row, None, None]:
    """Every model, LoRA, VAE, ControlNet and text encoder in the user's places (or in these), as each is found. What is
    broken or cannot be opened has a `problem`, and ends nothing. What is reached by two ways is one row."""
    seen: set[str] = set()
    with open_memory(cache_folder(environ), say) as memory:
        for place in places(environ) if where is None else where:
            for row, real in _in_hub(place, memory) if place.owner == "hub" else _in_folder(place, memory):
                if real not in seen:
                    seen.add(real)
                    yield row


def find_row(rows: Iterable[Row], asked: str, what: str = "model", how: str = "sfumato models") -> Row:
    """The one that `called` gives. what: the word for all of these; how: the command that lists them. Raises InputError
    where there is none, or more than one."""
    named = called(asked, rows)
    if len(named) > 1:
        ids = ", ".join(row.id for row in named)
        sentence = f"There are {len(named)} {what}s called '{asked}'. Ask for one of: {ids}."
        raise InputError(f"two_{what.lower()}s", sentence)
    if not named:
        sentence = f"There is no {what} '{asked}'. `{how}` lists the ones there are."
        raise InputError(f"unknown_{what.lower()}", sentence)
    return named[0]


def called(asked: str, rows: Iterable[Row]) -> list[Row]:
    """The one of that id or at that path; where there is none, all of that name or file name."""
    rows = list(rows)
    exact = [row for row in rows if asked in (row.id, row.path)]
    return exact[:1] or [row for row in rows if asked in _names(row)]


def _names(row: Row) -> tuple[str, ...]:
    base = os.path.basename(row.path)
    return row.name, base, base if row.layout == "folder" else os.path.splitext(base)[0]


def _in_folder(place: Place, memory: Memory) -> Iterator[tuple[Row, str]]:
    for met in _walk(str(place.path)):
        found = _looked_at(met, memory)
        if found is None:
            continue
        base = os.path.basename(met.path) or met.path
        name = base if met.folder else os.path.splitext(base)[0]
        if name in NAMELESS:
            name = os.path.basename(os.path.dirname(met.path))
        digits = hashlib.sha256(os.fsencode(met.real)).hexdigest()[:6]
        id = "_".join(shown(name).split())[:LONGEST]
        yield _row(found, f"{id}-{digits}", shown(name), met, place), met.real


def _in_hub(place: Place, memory: Memory) -> Iterator[tuple[Row, str]]:
    """What is of no use here is left out: the cache is other programs', too."""
    for repository in sorted(place.path.glob("models--*")):
        try:
            revisions = sorted(entry.name for entry in os.scandir(repository / "snapshots") if entry.is_dir())
            main = (repository / "refs" / "main").read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            revisions, main = _revisions(repository), ""
        except (OSError, ValueError):
            continue  # of another user, or another version of the cache
        main = revisions[0] if len(revisions) == 1 else main
        hub = repository.name.removeprefix("models--").replace("--", "/")
        for revision in sorted(revisions, key=lambda name: name != main):
            top = repository / "snapshots" / revision
            for met in _walk(str(top)):
                found = _looked_at(met, memory)
                if found is None or (found.kind == "unknown" and not met.folder):
                    continue
                inside = os.path.relpath(met.path, top).replace(os.sep, "/")
                id = hub + ("" if revision == main else f"@{revision[:12]}") + ("" if inside == "." else f"/{inside}")
                yield _row(found, shown(id), shown(id), met, place), met.real


def _revisions(repository: Path) -> list[str]:
    snapshots = repository / "snapshots"
    return sorted(entry.name for entry in os.scandir(snapshots) if entry.is_dir()) if snapshots.is_dir() else []


def _row(found: Found, id: str, name: str, met: _Met, place: Place) -> Row:
    if not found.problem and not _is_text(met.path):  # which safetensors wants a path to be
        said = "holds letters that are not in UTF-8: rename the file, or the folder that it lies in"
        found = replace(found, problem=f"{shown(met.path)} {said}.")
    return Row(**vars(found), id=id, name=name, path=met.path, owner=place.owner)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _looked_at(met: _Met, memory: Memory) -> Found | None:
    """What it is, from memory if it has not changed since. None where it has gone meanwhile."""
    if met.problem:
        return Found(problem=met.problem)
    try:
        stated = [os.stat(file) for file in (files_of(Path(met.path)) if met.folder else [met.path])]
    except FileNotFoundError:
        return None
    except OSError as error:
        return Found(problem=_closed(met.path, error))
    states = ",".join(f"{state.st_size}:{state.st_mtime_ns}" for state in stated)
    mark = hashlib.sha256(states.encode()).hexdigest() if met.folder else states
    if (known := memory.recall(met.path, mark)) is not None:
        return known
    try:
        found = recognise_folder(Path(met.path)) if met.folder else _file(Path(met.path))
    except InputError as error:
        found = Found(problem=str(error), bytes=sum(state.st_size for state in stated))
        if error.code == "unreadable":  # which its size and time do not tell
            return found
    memory.keep(met.path, mark, found)
    return found


def _file(file: Path) -> Found:
    header = read(file)
    name = f"{name_of(file.parent)}{file.suffix}" if file.stem in NAMELESS else file.name
    found = recognise(header, name)
    if file.suffix == WEIGHTS[0] or found.problem:  # diffusers goes by that name
        return found
    said = f"{shown(file.name)} is safetensors under another name: rename it so that it ends in .safetensors."
    return replace(found, problem=said)


def _walk(top: str) -> Iterator[_Met]:
    """What may be a model, below a folder; each folder once, however links lead to it."""
    waiting, seen = [top], set()
    while waiting:
        folder = waiting.pop()
        try:
            state = os.stat(folder)
            if (state.st_dev, state.st_ino) in seen:
                continue
            seen.add((state.st_dev, state.st_ino))
            with os.scandir(folder) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError as error:
            yield _Met(folder, folder, problem=_closed(folder, error))
            continue
        real = os.path.realpath(folder)
        names = {entry.name for entry in entries}
        if INDEX in names or (CONFIG in names and is_part(Path(folder))):
            yield _Met(folder, real, folder=True)
        deeper = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                deeper.append(entry.path)
            elif _may_be_weights(entry.name) and not (CONFIG in names and INDEX not in names and is_part(Path(folder))):
                yield _Met(
                    entry.path, os.path.realpath(entry) if entry.is_symlink() else os.path.join(real, entry.name)
                )
        if INDEX not in names:  # the folders of a whole model are its parts
            waiting += reversed(deeper)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _may_be_weights(name: str) -> bool:
    return name.lower().endswith(WEIGHTS + REFUSED) and not SHARD.search(name)


def _closed(path: str, error: OSError) -> str:
    name = shown(os.path.basename(path) or path)
    return f"{name} cannot be opened ({error.strerror or error}): check that it is there and that you may read it."
