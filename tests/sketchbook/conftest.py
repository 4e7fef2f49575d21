"""Smoke training, once for all tests that start from its checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest
from sfumato.models.sketchbook.train import train
from sketchbook.smoke import SMOKE


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoints of the first three stages, and the pictures they saw in ``data``."""
    out = tmp_path_factory.mktemp("sketchbook")
    for stage in ("vae", "text", "denoiser"):
        train(stage, out, out / "data", SMOKE)
    return out
