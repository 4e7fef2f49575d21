"""What inpainting checkpoints read beside the latents: which cells may change in this step, and the picture without
them. Stable Diffusion's have 9 channels: 4 of latents, 1 of mask, 4 of the masked picture. Flux Fill has 384, packed.

While a pass runs, their denoiser stands there as a plain one: the pipeline hands it latents alone, and the rest is
put beside them on the way in. So every pipeline, scheduler and edit goes on as it does with a plain checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from sfumato.errors import InputError
from sfumato.steering.layout import Layout
from sfumato.steering.run import Policy, Run
from sfumato.steering.scheduler import SteeredScheduler
from sfumato.steering.vae import decoded, encoded, is_latents, scale_of


@contextmanager
def shown(pipe: Any, scheduler: SteeredScheduler, policy: Policy, image: Any, picture: Tensor | None) -> Iterator[None]:
    """Until the block ends, which is one pass, an inpainting checkpoint is shown what `policy.free` leaves of the
    original; any other one nothing. image, picture: see `MaskedPicture`."""
    denoiser: Any = getattr(pipe, "unet", None) or getattr(pipe, "transformer", None)
    plain = _plain_channels(pipe, denoiser)
    if plain is None:
        yield
        return
    masked = MaskedPicture(pipe, image, picture)
    free = getattr(policy, "free", lambda run: None)

    def beside(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        run = scheduler.run
        assert run is not None
        more = masked.channels(run, free(run))
        if args:
            return (_joined(args[0], more), *args[1:]), kwargs
        name = "hidden_states" if "hidden_states" in kwargs else "sample"
        return args, kwargs | {name: _joined(kwargs[name], more)}

    handle = denoiser.register_forward_pre_hook(beside, with_kwargs=True)
    whole = denoiser.config.in_channels
    denoiser.register_to_config(in_channels=plain)  # Flux's pipelines make as many channels of noise
    try:
        yield
    finally:
        denoiser.register_to_config(in_channels=whole)
        handle.remove()


class MaskedPicture:
    """The mask and the masked picture as a denoiser reads them: the original with the free cells grey, encoded.

    image: the original as the pipeline takes it. picture: where that is clean latents, the pixels that they are of, in
    -1..1, [B, 3, height, width]; None for what the latents decode to.

    A mask and a picture that do not belong to one another are nothing that these models were trained on, so
    the picture is encoded anew for every new mask, which a map of two values has one of, and one of greys at most as
    many as there are steps.
    """

    def __init__(self, pipe: Any, image: Any, picture: Tensor | None) -> None:
        self._pipe, self._image, self._picture = pipe, image, picture
        self._cells = torch.empty(0, dtype=torch.bool)
        self._channels = torch.empty(0)

    def channels(self, run: Run, free: Tensor | None) -> Tensor:
        """[B, ...], what comes beside the latents. free: bool, in the denoiser's form; None where all cells are."""
        if free is None:
            cells = torch.ones(run.layout.rows, run.layout.columns, dtype=torch.bool, device=run.x0.device)
        else:
            cells = run.layout.unlike(free).flatten(0, -3)[0]
        if not torch.equal(cells, self._cells.to(cells.device)):
            self._cells, self._channels = cells, self._made(run, cells)
        return self._channels

    def _made(self, run: Run, cells: Tensor) -> Tensor:
        side = scale_of(self._pipe)
        hidden = cells.repeat_interleave(side, 0).repeat_interleave(side, 1)
        pixels = torch.zeros(1, 3, *hidden.shape) if bool(cells.all()) else self._pixels(run, *hidden.shape)
        masked = encoded(self._pipe, torch.where(hidden.to(pixels.device), 0, pixels)).to(run.x0)
        mask = cells.to(masked).expand(len(masked), 1, *cells.shape)
        if not hasattr(self._pipe, "_pack_latents"):
            return torch.cat([mask, masked], 1)
        # Flux Fill is told of every pixel of a cell.
        mask = mask.expand(-1, side * side, -1, -1)
        return torch.cat([Layout(self._pipe, grid).like(grid) for grid in (masked, mask)], -1)

    def _pixels(self, run: Run, height: int, width: int) -> Tensor:
        picture = self._picture
        if picture is None and is_latents(self._pipe, self._image):
            picture = decoded(self._pipe, run.layout.unlike(run.x0))
        elif picture is None:
            picture = self._pipe.image_processor.preprocess(self._image, height=height, width=width)
        if picture.shape[-2:] != (height, width):
            sentence = f"The latents are of {width} x {height} pixels, so `picture` has to have as many."
            raise InputError("sizes_differ", sentence)
        self._picture = picture
        return picture


def _plain_channels(pipe: Any, denoiser: Any) -> int | None:
    """How many channels of latents an inpainting checkpoint reads; None for other models."""
    vae = getattr(pipe, "vae", None)
    latents = vae.config.get("latent_channels") if vae is not None else None
    inputs = getattr(denoiser, "config", {}).get("in_channels")
    if not latents or not inputs:
        return None
    plain, whole = latents, 2 * latents + 1
    if hasattr(pipe, "_pack_latents"):
        plain, whole = 4 * latents, 4 * (2 * latents + scale_of(pipe) ** 2)
    return plain if inputs == whole else None


def _joined(latents: Tensor, more: Tensor) -> Tensor:
    """Beside the latents of every row: the pictures of a batch follow one another, once for each text it is told."""
    rows = more.repeat(len(latents) // len(more), *[1] * (more.ndim - 1))
    return torch.cat([latents, rows.to(latents)], -1 if latents.ndim == 3 else 1)
