"""Sfumato: image editing where every pixel has its own strength.

from sfumato import ChangeMap, Differential, steer

with steer(pipe, Differential(ChangeMap.open("map.png"))) as steered:
    image = steered(prompt="...", image=canvas, num_inference_steps=30).images[0]
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sfumato.change_map import ChangeMap
    from sfumato.edits import Differential
    from sfumato.steering import steer

__version__ = "0.1.0"
__all__ = ["ChangeMap", "Differential", "steer"]

# Loaded when first used (PEP 562): the server imports this package and must never see torch.
_HOMES = {"ChangeMap": "sfumato.change_map", "Differential": "sfumato.edits", "steer": "sfumato.steering"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'sfumato' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
