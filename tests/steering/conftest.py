"""Tiny tensors: a second thread only costs."""

import pytest
import torch
from steering import tiny

torch.set_num_threads(1)


@pytest.fixture(params=list(tiny.FAMILIES))
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)
