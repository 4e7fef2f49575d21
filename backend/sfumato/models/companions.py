"""What is no whole model: LoRA, VAE, ControlNet and text encoders, and the family that each is for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sfumato.models.denoisers import CONTEXTS, KLEINS, Names, context
from sfumato.models.header import Tensors

# How the name of a LoRA's lower matrix ends, and what writes it so. Its second side is as wide as its layer's input.
LOWER = (
    (".lora_down.weight", "kohya"),
    (".lora_A.weight", "peft"),
    (".lora_A.default.weight", "peft"),
    (".lora.down.weight", "diffusers"),
    ("_lora.down.weight", "diffusers"),
    (".lora_linear_layer.down.weight", "diffusers"),
)
# Changes of weights by other formulas, which diffusers does not add to most models.
OTHERS = (
    (".hada_w1_a", "LoHa"),
    (".lokr_w1", "LoKr"),
    (".lokr_w1_a", "LoKr"),
    (".oft_blocks", "OFT"),
    (".diff", "full"),
)
ENDINGS = tuple(ending for ending, _ in LOWER + OTHERS)
# What the notes of training tools call a family; the first that fits.
NOTED = (
    (r"xl.*refiner", "sdxl-refiner"),
    (r"sdxl|stable-diffusion-xl|sd_?xl", "sdxl"),
    (r"sd_?v?1|stable-diffusion-v1|sd15", "sd15"),
    (r"sd_?v?2|stable-diffusion-v2", "sd2"),
    (r"sd3|stable-diffusion-3", "sd3"),
    (r"flux[-_. ]?2", "flux2"),
    (r"flux", "flux"),
    (r"qwen[-_ ]?image", "qwen-image"),
    (r"z[-_ ]?image|zimage", "z-image"),
)
# Which text encoder has such a width, and of what kind it is.
CLIPS = {768: "CLIP-L", 1024: "OpenCLIP-H", 1280: "CLIP-G"}
T5S = {4096: "T5-XXL"}
WORDS = {3584: "Qwen2.5-VL", 2560: "Qwen3-4B", 4096: "Qwen3-8B", 5120: "Mistral"}
ENCODER_FOR = {"CLIP-L": "sd15", "OpenCLIP-H": "sd2", "CLIP-G": "sdxl", "T5-XXL": "flux", "Qwen2.5-VL": "qwen-image"}
ENCODER_FOR |= {"Qwen3-4B": "z-image", "Qwen3-8B": "flux2", "Mistral": "flux2"}
TWO_ENCODERS = r"lora_te2_|text_encoder_2\."
VAE_FOR = {4: "sd15", 16: "flux", 32: "flux2"}  # by latent channels; those of 4 and of 16 are made alike


@dataclass(frozen=True)
class Companion:
    """kind: "lora", "vae", "controlnet" or "text-encoder". by_name: what its family is known by, if not its tensors.

    problem: why it cannot be used, as the rest of a sentence.
    """

    kind: str
    family: str
    variant: str = ""
    layout: str = ""
    by_name: str = ""
    problem: str = ""


def companion(tensors: Tensors, notes: Mapping[str, str], name: str) -> Companion | None:
    """What these tensors are beside a denoiser; None where they are nothing known."""
    return (
        _lora(tensors, notes)
        or _controlnet(tensors)
        or _vae(tensors, f"{notes.get('modelspec.architecture', '')} {name}")
        or _text_encoder(tensors)
    )


def noted_family(notes: Mapping[str, str]) -> str:
    """The family that training tools wrote down, or ""."""
    said = " ".join(notes.get(key, "") for key in ("modelspec.architecture", "ss_base_model_version")).lower()
    return next((family for pattern, family in NOTED if re.search(pattern, said)), "")


def _lora(tensors: Tensors, notes: Mapping[str, str]) -> Companion | None:
    changed = [key for key in tensors if key.endswith(ENDINGS)]
    lower = {key: writer for key in changed for ending, writer in LOWER if key.endswith(ending)}
    widths = {key: shape[1] if len(shape := tensors[key][1]) > 1 else 0 for key in lower}
    layout = next(iter(lower.values()), "")
    if not layout:
        if not changed:
            return None
        other = next(what for ending, what in OTHERS if changed[0].endswith(ending))
        way = f"changes a model by {other}, which is not a LoRA: get a LoRA, or one that was converted to it"
        return Companion("lora", noted_family(notes), other, problem=way)
    if family := _changed_family(widths, tensors):
        return Companion("lora", family, layout=layout)
    if family := noted_family(notes):
        return Companion("lora", family, layout=layout, by_name="its notes")
    every = " ".join(lower)
    if "attn2" in every:  # for a small UNet of a known design
        return Companion("lora", "sdxl" if re.search(TWO_ENCODERS, every) else "sd15", layout=layout)
    problem = "does not say which family it is for: look that up where it came from"
    return Companion("lora", "", layout=layout, problem=problem)


def _changed_family(widths: Mapping[str, int], tensors: Tensors) -> str:
    """The family whose layers these are. widths: of what they read, by their names."""
    every = " ".join(widths)
    wide = {width for key, width in widths.items() if "attn2" in key and re.search(r"to_[kv]", key)}
    if wide:  # cross attention is a UNet's
        return next((CONTEXTS[width] for width in wide if width in CONTEXTS), "")
    if re.search(r"joint_blocks", every):
        return "sd3"
    if re.search(r"single_stream_modulation|double_stream_modulation|to_qkv_mlp_proj|ff_context[._]linear_in", every):
        return "flux2"
    if re.search(r"(double|single)_blocks[._]\d", every):
        return _flux_generation(widths, tensors)
    if re.search(r"img_mlp|txt_mlp|img_mod[._]1", every):
        return "qwen-image"
    if re.search(r"(layers|refiner)[._]\d+[._](attention|feed_forward|adaLN_modulation)", every):
        return "z-image"
    if re.search(r"single_transformer_blocks", every):
        return "flux"
    joint = {width for key, width in widths.items() if re.search(r"transformer_blocks[._]\d+[._]attn[._]", key)}
    if joint & {1536, 2432}:
        return "sd3"
    if joint & (KLEINS.keys() - {3072}):
        return "flux2"
    if 3072 in joint:  # as wide in three families, but not as deep
        deepest = max(int(number) for number in re.findall(r"transformer_blocks[._](\d+)", every))
        return "flux" if "norm1_context" in every or "ff_context" in every else "qwen-image" if deepest > 18 else ""
    if re.search(rf"{TWO_ENCODERS}|(attentions|blocks)[._]\d+[._](1[._])?transformer_blocks[._][1-9]", every):
        return "sdxl"  # whose transformers are deeper than one block
    texts = {width for key, width in widths.items() if re.search(r"lora_te_|text_encoder\.", key)}
    return "sd15" if 768 in texts else "sd2" if 1024 in texts else ""


def _flux_generation(widths: Mapping[str, int], tensors: Tensors) -> str:
    """Flux and Flux.2 name their blocks alike. Their layers are not made alike: the second's are not of 3072, or give
    other widths, and it has no modulation in its blocks."""
    every = " ".join(widths)
    if re.search(r"(img|txt)_mod|modulation[._]lin", every):
        return "flux"
    if set(widths.values()) & {4096, 6144, 16384, 24576}:
        return "flux2"
    for key in widths:
        upper = key.replace("lora_down", "lora_up").replace("lora_A", "lora_B").replace("lora.down", "lora.up")
        gives = Names(tensors, "").side(upper, 0)
        if re.search(r"linear1|mlp[._]0", key) and gives:
            return "flux" if gives in (21504, 12288) else "flux2" if gives in (27648, 18432) else ""
        if re.search(r"linear2|mlp[._]2", key):
            return "flux" if widths[key] in (15360, 12288) else "flux2"
    return "flux" if _deepest(every) > 7 else ""


def _deepest(every: str) -> int:
    return max((int(number) for number in re.findall(r"double_blocks[._](\d+)", every)), default=0)


def _controlnet(tensors: Tensors) -> Companion | None:
    if "control_model.input_blocks.0.0.weight" in tensors or "input_hint_block.0.weight" in tensors:
        names = Names(tensors, "control_model." if "control_model.input_blocks.0.0.weight" in tensors else "")
        return Companion("controlnet", CONTEXTS.get(context(names), ""), layout="original")
    names = Names(tensors, "")
    if "lora_controlnet" in names:
        return Companion("controlnet", "sdxl", "control-lora", problem="is a Control-LoRA: get a ControlNet instead")
    if "controlnet_cond_embedding.conv_in.weight" in names:
        family = CONTEXTS.get(context(names)) or ("sdxl" if "add_embedding.linear_1.weight" in names else "")
        return Companion("controlnet", family, layout="diffusers")
    if "control_all_x_embedder.2-1.weight" in names or "control_layers.0.adaLN_modulation.0.weight" in names:
        return Companion("controlnet", "z-image", layout="original")
    if "controlnet_blocks.0.weight" not in names:
        return None
    if "double_blocks.0.img_attn.norm.key_norm.scale" in names:
        way = "is a ControlNet in the layout of XLabs: get it in diffusers' layout"
        return Companion("controlnet", "flux", layout="original", problem=way)
    if "txt_norm.weight" in names:
        return Companion("controlnet", "qwen-image", layout="diffusers")
    return Companion("controlnet", "flux" if "controlnet_x_embedder.weight" in names else "sd3", layout="diffusers")


def _vae(tensors: Tensors, said: str) -> Companion | None:
    for prefix in ("", "first_stage_model.", "vae."):
        names = Names(tensors, prefix)
        if "decoder.middle.0.residual.0.gamma" in names or len(names.shape("decoder.conv_in.weight")) == 5:
            return Companion(
                "vae", "qwen-image", layout="diffusers" if "decoder.conv_in.weight" in names else "original"
            )
        if "decoder.conv_in.weight" not in names:
            continue
        layout = "diffusers" if "decoder.up_blocks.0.resnets.0.conv1.weight" in names else "original"
        family = VAE_FOR.get(names.side("decoder.conv_in.weight", 1), "")
        low = said.lower()
        if family == "sd15" and "xl" in low:
            return Companion("vae", "sdxl", layout=layout, by_name="its name")
        if family == "flux" and re.search(r"sd[-_. ]?3|stable[-_ ]?diffusion[-_. ]?v?3", low):
            return Companion("vae", "sd3", layout=layout, by_name="its name")
        return Companion("vae", family, layout=layout)
    return None


def _text_encoder(tensors: Tensors) -> Companion | None:
    names = Names(tensors, "")
    which = ""
    if width := names.side("text_model.embeddings.token_embedding.weight", 1):
        longer = names.side("text_model.embeddings.position_embedding.weight", 0) > 77  # which texts of Long-CLIP are
        which = "CLIP" if longer else CLIPS.get(width, "CLIP")
    elif "encoder.block.0.layer.0.SelfAttention.q.weight" in names:
        which = T5S.get(names.side("shared.weight", 1), "T5")
        if "encoder.block.1.layer.0.SelfAttention.relative_attention_bias.weight" in names:
            which = "UMT5"
    else:
        for place in ("model.", "model.language_model.", "language_model.model."):
            if width := names.side(f"{place}embed_tokens.weight", 1):
                which = WORDS.get(width, "")
    return Companion("text-encoder", ENCODER_FOR.get(which, ""), which) if which else None
