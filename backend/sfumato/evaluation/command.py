"""`sfumato evaluate`: runs the experiments, keeps what is finished, and writes JSON, a page and tables.

A full run takes an hour or more. Every experiment is stored as soon as it is done and used again by the next run, as
long as model, weights, curve, size, seed and program are the same.
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
from pathlib import Path
from typing import Any

import torch

import sfumato
from sfumato import models
from sfumato.errors import InputError, SfumatoError
from sfumato.evaluation.bench import Bench
from sfumato.evaluation.experiments import EXPERIMENTS
from sfumato.evaluation.report import markdown, page
from sfumato.evaluation.results import Result, as_json
from sfumato.evaluation.sizes import SIZES, Size
from sfumato.evaluation.strips import Row, strips
from sfumato.models.curve import FILE as CURVE
from sfumato.models.sketchbook import CLASSIFIER
from sfumato.studio.memory import enough_memory

PACKAGE = Path(sfumato.__file__).parent


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
    folder: Path = options.report
    began = time.monotonic()
    with enough_memory("Close other programs and run the same command again."), _writable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        key = {"code": code_digest(), "weights": weights_digest(model), "size": asdict(size), "seed": options.seed}
        key |= {"model": model.info.id}
        done: dict[str, Any] = {}
        bench: Bench | None = None
        for number, name in enumerate(names, 1):
            known = _stored(folder, name, key)
            if known is None:

                def say(line: str, name: str = name, number: int = number) -> None:
                    minutes, seconds = divmod(round(time.monotonic() - began), 60)
                    print(f"[{number}/{len(names)} {name}, {minutes}:{seconds:02}] {line}", file=sys.stderr, flush=True)

                bench = bench or Bench(model.info.id, size.side)
                bench.say = say
                known = _run(bench, name, size, options.seed, folder, key)
            else:
                print(f"[{number}/{len(names)} {name}] done before", file=sys.stderr, flush=True)
            done[name] = known
        document = _document(options, model, done, key)
        _write(folder / "results.json", json.dumps(document, indent=1, allow_nan=False) + "\n")
        _write(folder / "tables.md", markdown(document))
        _write(folder / "index.html", page(document, folder))
        if options.json not in (None, "-"):
            _write(Path(options.json), json.dumps(document, indent=1, allow_nan=False) + "\n")
    return document


def code_digest() -> str:
    """SHA-256 of the program as it stands, in hex: what figures may depend on."""
    digest = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        digest.update(str(file.relative_to(PACKAGE)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def weights_digest(model: models.Model) -> str:
    """SHA-256 of all weights that a figure may depend on, the judge's and the model's curve among them, in hex."""
    folders = [folder for folder in (model.base, model.folder, CLASSIFIER) if folder is not None]
    files = [file for folder in folders for file in sorted(folder.rglob("*.safetensors"))]
    digest = hashlib.sha256()
    for file in [*files, model.folder / CURVE]:
        if file.is_file():
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    """What goes wrong with files, in words."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise SfumatoError("unwritable", f"{folder} cannot be written to ({reason}). Give another --report.") from None


def _size(name: str) -> Size:
    if name not in SIZES:
        raise InputError("unknown_size", f"There is no size '{name}'. There is: {', '.join(SIZES)}.")
    return SIZES[name]


def _run(bench: Bench, name: str, size: Size, seed: int, folder: Path, key: dict[str, Any]) -> dict[str, Any]:
    """One experiment, stored."""
    start, before = time.monotonic(), asdict(bench.work)
    result = EXPERIMENTS[name](bench, size, seed)
    found = as_json(result)
    _paint(result, found, name, folder)
    work = {what: count - before[what] for what, count in asdict(bench.work).items()}
    stored = {"key": key, "result": found | {"work": work}, "seconds": round(time.monotonic() - start, 1)}
    stored["uncalibrated"] = bench.uncalibrated
    _write(folder / f"{name}.json", json.dumps(stored, indent=1, allow_nan=False) + "\n")
    return stored


def _paint(result: Result, found: dict[str, Any], name: str, folder: Path) -> None:
    """The strips, as pictures beside the results that name them."""
    for number, strip in enumerate(result.strips):
        rows = [Row(pictures, said) for pictures, said in zip(strip.rows, strip.names, strict=True)]
        file = f"{name}-{number}.png"
        strips(rows, strip.columns, 128).save(folder / file)
        found["strips"][number]["file"] = file


def _stored(folder: Path, name: str, key: dict[str, Any]) -> dict[str, Any] | None:
    """What an earlier run found, if it was the same; a file that cannot be read counts as none."""
    try:
        stored = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        same = stored["key"] == json.loads(json.dumps(key))
        pictures = [folder / strip["file"] for strip in stored["result"]["strips"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return stored if same and all(picture.is_file() for picture in pictures) else None


def _document(
    options: argparse.Namespace, model: models.Model, done: dict[str, Any], key: dict[str, Any]
) -> dict[str, Any]:
    command = f"sfumato evaluate --size {options.size} --model {options.model} --seed {options.seed}"
    if options.only:
        command += f" --only {' '.join(options.only)}"
    return {
        "sfumato": sfumato.__version__,
        "commit": _commit(),
        "command": command,
        "model": {"id": model.info.id, "name": model.info.name},
        "code": key["code"],
        "weights": key["weights"],
        "uncalibrated": next((one["uncalibrated"] for one in done.values()), ""),
        "experiments": {name: stored["result"] for name, stored in done.items()},
        # The machine, for whoever wonders; no figure depends on the time it took.
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}",
        "seconds": {name: stored["seconds"] for name, stored in done.items()},
    }


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
    """Swapped in whole."""
    fresh = file.with_name(file.name + ".part")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(file)
