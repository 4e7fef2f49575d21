"""What does not fit into memory ends in a sentence, and everything else as it would."""

from __future__ import annotations

import weakref

import pytest
import torch
from sfumato.errors import SfumatoError
from sfumato.studio.memory import enough_memory


def test_out_of_memory_is_a_sentence_and_lets_go_of_tensors() -> None:
    held: list[weakref.ref[torch.Tensor]] = []

    def work() -> None:
        tensor = torch.zeros(1)
        held.append(weakref.ref(tensor))
        raise torch.OutOfMemoryError("CUDA out of memory")

    with (
        pytest.raises(SfumatoError, match=r"memory does not suffice\. Paint less\.") as caught,
        enough_memory("Paint less."),
    ):
        work()
    assert caught.value.code == "out_of_memory"
    assert held[0]() is None


def test_other_failures_pass() -> None:
    with pytest.raises(RuntimeError, match="shapes"), enough_memory("Paint less."):
        raise RuntimeError("shapes")
