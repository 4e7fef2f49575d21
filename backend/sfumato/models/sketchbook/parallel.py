"""Data-parallel training over processes, and a group norm that is quick on a CPU.

One thread per process suits a busy machine: threads of one process wait for each other at every operation, processes
only once per step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.multiprocessing import ProcessExitedException
from torch.nn.attention import SDPBackend, sdpa_kernel

from sfumato.errors import SfumatoError


def start(workers: int, meeting: Path, work: Callable[..., None], *arguments: Any) -> None:
    """Run ``work(*arguments)`` in that many processes that can call `mean_gradients`. Raises SfumatoError."""
    if workers == 1:
        work(*arguments)
        return
    meeting.unlink(missing_ok=True)
    try:
        torch.multiprocessing.spawn(_enter, (workers, meeting, work, arguments), nprocs=workers)
    except ProcessExitedException as error:
        sentence = f"A training process ended early ({error}). Start the same command again to go on from what is kept."
        raise SfumatoError("worker_ended", sentence) from None


def _enter(rank: int, workers: int, meeting: Path, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    dist.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=rank, world_size=workers, timeout=timedelta(hours=2)
    )
    try:
        work(*arguments)
    except (SfumatoError, OSError) as error:  # said here, as the process that waits is told of it by a traceback
        raise SystemExit(f"sfumato: {error}") from None
    dist.destroy_process_group()


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def wait() -> None:
    """Let every process arrive here."""
    if dist.is_initialized():
        dist.barrier()


def same_start(tensors: Iterable[torch.Tensor]) -> None:
    """Give every process the first one's values."""
    if dist.is_initialized():
        for tensor in tensors:
            dist.broadcast(tensor.data, 0)


def mean_gradients(parameters: list[nn.Parameter]) -> None:
    """Average the gradients over all processes."""
    if not dist.is_initialized():
        return
    held = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in held])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    start_at = 0
    for gradient in held:
        gradient.copy_(flat[start_at : start_at + gradient.numel()].view_as(gradient))
        start_at += gradient.numel()


class _GroupNorm(torch.autograd.Function):
    """Group norm of channels-last maps by per-channel sums; torch's own backward pass takes a third of a step."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, groups: int, eps: float
    ) -> torch.Tensor:
        n, c, h, w = x.shape
        flat = x.permute(0, 2, 3, 1).reshape(n, h * w, c)
        total, square = _sum(flat), _sum(flat, flat)
        count = h * w * (c // groups)
        mean = total.view(n, groups, -1).sum(2) / count
        spread = (square.view(n, groups, -1).sum(2) / count - mean * mean).clamp_min(0)
        inverse = (spread + eps).rsqrt()
        mean, inverse = (v.repeat_interleave(c // groups, 1) for v in (mean, inverse))
        scale = inverse * weight
        shift = bias - mean * scale
        ctx.save_for_backward(flat, mean, inverse, weight)
        ctx.groups, ctx.shape = groups, x.shape
        out = torch.addcmul(shift[:, None].to(flat.dtype), flat, scale[:, None].to(flat.dtype))
        return out.view(n, h, w, c).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        flat, mean, inverse, weight = ctx.saved_tensors
        n, c, h, w = ctx.shape
        groups = ctx.groups
        g = gradient.permute(0, 2, 3, 1).reshape(n, h * w, c)
        g_total, g_x = _sum(g), _sum(g, flat)
        g_hat = (g_x - mean * g_total) * inverse  # sum of g times the normalised x, per channel
        count = h * w * (c // groups)
        first = (g_total * weight).view(n, groups, -1).sum(2).repeat_interleave(c // groups, 1) / count
        second = (g_hat * weight).view(n, groups, -1).sum(2).repeat_interleave(c // groups, 1) / count
        a = inverse * weight
        b = -inverse * inverse * second
        d = -inverse * first - b * mean
        dx = torch.addcmul(
            torch.addcmul(d[:, None].to(g.dtype), g, a[:, None].to(g.dtype)), flat, b[:, None].to(g.dtype)
        )
        return dx.view(n, h, w, c).permute(0, 3, 1, 2), g_hat.sum(0), g_total.sum(0), None, None


def _sum(first: torch.Tensor, second: torch.Tensor | None = None) -> torch.Tensor:
    product = first if second is None else first * second
    return product.sum(1, dtype=torch.float32)


@contextmanager
def quickly(device: torch.device) -> Iterator[None]:
    """In bfloat16; on a CPU with attention as plain products, whose way back is quicker than the fused one's."""
    kernels = [SDPBackend.MATH] if device.type == "cpu" else list(SDPBackend.__members__.values())
    with torch.autocast(device.type, torch.bfloat16), sdpa_kernel(kernels):
        yield


def quick_norms(network: nn.Module) -> None:
    """Replace the forward pass of every group norm; parameters and results stay the same."""
    for module in network.modules():
        if isinstance(module, nn.GroupNorm):
            module.forward = _forward(module)  # type: ignore[method-assign]


def _forward(module: nn.GroupNorm) -> Callable[[torch.Tensor], torch.Tensor]:
    def forward(x: torch.Tensor) -> torch.Tensor:
        return _GroupNorm.apply(x, module.weight, module.bias, module.num_groups, module.eps)

    return forward
