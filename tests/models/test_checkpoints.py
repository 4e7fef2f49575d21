"""Checkpoints as painters have them: real classes, real formats, tiny; and the sizes that the real ones have."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
import transformers
from diffusers import (
    EulerDiscreteScheduler,
    LCMScheduler,
    PNDMScheduler,
    StableDiffusionInpaintPipeline,
)
from models import original, samples
from models.tiny_checkpoints import (
    FAMILIES,
    INPAINTING,
    WIDTH,
    configured,
    flux,
    reading,
    request_for,
    sd3,
    sd15,
)
from safetensors.torch import load_file, save_file
from sfumato import models
from sfumato.errors import InputError, SfumatoError
from sfumato.models import families
from sfumato.models.checkpoints import CONFIGS, clip_tokenizer, config_of, open_checkpoint, scheduler_of
from sfumato.models.header import read
from sfumato.models.listing import Row, listing
from sfumato.models.places import add_folder
from sfumato.models.recognise import recognise
from sfumato.models.usable import as_model, why_not
from sfumato.studio import Studio
from sfumato.studio.pipelines import Pipelines

# What the families' authors count, by configuration and part.
COUNTED = {
    ("sd15", "unet"): 859_520_964,
    ("sd15", "vae"): 83_653_863,
    ("sd15", "text_encoder"): 123_060_480,
    ("sd2", "unet"): 865_910_724,
    ("sd2", "text_encoder"): 340_387_840,
    ("sdxl", "unet"): 2_567_463_684,
    ("sdxl", "text_encoder"): 123_060_480,
    ("sdxl", "text_encoder_2"): 694_659_840,
    ("sd3-3-medium", "transformer"): 2_028_328_000,
    ("sd3-3.5-medium", "transformer"): 2_243_171_520,
    ("sd3-3.5-large", "transformer"): 8_056_627_520,
    ("sd3-3-medium", "text_encoder_3"): 4_762_310_656,
    ("flux-dev", "transformer"): 11_901_408_320,
    ("flux-schnell", "transformer"): 11_891_178_560,
    ("flux-dev", "vae"): 83_819_683,
}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that the user named."""
    place = tmp_path / "my models"
    place.mkdir()
    add_folder(place)
    return place


def only() -> Row:
    rows = list(listing())
    assert len(rows) == 1, rows
    return rows[0]


class TestConfigurations:
    @pytest.mark.parametrize(("name", "part"), COUNTED)
    def test_models_are_of_the_size_that_their_authors_count(self, name: str, part: str) -> None:
        index = json.loads((CONFIGS / name / "model_index.json").read_text())
        library, kind = index[part]
        cls = getattr({"diffusers": diffusers, "transformers": transformers}[library], kind)
        with torch.device("meta"):
            if library == "diffusers":
                model = cls.from_config(cls.load_config(CONFIGS / name / part))
            else:
                model = cls(cls.config_class.from_pretrained(CONFIGS / name / part))
        assert sum(weight.numel() for weight in model.parameters()) == COUNTED[name, part]

    def test_all_parts_are_there(self) -> None:
        for file in CONFIGS.glob("*/model_index.json"):
            for part, what in json.loads(file.read_text()).items():
                if isinstance(what, list) and not part.startswith("tokenizer"):
                    assert any((file.parent / part).glob("*config.json")), (file.parent.name, part)

    def test_words_become_the_numbers_that_clip_knows(self) -> None:
        tokenizer = clip_tokenizer("!")
        assert len(tokenizer) == 49408
        said = tokenizer("A photo of a cat", padding="max_length").input_ids
        assert said[:7] == [49406, 320, 1125, 539, 320, 2368, 49407]
        assert said[7:] == [0] * 70

    def test_a_kind_without_one_is_told_of(self) -> None:
        with pytest.raises(InputError, match=r"for which no configuration ships. Get it as a folder."):
            config_of(Row(name="odd", family="sd3", variant="9-large"))


class TestSchedulers:
    def test_by_what_the_file_says(self) -> None:
        plain = scheduler_of(Row(family="sd15", prediction="epsilon"))
        assert isinstance(plain, EulerDiscreteScheduler)
        assert (plain.config.prediction_type, plain.config.timestep_spacing) == ("epsilon", "leading")
        v = scheduler_of(Row(family="sdxl", prediction="v", zero_snr=True)).config
        assert (v.prediction_type, v.rescale_betas_zero_snr, v.timestep_spacing) == ("v_prediction", True, "trailing")
        assert (
            scheduler_of(Row(family="sdxl", prediction="epsilon", speed="turbo")).config.timestep_spacing == "trailing"
        )
        assert isinstance(scheduler_of(Row(family="sd15", prediction="epsilon", speed="lcm")), LCMScheduler)


class TestFolders:
    @pytest.mark.parametrize("family", INPAINTING)
    def test_one_for_inpainting_takes_the_same_map(
        self, family: str, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Step by step more of the picture is masked, as the map lets it."""
        monkeypatch.setitem(families.FAMILIES, family, replace(families.FAMILIES[family], native=64))
        variant, make, cls = INPAINTING[family]
        own = make()
        parts = {name: own.components[name] for name in cls._get_signature_keys(cls)[0] if name in own.components}
        more = {"requires_safety_checker": False} if cls is StableDiffusionInpaintPipeline else {}
        cls(**parts, **more).save_pretrained(folder / family)
        row = only()
        assert (row.family, row.variant, row.problem, why_not(row)) == (family, variant, "", "")
        request, canvas, grey = request_for(row.id)
        studio = Studio("cpu")
        with reading(studio.pipe(studio.find(row.id))) as calls:
            finished = studio.run(request, canvas, grey)
        assert finished.layer is not None
        box, rgba = finished.layer.box, np.frombuffer(finished.data, np.uint8)
        layer = rgba.reshape(box.height, box.width, 4)
        assert layer[:, : max(16 - box.x, 0), 3].max(initial=0) == 0
        assert layer[..., 3].max() == 255
        masks = [call[:, 4] if call.ndim == 4 else call[..., 128:] for call in calls]
        assert len(masks) == 2
        assert 0 < masks[0].mean() < masks[1].mean() < 1
        assert {call.shape[1 if call.ndim == 4 else 2] for call in calls} == {384 if family == "flux" else 9}

    def test_one_that_is_deleted_while_it_is_loaded_goes_on(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Until it is to be loaded again, which is told; what else there is can be painted with."""
        monkeypatch.setitem(families.FAMILIES, "sd15", replace(families.FAMILIES["sd15"], native=64))
        sd15().save_pretrained(folder / "mine")
        sd15().save_pretrained(folder / "other")
        mine, other = sorted((row.id for row in listing()), key=lambda id: id.startswith("other"))
        studio = Studio("cpu")
        before = studio.run(*request_for(mine))
        shutil.rmtree(folder / "mine")
        assert studio.run(*request_for(mine)).data == before.data
        assert studio.run(*request_for("mine")).data == before.data
        studio.pipe = Pipelines("cpu", budget=0)
        studio.run(*request_for(other))
        with pytest.raises(InputError, match=r"^The files of mine have gone or cannot be read"):
            studio.run(*request_for(mine))
        with pytest.raises(InputError, match=r"^There is no model 'mine'\."):
            studio.run(*request_for("mine"))
        assert studio.find(other) in studio.pipe

    def test_one_that_came_later_and_is_deleted_goes_on_by_name(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Until there is another of its name, which is another model: nothing of the first is taken for its own."""
        monkeypatch.setitem(families.FAMILIES, "sd15", replace(families.FAMILIES["sd15"], native=64))
        studio = Studio("cpu")
        sd15().save_pretrained(folder / "mine")
        before = studio.run(*request_for("mine"))
        shutil.rmtree(folder / "mine")
        assert studio.run(*request_for("mine")).data == before.data
        sd15().save_pretrained(folder / "deeper" / "mine")
        after = studio.run(*request_for("mine"))
        assert after.data != before.data
        assert after.data == Studio("cpu").run(*request_for("mine")).data

    @pytest.mark.parametrize(
        ("part", "sentence"),
        [
            ("text_encoder", "lacks its text encoder"),
            ("vae", "lacks its vae"),
            ("tokenizer", "lacks the tokenizer of its text encoder"),
            ("scheduler", "lacks its scheduler"),
        ],
    )
    def test_what_was_saved_without_a_part_is_told_of(self, part: str, sentence: str, folder: Path) -> None:
        sd15().save_pretrained(folder / "mine")
        index = folder / "mine" / "model_index.json"
        index.write_text(json.dumps(json.loads(index.read_text()) | {part: [None, None]}))
        with pytest.raises(SfumatoError, match=rf"^mine {sentence}\. Get it again"):
            open_checkpoint(only(), torch.float32)

    @pytest.mark.parametrize(
        ("file", "changes"),
        [
            ("unet/config.json", {"attention_head_dim": 0}),
            ("vae/config.json", {"block_out_channels": [8, 8]}),
            ("text_encoder/config.json", {"hidden_size": "x"}),
            ("text_encoder/config.json", {"num_attention_heads": 0}),
            ("text_encoder/config.json", {"_attn_implementation": "somebody/evil"}),
            ("text_encoder/config.json", {"quantization_config": {"quant_method": "gptq"}}),
            ("vae/config.json", {"scaling_factor": "x"}),
            ("scheduler/scheduler_config.json", {"timestep_spacing": "foo"}),
            ("scheduler/scheduler_config.json", {"num_train_timesteps": 2}),
            ("scheduler/scheduler_config.json", {"trained_betas": [0.1, 0.2]}),
            ("model_index.json", {"_class_name": "StableDiffusionXLPipeline"}),
        ],
    )
    def test_nonsense_in_its_files_is_a_sentence(
        self, file: str, changes: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """When it is loaded, or when it is painted with."""
        monkeypatch.setitem(families.FAMILIES, "sd15", replace(families.FAMILIES["sd15"], native=64))
        sd15().save_pretrained(folder / "mine")
        config = folder / "mine" / file
        config.write_text(json.dumps(json.loads(config.read_text()) | changes))
        with pytest.raises(SfumatoError, match=r"^mine .*\.$"):
            Studio("cpu").run(*request_for(only().id))

    @pytest.mark.parametrize("length", [2, 10**9, 10**30])
    def test_texts_are_as_long_as_their_reader_was_made_for(self, length: int, folder: Path) -> None:
        sd15().save_pretrained(folder / "mine")
        config = folder / "mine" / "tokenizer" / "tokenizer_config.json"
        config.write_text(json.dumps(json.loads(config.read_text()) | {"model_max_length": length}))
        assert open_checkpoint(only(), torch.float32).tokenizer.model_max_length == 77

    def test_graphics_cards_read_channels_last(self) -> None:
        for device, expected in (("cpu", False), ("cuda", True)):  # which it does not go to by itself
            pipe = models.load(models.find("sketchbook"), device)
            for network in (pipe.unet, pipe.vae.decoder):
                layout = torch.channels_last if expected else torch.contiguous_format
                assert network.conv_in.weight.is_contiguous(memory_format=layout)

    def test_half_precision_and_variants(self, folder: Path) -> None:
        sd15().to(dtype=torch.float16).save_pretrained(folder / "half", variant="fp16")
        row = only()
        pipe = open_checkpoint(row, torch.float16)
        assert pipe.unet.dtype == torch.float16
        assert pipe.vae.dtype == torch.float32  # it is said to overflow

    @pytest.mark.parametrize("part", ["unet", "text_encoder"])
    def test_what_lacks_weights_is_told_of(self, part: str, folder: Path) -> None:
        """diffusers and transformers fill them with random numbers, and warn of it where nobody reads."""
        sd15().save_pretrained(folder / "mine")
        file = next((folder / "mine" / part).glob("*.safetensors"))
        tensors = load_file(file)
        save_file({name: tensor for name, tensor in tensors.items() if "out" not in name}, file)
        with pytest.raises(SfumatoError, match=rf"^mine lacks some of the weights of its {part.replace('_', ' ')}\."):
            open_checkpoint(only(), torch.float32)

    def test_plms_is_replaced(self, folder: Path) -> None:
        """Started in the middle of its schedule it lags a step behind."""
        sd15(scheduler=PNDMScheduler(skip_prk_steps=True, steps_offset=1)).save_pretrained(folder / "plms")
        assert isinstance(open_checkpoint(only(), torch.float32).scheduler, EulerDiscreteScheduler)

    def test_code_in_a_folder_is_not_run(self, folder: Path) -> None:
        """Neither a pipeline of its own nor a part of its own."""
        sd15().save_pretrained(folder / "own")
        trap = folder / "ran"
        code = f"open({str(trap)!r}, 'w')\n"
        for name in ("pipeline.py", "unet/my_unet.py", "my_unet.py"):
            (folder / "own" / name).write_text(code)
        index = json.loads((folder / "own" / "model_index.json").read_text())
        (folder / "own" / "model_index.json").write_text(json.dumps(index | {"unet": ["my_unet", "Mine"]}))
        rows = list(listing())
        for row in rows:
            with pytest.raises((InputError, SfumatoError)):
                models.load(as_model(row), "cpu")
        assert not trap.exists()


# By variant. What Fill makes has 16 channels, as every real one's, so that it is told by what it reads.
FLUX_FILES: dict[str, Any] = {
    "schnell": flux,
    "dev": partial(flux, guided=True),
    "fill": partial(flux, 384, 16, guided=True),
}


class TestSingleFiles:
    """Their configurations are the tiny pipelines' own, in place of those that ship."""

    def load(
        self,
        monkeypatch: pytest.MonkeyPatch,
        folder: Path,
        pipe: Any,
        family: str,
        variant: str = "",
        plain: Any = None,
        **save: Any,
    ) -> Any:
        """plain: whose configuration there is, if not the pipeline's own."""
        configured(monkeypatch, folder, plain or pipe, family)
        file = original.save(folder / "mine.safetensors", pipe, **save)
        flow = family in ("sd3", "flux")
        lacking = recognise(read(file), file.name).missing if flow else ()  # widths tell the others apart
        row = Row(kind="checkpoint", family=family, layout="original", name="mine", path=str(file), missing=lacking)
        row = replace(row, variant=variant, prediction="flow" if flow else "epsilon")
        return open_checkpoint(row, torch.float32)

    @pytest.mark.usefixtures("narrow")
    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn])
    @pytest.mark.parametrize("family", ["sd15", "sd2", "sdxl", "sd3", "sd3 with T5", "flux"])
    def test_its_weights_are_all_there(
        self, family: str, dtype: torch.dtype, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        makers = FAMILIES | {"sd2": partial(sd15, act="gelu", use_linear_projection=True)}
        pipe = (makers | {"sd3 with T5": partial(sd3, third=True)})[family]()
        family = family.partition(" ")[0]
        if family == "sd3":
            pipe.text_encoder.text_projection.weight.data = torch.eye(WIDTH)
        loaded = self.load(monkeypatch, folder, pipe, family, dtype=dtype)
        for part in ("unet", "transformer", "vae", "text_encoder", "text_encoder_2", "text_encoder_3"):
            if module := getattr(pipe, part, None):
                assert original.same(getattr(loaded, part).state_dict(), module.state_dict(), dtype), part
                assert not getattr(loaded, part).training, part

    @pytest.mark.parametrize("family", ["sd15", "sd2", "sdxl"])
    def test_one_for_inpainting_reads_the_configuration_of_the_plain_one(
        self, family: str, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        torch.manual_seed(0)
        plain = sd15(1024, "gelu", use_linear_projection=True) if family == "sd2" else FAMILIES[family]()
        variant, make, _ = INPAINTING[family]
        pipe = make()
        loaded = self.load(monkeypatch, folder, pipe, family, variant, plain)
        assert loaded.unet.config.in_channels == 9
        assert type(loaded) is type(plain)
        for part in ("unet", "vae", "text_encoder", "text_encoder_2"):
            if module := getattr(pipe, part, None):
                assert original.same(getattr(loaded, part).state_dict(), module.state_dict(), torch.float16), part

    @pytest.mark.usefixtures("narrow")
    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e4m3fn])
    @pytest.mark.parametrize("variant", FLUX_FILES)
    def test_flux_is_painted_with_and_black_stays(
        self, variant: str, dtype: torch.dtype, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As it is found on the disk."""
        monkeypatch.setitem(families.FAMILIES, "flux", replace(families.FAMILIES["flux"], native=64))
        pipe = FLUX_FILES[variant]()
        plain = flux(64, 16, guided=True) if variant == "fill" else pipe
        configured(monkeypatch, folder, plain, f"flux-{'dev' if variant == 'fill' else variant}")
        original.save(folder / "mine.safetensors", pipe, dtype)
        row = only()
        assert (row.family, row.variant, row.layout, why_not(row)) == ("flux", variant, "original", "")
        request, canvas, grey = request_for(row.id)
        studio = Studio("cpu")
        with reading(studio.pipe(studio.find(row.id))) as calls:
            finished = studio.run(request, canvas, grey)
        assert finished.layer is not None
        box, rgba = finished.layer.box, np.frombuffer(finished.data, np.uint8)
        layer = rgba.reshape(box.height, box.width, 4)
        assert layer[:, : max(16 - box.x, 0), 3].max(initial=0) == 0
        assert layer[..., 3].max() == 255
        assert {call.shape[2] for call in calls} == {pipe.transformer.config.in_channels}
        assert studio.run(request, canvas, grey).data == finished.data

    @pytest.mark.usefixtures("narrow")
    @pytest.mark.parametrize(
        "name",
        [
            "model.diffusion_model.img_in.bias",
            "vae.decoder.conv_out.bias",
            "text_encoders.clip_l.transformer.text_model.final_layer_norm.bias",
            "text_encoders.t5xxl.transformer.encoder.final_layer_norm.weight",
        ],
    )
    def test_flux_that_lacks_a_weight_is_told_of(
        self, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = original.whole
        monkeypatch.setattr(original, "whole", lambda pipe: {n: t for n, t in whole(pipe).items() if n != name})
        with pytest.raises(SfumatoError, match=r"^mine lacks some of its weights\. Get it again"):
            self.load(monkeypatch, folder, flux(), "flux")

    def test_what_lacks_weights_is_told_of(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pipe, whole = sd15(), original.unet
        monkeypatch.setattr(original, "unet", lambda model: {n: t for n, t in whole(model).items() if "out.2" not in n})
        with pytest.raises(SfumatoError, match=r"^mine lacks some of its weights\. Get it again"):
            self.load(monkeypatch, folder, pipe, "sd15")

    def test_what_became_damaged_is_told_of(self, folder: Path) -> None:
        file = original.save(folder / "mine.safetensors", sd15())
        row = Row(
            kind="checkpoint", family="sd15", layout="original", prediction="epsilon", name="mine", path=str(file)
        )
        file.write_bytes(file.read_bytes()[:-1])
        with pytest.raises(InputError, match=r"mine\.safetensors ends after .* bytes; download it again"):
            open_checkpoint(row, torch.float32)
        file.unlink()
        with pytest.raises(InputError, match=r"mine.safetensors cannot be opened"):
            open_checkpoint(row, torch.float32)


class TestWhich:
    @pytest.mark.parametrize(
        ("row", "sentence"),
        [
            (Row(problem="It is damaged."), "It is damaged."),
            (Row(kind="lora", name="x"), "x is no checkpoint but a lora."),
            (
                Row(kind="checkpoint", family="sdxl-refiner", name="x", layout="folder"),
                "x is of the family sdxl-refiner, which Sfumato lists but cannot",
            ),
            (
                Row(kind="checkpoint", family="sd15", name="x", path="x.sft"),
                "x is safetensors under another name: rename",
            ),
        ],
    )
    def test_why_not(self, row: Row, sentence: str) -> None:
        with pytest.raises(InputError) as caught:
            as_model(row)
        assert str(caught.value).startswith(sentence)

    def test_what_lacks_a_part_says_how_to_get_it(self, folder: Path) -> None:
        pipe = sd15()
        pipe.save_pretrained(folder / "mine")
        shutil.rmtree(folder / "mine" / "text_encoder")
        with pytest.raises(InputError, match=r"^mine lacks the text encoder CLIP-L, which .*: `sfumato models get .*`"):
            models.find("mine")

    def test_flux_without_its_companions_says_what_to_get(self, folder: Path) -> None:
        """As most of its files are: the denoiser alone."""
        samples.write(folder / "mine.safetensors", samples.flux())
        with pytest.raises(InputError) as caught:
            models.find("mine")
        assert str(caught.value) == (
            "mine lacks the text encoder CLIP-L, the text encoder T5-XXL and the VAE, which no file here lends it: "
            "`sfumato models get black-forest-labs/FLUX.1-dev` brings a whole model."
        )

    def test_a_damaged_list_of_folders_keeps_nobody_from_painting(
        self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from sfumato.models import places

        places._list_of(__import__("os").environ).write_text("[")
        assert [model.info.id for model in models.available(models.listed())] == list(models.CATALOGUE)
        assert "is damaged" in capsys.readouterr().err
