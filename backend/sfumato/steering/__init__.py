"""The heart: steering a diffusers pipeline's own loop, one edit at a time."""

from sfumato.steering.grid import Grid
from sfumato.steering.reference import FreshPath, NoisedPath, Path, RecordedPath
from sfumato.steering.release import Axis, Kind, Release
from sfumato.steering.routes import rounding_of
from sfumato.steering.run import Edit, Passes, Policy, Run
from sfumato.steering.sampler import PathSampler
from sfumato.steering.scheduler import SteeredScheduler
from sfumato.steering.steer import Steered, steer

__all__ = [
    "Axis",
    "Edit",
    "FreshPath",
    "Grid",
    "Kind",
    "NoisedPath",
    "Passes",
    "Path",
    "PathSampler",
    "Policy",
    "RecordedPath",
    "Release",
    "Run",
    "Steered",
    "SteeredScheduler",
    "rounding_of",
    "steer",
]
