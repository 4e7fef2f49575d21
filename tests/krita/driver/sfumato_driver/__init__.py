"""A Krita plugin that runs a test scenario through the real widgets and writes down what happened.

The scenario file (SFUMATO_SCENARIO) has a generator `scenario(kit)`. It yields whenever Krita should go on working:
a number (seconds), or what `kit.until(...)` returns. Everything else is in `kit.py`.
"""

from __future__ import annotations

import os

if os.environ.get("SFUMATO_SCENARIO"):
    from krita import Extension, Krita

    from .kit import Kit

    class Driver(Extension):
        def setup(self) -> None:
            self.kit = Kit()
            self.kit.begin()

        def createActions(self, window) -> None:
            pass

    Krita.instance().addExtension(Driver(Krita.instance()))
