"""What an edit declares about itself: what can be set, and how it takes a map's greys."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

_KINDS: dict[str, type] = {"int": Integral, "float": Real, "bool": bool, "choice": str}


@dataclass(frozen=True)
class Parameter:
    """One control of an edit, from which the docker and the command line build theirs.

    type: "int", "float", "bool" or "choice"; minimum and maximum for numbers, choices for choices.
    unit: what a number counts ("steps", "pixels"), empty for a plain number.
    label, choice_labels: what a painter calls it and its choices, in their order; empty: by their own names.
    """

    name: str
    type: str
    default: bool | int | float | str
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""
    label: str = ""
    choice_labels: tuple[str, ...] = ()

    def takes(self, value: Any) -> bool:
        """Whether it may be set to that: of its type, a finite number within the limits, one of the choices. False for
        a type that this version does not know."""
        if not isinstance(value, _KINDS.get(self.type, ())) or isinstance(value, bool) is not (self.type == "bool"):
            return False
        if self.type == "choice":
            return str(value) in self.choices
        number: Any = value
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        return self.type == "bool" or bool(low <= number <= high and -math.inf < number < math.inf)


@dataclass(frozen=True)
class GreysWhen:
    """With that value of that parameter, what counts of a map's greys is another than the edit's usual."""

    parameter: str
    value: bool | int | float | str
    greys: str


@dataclass(frozen=True)
class EditInfo:
    """source_prompt: whether the edit wants to be told what the picture shows. finds_map: whether it can find a map
    for a prompt (the task "map"); map_parameters are what can be set then. greys: what counts of a map's greys, as
    `strengths` takes it; greys_when: with which settings something else does, the first that applies."""

    id: str
    name: str
    help: str
    parameters: tuple[Parameter, ...] = ()
    source_prompt: bool = False
    finds_map: bool = False
    map_parameters: tuple[Parameter, ...] = ()
    greys: str = "all"
    greys_when: tuple[GreysWhen, ...] = ()

    def greys_with(self, settings: Mapping[str, Any]) -> str:
        """What counts with these settings; one that is missing has its default."""
        for when in self.greys_when:
            if settings.get(when.parameter) == when.value:
                return when.greys
        return self.greys
