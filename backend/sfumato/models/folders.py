"""What a folder in diffusers' layout is: a whole model (`model_index.json`), or one part of one (`config.json`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from sfumato.errors import InputError
from sfumato.models.companions import VAE_FOR
from sfumato.models.denoisers import CONTEXTS, FLUX_INPUTS, INPUTS, KLEINS
from sfumato.models.families import FAMILIES, Part
from sfumato.models.header import Tensors, read, shown
from sfumato.models.recognise import UNUSABLE, Found, dtype_of, missing, used

INDEX, CONFIG = "model_index.json", "config.json"
MAX_CONFIG = 4_000_000  # bytes; those of models that write out every layer are far below
# How classes of pipelines and of denoisers begin, and their family. UNets of Stable Diffusion are told by their width.
CLASSES = (
    ("StableDiffusionXL", "sdxl"),
    ("StableDiffusion3", "sd3"),
    ("SD3", "sd3"),
    ("StableDiffusion", "sd15"),
    ("LatentConsistencyModel", "sd15"),
    ("Flux2KleinKV", ""),  # is also shown pictures beside the one that it paints
    ("Flux2", "flux2"),
    ("Flux", "flux"),
    ("QwenImage2", ""),
    ("QwenImageEdit", ""),  # the same
    ("QwenImageLayered", ""),  # paints several layers at once
    ("QwenImage", "qwen-image"),
    ("ZImageOmni", ""),  # also reads pictures, by an encoder of its own
    ("ZImage", "z-image"),
    ("UNet2DConditionModel", "sd15"),
    ("ControlNetModel", "sd15"),
)
DENOISERS = ("unet", "transformer")
SPARE = (
    "safety_checker",
    "feature_extractor",
    "image_encoder",
    "requires_safety_checker",
)  # nothing here asks for them
VAE_CLASSES = {"AutoencoderKL": "", "AutoencoderKLQwenImage": "qwen-image", "AutoencoderKLFlux2": "flux2"}
VAES = {0.18215: "sd15", 0.13025: "sdxl", 1.5305: "sd3", 0.3611: "flux"}  # by scaling factor
FEW_STEPS = {"LCMScheduler": "lcm", "TCDScheduler": "hyper"}


def recognise_folder(folder: Path) -> Found:
    """What a folder with one of those two files is. Raises InputError for one whose files cannot be read."""
    if (folder / INDEX).is_file():
        return _whole(folder, _json(folder / INDEX))
    return _part(folder, _json(folder / CONFIG))


def files_of(folder: Path) -> list[Path]:
    """What recognising a folder may read, in order: configurations and weights, of itself and of its parts."""
    depth = ("*", "*/*") if (folder / INDEX).is_file() else ("*",)
    return sorted(
        file for pattern in depth for file in folder.glob(pattern) if file.suffix in (".json", ".safetensors")
    )


def is_part(folder: Path) -> bool:
    """Whether a folder is one part of a model, with its configuration."""
    if not (folder / CONFIG).is_file() or not any(folder.glob("*.safetensors")):
        return False
    try:
        config = _json(folder / CONFIG)
    except InputError:
        return False
    return "_class_name" in config or any("CLIPText" in str(a) or "T5Enc" in str(a) for a in _architectures(config))


def _whole(folder: Path, index: dict[str, Any]) -> Found:
    name, kind = shown(name_of(folder)), str(index.get("_class_name", ""))
    family = _family(kind)
    if not family:
        return Found(layout="folder", problem=f"{name} is for {kind or 'no'} pipeline: Sfumato does not work with it.")
    lacking: list[Part] = []
    tensors: Tensors = {}
    size, saved = 0, ""
    config: dict[str, Any] = {}
    for component, (library, made_of) in _components(index):
        place = folder / component
        if not place.is_dir():
            lacking.append(_named(family, component))
        elif component in DENOISERS or _has_weights(library, made_of):
            files, as_what = weights_of(place)
            if not files and component in DENOISERS:
                return Found("checkpoint", family, layout="folder", problem=_no_weights(name, place))
            if not files:
                lacking.append(_named(family, component))
            for file in files:
                header = read(file)
                size += header.size
                tensors |= header.tensors if component in DENOISERS else {}
            if component in DENOISERS:
                config, saved = _json(place / CONFIG), as_what
    if not config:
        return Found("checkpoint", family, layout="folder", problem=f"{name} has no denoiser. Fetch all of it again.")
    found = _of_config(family, config)
    if kind.startswith("Flux2Klein") and not found.variant:  # of another size than those that there are
        found = replace(found, variant="klein")
    found = replace(found, layout="folder", saved_as=saved, dtype=dtype_of(tensors), bytes=size)
    found = replace(found, missing=missing(found.family, found.variant, tuple(lacking)))
    return _scheduled(folder, index, _usable(found, name))


def _part(folder: Path, config: dict[str, Any]) -> Found:
    name, kind = shown(name_of(folder)), str(config.get("_class_name", ""))
    files, saved = weights_of(folder)
    if not files:
        return Found(layout="folder", problem=_no_weights(name, folder))
    headers = [read(file) for file in files]
    tensors = {key: tensor for header in headers for key, tensor in header.tensors.items()}
    common: dict[str, Any] = {"layout": "folder", "saved_as": saved, "dtype": dtype_of(tensors)}
    common |= {"bytes": sum(header.size for header in headers)}
    if kind in VAE_CLASSES:
        return _vae(kind, config, common)
    if architectures := _architectures(config):
        return Found("text-encoder", variant=str(architectures[0]), **common)
    family = _family(kind)
    if not family:
        return Found(problem=f"{name} is a {kind}: Sfumato does not work with it.", **common)
    found = replace(_of_config(family, config), **common)
    if "ControlNet" in kind:
        return replace(found, kind="controlnet", variant="")
    lacking = missing(found.family, found.variant, FAMILIES[found.family].parts)
    return used(_usable(replace(found, missing=lacking), name), tensors, {}, name_of(folder))


def _family(kind: str) -> str:
    return next((family for start, family in CLASSES if kind.startswith(start)), "")


def _of_config(family: str, config: dict[str, Any]) -> Found:
    """What the configuration of a denoiser says."""
    channels, width = config.get("in_channels"), config.get("cross_attention_dim")
    variant = ""
    if family in ("sd15", "sdxl"):
        variant = INPUTS.get(_whole_number(channels), "unusual")
        family = CONTEXTS.get(
            _whole_number(width), "sdxl" if config.get("addition_embed_type") == "text_time" else family
        )
    elif family == "flux":
        variant = FLUX_INPUTS.get(_whole_number(channels), "") or (
            "dev" if config.get("guidance_embeds") else "schnell"
        )
    elif family == "flux2":
        heads, side = config.get("num_attention_heads"), config.get("attention_head_dim")
        variant = KLEINS.get(_whole_number(heads) * _whole_number(side), "")
    elif family == "sd3":
        sides = {192: "3-medium", 384: "3.5-medium"}
        deep = config.get("num_layers") == 38
        variant = "3.5-large" if deep else sides.get(_whole_number(config.get("pos_embed_max_size")), "")
    return Found("checkpoint", family, variant)


def _vae(kind: str, config: dict[str, Any], common: dict[str, Any]) -> Found:
    """One VAE; where its scale is nobody's, it is told by its build."""
    scale = config.get("scaling_factor", 0.18215)
    if family := VAE_CLASSES[kind] or (VAES.get(scale, "") if isinstance(scale, float) else ""):
        return Found("vae", family, **common)
    family = VAE_FOR.get(_whole_number(config.get("latent_channels", 4)), "")
    return Found("vae", family, told_by={"family": "its channels"} if family else {}, **common)


def _scheduled(folder: Path, index: dict[str, Any], found: Found) -> Found:
    """The same with what its scheduler says of its use."""
    file = folder / "scheduler" / "scheduler_config.json"
    config = _json(file) if file.is_file() else {}
    kind = str(config.get("_class_name", ""))
    speed = FEW_STEPS.get(kind, "")
    said = {"v_prediction": "v", "epsilon": "epsilon"}.get(str(config.get("prediction_type")), "")
    zero_snr = config.get("rescale_betas_zero_snr") is True
    if not speed and kind.startswith("Euler") and config.get("timestep_spacing") == "trailing":
        speed = "" if zero_snr or said == "v" else "turbo"
    notes = {"modelspec.prediction_type": said} if said and FAMILIES[found.family].prediction != "flow" else {}
    marks = () if index.get("is_distilled", True) else ("base",)
    found = used(found, {}, notes, "-".join((name_of(folder), *marks)), speed)
    if notes:
        found = replace(found, zero_snr=zero_snr, told_by=found.told_by | {"prediction": "its configuration"})
    return found


def name_of(folder: Path) -> str:
    """The name of a model; in the hub's cache that of its repository, not of its revision."""
    repository = folder.parent.parent.name
    return repository.rpartition("--")[2] if repository.startswith("models--") else folder.name


def _usable(found: Found, name: str) -> Found:
    if found.variant not in UNUSABLE:
        return found
    return replace(found, problem=f"{name} {UNUSABLE[found.variant]}, and Sfumato cannot use that.")


def _components(index: dict[str, Any]) -> Iterator[tuple[str, tuple[str, str]]]:
    for name, entry in index.items():
        whole = isinstance(entry, list) and len(entry) == 2 and all(isinstance(word, str) for word in entry)
        if whole and name not in SPARE and "/" not in name and "\\" not in name and name not in ("", ".", ".."):
            yield name, (entry[0], entry[1])


def _has_weights(library: str, kind: str) -> bool:
    words = ("Tokenizer", "Scheduler", "Processor", "Extractor")
    return library in ("diffusers", "transformers") and not any(word in kind for word in words)


def weights_of(folder: Path) -> tuple[list[Path], str]:
    """The files of weights that diffusers would load, and the variant that they are saved as ("", "fp16"), preferably
    none. Raises InputError where a list of files names one that is not there."""
    single = sorted(file for file in folder.glob("*.safetensors") if "-of-" not in file.name)
    lists = sorted(folder.glob("*.safetensors.index*.json"))
    for listed in sorted(lists, key=lambda file: len(file.name)):
        content = _json(listed).get("weight_map")
        names = sorted({str(name) for name in content.values()}) if isinstance(content, dict) else []
        if gone := [name for name in names if "/" in name or "\\" in name or not (folder / name).is_file()]:
            said = (
                f"{shown(name_of(folder.parent))} lacks {shown(gone[0])} of its {folder.name}; fetch all of it again."
            )
            raise InputError("incomplete", said)
        variant = listed.name.removesuffix(".json").partition(".safetensors.index")[2].strip(".")
        return [folder / name for name in names], variant
    for file in sorted(single, key=lambda file: len(file.name)):
        if file.name.split(".")[0] in ("diffusion_pytorch_model", "model"):
            return [file], file.name.split(".")[1] if file.name.count(".") > 1 else ""
    return [], ""


def _no_weights(name: str, place: Path) -> str:
    pickles = sorted(file.name for pattern in ("*.bin", "*.ckpt", "*.pt", "*.pth") for file in place.glob(pattern))
    if pickles:
        said = f"has its {place.name} only as a pickle ({shown(pickles[0])}), which could run code"
        return f"{name} {said}. Get it as .safetensors."
    return f"{name} has no weights of its {place.name}. Fetch all of it again."


def _named(family: str, component: str) -> Part:
    part = next((part for part in FAMILIES[family].parts if part.component == component), None)
    return part or Part(f"the {component.replace('_', ' ')}", component, ())


def _architectures(config: dict[str, Any]) -> list[Any]:
    found = config.get("architectures")
    return found if isinstance(found, list) else []


def _whole_number(value: Any) -> int:
    return value if type(value) is int else 0


def _json(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > MAX_CONFIG:
            raise ValueError
        data = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        said = f"{shown(file.name)} of {shown(file.parent.name)} cannot be opened ({error.strerror or error})."
        raise InputError("unreadable", said) from None
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        said = f"{shown(file.name)} of {shown(file.parent.name)} is damaged; fetch it again."
        raise InputError("damaged", said)
    return data
