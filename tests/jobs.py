"""A request as the plugin would send it, with the bytes of its pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from sfumato_wire import Pixels, Request, digest_of


def job(canvas: np.ndarray, grey: np.ndarray | None, **fields: Any) -> tuple[Request, bytes, bytes]:
    """For the whole canvas, RGBA uint8 [h, w, 4]. grey: the map, uint16 [h, w]; None is a job that finds one."""
    height, width = canvas.shape[:2]
    data, values = canvas.tobytes(), b"" if grey is None else grey.astype("<u2").tobytes()
    plain: dict[str, Any] = {"model": "sketchbook", "edit": "differential", "width": width, "height": height}
    plain |= {"canvas": Pixels(0, 0, width, height, "rgba8", digest_of(data)), "change_map": None, "task": "map"}
    if grey is not None:
        pixels = Pixels(0, 0, grey.shape[1], grey.shape[0], "gray16", digest_of(values))
        plain |= {"change_map": pixels, "task": "edit"}
    return Request(**plain | fields), data, values
