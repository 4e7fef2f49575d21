"""What of a large picture reaches the backend, and what of a large layer reaches the picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import harness
from .scripted import Scripted

pytestmark = pytest.mark.krita


def test_a_picture_is_read_as_it_was_when_apply_was_pressed(krita: harness.Krita, tmp_path: Path) -> None:
    backend = Scripted(tmp_path / "state")
    try:
        scenario = harness.HERE / "scenarios" / "bands.py"
        report = krita.run(scenario, tmp_path, extra={"SFUMATO_HOME": str(tmp_path / "state")})
    finally:
        backend.stop()
    assert report.error is None, report.error
    assert not report.failures
    assert len(backend.asked) == 2
    for name, (request, blobs) in zip(("a map that is seen", "a hidden one"), backend.asked, strict=True):
        assert blobs[request.canvas.digest] == (tmp_path / f"{name}.raw").read_bytes(), name
