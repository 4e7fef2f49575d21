"""Edit-friendly inversion: does it give the picture back, do its seeds differ, and is its noise what the paper says?

Huberman-Spiegelglas et al., arXiv 2304.06140. The noise z_i = d_i / s_i that a picture is said to have been made of has
a larger variance than a sampler's own and is anticorrelated from step to step, by about -1/2, for the states that it
leads through are noised independently.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sfumato.change_map import ChangeMap
from sfumato.edits import EditFriendly, SDEdit
from sfumato.edits.recording import Recording
from sfumato.evaluation.bench import Bench, Pictures, grey
from sfumato.evaluation.cases import Case, cases
from sfumato.evaluation.distances import lab
from sfumato.evaluation.experiments.judged import Judge
from sfumato.evaluation.results import Column, Figure, Line, Plot, Result, Strip, Table
from sfumato.evaluation.sizes import Size
from sfumato.steering import Grid

SOURCE_GUIDANCE = 2.0
SHOWN = 6


def inversion(bench: Bench, size: Size, seed: int) -> Result:
    """Tables `reconstruction`, `diversity` and `noise`; the last only where the sampler's steps have noise."""
    some = cases(seed, size.inversion_cases, ("season", "time", "sky"))
    noise, plot = _noise(bench, some, size)
    diversity, strip = _diversity(bench, some, size)
    return Result(
        "Edit-friendly inversion: back again, and from seed to seed?",
        f"{len(some)} pictures of {bench.side} pixels whose season, time or sky is to change; source guidance "
        f"{SOURCE_GUIDANCE:g}, {bench.scheduler}, all white.",
        [_reconstruction(bench, some, size), diversity, noise],
        [plot],
        [strip],
    )


def _reconstruction(bench: Bench, some: Sequence[Case], size: Size) -> Table:
    columns = (
        Column("form", "form"),
        Column("path", "noise"),
        Column("steps", "steps", digits=0),
        Column("error", "largest error of latents", "down", 7),
        Column("pixels", "largest error of pixels, of 255", "down", 0),
    )
    note = "The target text is the source's, at the same guidance: the picture must come back."
    table = Table("reconstruction", "Reconstruction", columns, note=note)
    before, alone = bench.latents(some), bench.roundtrips(some)
    for form, path, steps in itertools.product(("delta", "residual"), ("independent", "shared"), size.inversion_steps):
        bench.say(f"edit-friendly reconstruction: {form}, {path}, {steps} steps")
        latents = _edited(bench, some, steps, 1.0, same=True, form=form, path=path)[0]
        error = float((latents - before).abs().max())
        pixels = int(np.abs(bench.decode(latents).astype(np.int16) - alone).max())
        table.rows.append({"form": form, "path": path, "steps": steps, "error": error, "pixels": pixels})
    return table


def _diversity(bench: Bench, some: Sequence[Case], size: Size) -> tuple[Table, Strip]:
    columns = (
        Column("method", "method"),
        Column("diversity", "CIELAB between seeds", "up", 1),
        Column("source", "CIELAB to the source", "down", 1),
        Column("success", "success, %", "up", 0),
    )
    table = Table("diversity", f"{size.inversion_seeds} seeds of one edit", columns)
    strip = Strip("Edit-friendly inversion: two seeds", [], [], [case.kind for case in some[:SHOWN]])
    judge, steps = Judge(bench, some), max(size.inversion_steps)

    def seeded(number: int) -> list[Case]:
        return [replace(case, seed=case.seed + number) for case in some]

    def friendly(number: int, strength: float, **settings: Any) -> Pictures:
        return bench.decode(_edited(bench, seeded(number), steps, strength, **settings)[0])

    def noised(number: int, strength: float) -> Pictures:
        return bench.run(SDEdit, grey(strength), seeded(number), steps)

    methods: dict[str, Callable[[int], Pictures]] = {
        "edit-friendly": partial(friendly, strength=1.0),
        "edit-friendly, 0.7": partial(friendly, strength=0.7),
        "edit-friendly, one noise for all levels": partial(friendly, strength=1.0, path="shared"),
        "SDEdit, 0.6": partial(noised, strength=0.6),
        "SDEdit, 0.8": partial(noised, strength=0.8),
    }
    for name, run in methods.items():
        bench.say(f"diversity: {name}")
        each = [run(number) for number in range(size.inversion_seeds)]
        apart = [_far(one, other) for one, other in itertools.combinations(each, 2)]
        right = np.concatenate([judge.success(pictures) for pictures in each])
        row = {"method": name, "diversity": Figure.mean(np.mean(apart, axis=0))}
        row["source"] = Figure.mean(np.mean([_far(one, judge.before) for one in each], axis=0))
        table.rows.append(row | {"success": Figure.share(int(right.sum()), len(right), len(some))})
        strip.rows += [list(pictures[:SHOWN]) for pictures in each[:2]]
        strip.names += [name] * len(each[:2])
    return table, strip


def _noise(bench: Bench, some: Sequence[Case], size: Size) -> tuple[Table, Plot]:
    columns = (
        Column("path", "noise"),
        Column("steps", "steps", digits=0),
        Column("deviation", "standard deviation of z", digits=2),
        Column("expected", "if the noise were independent", digits=2),
        Column("correlation", "correlation of neighbours", digits=3),
        Column("expected_correlation", "correlation if it were independent", digits=3),
    )
    note = "Means over steps; the last one, to the clean picture, has no noise of its own (s = 0) and no z."
    table = Table("noise", "The noise that a picture is said to be made of", columns, note=note)
    plot = Plot("Standard deviation of z by step", "step, as a share of all", "standard deviation")
    for path, steps in itertools.product(("independent", "shared"), size.inversion_steps):
        bench.say(f"edit-friendly noise: {path}, {steps} steps")
        recordings = _edited(bench, some, steps, 1.0, path=path)[1]
        z = _z(recordings)
        if len(z) < 2:
            note = "The model's steps have no noise of their own, so there is no z."
            return Table("noise", table.title, columns, note=note), plot
        deviation = z.std(axis=(1, 2))
        table.rows.append(
            dict(zip(("expected", "expected_correlation"), _expected(recordings[0]), strict=True))
            | {
                "path": path,
                "steps": steps,
                "deviation": float(deviation.mean()),
                "correlation": Figure.mean(_correlations(z), -1, 1),
            }
        )
        at = [float(step) / steps for step in range(len(deviation))]
        plot.lines.append(Line(f"{path}, {steps} steps", at, list(deviation)))
    return table, plot


def _edited(
    bench: Bench, some: Sequence[Case], steps: int, strength: float, same: bool = False, **settings: Any
) -> tuple[torch.Tensor, list[Recording]]:
    """Latents, and the recordings of the batches. same: ask for what the pictures show, at the model's guidance."""
    done, recordings = [], []
    for group in bench.batches(some):
        guidance = bench.guidance if same else SOURCE_GUIDANCE
        source = {**bench.said(group, source=True), "guidance_scale": guidance}
        edit = EditFriendly(ChangeMap.constant(strength), source, **settings)
        done.append(bench.edit(partial(_this, edit), grey(strength), group, steps, source=same))
        assert edit.recording is not None
        recordings.append(edit.recording)
    return torch.cat(done), recordings


def _this(edit: EditFriendly, change_map: ChangeMap) -> EditFriendly:
    """One made beforehand, for its map: what it recorded is asked for afterwards."""
    return edit


def _z(recordings: Sequence[Recording]) -> NDArray[np.float64]:
    """z of all pictures at all steps that have noise of their own, [steps, pictures, values]."""
    s = _levels(recordings[0])[1]
    d = torch.cat([recording.residuals for recording in recordings], dim=1).double().flatten(2)
    z: NDArray[np.float64] = d.numpy()[: len(s)] / s[:, None, None]
    return z


def _levels(recording: Recording) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """b of the level that each step leads to, and s, its own noise, for the steps that have any."""
    a, b = recording.levels.double()
    grid = Grid(len(a) - 1, 1, a, b, "epsilon")
    s = np.array([float(grid.affine(step, 1.0)[2]) for step in range(recording.first, grid.steps)])
    noisy = s > 1e-6
    return np.asarray(b)[recording.first + 1 :][noisy], s[noisy]


def _expected(recording: Recording) -> tuple[float, float]:
    """Deviation and correlation of z where the model knows its picture: d_i = b' eps_{i+1} - c eps_i, with
    c^2 = b'^2 - s^2 and eps independent from level to level."""
    b, s = _levels(recording)
    c = np.sqrt(np.clip(b * b - s * s, 0, None))
    length = np.sqrt(b * b + c * c)
    return float((length / s).mean()), float((-b[:-1] * c[1:] / (length[:-1] * length[1:])).mean())


def _correlations(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each z with the next, for every picture the mean over steps, [pictures]."""
    z = z - z.mean(axis=2, keepdims=True)
    z = z / np.linalg.norm(z, axis=2, keepdims=True)
    result: NDArray[np.float64] = (z[1:] * z[:-1]).sum(axis=2).mean(axis=0)
    return result


def _far(one: Pictures, other: Pictures) -> NDArray[np.float64]:
    far: NDArray[np.float64] = lab(one, other).mean(axis=(1, 2), dtype=np.float64)
    return far
