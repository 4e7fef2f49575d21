"""`sfumato evaluate`: runs the experiments, keeps what is finished, and writes JSON, a page and tables.

A full run takes hours. Every experiment is stored as soon as it is done, and of the longest one every part;
the page shows all that are done. A folder holds what goes together: its name says model, size and seed, and ends in a
digest of all that figures may depend on, so that what was found before a change is neither taken for new nor written
over.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import sfumato_wire
import torch

import sfumato
from sfumato import models
from sfumato.errors import InputError, SfumatoError
from sfumato.evaluation.bench import Bench
from sfumato.evaluation.experiments import EXPERIMENTS
from sfumato.evaluation.measured import Measured
from sfumato.evaluation.report import markdown, page
from sfumato.evaluation.results import Result, as_json
from sfumato.evaluation.sizes import SIZES, Size
from sfumato.evaluation.strips import Row, strips
from sfumato.models.curve import curve_of
from sfumato.models.sketchbook import CLASSIFIER
from sfumato.pictures import check_output
from sfumato.studio.memory import enough_memory

PACKAGE = Path(sfumato.__file__).parent
PARTS = (".safetensors", ".json", ".txt")  # what a model is read from: weights, curve, configs, vocabulary
LIBRARIES = ("torch", "diffusers", "transformers")
STORED = {"key", "commit", "machine", "result", "seconds", "uncalibrated"}


def evaluate(options: argparse.Namespace) -> dict[str, Any]:
    """Carry out the options of `sfumato evaluate`; gives the document that is also written. Raises InputError for what
    cannot be evaluated, SfumatoError for what cannot be written."""
    size, model = _size(options.size), models.find(options.model)
    if not model.info.id.startswith("sketchbook"):
        raise InputError(
            "no_truth", f"{model.info.name} has not learnt the scenes whose truth is known. Evaluate a sketchbook."
        )
    unknown = [name for name in options.only or () if name not in EXPERIMENTS]
    if unknown:
        raise InputError(
            "unknown_experiment", f"There is no experiment '{unknown[0]}'. There is: {', '.join(EXPERIMENTS)}."
        )
    if options.seed < 0:
        raise InputError("bad_seed", f"--seed is 0 or more; this is {options.seed}.")
    names = [name for name in EXPERIMENTS if not options.only or name in options.only]
    key = {"code": code_digest(), "weights": weights_digest(model), "libraries": {of: version(of) for of in LIBRARIES}}
    key |= {"model": model.info.id, "size": asdict(size), "seed": options.seed}
    key = json.loads(json.dumps(key))
    folder, copy = _folder(options, key), Path(options.json) if options.json not in (None, "-") else None
    with _writable(folder, "--report"):
        folder.mkdir(parents=True, exist_ok=True)
    for file in (folder / "index.html", *([copy] if copy else [])):
        check_output(file)
    try:
        curve_of(model)
    except InputError as error:
        print(f"sfumato: {error} The axis 'perceived' is left out until then.", file=sys.stderr, flush=True)

    made = {"key": key, "commit": _commit()}
    made |= {"machine": f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}"}
    began = time.monotonic()
    bench: Bench | None = None
    with enough_memory("Close other programs and run the same command again."):
        for number, name in enumerate(names, 1):

            def say(line: str, place: str = f"{number}/{len(names)} {name}") -> None:
                minutes, seconds = divmod(round(time.monotonic() - began), 60)
                print(f"[{place}, {minutes}:{seconds:02}] {line}", file=sys.stderr, flush=True)

            if _stored(folder, name, key):
                say("done before")
                continue
            bench = bench or Bench(model.info.id, size.side)
            bench.say = say
            _run(bench, name, size, options.seed, folder, made)

    document: dict[str, Any] = {}
    # What another process has stored while this one wrote is written, too: whichever ends last has seen it all.
    while document != (fresh := _document(options, model, folder, key)):
        document = fresh
        text = json.dumps(document, indent=1, allow_nan=False) + "\n"
        with _writable(folder, "--report"):
            _write(folder / "results.json", text)
            _write(folder / "tables.md", markdown(document))
            _write(folder / "index.html", page(document, folder))
    if copy:
        with _writable(copy, "--json"):
            _write(copy, text)
    print(f"sfumato: {folder / 'index.html'} shows it all.", file=sys.stderr)
    return document


def code_digest() -> str:
    """SHA-256 of the program as it stands, in hex: what figures may depend on."""
    digest = hashlib.sha256()
    for package in (PACKAGE, Path(sfumato_wire.__file__).parent):
        for file in sorted(package.rglob("*.py")):
            digest.update(str(file.relative_to(package)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def weights_digest(model: models.Model) -> str:
    """SHA-256 of all that a figure may depend on in the folders of model and judge, in hex: weights, curve, configs."""
    digest = hashlib.sha256()
    for folder in filter(None, (model.base, model.folder, CLASSIFIER)):
        for file in sorted(folder.rglob("*")):
            if file.suffix in PARTS and file.is_file():
                with file.open("rb") as opened:
                    digest.update(str(file.relative_to(folder)).encode() + b"\0")
                    digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()


def _folder(options: argparse.Namespace, key: dict[str, Any]) -> Path:
    """Where this run belongs; says so where others have been before it."""
    start = f"{key['model']}-{key['size']['name']}-{key['seed']}-"
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    folder: Path = options.report / (start + digest[:8])
    if not folder.exists() and (others := sorted(other.name for other in options.report.glob(f"{start}*"))):
        print(
            f"sfumato: The program, its libraries or the model's files are not those of {', '.join(others)}: all is "
            f"measured anew in {folder.name}, and what is there stays.",
            file=sys.stderr,
            flush=True,
        )
    return folder


@contextmanager
def _writable(place: Path, option: str) -> Iterator[None]:
    """What goes wrong with writing, in words. option: that names another place."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise SfumatoError("unwritable", f"{place} cannot be written to ({reason}). Give another {option}.") from None


def _size(name: str) -> Size:
    if name not in SIZES:
        raise InputError("unknown_size", f"There is no size '{name}'. There is: {', '.join(SIZES)}.")
    return SIZES[name]


def _run(bench: Bench, name: str, size: Size, seed: int, folder: Path, made: dict[str, Any]) -> None:
    """One experiment, stored. made: what is stored of how it was made."""
    start, before = time.monotonic(), asdict(bench.work)
    bench.known = known = Measured(folder / f"{name}.measured", made["key"], "--report")
    if known:
        bench.say(f"{len(known)} parts were measured before; going on where that stopped")
    result = EXPERIMENTS[name](bench, size, seed)
    found = as_json(result)
    work = {what: count - before[what] for what, count in asdict(bench.work).items()}
    with _writable(folder, "--report"):
        _paint(result, found, name, folder)
        stored = made | {"result": found | {"work": work}, "seconds": round(time.monotonic() - start, 1)}
        stored["uncalibrated"] = bench.uncalibrated
        _write(folder / f"{name}.json", json.dumps(stored, indent=1, allow_nan=False) + "\n")
        known.remove()


def _paint(result: Result, found: dict[str, Any], name: str, folder: Path) -> None:
    """The strips, as pictures beside the results that name them."""
    for number, strip in enumerate(result.strips):
        rows = [Row(pictures, said) for pictures, said in zip(strip.rows, strip.names, strict=True)]
        file = f"{name}-{number}.png"
        strips(rows, strip.columns, 128).save(folder / file)
        found["strips"][number]["file"] = file


def _stored(folder: Path, name: str, key: dict[str, Any]) -> dict[str, Any] | None:
    """What an earlier run found, if it was the same; a file that is damaged counts as none."""
    try:
        stored: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        whole = stored.keys() >= STORED and stored["result"].keys() >= as_json(Result("", "")).keys()
        rows = [row for table in stored["result"]["tables"] for row in table["rows"]]
        whole = whole and all(isinstance(row, dict) for row in rows)
        there = whole and all((folder / strip["file"]).is_file() for strip in stored["result"]["strips"])
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return None
    return stored if there and stored["key"] == key else None


def _document(options: argparse.Namespace, model: models.Model, folder: Path, key: dict[str, Any]) -> dict[str, Any]:
    """Of all that is stored, whoever has measured it."""
    done = {name: stored for name in EXPERIMENTS if (stored := _stored(folder, name, key))}
    command = f"sfumato evaluate --size {options.size} --model {options.model} --seed {options.seed}"
    if len(done) < len(EXPERIMENTS):
        command += f" --only {' '.join(done)}"
    return {
        "sfumato": sfumato.__version__,
        "commit": _several(done, "commit") or None,
        "command": command,
        "model": {"id": model.info.id, "name": model.info.name},
        "code": key["code"],
        "weights": key["weights"],
        "libraries": key["libraries"],
        "uncalibrated": _several(done, "uncalibrated"),
        "experiments": {name: stored["result"] for name, stored in done.items()},
        # The machine, for whoever wonders; no figure depends on the time it took.
        "machine": _several(done, "machine"),
        "seconds": {name: stored["seconds"] for name, stored in done.items()},
    }


def _several(done: dict[str, dict[str, Any]], name: str) -> str:
    """What experiments were made with; all of it where they differ."""
    return " and ".join(dict.fromkeys(stored[name] for stored in done.values() if stored[name]))


def _commit() -> str | None:
    """Of the checkout that this runs from, marked where it has changed; None where it is none."""

    def git(*words: str) -> str:
        said = subprocess.run(["git", "-C", str(PACKAGE), *words], capture_output=True, text=True, check=True)
        return said.stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + (", changed" if git("status", "--porcelain", ".") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _write(file: Path, text: str) -> None:
    """Swapped in whole; other processes may write it, too."""
    fresh = file.with_name(f"{file.name}.{os.getpid()}.part")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(file)
