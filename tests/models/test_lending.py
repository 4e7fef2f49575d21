"""Files that hold the denoiser alone, and the files that lend them the rest: what is painted with both is what is
painted with one file of it all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from models import original
from models.tiny_checkpoints import WIDTH, another_vae, configured, flux, request_for, sd3, sd15, sdxl
from safetensors.torch import load_file, save_file
from sfumato import cli, models
from sfumato.errors import InputError, SfumatoError
from sfumato.models import companions, ladder
from sfumato.models.lending import lenders, with_lent
from sfumato.models.listing import Row, listing
from sfumato.studio import Finished, Studio
from torch import Tensor

KINDS: dict[str, tuple[str, Callable[[], Any]]] = {
    "flux": ("flux-dev", partial(flux, 64, 16, guided=True)),
    "sd3": ("sd3", partial(sd3, channels=16)),
    "sd3 with T5": ("sd3", partial(sd3, True, 16)),
    "sd15": ("sd15", sd15),
    "sdxl": ("sdxl", sdxl),
}
VAES = {"flux": "ae", "sd3": "sd3_vae", "sd15": "vae-ft-mse", "sdxl": "sdxl_vae"}  # as they are called
pytestmark = [
    pytest.mark.usefixtures("narrow"),
    # Of diffusers' own, where the tests themselves make a transformer of Flux.
    pytest.mark.filterwarnings("ignore:`FluxPosEmbed` is deprecated:FutureWarning"),
]


@pytest.fixture
def folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same; text encoders are told by the widths of tiny ones."""
    monkeypatch.setattr(companions, "CLIPS", {WIDTH: "CLIP-L", 2 * WIDTH: "CLIP-G"})
    monkeypatch.setattr(companions, "T5S", {WIDTH: "T5-XXL", 4 * WIDTH: "T5-XXL"})
    return folder


def write(file: Path, tensors: dict[str, Tensor], dtype: torch.dtype = torch.float16) -> None:
    file.parent.mkdir(exist_ok=True)
    save_file({name: value.to(dtype).contiguous() for name, value in tensors.items()}, file)


def t5(encoder: Any) -> dict[str, Tensor]:
    return {name.rpartition("t5xxl.transformer.")[2]: value for name, value in original.t5(encoder).items()}


def scattered(folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str = "flux", whole: bool = True) -> Any:
    """A pipeline as "whole" in one file, and part by part as ComfyUI has them, its denoiser as "mine"."""
    config, make = KINDS[kind]
    family = kind.partition(" ")[0]
    pipe = make()
    configured(monkeypatch, folder, pipe, config)
    (folder / "diffusion_models").mkdir()
    if whole:
        original.save(folder / "diffusion_models" / "whole.safetensors", pipe)
    denoiser = pipe.components.get("transformer") or pipe.unet
    named = {"flux": original.flux, "sd3": original.sd3}.get(family, original.unet)(denoiser)
    prefix = "" if family == "flux" else original.DENOISER
    write(folder / "diffusion_models" / "mine.safetensors", {prefix + name: value for name, value in named.items()})
    write(folder / "vae" / f"{VAES[family]}.safetensors", original.vae(pipe.vae))
    encoders = folder / "text_encoders"
    words = original.clip(pipe.text_encoder, "")
    words.pop("text_projection.weight", None)
    write(encoders / "clip_l.safetensors", words)
    if family in ("sd3", "sdxl"):
        write(encoders / "clip_g.safetensors", original.clip(pipe.text_encoder_2, ""))
    if reader := pipe.text_encoder_2 if family == "flux" else pipe.components.get("text_encoder_3"):
        write(encoders / "t5xxl_fp16.safetensors", t5(reader))
    return pipe


def painted(studio: Studio, model: str = "mine", **changes: Any) -> Finished:
    request, canvas, grey = request_for(model)
    heard = changes.pop("heard", lambda _: None)
    settings = {"composite": "plain"}  # which shows all change; random weights make little
    return studio.run(replace(request, settings=settings, **changes), canvas, grey, on_progress=heard)


def mine() -> Row:
    rows = list(listing())
    return with_lent(next(row for row in rows if row.name == "mine"), lenders(rows))


@pytest.mark.parametrize("kind", KINDS)
def test_one_paints_as_the_whole_does(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scattered(folder, monkeypatch, kind)
    studio = Studio("cpu")
    assert {"mine", "whole"} <= {info.name for info in studio.models}
    assert painted(studio).data == painted(studio, "whole").data
    assert painted(studio, prompt="a green hill").data == painted(studio, "whole", prompt="a green hill").data
    ours, theirs = (studio.pipe(studio.find(name)) for name in ("mine", "whole"))
    assert {name: type(part) for name, part in ours.components.items()} == {
        name: type(part) for name, part in theirs.components.items()
    }
    assert ours.text_encoder.training is False
    if not kind.startswith("sd3"):  # which is stored with positions that are worked out anew
        assert models.size_of(studio.find("mine"), "cpu") == ladder.bytes_of(ladder.parts_of(ours))


def test_one_in_the_layout_of_diffusers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = scattered(folder, monkeypatch)
    write(folder / "diffusion_models" / "mine.safetensors", pipe.transformer.state_dict())
    assert mine().layout == "diffusers"
    studio = Studio("cpu")
    assert painted(studio).data == painted(studio, "whole").data


def test_what_brings_its_own_vae_is_lent_the_rest(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the makers of Stable Diffusion 3 gave it out."""
    scattered(folder, monkeypatch, "sd3")
    tensors = load_file(folder / "diffusion_models" / "whole.safetensors")
    kept = {name: value for name, value in tensors.items() if not name.startswith("text_encoders.")}
    write(folder / "diffusion_models" / "mine.safetensors", kept)
    assert list(mine().lent) == ["text_encoder", "text_encoder_2"]
    studio = Studio("cpu")
    assert painted(studio).data == painted(studio, "whole").data


def test_the_list_says_what_it_takes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scattered(folder, monkeypatch, "sd3", whole=False)
    assert cli.main(["models"]) == 0
    said = capsys.readouterr().out
    assert "    with clip_l.safetensors, clip_g.safetensors, sd3_vae.safetensors\n" in said
    assert "    lacks the text encoder T5-XXL (works without): `sfumato models get " in said
    assert said.count("    lacks ") == 1
    assert cli.main(["models", "--json", "--kind", "checkpoint"]) == 0
    row = next(row for row in json.loads(capsys.readouterr().out) if row["name"] == "mine")
    assert set(row["lent"]) == {"text_encoder", "text_encoder_2", "vae"}
    assert row["lent"]["vae"].startswith("sd3_vae-")
    assert {part["component"] for part in row["missing"]} == {*row["lent"], "text_encoder_3"}


class TestWhichFilesLend:
    def test_half_precision_before_full_before_fp8_and_then_by_id(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pipe = scattered(folder, monkeypatch, whole=False)
        encoders = folder / "text_encoders"
        (encoders / "t5xxl_fp16.safetensors").unlink()
        taken = []
        for name, dtype in (("a", torch.float8_e4m3fn), ("b", torch.float32), ("d", torch.bfloat16), ("c", None)):
            write(encoders / f"{name}.safetensors", t5(pipe.text_encoder_2), dtype or torch.float16)
            taken.append(mine().lent["text_encoder_2"].name)
        assert taken == ["a", "b", "d", "c"]

    def test_fp8_is_worked_with_as_others_are(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pipe = scattered(folder, monkeypatch, whole=False)
        file = folder / "text_encoders" / "t5xxl_fp16.safetensors"
        write(file, t5(pipe.text_encoder_2), torch.float8_e4m3fn)
        loaded = models.load(models.find("mine"), "cpu").text_encoder_2
        assert loaded.dtype == torch.float32
        assert original.same(loaded.state_dict(), pipe.text_encoder_2.state_dict(), torch.float8_e4m3fn)

    @pytest.mark.parametrize(
        ("name", "more"),
        [
            ("clip_l", {"text_model.embeddings.position_embedding.weight": torch.zeros(248, WIDTH)}),
            ("t5xxl_fp16", {"encoder.block.1.layer.0.SelfAttention.relative_attention_bias.weight": torch.zeros(2, 2)}),
            ("t5xxl_fp16", {"scaled_fp8": torch.zeros(2)}),
        ],
        ids=["Long-CLIP", "UMT5", "packed"],
    )
    def test_what_only_looks_like_one_does_not(
        self, name: str, more: dict[str, Tensor], folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scattered(folder, monkeypatch, whole=False)
        file = folder / "text_encoders" / f"{name}.safetensors"
        write(file, load_file(file) | more)
        assert len(mine().lent) == 2
        with pytest.raises(InputError, match=r"^mine lacks the text encoder (CLIP-L|T5-XXL), which no file here lends"):
            models.find("mine")

    def test_a_vae_of_another_family_does_not(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Those of 16 channels are Flux's, unless their names say otherwise."""
        scattered(folder, monkeypatch, "sd3", whole=False)
        (folder / "vae" / "sd3_vae.safetensors").rename(folder / "vae" / "ae.safetensors")
        with pytest.raises(InputError) as caught:
            models.find("mine")
        assert str(caught.value) == (
            "mine lacks the VAE, which no file here lends it: `sfumato models get "
            "stabilityai/stable-diffusion-3.5-medium` brings a whole model."
        )

    def test_a_vae_in_a_folder_does(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pipe = scattered(folder, monkeypatch)
        (folder / "vae" / "ae.safetensors").unlink()
        pipe.vae.register_to_config(scaling_factor=0.3611)
        pipe.vae.half().save_pretrained(folder / "vae" / "of flux")
        assert mine().lent["vae"].name == "of flux"
        studio = Studio("cpu")
        assert painted(studio).data == painted(studio, "whole").data


def test_another_vae_is_chosen_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = scattered(folder, monkeypatch)
    write(folder / "vae" / "clear.safetensors", original.vae(another_vae(pipe, "flux")))
    studio = Studio("cpu")
    before = painted(studio)
    assert mine().lent["vae"].name == "ae"
    assert painted(studio, vae="clear").data == painted(studio, "whole", vae="clear").data != before.data
    assert painted(studio, vae="ae").data == before.data == painted(studio).data


class TestFilesThatChange:
    def test_one_that_goes_is_told_of_and_one_that_comes_back_lends_again(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pipe = scattered(folder, monkeypatch)
        studio, stages = Studio("cpu"), list[str]()
        before = painted(studio)
        file, aside = folder / "vae" / "ae.safetensors", folder / "aside"
        file.rename(aside)
        with pytest.raises(InputError, match=r"^mine lacks the VAE, which no file here lends it: `sfumato models get"):
            painted(studio)
        aside.rename(file)
        assert painted(studio, heard=lambda said: stages.append(said.stage)).data == before.data
        assert "loading" not in stages
        write(file, original.vae(another_vae(pipe, "flux")))
        changed = painted(studio, heard=lambda said: stages.append(said.stage))
        assert "loading" in stages
        assert changed.data == painted(studio, "whole", vae="ae").data != before.data

    def test_another_one_takes_the_place_of_one_that_goes(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pipe = scattered(folder, monkeypatch, whole=False)
        write(folder / "text_encoders" / "t5xxl_fp8.safetensors", t5(pipe.text_encoder_2), torch.float8_e4m3fn)
        studio = Studio("cpu")
        before = painted(studio)
        (folder / "text_encoders" / "t5xxl_fp16.safetensors").unlink()
        assert painted(studio).data == painted(Studio("cpu")).data != before.data

    @pytest.mark.parametrize(
        ("name", "weight", "sentence"),
        [
            ("vae/ae", "decoder.conv_out.bias", r"^ae could not be loaded as a VAE for Flux: .*\. Get it again, or as"),
            (
                "text_encoders/clip_l",
                "text_model.final_layer_norm.bias",
                r"^clip_l could not be loaded as a text encoder for Flux: it lacks some of its weights\. Get it ag",
            ),
            (
                "text_encoders/t5xxl_fp16",
                "encoder.final_layer_norm.weight",
                r"^t5xxl_fp16 could not be loaded as a text encoder for Flux: it lacks some of its weights\. Get it ag",
            ),
        ],
    )
    def test_what_lacks_weights_is_named(
        self, name: str, weight: str, sentence: str, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scattered(folder, monkeypatch, whole=False)
        file = folder / f"{name}.safetensors"
        write(file, {name: value for name, value in load_file(file).items() if name != weight})
        with pytest.raises(SfumatoError, match=sentence):
            painted(Studio("cpu"))

    def test_what_is_damaged_lends_nothing(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        scattered(folder, monkeypatch, whole=False)
        studio = Studio("cpu")
        file = folder / "text_encoders" / "clip_l.safetensors"
        file.write_bytes(file.read_bytes()[:-1])
        with pytest.raises(InputError, match=r"^mine lacks the text encoder CLIP-L, which no file here lends it"):
            painted(studio)
