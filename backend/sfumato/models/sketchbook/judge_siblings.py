"""How often any of the built-in models paints what it is asked for:
``python -m sfumato.models.sketchbook.judge_siblings sketchbook-4 --out DIR``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from sfumato import models

from .command import answer, writable
from .judge import generated

SIDE = 256


def judge(name: str, steps: int | None, guidance: float | None, pictures: int, out: Path) -> dict[str, float]:
    """By attribute, the share of pictures in which the classifier sees what was asked for; a sheet of them in ``out``.

    steps, guidance: None for the model's own. Raises InputError for a model that is none.
    """
    model = models.find(name)
    writable(out, "--out")
    pipe = models.load(model, "cpu")
    from diffusers import AutoPipelineForText2Image  # after loading, which quiets what is for programmers

    create = AutoPipelineForText2Image.from_pipe(pipe)
    create.set_progress_bar_config(disable=True)
    more = {"max_sequence_length": 0} if model.info.family == "sd3" else {}  # nothing reads a third encoder's words
    return generated(
        create,
        model.info.steps if steps is None else steps,
        model.info.guidance_scale if guidance is None else guidance,
        pictures,
        out / f"{name}.png",
        height=SIDE,
        width=SIDE,
        **more,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sfumato.models.sketchbook.judge_siblings", description=__doc__)
    parser.add_argument("model", help=f"one of {', '.join(models.CATALOGUE)}")
    parser.add_argument("--out", type=Path, required=True, help="folder for the sheet")
    parser.add_argument("--steps", type=int, help="default: the model's own")
    parser.add_argument("--guidance", type=float, help="default: the model's own")
    parser.add_argument("--probe", type=int, default=80, help="pictures to generate (default: 80)")
    parsed = parser.parse_args(arguments)
    for name, most in (("steps", 1000), ("probe", 10_000), ("guidance", 100)):
        value, least = getattr(parsed, name), 0 if name == "guidance" else 1
        if value is not None and not least <= value <= most:
            parser.error(f"--{name} must be {least} to {most}")
    return answer(
        lambda: print(
            json.dumps(judge(parsed.model, parsed.steps, parsed.guidance, parsed.probe, parsed.out), indent=1)
        )
    )


if __name__ == "__main__":
    raise SystemExit(main())
