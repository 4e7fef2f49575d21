"""What a declared setting may be: an edit made from Python and one made from a request get the same sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sfumato_wire.declared import EditInfo, Parameter

from sfumato.errors import InputError


def check(declared: EditInfo | Sequence[Parameter], **settings: Any) -> None:
    """Raises InputError for a setting that its parameter cannot take. Every parameter is given."""
    for parameter in declared.parameters if isinstance(declared, EditInfo) else declared:
        checked(parameter, settings[parameter.name])


def checked(parameter: Parameter, value: Any) -> Any:
    """The value, if the parameter can take it."""
    if not parameter.takes(value):
        sentence = f"The setting '{parameter.name}' takes {_wanted(parameter)}; this is {value!r}."
        raise InputError("bad_setting", sentence)
    return value


def _wanted(parameter: Parameter) -> str:
    if parameter.choices:
        return "one of " + ", ".join(parameter.choices)
    if parameter.type == "bool":
        return "true or false"
    kind = "a whole number" if parameter.type == "int" else "a number"
    if parameter.minimum is not None and parameter.maximum is not None:
        return f"{kind} from {parameter.minimum:g} to {parameter.maximum:g}"
    return kind
