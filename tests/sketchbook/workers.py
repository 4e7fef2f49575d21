"""What tests let several processes do; they import it from here."""

from __future__ import annotations

from pathlib import Path

import torch
from sfumato.models.sketchbook.parallel import mean_gradients, rank, same_start, wait, world
from sfumato.models.sketchbook.recipe import Recipe
from sfumato.models.sketchbook.train import train
from sfumato.models.sketchbook.training_run import TrainingRun


def one_step(out: Path) -> None:
    """Each process with weights and data of its own: the gradients before and after they are averaged."""
    torch.manual_seed(rank())
    network = torch.nn.Linear(3, 2)
    same_start(network.parameters())
    network(torch.randn(4, 3)).square().sum().backward()
    parameters = list(network.parameters())
    told = {"weight": network.weight.detach().clone(), "own": network.weight.grad.clone(), "world": world()}
    mean_gradients(parameters)
    torch.save(told | {"mean": network.weight.grad}, out / f"{rank()}.pt")


def whole_stage(stage: str, out: Path, data: Path, recipe: Recipe) -> None:
    """Trains it, and keeps what every process has at its end, not only the first."""

    def finish(run: TrainingRun) -> None:
        torch.save({name: part.state_dict() for name, part in run.parts.items()}, out / f"{rank()}.pt")
        wait()

    TrainingRun.finish = finish  # this process ends with the stage
    train(stage, out, data, recipe)


def fail(out: Path) -> None:
    """The second process finds the disk full."""
    if rank() == 1:
        raise OSError(28, "No space left on device", str(out))
    wait()
