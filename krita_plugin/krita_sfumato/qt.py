"""The only file that chooses between PyQt5 (Krita 5) and PyQt6 (Krita 6).

Never by trial: on a Krita 5 with a system PyQt6 the import would succeed, load a second Qt and crash.
Everywhere in this plugin enums are fully scoped, which both bindings understand.
"""

from __future__ import annotations

import sys


def _major() -> int:
    """The Qt major version of the host."""
    try:
        import pykrita  # type: ignore[import-not-found]

        return int(pykrita.qt_major_version())  # Krita 6 says it
    except (ImportError, AttributeError):
        return 6 if "PyQt6.QtCore" in sys.modules else 5


QT6 = _major() == 6

if QT6:
    from PyQt6 import sip
    from PyQt6.QtCore import *  # noqa: F403
    from PyQt6.QtGui import *  # noqa: F403
    from PyQt6.QtWidgets import *  # noqa: F403
else:
    from PyQt5 import sip  # noqa: F401
    from PyQt5.QtCore import *  # noqa: F403
    from PyQt5.QtGui import *  # noqa: F403
    from PyQt5.QtWidgets import *  # noqa: F403
