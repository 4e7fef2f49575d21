"""What an edit lets a painter set, as the backend declares it: which values hold, and which are worth saying."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .vendor.sfumato_wire import EditInfo, Parameter

Value = bool | int | float | str
Values = dict[str, Value]
Tuning = dict[str, Values]  # by `slot`

MOST = 2**31 - 1  # what a spin box can count to
DIGITS = 6  # behind the point, at most


def slot(edit: str, task: str) -> str:
    """Under which name the values of an edit are kept; those for finding a map apart."""
    return f"{task}:{edit}"


def declared(info: EditInfo | None, task: str) -> tuple[Parameter, ...]:
    if info is None:
        return ()
    return info.map_parameters if task == "map" else info.parameters


def values_for(tuning: Tuning, info: EditInfo | None, task: str) -> Values:
    """What was changed of that edit, as far as its declaration still takes it."""
    return worth_saying(tuning.get(slot(info.id, task), {}), declared(info, task)) if info else {}


def finder(edits: Sequence[EditInfo], chosen: str) -> EditInfo | None:
    """The edit that finds maps: the chosen one if it can, else the first that can."""
    able = [info for info in edits if info.finds_map]
    return next((info for info in able if info.id == chosen), able[0] if able else None)


def worth_saying(values: Mapping[str, Any], parameters: Sequence[Parameter]) -> Values:
    """Of some values, perhaps saved long ago, those that the declaration takes and that are not its defaults."""
    known = {p.name: p for p in parameters}
    return {
        name: value
        for name, value in values.items()
        if name in known and takes(known[name], value) and value != known[name].default
    }


def takes(parameter: Parameter, value: Any) -> bool:
    """As the backend does, and as far as a spin box can show it."""
    return parameter.takes(value) and (not isinstance(value, int) or abs(value) <= MOST)


def merged(old: Mapping[str, Any], new: Values, parameters: Sequence[Parameter]) -> Values:
    """`new` for what the declaration takes, beside what only another version's does: that is kept for it."""
    known = {p.name: p for p in parameters}
    return {n: v for n, v in old.items() if n not in known or not takes(known[n], v)} | new


def asks_source(edits: Sequence[EditInfo], chosen: str) -> bool:
    """Whether to ask what the picture shows: for the chosen edit, for finding a map, or as long as nobody knows."""
    found = finder(edits, chosen)
    return not edits or bool(found and found.source_prompt) or any(i.id == chosen and i.source_prompt for i in edits)


def digits(parameter: Parameter) -> int:
    """How many behind the point its default and its limits need; two at least."""
    said = [n for n in (parameter.default, parameter.minimum, parameter.maximum) if n is not None]
    needed = [len(f"{float(number):.{DIGITS}f}".rstrip("0").partition(".")[2]) for number in said]
    return min(DIGITS, max(2, *needed))


def label(name: str) -> str:
    """A parameter's name as a label."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def first_sentence(text: str) -> str:
    return text.partition(". ")[0].removesuffix(".") + "." if text else ""
