"""Sfumato: image editing where every pixel has its own strength. This registers the docker with Krita."""

from __future__ import annotations

import os
import sys

OLDEST_PYTHON = (3, 10)


def _register() -> None:
    _choose_language()
    from .application import VERSION, Application
    from .docker import Panel
    from .host import DockWidget, Host

    shared: dict[str, Application] = {}

    class SfumatoDocker(DockWidget):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            super().__init__()
            self.setWindowTitle("Sfumato")
            if not shared:
                shared["application"] = Application()
            application = shared["application"]
            panel = Panel(application.host.icon, VERSION)
            self.setWidget(panel)
            application.attach(panel)
            self._changed = application.refresh

        def canvasChanged(self, canvas: object) -> None:
            if hasattr(self, "_changed"):
                self._changed()

    Host().register_docker("sfumato", SfumatoDocker)


def _choose_language() -> None:
    """The one that Krita's user chose for Krita: before anything is made that shows words."""
    from . import language
    from .qt import QLocale

    language.use(language.choose(os.environ, QLocale().uiLanguages()))


def _say_why_not(reason: str) -> None:
    """One sentence in the terminal and the log of Krita; the docker is simply not there."""
    print(f"Sfumato: {reason}", file=sys.stderr)


if "krita" in sys.modules:  # elsewhere, in tests, there is nothing to register with
    if sys.version_info < OLDEST_PYTHON:
        _say_why_not(
            f"this Krita brings Python {sys.version_info.major}.{sys.version_info.minor}; it needs 3.10: "
            "please use Krita 5.2 or newer."
        )
    else:
        try:
            _register()
        except Exception as error:
            _say_why_not(f"the docker could not be made in this version of Krita ({type(error).__name__}: {error}).")
