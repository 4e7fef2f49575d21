"""index.html: one file with everything in it, for a stranger to look at. Runs in the environment."""

from __future__ import annotations

import base64
import html
import math
import re
from pathlib import Path

from .pictures import Measured

TEMPLATE = Path(__file__).with_name("page.html")


def write(folder: Path, measured: Measured, seconds: dict[str, float], words: dict[str, str]) -> Path:
    """The page beside the pictures; words: before, prompt, command, model, device."""
    values = {name: html.escape(text) for name, text in words.items()}
    for name in ("canvas", "map", "layer", "result"):
        values[name] = f"data:image/png;base64,{base64.b64encode((folder / f'{name}.png').read_bytes()).decode()}"
    change = [0.0 if math.isnan(value) else value for value in measured.change_by_grey]
    top = max(change) or 1.0
    values |= {
        "untouched": str(measured.untouched),
        "black": f"{measured.black:,}",
        "bars": "".join(f'<div style="height:{100 * value / top:.1f}%"></div>' for value in change),
        "bar_words": ", ".join(f"{value:.0f}" for value in change),
        "times": "".join(
            f"<tr><td>{html.escape(stage)}</td><td>{value:.1f} s</td></tr>" for stage, value in seconds.items()
        ),
    }
    page = folder / "index.html"
    page.write_text(fill(TEMPLATE.read_text(encoding="utf-8"), values), encoding="utf-8")
    return page


def fill(template: str, values: dict[str, str]) -> str:
    """The template with every {{name}} replaced, in one pass: what a value contains is never looked into."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)
