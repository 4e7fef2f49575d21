"""Where memory does not suffice a job begins again in a way that needs less: real networks on the CPU, with allocations
that fail when they are told to, and all rungs, which move real weights there, too."""

from __future__ import annotations

import gc
import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from models import lora_files
from models import tiny_checkpoints as tiny
from sfumato import models
from sfumato.errors import SfumatoError
from sfumato.models import families, ladder
from sfumato.models.ladder import LAYERS, RUNGS, TILED, TURNS, WHOLE
from sfumato.models.listing import listing
from sfumato.models.places import add_folder
from sfumato.studio import Finished, Progressed, Studio
from sfumato.studio.fits import Fit, Fits
from sfumato.studio.pipelines import Pipelines
from sfumato_wire import Lora
from torch.utils._python_dispatch import TorchDispatchMode

OPERATIONS = 200


class Forgetful(Fits):
    """So that each job begins on the first rung."""

    def keep(self, fit: Fit) -> None:
        pass


def small() -> Any:
    """Two levels of a layer each, since hundreds of jobs are run here."""
    levels: dict[str, Any] = {"block_out_channels": (16, 16), "layers_per_block": 1}
    levels |= {"down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D")}
    pipe = tiny.sd15(**levels | {"up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D")})
    pipe.register_modules(vae=tiny.vae(layers_per_block=1))
    return pipe


class Desk:
    """A studio with one tiny checkpoint and the whole ladder. heard: the stages of the last job."""

    def __init__(self, folder: Path, name: str = "mine", make: Callable[[], Any] = small) -> None:
        torch.manual_seed(0)
        make().save_pretrained(folder / name)
        self.id = next(row.id for row in listing() if row.name == name)
        self.studio = Studio("cpu")
        self.studio.pipe = Pipelines("cpu", rungs=RUNGS, fits=Forgetful(folder / "fits.json"))
        self.request = tiny.request_for(self.id)
        self.heard: list[str] = []

    def run(self, on_progress: Callable[[Progressed], None] = lambda _: None) -> Finished:
        """With nothing of earlier jobs at hand but the model."""
        for cache in (self.studio.canvases, self.studio.recordings, self.studio._texts):
            cache.clear()
        self.heard.clear()

        def heard(progressed: Progressed) -> None:
            self.heard.append(progressed.stage)
            on_progress(progressed)

        return self.studio.run(*self.request, on_progress=heard)

    @property
    def model(self) -> models.Model:
        return self.studio.find(self.id)


class Fault:
    """Out of memory when it is met for the n-th time, once; counts how often that was."""

    def __init__(self, at: int | None = None) -> None:
        self.at, self.met = at, 0

    def __call__(self, *_: Any) -> None:
        self.met += 1
        if self.met - 1 == self.at:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


class Operations(TorchDispatchMode):
    """A fault in front of every operation on tensors."""

    def __init__(self, fault: Callable[..., None]) -> None:
        super().__init__()
        self._fault = fault

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self._fault()
        return func(*args, **kwargs or {})


@contextmanager
def in_calls_of(pipe: Any, fault: Callable[..., None]) -> Iterator[None]:
    """A fault in front of every call of a network: texts, encoder, denoiser, decoder."""
    networks = {pipe.unet, pipe.vae.encoder, pipe.vae.decoder, pipe.text_encoder}

    def before(module: torch.nn.Module, args: Any) -> None:
        if module in networks:
            fault()

    handle = torch.nn.modules.module.register_module_forward_pre_hook(before)
    try:
        yield
    finally:
        handle.remove()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    for name, family in list(families.FAMILIES.items()):
        monkeypatch.setitem(families.FAMILIES, name, replace(family, native=64))
    place = tmp_path / "my models"
    place.mkdir()
    add_folder(place)
    desk = Desk(place)
    desk.run()
    gc.collect()
    gc.freeze()  # what is there by now need not be looked through whenever memory is wanted
    yield desk
    gc.unfreeze()


def bytes_alive() -> int:
    gc.collect()
    storages = {
        t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in gc.get_objects() if type(t) in KINDS
    }
    return sum(storages.values())


KINDS = (torch.Tensor, torch.nn.Parameter)


def differing(one: Finished, other: Finished) -> int:
    """By how much, of 255."""
    first, second = (np.frombuffer(finished.data, np.uint8).astype(int) for finished in (one, other))
    return int(abs(first - second).max())


class TestOneFailure:
    """The job ends on the next rung with the same bytes, and leaves nothing behind."""

    def check(self, desk: Desk, usual: Finished, run: Callable[[], Finished], by: int = 0) -> None:
        finished = run()
        assert finished.report["memory"]["rung"] == "tiled"
        assert differing(finished, usual) <= by
        assert desk.heard.count("fitting") == 1

    def test_at_every_boundary_of_stages(self, desk: Desk) -> None:
        usual = desk.run()
        assert usual.report["memory"] == {"rung": "whole", "says": WHOLE.words}
        counted = Fault()
        desk.run(counted)
        stages = list(desk.heard)
        assert stages == ["preparing", "painting", "painting", "finishing"]
        for at in range(counted.met):
            self.check(desk, usual, lambda at=at: desk.run(Fault(at)))

    def test_at_every_call_of_a_network(self, desk: Desk) -> None:
        usual = desk.run()
        pipe, counted = desk.studio.pipe(desk.model), Fault()
        with in_calls_of(pipe, counted):
            desk.run()
        assert counted.met == 2 + 1 + 1 + 2 + 1  # texts, there and back, steps, the result
        for at in range(counted.met):
            with in_calls_of(pipe, Fault(at)):
                self.check(desk, usual, desk.run)

    def test_at_operations_inside(self, desk: Desk) -> None:
        usual, counted = desk.run(), Fault()
        with Operations(counted):
            desk.run()
        before = None
        for at in random.Random(0).sample(range(counted.met), OPERATIONS):
            with Operations(Fault(at)):
                self.check(desk, usual, desk.run)
            before = before or bytes_alive()
        assert bytes_alive() <= before

    def test_while_it_is_loaded(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        """By diffusers, in the computer's memory; and on the way to the device."""
        usual = desk.run()
        for where, name in ((models, "load"), (ladder, "place")):
            desk.studio.pipe = Pipelines("cpu", rungs=RUNGS, fits=Forgetful())
            real, fault = getattr(where, name), Fault(0)

            def failing(*args: Any, real: Any = real, fault: Fault = fault) -> Any:
                fault()
                return real(*args)

            monkeypatch.setattr(where, name, failing)
            self.check(desk, usual, desk.run, by=1)

    @pytest.mark.parametrize(
        "error",
        [
            MemoryError(),
            RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory"),
            RuntimeError("MPS backend out of memory (MPS allocated: 17.0 GB)"),
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_however_it_is_said(self, desk: Desk, error: Exception) -> None:
        waiting = [error]

        def fault(progressed: Progressed) -> None:
            if progressed.stage == "painting" and waiting:
                raise waiting.pop()

        assert desk.run(fault).report["memory"]["rung"] == "tiled"

    @pytest.mark.parametrize(("error", "kind"), [("shapes", SfumatoError), ("CUDA error: an illegal", RuntimeError)])
    def test_what_is_no_want_of_memory_ends_the_job(self, desk: Desk, error: str, kind: type[Exception]) -> None:
        """In a sentence, unless it is the device's end."""

        def fault(progressed: Progressed) -> None:
            raise RuntimeError(error)

        with pytest.raises(kind, match=error):
            desk.run(fault)
        assert "fitting" not in desk.heard

    def test_before_there_is_a_job(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        def failing(name: str) -> None:
            raise MemoryError

        monkeypatch.setattr(desk.studio, "find", failing)
        with pytest.raises(SfumatoError, match=r"^The computer's memory does not suffice"):
            desk.run()


class TestFurther:
    @pytest.mark.parametrize(
        "make", [tiny.sd15, tiny.sdxl, tiny.sd3, tiny.flux, tiny.flux2_klein, tiny.qwen_image, tiny.z_image]
    )
    def test_every_rung_gives_the_same_picture(self, desk: Desk, tmp_path: Path, make: Callable[[], Any]) -> None:
        """The steps fail until the rung is the one; its parts or layers really take turns there. Weights that have
        moved lie at other addresses, and a processor's last bit may depend on that."""
        other = Desk(tmp_path / "my models", "other", make)
        usual = other.run()
        for enough in RUNGS[1:]:
            where: list[str] = []

            def fault(progressed: Progressed, enough: ladder.Rung = enough, where: list[str] = where) -> None:
                if progressed.stage == "painting":
                    if other.studio.pipe.rung_of(other.model) is not enough:
                        raise torch.OutOfMemoryError
                    where.append(progressed.stage)

            finished = other.run(fault)
            assert finished.report["memory"] == {"rung": enough.name, "says": enough.words}
            assert differing(finished, usual) <= 1
            assert other.heard.count("fitting") == RUNGS.index(enough)
        assert other.run().report["memory"]["rung"] == "whole"

    @pytest.mark.parametrize("enough", RUNGS[1:], ids=str)
    def test_a_lora_is_worn_on_every_rung(self, desk: Desk, tmp_path: Path, enough: ladder.Rung) -> None:
        usual = desk.run()
        lora_files.of_diffusers(tmp_path / "my models" / "soft", desk.studio.pipe(desk.model), "sd15")
        request, canvas, grey = desk.request
        worn = desk.studio.run(replace(request, loras=(Lora("soft", 0.8),)), canvas, grey)
        desk.studio.pipe = Pipelines("cpu", rungs=(enough,), fits=Forgetful())
        again = desk.studio.run(replace(request, loras=(Lora("soft", 0.8),)), canvas, grey)
        assert again.report["memory"]["rung"] == enough.name
        assert differing(again, worn) <= 1 < differing(again, usual)
        assert differing(desk.run(), usual) <= 1

    def test_where_no_rung_is_enough_it_ends_in_numbers(self, desk: Desk) -> None:
        usual = desk.run()

        def fault(progressed: Progressed) -> None:
            if progressed.stage == "finishing":
                raise torch.OutOfMemoryError

        sentence = (
            r"^The memory does not suffice for mine at 64 x 64 pixels: its weights alone take \d+ MiB, and cpu has "
            r"[\d.]+ GiB, [\d.]+ GiB of them free\. Paint a smaller area, take a smaller model, or close other "
            r"programs\.$"
        )
        with pytest.raises(SfumatoError, match=sentence) as caught:
            desk.run(fault)
        assert caught.value.code == "out_of_memory"
        assert desk.heard.count("fitting") == len(RUNGS) - 1
        assert differing(desk.run(), usual) <= 1  # the model is loaded still, and works

    def test_other_models_go_first(self, desk: Desk, tmp_path: Path) -> None:
        usual = desk.run()
        desk.studio.warm_up()
        assert models.find("sketchbook") in desk.studio.pipe
        finished = desk.run(Fault(0))
        assert models.find("sketchbook") not in desk.studio.pipe
        assert (finished.report["memory"]["rung"], finished.data) == ("whole", usual.data)

    def test_parts_take_turns(self, desk: Desk) -> None:
        pipe = desk.studio.pipe(desk.model)
        ladder.place(pipe, TURNS, "cpu")
        assert all(hasattr(part, "_hf_hook") for part in ladder.parts_of(pipe))
        ladder.place(pipe, LAYERS, "cpu")
        assert all(
            hasattr(layer, "_diffusers_hook") for layer in pipe.unet.modules() if isinstance(layer, torch.nn.Conv2d)
        )
        assert not hasattr(pipe.unet, "_hf_hook")
        ladder.place(pipe, WHOLE, "cpu")
        assert pipe._execution_device == torch.device("cpu")
        assert not pipe.vae.use_tiling

    def test_the_first_rung_is_one_that_the_weights_fit(self, desk: Desk) -> None:
        pipe = desk.studio.pipe(desk.model)
        sizes = [ladder.bytes_of([part]) for part in ladder.parts_of(pipe)]
        assert ladder.first_rung(pipe, RUNGS, sum(sizes)) is WHOLE
        assert ladder.first_rung(pipe, RUNGS, sum(sizes) - 1) is TURNS
        assert ladder.first_rung(pipe, RUNGS, max(sizes) - 1) is LAYERS
        assert ladder.first_rung(pipe, RUNGS[:2], 0) is TILED

    def test_rounded_weights_where_they_are_asked_for(self, desk: Desk) -> None:
        """They stay where parts or layers take turns, and go with the next job that fits without."""
        rungs = ladder.rungs_on("cuda", {"SFUMATO_QUANTISE": "int8"})
        assert [rung.name for rung in rungs] == ["whole", "tiled", "quantised", "turns", "layers"]
        desk.studio.pipe = Pipelines("cpu", rungs=rungs, fits=Forgetful())
        usual, rounded = desk.run(), []
        for enough in rungs[2:]:

            def fault(progressed: Progressed, enough: ladder.Rung = enough) -> None:
                if progressed.stage == "painting":
                    if desk.studio.pipe.rung_of(desk.model) is not enough:
                        raise torch.OutOfMemoryError
                    assert "Int8Tensor" in self.kinds(desk)

            finished = desk.run(fault)
            assert finished.report["memory"]["rung"] == enough.name
            rounded.append(finished)
            assert differing(desk.run(), usual) <= 1
            assert self.kinds(desk) == {"Parameter"}
        assert all(differing(one, rounded[0]) <= 1 for one in rounded)
        assert 0 < differing(rounded[0], usual) < 8

    def kinds(self, desk: Desk) -> set[str]:
        return {type(weight).__name__ for weight in desk.studio.pipe(desk.model).unet.parameters()}

    def test_rounded_weights_take_no_lora(self, desk: Desk, tmp_path: Path) -> None:
        lora_files.of_diffusers(tmp_path / "my models" / "soft", desk.studio.pipe(desk.model), "sd15")
        rungs = ladder.rungs_on("cpu", {"SFUMATO_QUANTISE": "int8"})[2:]
        desk.studio.pipe = Pipelines("cpu", rungs=rungs, fits=Forgetful())
        request, canvas, grey = desk.request
        with pytest.raises(SfumatoError, match=r"^LoRAs and weights rounded to 8 bits"):
            desk.studio.run(replace(request, loras=(Lora("soft", 0.8),)), canvas, grey)
        assert desk.run().report["memory"]["rung"] == "quantised"

    def test_a_shortage_of_a_moment_is_forgotten(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        """What counts is what there was when an allocation failed, not what there was after."""
        desk.studio.pipe = Pipelines("cpu", rungs=RUNGS, fits=Fits())
        room = [2 * 2**30]
        monkeypatch.setattr(ladder, "available_memory", lambda device: room[0])

        def fault(progressed: Progressed) -> None:
            if progressed.stage == "painting" and room[0] < 2**34:
                room[0] = 20 * 2**30 if desk.studio.pipe.rung_of(desk.model) is LAYERS else room[0]
                if room[0] < 2**34:
                    raise torch.OutOfMemoryError

        assert desk.run(fault).report["memory"]["rung"] == "layers"
        assert desk.run().report["memory"]["rung"] == "whole"
        room[0] = 2 * 2**30
        assert desk.run().report["memory"]["rung"] == "layers"

    def test_rounding_that_cannot_be_is_told_of(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(SfumatoError, match=r"^SFUMATO_QUANTISE is 'int3'. It can be int8, or left out\.$"):
            ladder.rungs_on("cuda", {"SFUMATO_QUANTISE": "int3"})
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(SfumatoError, match=r"^SFUMATO_QUANTISE needs the package torchao"):
            ladder.rungs_on("cuda", {"SFUMATO_QUANTISE": "int8"})

    def test_what_fits_is_remembered(self, desk: Desk, tmp_path: Path) -> None:
        file = tmp_path / "memory.json"
        desk.studio.pipe = Pipelines("cpu", rungs=RUNGS, fits=Fits(file))
        desk.run(Fault(0))
        assert desk.run().report["memory"]["rung"] == "tiled"
        assert "fitting" not in desk.heard
        desk.studio.pipe = Pipelines("cpu", rungs=RUNGS, fits=Fits(file))
        assert desk.run().report["memory"]["rung"] == "tiled"
        assert [fit["rung"] for fit in json.loads(file.read_text())] == ["tiled"]


class TestFits:
    def test_for_what_is_as_large_while_there_is_no_more_room(self, tmp_path: Path) -> None:
        fits = Fits(tmp_path / "new" / "memory.json")
        fits.keep(Fit("card", "model", 1000, "turns", 8000, 7000))
        for again in (fits, Fits(tmp_path / "new" / "memory.json")):
            assert again.needed("card", "model", 1000, 8000) == {"turns"}
            assert again.needed("card", "model", 2000, 8000) == {"turns"}
            assert again.needed("card", "model", 999, 8000) == set()
            assert again.needed("card", "model", 1000, 8801) == set()
            assert again.needed("card", "other", 1000, 8000) == set()
            assert again.needed("other", "model", 1000, 8000) == set()

    WRONG = '[{"device": "card", "model": "model", "pixels": "a", "rung": "turns", "available": 1, "peak": null}]'

    @pytest.mark.parametrize("content", ["", "{", '[{"device": 1}]', "7", "[" * 100000, WRONG])
    def test_what_is_damaged_is_found_out_again(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "memory.json").write_text(content)
        fits = Fits(tmp_path / "memory.json")
        fits.keep(Fit("card", "model", 1000, "turns", 8000, 7000))
        assert Fits(tmp_path / "memory.json").needed("card", "model", 1000, 8000) == {"turns"}
