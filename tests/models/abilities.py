"""What can be done with which kind of checkpoint: the tables of docs/models.md, every yes and no of which
test_abilities.py measures.

`PYTHONPATH=tests python -c "from models.abilities import page; print(page())" > docs/models.md` writes the page anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from models import original
from models import tiny_checkpoints as tiny
from sfumato.edits import EDITS
from sfumato.models.checkpoints import CONFIGS

OTHERS = {"lora": "LoRA", "controlnet": "ControlNet", "vae": "another VAE"}
GIB = 2**30


@dataclass(frozen=True)
class Kind:
    """name: as painters know it. make: a tiny one. without: what cannot be done with it. file: whether a single file
    is loaded."""

    name: str
    family: str
    make: Callable[[], Any]
    variant: str = ""
    without: tuple[str, ...] = ()
    file: bool = True


KINDS = (
    Kind("Stable Diffusion 1.x", "sd15", tiny.sd15),
    Kind("1.x for inpainting", "sd15", partial(tiny.sd15, in_channels=9), "inpainting"),
    Kind("Stable Diffusion 2.x", "sd2", partial(tiny.sd15, 1024, "gelu", use_linear_projection=True)),
    Kind("2.x for inpainting", "sd2", tiny.sd2_inpainting, "inpainting"),
    Kind("Stable Diffusion XL", "sdxl", tiny.sdxl),
    Kind("XL for inpainting", "sdxl", partial(tiny.sdxl, in_channels=9), "inpainting"),
    Kind("Stable Diffusion 3, 3.5", "sd3", tiny.sd3, without=("controlnet",)),
    Kind("Flux", "flux", tiny.flux),
    Kind("Flux Fill", "flux", partial(tiny.flux, 384, 16, guided=True), "fill"),
    Kind("Flux.2 Klein", "flux2", tiny.flux2_klein, without=("controlnet",), file=False),
    Kind("Qwen-Image", "qwen-image", tiny.qwen_image, without=("controlnet",), file=False),
    Kind("Z-Image", "z-image", tiny.z_image, without=("controlnet",), file=False),
)
REAL = {
    "sd15": "Stable Diffusion 1.x",
    "sd2": "Stable Diffusion 2.x",
    "sdxl": "Stable Diffusion XL",
    "sd3-3.5-medium": "Stable Diffusion 3.5 medium",
    "sd3-3.5-large": "Stable Diffusion 3.5 large",
    "flux-dev": "Flux dev, schnell",
}
CARDS = (4, 6, 8, 10, 12, 16, 24, 32, 48, 80)
WORKING = 1.5  # GiB, set aside for what is no weight


def page() -> str:
    """docs/models.md."""
    columns = [*(edit.INFO.name for edit in EDITS.values()), *OTHERS.values()]
    lines = [_INTRODUCTION, f"| | folder | single file | {' | '.join(columns)} |", "|---" * (len(columns) + 3) + "|"]
    for kind in KINDS:
        able = [True, kind.file, *(name not in kind.without for name in [*EDITS, *OTHERS])]
        lines.append(" | ".join([f"| {kind.name}", *("yes" if one else "no" for one in able)]) + " |")
    lines += [_MEMORY, "| | weights | largest part | all on a card of | taking turns on a card of |", "|---" * 5 + "|"]
    for config, name in REAL.items():
        sizes = _sizes(config)
        lines.append(
            f"| {name} | {sum(sizes):.1f} GiB | {max(sizes):.1f} GiB | {_card(sum(sizes))} | {_card(max(sizes))} |"
        )
    return "\n".join(lines)


def _card(weights: float) -> str:
    return next(f"{card} GB" for card in CARDS if 0.9 * card * 10**9 / GIB >= weights + WORKING)


@cache
def _sizes(config: str) -> tuple[float, ...]:
    """GiB of each network in half precision."""
    networks = vars(original.without_contents(CONFIGS / config)).values()
    return tuple(sum(weight.numel() for weight in network.parameters()) * 2 / GIB for network in networks)


_INTRODUCTION = """\
# Which models, and what with them

Printed by `PYTHONPATH=tests python -c "from models.abilities import page; print(page())"`; a test paints with each of
these, as folders of diffusers and as single files, and fails when a yes or a no is not so. They are tiny there, of the
real classes and in the real formats, with random weights: real weights were not at hand.
"""
_MEMORY = """
## How much memory they take

| graphics card | what to begin with |
|---|---|
| 4 to 6 GB | Stable Diffusion 1.x and 2.x and what was made from them |
| 8 to 12 GB | Stable Diffusion XL and what was made from it |
| 16 GB | Stable Diffusion 3.5 medium, its parts taking turns |
| 24 GB | all of Stable Diffusion 3.5 medium; Flux, its layers taking turns |
| 48 GB | all of Flux |

That is calculated, not measured, from the weights in half precision: which card has room for all of them, or for the
largest part, and for another 1.5 GiB to work with, when a tenth of the card is left to the system. Where a card has
less, the layers take turns.
"""
