"""How large the evaluation is: every number that costs time, in one table.

`small` is what every change is checked with, `medium` what a model is looked at with; the documented figures of
Sketchbook come from `full`, those of its siblings from `medium`. A step of a guided
picture costs two halves (`Bench.work`), a picture decoded about as much as five.
"""

from __future__ import annotations

from dataclasses import dataclass

from sfumato.evaluation.bench import OWN


@dataclass(frozen=True)
class Place:
    """One schedule, and the maps that are followed on it. One that a model does not run with is left out."""

    scheduler: str
    steps: int
    maps: tuple[str, ...] = ("gradient",)


@dataclass(frozen=True)
class Curve:
    """A response curve: so many steps, evenly spaced greys beside black, pictures, and whose."""

    steps: int
    greys: int
    pictures: int
    contenders: tuple[str, ...]


@dataclass(frozen=True)
class Size:
    """side: of the pictures. contenders: whose; none for all. Fields are named after the experiments that use them;
    success_cases and success_steps serve all that judge edits by the truth. composited: whose edits are laid over the
    canvas in every way."""

    name: str
    side: int
    contenders: tuple[str, ...]
    adherence_cases: int
    grid: tuple[Place, ...]
    curves: tuple[Curve, ...]
    kept_cases: int
    kept_steps: int
    composites: tuple[str, ...]
    seam_cases: int
    seam_contenders: tuple[str, ...]
    composited: str
    success_cases: int
    success_steps: int
    strengths: tuple[float, ...]
    found_cases: int
    noises: int
    levels: tuple[float, ...]
    inversion_cases: int
    inversion_seeds: int
    inversion_steps: tuple[int, ...]


THREE = ("gradient", "complex", "triangle")
FEW = ("ours, whole", "ours", "ours, perceived", "exx8", "plain inpainting")
THRESHOLDS = ("ours, whole", "exx8", "diffusers Flux", "ComfyUI", "InvokeAI", "blended latent diffusion")
SOFT = "A1111 soft inpainting"
SEAMS = ("ours, whole", "ours", "ours, perceived", "exx8", SOFT, "blended latent diffusion")

SMALL = Size(
    name="small",
    side=128,
    contenders=FEW,
    adherence_cases=6,
    grid=(Place(OWN, 4, THREE),),
    curves=(Curve(4, 8, 8, FEW),),
    kept_cases=1,
    kept_steps=4,
    composites=("smooth",),
    seam_cases=6,
    seam_contenders=("ours", "plain inpainting"),
    composited="ours",
    success_cases=6,
    success_steps=6,
    strengths=(0.34, 0.67, 1.0),
    found_cases=6,
    noises=4,
    levels=(0.5,),
    inversion_cases=3,
    inversion_seeds=2,
    inversion_steps=(6,),
)

MEDIUM = Size(
    name="medium",
    side=128,
    contenders=(),
    adherence_cases=18,
    grid=(Place(OWN, 4, THREE), Place(OWN, 20)),
    curves=(Curve(4, 16, 48, FEW), Curve(20, 10, 24, ("ours, perceived", "exx8"))),
    kept_cases=1,
    kept_steps=8,
    composites=("smooth", "plain", "difference"),
    seam_cases=12,
    seam_contenders=("ours", "ours, perceived", "exx8", "plain inpainting"),
    composited="ours",
    success_cases=12,
    success_steps=20,
    strengths=(0.25, 0.5, 0.75, 1.0),
    found_cases=12,
    noises=4,
    levels=(0.3, 0.5, 0.7),
    inversion_cases=3,
    inversion_seeds=2,
    inversion_steps=(20,),
)

FULL = Size(
    name="full",
    side=128,
    contenders=(),
    adherence_cases=34,  # the first two tell who reads a map alike; the others are whole batches
    grid=(
        Place(OWN, 4, THREE),
        Place(OWN, 8),
        Place(OWN, 20, THREE),
        Place(OWN, 50),
        Place("DPM++ 2M", 4),
        Place("DPM++ 2M", 8),
        Place("DPM++ 2M", 20),
        Place("Euler", 4),
        Place("Euler", 8),
        Place("Euler", 20),  # at 50 the schedulers agree
    ),
    curves=(
        Curve(4, 128, 200, ("ours, perceived", *THRESHOLDS)),
        Curve(4, 16, 24, ("ours", "ours, noise", "ours, perceived", "ours, spend", SOFT)),
        Curve(30, 10, 200, ("ours, perceived",)),
        Curve(30, 10, 24, ("ours", "ours, perceived", *THRESHOLDS, SOFT)),
    ),
    kept_cases=4,
    kept_steps=8,
    composites=("smooth", "plain", "difference"),
    seam_cases=36,
    seam_contenders=(*SEAMS, "plain inpainting"),
    composited="ours",
    success_cases=36,
    success_steps=20,
    strengths=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
    found_cases=48,
    noises=10,
    levels=(0.1, 0.3, 0.5, 0.7, 0.9),
    inversion_cases=6,
    inversion_seeds=3,
    inversion_steps=(20, 50),
)

SIZES = {size.name: size for size in (SMALL, MEDIUM, FULL)}
