"""Jobs with a ControlNet: what it changes, when, and that nothing of it is in the job after or loaded twice."""

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
from diffusers import ControlNetModel, FluxControlNetModel, UNet2DConditionModel
from models import lora_files, original
from models.tiny_checkpoints import FAMILIES, INPAINTING, controlnet, request_for
from PIL import Image
from safetensors.torch import load_file, save_file
from sfumato import cli, models
from sfumato.errors import Cancelled, InputError, SfumatoError
from sfumato.models import checkpoints, controlled, ladder, opened
from sfumato.models.beside import find_beside
from sfumato.models.controlnets import IN_ONE_FILE
from sfumato.models.ladder import RUNGS
from sfumato.studio import Finished, Progressed, Studio
from sfumato.studio.control import check_range
from sfumato.studio.pipelines import Pipelines
from sfumato_wire import Control, Lora, Pixels, digest_of

SIDE = 64
LINES = np.zeros((SIDE, SIDE, 4), np.uint8)
LINES[20:24] = LINES[:, 40:44] = 255
CONTROLLED = ("sd15", "sdxl", "flux")
# Of diffusers' own, where the tests themselves make a ControlNet for Flux.
pytestmark = pytest.mark.filterwarnings("ignore:`FluxPosEmbed` is deprecated:FutureWarning")


def saved(folder: Path, family: str = "sd15", name: str = "lines", seed: int = 1) -> Any:
    """A model "mine" and a ControlNet for it."""
    pipe = FAMILIES[family]()
    pipe.save_pretrained(folder / "mine")
    controlnet(pipe, seed).save_pretrained(folder / name)
    return pipe


def control(name: str = "lines", rgba: Any = LINES, at: tuple[int, int] = (0, 0), **more: Any) -> tuple[Control, bytes]:
    data = np.ascontiguousarray(rgba).tobytes()
    pixels = Pixels(*at, rgba.shape[1], rgba.shape[0], more.pop("format", "rgba8"), digest_of(data))
    return Control(name, pixels, **more), data


def painted(
    studio: Studio,
    guide: tuple[Control, bytes] | None = None,
    heard: Callable[[Progressed], None] = lambda _: None,
    **changes: Any,
) -> Finished:
    request, canvas, grey = request_for("mine", SIDE)
    said, data = guide or (None, b"")
    request = replace(request, steps=4, control=said, **changes)
    return studio.run(request, canvas, grey, data, on_progress=heard)


def differing(one: bytes, other: bytes) -> int:
    """By how much the bytes of two layers differ at most."""
    both = (np.frombuffer(data, np.uint8).astype(int) for data in (one, other))
    return int(abs(next(both) - next(both)).max())


@pytest.mark.parametrize("family", CONTROLLED)
def test_one_changes_its_job_and_no_other(family: str, folder: Path) -> None:
    saved(folder, family)
    studio = Studio("cpu")
    before = painted(studio)
    assert "control" not in before.report
    changed = painted(studio, control(weight=0.75))
    said = changed.report["control"]
    assert (said["id"][:6], said["weight"], said["range"]) == ("lines-", 0.75, [0.0, 1.0])
    more = painted(studio, control())
    other = painted(studio, control(rgba=np.full_like(LINES, 255)))
    assert len({finished.data for finished in (before, changed, more, other)}) == 4
    assert painted(studio).data == before.data
    assert painted(studio, control(weight=0.75)).data == changed.data
    assert painted(Studio("cpu"), control(weight=0.75)).data == changed.data


@pytest.mark.parametrize("family", CONTROLLED)
def test_its_range_is_of_the_whole_schedule(family: str, folder: Path) -> None:
    """Where no step lies in it, the ControlNet runs and its answer counts nothing, to the bit; and neither counts what
    the map leaves out."""
    saved(folder, family)
    studio = Studio("cpu")
    before, whole = painted(studio), painted(studio, control())
    first, last = painted(studio, control(end=0.5)), painted(studio, control(begin=0.5))
    assert len({finished.data for finished in (before, whole, first, last)}) == 4
    assert painted(studio, control(begin=0.0, end=0.74)).data == first.data  # the third of four steps is not all in it
    half = {"strength": 500}
    late = painted(studio, **half)
    assert late.report["steps_run"] == 2
    assert painted(studio, control(end=0.5), **half).data == late.data
    assert painted(studio, control(begin=0.5), **half).data == painted(studio, control(), **half).data != late.data


@pytest.mark.parametrize(
    ("begin", "end", "steps", "wide"),
    [(0.3, 0.45, 4, "0.25..0.5"), (0.3, 0.55, 4, "0.25..0.75"), (0.4, 0.6, 3, "0.333..0.667"), (0.0, 0.9, 1, "0..1")],
)
def test_a_range_without_a_step_is_told_of(begin: float, end: float, steps: int, wide: str) -> None:
    """And the one that it names has a step."""
    asked, _ = control(begin=begin, end=end)
    with pytest.raises(InputError) as caught:
        check_range(asked, steps)
    assert str(caught.value) == (
        f"The ControlNet would guide nothing: of {steps} steps none lies wholly in its range, {begin:g}..{end:g}. "
        f"Widen it to {wide}, or take more steps."
    )
    begin, end = map(float, wide.split(".."))
    check_range(replace(asked, begin=begin, end=end), steps)


def test_every_range_that_is_named_has_a_step() -> None:
    for steps in (*range(1, 60), 997, 1000):
        for begin, end in ((0.001 * i, 0.001 * i + 0.0005) for i in range(999)):
            asked, _ = control(begin=begin, end=end)
            with pytest.raises(InputError) as caught:
                check_range(asked, steps)
            first, last = map(float, str(caught.value).split("Widen it to ")[1].split(",")[0].split(".."))
            check_range(replace(asked, begin=first, end=last), steps)


def test_a_range_without_a_step_is_told_of_before_anything_is_loaded(folder: Path) -> None:
    """But for where the map makes more steps of those that were asked for."""
    saved(folder, "sd15")
    studio, narrow = Studio("cpu"), control(begin=0.3, end=0.45)
    with pytest.raises(InputError, match=r"of 4 steps none lies wholly in its range, 0\.3\.\.0\.45\. Widen it to 0"):
        painted(studio, narrow)
    assert studio.find("mine") not in studio.pipe
    spent = {"strength": 200, "settings": {"spend": True, "axis": "steps"}}
    assert painted(studio, control(begin=0.9, end=0.99), **spent).data != painted(studio, **spent).data


def test_one_of_flux_that_reads_pixels(folder: Path) -> None:
    """As those of XLabs do, in diffusers' layout: the picture is not encoded for them."""
    pipe = saved(folder, "flux")
    settings = {name: value for name, value in controlnet(pipe).config.items() if not name.startswith("_")}
    torch.manual_seed(2)
    made = FluxControlNetModel.from_config(settings | {"conditioning_embedding_channels": 4, "patch_size": 2})
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    made.save_pretrained(folder / "pixels")
    studio = Studio("cpu")
    data = {painted(studio).data, painted(studio, control("pixels")).data}
    assert len(data | {painted(studio, control("pixels", rgba=np.full_like(LINES, 255))).data}) == 3


def test_weight_0_is_none_and_is_not_even_loaded(folder: Path) -> None:
    saved(folder)
    studio = Studio("cpu")
    finished = painted(studio, control(weight=0.0))
    assert finished.data == painted(studio).data
    assert "control" not in finished.report
    with pytest.raises(InputError, match="There is no ControlNet 'none'"):
        painted(studio, control("none", weight=0.0))


def test_where_it_is_transparent_or_does_not_reach_it_is_black(folder: Path) -> None:
    saved(folder)
    studio = Studio("cpu")
    black = LINES.copy()
    black[..., 3] = 255
    whole = painted(studio, control(rgba=black)).data
    clear = LINES.copy()
    clear[clear[..., 3] == 0] = (200, 100, 50, 0)
    assert painted(studio, control(rgba=clear)).data == whole
    assert painted(studio, control(rgba=LINES[16:32], at=(0, 16))).data != whole
    part = LINES.copy()
    part[:16] = part[32:] = 0
    assert painted(studio, control(rgba=LINES[16:32], at=(0, 16))).data == painted(studio, control(rgba=part)).data
    coloured = LINES.copy()
    coloured[20:24, :, 0] = 0
    turned = control(rgba=coloured[..., [2, 1, 0, 3]], format="bgra8")
    assert painted(studio, turned).data == painted(studio, control(rgba=coloured)).data


@pytest.mark.parametrize("family", CONTROLLED)
def test_nothing_is_loaded_twice_and_the_plain_pipeline_goes_on_as_it_was(family: str, folder: Path) -> None:
    saved(folder, family)
    studio = Studio("cpu")
    before = painted(studio)
    model = studio.find("mine")
    plain = studio.pipe(model)
    weights = {id(weight) for part in ladder.parts_of(plain) for weight in part.parameters()}
    dtypes = {name: part.dtype for name, part in plain.components.items() if isinstance(part, torch.nn.Module)}
    guide = studio.find_beside("controlnet", "lines")
    with_it = studio.pipe(model, guide=guide)
    assert studio.pipe(model, guide=guide) is with_it
    own = {id(weight) for weight in with_it.controlnet.parameters()}
    assert {id(weight) for part in ladder.parts_of(with_it) for weight in part.parameters()} == weights | own
    assert with_it.scheduler is plain.scheduler
    assert {name: plain.components[name].dtype for name in dtypes} == dtypes
    gone = weakref.ref(with_it.controlnet)
    del with_it
    assert studio.pipe(model) is plain
    gc.collect()
    assert gone() is None
    assert painted(studio).data == before.data


def test_it_is_loaded_once_for_jobs_in_a_row(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(folder)
    controlnet(FAMILIES["sd15"](), 2).save_pretrained(folder / "depths")
    loaded = []
    real = controlled.load_controlnet
    monkeypatch.setattr(controlled, "load_controlnet", lambda row, dtype: loaded.append(row.name) or real(row, dtype))
    studio, stages = Studio("cpu"), []

    def stage(progressed: Progressed) -> None:
        stages.append(progressed.stage)

    first = painted(studio, control(), stage)
    assert "loading" in stages
    stages.clear()
    painted(studio, control(weight=0.5), stage)
    assert "loading" not in stages
    assert painted(studio, control("depths"), stage).data != first.data
    assert "loading" in stages
    assert loaded == ["lines", "depths"]
    controlnet(FAMILIES["sd15"](), 3).save_pretrained(folder / "depths")
    painted(studio, control("depths"))  # which is another one now
    assert loaded == ["lines", "depths", "depths"]


def test_what_fails_leaves_the_model_loaded_and_clean(folder: Path) -> None:
    pipe, studio = saved(folder), Studio("cpu")
    controlnet(pipe).save_pretrained(folder / "holes")
    file = folder / "holes" / "diffusion_pytorch_model.safetensors"
    save_file({name: tensor for name, tensor in load_file(file).items() if "cond" not in name}, file)
    before = painted(studio)
    sentence = r"^holes could not be loaded as a ControlNet for Stable Diffusion 1\.x: .*Get it again"
    with pytest.raises(InputError, match=sentence):
        painted(studio, control("holes"))

    def cancel(progressed: Progressed) -> None:
        if progressed.stage == "painting":
            raise Cancelled

    with pytest.raises(Cancelled):
        painted(studio, control(), cancel)
    stages: list[str] = []
    assert painted(studio, heard=lambda progressed: stages.append(progressed.stage)).data == before.data
    assert "loading" not in stages


@pytest.mark.parametrize("family", CONTROLLED)
def test_loras_and_another_scheduler_apply(family: str, folder: Path) -> None:
    lora_files.of_diffusers(folder / "soft", saved(folder, family), family)
    studio = Studio("cpu")
    plain = painted(studio, control())
    changed = painted(studio, control(), loras=(Lora("soft"),))
    assert changed.data not in (plain.data, painted(studio, loras=(Lora("soft"),)).data)
    assert painted(studio, control()).data == plain.data
    assert painted(Studio("cpu"), control(), loras=(Lora("soft"),)).data == changed.data
    if family != "flux":
        other = painted(studio, control(), scheduler="Euler a")
        assert other.report["scheduler"] == "Euler a"
        assert other.data not in (plain.data, painted(studio, scheduler="Euler a").data)
        assert painted(studio, control()).data == plain.data


@pytest.mark.parametrize("edit", ["edit-friendly", "diffedit"])
def test_what_an_edit_recorded_with_it_is_not_taken_without_it(edit: str, folder: Path) -> None:
    saved(folder)
    studio, asked = Studio("cpu"), {"edit": edit, "source_prompt": "a boat", "settings": {}}
    before = painted(studio, **asked)
    changed = painted(studio, control(), **asked)
    assert changed.data == painted(Studio("cpu"), control(), **asked).data != before.data
    late = painted(studio, control(begin=0.5), **asked)
    assert late.data == painted(Studio("cpu"), control(begin=0.5), **asked).data != changed.data
    assert painted(studio, **asked).data == before.data
    texts, canvases = len(studio._texts), len(studio.canvases)
    painted(studio, control(weight=0.3), **asked)
    assert (len(studio._texts), len(studio.canvases)) == (texts, canvases)


@pytest.mark.parametrize("family", INPAINTING)
def test_checkpoints_for_inpainting_take_one(family: str, folder: Path) -> None:
    _, make, cls = INPAINTING[family]
    own = make()
    parts = {name: own.components[name] for name in cls._get_signature_keys(cls)[0] if name in own.components}
    more = {"requires_safety_checker": False} if "safety_checker" in parts else {}
    cls(**parts, **more).save_pretrained(folder / "mine")
    guide = controlnet(own)
    if family == "flux":
        settings = dict(guide.config) | {"in_channels": 64}
        guide = FluxControlNetModel.from_config(settings)
        for parameter in guide.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
    guide.save_pretrained(folder / "lines")
    studio = Studio("cpu")
    before = painted(studio)
    assert painted(studio, control()).data != before.data
    half = {"strength": 500}
    assert painted(studio, control(end=0.5), **half).data == painted(studio, **half).data


def test_a_map_is_found_with_it(folder: Path) -> None:
    saved(folder)
    studio = Studio("cpu")
    request, canvas, _ = request_for("mine", SIDE)
    said, data = control()
    request = replace(request, edit="diffedit", task="map", change_map=None, source_prompt="a blue house", steps=4)
    before = studio.run(request, canvas, b"")
    found = studio.run(replace(request, control=said), canvas, b"", data)
    assert found.report["control"]["id"].startswith("lines-")
    assert found.data != before.data


@pytest.mark.parametrize("family", ["sdxl", "flux"])
def test_in_half_precision_beside_a_vae_in_full(family: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = saved(folder, family)
    pipe.vae.register_to_config(force_upcast=True)
    pipe.vae.save_pretrained(folder / "mine" / "vae")
    monkeypatch.setattr(models, "dtype_on", lambda device, family: torch.bfloat16)
    studio = Studio("cpu")
    assert painted(studio, control()).data != painted(studio).data
    loaded = studio.pipe(studio.find("mine"), guide=studio.find_beside("controlnet", "lines"))
    assert (loaded.controlnet.dtype, loaded.vae.dtype) == (torch.bfloat16, torch.float32)


class TestFromTheCommandLine:
    @pytest.fixture
    def asked(self, folder: Path, tmp_path: Path) -> list[str]:
        saved(folder)
        canvas, grey, lines = (tmp_path / f"{name}.png" for name in ("canvas", "map", "lines"))
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)).save(canvas)
        Image.fromarray(np.full((SIDE, SIDE), 255, np.uint8)).save(grey)
        Image.fromarray(LINES).save(lines)
        apply = ["apply", str(canvas), "--map", str(grey), "--prompt", "a boat", "--model", "mine", "--steps", "2"]
        return [*apply, "--layer", str(tmp_path / "layer.png"), "--json"]

    def test_it_guides_and_the_report_says_so(
        self, asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        lines, layer = tmp_path / "lines.png", tmp_path / "layer.png"
        control = ["--controlnet", "lines", "--control", str(lines)]
        assert cli.main(asked) == 0
        assert "control" not in json.loads(capsys.readouterr().out)
        before = layer.read_bytes()
        assert cli.main([*asked, *control, "--control-weight", "0.5", "--control-range", "0.25..1"]) == 0
        said = json.loads(capsys.readouterr().out)["control"]
        assert (said["id"][:6], said["weight"], said["range"]) == ("lines-", 0.5, [0.25, 1.0])
        assert layer.read_bytes() != before
        assert cli.main([*asked, *control]) == 0
        whole = layer.read_bytes()
        Image.fromarray(LINES).resize((2 * SIDE, 2 * SIDE), Image.Resampling.NEAREST).save(lines)
        assert cli.main([*asked, *control]) == 0
        assert layer.read_bytes() not in (whole, before)  # scaled, with a soft edge

    @pytest.mark.parametrize("command", ["fan", "find-map"])
    def test_it_guides_what_else_reads_a_prompt(
        self, command: str, asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        canvas, out = asked[1], tmp_path / "out.png"
        more = {"fan": ["--strengths", "2"], "find-map": ["--reference-prompt", "a house"]}[command]
        asked = [command, canvas, "--prompt", "a boat", "--model", "mine", "--steps", "4", "--json", *more]
        control, written = ["--controlnet", "lines", "--control", str(tmp_path / "lines.png")], []
        for words in ([], control, [*control, "--control-range", "0.7..1"]):
            assert cli.main([*asked, *words, "--out", str(out)]) == 0
            report = json.loads(capsys.readouterr().out)
            said = (report["jobs"][0] if command == "fan" else report).get("control")
            assert (said and said["range"]) == {0: None, 4: [0.0, 1.0], 6: [0.7, 1.0]}[len(words)]
            written.append(out.read_bytes())
        assert written[0] != written[1]
        before = (tmp_path / "lines.png").read_bytes()
        assert cli.main([*asked, *control, "--out", control[-1]]) == 2
        assert "is a picture that is read" in capsys.readouterr().err
        assert (tmp_path / "lines.png").read_bytes() == before

    @pytest.mark.parametrize(
        ("control", "sentence"),
        [
            (["--controlnet", "lines"], "A ControlNet needs --controlnet and --control: add --control FILE."),
            (["--control", "lines.png"], "A ControlNet needs --controlnet and --control: add --controlnet NAME."),
            (["--controlnet", "lines", "--control", "none.png"], "There is no control at none.png. Check the name."),
            (["--controlnet", "lines", "--control", "wide.png"], "The control wide.png is 128 x 64, and the canvas"),
            (["--controlnet", "none", "--control", "lines.png"], "There is no ControlNet 'none'."),
            (
                ["--controlnet", "lines", "--control", "lines.png", "--control-weight", "3"],
                "A ControlNet's weight must lie between 0 and 2; this is 3.0.",
            ),
            (
                ["--controlnet", "lines", "--control", "lines.png", "--control-range", "0.5"],
                "--control-range takes BEGIN..END, such as 0..0.5; this is 0.5.",
            ),
            (
                ["--controlnet", "lines", "--control", "lines.png", "--control-range", "1..0"],
                "A ControlNet's range must begin before it ends, both between 0 and 1; this is 1.0 to 0.0.",
            ),
        ],
    )
    def test_what_cannot_be_gets_one_sentence(
        self,
        control: list[str],
        sentence: str,
        asked: list[str],
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Image.fromarray(np.zeros((SIDE, 2 * SIDE, 3), np.uint8)).save("wide.png")
        assert cli.main([*asked, *control]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"sfumato: {sentence}")
        assert error.count("\n") == 1


class TestSingleFiles:
    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    @pytest.mark.parametrize("layout", ["original", "diffusers"])
    @pytest.mark.parametrize("family", ["sd15", "sdxl"])
    def test_its_weights_are_all_there(
        self, family: str, layout: str, dtype: torch.dtype, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its configuration is the tiny model's own, in place of that which ships."""
        pipe = FAMILIES[family]()
        pipe.save_pretrained(folder.parent / "configs" / family)
        monkeypatch.setattr(controlled, "CONFIGS", folder.parent / "configs")
        guide = controlnet(pipe)
        state = guide.state_dict() if layout == "diffusers" else original.controlnet(guide)
        save_file({name: value.to(dtype).contiguous() for name, value in state.items()}, folder / "one.safetensors")
        row = find_beside("controlnet", "one").row
        assert row.layout == layout
        row = replace(row, family=family)  # which widths tell
        loaded = controlled.load_controlnet(row, torch.float32)
        assert original.same(loaded.state_dict(), guide.state_dict(), dtype)

    @pytest.mark.parametrize(
        ("family", "lacking"),
        [("sdxl", "label_emb.0.0.bias"), ("sdxl", "zero_convs.1.0.weight"), ("sd15", "middle_block.1.norm.weight")],
    )
    def test_what_lacks_a_weight_is_told_of(
        self, family: str, lacking: str, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pipe = FAMILIES[family]()
        pipe.save_pretrained(folder.parent / "configs" / family)
        monkeypatch.setattr(controlled, "CONFIGS", folder.parent / "configs")
        state = original.controlnet(controlnet(pipe))
        kept = {name: value.contiguous() for name, value in state.items() if not name.endswith(lacking)}
        assert len(kept) < len(state)
        save_file(kept, folder / "one.safetensors")
        row = replace(find_beside("controlnet", "one").row, family=family)
        with pytest.raises(InputError, match=r"^one could not be loaded as a .* Get it again, or as a folder of diff"):
            controlled.load_controlnet(row, torch.float32)

    def test_one_of_xl_as_its_authors_name_it_is_read_at_its_real_size(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """By names and shapes, without contents."""
        config = {"config": str(checkpoints.CONFIGS / "sdxl"), "subfolder": "unet"}
        with torch.device("meta"):
            network = ControlNetModel.from_config(ControlNetModel.load_config(config["config"], subfolder="unet"))
        monkeypatch.setattr(controlled, "load_file", lambda path: original.controlnet(network))
        made, wanted = controlled._of_authors("one.safetensors", config), network.state_dict()
        assert {name: value.shape for name, value in made.items()} == {n: value.shape for n, value in wanted.items()}

    @pytest.mark.parametrize("family", IN_ONE_FILE)
    def test_they_are_built_as_for_training_beside_the_denoiser(self, family: str) -> None:
        config = ControlNetModel.load_config(checkpoints.CONFIGS / family, subfolder="unet")
        with torch.device("meta"):
            network = ControlNetModel.from_config(config)
            unet = UNet2DConditionModel.from_config(config)
            trained = ControlNetModel.from_unet(unet, load_weights_from_unet=False)
        shapes, wanted = ({name: value.shape for name, value in of.state_dict().items()} for of in (network, trained))
        assert shapes == wanted
        for name, value in trained.config.items():
            assert name.startswith("_") or network.config[name] == value, name
        if family == "sd15":
            assert sum(shape.numel() for shape in shapes.values()) == 361_279_120  # as its authors count


class TestRefused:
    @pytest.mark.parametrize(
        ("name", "sentence"),
        [
            ("none", r"^There is no ControlNet 'none'\. `sfumato models --kind controlnet` lists"),
            ("mine", r"^mine is no ControlNet but a checkpoint\."),
            ("twice", r"^There are 2 ControlNets called 'twice'\. Ask for one of: twice-\w{6}, twice-\w{6}\.$"),
            (
                "xl",
                r"^xl is a ControlNet for Stable Diffusion XL, and mine is of Stable Diffusion 1\.x\. Leave it out",
            ),
            ("cut", r"^cut\.safetensors ends after"),
            ("third", r"^third is a ControlNet for Stable Diffusion 3, and mine is of Stable Diffusion 1\.x"),
        ],
    )
    def test_before_anything_is_loaded(self, name: str, sentence: str, folder: Path) -> None:
        pipe, studio = saved(folder), Studio("cpu")
        controlnet(FAMILIES["sdxl"]()).save_pretrained(folder / "xl")
        for place in ("a", "b"):
            controlnet(pipe).save_pretrained(folder / place / "twice")
        save_file(controlnet(pipe).state_dict(), folder / "cut.safetensors")
        (folder / "cut.safetensors").write_bytes((folder / "cut.safetensors").read_bytes()[:-1])
        save_file({"controlnet_blocks.0.weight": torch.ones(2, 2)}, folder / "third.safetensors")
        with pytest.raises(InputError, match=sentence):
            painted(studio, control(name))
        assert studio.find("mine") not in studio.pipe

    @pytest.mark.parametrize("model", ["mine", "sketchbook"])
    def test_by_models_without_such_a_pipeline(self, model: str, folder: Path) -> None:
        saved(folder)
        FAMILIES["sd3"]().save_pretrained(folder / "mine")
        with pytest.raises(
            InputError, match=r"takes no ControlNet.* Leave it out, or take a model of one of: Stable Diffusion 1\.x"
        ):
            painted(Studio("cpu"), control(), model=model)

    def test_flux_in_one_file_and_several_in_one(self, folder: Path) -> None:
        pipe = saved(folder, "flux")
        save_file(controlnet(pipe).state_dict(), folder / "one.safetensors")
        with pytest.raises(InputError, match=r"^one is a single file, which does not say how .* Get it as a folder\.$"):
            painted(Studio("cpu"), control("one"))
        settings = {name: value for name, value in controlnet(pipe).config.items() if not name.startswith("_")}
        FluxControlNetModel.from_config(settings | {"num_mode": 3}).save_pretrained(folder / "union")
        with pytest.raises(InputError, match=r"^union is several ControlNets in one .* Take one for a single kind"):
            painted(Studio("cpu"), control("union"))


class TestMemory:
    @pytest.mark.parametrize("family", CONTROLLED)
    def test_every_rung_gives_the_same_picture(self, family: str, folder: Path) -> None:
        """The ControlNet takes its turn as the other parts do; after it the plain model works on the same rung. Weights
        that have moved lie at other addresses, by which a processor may round a last bit in another way."""
        saved(folder, family)
        studio = Studio("cpu")
        plain, usual = painted(studio).data, painted(studio, control()).data
        for rung in RUNGS:
            studio.pipe = Pipelines("cpu", rungs=(rung,))
            assert differing(painted(studio, control()).data, usual) <= 1
            assert studio.pipe.rung_of(studio.find("mine")) is rung
            pipe = studio.pipe(studio.find("mine"), guide=studio.find_beside("controlnet", "lines"))
            assert hasattr(pipe.controlnet, "_hf_hook") is (rung is ladder.TURNS)
            layers = [layer for layer in pipe.controlnet.modules() if isinstance(layer, torch.nn.Linear)]
            assert any(hasattr(layer, "_diffusers_hook") for layer in layers) is (rung is ladder.LAYERS)
            assert differing(painted(studio).data, plain) <= 1
            assert differing(painted(studio, control()).data, usual) <= 1

    def test_out_of_memory_in_it_climbs(self, folder: Path) -> None:
        saved(folder)
        studio = Studio("cpu")
        plain, usual = painted(studio).data, painted(studio, control()).data
        studio.pipe = Pipelines("cpu", rungs=RUNGS)
        pipe, fails = studio.pipe(studio.find("mine"), guide=studio.find_beside("controlnet", "lines")), [True]

        def before(module: torch.nn.Module, args: Any) -> None:
            if module is pipe.controlnet and fails:
                fails.pop()
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

        handle = torch.nn.modules.module.register_module_forward_pre_hook(before)
        try:
            finished = painted(studio, control())
        finally:
            handle.remove()
        assert finished.report["memory"]["rung"] == "tiled"
        assert finished.data == usual
        assert painted(studio).report["memory"]["rung"] == "whole"  # which is known to fit, without it
        assert painted(studio).data == plain

    def test_where_no_rung_is_enough_the_sentence_names_both(self, folder: Path) -> None:
        saved(folder)
        studio = Studio("cpu")

        def fault(progressed: Progressed) -> None:
            if progressed.stage == "finishing":
                raise torch.OutOfMemoryError

        with pytest.raises(SfumatoError, match=r"^The memory does not suffice for mine with lines at 64 x 64 pixels"):
            painted(studio, control(), fault)

    def test_its_weights_count(self, folder: Path) -> None:
        pipe = saved(folder)
        guide = find_beside("controlnet", "lines")
        network = controlled.load_controlnet(guide.row, torch.float32)
        size = ladder.bytes_of([network])
        assert opened.size_of(guide.row, torch.float32) == size
        both = controlled.controlled(pipe, network)
        held = Pipelines("cpu", budget=2**40)
        model = Studio("cpu").find("mine")
        for asked, wanted in ((None, 0), (guide, size), (None, 0)):
            held(model, guide=asked)
            assert held._held[model.info.id].bytes == ladder.bytes_of(ladder.parts_of(pipe)) + wanted
        every = ladder.bytes_of(ladder.parts_of(pipe)) + size
        assert ladder.bytes_of(ladder.parts_of(both)) == every
        together = ladder.bytes_of([pipe.unet, network])
        assert ladder.first_rung(both, RUNGS, every - 1) is ladder.TURNS
        assert ladder.first_rung(both, RUNGS, together - 1) is ladder.LAYERS

    def test_rounded_weights_are_its_own_as_well(self, folder: Path) -> None:
        saved(folder)
        rungs = ladder.rungs_on("cuda", {"SFUMATO_QUANTISE": "int8"})[2:3]
        studio = Studio("cpu")
        plain, usual = painted(studio).data, painted(studio, control()).data
        studio.pipe = Pipelines("cpu", rungs=rungs)
        rounded = painted(studio).data
        guided = painted(studio, control()).data
        assert len({plain, usual, rounded, guided}) == 4
        studio.pipe = Pipelines("cpu", rungs=rungs)
        assert painted(studio, control()).data == guided
        assert models.find("sketchbook") not in studio.pipe
        assert json.dumps(painted(studio).report["memory"]["rung"]) == '"quantised"'
