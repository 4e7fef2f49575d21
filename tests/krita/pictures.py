"""Pictures for the scenarios."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def scene(path: Path) -> Path:
    """A summer meadow by the project's own painter, 384 x 256."""
    from sfumato.models.sketchbook.data import scenes
    from sfumato.models.sketchbook.paint import paint

    summer = next(s for s in scenes(3, 200) if (s.ground, s.season, s.time) == ("meadow", "summer", "day"))
    Image.fromarray(np.asarray(paint(summer, (256, 384)))).save(path)
    return path
