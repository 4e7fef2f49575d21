"""LoRAs on real pipelines: what is added to every layer, and that nothing of it stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from models import lora_files, original
from models.tiny_checkpoints import flux, sd3, sd15, sdxl
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors.torch import load_file, save_file
from sfumato import models
from sfumato.errors import InputError
from sfumato.models.beside import Beside, find_beside
from sfumato.models.listing import Row
from sfumato.models.loras import check_fits
from sfumato.models.places import add_folder
from sfumato.models.wearing import adapter_of, worn


def sd2() -> Any:
    return sd15(act="gelu", use_linear_projection=True)


FAMILIES = {"sd15": sd15, "sd2": sd2, "sdxl": sdxl, "sd3": sd3, "flux": flux}


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    torch.manual_seed(0)
    with torch.inference_mode():  # as the studio does
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "my loras"
    place.mkdir()
    add_folder(place)
    return place


def weights_of(pipe: Any) -> dict[str, torch.Tensor]:
    """Every weight, by component and name."""
    return {
        f"{part}.{name}": value
        for part, module in pipe.components.items()
        if isinstance(module, torch.nn.Module)
        for name, value in module.state_dict().items()
    }


def changes_in(pipe: Any) -> dict[tuple[str, str], torch.Tensor]:
    """What is added to every layer now, by component and layer."""
    return {
        (part, name): sum(layer.get_delta_weight(a) for a in layer.active_adapters if a in layer.scaling)
        for part, module in pipe.components.items()
        if isinstance(module, torch.nn.Module)
        for name, layer in module.named_modules()
        if isinstance(layer, BaseTunerLayer) and not layer.disable_adapters
    }


def assert_changed(pipe: Any, wanted: dict[tuple[str, str], torch.Tensor], weight: float) -> None:
    found = changes_in(pipe)
    assert found.keys() == wanted.keys()
    for place, change in wanted.items():
        torch.testing.assert_close(found[place], weight * change, msg=str(place))


class TestFormats:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
    @pytest.mark.parametrize("family", ["sd15", "sd2", "sdxl"])
    def test_of_kohya(self, family: str, dtype: torch.dtype, folder: Path) -> None:
        pipe = FAMILIES[family]()
        wanted = lora_files.kohya(folder / "soft.safetensors", pipe, family, dtype=dtype)
        with worn(pipe, {find_beside("lora", "soft"): 0.5}):
            assert_changed(pipe, wanted, 0.5)
            assert {weight.dtype for weight in weights_of(pipe).values()} <= {torch.float32, torch.int64}

    def test_of_kohya_for_flux(self, folder: Path) -> None:
        pipe = flux()
        wanted = lora_files.kohya_flux(folder / "soft.safetensors", pipe)
        with worn(pipe, {find_beside("lora", "soft"): -1.5}):
            assert_changed(pipe, wanted, -1.5)

    def test_of_kohya_for_stable_diffusion_3(self, folder: Path) -> None:
        """By the authors' names before and after, so that what diffusers splits and turns round is put together."""
        pipe = sd3()
        wanted = lora_files.kohya_sd3(folder / "soft.safetensors", pipe)
        before, changed = original.sd3(pipe.transformer), sd3().transformer
        with worn(pipe, {find_beside("lora", "soft"): 0.5}):
            found = changes_in(pipe)
        weights = pipe.transformer.state_dict().items()
        state = {name.replace(".base_layer", ""): value for name, value in weights if "lora" not in name}
        for component, layer in found:
            if component == "transformer":
                state[f"{layer}.weight"] = state[f"{layer}.weight"] + found[component, layer]
            else:
                torch.testing.assert_close(found[component, layer], 0.5 * wanted.pop(component))
        changed.load_state_dict(state)
        after = original.sd3(changed)
        for name, value in before.items():
            torch.testing.assert_close(after[name] - value, 0.5 * wanted.get(name, torch.zeros_like(value)), msg=name)

    @pytest.mark.parametrize("family", FAMILIES)
    def test_of_diffusers(self, family: str, folder: Path) -> None:
        pipe = FAMILIES[family]()
        wanted = lora_files.of_diffusers(folder / "soft", pipe, family)
        file = find_beside("lora", "soft")
        assert (file.row.kind, file.row.family) == ("lora", family)
        with worn(pipe, {file: 0.8}):
            assert_changed(pipe, wanted, 0.8)


class TestOnAndOff:
    def test_several_add_up_and_the_last_ones_stay_loaded(self, folder: Path) -> None:
        pipe = sd15()
        first = lora_files.kohya(folder / "a.safetensors", pipe, "sd15", seed=1)
        second = lora_files.kohya(folder / "b.safetensors", pipe, "sd15", seed=2, part="unet")
        a, b = find_beside("lora", "a"), find_beside("lora", "b")
        with worn(pipe, {a: 0.5, b: 2.0}):
            both = changes_in(pipe)
            for place, change in first.items():
                torch.testing.assert_close(both[place], 0.5 * change + 2.0 * second.get(place, 0))
        assert changes_in(pipe) == {}
        (folder / "b.safetensors").rename(folder / "gone")  # it is not read again
        with worn(pipe, {b: 1.0}):
            found = {place: change for place, change in changes_in(pipe).items() if isinstance(change, torch.Tensor)}
            assert found.keys() == second.keys()
            assert {name for names in pipe.get_list_adapters().values() for name in names} == {adapter_of(b)}

    @pytest.mark.parametrize("family", ["sd15", "flux"])
    def test_one_that_does_not_fit_leaves_the_model_as_it_was(self, family: str, folder: Path) -> None:
        """As many layers as not, so that something has begun when it fails."""
        pipe, before = FAMILIES[family](), {}
        before = {name: value.clone() for name, value in weights_of(pipe).items()}
        lora_files.of_diffusers(folder / "soft", pipe, family)
        lora_files.of_diffusers(folder / "wrong", pipe, family)
        file = folder / "wrong" / "pytorch_lora_weights.safetensors"
        tensors = load_file(file)
        name = [name for name in tensors if "lora_B" in name and "text" not in name][-1]
        tensors[name] = torch.ones(tensors[name].shape[0] + 8, lora_files.RANK)
        lora_files.write(file, tensors, family)
        soft, wrong = find_beside("lora", "soft"), find_beside("lora", "wrong")
        with pytest.raises(InputError, match=r"^wrong does not fit this model: .*Look up which one it was made for\."):
            worn(pipe, {soft: 1.0, wrong: 1.0}).__enter__()
        after = weights_of(pipe)
        assert after.keys() == before.keys()
        assert all(torch.equal(after[name], value) for name, value in before.items())
        with worn(pipe, {soft: 1.0}):
            assert changes_in(pipe)

    @pytest.mark.parametrize(
        ("family", "key", "why"),
        [
            ("sd3", "lora_unet_joint_blocks_0_x_block_nothing", "lora_unet_joint_blocks_0_x_block_nothing is none of"),
            ("sd3", "lora_unet_joint_blocks_0_x_block_attn_proj", "its layers are of other sizes"),
            ("sd15", "lora_te3_x", "none of its 2 tensors belongs to a layer of it"),
        ],
    )
    def test_one_for_other_layers(self, family: str, key: str, why: str, folder: Path) -> None:
        tensors = {f"{key}.lora_{way}.weight": torch.ones(2, 2) for way in ("down", "up")}
        lora_files.write(folder / "soft.safetensors", tensors, family)
        with pytest.raises(InputError, match=rf"^soft does not fit this model: .*{why}"):
            worn(FAMILIES[family](), {find_beside("lora", "soft"): 1.0}).__enter__()

    def test_one_that_replaces_weights_of_flux(self, folder: Path) -> None:
        """diffusers would write them over."""
        pipe = flux()
        lora_files.of_diffusers(folder / "control", pipe, "flux")
        file = folder / "control" / "pytorch_lora_weights.safetensors"
        norm = "transformer_blocks.0.attn.norm_q.weight"
        lora_files.write(file, load_file(file) | {f"transformer.{norm}": torch.zeros(16)}, "flux")
        with pytest.raises(InputError, match=r"^control does not fit this model: it also replaces transformer_blocks"):
            worn(pipe, {find_beside("lora", "control"): 1.0}).__enter__()
        assert pipe.transformer.state_dict()[norm].any()

    def test_half_of_one(self, folder: Path) -> None:
        pipe = sd15()
        lora_files.kohya(folder / "soft.safetensors", pipe, "sd15", part="te")
        lora_files.of_diffusers(folder / "half", pipe, "sd15")
        file = folder / "half" / "pytorch_lora_weights.safetensors"
        tensors = load_file(file)
        del tensors[next(name for name in tensors if "unet" in name and "lora_A" in name)]
        lora_files.write(file, tensors, "sd15")
        with pytest.raises(InputError, match=r"^half lacks some of its weights\. Get it again"):
            worn(pipe, {find_beside("lora", "half"): 1.0}).__enter__()
        assert pipe.get_list_adapters() == {}

    def test_what_became_damaged_or_vanished(self, folder: Path) -> None:
        pipe = sd15()
        file = folder / "soft.safetensors"
        lora_files.kohya(file, pipe, "sd15", part="unet")
        found = find_beside("lora", "soft")
        file.write_bytes(file.read_bytes()[:-1])
        assert not found.is_as_it_was
        with pytest.raises(InputError, match=r"soft\.safetensors ends after .* bytes; download it again"):
            worn(pipe, {found: 1.0}).__enter__()
        file.unlink()
        assert not found.is_as_it_was
        with pytest.raises(InputError, match=r"soft\.safetensors cannot be opened"):
            worn(pipe, {found: 1.0}).__enter__()


class TestNames:
    def test_by_id_name_file_and_path(self, folder: Path) -> None:
        save_file({"lora_unet_x_attn2_to_k.lora_down.weight": torch.ones(2, 768)}, folder / "soft.v2.safetensors")
        found = find_beside("lora", "soft.v2")
        for name in (found.row.id, "soft.v2.safetensors", str(folder / "soft.v2.safetensors")):
            assert find_beside("lora", name) == found

    def test_none_two_and_other_things(self, folder: Path) -> None:
        tensors = {"lora_unet_x_attn2_to_k.lora_down.weight": torch.ones(2, 768)}
        for place in ("one", "two"):
            (folder / place).mkdir()
            save_file(tensors, folder / place / "soft.safetensors")
        (folder / "old.pt").write_bytes(b"\x80\x02}q\x00.")
        sd15().vae.save_pretrained(folder / "colours")
        with pytest.raises(
            InputError, match=r"^There are 2 LoRAs called 'soft'\. Ask for one of: soft-\w{6}, soft-\w{6}\."
        ):
            find_beside("lora", "soft")
        with pytest.raises(InputError, match=r"^There is no LoRA 'hard'\. `sfumato models --kind lora` lists"):
            find_beside("lora", "hard")
        with pytest.raises(InputError, match=r"^old\.pt is a pickle"):
            find_beside("lora", "old")
        with pytest.raises(InputError, match=r"colours"):
            find_beside("lora", "colours")

    @pytest.mark.parametrize(
        ("row", "sentence"),
        [
            (Row(name="x", problem="x is broken."), r"^x is broken\.$"),
            (Row(name="x", family="sdxl", path="x.sft"), "^x is safetensors under another name: rename it"),
            (
                Row(name="x", family="sd15", path="x.safetensors"),
                "^Sketchbook takes no LoRA: x is for Stable Diffusion 1",
            ),
        ],
    )
    def test_which_do_not_fit(self, row: Row, sentence: str) -> None:
        with pytest.raises(InputError, match=sentence):
            check_fits(row, models.find("sketchbook"))

    def test_the_flow_sibling_is_no_stable_diffusion_3(self) -> None:
        row = Row(name="x", family="sd3", path="x.safetensors")
        with pytest.raises(InputError, match=r"^Sketchbook, flow matching takes no LoRA"):
            check_fits(row, models.find("sketchbook-flow"))

    def test_the_same_file_is_the_same(self) -> None:
        assert Beside(Row(id="a"), "x") == Beside(Row(id="b"), "x")
