"""Maps made of what is there already, in a real Krita; what is checked is in the scenario."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import harness
from .test_krita import run

pytestmark = pytest.mark.krita


def test_maps_of_selections_shapes_and_brightness(krita: harness.Krita, tmp_path: Path) -> None:
    run(krita, "map_sources", tmp_path)
