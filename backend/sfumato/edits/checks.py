"""An edit made from Python is held to what it declares, in the same words as one made from a request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sfumato_wire.messages import EditInfo, Parameter

from sfumato.errors import InputError


def check(declared: EditInfo | Sequence[Parameter], **settings: Any) -> None:
    """Raises InputError for a setting that is no choice of its parameter's or out of its range."""
    for parameter in declared.parameters if isinstance(declared, EditInfo) else declared:
        name, value = parameter.name, settings[parameter.name]
        if parameter.choices:
            if value not in parameter.choices:
                takes = "one of " + ", ".join(parameter.choices)
                raise InputError("bad_setting", f"The setting '{name}' takes {takes}; this is {value!r}.")
        elif parameter.minimum is not None and parameter.maximum is not None:
            if not parameter.minimum <= value <= parameter.maximum:  # NaN is no number of a range either
                takes = f"{parameter.minimum:g} to {parameter.maximum:g}"
                raise InputError("bad_setting", f"The setting '{name}' takes {takes}; this is {value!r}.")
