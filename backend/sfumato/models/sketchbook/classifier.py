"""Names what a Sketchbook picture shows: a small convolutional network with one softmax per attribute of a scene.

It judges generated pictures and edits, and its maps are the perceptual distance of `sfumato.evaluation.distances`.
Batch norms are affine once trained, so a map depends on nothing but the pixels in its receptive field: a distance made
from it stays where the change is.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from sfumato.errors import InputError

from . import CLASSIFIER
from .scene import CHOICES, Scene

FILE = "classifier.safetensors"
SIDE = 128  # what the network sees; larger pictures are averaged down
ATTRIBUTES: dict[str, tuple[str | bool, ...]] = {**CHOICES, "sun": (False, True)}
WIDTHS, BLOCKS = (24, 48, 96, 160), (0, 0, 1, 1)
GRID, GRID_WIDTH = 4, 32  # where things are: the last map again, in 4x4 cells and few channels
BATCH = 64


def visible(name: str, scene: Scene) -> bool:
    """Whether the attribute shows at all: colour and place need an object, an amount needs trees."""
    if name in ("colour", "place"):
        return scene.object != "none"
    return name != "amount" or scene.trees != "none"


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _convolution(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x + self.second(self.first(x)))


def _convolution(before: int, after: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU())


class Classifier(nn.Module):
    """Four stages that halve the picture; the heads read the last map's mean, its maximum and its 4x4 cells."""

    def __init__(self) -> None:
        super().__init__()
        stages, before = [], 3
        for width, blocks in zip(WIDTHS, BLOCKS, strict=True):
            stages.append(nn.Sequential(_convolution(before, width, 2), *(_Residual(width) for _ in range(blocks))))
            before = width
        self.stages = nn.ModuleList(stages)
        self.grid = nn.Conv2d(before, GRID_WIDTH, 1)
        seen = 2 * before + GRID * GRID * GRID_WIDTH
        self.scales: torch.Tensor  # of `differences`, on average between unrelated scenes
        self.register_buffer("scales", torch.ones(len(WIDTHS)))
        self.heads = nn.ModuleDict({name: nn.Linear(seen, len(options)) for name, options in ATTRIBUTES.items()})

    def maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Of pictures [n, 3, h, w] in 0..1, the map after every stage: [n, 24, h/2, w/2] to [n, 160, h/16, w/16]."""
        x, found = 2 * x - 1, []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return found

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Scores before the softmax, [n, options] per attribute, of pictures [n, 3, 128, 128] in 0..1."""
        last = self.maps(x)[-1]
        cells = F.adaptive_avg_pool2d(self.grid(last), GRID).flatten(1)
        seen = torch.cat([last.mean((2, 3)), last.amax((2, 3)), cells], 1)
        return {name: head(seen).float() for name, head in self.heads.items()}

    def attributes(self, pictures: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Probabilities [n, options] per attribute, in the order of ATTRIBUTES, of square pictures [n, h, h, 3]."""
        if pictures.ndim == 4 and pictures.shape[1] != pictures.shape[2]:
            height, width = pictures.shape[1:3]
            raise InputError("picture", f"The classifier names square pictures, not {width} x {height}: crop them.")
        parts = []
        with torch.inference_mode():
            for batch in self._batches(pictures):
                parts.append(self(F.interpolate(batch, (SIDE, SIDE), mode="area")))
        return {name: torch.cat([part[name].softmax(1) for part in parts]).cpu().numpy() for name in ATTRIBUTES}

    def features(self, pictures: NDArray[np.uint8]) -> list[torch.Tensor]:
        """The map after every stage, of pictures uint8 [n, h, w, 3] of any shape.

        The shorter side is averaged down by the whole number that brings it closest to 128 from above, so that things
        have the size the network knows.
        """
        parts = []
        with torch.inference_mode():
            for batch in self._batches(pictures):
                factor = max(1, min(batch.shape[2:]) // SIDE)
                size = tuple(max(1, side // factor) for side in batch.shape[2:])
                parts.append(self.maps(F.interpolate(batch, size, mode="area")))
        return [torch.cat(maps) for maps in zip(*parts, strict=True)]

    def differences(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> list[torch.Tensor]:
        """Per stage, the squared distance [n, h', w'] of the two pictures' features, each of unit length over the
        channels, in units of what it is on average between unrelated scenes. Exactly 0 for equal pictures."""
        pairs = zip(self.features(first), self.features(second), self.scales, strict=True)
        return [(F.normalize(a) - F.normalize(b)).square().sum(1) / scale for a, b, scale in pairs]

    def _batches(self, pictures: NDArray[np.uint8]) -> list[torch.Tensor]:
        if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[3] != 3 or not pictures.size:
            raise InputError("picture", "Give the pictures as one uint8 array [n, height, width, 3].")
        device = next(self.parameters()).device
        return [to_unit(pictures[start : start + BATCH], device) for start in range(0, len(pictures), BATCH)]


def to_unit(pictures: NDArray[np.uint8], device: torch.device) -> torch.Tensor:
    """uint8 [n, h, w, 3] to 0..1 [n, 3, h, w]."""
    return torch.from_numpy(np.array(pictures)).to(device).permute(0, 3, 1, 2).float() / 255


def accuracy(
    probabilities: dict[str, NDArray[np.float32]],
    what: list[Scene],
    counts: Callable[[str, Scene], bool] = visible,
) -> dict[str, float]:
    """Share of the scenes whose attribute is the likeliest, per attribute, over those scenes where it counts."""
    found = {}
    for name, options in ATTRIBUTES.items():
        guesses = probabilities[name].argmax(1)
        pairs = zip(guesses, what, strict=True)
        right = [options[guess] == getattr(scene, name) for guess, scene in pairs if counts(name, scene)]
        if right:
            found[name] = float(np.mean(right))
    return found


def save_classifier(network: Classifier, folder: Path) -> None:
    """Writes it into a folder that is there, in half precision; the order of the attributes travels with it."""
    values = network.state_dict().items()
    halves = {name: value.half().contiguous() if value.is_floating_point() else value for name, value in values}
    save_file(halves, folder / FILE, metadata={"format": "pt", "attributes": json.dumps(ATTRIBUTES)})


@functools.cache
def load_classifier(folder: Path = CLASSIFIER) -> Classifier:
    """The trained network in float32 on the CPU, ready to judge. InputError for what is not its file."""
    file, network = folder / FILE, Classifier()
    try:
        with safe_open(file, "pt") as opened:
            names = (opened.metadata() or {}).get("attributes")
            state = {name: opened.get_tensor(name) for name in opened.keys()}
    except (OSError, SafetensorError) as error:
        raise InputError("classifier", f"The classifier {file} could not be read ({error}): train it again.") from error
    if names != json.dumps(ATTRIBUTES):
        raise InputError("classifier", f"The classifier {file} names other attributes: train it again.")
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)
