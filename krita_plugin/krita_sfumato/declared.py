"""What a backend declares, in the painter's language.

The English words come from the backend. A language's file may say them by the names that go over the wire: an edit as
"EDITS.<edit>.name" and ".help"; a parameter as "PARAMETERS.<name>.label", ".help" and ".choices.<choice>", or, where it
means something else in one edit, as "PARAMETERS.<edit>/<name>. …"; what a number counts as "UNITS.<unit>".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .tuning import label as label_of
from .vendor.sfumato_wire import EditInfo, Parameter

OWN = ("EDITS.", "PARAMETERS.", "UNITS.")  # how its keys begin
_said: dict[str, str] = {}


def say(texts: Mapping[str, object]) -> None:
    """From now on; what else is among them is left alone."""
    _said.clear()
    _said.update({key: text for key, text in texts.items() if key.startswith(OWN) and isinstance(text, str) and text})


def edit_name(info: EditInfo) -> str:
    return _said.get(f"EDITS.{info.id}.name", info.name)


def edit_help(info: EditInfo) -> str:
    return _said.get(f"EDITS.{info.id}.help", info.help)


def label(parameter: Parameter, edit: str) -> str:
    return _of(edit, parameter, "label") or parameter.label or label_of(parameter.name)


def help(parameter: Parameter, edit: str) -> str:
    return _of(edit, parameter, "help") or parameter.help


def choices(parameter: Parameter, edit: str) -> Iterator[tuple[str, str]]:
    """Each choice, and how it is said."""
    has_labels = len(parameter.choice_labels) == len(parameter.choices)
    labels = parameter.choice_labels if has_labels else parameter.choices
    for choice, own in zip(parameter.choices, labels, strict=True):
        yield choice, _of(edit, parameter, f"choices.{choice}") or own


def unit(parameter: Parameter) -> str:
    return _said.get(f"UNITS.{parameter.unit}", parameter.unit)


def keys(info: EditInfo) -> Iterator[tuple[str, ...]]:
    """All that an edit has to say, each with the keys by which a language may say it, the one that counts first."""
    yield (f"EDITS.{info.id}.name",)
    yield (f"EDITS.{info.id}.help",)
    for parameter in (*info.parameters, *info.map_parameters):
        for what in ("label", "help", *(f"choices.{choice}" for choice in parameter.choices)):
            yield _keys(info.id, parameter, what)
        if parameter.unit:
            yield (f"UNITS.{parameter.unit}",)


def _of(edit: str, parameter: Parameter, what: str) -> str:
    """ "" where the language does not say it."""
    return next((_said[key] for key in _keys(edit, parameter, what) if key in _said), "")


def _keys(edit: str, parameter: Parameter, what: str) -> tuple[str, str]:
    return f"PARAMETERS.{edit}/{parameter.name}.{what}", f"PARAMETERS.{parameter.name}.{what}"
