"""Edits made from Python are held to what they declare, as requests are."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sfumato import ChangeMap
from sfumato.edits import EDITS, Contrast, DiffEdit, Differential, EditFriendly, SDEdit, SoftInpainting, find_map
from sfumato.edits.attention import SHARES, PromptToPrompt
from sfumato.edits.checks import check, checked
from sfumato.edits.contrast import MAP_PARAMETERS
from sfumato.errors import InputError
from sfumato_wire.declared import Parameter

WHITE = ChangeMap.constant(1.0)
MADE: dict[Any, Sequence[Parameter]] = {
    Differential: EDITS["differential"].INFO.parameters,
    SoftInpainting: EDITS["soft-inpainting"].INFO.parameters,
    SDEdit: EDITS["sdedit"].INFO.parameters,
    DiffEdit: EDITS["diffedit"].INFO.parameters,
    EditFriendly: EDITS["edit-friendly"].INFO.parameters,
    Contrast: MAP_PARAMETERS,
    find_map: MAP_PARAMETERS,
    PromptToPrompt: SHARES,
}
# By the same name Python takes the control itself, a PromptToPrompt.
MADE[EditFriendly] = [parameter for parameter in MADE[EditFriendly] if parameter.name != "attention"]
OTHER_NAMES = {"keep_structure": "keep", "cross_steps": "cross", "self_steps": "self_"}
# A constant map is then the pipeline's img2img bit for bit, as in the paper.
OTHER_DEFAULTS = {(Differential, "release"): "whole", (Differential, "axis"): "steps"}
BAD: dict[str, tuple[Any, ...]] = {
    "int": (1.5, "1", True, None, 10**400),
    "float": (float("nan"), float("inf"), "0.5", True, None, -1e9, 10**400),
    "bool": ("no", 1, None),
    "choice": ("foo", "", 0, None, ["steps"]),
}
TAKEN = [
    (made, parameter, OTHER_NAMES.get(parameter.name, parameter.name))
    for made, declared in MADE.items()
    for parameter in declared
    if made is not find_map and OTHER_NAMES.get(parameter.name, parameter.name) in inspect.signature(made).parameters
]


def made_with(made: Any, **settings: Any) -> Any:
    first = {Contrast: {"reference": {}}, PromptToPrompt: {}}.get(made, {"change_map": WHITE})
    return made(**first, **({"source": {}} if made is EditFriendly else {}), **settings)


def test_every_edit_is_looked_at() -> None:
    assert {module.__name__ for module in EDITS.values()} <= {made.__module__ for made in MADE}
    assert len(TAKEN) >= 30


@pytest.mark.parametrize("made", MADE, ids=lambda made: made.__name__)
def test_a_default_is_the_same_from_python_as_in_a_request(made: Any) -> None:
    taken = inspect.signature(made).parameters
    for parameter in MADE[made]:
        if (name := OTHER_NAMES.get(parameter.name, parameter.name)) in taken:
            assert taken[name].default == OTHER_DEFAULTS.get((made, name), parameter.default), name


@pytest.mark.parametrize(("made", "parameter", "name"), TAKEN, ids=lambda value: getattr(value, "__name__", None))
def test_what_a_parameter_cannot_take_gets_a_sentence(made: Any, parameter: Parameter, name: str) -> None:
    for value in BAD[parameter.type]:
        if name in ("gain", "keep") and value is None:
            continue
        with pytest.raises(InputError, match=f"The setting '{parameter.name}' takes .*this is "):
            made_with(made, **{name: value})


def test_numbers_of_numpy_are_numbers() -> None:
    repeats, ratio = EDITS["sdedit"].INFO.parameters[2], EDITS["diffedit"].INFO.parameters[0]
    assert checked(repeats, np.int64(3)) == 3
    assert checked(ratio, np.float32(0.5)) == 0.5
    with pytest.raises(InputError, match="a whole number from 1 to 10"):
        check([repeats], repeats=np.float64(3.0))
