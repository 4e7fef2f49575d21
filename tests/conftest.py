"""No test asks a hub for anything."""

import os
import sys

from hypothesis import settings

# How long a test takes is not what it is about: machines are busy.
settings.register_profile("calm", deadline=None)
settings.load_profile("calm")

os.environ.setdefault("HF_HUB_OFFLINE", "1")


def pytest_runtest_setup(item):
    """The studio flushes subnormal numbers for speed, and so changes this whole process; hypothesis needs them."""
    if item.get_closest_marker("hypothesis") and (torch := sys.modules.get("torch")):
        torch.set_flush_denormal(False)
