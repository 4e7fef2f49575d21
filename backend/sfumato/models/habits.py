"""How a model wants to be used: what it predicts, how many steps, how much guidance; and what said so.

The tensors are asked first, then the file's own notes, then its name: people rename files, and tools forget notes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sfumato.models.families import FAMILIES

TENSORS, NOTES, CONFIG, NAME = "its tensors", "its notes", "its configuration", "its name"
# Trained to need few steps: how many, with how much guidance.
SPEEDS = {"turbo": (4, 1.0), "lightning": (4, 1.0), "lcm": (4, 1.0), "hyper": (8, 1.0), "dmd": (4, 1.0)}
SPEED_WORDS = (
    ("lightning", "lightning"),
    ("turbo", "turbo"),
    (r"(?<![a-z])lcm(?![a-z])", "lcm"),
    (r"(?<![a-z])hyper(?![a-z])|hypersd", "hyper"),
    (r"(?<![a-z])dmd2?(?![a-z])", "dmd"),
)
# By family and variant or speed, where they differ from their family's.
OWN = {
    ("sd3", "3-medium"): (28, 7.0),
    ("sd3", "3.5-medium"): (40, 4.5),
    ("sd3", "3.5-large"): (28, 3.5),
    ("flux", "schnell"): (4, 1.0),
    ("flux", "fill"): (50, 30.0),
    ("flux2", "klein"): (4, 1.0),
    ("flux2", "klein-4b"): (4, 1.0),
    ("flux2", "klein-9b"): (4, 1.0),
    ("z-image", "turbo"): (9, 0.0),
    ("qwen-image", "lightning"): (8, 1.0),
}
MIN_NATIVE, MAX_NATIVE = 256, 2048  # what is believed of a note
PREDICTIONS = {"epsilon": "epsilon", "eps": "epsilon", "v": "v", "v_prediction": "v", "v-prediction": "v"}


@dataclass
class Habits:
    """told_by: for "prediction", "speed" and "native", what said so; what the family is like is not named."""

    prediction: str = ""
    zero_snr: bool = False
    native: int = 0
    steps: int = 0
    guidance_scale: float = 0.0
    speed: str = ""
    told_by: dict[str, str] = field(default_factory=dict)


def habits(
    family: str, variant: str, tensors: Collection[str], notes: Mapping[str, str], name: str, speed: str = ""
) -> Habits:
    """What is known of a model of a family. notes: its metadata. speed: one that its configuration told of."""
    known = FAMILIES[family]
    found = Habits(known.prediction, native=known.native)
    _prediction(found, family, variant, tensors, notes, name)
    _speed(found, family, variant, tensors, notes, name, speed)
    resolution = re.fullmatch(r"(\d{3,4})(?:x(\d{3,4}))?", notes.get("modelspec.resolution", "").strip())
    side = min((int(one) for one in resolution.groups() if one), default=0) if resolution else 0
    if MIN_NATIVE <= side <= MAX_NATIVE:
        found.native = side
        found.told_by["native"] = NOTES
    elif re.search(r"(?<![a-z])(sd[-_ ]?(xl[-_ ]?)?turbo)", name.lower()):
        found.native = 512  # the first two of that kind, unlike what was made from them
        found.told_by["native"] = NAME
    return found


def _prediction(
    found: Habits, family: str, variant: str, tensors: Collection[str], notes: Mapping[str, str], name: str
) -> None:
    if found.prediction == "flow":
        return
    said = PREDICTIONS.get(notes.get("modelspec.prediction_type", "").lower(), "")
    architecture = notes.get("modelspec.architecture", "") + notes.get("ss_base_model_version", "")
    low = name.lower()
    if "v_pred" in tensors:
        found.prediction, found.told_by["prediction"] = "v", TENSORS
        found.zero_snr = "ztsnr" in tensors
    elif said:
        found.prediction, found.told_by["prediction"] = said, NOTES
    elif notes.get("ss_v_parameterization") in ("True", "False"):
        found.prediction = "v" if notes["ss_v_parameterization"] == "True" else "epsilon"
        found.told_by["prediction"] = NOTES
    elif family == "sd2" and variant:  # made from the model for 512 pixels
        found.prediction, found.native = "epsilon", 512
    elif family == "sd2" and (match := re.search(r"768-v|v2-512|sd_v2_v$|sd_v2$", architecture)):
        _second(found, match[0] in ("768-v", "sd_v2_v"), NOTES)
    elif family == "sd2" and (match := re.search(r"768|512|base|turbo", low)):
        _second(found, match[0] == "768", NAME)
    elif architecture.endswith("sd_v1_v"):
        found.prediction, found.told_by["prediction"] = "v", NOTES
    elif re.search(r"v[-_ ]?pred", low):
        found.prediction, found.told_by["prediction"] = "v", NAME
    if notes.get("ss_zero_terminal_snr") == "True":
        found.zero_snr = True


def _second(found: Habits, large: bool, told_by: str) -> None:
    """Of Stable Diffusion 2: the one for 768 pixels predicts v, the one for 512 noise."""
    found.prediction, found.native = ("v", 768) if large else ("epsilon", 512)
    found.told_by["prediction"] = told_by


def _speed(
    found: Habits, family: str, variant: str, tensors: Collection[str], notes: Mapping[str, str], name: str, speed: str
) -> None:
    known = FAMILIES[family]
    found.steps, found.guidance_scale = OWN.get((family, variant), (known.steps, known.guidance_scale))
    title = " ".join(notes.get(f"modelspec.{key}", "") for key in ("title", "architecture")) + notes.get(
        "ss_output_name", ""
    )
    if (
        family == "flux2"
        and variant.startswith("klein")
        and re.search(r"(?<![a-z])base(?![a-z])", f"{title} {name}".lower())
    ):
        found.steps, found.guidance_scale = 50, known.guidance_scale
        found.told_by["speed"] = NAME
        return
    if speed:
        found.speed, found.told_by["speed"] = speed, CONFIG
    elif "model.diffusion_model.time_embed.cond_proj.weight" in tensors or "time_embedding.cond_proj.weight" in tensors:
        found.speed, found.told_by["speed"] = "lcm", TENSORS
        found.steps, found.guidance_scale = 4, 8.0  # it was taught guidance as an input
        return
    elif in_words := speed_in(title):
        found.speed, found.told_by["speed"] = in_words, NOTES
    elif in_words := speed_in(name):
        found.speed, found.told_by["speed"] = in_words, NAME
    elif family == "z-image" and not re.search(r"z[-_ ]?image(?![-_ ]?turbo)", name.lower()):
        found.speed = "turbo"  # the other one is called Z-Image alone
    if found.speed:
        found.steps, found.guidance_scale = OWN.get((family, found.speed), SPEEDS[found.speed])
        if found.told_by.get("speed") in (NAME, NOTES) and (steps := steps_in(f"{title} {name}")):
            found.steps = steps


def speed_in(words: str) -> str:
    """Which of SPEEDS a title or file name tells of, or ""."""
    # Words in camel case are words, too; "hyper" in "HyperRealistic" is none.
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", words)
    apart = re.sub(r"hyper[-_ ]?real\w*", "", apart, flags=re.IGNORECASE).lower().replace("_", " ")
    return next((speed for pattern, speed in SPEED_WORDS if re.search(pattern, apart)), "")


def steps_in(words: str) -> int:
    """The number of steps that a name gives, 1 to 16, or 0."""
    match = re.search(r"(?<!\d)(\d{1,2})[-_ ]?steps?(?![a-z])", words.lower())
    return int(match[1]) if match and 1 <= int(match[1]) <= 16 else 0
