"""What a declared setting may be: an edit made from Python and one made from a request get the same sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

from sfumato_wire.messages import EditInfo, Parameter

from sfumato.errors import InputError

_TYPES: dict[str, type] = {"int": Integral, "float": Real, "bool": bool, "choice": str}


def check(declared: EditInfo | Sequence[Parameter], **settings: Any) -> None:
    """Raises InputError for a setting that its parameter cannot take. Every parameter is given."""
    for parameter in declared.parameters if isinstance(declared, EditInfo) else declared:
        checked(parameter, settings[parameter.name])


def checked(parameter: Parameter, value: Any) -> Any:
    """The value, if the parameter can take it."""
    low, high = parameter.minimum, parameter.maximum
    takes = isinstance(value, _TYPES[parameter.type]) and isinstance(value, bool) is (parameter.type == "bool")
    if takes and parameter.choices:
        takes = value in parameter.choices
    elif takes and isinstance(value, Real):
        takes = -math.inf < value < math.inf  # not NaN either
        takes = takes and (low is None or bool(low <= value)) and (high is None or bool(value <= high))
    if not takes:
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
