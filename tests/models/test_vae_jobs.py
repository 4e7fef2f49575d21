"""Jobs with another VAE than the model's own: exactly the job of a model that has it, and nothing of it afterwards."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderTiny
from models import lora_files, original
from models.tiny_checkpoints import FAMILIES, INPAINTING, another_vae, configured, controlnet, flux, request_for
from PIL import Image
from safetensors.torch import load_file, save_file
from sfumato import cli, models
from sfumato.errors import InputError
from sfumato.models import checkpoints, controlled, ladder, lent, opened
from sfumato.models.beside import find_beside
from sfumato.models.ladder import RUNGS
from sfumato.models.listing import listing
from sfumato.models.vaes import SAME
from sfumato.studio import Finished, Progressed, Studio
from sfumato.studio.pipelines import Pipelines
from sfumato_wire import Box, Control, Lora, Pixels, Welcome, digest_of
from sfumato_wire.frames import Decoder, encode

SIDE = 64
LINES = np.full((SIDE, SIDE, 4), 255, np.uint8).tobytes()
CONTROL = Control("lines", Pixels(0, 0, SIDE, SIDE, "rgba8", digest_of(LINES)))
# Of diffusers' own, where the tests themselves make a ControlNet for Flux.
pytestmark = pytest.mark.filterwarnings("ignore:`FluxPosEmbed` is deprecated:FutureWarning")


def saved(folder: Path, monkeypatch: pytest.MonkeyPatch, family: str = "sd15", pipe: Any = None) -> Any:
    """A model "mine", a VAE "clear" for it, and "twin": the model with that VAE as its own."""
    pipe = pipe or FAMILIES[family]()
    pipe.save_pretrained(folder / "mine")
    configured(monkeypatch, folder, pipe, SAME.get(family, family))
    other, own = another_vae(pipe, family), pipe.vae
    other.save_pretrained(folder / "clear")
    pipe.vae = type(own).from_config(own.config)
    pipe.vae.load_state_dict(other.state_dict())
    pipe.save_pretrained(folder / "twin")
    pipe.vae = own
    return pipe


def painted(studio: Studio, model: str = "mine", vae: str = "", **changes: Any) -> Finished:
    request, canvas, grey = request_for(model, SIDE)
    heard = changes.pop("heard", lambda _: None)
    lines = LINES if "control" in changes else b""
    request = replace(request, **{"steps": 4, "vae": vae, "settings": {"composite": "smooth"}} | changes)
    return studio.run(request, canvas, grey if request.change_map else b"", lines, on_progress=heard)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_job_with_it_is_that_of_a_model_that_has_it(
    family: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(folder, monkeypatch, family)
    studio = Studio("cpu")
    before = painted(studio)
    changed = painted(studio, vae="clear")
    assert "vae" not in before.report
    assert changed.report["vae"].startswith("clear-")
    assert changed.data == painted(studio, "twin").data != before.data
    assert painted(studio).data == before.data
    assert painted(studio, vae="clear").data == changed.data
    assert painted(Studio("cpu"), vae="clear").data == changed.data


@pytest.mark.parametrize("layout", ["original", "diffusers"])
@pytest.mark.parametrize("family", ["sd15", "sdxl", "flux"])
def test_single_files(family: str, layout: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever their names let one guess: of files only the number of channels is sure."""
    pipe = saved(folder, monkeypatch, family, flux(64, 16) if family == "flux" else None)
    other = another_vae(pipe, family)
    state = original.vae(other) if layout == "original" else other.state_dict()
    name = {"sd15": "anime_xl_vae", "sdxl": "blessed", "flux": "sd3_vae"}[family]
    save_file({name: value.contiguous() for name, value in state.items()}, folder / f"{name}.safetensors")
    row = find_beside("vae", name).row
    assert row.layout == layout
    assert row.family != family
    studio = Studio("cpu")
    assert painted(studio, vae=name).data == painted(studio, "twin").data != painted(studio).data


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_all_of_its_weights_are_there(dtype: torch.dtype, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = another_vae(saved(folder, monkeypatch), "sd15")
    save_file({name: value.to(dtype) for name, value in original.vae(other).items()}, folder / "file.safetensors")
    row = find_beside("vae", "file").row
    usual = checkpoints.usual_vae("sd15")
    half = torch.bfloat16 if dtype == torch.bfloat16 else torch.float16
    loaded = lent.load_vae(row, "sd15", usual, half)
    assert original.same(loaded.state_dict(), other.state_dict(), dtype)
    assert (loaded.dtype, loaded.training) == (torch.float32, False)  # a file does not say that it does not overflow
    other.register_to_config(force_upcast=False)
    other.save_pretrained(folder / "fixed")
    assert lent.load_vae(find_beside("vae", "fixed").row, "sd15", usual, torch.float16).dtype == torch.float16


def test_in_half_precision(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = saved(folder, monkeypatch, "sdxl")
    monkeypatch.setattr(models, "dtype_on", lambda device, family: torch.bfloat16)
    for upcast in (True, False):
        for place in (folder / "clear", folder / "twin" / "vae"):
            config = json.loads((place / "config.json").read_text())
            (place / "config.json").write_text(json.dumps(config | {"force_upcast": upcast}))
        studio = Studio("cpu")
        assert painted(studio, vae="clear").data == painted(studio, "twin").data
        loaded = studio.pipe(studio.find("mine"), vae=studio.find_beside("vae", "clear"))
        assert loaded.vae.dtype == (torch.float32 if upcast else torch.bfloat16)
        assert loaded.unet.dtype == torch.bfloat16
    assert pipe.vae.dtype == torch.float32


@pytest.mark.parametrize("edit", ["edit-friendly", "diffedit", "soft-inpainting"])
def test_what_was_recorded_by_one_is_not_taken_for_another(
    edit: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(folder, monkeypatch)
    studio = Studio("cpu")
    asked: dict[str, Any] = {"edit": edit, "source_prompt": "a boat", "settings": {}}
    if edit == "soft-inpainting":
        del asked["source_prompt"]
    before = painted(studio, **asked)
    changed = painted(studio, vae="clear", **asked)
    assert changed.data == painted(Studio("cpu"), "twin", **asked).data != before.data
    assert painted(studio, **asked).data == before.data
    texts = len(studio._texts)
    assert painted(studio, vae="clear", **asked).data == changed.data
    assert len(studio._texts) == texts
    if edit == "diffedit":
        found = {"edit": edit, "source_prompt": "a blue house", "task": "map", "change_map": None, "settings": {}}
        changed = painted(studio, vae="clear", **found)
        assert changed.data == painted(studio, "twin", **found).data != painted(studio, **found).data


@pytest.mark.parametrize("family", ["sd15", "flux"])
def test_with_a_controlnet_and_a_lora(family: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another VAE makes no ControlNet load again, nor the other way round."""
    pipe = saved(folder, monkeypatch, family)
    controlnet(pipe).save_pretrained(folder / "lines")
    lora_files.of_diffusers(folder / "soft", pipe, family)
    loaded: list[str] = []
    for module, name in ((controlled, "load_controlnet"), (lent, "load_vae")):
        real: Callable[..., Any] = getattr(module, name)
        monkeypatch.setattr(module, name, lambda row, *args, real=real: loaded.append(row.name) or real(row, *args))
    studio, both = Studio("cpu"), {"control": CONTROL, "loras": (Lora("soft"),)}
    plain = painted(studio, **both)
    changed = painted(studio, vae="clear", **both)
    assert changed.data != plain.data
    assert loaded == ["lines", "clear"]
    assert painted(studio, **both).data == plain.data
    assert loaded == ["lines", "clear"]
    assert painted(studio, vae="clear").data == painted(Studio("cpu"), "twin").data
    assert painted(studio, vae="clear", **both).data == changed.data == painted(Studio("cpu"), "twin", **both).data


@pytest.mark.parametrize("family", INPAINTING)
def test_checkpoints_for_inpainting(family: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their masked picture is encoded by it as well."""
    saved(folder, monkeypatch, family, INPAINTING[family][1]())
    studio = Studio("cpu")
    assert painted(studio, vae="clear").data == painted(studio, "twin").data != painted(studio).data


def test_it_is_loaded_once_for_jobs_in_a_row_and_goes_with_the_first_without_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = saved(folder, monkeypatch)
    studio, stages = Studio("cpu"), list[str]()

    def heard(progressed: Progressed) -> None:
        stages.append(progressed.stage)

    before = painted(studio)
    first = painted(studio, vae="clear", heard=heard)
    assert "loading" in stages
    stages.clear()
    painted(studio, vae="clear", seed=2, heard=heard)
    assert "loading" not in stages
    model = studio.find("mine")
    gone = weakref.ref(studio.pipe(model, vae=studio.find_beside("vae", "clear")).vae)
    assert painted(studio, heard=heard).data == before.data
    assert "loading" not in stages
    gc.collect()
    assert gone() is None
    another_vae(pipe, "sd15", 2).save_pretrained(folder / "clear")  # which is another one now
    assert painted(studio, vae="clear").data not in (first.data, before.data)


def test_what_fails_leaves_the_model_loaded_and_clean(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(folder, monkeypatch)
    another_vae(FAMILIES["sd15"](), "sd15").save_pretrained(folder / "holes")
    file = folder / "holes" / "diffusion_pytorch_model.safetensors"
    save_file({name: tensor for name, tensor in load_file(file).items() if "conv_out" not in name}, file)
    studio, stages = Studio("cpu"), list[str]()
    before, changed = painted(studio), painted(studio, vae="clear")
    sentence = r"^holes could not be loaded as a VAE for Stable Diffusion 1\.x: .*\. Get it again, or as a folder of"
    with pytest.raises(InputError, match=sentence):
        painted(studio, vae="holes")
    assert painted(studio, heard=lambda said: stages.append(said.stage)).data == before.data
    assert "loading" not in stages
    assert painted(studio, vae="clear").data == changed.data


class TestRefused:
    @pytest.mark.parametrize(
        ("name", "sentence"),
        [
            ("none", r"^There is no VAE 'none'\. `sfumato models --kind vae` lists the ones there are\.$"),
            ("mine", r"^mine is no VAE but a checkpoint\. `sfumato models --kind vae` lists"),
            ("twice", r"^There are 2 VAEs called 'twice'\. Ask for one of: twice-\w{6}, twice-\w{6}\.$"),
            ("xl", r"^xl is a VAE for Stable Diffusion XL, and mine is of Stable Diffusion 1\.x\. Leave it out, or"),
            ("ae", r"^ae is a VAE for Flux, and mine is of Stable Diffusion 1\.x\. Leave it out, or take a model"),
            ("odd", r"^odd is a VAE for a family that cannot be told, and mine is of Stable Diffusion 1\.x\."),
            ("cut", r"^cut\.safetensors ends after"),
            ("small", r"^small is a AutoencoderTiny: Sfumato does not work with it\.$"),
        ],
    )
    def test_before_anything_is_loaded(
        self, name: str, sentence: str, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pipe = saved(folder, monkeypatch)
        another_vae(FAMILIES["sdxl"](), "sdxl").save_pretrained(folder / "xl")
        save_file(original.vae(flux(64, 16).vae), folder / "ae.safetensors")
        save_file({"decoder.conv_in.weight": torch.zeros(8, 5, 3, 3)}, folder / "odd.safetensors")
        for place in ("a", "b"):
            pipe.vae.save_pretrained(folder / place / "twice")
        save_file(original.vae(pipe.vae), folder / "cut.safetensors")
        (folder / "cut.safetensors").write_bytes((folder / "cut.safetensors").read_bytes()[:-1])
        AutoencoderTiny(encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4).save_pretrained(
            folder / "small"
        )
        studio = Studio("cpu")
        with pytest.raises(InputError, match=sentence):
            painted(studio, vae=name)
        assert studio.find("mine") not in studio.pipe

    def test_by_models_that_came_with_sfumato(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        saved(folder, monkeypatch)
        with pytest.raises(InputError, match=r"^Sketchbook takes no other VAE\. Leave clear out, or take a model of"):
            painted(Studio("cpu"), "sketchbook", "clear")

    def test_a_single_file_of_a_family_without_configuration(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = another_vae(saved(folder, monkeypatch, "qwen-image"), "qwen-image")
        save_file(other.state_dict(), folder / "file.safetensors")
        with pytest.raises(InputError, match=r"^file is a single file, which does not say how a VAE for Qwen-Image is"):
            painted(Studio("cpu"), vae="file")

    def test_of_another_build(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A folder whose scale is nobody's, with the channels of the family, but other cells."""
        pipe = saved(folder, monkeypatch)
        settings = {name: value for name, value in pipe.vae.config.items() if not name.startswith("_")}
        settings |= {"block_out_channels": (8, 8, 16), "scaling_factor": 0.5}
        settings |= {name: settings[name][:3] for name in ("down_block_types", "up_block_types")}
        type(pipe.vae)(**settings).save_pretrained(folder / "coarse")
        row = next(row for row in listing() if row.name == "coarse")
        assert (row.family, row.told_by) == ("sd15", {"family": "its channels"})
        with pytest.raises(InputError, match=r"^coarse could not be loaded as a VAE .*: it is of another build\. Get"):
            painted(Studio("cpu"), vae="coarse")


class TestMemory:
    @pytest.mark.parametrize("family", ["sd15", "flux"])
    def test_every_rung_gives_the_picture_of_the_model_that_has_it(
        self, family: str, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        saved(folder, monkeypatch, family)
        for rung in RUNGS:
            studio = Studio("cpu")
            studio.pipe = Pipelines("cpu", rungs=(rung,))
            before, wanted = painted(studio), painted(studio, "twin")
            assert painted(studio, vae="clear").data == wanted.data
            assert studio.pipe.rung_of(studio.find("mine")) is rung
            pipe = studio.pipe(studio.find("mine"), vae=studio.find_beside("vae", "clear"))
            assert pipe.vae.use_tiling is (rung is not ladder.WHOLE)
            assert hasattr(pipe.vae, "_hf_hook") is (rung is ladder.TURNS)
            assert painted(studio).data == before.data

    def test_its_weights_count_and_the_fit_is_its_own(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pipe = saved(folder, monkeypatch)
        controlnet(pipe).save_pretrained(folder / "lines")
        vae, guide = find_beside("vae", "clear"), find_beside("controlnet", "lines")
        size, both = opened.size_of(vae.row, torch.float32), opened.size_of(guide.row, torch.float32)
        assert size == ladder.bytes_of([pipe.vae])
        own = ladder.bytes_of(ladder.parts_of(pipe))
        held, model = Pipelines("cpu", budget=2**40), Studio("cpu").find("mine")
        for asked, wanted in (
            ({}, 0),
            ({"vae": vae}, size),
            ({"vae": vae, "guide": guide}, size + both),
            ({"guide": guide}, both),
            ({}, 0),
        ):
            held(model, **asked)
            assert held._held[model.info.id].bytes == own + wanted

    def test_rounded_weights_are_not_its_own(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        saved(folder, monkeypatch)
        studio = Studio("cpu")
        studio.pipe = Pipelines("cpu", rungs=ladder.rungs_on("cuda", {"SFUMATO_QUANTISE": "int8"})[2:3])
        before = painted(studio)
        assert painted(studio, vae="clear").data == painted(studio, "twin").data != before.data
        assert painted(studio).data == before.data


def test_from_the_docker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is chosen from the list makes the request that asks for it, over the wire, and so the same bytes."""
    import plugin.conftest  # noqa: F401  # the plugin as it is shipped becomes importable
    from krita_sfumato.events import Linked
    from krita_sfumato.vendor.sfumato_wire import Submit, frames
    from plugin.desk import SETTINGS, Desk
    from plugin.fakes import FakeDocument

    saved(folder, monkeypatch)
    studio, back = Studio("cpu"), frames.Decoder()
    desk = Desk(FakeDocument(SIDE, SIDE, Box(0, 0, SIDE, SIDE // 2))).ready()
    back.feed(encode(Welcome("test", 1, "cpu", studio.models, studio.edits, vaes=studio.vaes)))
    desk.controller.hear(Linked(welcome := back.next_message()))
    mine, twin = (next(one.id for one in welcome.models if one.name == name) for name in ("mine", "twin"))
    (clear,) = welcome.vaes
    assert (clear.name, clear.family) == ("clear", "sd15")

    def applied(model: str, vae: str = "") -> Finished:
        desk.apply(replace(SETTINGS, model=model, vae=vae, steps=2))
        sent, blobs = desk.link.submitted[-1][1].request()
        forth = Decoder()
        forth.feed(frames.encode(Submit("job", sent)))
        request = forth.next_message().request
        pictures = [blobs[picture.digest] for picture in request.pictures]
        finished = studio.run(request, *pictures)
        if vae:  # as `--vae` names it
            assert studio.run(replace(request, vae="clear"), *pictures).data == finished.data
        return finished

    changed = applied(mine, clear.id)
    assert changed.report["vae"] == clear.id
    assert changed.data == applied(twin).data != applied(mine).data


def test_from_the_command_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    saved(folder, monkeypatch)
    canvas, grey, layer, fan = (tmp_path / f"{name}.png" for name in ("canvas", "map", "layer", "fan"))
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)).save(canvas)
    Image.fromarray(np.full((SIDE, SIDE), 255, np.uint8)).save(grey)
    common = [str(canvas), "--prompt", "a boat", "--steps", "2", "--json"]
    for command, out in (
        (["apply", *common, "--map", str(grey), "--layer", str(layer)], layer),
        (["fan", *common, "--strengths", "3", "--out", str(fan)], fan),
        (["find-map", *common, "--reference-prompt", "a blue house", "--out", str(layer)], layer),
    ):
        written = []
        for more in (["mine"], ["twin"], ["mine", "--vae", "clear"]):
            assert cli.main([*command, "--model", *more]) == 0
            said = json.loads(capsys.readouterr().out)
            written.append(out.read_bytes())
        assert said.get("vae", "clear-").startswith("clear-")
        assert written[0] != written[1] == written[2]
        assert cli.main([*command, "--model", "mine", "--vae", "none"]) == 2
        assert capsys.readouterr().err.startswith("sfumato: There is no VAE 'none'.")
