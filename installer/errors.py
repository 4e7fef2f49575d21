"""The one way the installer fails."""

from __future__ import annotations


class Stop(Exception):
    """It cannot go on. The text is for a person: it names the thing and the next action."""
