"""`sfumato calibrate`: fits a model's curve (the axis `perceived`) on one half of the pictures, judges it on the other.

Pictures are edited by maps of one grey on the axis `steps`, release fractional, at the model's own guidance. What they
change on average, the CIELAB distance to the unedited picture, makes the response r(c), a share of white's. The curve g
is its inverse, r(g(v)) = v, for every number of steps that was asked for. The report's row `steps` is of the half that
was fitted on, `perceived` of the other.

This takes hours where the model is slow, so every grey is stored when it is measured: the same command goes on where it
was stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from sfumato_wire.limits import MAX_STEPS

from sfumato import __version__
from sfumato.change_map import ChangeMap, M
from sfumato.edits import Differential
from sfumato.errors import InputError, SfumatoError
from sfumato.models import Model, find
from sfumato.models.curve import FILE, Curve, Knots, curve_of, weights_digest
from sfumato.pictures import check_output, read_canvas
from sfumato.steering import Axis
from sfumato.studio.memory import enough_memory
from sfumato.studio.picture import over_white

from .bench import Bench, Subject
from .cases import HALVES, Half, cases
from .distances import lab
from .levels import response, response_intervals, singly
from .measured import Measured

Floats = NDArray[np.float64]
GREYS = np.round(np.linspace(0, M, 17)).astype(np.uint16)  # V, black and white among them
TILT = 1 / 50  # of the straight line that is mixed into a response, so that one that rests has an inverse too
SEED = 3  # of the scenes
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True)
class Photo:
    """A picture of the user's in place of a scene."""

    file: Path
    prompt: str
    seed: int
    source_prompt: str = ""

    def picture(self, side: int) -> NDArray[np.uint8]:
        """Its middle, uint8 [side, side, 3]."""
        image = Image.fromarray(over_white(read_canvas(self.file)[0]))
        return np.asarray(ImageOps.fit(image, (side, side), Image.Resampling.LANCZOS))


def isotonic(values: Floats) -> Floats:
    """The sequence that never falls and is nearest to `values` in squares: neighbours that fall are pooled at their
    mean until none does (pool adjacent violators; Ayer et al., 1955)."""
    blocks: list[tuple[float, int]] = []
    for value in values.tolist():
        mean, count = value, 1
        while blocks and blocks[-1][0] >= mean:
            before, many = blocks.pop()
            mean, count = (before * many + mean * count) / (many + count), many + count
        blocks.append((mean, count))
    means, counts = zip(*blocks, strict=True)
    return np.repeat(means, counts)


def inverse(greys: NDArray[np.uint16], change: Floats) -> Knots:
    """The knots of g with r(g(v)) = v, for the mean change of greys that rise from 0 to 65535.

    Where the response rests or falls back (a model that has seen enough; few steps that overshoot) it is made to rise
    by `TILT` of a straight line, which is as far as g then is off. Raises InputError when white changes nothing."""
    rising = isotonic(change)
    if not np.isfinite(rising).all() or rising[-1] <= rising[0]:
        raise InputError("no_change", "White changes nothing in these pictures. Use prompts that ask for other things.")
    share = (rising - rising[0]) / (rising[-1] - rising[0])
    tilted = (1 - TILT) * share + TILT * (greys / M)
    seen = [round(value * M) for value in tilted.tolist()]
    return tuple(zip(seen, greys.tolist(), strict=True))


def measured(
    bench: Bench,
    pictures: Sequence[Subject],
    steps: int,
    axis: Axis,
    known: MutableMapping[str, list[float]] | None = None,
) -> Floats:
    """Mean change of every picture by flat maps of `GREYS`, float64 [pictures, greys]. known: what is not measured
    again; what is measured is added."""

    def edit(change_map: ChangeMap) -> Differential:
        return Differential(change_map, "fractional", axis)

    known = {} if known is None else known
    change = np.zeros((len(pictures), len(GREYS)))
    for index, grey in enumerate(GREYS[1:], 1):
        name = f"{steps} steps, axis {axis}, grey {grey}"
        if name not in known:
            shown = bench.run(edit, np.full((1, 1), grey, np.uint16), pictures, steps)
            known[name] = lab(shown, bench.roundtrips(pictures)).mean(axis=(1, 2), dtype=np.float64).tolist()
            bench.say(f"{steps} steps, axis {axis}: grey {index} of {len(GREYS) - 1}")
        change[:, index] = known[name]
    return change


def fitted(bench: Bench, change: Mapping[int, Floats]) -> Curve:
    """The curve of the bench's model: by number of steps, what pictures were measured to change on the axis `steps`."""
    curves = tuple((n, inverse(GREYS, change[n].mean(axis=0))) for n in sorted(change))
    return Curve(curves, weights_digest(bench.model), bench.guidance, bench.side, "lab", min(map(len, change.values())))


def judged(change: Floats) -> dict[str, Any]:
    """How straight a response is: `levels.response` of these pictures, r2 and slope with 95 % intervals over pictures;
    and `levels.singly`."""
    greys = GREYS / M
    found, intervals = response(change, greys), response_intervals(change, greys)
    figures: dict[str, Any] = {
        name: np.round([getattr(found, name), *bounds], 4).tolist() for name, bounds in intervals.items()
    }
    figures |= {name: round(getattr(found, name), 4) for name in ("largest_fall", "spearman")}
    figures["single"] = {name: round(value, 4) for name, value in singly(change, greys)._asdict().items()}
    return figures | {"change": found.change.round(4).tolist()}


def calibrate(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    """Carry out the options of `sfumato calibrate`; gives the report. Raises InputError, SfumatoError."""
    model, steps = find(options.model), _steps(options.steps)
    side = model.info.native if options.size is None else options.size
    out: Path = options.out or model.folder / FILE
    if options.pictures < 4:
        sentence = f"Half of the pictures are to fit on: --pictures takes 4 or more, not {options.pictures}."
        raise InputError("few_pictures", sentence)
    if options.batch < 1 or side < 64:
        raise InputError("bad_size", "--batch takes 1 or more pictures at a time, --size 64 pixels or more.")
    if options.check:
        curve_of(model)
    else:
        check_output(out)
    if options.prompt and options.pictures_folder is None:
        sentence = "--prompt says what the pictures of --pictures-folder FOLDER become. Give both, or neither."
        raise InputError("no_folder", sentence)
    fit, measure = (_pictures(options, model, half) for half in HALVES)
    key = {"weights": weights_digest(model), "side": side, "guidance": model.info.guidance_scale}
    key |= {"pictures": hashlib.sha256(repr((fit, measure)).encode()).hexdigest(), "version": __version__}
    known = Measured(None if options.check else out.with_name(out.name + ".measured"), key, "--out")
    if known:
        say(f"{len(known)} greys were measured before; going on where that stopped.")
    found: dict[int, dict[str, Any]] = {n: {} for n in steps}
    with enough_memory("Give a smaller --batch or --size."):
        bench = Bench(options.model, side, options.batch, say=_clocked(say))
        if options.check:
            bench.curve = curve_of(model)
        else:
            change = {n: measured(bench, fit, n, "steps", known) for n in steps}
            bench.curve = fitted(bench, change)
            before = _replace(out, bench.curve)  # before it is judged, which takes as long again
            for n in steps:
                found[n]["steps"] = judged(change[n])
        for n in steps:
            found[n]["perceived"] = judged(measured(bench, measure, n, "perceived", known))
    known.remove()
    report: dict[str, Any] = {"model": model.info.id, "pictures": len(measure), "side": side}
    report |= {"guidance": bench.guidance, "distance": "lab", "steps": found}
    if not options.check:
        report |= {"written": str(out), "before": before}
    return report


def _clocked(say: Callable[[str], None]) -> Callable[[str], None]:
    """With the time so far."""
    began = time.monotonic()

    def timed(line: str) -> None:
        minutes, seconds = divmod(round(time.monotonic() - began), 60)
        say(f"[{minutes}:{seconds:02}] {line}")

    return timed


def _replace(out: Path, curve: Curve) -> str | None:
    """Write the curve; where the one before it is kept, if there was another. Raises SfumatoError."""
    fresh, before = out.with_name(out.name + ".new"), out.with_name(out.name + ".bak")
    curve.write(fresh)
    try:
        if out.is_file() and out.read_bytes() != fresh.read_bytes():
            before.write_bytes(out.read_bytes())
        fresh.replace(out)
    except OSError as error:
        sentence = f"{out} cannot be written ({error.strerror}). Name another place with --out."
        raise SfumatoError("unwritable", sentence) from None
    return str(before) if before.is_file() else None


def lines(report: dict[str, Any]) -> Iterator[str]:
    """The report for people: a line for every number of steps, before and after."""
    yield (
        f"{report['model']}, measured on {report['pictures']} pictures of {report['side']} pixels, guidance "
        f"{report['guidance']:g}, distance {report['distance']}; [95 % intervals over pictures]"
    )
    yield f"{'steps':>5}  {'axis':9}  {'R2':21}  {'slope':21}  largest fall  R2 of single pictures"
    for steps, axes in report["steps"].items():
        for axis, figures in axes.items():
            shown = (figures[name] for name in ("r2", "slope"))
            straight = "  ".join(f"{value:.3f} [{low:.3f}, {high:.3f}]".ljust(21) for value, low, high in shown)
            yield f"{steps:>5}  {axis:9}  {straight}  {figures['largest_fall']:<12.3f}  {figures['single']['r2']:.3f}"
    if "written" in report:
        yield f"Written: {report['written']}"
    if report.get("before"):
        yield f"The curve before it: {report['before']}"


def _steps(text: str) -> list[int]:
    try:
        steps = sorted({int(number) for number in text.split(",")})
    except ValueError:
        steps = []
    if not steps or not all(1 <= n <= MAX_STEPS for n in steps):
        raise InputError("bad_steps", f"--steps takes numbers of 1 to {MAX_STEPS}, such as 4,8,30; this is '{text}'.")
    return steps


def _pictures(options: argparse.Namespace, model: Model, half: Half) -> Sequence[Subject]:
    """One half: none of its pictures and none of its prompts is in the other."""
    number = HALVES.index(half)
    count = (options.pictures + 1 - number) // 2
    if options.pictures_folder is None:
        if not model.info.id.startswith("sketchbook"):
            raise InputError(
                "no_pictures",
                f"{model.info.name} needs pictures to be calibrated on: --pictures-folder FOLDER, and two or "
                "more --prompt TEXT that its pictures are edited by.",
            )
        return cases(SEED, count, half=half)
    try:
        files = sorted(file for file in options.pictures_folder.iterdir() if file.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise InputError("no_folder", f"{options.pictures_folder} cannot be looked into ({error.strerror}).") from None
    prompts = list(dict.fromkeys(options.prompt))
    if len(files) < 4 or len(prompts) < 2:
        raise InputError(
            "few_pictures",
            f"There are {len(files)} pictures in {options.pictures_folder} and {len(prompts)} prompts. Half of both is "
            "kept for measuring, so give 4 pictures and 2 --prompt TEXT at least.",
        )
    files, prompts = files[number::2], prompts[number::2]
    photos = []
    for index in range(count):
        turn, file = divmod(index, len(files))  # every picture by every prompt, before any comes again
        photos.append(Photo(files[file], prompts[(file + turn) % len(prompts)], 2 * index + number))
    return photos
