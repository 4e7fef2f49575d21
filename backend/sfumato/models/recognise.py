"""What a file of weights is: its kind, its family, how it wants to be used, and what else it needs. From its header."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from operator import itemgetter

from sfumato.models.companions import companion
from sfumato.models.denoisers import Denoiser, denoiser
from sfumato.models.families import FAMILIES, Part, hub_of
from sfumato.models.habits import habits
from sfumato.models.header import Header, Tensors, shown

DTYPES = {"F64": "fp64", "F32": "fp32", "F16": "fp16", "BF16": "bf16", "F8_E4M3": "fp8", "F8_E5M2": "fp8"}
# Weights that were packed by another program, which cannot be told from plain ones by those who load them.
PACKED = ("scaled_fp8", ".scale_weight", ".weight_scale", ".comfy_quant", ".qweight", ".absmax", "__nf4", "__fp4")
UNUSABLE = {
    "instruct-pix2pix": "is made to follow instructions (InstructPix2Pix)",
    "depth": "also reads a picture of depths",
    "upscaler": "is made to enlarge pictures",
    "unclip": "reads pictures instead of text (unCLIP)",
    "control": "also reads a picture that guides it (Flux Control)",
    "unusual": "has a number of input channels that no model here has",
}


@dataclass(frozen=True)
class Missing:
    """A part that a model needs and does not bring. hub: where a model is that has it; get: the next action, in words.

    needed: whether nothing works without it.
    """

    part: str
    component: str
    hub: str
    needed: bool = True

    @property
    def get(self) -> str:
        return f"`sfumato models get {self.hub}` brings a whole model that has it"


@dataclass(frozen=True)
class Found:
    """kind: "checkpoint", "lora", "vae", "controlnet", "text-encoder" or "unknown". family: of FAMILIES, or "".

    variant: what it is within its family, such as "inpainting", "fill", "schnell". layout: "folder", "original",
    "diffusers", "kohya" or "peft": how its tensors are named. prediction: "epsilon", "v", "flow"; zero_snr: whether its
    noisiest level has no signal left. native: side in pixels. speed: a kind that needs few steps, or "". told_by: what
    said so where it was not the tensors. dtype: of most tensors. bytes: on disk. problem: one sentence, or "".

    saved_as: the variant under which a folder keeps its weights, such as "fp16".
    """

    kind: str = "unknown"
    family: str = ""
    variant: str = ""
    layout: str = ""
    prediction: str = ""
    zero_snr: bool = False
    native: int = 0
    steps: int = 0
    guidance_scale: float = 0.0
    speed: str = ""
    told_by: dict[str, str] = field(default_factory=dict)
    dtype: str = ""
    bytes: int = 0
    missing: tuple[Missing, ...] = ()
    problem: str = ""
    saved_as: str = ""


def recognise(header: Header, name: str) -> Found:
    """What a file is that has this header and this name (without its folder)."""
    found = _recognised(header, name)
    if not found.problem and _packed(header.tensors):
        said = "holds weights that another program packed (fp8 with scales, or 4 bits). Get it as bf16 or fp16"
        found = replace(found, problem=f"{shown(name)} {said}.")
    return found


def _recognised(header: Header, name: str) -> Found:
    tensors, notes = header.tensors, header.metadata
    found = Found(dtype=dtype_of(tensors), bytes=header.size)
    stem = name.rpartition(".")[0] or name
    if other := companion(tensors, notes, stem):
        if other.kind in ("lora", "controlnet") or not (whole := denoiser(tensors)):
            problem = f"{shown(name)} {other.problem}." if other.problem else ""
            told_by = {"family": other.by_name} if other.by_name else {}
            found = replace(found, kind=other.kind, family=other.family, variant=other.variant, layout=other.layout)
            found = replace(found, told_by=told_by, problem=problem)
            return used(found, tensors, notes, stem) if found.kind == "lora" and found.family else found
    else:
        whole = denoiser(tensors)
    if whole is None:
        return replace(found, problem=f"{shown(name)} is none of the models that Sfumato works with.")
    if whole.stranger:
        return replace(found, problem=f"{shown(name)} is a {whole.stranger}: Sfumato does not work with that family.")
    return _checkpoint(found, whole, header, name, stem)


def _checkpoint(found: Found, whole: Denoiser, header: Header, name: str, stem: str) -> Found:
    problem = ""
    if whole.variant in UNUSABLE:
        problem = f"{shown(name)} {UNUSABLE[whole.variant]}, and Sfumato cannot use that."
    found = replace(found, kind="checkpoint", family=whole.family, variant=whole.variant, layout=whole.layout)
    lacking = missing(whole.family, whole.variant, absent_parts(whole.family, header.tensors))
    return used(replace(found, missing=lacking, problem=problem), header.tensors, header.metadata, stem)


def used(found: Found, tensors: Tensors, notes: dict[str, str], name: str, speed: str = "") -> Found:
    """The same with how it wants to be used."""
    how = habits(found.family, found.variant, tensors, notes, name, speed)
    known = found.told_by | how.told_by
    return replace(found, **vars(how) | {"told_by": known})


def absent_parts(family: str, tensors: Tensors) -> tuple[Part, ...]:
    """The parts of a family that a single file does not have."""
    every = "\n" + "\n".join(tensors)
    return tuple(p for p in FAMILIES[family].parts if not any("\n" + mark in every for mark in p.marks))


def missing(family: str, variant: str, parts: tuple[Part, ...]) -> tuple[Missing, ...]:
    """The same, with where to get them."""
    return tuple(Missing(p.words, p.component, hub_of(family, variant), p.needed) for p in parts)


def dtype_of(tensors: Tensors) -> str:
    """What most tensors are; weights of a model, since there are more of them than of anything."""
    count = Counter(map(itemgetter(0), tensors.values()))
    return DTYPES.get(kind := count.most_common(1)[0][0], kind.lower()) if count else ""


def _packed(tensors: Tensors) -> bool:
    return any(name.endswith(PACKED) for name in tensors)
