"""Sketchbook: the small text-to-picture model that ships inside Sfumato.

Importing this package is cheap: nothing here needs torch or numpy. The model itself is an ordinary diffusers folder
at ``WEIGHTS``; the code beside it paints the scenes it was trained on, trains it and assembles it.
"""

from __future__ import annotations

from pathlib import Path

WEIGHTS: Path = Path(__file__).resolve().parent / "weights"
"""Folder for ``StableDiffusionPipeline.from_pretrained``."""

FEW_STEPS: Path = WEIGHTS.with_name("few_steps")
"""What the sibling for few steps adds to it."""

FLOW: Path = WEIGHTS.with_name("flow")
"""The flow-matching sibling's own parts."""

CLASSIFIER: Path = WEIGHTS.with_name("classifier")
"""What names the attributes of a picture, to judge the others."""

__all__ = ["CLASSIFIER", "FEW_STEPS", "FLOW", "WEIGHTS"]
