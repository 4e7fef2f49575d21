"""Which LoRAs a request asks for: those of its own list, and those that its prompt names."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from textwrap import shorten

from sfumato_wire.limits import MAX_LORAS
from sfumato_wire.request import Lora, Request

from sfumato.errors import InputError
from sfumato.models import Model
from sfumato.models.beside import Beside
from sfumato.models.loras import check_fits

NAMED = re.compile(r"<\s*lora\s*:([^<>]*)>", re.IGNORECASE)
BEGUN = re.compile(r"<\s*(lora|lyco|hypernet)\b", re.IGNORECASE)  # what A1111 knows besides, or is written otherwise
NUMERIC = re.compile(r"[\s\d.,+-]*")


def lora_of(said: str) -> Lora:
    """NAME or NAME:WEIGHT. Raises InputError."""
    name, colon, number = said.rpartition(":")
    weight = _number(number)
    if colon and weight is None and NUMERIC.fullmatch(number):
        sentence = f"The weight of the LoRA '{name.strip()}' is '{number.strip()}', which is no number"
        raise InputError("bad_weight", f"{sentence}. Write it as {name.strip()}:0.8.")
    if not colon or weight is None:
        name, weight = said, 1.0
    elif ":" in name and _number(name.rpartition(":")[2]) is not None:
        raise InputError("two_weights", f"'{said}' gives a LoRA two weights. Give one: it counts for image and text.")
    return _within_limits(name.strip(), weight)


def taken_out(request: Request) -> tuple[Request, tuple[Lora, ...]]:
    """The request without `<lora:NAME:WEIGHT>` in its prompt, and all that it asks for, each as often as it is named.
    Raises InputError for what is none, and where a text names one that nothing is painted from."""
    for text, called in ((request.negative_prompt, "negative prompt"), (request.source_prompt, "text of the picture")):
        if BEGUN.search(text):
            sentence = f"A LoRA in the {called} has no effect. Name it in the prompt, or take it out."
            raise InputError("misplaced_lora", sentence)
    parts = NAMED.split(request.prompt)
    named = tuple(lora_of(said) for said in parts[1::2])
    prompt = " ".join(part.strip() for part in parts[::2] if part.strip()) if named else request.prompt
    if begun := BEGUN.search(prompt):
        said = shorten(prompt[begun.start() :].partition(">")[0], 40, placeholder=" …")
        raise InputError("bad_lora", f"'{said}' in the prompt names no LoRA. Write it as <lora:name:0.8>.")
    return replace(request, prompt=prompt), (*request.loras, *named)


def weighed(asked: tuple[Lora, ...], find: Callable[[str, str], Beside], model: Model) -> dict[Beside, float]:
    """The files with their weights: those of one that is asked for twice add up, and what adds up to 0 is left out.
    Raises InputError, also where one is not for that model."""
    weights: dict[Beside, float] = {}
    for lora in asked:
        file = find("lora", lora.id)
        check_fits(file.row, model)
        weights[file] = weights.get(file, 0.0) + lora.weight
    if len(weights) > MAX_LORAS:
        raise InputError("many_loras", f"At most {MAX_LORAS} LoRAs can be used at once; these are {len(weights)}.")
    for file, weight in weights.items():
        _within_limits(file.row.id, weight)
    return {file: weight for file, weight in weights.items() if weight}


def _within_limits(name: str, weight: float) -> Lora:
    try:
        return Lora(name, weight)
    except ValueError as error:
        raise InputError("bad_lora", str(error)) from None


def _number(text: str) -> float | None:
    """With a point or, as many type it, a comma."""
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None
