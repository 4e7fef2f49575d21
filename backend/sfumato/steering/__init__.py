"""The heart: steering a diffusers pipeline's own loop, one edit at a time."""

from sfumato.steering.grid import Grid
from sfumato.steering.reference import NoisedReference
from sfumato.steering.scheduler import Edit, Run, SteeredScheduler
from sfumato.steering.steer import Steered, rounding_of, steer, strength_for

__all__ = [
    "Edit",
    "Grid",
    "NoisedReference",
    "Run",
    "Steered",
    "SteeredScheduler",
    "rounding_of",
    "steer",
    "strength_for",
]
