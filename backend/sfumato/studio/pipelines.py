"""The loaded pipelines, each on a rung of the memory ladder, within a budget: the least recently used go when another
one needs the room. A ControlNet and another VAE stay beside their model as long as the model's jobs use them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psutil
import torch

from sfumato import models
from sfumato.errors import SfumatoError
from sfumato.models import Model, ladder
from sfumato.models.beside import Beside
from sfumato.models.ladder import Rung
from sfumato.studio.fits import Fit, Fits

SHARE = 0.6  # of a memory, for the weights of all pipelines; the rest is for working
ALONE = 0.9  # for those of the one that works: whether it works with so little room left is found out by trying


@dataclass
class _Held:
    """pipe: with the ControlNet `guide` where there is one, else `plain`. vae: the one in place of `own_vae`.
    files: what its parts were read from. bytes: of all weights. rung: where it was placed last; None while that is not
    certain. quantised: for good."""

    plain: Any
    pipe: Any
    files: tuple[Beside, ...]
    bytes: int
    rung: Rung | None = None
    quantised: bool = False
    guide: Beside | None = None
    vae: Beside | None = None
    own_vae: Any = None

    def weigh(self) -> None:
        waiting = [] if self.own_vae is None else [self.own_vae]
        self.bytes = ladder.bytes_of([*ladder.parts_of(self.pipe), *waiting])


class Pipelines:
    """device: as in `Studio`. budget: bytes of weights on it; None takes a share of the memory there is. One pipeline
    is kept in any case: whether it fits is for the ladder to find out. rungs: None takes those of the device."""

    def __init__(
        self,
        device: str,
        budget: int | None = None,
        rungs: tuple[Rung, ...] | None = None,
        fits: Fits | None = None,
    ) -> None:
        self._device = device
        self._budgets = {place: round(SHARE * ladder.total_memory(place)) for place in {device, "cpu"}}
        if budget is not None:
            self._budgets[device] = budget
        self._rungs = ladder.rungs_on(device) if rungs is None else rungs
        self._fits = Fits() if fits is None else fits
        self._held: dict[str, _Held] = {}  # in the order of their last use
        self._climbed: Rung | None = None  # by the job that works now
        self._short = 0  # bytes that there were when it last ran short

    def __contains__(self, model: Model) -> bool:
        """Whether it is loaded, from the files that it is of now."""
        held = self._held.get(model.info.id)
        return held is not None and held.files == model.files

    def has(self, model: Model, guide: Beside | None, vae: Beside | None) -> bool:
        """Whether a job with that ControlNet and that VAE has nothing to load."""
        held = self._held.get(model.info.id)
        return held is not None and model in self and guide in (None, held.guide) and vae in (None, held.vae)

    def __call__(self, model: Model, pixels: int = 0, guide: Beside | None = None, vae: Beside | None = None) -> Any:
        """The model's pipeline, with that ControlNet and that VAE if any, loaded now if it is not, on the rung that a
        working picture of so many pixels takes, as far as that is known. Raises SfumatoError; a model whose files
        cannot be read makes no other one go."""
        name = model.info.id
        held: _Held | None = self._held.pop(name, None)
        if held is not None and held.files != model.files:  # exchanged since
            held = None
            ladder.let_go(None)
        held = held or self._loaded(model)
        try:
            self._fit_out(held, model, guide, vae)
            rung = self._rung(name, held, pixels)
            if held.quantised and not rung.quantised:
                held = None  # or both would need room at once
                ladder.let_go(None)
                held = self._loaded(model)
                self._fit_out(held, model, guide, vae)
        finally:
            if held is not None:
                self._held[name] = held
        if held.rung is not rung:
            held.rung = None
            if rung.quantised and not held.quantised:
                del self._held[name]  # rounded in part it would be of no use
                ladder.quantise(held.pipe)
                held = self._held[name] = replace(held, quantised=True)
            ladder.place(held.pipe, rung, self._device)
            held.rung = rung
        return held.pipe

    def _loaded(self, model: Model) -> _Held:
        wanted = models.size_of(model, self._device)
        self._check_room(model, wanted, ladder.total_memory("cpu"), "in all")
        self._make_room(wanted)
        self._check_room(model, wanted, int(psutil.virtual_memory().available), "free")
        pipe = models.load(model, self._device)
        return _Held(pipe, pipe, model.files, ladder.bytes_of(ladder.parts_of(pipe)))

    def _fit_out(self, held: _Held, model: Model, guide: Beside | None, vae: Beside | None) -> None:
        """Let go of another ControlNet or VAE, and put those beside the model; all are to be placed again."""
        if (held.guide, held.vae) == (guide, vae):
            return
        ladder.take_off(held.pipe)
        held.rung = None
        if held.guide not in (None, guide):
            held.pipe, held.guide = held.plain, None
        if held.vae not in (None, vae):
            _see_by(held, held.own_vae, None)
            held.own_vae = None
        held.weigh()
        ladder.let_go(None)
        from sfumato.models import checkpoints, lent, opened  # here, since they take long to import

        dtype = models.dtype_on(self._device, model.info.family)
        if vae != held.vae and vae is not None:
            self._make_room(held.bytes + opened.size_of(vae.row, dtype))
            usual = checkpoints.usual_vae(model.info.family)
            other = lent.load_vae(vae.row, model.info.family, usual, dtype)
            held.own_vae = held.plain.vae.to("cpu")  # where it waits
            _see_by(held, models.laid_out(other, self._device), vae)
        if guide != held.guide and guide is not None:
            from sfumato.models import controlled  # as they do

            self._make_room(held.bytes + opened.size_of(guide.row, dtype))
            network = controlled.load_controlnet(guide.row, dtype)
            if held.quantised:
                ladder.quantise_part(network)
            held.pipe, held.guide = controlled.controlled(held.plain, network), guide
            held.weigh()

    def _check_room(self, model: Model, wanted: int, room: int, which: str) -> None:
        """Weights lie in the computer's memory before they go anywhere; without room the system ends this process."""
        if wanted > room:
            raise SfumatoError(
                "out_of_memory",
                f"{model.info.name} takes {in_words(wanted)} of the computer's memory, which has {in_words(room)} "
                f"{which}. Close other programs, or take a smaller model.",
            )

    @contextmanager
    def in_hand(self, model: Model) -> Iterator[None]:
        """Meanwhile the pipeline's layers may be exchanged: no weights of it move by themselves."""
        held = self._held[model.info.id]
        if (rung := held.rung) is None or rung.on_card:
            yield
            return
        held.rung = None
        ladder.take_off(held.pipe)
        yield
        ladder.place(held.pipe, rung, self._device)
        held.rung = rung

    def rung_of(self, model: Model) -> Rung:
        """Where the model's pipeline is; the first one while it is not loaded."""
        held = self._held.get(model.info.id)
        return (held and held.rung) or self._rungs[0]

    def climb(self, model: Model) -> bool:
        """After a job ran out of memory: make room by letting other pipelines go; where there are none, let the model's
        next placing be a rung further. False where there is no further one."""
        others = [name for name in self._held if name != model.info.id]
        for name in others:
            del self._held[name]
        if others:
            ladder.let_go(None)
            return True
        held = self._held.get(model.info.id)
        now = self._climbed or (held and held.rung) or self._rungs[0]
        further = self._rungs[self._rungs.index(now) + 1 :]
        self._climbed = further[0] if further else None
        self._short = ladder.available_memory(self._device)
        return bool(further)

    def settled(self, model: Model, pixels: int) -> int:
        """After a job: its peak of memory in bytes, 0 where that is not counted. What it climbed to is remembered."""
        peak = torch.cuda.max_memory_allocated() if self._device == "cuda" else 0
        if self._climbed is not None:
            named = _named(model.info.id, self._held[model.info.id])
            self._fits.keep(Fit(self._card, named, pixels, self._climbed.name, self._short, peak))
        self.begin()
        return peak

    def begin(self) -> None:
        """A job begins, or has failed for other reasons than memory."""
        self._climbed = None
        if self._device == "cuda":
            torch.cuda.reset_peak_memory_stats()

    def _rung(self, name: str, held: _Held, pixels: int) -> Rung:
        if self._climbed is not None:
            return self._climbed
        available = ladder.available_memory(self._device)
        needed = self._fits.needed(self._card, _named(name, held), pixels, available)
        known = [rung for rung in self._rungs if rung.name in needed]
        first = ladder.first_rung(held.pipe, self._rungs, round(ALONE * available))
        return max([first, *known], key=self._rungs.index)

    @property
    def _card(self) -> str:
        return torch.cuda.get_device_name() if self._device == "cuda" else self._device

    def _make_room(self, wanted: int) -> None:
        """For weights that are about to be loaded, which lie in the computer's memory before they go to the device."""
        gone = False
        for place, budget in self._budgets.items():
            while (there := self._on(place)) and sum(self._held[name].bytes for name in there) + wanted > budget:
                del self._held[there[0]]
                gone = True
        if gone:
            ladder.let_go(None)

    def _on(self, place: str) -> list[str]:
        """The pipelines whose weights are there, the least recently used first."""
        where = {
            name: self._device if held.rung is None or held.rung.on_card else "cpu" for name, held in self._held.items()
        }
        return [name for name in where if where[name] == place]


def in_words(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 // 10 else f"{size / 2**20:.0f} MiB"


def _see_by(held: _Held, autoencoder: Any, vae: Beside | None) -> None:
    for pipe in (held.plain, held.pipe):
        pipe.register_modules(vae=autoencoder)
    held.vae = vae
    held.weigh()


def _named(model: str, held: _Held) -> str:
    """What is remembered together: a model of that size, alone or with what is beside it, which takes more."""
    beside = [file.row.id for file in (held.guide, held.vae) if file is not None]
    return " + ".join([model, *beside]) if beside else f"{model} ({held.bytes} bytes)"
