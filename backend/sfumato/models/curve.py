"""The axis `perceived`: a curve that is the model's own, so that measured change is linear in grey.

A model answers the steps it is given in a way of its own: half of them rarely make half of the change. Its curve g says
which share of the steps makes a share v of the full change. `sfumato calibrate` measures it and stores it beside the
weights; with other weights it holds no longer, and says so.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sfumato_wire.levels import FULL as M

from sfumato.errors import InputError, SfumatoError

if TYPE_CHECKING:
    from sfumato.models import Model

VERSION = 2
FILE = "calibration.json"  # in the model's folder
Knots = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Curve:
    """curves: by number of steps, rising, the knots of g: (grey, share of the steps), both 0..65535, from (0, 0) to
    (65535, 65535); greys rise, shares never fall. Between knots g is a straight line.

    weights: SHA-256 of the denoiser's weights. guidance, side, distance, pictures: how it was measured, side in pixels,
    and on how many.
    Raises ValueError, saying what is wrong with it.
    """

    curves: tuple[tuple[int, Knots], ...]
    weights: str
    guidance: float
    side: int
    distance: str
    pictures: int

    def __post_init__(self) -> None:
        steps = [n for n, _ in self.curves]
        _demand(bool(steps) and all(_whole(n, 1) for n in steps), "it is not measured for any number of steps")
        _demand(all(a < b for a, b in pairwise(steps)), "its numbers of steps do not rise")
        for n, knots in self.curves:
            of = f"the curve of {n} steps"
            _demand(len(knots) > 1 and all(len(knot) == 2 for knot in knots), f"{of} has no pairs of numbers")
            _demand(all(_whole(x, 0, M) for knot in knots for x in knot), f"{of} has numbers outside 0..{M}")
            _demand(knots[0] == (0, 0) and knots[-1] == (M, M), f"{of} does not keep black and white")
            _demand(all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(knots)), f"{of} falls")
        _demand(isinstance(self.weights, str) and len(self.weights) == 64, "it does not name its weights")
        measured = isinstance(self.distance, str) and _whole(self.side, 1) and _whole(self.pictures, 1)
        _demand(measured, "it does not say how it was measured")
        _demand(type(self.guidance) in (int, float) and 0 <= self.guidance <= 100, "its guidance is not within 0..100")

    def table(self, steps: int) -> NDArray[np.uint16]:
        """g for so many steps, uint16 [65536], never falling, 0 at 0 and 65535 at 65535.

        Between two measured numbers of steps it lies between their curves, linear in 1 / N, as the error of a solver
        is; outside of them it is the nearest one's. In integers, so that it is the same everywhere.
        """
        below = max((c for c in self.curves if c[0] <= steps), default=self.curves[0])
        above = min((c for c in self.curves if c[0] >= steps), default=self.curves[-1])
        few, many = _drawn(below[1]), _drawn(above[1])
        if below[0] == above[0]:
            return few.astype(np.uint16)
        # (1 / N - 1 / N_many) / (1 / N_few - 1 / N_many), as a fraction
        share, whole = below[0] * (above[0] - steps), steps * (above[0] - below[0])
        return ((2 * (share * few + (whole - share) * many) + whole) // (2 * whole)).astype(np.uint16)

    @classmethod
    def read(cls, file: Path) -> Curve:
        """The curve in a file. Raises InputError with a sentence for a file that is none, or another version's."""
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
            _demand(isinstance(data, dict), "it is not a JSON object")
            version = data.pop("version", None)
            _demand(
                type(version) is int and version == VERSION,
                f"it is of version {version!r}, and this program knows {VERSION}",
            )
            names = set(cls.__dataclass_fields__)
            _demand(set(data) == names, f"it must have exactly the names version, {', '.join(sorted(names))}")
            return cls(**data | {"curves": _curves(data["curves"])})
        except (OSError, ValueError, RecursionError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            sentence = f"{file.name} cannot be used as a curve: {reason}. Make one with `sfumato calibrate`."
            raise InputError("bad_curve", sentence) from None

    def write(self, file: Path) -> None:
        """As JSON, swapped in whole. Raises SfumatoError when that cannot be."""
        data = {"version": VERSION, **asdict(self), "curves": {str(n): knots for n, knots in self.curves}}
        fresh = file.with_name(file.name + ".part")
        try:
            fresh.write_text(json.dumps(data) + "\n", encoding="utf-8")
            fresh.replace(file)
        except OSError as error:
            sentence = f"{file} cannot be written ({error.strerror}). Name another place with --out."
            raise SfumatoError("unwritable", sentence) from None


def curve_of(model: Model) -> Curve:
    """The curve that lies beside a model's weights. Raises InputError when there is none or it is of other weights."""
    info, file = model.info, model.folder / FILE
    way = f"Measure one with `sfumato calibrate {info.id}`, or choose the axis 'steps'."
    if not file.is_file():
        raise InputError("no_curve", f"{info.name} has no curve for the axis 'perceived' yet. {way}")
    curve = Curve.read(file)
    if curve.weights != weights_digest(model):
        raise InputError("stale_curve", f"The curve of {info.name} was measured with other weights. {way}")
    return curve


def weights_digest(model: Model) -> str:
    """SHA-256 of the weights of a model's denoiser, in hex, with those of its base that they are a change of. Raises
    SfumatoError where there are none."""
    digest = hashlib.sha256()
    for part in ("unet", "transformer"):
        if own := sorted((model.folder / part).glob("*.safetensors")):
            shared = sorted((model.base / part).glob("*.safetensors")) if model.base else []
            for file in (*own, *shared):
                stat = file.stat()
                digest.update(_digest(file, stat.st_mtime_ns, stat.st_size))
            return digest.hexdigest()
    raise SfumatoError("no_weights", f"The weights of {model.info.name} are missing. Install it again.")


@lru_cache(maxsize=16)
def _digest(file: Path, changed: int, size: int) -> bytes:
    """Weights of gigabytes are read once, as long as they stay."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()


def _drawn(knots: Knots) -> NDArray[np.int64]:
    """Straight lines through the knots at all of 0..65535, rounded half up; int64."""
    x, y = np.array(knots, np.int64).T
    at = np.arange(M + 1)
    i = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    run, rise = x[i + 1] - x[i], y[i + 1] - y[i]
    return np.asarray(y[i] + (2 * rise * (at - x[i]) + run) // (2 * run), np.int64)


def _curves(data: Any) -> tuple[tuple[int, Knots], ...]:
    """From JSON, where numbers of steps are names and pairs are lists."""
    right = isinstance(data, dict) and all(isinstance(knots, list) for knots in data.values())
    right = right and all(isinstance(knot, list) for knots in data.values() for knot in knots)
    _demand(right and all(name.isascii() and name.isdigit() for name in data), "its curves are not lists by steps")
    return tuple((n, tuple(map(tuple, data[name]))) for n, name in sorted((int(name), name) for name in data))


def _whole(value: Any, least: int, most: int | None = None) -> bool:
    return type(value) is int and least <= value and (most is None or value <= most)


def _demand(condition: bool, otherwise: str) -> None:
    if not condition:
        raise ValueError(otherwise)
