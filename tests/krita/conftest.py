"""One Krita home for all scenarios: the first start of a fresh one is slow."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from . import harness


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "krita: runs a real Krita on a virtual display")


@pytest.fixture(scope="session")
def krita(tmp_path_factory: pytest.TempPathFactory) -> harness.Krita:
    if reason := harness.missing():
        pytest.skip(reason)
    home = harness.Krita(tmp_path_factory.mktemp("krita"))
    home.install()
    home.starts_backend(sys.executable)
    return home


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from .pictures import scene

    return scene(tmp_path_factory.mktemp("scene") / "scene.png")
