"""The painter's own checkpoints as diffusers' image-to-image pipelines: folders in its layout, and single files.

diffusers does the loading. Nothing is fetched, nothing but safetensors is opened, and what a folder names beside the
classes of diffusers and transformers is not run. A single file says nothing of its configuration; those of the families
are in `configs`, one folder each, with the two tokenizers that all of them share.
"""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    EulerDiscreteScheduler,
    Flux2KleinPipeline,
    FluxImg2ImgPipeline,
    FluxTransformer2DModel,
    LCMScheduler,
    QwenImageImg2ImgPipeline,
    StableDiffusion3Img2ImgPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionXLImg2ImgPipeline,
    UNet2DConditionModel,
    ZImageImg2ImgPipeline,
)
from transformers import CLIPTokenizer, T5EncoderModel, T5Tokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

from sfumato.errors import InputError, SfumatoError, said_by
from sfumato.models.claims import check_claims
from sfumato.models.families import FAMILIES
from sfumato.models.folders import CONFIG, SPARE, weights_of
from sfumato.models.header import read
from sfumato.models.ladder import is_out_of_memory, parts_of
from sfumato.models.lent import load_text_encoder, load_vae
from sfumato.models.listing import Row
from sfumato.models.loading import SAFE
from sfumato.models.opened import check_config, stored_in
from sfumato.models.vaes import SAME

CONFIGS = Path(__file__).with_name("configs")
PIPELINES: dict[str, Any] = {
    "sd15": StableDiffusionImg2ImgPipeline,
    "sd2": StableDiffusionImg2ImgPipeline,
    "sdxl": StableDiffusionXLImg2ImgPipeline,
    "sd3": StableDiffusion3Img2ImgPipeline,
    "flux": FluxImg2ImgPipeline,
    "flux2": Flux2KleinPipeline,  # which paints from a text, and takes latents
    "qwen-image": QwenImageImg2ImgPipeline,
    "z-image": ZImageImg2ImgPipeline,
}
# By family: what fills a short text up, for every tokenizer of CLIP's; and the name of the one that is T5's.
FILLERS = {
    "sd15": {"tokenizer": "<|endoftext|>"},
    "sd2": {"tokenizer": "!"},
    "sdxl": {"tokenizer": "<|endoftext|>", "tokenizer_2": "!"},
    "sd3": {"tokenizer": "<|endoftext|>", "tokenizer_2": "!"},
    "flux": {"tokenizer": "<|endoftext|>"},
}
T5S = {"sd3": "tokenizer_3", "flux": "tokenizer_2"}
# Variants whose denoiser is that of the plain one but for what it reads: its component, class, and what else is said.
# Flux Fill was made from the one called dev.
MORE_INPUTS: dict[str, tuple[str, Any, dict[str, int]]] = {
    "inpainting": ("unet", UNet2DConditionModel, {"in_channels": 9}),
    "fill": ("transformer", FluxTransformer2DModel, {"in_channels": 384, "out_channels": 64}),
}
MADE_FROM = {"fill": "dev"}
LONGEST = 4096  # tokens of a text, of the longest readers there are
PREDICTIONS = {"epsilon": "epsilon", "v": "v_prediction"}
TENSORS = (".weight'", ".bias'", ".scale'")
CHATS = ("flux2", "z-image")  # whose pipelines put a text as a question to a language model, by its own template
NEVER: dict[str, Any] = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}


def open_checkpoint(row: Row, dtype: torch.dtype) -> Any:
    """The pipeline of a checkpoint that `usable.as_model` takes, on the CPU, in `dtype`; its VAE in float32 where it
    is said to overflow in half precision. Raises InputError where its files have gone or are damaged since they were
    listed, SfumatoError where they are not what their names say; what an allocation raises passes."""
    stored = read_all(row)
    try:
        with warnings.catch_warnings(action="ignore"):  # hints for programmers
            pipe = _of_file(row, dtype) if row.layout != "folder" else _of_folder(row, dtype, stored)
    except Exception as error:  # files may say anything, and libraries fail at it in any way
        if isinstance(error, SfumatoError) or is_out_of_memory(error):
            raise
        said = str(error)
        # torch's words for weights that nothing was read into, and what conversions say of a tensor that is not there
        if "meta tensor" in said or (isinstance(error, KeyError) and said.endswith(TENSORS)):
            raise _incomplete(row, "some of its weights") from error
        raise SfumatoError("cannot_load", f"{row.name} could not be loaded: {said_by(error, 300)}.") from error
    _check_parts(row, pipe)
    for component, tensors in stored.items():
        if row.layout == "folder" and len(tensors) < sum(1 for _ in pipe.components[component].parameters()):
            raise _incomplete(row, f"some of the weights of its {component.replace('_', ' ')}")
    if row.family in CHATS and not pipe.tokenizer.chat_template:
        raise _incomplete(row, "the chat template of its tokenizer")
    if pipe.vae.config.get("force_upcast"):
        pipe.vae.to(torch.float32)
    return pipe


def _check_parts(row: Row, pipe: Any) -> None:
    """That all are there that nothing works without; and no reader of texts reads more at once than it was made for."""
    needed = [part.component for part in FAMILIES[row.family].parts if part.needed]
    for name in (*needed, "scheduler"):
        if getattr(pipe, name, None) is None:
            raise _incomplete(row, f"its {name.replace('_', ' ')}")
    for name in [name for name in pipe.components if name.startswith("text_encoder")]:
        encoder, tokenizer = getattr(pipe, name), getattr(pipe, name.replace("text_encoder", "tokenizer"))
        if encoder is not None and (tokenizer is None or len(tokenizer) < 3):
            raise _incomplete(row, f"the tokenizer of its {name.replace('_', ' ')}")
        if encoder is not None and isinstance(tokenizer, CLIPTokenizer):
            tokenizer.model_max_length = encoder.config.max_position_embeddings
        elif encoder is not None:
            tokenizer.model_max_length = min(tokenizer.model_max_length, LONGEST)


def read_all(row: Row) -> dict[str, list[tuple[int, ...]]]:
    """The shapes of the tensors that are going to be loaded, by component, lent ones too. Raises InputError
    where a file cannot be read or is not whole."""
    own = {
        component: [shape for file in files for _, shape in read(file).tensors.values()]
        for component, files in _files(row).items()
    }
    return own | {component: list(stored_in(other).values()) for component, other in row.lent.items()}


def _files(row: Row) -> dict[str, list[Path]]:
    """What is going to be read, by component; a single file under ""."""
    if row.layout != "folder":
        return {"": [Path(row.path)]}
    try:
        found = {place.name: weights_of(place)[0] for place in Path(row.path).iterdir() if (place / CONFIG).is_file()}
    except OSError as error:
        said = f"The files of {row.name} have gone or cannot be read ({error.strerror or error})."
        raise InputError("gone", f"{said} `sfumato models` lists what there is.") from None
    return {component: files for component, files in found.items() if files and component not in SPARE}


def _of_folder(row: Row, dtype: torch.dtype, stored: dict[str, list[tuple[int, ...]]]) -> Any:
    for file in Path(row.path).glob(f"*/{CONFIG}"):
        check_config(row, file)
    for component, shapes in stored.items():
        check_claims(row.name, Path(row.path) / component / CONFIG, shapes)
    cls = PIPELINES[row.family]
    absent = {name: None for name, what in cls.load_config(row.path).items() if what == [None, None]}
    for part in row.missing:
        absent |= _without(part.component)
    takes, index = inspect.signature(cls.__init__).parameters, cls.load_config(row.path)
    absent |= {name: None for name in SPARE if name in takes and isinstance(index.get(name), (list, tuple))}
    never = NEVER if cls is StableDiffusionImg2ImgPipeline else {}
    pipe = cls.from_pretrained(row.path, dtype=dtype, variant=row.saved_as or None, **SAFE, **absent | never)
    if type(pipe.scheduler).__name__ == "PNDMScheduler":  # begun in the middle of its schedule it lags a step behind
        pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config)
    return pipe


def _without(component: str) -> dict[str, None]:
    """A text encoder goes with its tokenizer."""
    return {component: None, component.replace("text_encoder", "tokenizer"): None}


def _of_file(row: Row, dtype: torch.dtype) -> Any:
    parts: dict[str, Any] = {name: clip_tokenizer(filler) for name, filler in FILLERS[row.family].items()}
    for part in row.missing:
        if part.component not in row.lent:
            parts |= _without(part.component)
    name = T5S.get(row.family)
    if name and name not in parts:
        parts[name] = T5Tokenizer.from_pretrained(CONFIGS / "t5", model_max_length=512, local_files_only=True)
    if row.prediction != "flow":
        parts["scheduler"] = scheduler_of(row)
    config = config_of(row)
    index = PIPELINES[row.family].load_config(config)
    for component, other in row.lent.items():
        if component == "vae":
            parts[component] = load_vae(other, row.family, config / component, dtype)
        else:
            parts[component] = load_text_encoder(other, row.family, index[component][1], config / component, dtype)
    common: dict[str, Any] = {"config": str(config), "dtype": dtype, "local_files_only": True}
    if row.variant in MORE_INPUTS:
        component, cls, reads = MORE_INPUTS[row.variant]
        parts[component] = cls.from_single_file(row.path, subfolder=component, **reads, **common)
    pipe = PIPELINES[row.family].from_single_file(row.path, **common, **parts)
    for part in parts_of(pipe):
        if isinstance(part, T5EncoderModel):
            # diffusers fills one of the two places of its words, and leaves it as it is while it learns: with dropout.
            part.set_input_embeddings(part.shared)
            part.eval()
        if any(weight.is_meta for weight in part.parameters()):
            raise _incomplete(row, "some of its weights")
    return pipe


def config_of(row: Row) -> Path:
    """The folder with the configuration of a single file's family. Raises InputError where there is none for it."""
    for name in (f"{row.family}-{MADE_FROM.get(row.variant, row.variant)}", row.family):
        if (CONFIGS / name).is_dir():
            return CONFIGS / name
    kind = " ".join(word for word in (row.family, row.variant) if word)
    sentence = f"{row.name} is a single file of the kind {kind}, for which no configuration ships. Get it as a folder."
    raise InputError("no_config", sentence)


def usual_vae(family: str) -> Path:
    """The folder with the configuration of a family's VAE, which all of its models have alike; where none ships, one
    that is not there."""
    return min(CONFIGS.glob(f"{SAME.get(family, family)}*/vae"), default=CONFIGS / family)


def scheduler_of(row: Row) -> Any:
    """A single file has no scheduler of its own: Euler, which may begin anywhere in its schedule; that of latent
    consistency models where it is one. Few-step models begin at the noisiest level of all."""
    settings = EulerDiscreteScheduler.load_config(CONFIGS / row.family / "scheduler")
    settings |= {"prediction_type": PREDICTIONS[row.prediction]}
    if row.zero_snr:
        settings |= {"rescale_betas_zero_snr": True}
    if row.speed == "lcm":
        return LCMScheduler.from_config(settings)
    if row.speed or row.zero_snr:
        settings |= {"timestep_spacing": "trailing"}
    return EulerDiscreteScheduler.from_config(settings)


def clip_tokenizer(filler: str) -> CLIPTokenizer:
    """CLIP's. Its vocabulary is the bytes, the bytes that end a word, then every merge in order, then two marks."""
    lines = (CONFIGS / "clip" / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]
    merges = [(first, second) for first, second in (line.split() for line in lines)]
    letters = list(bytes_to_unicode().values())
    words = [*letters, *(f"{letter}</w>" for letter in letters), *(first + second for first, second in merges)]
    vocabulary = {word: number for number, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, pad_token=filler, model_max_length=77)


def _incomplete(row: Row, what: str) -> SfumatoError:
    return SfumatoError("incomplete", f"{row.name} lacks {what}. Get it again, or another version of it.")
