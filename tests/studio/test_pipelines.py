"""Which pipelines stay loaded."""

from __future__ import annotations

import dataclasses
import weakref
from typing import Any

import pytest
import torch
from sfumato import models
from sfumato.errors import InputError, SfumatoError
from sfumato.models import ladder
from sfumato.studio.pipelines import Pipelines

SIZE = 4 * 10 * 10  # bytes of one pipeline here


class Pipe:
    def __init__(self) -> None:
        part = torch.nn.Linear(10, 10, bias=False)
        self.components = {"unet": part, "text_encoder": part, "tokenizer": object()}


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What has been loaded, in order; as real as this needs."""
    done: list[str] = []

    def load(model: models.Model, device: str) -> Any:
        done.append(model.info.id)
        return Pipe()

    monkeypatch.setattr(models, "load", load)
    monkeypatch.setattr(models, "size_of", lambda model, device: SIZE)
    monkeypatch.setattr(ladder, "place", lambda pipe, rung, device: None)
    return done


def named(name: str) -> models.Model:
    sketchbook = models.find("sketchbook")
    return dataclasses.replace(sketchbook, info=dataclasses.replace(sketchbook.info, id=name))


def test_the_one_not_used_for_longest_goes(loads: list[str]) -> None:
    pipes = Pipelines("cpu", 2 * SIZE)
    a, b, c = map(named, "abc")
    first, second = weakref.ref(pipes(a)), weakref.ref(pipes(b))
    assert pipes(a) is first()
    pipes(c)
    assert loads == ["a", "b", "c"]
    assert a in pipes
    assert b not in pipes
    assert second() is None  # its memory is free
    pipes(a)
    assert loads == ["a", "b", "c"]


def test_one_is_kept_however_large(loads: list[str]) -> None:
    pipes = Pipelines("cpu", SIZE // 2)
    assert pipes(named("a")) is pipes(named("a"))
    pipes(named("b"))
    assert loads == ["a", "b"]


def test_one_that_cannot_be_read_makes_no_other_go(loads: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pipes = Pipelines("cpu", SIZE)
    pipes(named("a"))

    def broken(model: models.Model, device: str) -> int:
        raise InputError("damaged", "b is damaged.")

    monkeypatch.setattr(models, "size_of", broken)
    with pytest.raises(InputError):
        pipes(named("b"))
    assert named("a") in pipes


def test_a_rounded_one_goes_before_it_is_loaded_unrounded(loads: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where memory was short, both would hardly fit."""
    monkeypatch.setattr(ladder, "quantise", lambda pipe: None)
    pipes, a = Pipelines("cpu", rungs=(ladder.WHOLE, ladder.QUANTISED)), named("a")
    pipes(a)
    pipes.climb(a)
    rounded = weakref.ref(pipes(a))
    assert pipes.rung_of(a) is ladder.QUANTISED
    pipes.begin()
    there: list[Any] = []

    def load(model: models.Model, device: str) -> Any:
        there.append(rounded())
        return Pipe()

    monkeypatch.setattr(models, "load", load)
    pipes(a)
    assert pipes.rung_of(a) is ladder.WHOLE
    assert there == [None]


def test_weights_that_parts_share_count_once() -> None:
    assert ladder.bytes_of(ladder.parts_of(Pipe())) == SIZE


def test_there_is_memory() -> None:
    assert 10**9 < ladder.available_memory("cpu") <= ladder.total_memory("cpu")


def test_one_that_the_computer_has_no_memory_for_is_not_begun(
    loads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system would end the process, and with it whatever else it was at."""
    pipes = Pipelines("cpu", SIZE)
    pipes(named("a"))
    monkeypatch.setattr(models, "size_of", lambda model, device: 10**15)
    sentence = r"^Sketchbook takes 931322\.6 GiB of the computer's memory, which has [\d.]+ GiB in all\. Close"
    with pytest.raises(SfumatoError, match=sentence):
        pipes(named("b"))
    assert named("a") in pipes
