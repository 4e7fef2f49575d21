"""`sfumato models`: the models on this machine, and the folders they are looked for in."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sfumato.errors import InputError
from sfumato.models import CATALOGUE, Model
from sfumato.models.families import FAMILIES
from sfumato.models.header import read, shown
from sfumato.models.lending import lenders, with_lent
from sfumato.models.listing import Row, listing
from sfumato.models.places import add_folder, folders, remove_folder
from sfumato.models.recognise import dtype_of

KINDS = ("checkpoint", "lora", "vae", "controlnet", "text-encoder", "unknown")
OWNERS = {"hub": "the hub's cache", "comfyui": "ComfyUI", "a1111": "A1111's web interface", "invokeai": "InvokeAI"}
AGAIN = "A running backend lists what is new when it starts again: Stop and Start in the bottom line of Krita's docker."
OWNERS |= {"folder": "a folder of models", "sfumato": "Sfumato"}


def run(options: argparse.Namespace, say: Callable[..., None] = print) -> int:
    """Carry out `sfumato models`. say: prints, at once. Raises InputError for an unknown kind, or for no folder."""
    if options.way == "add-folder":
        for place in add_folder(options.folder):
            say(f"{shown(str(place.path))}: {OWNERS[place.owner]}")
        say(AGAIN)
    elif options.way == "get":
        from sfumato.models.getting import get

        place = get(options.hub_id, options.revision, say)
        for row in _listed():
            if Path(row.path).is_relative_to(place):
                say(line(row))
        say(AGAIN)
    elif options.way == "remove-folder":
        remove_folder(options.folder)
    elif options.json:
        _say_json(_chosen(options.kind), say)
    else:
        _say_lines(_chosen(options.kind), say)
    return 0


def _chosen(kind: str | None) -> Iterator[Row]:
    if kind is not None and kind not in KINDS:
        raise InputError("unknown_kind", f"There is no kind '{kind}'. There is: {', '.join(KINDS)}.")
    yield from (row for row in _every() if kind in (None, row.kind))


def _every() -> Iterator[Row]:
    yield from map(_own, CATALOGUE.values())
    yield from _listed()


def _listed() -> Iterator[Row]:
    """As they are found; but what lacks parts comes last, since what is found after it may lend them."""
    rows, waiting = list[Row](), list[Row]()
    for row in listing(say=lambda sentence: print(f"sfumato: {sentence}", file=sys.stderr)):
        rows.append(row)
        if row.missing:
            waiting.append(row)
        else:
            yield row
    able = lenders(rows)
    yield from (with_lent(row, able) for row in waiting)


def _own(model: Model) -> Row:
    """A model that came with Sfumato."""
    info, files = model.info, sorted(model.folder.rglob("*.safetensors"))
    return Row(
        kind="checkpoint",
        family=info.family,
        layout="folder",
        prediction="flow" if info.family == "sd3" else "v",
        native=info.native,
        steps=info.steps,
        guidance_scale=info.guidance_scale,
        dtype=dtype_of(read(files[0]).tensors) if files else "",
        bytes=sum(file.stat().st_size for file in files),
        id=info.id,
        name=info.name,
        path=str(model.folder),
        owner="sfumato",
    )


def as_json(row: Row) -> dict[str, Any]:
    """A row as JSON has it: what is missing comes with how to get it, or by component with what lends it."""
    path = os.fsencode(row.path).decode("utf-8", "replace")
    first = {"id": row.id, "name": row.name, "path": path, "owner": row.owner}
    lacking = [asdict(part) | {"get": part.get} for part in row.missing]
    lent = {component: other.id for component, other in row.lent.items()}
    return first | asdict(replace(row, lent={})) | {"path": path, "missing": lacking, "lent": lent}


def line(row: Row) -> str:
    """A row in words."""
    family = FAMILIES[row.family].name if row.family in FAMILIES else row.family
    what = " ".join(word for word in (family, row.variant, row.speed) if word)
    words = ["cannot be used" if row.kind == "unknown" else f"{what} {row.kind}".strip()]
    if row.steps:
        words += [f"predicts {row.prediction}", f"{row.native} pixels"]
        words += [f"{row.steps} steps, guidance {row.guidance_scale:g}"]
    words += [row.dtype] if row.dtype else []
    words += [_size(row.bytes)] if row.bytes else []
    said = [f"{row.id}: {', '.join(words)}"]
    said += [f"    {subject} by {source}" for subject, source in _told(row)]
    if row.lent:
        said += [f"    with {', '.join(shown(Path(other.path).name) for other in row.lent.values())}"]
    lacking = [part for part in row.missing if part.component not in row.lent]
    said += [f"    lacks {part.part}{'' if part.needed else ' (works without)'}: {part.get}" for part in lacking]
    said += [f"    {row.problem}"] if row.problem else []
    return "\n".join(said)


def _told(row: Row) -> Iterator[tuple[str, str]]:
    values = {"speed": row.speed, "prediction": row.prediction, "family": row.family}
    for subject, value in values.items():
        if value and subject in row.told_by:
            yield f"{subject} {value}", row.told_by[subject]


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def _say_json(rows: Iterator[Row], say: Callable[..., None]) -> None:
    """An array, written as it is found."""
    between = "[\n"
    for row in rows:
        say(between + json.dumps(as_json(row)), end="")
        between = ",\n"
    say("\n]" if between == ",\n" else "[]")


def _say_lines(rows: Iterator[Row], say: Callable[..., None]) -> None:
    count = 0
    for row in rows:
        say(line(row))
        count += row.owner != "sfumato"
    if not count and not folders():
        say("Add the folder of your models with `sfumato models add-folder FOLDER`.")
